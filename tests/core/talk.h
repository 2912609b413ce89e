/* SPDX-License-Identifier: MIT */
/*
 * talk.h - what the tests of channels share.
 */
#ifndef TALK_H
#define TALK_H

#include <errno.h>
#include <stdio.h>

#include "chan.h"
#include "check.h"
#include "waiters.h"
#include "with.h"

/* A ring. `rt` may be NULL in a task. */
static inline struct moirai_chan *talk_ring(struct moirai_runtime *rt,
                                            size_t capacity,
                                            const struct moirai_elem *elem)
{
    struct moirai_chan *chan = NULL;
    struct moirai_error err = { 0 };
    char text[64];
    const char *const options[] = { text, NULL };
    int rc;

    snprintf(text, sizeof text, "capacity=%zu", capacity);
    rc = moirai_chan_make(rt, NULL, options, elem, &chan, &err);
    CHECK_FMT(rc == 0, "cannot make a channel: %s", err.text);
    return chan;
}

static inline struct moirai_chan *talk_ring_of_ints(struct moirai_runtime *rt,
                                                    size_t capacity)
{
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);

    return talk_ring(rt, capacity, &elem);
}

static inline struct moirai_chan *talk_dup(struct moirai_chan *chan,
                                           uint32_t mode)
{
    struct moirai_chan *copy = NULL;

    CHECK_EQ(moirai_chan_dup(chan, mode, &copy), 0);
    return copy;
}

static inline int talk_send(struct moirai_chan *chan, int64_t value,
                            int64_t deadline_ns)
{
    return moirai_chan_send(chan, &value, deadline_ns);
}

/* What is received, or the error. */
static inline int64_t talk_recv(struct moirai_chan *chan, int64_t deadline_ns)
{
    int64_t value;
    int rc = moirai_chan_recv(chan, &value, deadline_ns);

    return rc == 0 ? value : rc;
}

/* How many wait to send, to receive, or for either. */
static inline size_t talk_waiting(struct moirai_chan *chan, uint32_t mode)
{
    return waiters(chan, mode);
}

/* Returns when so many do. */
static inline void talk_until(struct moirai_chan *chan, uint32_t mode,
                              size_t n)
{
    while (talk_waiting(chan, mode) != n)
        moirai_yield();
}

static inline void talk_begin(struct moirai_scope *scope)
{
    CHECK_EQ(moirai_scope_begin(scope, NULL, MOIRAI_NEVER), 0);
}

#endif
