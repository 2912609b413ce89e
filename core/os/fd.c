/* SPDX-License-Identifier: MIT */
/*
 * fd.c - what system calls do with a descriptor, on Linux.
 *
 * Nothing here knows of tasks. Sockets are told in each call not to block; of
 * anything else that can be polled it is asked first whether it would.
 */
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <moirai/io_ops.h>
#include <moirai/time.h>

static int64_t told(int64_t rc)
{
    return rc >= 0 ? rc : -errno;
}

/* What the descriptor has to be for the request to get on. */
static short wanted(const struct moirai_io_request *r)
{
    switch (r->op) {
    case MOIRAI_IO_POLL:
        return (short)r->events;
    case MOIRAI_IO_WRITE:
    case MOIRAI_IO_SEND:
    case MOIRAI_IO_CONNECT:
        return POLLOUT;
    default:
        return POLLIN;
    }
}

/* The events that are, 0 for none. */
static int64_t look(const struct moirai_io_request *r)
{
    struct pollfd one = { .fd = r->fd, .events = wanted(r) };
    int rc = poll(&one, 1, 0);

    if (rc < 0)
        return -errno;
    return (one.revents & POLLNVAL) != 0 ? -EBADF : one.revents;
}

static int64_t read_parts(const struct moirai_io_request *r)
{
    if (r->offset < 0)
        return told(readv(r->fd, r->parts, (int)r->count));
    return told(preadv(r->fd, r->parts, (int)r->count, r->offset));
}

static int64_t write_parts(const struct moirai_io_request *r)
{
    if (r->offset < 0)
        return told(writev(r->fd, r->parts, (int)r->count));
    return told(pwritev(r->fd, r->parts, (int)r->count, r->offset));
}

static struct msghdr message_of(const struct moirai_io_request *r)
{
    struct msghdr message = { .msg_iov = (struct iovec *)r->parts,
                              .msg_iovlen = r->count };

    return message;
}

static int64_t receive(const struct moirai_io_request *r)
{
    struct msghdr own = message_of(r);

    return told(recvmsg(r->fd, r->message != NULL ? r->message : &own,
                        (int)r->flags | MSG_DONTWAIT));
}

static int64_t send_out(const struct moirai_io_request *r)
{
    struct msghdr own = message_of(r);

    return told(sendmsg(r->fd, r->message != NULL ? r->message : &own,
                        (int)r->flags | MSG_DONTWAIT | MSG_NOSIGNAL));
}

static int64_t take_connection(const struct moirai_io_request *r)
{
    return told(accept4(r->fd, r->address, r->address_size,
                        SOCK_NONBLOCK | SOCK_CLOEXEC));
}

/* Called again when it has come to an end; `events` says that it is on its
 * way. */
static int64_t connect_to(struct moirai_io_request *r)
{
    int error = 0;
    socklen_t size = sizeof error;

    if (r->events == 0) {
        int64_t rc = told(connect(r->fd, r->address, *r->address_size));

        if (rc != -EINPROGRESS)
            return rc;
        r->events = POLLOUT;
        return -EAGAIN;
    }
    if (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        return -errno;
    return -error;
}

static int64_t state_of(const struct moirai_io_request *r)
{
    struct stat *out = r->parts[0].iov_base;

    if (r->path == NULL)
        return told(fstat(r->fd, out));
    return told(fstatat(r->fd, r->path, out, (int)r->flags));
}

static int64_t move(const struct moirai_io_request *r)
{
    return told(splice(r->fd, NULL, r->other_fd, NULL, r->length,
                       r->flags | SPLICE_F_NONBLOCK));
}

static int64_t once(struct moirai_io_request *r)
{
    switch (r->op) {
    case MOIRAI_IO_POLL: {
        int64_t events = look(r);

        return events != 0 ? events : -EAGAIN;
    }
    case MOIRAI_IO_READ:
        return read_parts(r);
    case MOIRAI_IO_WRITE:
        return write_parts(r);
    case MOIRAI_IO_RECV:
        return receive(r);
    case MOIRAI_IO_SEND:
        return send_out(r);
    case MOIRAI_IO_ACCEPT:
        return take_connection(r);
    case MOIRAI_IO_CONNECT:
        return connect_to(r);
    case MOIRAI_IO_FSYNC:
        return told((r->flags & 1) != 0 ? fdatasync(r->fd) : fsync(r->fd));
    case MOIRAI_IO_SPLICE:
        return move(r);
    case MOIRAI_IO_OPEN:
        return told(openat(r->fd, r->path, (int)r->flags | O_CLOEXEC,
                           (mode_t)r->mode));
    case MOIRAI_IO_CLOSE:
        return mo_fd_close(r->fd);
    case MOIRAI_IO_STAT:
        return state_of(r);
    default:
        return -EINVAL;
    }
}

int64_t mo_fd_do(struct moirai_io_request *request)
{
    int64_t rc;

    do
        rc = once(request);
    while (rc == -EINTR && request->op != MOIRAI_IO_CLOSE);
    return rc == -EWOULDBLOCK ? -EAGAIN : rc;
}

/* Of these it is not known that they come back at once. */
static bool may_block(const struct moirai_io_request *r)
{
    switch (r->op) {
    case MOIRAI_IO_READ:
    case MOIRAI_IO_WRITE:
        return r->offset < 0;
    case MOIRAI_IO_ACCEPT:
        return true;
    case MOIRAI_IO_CONNECT:
        return r->events != 0;      /* it is on its way */
    default:
        return false;
    }
}

int64_t mo_fd_try(struct moirai_io_request *request)
{
    int64_t ready = may_block(request) ? look(request) : 1;

    if (ready <= 0)
        return ready < 0 ? ready : -EAGAIN;
    return mo_fd_do(request);
}

bool mo_fd_wait(const struct moirai_io_request *request, int64_t until)
{
    struct pollfd one = { .fd = request->fd, .events = wanted(request) };
    int rc;

    do {
        struct timespec now, left = { 0, 0 };
        int64_t ns;

        clock_gettime(CLOCK_MONOTONIC, &now);
        ns = until - (now.tv_sec * MOIRAI_S + now.tv_nsec);
        if (ns > 0) {
            left.tv_sec = (time_t)(ns / MOIRAI_S);
            left.tv_nsec = (long)(ns % MOIRAI_S);
        }
        rc = ppoll(&one, 1, until == MOIRAI_NEVER ? NULL : &left, NULL);
    } while (rc < 0 && errno == EINTR);
    return rc != 0;
}

/* Linux closes it whatever it says; EINTR is no reason to try again. */
int mo_fd_close(int fd)
{
    return close(fd) == 0 || errno == EINTR ? 0 : -errno;
}
