/* SPDX-License-Identifier: MIT */
/*
 * transfer.h - what single messages and batches share; see transfer.c.
 */
#ifndef MO_TRANSFER_H
#define MO_TRANSFER_H

#include <string.h>

#include "chan.h"

/* What a caller lends while it waits: messages to take, or room for some. In
 * its frame; by the channel's lock while queued. */
struct mo_lent {
    char *at;                       /* the next message; or room for it */
    size_t left;                    /* so many more */
    size_t least;                   /* of these have to be moved */
    struct moirai_chan *chan;
};

static inline void mo_copy(void *to, const void *from, size_t bytes)
{
    switch (bytes) {
    case 0:
        break;                      /* the pointers may be NULL then */
    case 4:
        memcpy(to, from, 4);
        break;
    case 8:
        memcpy(to, from, 8);
        break;
    default:
        memcpy(to, from, bytes);
        break;
    }
}

/* n messages have been moved. */
static inline void mo_lent_advance(struct mo_lent *lent, size_t n,
                                   size_t bytes)
{
    if (bytes != 0)
        lent->at += n * bytes;
    lent->left -= n;
    lent->least -= n < lent->least ? n : lent->least;
}

static inline void mo_count_sent(struct moirai_runtime *rt, size_t n)
{
    struct mo_worker *w = mo_self_in(rt);

    if (w != NULL)
        mo_count(&w->count.sent, n);
    else
        mo_add(&rt->outside.sent, n);
}

static inline void mo_count_received(struct moirai_runtime *rt, size_t n)
{
    struct mo_worker *w = mo_self_in(rt);

    if (w != NULL)
        mo_count(&w->count.received, n);
    else
        mo_add(&rt->outside.received, n);
}

static inline void mo_count_dropped(struct moirai_runtime *rt, size_t n)
{
    struct mo_worker *w = mo_self_in(rt);

    if (w != NULL)
        mo_count(&w->count.dropped, n);
    else
        mo_add(&rt->outside.dropped, n);
}

/* May the caller do this at all? 0 or why not. */
int mo_chan_refused(const struct moirai_chan *chan, uint32_t mode,
                    int64_t deadline_ns);

/* Sends what is left. The lock is held, and dropped here. */
int mo_send_rest(struct mo_lent *from, int64_t deadline_ns);

/* Receives until the least has come, and what else is there. The lock is held,
 * and dropped here. */
int mo_recv_rest(struct mo_lent *to, int64_t deadline_ns);

/* One message as it is stored: where messages are loaned, the address of one.
 * As moirai_chan_send and moirai_chan_recv, which these are otherwise. */
int mo_send_stored(struct moirai_chan *chan, const void *stored,
                   int64_t deadline_ns);
int mo_recv_stored(struct moirai_chan *chan, void *stored,
                   int64_t deadline_ns);

/* The store has changed: serves those who wait for it. No lock is held. */
void mo_chan_settle(struct mo_chan *c);

/* The same of a channel that was just sealed: waiting receivers get what was
 * stored before that. */
void mo_chan_settle_last(struct mo_chan *c);

/* What a concurrent channel does without the lock; see concurrent.c. */
int mo_concurrent_send(struct moirai_chan *chan, const void *message,
                       int64_t deadline_ns);
int mo_concurrent_recv(struct moirai_chan *chan, void *message,
                       int64_t deadline_ns);

/* Moves of a batch what the store takes or gives at once. True: that was
 * enough. */
bool mo_concurrent_push(struct mo_lent *from);
bool mo_concurrent_pop(struct mo_lent *to);

/* The caller is about to wait, or to look whether it has to: whoever comes by
 * from now on takes the lock. Held by the caller. */
static inline void mo_chan_announce(struct mo_chan *c)
{
    if (!c->concurrent)
        return;
    mo_store_relaxed(&c->waiting, 1);
    mo_fence();                     /* pairs with the one in concurrent.c */
}

/* Sends or receives one message of a usable endpoint, if it can at once: 0,
 * -EAGAIN, -EPIPE. Counts nothing. */
int mo_send_now(struct moirai_chan *chan, const void *message);
int mo_recv_now(struct moirai_chan *chan, void *message);

/* For a select that is about to wait: queues its node, unless the message that
 * it lends could be moved now; false then. Other nodes of that select count as
 * nobody. */
bool mo_chan_arm(struct mo_node *node, uint32_t mode);

/* The select does not wait any more: takes its node out, if it is there. */
void mo_chan_disarm(struct mo_node *node, uint32_t mode);

/* The wait of `node` in `queue` ended with an error, `rc`. Takes the node out;
 * 0 if all was moved before that. */
int mo_chan_give_up(struct mo_queue *queue, struct mo_node *node, int rc);

#endif
