/* SPDX-License-Identifier: MIT */
/*
 * search.h - where a worker gets work that is not its own; see search.c.
 */
#ifndef MO_SEARCH_H
#define MO_SEARCH_H

#include "worker.h"

/* Turns that a worker has taken. Any thread. */
static inline uint32_t mo_turns_of(const struct mo_worker *w)
{
    return mo_load_relaxed(&w->turns) - mo_load_relaxed(&w->quick);
}

/* Fires the timers of `place` that are due. */
void mo_run_timers(struct mo_worker *w, struct mo_worker *place);

/* A fork or a task of the victim's for `w`, or NULL. */
struct moirai_task *mo_steal(struct mo_worker *w, struct mo_worker *victim);

/* Spins a little, then sleeps, until there is something to run. NULL: the
 * runtime exits. */
struct moirai_task *mo_search(struct mo_worker *w);

#endif
