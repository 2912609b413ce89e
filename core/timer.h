/* SPDX-License-Identifier: MIT */
/*
 * timer.h - deadlines waiting to come, one heap per place.
 *
 * A timer fires into the run queue, never into user code: `fire` is called by
 * whichever worker finds it due, under the heap's lock, and may only claim and
 * make ready. mo_timer_disarm waits for that lock, so once it returns, nobody
 * touches the timer's memory.
 */
#ifndef MO_TIMER_H
#define MO_TIMER_H

#include <moirai/time.h>

#include "lock.h"

struct mo_worker;

struct mo_timers {
    struct mo_lock lock;            /* guards all but `earliest` */
    struct moirai_timer *root;      /* a pairing heap */
    uint64_t order;
    MO_ATOMIC(int64_t) earliest;    /* MOIRAI_NEVER: none; set under lock */
};

void mo_timers_init(struct mo_timers *timers);

/* Adds it to the worker's heap; fire runs no earlier than deadline_ns. The
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

/* Fires what is due in the heap of `place` on behalf of the calling worker.
 * Returns how many. */
uint32_t mo_timers_run(struct mo_worker *place, int64_t now);

#endif
