/* SPDX-License-Identifier: MIT */
/*
 * requests.h - what backends share: lists of requests, the lock of a
 * descriptor, and a request's system call.
 *
 * A request in a list uses link[0] and link[1] for it. mark[0] says where the
 * request is, mark[1] how it ended. All of them are written under the lock of
 * the request's descriptor, so that a cancel, whose request may have ended
 * meanwhile, can tell.
 */
#ifndef REQUESTS_H
#define REQUESTS_H

#include <moirai/io_ops.h>

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define REQUESTS_SPINS 64           /* looks before another thread may run */

/* Where a request is; mark[0]. */
enum {
    REQUEST_NOWHERE,                /* not seen yet, or it has ended */
    REQUEST_WAITS,
    REQUEST_CANCELLED               /* waits, and is to end */
};

struct requests_lock {
    atomic_uint_least32_t held;
};

struct requests {                   /* in the order they were submitted */
    struct moirai_io_request *first, *last;
};

static inline void requests_lock(struct requests_lock *lock)
{
    unsigned spins = 0;

    while (atomic_exchange_explicit(&lock->held, 1, memory_order_acquire) != 0)
        while (atomic_load_explicit(&lock->held, memory_order_relaxed) != 0)
            if (++spins % REQUESTS_SPINS == 0)
                sched_yield();
}

static inline void requests_unlock(struct requests_lock *lock)
{
    atomic_store_explicit(&lock->held, 0, memory_order_release);
}

static inline struct moirai_io_request *
requests_next(const struct moirai_io_request *r)
{
    return r->link[0];
}

static inline void requests_append(struct requests *list,
                                   struct moirai_io_request *r)
{
    r->link[0] = NULL;
    r->link[1] = list->last;
    if (list->last != NULL)
        list->last->link[0] = r;
    else
        list->first = r;
    list->last = r;
}

static inline void requests_put_first(struct requests *list,
                                      struct moirai_io_request *r)
{
    r->link[0] = list->first;
    r->link[1] = NULL;
    if (list->first != NULL)
        list->first->link[1] = r;
    else
        list->last = r;
    list->first = r;
}

static inline void requests_remove(struct requests *list,
                                   struct moirai_io_request *r)
{
    struct moirai_io_request *next = r->link[0];
    struct moirai_io_request *before = r->link[1];

    if (next != NULL)
        next->link[1] = before;
    else
        list->last = before;
    if (before != NULL)
        before->link[0] = next;
    else
        list->first = next;
}

/* From the list in which it waited to that of those that have ended. */
static inline void requests_end(struct requests *from,
                                struct moirai_io_request *r, int64_t result,
                                struct requests *ended)
{
    requests_remove(from, r);
    r->mark[0] = REQUEST_NOWHERE;
    r->mark[1] = (uint64_t)result;
    requests_append(ended, r);
}

/* Tells all of them; no lock held. How many there were. */
static inline size_t requests_tell(struct requests *ended)
{
    struct moirai_io_request *r = ended->first;
    size_t n = 0;

    for (; r != NULL; n++) {
        struct moirai_io_request *next = requests_next(r);

        r->done(r, (int64_t)r->mark[1]);
        r = next;
    }
    ended->first = ended->last = NULL;
    return n;
}

/* How many bytes it asks for. */
static inline size_t requests_length(const struct moirai_io_request *r)
{
    size_t n = 0;

    for (uint32_t i = 0; i < r->count; i++)
        n += r->parts[i].iov_len;
    return n;
}

static inline ssize_t requests_message(const struct moirai_io_request *r,
                                       int flags)
{
    struct msghdr own = { .msg_name = r->address,
                          .msg_iov = (struct iovec *)r->parts,
                          .msg_iovlen = r->count };
    struct msghdr *message = r->message != NULL ? r->message : &own;
    ssize_t n;

    if (r->address != NULL && r->address_size != NULL)
        own.msg_namelen = *r->address_size;
    if (r->op == MOIRAI_IO_SEND)
        return sendmsg(r->fd, message, flags | MSG_NOSIGNAL);
    n = recvmsg(r->fd, message, flags);
    if (n >= 0 && r->message == NULL && r->address_size != NULL)
        *r->address_size = own.msg_namelen;
    return n;
}

static inline ssize_t requests_transfer(const struct moirai_io_request *r)
{
    int flags = (int)r->flags | MSG_DONTWAIT;

    if (r->message != NULL || r->count != 1 || r->address != NULL)
        return requests_message(r, flags);
    if (r->op == MOIRAI_IO_SEND)
        return send(r->fd, r->parts[0].iov_base, r->parts[0].iov_len,
                    flags | MSG_NOSIGNAL);
    return recv(r->fd, r->parts[0].iov_base, r->parts[0].iov_len, flags);
}

static inline ssize_t requests_read_write(const struct moirai_io_request *r)
{
    bool writes = r->op == MOIRAI_IO_WRITE;

    if (r->offset < 0 && r->count == 1)     /* the kernel copies no list */
        return writes ? write(r->fd, r->parts->iov_base, r->parts->iov_len)
                      : read(r->fd, r->parts->iov_base, r->parts->iov_len);
    if (r->offset >= 0)
        return writes ? pwritev(r->fd, r->parts, (int)r->count, r->offset)
                      : preadv(r->fd, r->parts, (int)r->count, r->offset);
    return writes ? writev(r->fd, r->parts, (int)r->count)
                  : readv(r->fd, r->parts, (int)r->count);
}

static inline ssize_t requests_call(const struct moirai_io_request *r)
{
    switch (r->op) {
    case MOIRAI_IO_RECV:
    case MOIRAI_IO_SEND:
        return requests_transfer(r);
    case MOIRAI_IO_READ:
    case MOIRAI_IO_WRITE:
        return requests_read_write(r);
    case MOIRAI_IO_ACCEPT:
        return accept4(r->fd, r->address, r->address_size,
                       SOCK_NONBLOCK | SOCK_CLOEXEC);
    default:                        /* once more: Linux says how it went */
        return connect(r->fd, r->address, r->address_size != NULL
                                          ? *r->address_size : 0);
    }
}

/* One try of the system call of a request that moves bytes, accepts or
 * connects. True: it ended, with *result. */
static inline bool requests_try(const struct moirai_io_request *r,
                                int64_t *result)
{
    int64_t n;

    do
        n = requests_call(r);
    while (n < 0 && errno == EINTR);
    *result = n >= 0 ? n : -errno;
    if (r->op == MOIRAI_IO_CONNECT)
        return *result != -EINPROGRESS && *result != -EALREADY;
    return *result != -EAGAIN && *result != -EWOULDBLOCK;
}

/* What of a request's events is the case now; 0: nothing. -EBADF. */
static inline int requests_poll(const struct moirai_io_request *r)
{
    struct pollfd one = { .fd = r->fd, .events = (short)r->events };

    if (poll(&one, 1, 0) <= 0)
        return 0;
    return one.revents & POLLNVAL ? -EBADF : one.revents;
}

#endif
