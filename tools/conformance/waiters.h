/* SPDX-License-Identifier: MIT */
/*
 * waiters.h - who waits on a channel, for tests that need somebody to.
 */
#ifndef WAITERS_H
#define WAITERS_H

#include "chan.h"

static inline size_t waiters_count(const struct mo_queue *queue)
{
    size_t n = 0;

    for (const struct mo_node *at = queue->first; at != NULL; at = at->next)
        n++;
    return n;
}

/* How many wait to send, to receive, or for either. */
static inline size_t waiters(struct moirai_chan *chan, uint32_t mode)
{
    size_t n = 0;

    mo_chan_lock(chan->to);
    if (mode & MOIRAI_SEND)
        n += waiters_count(&chan->to->senders);
    if (mode & MOIRAI_RECV)
        n += waiters_count(&chan->to->receivers);
    mo_chan_unlock(chan->to);
    return n;
}

#endif
