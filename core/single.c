/* SPDX-License-Identifier: MIT */
/*
 * single.c - one message from a task: the usual cases of transfer.c, inline.
 *
 * transfer.c has the rules, and does whatever is unusual: plain threads,
 * senders and receivers that wait at the same time, batches. A call that waits
 * is left from here, by one switch.
 */
#include "transfer.h"

#include <errno.h>

#include "leave.h"

#define MO_INLINE inline __attribute__((always_inline))

/* Is this a task of the channel's runtime that may do so? */
static inline bool is_plain(const struct mo_worker *w,
                            const struct moirai_chan *chan, uint32_t mode)
{
    return w->task != NULL && chan != NULL && (chan->mode & mode) != 0
        && chan->to->runtime == w->runtime && !mo_task_cancelled(w->task);
}

/* The lock is held, and dropped here. */
static inline __attribute__((always_inline))
int wait_in(struct mo_queue *queue, struct mo_lent *lent,
            enum mo_wait_kind kind, int64_t deadline_ns)
{
    struct mo_chan *c = lent->chan->to;
    struct mo_node *node = &mo_here()->fiber->node;
    struct mo_wait how = { .waiter = node->waiter, .kind = kind, .object = c,
                           .deadline_ns = deadline_ns, .lock = &c->lock };
    int rc;

    node->message = lent;
    mo_queue_add(queue, node);
    mo_race_release(c);             /* the lock is dropped from elsewhere */
    rc = mo_wait_task(&how);
    if (__builtin_expect(rc == 0 || rc == -EPIPE, 1))
        return rc;
    return mo_chan_give_up(queue, node, rc);
}

static inline bool store(struct mo_chan *c, struct moirai_chan *chan,
                         const void *message)
{
    if (c->ring != NULL)
        return moirai_ring_push(c->ring, message);
    return c->push(c->state, chan->view, message, 1) != 0;
}

static inline bool fetch(struct mo_chan *c, struct moirai_chan *chan,
                         void *message)
{
    if (c->ring != NULL)
        return moirai_ring_pop(c->ring, message);
    return c->pop(c->state, chan->view, message, 1) != 0;
}

/* Moves one message between the caller and whoever has waited longest in
 * `queue`, and lets that one go on. The lock is held, and dropped here. */
static inline void meet(struct mo_chan *c, struct mo_queue *queue, void *to,
                        const void *from)
{
    struct mo_node *node = queue->first;
    struct mo_lent *lent = node->message;
    struct mo_waiter *waiter = NULL;

    mo_copy(to != NULL ? to : lent->at, from != NULL ? from : lent->at,
            c->bytes);
    if (__builtin_expect(lent->left != 1, 0))
        mo_lent_advance(lent, 1, c->bytes);
    else
        lent->left = lent->least = 0;
    mo_count(&c->sent, 1);          /* compilers would add to both at once, */
    mo_count(&c->received, 1);      /* and wait for the last such store */
    if (lent->least == 0) {
        mo_queue_remove_first(queue);
        if (mo_wait_claim_quick(node->waiter))
            waiter = node->waiter;
    }
    mo_chan_unlock(c);
    if (waiter != NULL)
        mo_wait_end(waiter, 0);
}

/* The unusual, or the rest. The lock is held, and dropped here. */
static MO_COLD int send_unusual(struct moirai_chan *chan, const void *message,
                                int64_t deadline_ns)
{
    struct mo_lent from = { .at = (char *)message, .left = 1, .least = 1,
                            .chan = chan };

    return mo_send_rest(&from, deadline_ns);
}

static MO_COLD int recv_unusual(struct moirai_chan *chan, void *message,
                                int64_t deadline_ns)
{
    struct mo_lent to = { .at = message, .left = 1, .least = 1,
                          .chan = chan };

    return mo_recv_rest(&to, deadline_ns);
}

