/* SPDX-License-Identifier: MIT */
/*
 * epoll_slot.h - what the backend epoll knows of a descriptor.
 *
 * A descriptor is put into epoll when it first has to wait, once, for both
 * directions and edge-triggered, and stays until it is forgotten. A request is
 * tried when it is submitted unless that is known to fail, waits in its
 * descriptor's queue otherwise, and is tried again by whoever hears of an edge.
 *
 * Why no edge is lost. Each side of a descriptor (in, out) counts the edges
 * that were heard of. A try reads the count first; only if the kernel says
 * EAGAIN and the count is still the same, the side is `dry`: then the queue
 * waits, and nobody tries. An edge that the kernel saw before the try, but
 * nobody has heard of yet, will be heard of later, and makes one try too many;
 * one after the try wakes the queue. Putting a descriptor into epoll tells its
 * state at that moment as if it were an edge, so that may be done after a
 * try, too.
 *
 * A TCP socket that gave less than was asked for is dry as well, which spares
 * servers the try that has to fail before each wait. The end of the stream
 * makes no second edge, though, so this is not done once one was heard of
 * (`hung`); nor with urgent data, which end a read early. Other sockets stop
 * early for reasons of their own. (A protocol put on top of TCP, as TLS in the
 * kernel, is such a one: the descriptor must not be known here before.)
 *
 * Only one thread at a time tries the requests of a side (`busy`), without the
 * lock, so that they are served in order. Others queue theirs. If they did
 * while a submit was busy, which may not tell results, epoll is asked to tell
 * the descriptor's state once more.
 *
 * Everything here is called with the slot's lock held, and returns with it;
 * what says so drops it for a while.
 */
#ifndef EPOLL_SLOT_H
#define EPOLL_SLOT_H

#include "requests.h"

#include <netinet/in.h>
#include <stdalign.h>
#include <sys/epoll.h>

#define EPOLL_ENDS (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

enum { EPOLL_IN, EPOLL_OUT, EPOLL_SIDES };

static const uint32_t epoll_bits[EPOLL_SIDES] = {
    EPOLLIN | EPOLLPRI | EPOLL_ENDS, EPOLLOUT | EPOLLHUP | EPOLLERR,
};

struct epoll_side {
    struct requests queue;
    const struct moirai_io_request *tried;  /* of the queue, just now */
    uint32_t edges;
    bool busy;                      /* somebody tries, without the lock */
    bool dry;                       /* a try fails until the next edge */
};

/* All under the lock, and zero where a descriptor is not known. */
struct epoll_slot {
    alignas(64) struct requests_lock lock;
    uint32_t generation;            /* stays when all else is zeroed */
    struct epoll_side side[EPOLL_SIDES];
    struct requests polls;
    bool listed;                    /* in epoll */
    bool closing;                   /* somebody forgets it */
    bool hung, urgent;              /* it reported that once */
    int8_t tcp;                     /* 1: it is, -1: it is not, 0: unasked */
};

static inline int epoll_control(int epoll, struct epoll_slot *slot, int how,
                                int fd)
{
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.u64 = (uint64_t)slot->generation << 32 | (uint32_t)fd,
    };

    return epoll_ctl(epoll, how, fd, &event) == 0 ? 0 : -errno;
}

/* 0; -EOPNOTSUPP: it is always ready, as files are; or another error. */
static inline int epoll_list(int epoll, struct epoll_slot *slot, int fd)
{
    int rc = 0;

    if (!slot->listed)
        rc = epoll_control(epoll, slot, EPOLL_CTL_ADD, fd);
    slot->listed = slot->listed || rc == 0;
    if (rc == -EPERM)
        return -EOPNOTSUPP;
    return rc == -ENOSPC ? -ENOMEM : rc;
}

static inline bool epoll_is_tcp(struct epoll_slot *slot, int fd)
{
    socklen_t size = sizeof(int);
    int protocol = 0;

    if (slot->tcp == 0) {
        getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
        slot->tcp = protocol == IPPROTO_TCP ? 1 : -1;
    }
    return slot->tcp > 0;
}

/* Did a request that got `n` take all that there was? */
static inline bool epoll_drained(struct epoll_slot *slot,
                                 const struct moirai_io_request *r, int64_t n)
{
    bool reads = r->op == MOIRAI_IO_RECV || r->op == MOIRAI_IO_READ;

    return reads && r->flags == 0 && r->message == NULL
        && n > 0 && !slot->hung && !slot->urgent
        && (uint64_t)n < requests_length(r) && epoll_is_tcp(slot, r->fd);
}

/* Tries a request, without the lock while the kernel works; the caller is the
 * side's busy one. True: it ended, with *result. */
static inline bool epoll_attempt(struct epoll_slot *slot,
                                 struct epoll_side *side,
                                 const struct moirai_io_request *r,
                                 int64_t *result)
{
    for (;;) {
        uint32_t edges = side->edges;
        bool ended;

        requests_unlock(&slot->lock);
        ended = requests_try(r, result);
        requests_lock(&slot->lock);
        if (ended) {
            side->dry = side->edges == edges && epoll_drained(slot, r, *result);
            return true;
        }
        if (side->edges == edges) {
            side->dry = true;
            return false;
        }
    }
}

