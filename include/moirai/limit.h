/* SPDX-License-Identifier: MIT */
/*
 * moirai/limit.h - how much of something there may be: per time, or at once.
 *
 * One limit, five rules. Who would exceed it waits, first come first served,
 * until a deadline; or is refused at once, with MOIRAI_NOW. Nothing is
 * promised in advance: a wait that ends by time or cancellation has taken
 * nothing, and gives nothing back.
 *
 *     struct moirai_limit limit;
 *     moirai_limit_tokens(&limit, 100, MOIRAI_S, 10);
 *     rc = moirai_limit_acquire(&limit, 1, deadline_ns);
 *
 * Tasks and plain threads may share a limit, also those of several runtimes if
 * these have the same clock.
 */
#ifndef MOIRAI_LIMIT_H
#define MOIRAI_LIMIT_H

#include <stdint.h>

#include <moirai/time.h>

#ifdef __cplusplus
extern "C" {
#endif

enum moirai_limit_kind {
    MOIRAI_LIMIT_TOKENS = 1,
    MOIRAI_LIMIT_LEAKY = 2,
    MOIRAI_LIMIT_WINDOW = 3,
    MOIRAI_LIMIT_GCRA = 4,
    MOIRAI_LIMIT_CONCURRENT = 5
};

#define MOIRAI_LIMIT_SLOTS 33       /* a window's 32, and the one begun */

/* Caller's memory, filled by one of the functions below; nothing has to be
 * done before it is given back, once nobody waits. Every field is the core's,
 * and guarded by lock. */
struct moirai_limit {
    uint32_t lock;
    uint32_t kind;                  /* enum moirai_limit_kind; constant, as */
    uint32_t most;                  /* what one call can have at most, */
    uint32_t scale;                 /* parts that a ns is counted in, */
    uint32_t places;                /* how many may wait, */
    uint32_t step_part;             /* and, to step_ns, what one takes */
    void *first;                    /* who waits, oldest first */
    void *last;
    int64_t step_ns;
    int64_t depth_ns;               /* how far ahead of the clock one may be */
    int64_t ahead_ns;               /* up to when all is spoken for */
    uint32_t depth_part;
    uint32_t ahead_part;
    int64_t slot;                   /* the window's current one */
    uint32_t slots[MOIRAI_LIMIT_SLOTS];
    uint32_t used;                  /* in the window, or at once */
    uint32_t waiting;
    uint32_t reserved;
    uint64_t granted;
    uint64_t refused;
    uint64_t waited;
    uint64_t left;
};

/* What has happened so far. */
struct moirai_limit_stats {
    uint64_t granted;               /* units, in all */
    uint64_t refused;               /* calls that were not to wait, or could
                                     * not for want of a place */
    uint64_t waited;                /* calls that had to */
    uint64_t left;                  /* of those, by time or cancellation */
    uint32_t waiting;               /* now */
    uint32_t used;                  /* now: units not released, or, of a
                                     * window, granted in it */
};

/* Token bucket: `count` units in each period_ns, of which up to `burst` gather
 * while nobody wants them. The bucket is full at first. At most `burst` at
 * once. Nothing is rounded, so 3 per second are 3 per second after a year; but
 * with a burst of 1 whatever a waiter wakes too late is lost, and with one of 2
 * it is made up for. This and the next four return 0, or -EINVAL: a 0, or a
 * time beyond what a clock counts. They do not wait. */
int moirai_limit_tokens(struct moirai_limit *limit, uint32_t count,
                        int64_t period_ns, uint32_t burst);

/* Leaky bucket, as a queue: units leave it one by one, period_ns / count
 * apart, and never in a burst. `places` may wait; the next is refused. At most
 * `count` at once, after which there is a pause as long as they take. */
int moirai_limit_leaky(struct moirai_limit *limit, uint32_t count,
                       int64_t period_ns, uint32_t places);

/* Sliding window: never more than `count` units in any period_ns, wherever one
 * begins it. It is watched in 32 slots, so a unit may count for up to 1/32 of
 * the period too long, and never too short. At most `count` at once. */
int moirai_limit_window(struct moirai_limit *limit, uint32_t count,
                        int64_t period_ns);

/* The generic cell rate algorithm: a unit each interval_ns, which may come up
 * to tolerance_ns too early. */
int moirai_limit_gcra(struct moirai_limit *limit, int64_t interval_ns,
                      int64_t tolerance_ns);

/* At most `most` units at once, which are released when no longer used. */
int moirai_limit_concurrent(struct moirai_limit *limit, uint32_t most);

/* Waits until `n` units may be used, and takes them. 0; -EINVAL: n is 0, or
 * more than the limit ever allows at once; -ENOBUFS: a leaky bucket's places
 * are taken; -EAGAIN for MOIRAI_NOW, -ETIMEDOUT, -ECANCELED; -ECHILD: this is
 * a forked child, and others are before it. On an error nothing is taken. Who
 * came first gets first, also if a later call wants less. Can wait. */
int moirai_limit_acquire(struct moirai_limit *limit, uint32_t n,
                         int64_t deadline_ns);

/* Gives back `n` units of a concurrency limit, to whoever waits; any thread
 * may, for any other. Of other kinds, which release by the clock, nothing
 * happens. 0, or -EINVAL: not so many are in use. Does not wait. */
int moirai_limit_release(struct moirai_limit *limit, uint32_t n);

/* When `n` units could be had, if nobody else came: the time to name to who is
 * refused. In the past or present: now. MOIRAI_NEVER: at no time that the
 * clock knows. Who waits already is not taken into account. Does not wait. */
int64_t moirai_limit_due(struct moirai_limit *limit, uint32_t n);

/* Fills *stats (borrowed). Any thread; does not wait. */
void moirai_limit_read(struct moirai_limit *limit,
                       struct moirai_limit_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
