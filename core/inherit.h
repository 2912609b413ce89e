/* SPDX-License-Identifier: MIT */
/*
 * inherit.h - who waits for a mutex lends its owner their priority.
 */
#ifndef MO_INHERIT_H
#define MO_INHERIT_H

#include <stdbool.h>

#include "worker.h"

struct mo_donor;

/* A mutex that tasks with priorities wait for, and what they lend its owner. In
 * the memory of one of them. */
struct mo_lien {
    const struct moirai_mutex *mutex;
    struct mo_fiber *owner;         /* NULL: a thread */
    struct mo_donor *donors;        /* one at least */
    struct mo_lien *next;           /* in the table */
    struct mo_lien *more;           /* on the same owner */
    uint32_t top;                   /* the highest priority of the donors */
};

/* One task that waits; on its stack as long as it does. */
struct mo_donor {
    struct mo_fiber *fiber;         /* NULL: it lends nothing */
    const struct moirai_mutex *mutex;
    uint32_t priority;
    struct mo_donor *next, *prev;
    struct mo_lien lien;            /* room for one; or the mutex's */
};

extern MO_ATOMIC(uint32_t) mo_liens;    /* how many there are */

/* Does the scheduler want priorities to be lent? */
static inline bool mo_inherits(const struct moirai_runtime *rt)
{
    return rt->sched->reprioritise != NULL;
}

/* The running task is about to queue itself for the mutex, whose owner that is.
 * This and the next four: the mutex's lock is held. */
void mo_inherit_join(const struct moirai_mutex *mutex, struct mo_fiber *owner,
                     struct mo_donor *donor);

/* Its wait has ended, and the mutex is not its own. */
void mo_inherit_leave(struct mo_donor *donor);

/* Its wait will end so: this one was found in the mutex's queue, but another
 * has ended the wait. */
void mo_inherit_drop(const struct mo_waiter *waiter);

/* Does a task with a priority wait for it? */
bool mo_inherit_awaited(const struct moirai_mutex *mutex);

/* Now `next` owns it, and waits no more (NULL: nobody, or a thread), and no
 * longer the one who did. Before `next` is made ready. */
void mo_inherit_pass(const struct moirai_mutex *mutex, struct mo_waiter *next);

/* The task that runs on this stack owns it from now on, and holds mutexes. */
void mo_inherit_adopted(struct mo_fiber *fiber);

#endif