/* Serves the queue as far as it goes. */
static inline void epoll_serve(struct epoll_slot *slot, struct epoll_side *side,
                               struct requests *ended)
{
    side->busy = true;
    while (side->queue.first != NULL && !side->dry) {
        struct moirai_io_request *r = side->queue.first;
        int64_t result;

        side->tried = r;
        if (epoll_attempt(slot, side, r, &result))
            requests_end(&side->queue, r, result, ended);
        else if (r->mark[0] == REQUEST_CANCELLED)
            requests_end(&side->queue, r, -ECANCELED, ended);
    }
    side->tried = NULL;
    side->busy = false;
}

static inline int epoll_submit_poll(int epoll, struct epoll_slot *slot,
                                    struct moirai_io_request *r,
                                    int64_t *result)
{
    int rc = requests_poll(r);

    if (rc > 0) {
        *result = rc;
        return 1;
    }
    if (rc == 0)
        rc = epoll_list(epoll, slot, r->fd);
    if (rc != 0)
        return rc;
    r->mark[0] = REQUEST_WAITS;
    requests_append(&slot->polls, r);
    return 0;
}

/* A request that was tried in vain waits, before those that came later. */
static inline int epoll_wait_first(int epoll, struct epoll_slot *slot,
                                   struct epoll_side *side,
                                   struct moirai_io_request *r)
{
    int rc = epoll_list(epoll, slot, r->fd);

    if (rc != 0)
        return rc;
    r->mark[0] = REQUEST_WAITS;
    requests_put_first(&side->queue, r);
    return 0;
}

/* As the busy one, in a submit: tries the request; what others queued
 * meanwhile is served by whoever hears from epoll next. */
static inline int epoll_submit_now(int epoll, struct epoll_slot *slot,
                                   struct epoll_side *side,
                                   struct moirai_io_request *r, int64_t *result)
{
    int rc = 1;

    side->busy = true;
    if (!epoll_attempt(slot, side, r, result)) {
        if (slot->closing)
            *result = -ECANCELED;
        else
            rc = epoll_wait_first(epoll, slot, side, r);
    }
    side->busy = false;
    if (side->queue.first != NULL && !side->dry)
        epoll_control(epoll, slot, EPOLL_CTL_MOD, r->fd);
    return rc;
}

static inline int epoll_side_of(const struct moirai_io_request *r)
{
    return r->op == MOIRAI_IO_WRITE || r->op == MOIRAI_IO_SEND
        || r->op == MOIRAI_IO_CONNECT ? EPOLL_OUT : EPOLL_IN;
}

static inline int epoll_submit_moves(int epoll, struct epoll_slot *slot,
                                     struct moirai_io_request *r,
                                     int64_t *result)
{
    bool plain = r->op == MOIRAI_IO_READ || r->op == MOIRAI_IO_WRITE;
    struct epoll_side *side = &slot->side[epoll_side_of(r)];
    bool waits = side->busy || side->dry || side->queue.first != NULL;
    int rc = 0;

    if (plain || waits)             /* a file must not be tried at all */
        rc = epoll_list(epoll, slot, r->fd);
    if (rc != 0)
        return rc;
    if (!waits)
        return epoll_submit_now(epoll, slot, side, r, result);
    r->mark[0] = REQUEST_WAITS;
    requests_append(&side->queue, r);
    return 0;
}

/* Ends a request that waits, or has who tries it just now do that. */
static inline void epoll_drop(struct requests *queue,
                              const struct moirai_io_request *tried,
                              struct moirai_io_request *r,
                              struct requests *ended)
{
    if (r == tried)
        r->mark[0] = REQUEST_CANCELLED;
    else
        requests_end(queue, r, -ECANCELED, ended);
}

static inline void epoll_drop_all(struct requests *queue,
                                  const struct moirai_io_request *tried,
                                  struct requests *ended)
{
    struct moirai_io_request *r = queue->first;

    while (r != NULL) {
        struct moirai_io_request *next = requests_next(r);

        epoll_drop(queue, tried, r, ended);
        r = next;
    }
}

/* Ends all requests, and waits for who is in a system call. What epoll said. */
static inline int epoll_empty(int epoll, struct epoll_slot *slot, int fd,
                              struct requests *ended)
{
    int rc = 0;

    slot->closing = true;
    slot->generation++;
    if (slot->listed)
        rc = epoll_control(epoll, slot, EPOLL_CTL_DEL, fd);
    epoll_drop_all(&slot->polls, NULL, ended);
    for (int i = 0; i < EPOLL_SIDES; i++)
        epoll_drop_all(&slot->side[i].queue, slot->side[i].tried, ended);
    while (slot->side[EPOLL_IN].busy || slot->side[EPOLL_OUT].busy) {
        requests_unlock(&slot->lock);
        sched_yield();
        requests_lock(&slot->lock);
    }
    return rc;
}

static inline void epoll_reset(struct epoll_slot *slot)
{
    memset(slot->side, 0, sizeof slot->side);
    slot->listed = slot->closing = false;
    slot->hung = slot->urgent = false;
    slot->tcp = 0;
}

#endif
