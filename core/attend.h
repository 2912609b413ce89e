/* SPDX-License-Identifier: MIT */
/*
 * attend.h - tasks that were woken go on before those that compute.
 */
#ifndef MO_ATTEND_H
#define MO_ATTEND_H

#include "history.h"
#include "worker.h"

#define MO_ATTEND_ROW 32            /* due tasks in a row, before another */

struct mo_attend {
    struct mo_lock lock;            /* guards the list of due tasks */
    MO_ATOMIC(struct moirai_task *) first;      /* oldest; it may be looked
                                     * at without the lock */
    struct moirai_task *last;
    MO_ATOMIC(uint32_t) called;     /* the attendant, once */
    MO_ATOMIC(uint32_t) asleep;     /* until a worker goes back to work */
    MO_ATOMIC(uint32_t) pressed;    /* all workers are in long turns */
    MO_ATOMIC(struct mo_worker *) worker;   /* the attendant; NULL: none yet */

    /* Of the attendant alone. */
    struct moirai_site *site;       /* of the task it ran last; or NULL */
    int64_t since;                  /* when that began */
    int64_t used;                   /* its processor time, of late */
    int64_t begun, ended;           /* when the runtime did */
    int64_t looked;                 /* at the others, last time, */
    uint32_t *turns;                /* and their turns then */
    int64_t gap;                    /* until the next look */

    struct mo_history sites[MO_SITES];
};

/* Does a runtime of so many workers want a place for an attendant? */
bool mo_attend_wanted(const struct moirai_runtime *rt, uint32_t workers);

/* Makes what is needed, if one is wanted and possible here. 0, or -ENOMEM with
 * *err filled. */
int mo_attend_open(struct moirai_runtime *rt, struct moirai_error *err);
void mo_attend_close(struct moirai_runtime *rt);

/* Has the attendant begin with the workers, if it is to. 0 or a negative
 * errno. */
int mo_attend_begin(struct moirai_runtime *rt);

/* A worker was in one turn for so long that others had to wait: has the
 * attendant begin, if that makes sense. */
void mo_attend_call(struct moirai_runtime *rt);

/* mo_worker_ready for a task that waited for time, or for something outside,
 * and is pinned nowhere; rt->attend is there. False: it is to be queued as all
 * others. Any thread, on whose account the runtime stays. */
bool mo_attend_put(struct moirai_runtime *rt, struct moirai_task *task);

/* mo_worker_ready for a task that waited for time, or for something outside.
 * Any thread; likewise. */
void mo_attend_ready(struct moirai_runtime *rt, struct moirai_task *task);

/* Is there a due task? */
static inline bool mo_attend_is_due(const struct moirai_runtime *rt)
{
    return __builtin_expect(rt->attend != NULL, 0)
        && mo_load(&rt->attend->first) != NULL;
}

/* Such a one for `w`, or NULL. `now`: as far as it knows. */
struct moirai_task *mo_attend_take(struct mo_worker *w, int64_t now);

/* What the attendant is to run next. NULL: `given`, which the last task gave
 * its turn to; or, if that is NULL, the runtime exits. */
struct moirai_task *mo_attend_next(struct mo_worker *w,
                                   const struct moirai_task *given);

void mo_attend_woken(struct mo_worker *w);

/* A worker goes back to work. */
static inline void mo_attend_notify(struct mo_worker *w)
{
    if (__builtin_expect(w->attend != NULL, 0))
        mo_attend_woken(w);
}

#endif
