/* SPDX-License-Identifier: MIT */
/*
 * stress.h - what the parts of the stress test share.
 *
 * An act is done by a task or a plain thread, alone or while others do theirs,
 * as often as chance has it. It begins, checks and ends all that it needs, and
 * comes to its end whatever the order: so it never waits for ever but for what
 * it has seen to.
 */
#ifndef STRESS_H
#define STRESS_H

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "with.h"

extern struct moirai_runtime *stress_rt;
extern uint64_t stress_progress;    /* atomic: something has moved */

/* What all acts together have done; atomic. */
struct stress_totals {
    uint64_t sent, received, dropped, missed;       /* messages */
    uint64_t cancelled, late, refused;              /* calls that gave up */
    uint64_t locked, passed, lent, restarted, streamed, resolved;
};

extern struct stress_totals stress_totals;

#define stress_count(what, n)                                                 \
    __atomic_fetch_add(&stress_totals.what, (n), __ATOMIC_RELAXED)

/* One actor's, or one task's of its; xorshift. */
struct dice {
    uint64_t state;
};

static inline uint32_t roll(struct dice *dice, uint32_t n)
{
    dice->state ^= dice->state << 13;
    dice->state ^= dice->state >> 7;
    dice->state ^= dice->state << 17;
    return (uint32_t)((dice->state >> 32) % n);
}

/* Another's, for what is done beside it. */
static inline struct dice dice_for(struct dice *dice, uint32_t who)
{
    struct dice own = { (dice->state + who)
                        * UINT64_C(0x9e3779b97f4a7c15) | 1 };

    roll(dice, 2);
    roll(&own, 2);
    return own;
}

/* Now, soon, or never. */
static inline int64_t some_time(struct dice *dice)
{
    uint32_t how = roll(dice, 4);

    return how == 0 ? MOIRAI_NOW
         : how == 1 ? moirai_after(roll(dice, 60) * MOIRAI_US) : MOIRAI_NEVER;
}

static inline void moved(void)
{
    __atomic_fetch_add(&stress_progress, 1, __ATOMIC_RELAXED);
}

/* Is that what a call returns that gave up? Counts it. */
static inline bool gave_up(int64_t rc)
{
    if (rc == -ECANCELED)
        stress_count(cancelled, 1);
    else if (rc == -ETIMEDOUT)
        stress_count(late, 1);
    else if (rc == -EAGAIN)
        stress_count(refused, 1);
    return rc == -ECANCELED || rc == -ETIMEDOUT || rc == -EAGAIN;
}

static inline void *stress_zeroed(size_t size)
{
    void *memory = calloc(1, size);

    CHECK(memory != NULL);
    return memory;
}

/* The acts of the other files. */
void stress_discipline(struct dice *dice);
void stress_select(struct dice *dice);
void stress_buffer(struct dice *dice);
void stress_rwlock(struct dice *dice);
void stress_semaphore(struct dice *dice);
void stress_barrier(struct dice *dice);
void stress_gates(struct dice *dice);
void stress_once(struct dice *dice);
void stress_future(struct dice *dice);
void stress_limit(struct dice *dice);
void stress_breaker(struct dice *dice);
void stress_resource(struct dice *dice);
void stress_supervisor(struct dice *dice);
void stress_stream(struct dice *dice);
void stress_loan(struct dice *dice);
void stress_fan(struct dice *dice);
void stress_service(struct dice *dice);

#endif
