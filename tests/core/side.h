/* SPDX-License-Identifier: MIT */
/*
 * side.h - one side of a channel, for the tests that go through Go's sentences.
 */
#ifndef SIDE_H
#define SIDE_H

#include "talk.h"

#define SIDE_PATIENCE 50            /* turns in which nothing must happen */
#define CROWD 3
#define EACH 100

static inline void side_everywhere(moirai_fn *body)
{
    with_each(body, NULL);
    with_seeds(20, body, NULL);
}

/* One who sends, or receives, once. */
struct side {
    struct moirai_chan *chan;
    int64_t value;                  /* that is sent */
    int64_t result;                 /* of the send, or what is received */
    int done;
};

static inline int side_send(void *arg)
{
    struct side *side = arg;

    side->result = talk_send(side->chan, side->value, MOIRAI_NEVER);
    with_set(&side->done, 1);
    return 0;
}

static inline int side_receive(void *arg)
{
    struct side *side = arg;

    side->result = talk_recv(side->chan, MOIRAI_NEVER);
    with_set(&side->done, 1);
    return 0;
}

/* Begins what has to wait; returns when it waits, and has gone on doing so. */
static inline void side_wait(struct moirai_scope *scope, moirai_fn *fn,
                             struct side *side)
{
    uint32_t mode = fn == side_send ? MOIRAI_SEND : MOIRAI_RECV;

    talk_begin(scope);
    CHECK_EQ(moirai_spawn(scope, fn, side), 0);
    talk_until(side->chan, mode, 1);
    for (int i = 0; i < SIDE_PATIENCE; i++)
        moirai_yield();
    CHECK_EQ(with_get(&side->done), 0);
}

#endif
