/* SPDX-License-Identifier: MIT */
/*
 * staff.h - how many workers there are, and those who are not needed now.
 */
#ifndef MO_STAFF_H
#define MO_STAFF_H

#include "worker.h"

/* Do more work than should? `idle`: asked by one who has nothing to do. */
static inline bool mo_staff_has_too_many(const struct mo_staff *staff,
                                         bool idle)
{
    uint32_t should = mo_load_relaxed(&staff->allowed);

    if (idle)
        should -= mo_load_relaxed(&staff->brief);
    return mo_load_relaxed(&staff->working) > should;
}

/* Decides how many places the runtime has: for `workers` at first, for as many
 * as it may ever be told to have, and, if they are `real`, for those who stand
 * in for others. */
void mo_staff_plan(struct moirai_runtime *rt, uint32_t workers, bool real);

/* Starts the thread of the first place that has none, which is there. 0 or a
 * negative errno. One at a time. */
int mo_staff_start(struct moirai_runtime *rt);

/* Waits for all that were started: they exit. */
void mo_staff_join(struct moirai_runtime *rt);

/* Starts the worker that attends to those who wait, once. 0; -EBUSY: somebody
 * starts others just now; or a negative errno. By a worker. */
int mo_staff_attend(struct moirai_runtime *rt);

/* So many stand in from now on, and so many of those go by themselves when they
 * find nothing to do. */
void mo_staff_lend(struct moirai_runtime *rt, uint32_t lent, uint32_t brief);

/* Calls workers from the bench, and starts others, until as many work as
 * should, or somebody else sees to that. 0 or a negative errno: there are
 * fewer. Any thread. */
int mo_staff_fill(struct moirai_runtime *rt);

/* The loop of `w`, between two tasks: if there are more workers than there
 * should be, sits down on the bench until it is called. `idle`: it has found
 * nothing to do. False: it is to go on as before. */
bool mo_staff_sit(struct mo_worker *w, bool idle);

/* The system lets this process use so many processors now: as many workers from
 * now on, if their number is left to it. */
void mo_staff_follow(struct moirai_runtime *rt, uint32_t workers);

/* A task was put into the inbox of `w`. Behind a fence. */
void mo_staff_notify(struct mo_worker *w);

/* From here on nobody starts workers, until the caller, who may take his time,
 * says so. False: somebody is just about that. */
bool mo_staff_hold(struct moirai_runtime *rt);
void mo_staff_let_go(struct moirai_runtime *rt);

/* One whose queues nobody uses as its own now, so that somebody else may ask
 * the scheduler in its name: calls look(w, arg) and returns its result; false
 * if there is none. */
bool mo_staff_ask(struct moirai_runtime *rt,
                  bool (*look)(struct mo_worker *w));

#endif