static MO_INLINE int send_locked(struct moirai_chan *chan, const void *message,
                              int64_t deadline_ns)
{
    struct mo_chan *c = chan->to;

    if (c->closed || c->senders.first != NULL)
        return send_unusual(chan, message, deadline_ns);
    if (c->receivers.first != NULL) {
        if (!c->handoff || c->receivers.first->which != 0)
            return send_unusual(chan, message, deadline_ns);
        meet(c, &c->receivers, NULL, message);
        return 0;
    }
    if (c->ring == NULL && c->spill != NULL)
        return send_unusual(chan, message, deadline_ns);
    if (store(c, chan, message)) {
        c->sent++;
        mo_chan_unlock(c);
        return 0;
    }
    if (deadline_ns > MOIRAI_NOW) {
        struct mo_lent from = { .at = (char *)message, .left = 1, .least = 1,
                                .chan = chan };

        return wait_in(&c->senders, &from, MO_WAIT_SEND, deadline_ns);
    }
    mo_chan_unlock(c);
    return -EAGAIN;
}

static MO_INLINE int recv_locked(struct moirai_chan *chan, void *message,
                              int64_t deadline_ns)
{
    struct mo_chan *c = chan->to;
    int rc;

    if (c->senders.first != NULL) {
        if (!c->rendezvous || c->closed || c->senders.first->which != 0)
            return recv_unusual(chan, message, deadline_ns);
        meet(c, &c->senders, message, NULL);
        return 0;
    }
    if (fetch(c, chan, message)) {
        c->received++;
        mo_chan_unlock(c);
        return 0;
    }
    if (!c->closed && deadline_ns > MOIRAI_NOW && !c->views) {
        struct mo_lent to = { .at = message, .left = 1, .least = 1,
                              .chan = chan };

        return wait_in(&c->receivers, &to, MO_WAIT_RECV, deadline_ns);
    }
    if (c->views)
        return recv_unusual(chan, message, deadline_ns);
    rc = c->closed ? -EPIPE : -EAGAIN;
    mo_chan_unlock(c);
    return rc;
}

int mo_send_now(struct moirai_chan *chan, const void *message)
{
    mo_chan_lock(chan->to);
    return send_locked(chan, message, MOIRAI_NOW);
}

int mo_recv_now(struct moirai_chan *chan, void *message)
{
    mo_chan_lock(chan->to);
    return recv_locked(chan, message, MOIRAI_NOW);
}

/* A plain thread, or one that is refused. */
static MO_COLD int send_apart(struct moirai_chan *chan, const void *message,
                              int64_t deadline_ns)
{
    int rc = mo_chan_refused(chan, MOIRAI_SEND, deadline_ns);

    if (rc != 0)
        return rc;
    mo_chan_lock(chan->to);
    rc = send_unusual(chan, message, deadline_ns);
    if (rc == 0)
        mo_count_sent(chan->to->runtime, 1);
    return rc;
}

static MO_COLD int recv_apart(struct moirai_chan *chan, void *message,
                              int64_t deadline_ns)
{
    int rc = mo_chan_refused(chan, MOIRAI_RECV, deadline_ns);

    if (rc != 0)
        return rc;
    mo_chan_lock(chan->to);
    rc = recv_unusual(chan, message, deadline_ns);
    if (rc == 0)
        mo_count_received(chan->to->runtime, 1);
    return rc;
}

int moirai_chan_send(struct moirai_chan *chan, const void *message,
                     int64_t deadline_ns)
{
    int rc;

    if (__builtin_expect(!is_plain(mo_here(), chan, MOIRAI_SEND), 0))
        return send_apart(chan, message, deadline_ns);
    mo_chan_lock(chan->to);
    rc = send_locked(chan, message, deadline_ns);
    if (__builtin_expect(rc == 0, 1))
        mo_count(&mo_here()->count.sent, 1);
    return rc;
}

int moirai_chan_recv(struct moirai_chan *chan, void *message,
                     int64_t deadline_ns)
{
    int rc;

    if (__builtin_expect(!is_plain(mo_here(), chan, MOIRAI_RECV), 0))
        return recv_apart(chan, message, deadline_ns);
    mo_chan_lock(chan->to);
    rc = recv_locked(chan, message, deadline_ns);
    if (__builtin_expect(rc == 0, 1))
        mo_count(&mo_here()->count.received, 1);
    return rc;
}
