/* SPDX-License-Identifier: MIT */
/*
 * timer.h - deadlines waiting to come, one wheel per place.
 *
 * A timer fires into the run queue, never into user code: `fire` is called by
 * whichever worker finds it due, under the wheel's lock, and may only claim and
 * make ready. mo_timer_disarm waits for that lock, so once it returns, nobody
 * touches the timer's memory.
 */
#ifndef MO_TIMER_H
#define MO_TIMER_H

#include <moirai/time.h>

#include "lock.h"

struct mo_worker;

#define MO_TIMER_TICK 14            /* bits: a tick is 16,384 ns */
#define MO_TIMER_DIGIT 8            /* bits */
#define MO_TIMER_SLOTS (1u << MO_TIMER_DIGIT)
#define MO_TIMER_LEVELS 7           /* enough for any deadline */
#define MO_TIMER_CHAINS 4

struct mo_timer_slot {
    struct moirai_timer *first[MO_TIMER_CHAINS];    /* of lists; by `order` */
    int64_t earliest;               /* nothing in here comes before; only
                                     * where the slot is marked as used */
};

struct mo_timers {
    struct mo_lock lock;            /* guards all but `earliest` */
    MO_ATOMIC(int64_t) earliest;    /* nothing comes before; MOIRAI_NEVER:
                                     * there is none; set under lock */
    int64_t at;                     /* the tick looked at; see timer.c */
    struct moirai_timer *root;      /* a pairing heap, of those up to `at` */
    uint64_t order;
    uint32_t levels;                /* a bit for each that is in use, */
    uint64_t used[MO_TIMER_LEVELS][MO_TIMER_SLOTS / 64];    /* and each slot */
    struct mo_timer_slot slots[MO_TIMER_LEVELS][MO_TIMER_SLOTS];
};

/* In zeroed memory, most of which is not touched before it is needed. */
void mo_timers_init(struct mo_timers *timers);

/* Adds it to the worker's wheel; fire runs no earlier than deadline_ns. The
 * second form is for callers that have more to do before it may fire: they
 * take timers->lock, insert, finish, and drop the lock themselves; true means
 * that mo_timers_told must be called afterwards. */
void mo_timer_arm(struct mo_worker *w, struct moirai_timer *timer,
                  int64_t deadline_ns, void (*fire)(struct moirai_timer *));
bool mo_timer_insert(struct mo_timers *timers, struct moirai_timer *timer,
                     int64_t deadline_ns,
                     void (*fire)(struct moirai_timer *));

/* Takes it out if it has not fired; either way it is the caller's again. */
void mo_timer_disarm(struct moirai_timer *timer);

/* Fires what is due at `place` on behalf of the calling worker.
 * Returns how many; not all if they are many: the next look finds the rest. */
uint32_t mo_timers_run(struct mo_worker *place, int64_t now);

#endif
