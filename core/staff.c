/* SPDX-License-Identifier: MIT */
/*
 * staff.c - how many workers there are, and those who are not needed now.
 *
 * Places for as many workers as there may ever be are made at the start, as
 * schedulers have to know them all. The first `started` of them have a thread.
 * Everybody looks at the queues and the timers of the first worker_count (which
 * a place is one of before its thread begins), so a worker may stop working at
 * any time between two tasks and leave all that it has: others take it.
 *
 * That is what a worker does that finds, before it searches or when it keeps
 * house, that more are working than should: it sits down on the bench, and
 * sleeps until it is called. What is pinned to it nobody else may run; so it
 * gets up for that, runs it, and sits down again.
 *
 * Why nothing is left lying. Of those who work, one at least goes on working:
 * the numbers are compared and changed under the lock. Who sits down has
 * stopped searching first, as if it had found something, and, had it been woken
 * for a task, wakes another one for it (mo_idle_found, mo_idle_notify). A
 * pinned task is put into the inbox, then a fence, then `benched` is read; who
 * sits down sets `benched`, then a fence, then looks into the inbox: one of
 * them notices.
 *
 * Who should work: `wanted`, as the program or the system says, and `lent`, who
 * stand in for workers that are stuck (monitor.c). Of those some, `brief`, are
 * to go as soon as they find nothing to do.
 *
 * Rejected: threads that end when they are not needed. Tasks pinned to them
 * would have nobody, and each change would cost two threads; one that sleeps
 * costs its stack's few pages. To hand the place itself to another thread: who
 * runs a task on it has its address in registers, in inline forks even in the
 * program's own code, and would have to be stopped to be told; see
 * docs/decisions/0018.
 */
#include "staff.h"

#include <errno.h>

#include "attend.h"
#include "embed.h"
#include "fiber.h"
#include "follow.h"
#include "idle.h"
#include "near.h"
#include "os/thread.h"
#include "runtime.h"
#include "scope.h"

#define MOST_WORKERS 1024
#define MOST_PRIORITY 99

enum {                              /* mo_staff.filling */
    FILL_NOT,
    FILL_NOW,
    FILL_AGAIN,                     /* now, and once more */
};

void mo_staff_plan(struct moirai_runtime *rt, uint32_t workers, bool real)
{
    struct mo_staff *staff = &rt->staff;
    uint64_t limit = rt->options.workers_max;

    if (workers > MOST_WORKERS)
        workers = MOST_WORKERS;
    rt->worker_count = staff->wanted = staff->allowed = workers;
    staff->limit = limit > workers ? (uint32_t)limit : workers;
    staff->most = staff->limit;
    if (real && rt->options.stuck != 0 && mo_thread_can_look())
        staff->most += (uint32_t)rt->options.spares;
    staff->attendants = mo_attend_wanted(rt, staff->limit);
    staff->most += staff->attendants;
}

/* Gets its first stacks, of its node's memory. */
static int prepare(struct mo_worker *w)
{
    struct mo_os_policy before;
    bool preferred = mo_near_prefer(w->runtime, w->hot.index, &before);
    int rc = mo_worker_prepare(w);

    if (preferred)
        mo_os_restore(&before);
    return rc;
}

/* A place gets its thread. */
static int start(struct mo_worker *w, const char *name, int priority)
{
    struct moirai_runtime *rt = w->runtime;
    uint32_t index = w->hot.index;
    int rc = prepare(w);

    if (rc != 0)
        return rc;
    if (mo_load(&rt->worker_count) <= index)
        mo_store(&rt->worker_count, index + 1);     /* see above */
    w->thread.body = mo_worker_main;
    w->thread.arg = w;
    w->thread.name = name;
    w->thread.priority = priority;
    mo_follow_seat(w);
    if (rt->embed != NULL)
        mo_embed_start(w);
    else
        rc = rt->os->start(rt->os, &w->thread);
    if (rc != 0) {
        mo_fiber_put(w, w->loop);
        return rc;
    }
    mo_store(&rt->staff.started, index + 1);
    return 0;
}

void mo_staff_join(struct moirai_runtime *rt)
{
    for (uint32_t i = 0; i < mo_load(&rt->staff.started); i++)
        if (rt->embed != NULL)
            mo_embed_join(rt->workers[i]);
        else
            rt->os->join(rt->os, &rt->workers[i]->thread);
}

int mo_staff_start(struct moirai_runtime *rt)
{
    struct mo_worker *w = rt->workers[mo_load(&rt->staff.started)];
    int rc;

    mo_add(&rt->staff.working, 1);
    rc = start(w, "moirai/work", (int)rt->options.realtime);
    if (rc != 0)
        mo_sub(&rt->staff.working, 1);
    return rc;
}

/* How many should work, by the numbers. Lock held. */
static void allow(struct mo_staff *staff)
{
    mo_store(&staff->allowed, staff->wanted + staff->lent);
}

void mo_staff_lend(struct moirai_runtime *rt, uint32_t lent, uint32_t brief)
{
    struct mo_staff *staff = &rt->staff;

    mo_lock_take(&staff->lock);
    staff->lent = lent;
    mo_store(&staff->brief, brief);
    allow(staff);
    mo_lock_drop(&staff->lock);
}

/* `w` works again. Lock held; it is on the bench. */
static void get_up(struct mo_staff *staff, struct mo_worker *w)
{
    struct mo_worker **at = &staff->bench;

    while (*at != w)
        at = &(*at)->bench_next;
    *at = w->bench_next;
    mo_add(&staff->working, 1);
    mo_store(&w->benched, false);
}

/* False: the bench is empty. */
static bool call_one(struct mo_staff *staff)
{
    struct mo_worker *w;

    mo_lock_take(&staff->lock);
    w = staff->bench;
    if (w != NULL)
        get_up(staff, w);
    mo_lock_drop(&staff->lock);
    if (w != NULL)
        mo_unpark(&w->parker);
    return w != NULL;
}

static bool lacks(const struct mo_staff *staff)
{
    return mo_load_seq(&staff->working) < mo_load_seq(&staff->allowed);
}

/* That nobody has had yet, and that is not kept for an attendant. */
static bool has_place(const struct mo_staff *staff)
{
    uint32_t kept = staff->attendants - mo_load(&staff->attending);

    return mo_load(&staff->started) < staff->most - kept;
}

static int add_one(struct moirai_runtime *rt)
{
    if (call_one(&rt->staff))
        return 0;
    return has_place(&rt->staff) ? mo_staff_start(rt) : -EAGAIN;
}

/* False: somebody else does it, and has been asked to look at the numbers,
 * which were changed before, once more. */
static bool begin_to_fill(struct mo_staff *staff)
{
    for (;;) {
        uint32_t found = FILL_NOT;

        if (mo_cas(&staff->filling, &found, FILL_NOW))
            return true;
        if (found == FILL_AGAIN
            || mo_cas(&staff->filling, &found, FILL_AGAIN))
            return false;
    }
}

/* True: it is to be done again. */
static bool end_to_fill(struct mo_staff *staff)
{
    return mo_swap(&staff->filling, FILL_NOT) == FILL_AGAIN;
}

int mo_staff_fill(struct moirai_runtime *rt)
{
    struct mo_staff *staff = &rt->staff;
    int rc = 0;

    do {
        if (!begin_to_fill(staff))
            return rc;
        while (rc == 0 && lacks(staff))
            rc = add_one(rt);
    } while (end_to_fill(staff));
    return rc;
}

/* It runs beside workers of the same priority, so it has a higher one. */
static int start_attendant(struct moirai_runtime *rt)
{
    struct mo_worker *w = rt->workers[mo_load(&rt->staff.started)];
    int priority = (int)rt->options.realtime;
    int rc;

    w->attends = true;
    w->turns_left = 1;              /* for good: it keeps no house */
    w->thread.prompt = true;
    rc = start(w, "moirai/attend",
               priority != 0 && priority < MOST_PRIORITY ? priority + 1
                                                         : priority);
    if (rc == 0) {
        mo_store(&rt->staff.attending, 1);
        mo_store(&rt->attend->worker, w);
    } else {
        w->attends = w->thread.prompt = false;
    }
    return rc;
}

int mo_staff_attend(struct moirai_runtime *rt)
{
    int rc;

    if (!begin_to_fill(&rt->staff))
        return -EBUSY;
    rc = start_attendant(rt);
    if (end_to_fill(&rt->staff))
        mo_staff_fill(rt);
    return rc;
}

static bool may_sit(struct mo_worker *w, bool idle)
{
    return mo_staff_has_too_many(&w->runtime->staff, idle) && !w->attends
        && mo_load(&w->inbox) == NULL
        && mo_load(&w->runtime->exiting) == 0;
}

static bool sit_down(struct mo_worker *w, bool idle)
{
    struct mo_staff *staff = &w->runtime->staff;
    bool may;

    mo_lock_take(&staff->lock);
    may = may_sit(w, idle);
    if (may) {
        mo_sub(&staff->working, 1);
        w->bench_next = staff->bench;
        staff->bench = w;
        mo_store(&w->benched, true);
    }
    mo_lock_drop(&staff->lock);
    return may;
}

/* Is it to stay? If it gets up by itself, it does so here. */
static bool stays(struct mo_worker *w)
{
    struct mo_staff *staff = &w->runtime->staff;

    if (mo_load(&w->inbox) == NULL && mo_load(&w->runtime->exiting) == 0)
        return mo_load(&w->benched);
    mo_lock_take(&staff->lock);
    if (w->benched)
        get_up(staff, w);
    mo_lock_drop(&staff->lock);
    return false;
}

bool mo_staff_sit(struct mo_worker *w, bool idle)
{
    if (!may_sit(w, idle) || !sit_down(w, idle))
        return false;
    mo_scope_settle(w);
    mo_idle_found(w);
    mo_idle_notify(w->runtime);     /* with a fence; see above */
    while (stays(w))
        mo_park(&w->parker, MOIRAI_NEVER);
    return true;
}

void mo_staff_notify(struct mo_worker *w)
{
    if (mo_load(&w->benched))
        mo_unpark(&w->parker);
}

bool mo_staff_hold(struct moirai_runtime *rt)
{
    return begin_to_fill(&rt->staff);
}

void mo_staff_let_go(struct moirai_runtime *rt)
{
    if (end_to_fill(&rt->staff))
        mo_staff_fill(rt);
}

/* Nobody calls one from the bench while the lock is held, and nobody starts one
 * while this one fills. */
bool mo_staff_ask(struct moirai_runtime *rt, bool (*look)(struct mo_worker *w))
{
    struct mo_staff *staff = &rt->staff;
    struct mo_worker *w;
    bool found;

    if (!mo_staff_hold(rt))
        return false;
    mo_lock_take(&staff->lock);
    w = staff->bench;
    if (w == NULL && mo_load(&staff->started) < staff->most)
        w = rt->workers[mo_load(&staff->started)];
    found = w != NULL && look(w);
    mo_lock_drop(&staff->lock);
    mo_staff_let_go(rt);
    return found;
}

/* Sleepers, too, look whether there are too many of them. */
static int want(struct moirai_runtime *rt, uint32_t workers)
{
    struct mo_staff *staff = &rt->staff;

    mo_lock_take(&staff->lock);
    mo_store(&staff->wanted, workers);
    allow(staff);
    mo_lock_drop(&staff->lock);
    mo_idle_wake_all(rt);
    return mo_staff_fill(rt);
}

int moirai_runtime_resize(struct moirai_runtime *rt, uint32_t workers)
{
    struct mo_staff *staff = &rt->staff;

    if (!mo_runtime_usable(rt))
        return mo_runtime_refusal(rt);
    if (workers == 0 || workers > staff->limit)
        return -EINVAL;
    mo_store(&staff->told, 1);
    return want(rt, workers);
}

void mo_staff_follow(struct moirai_runtime *rt, uint32_t workers)
{
    const struct mo_staff *staff = &rt->staff;

    if (rt->options.workers != 0 || mo_load(&staff->told) != 0)
        return;
    if (workers > staff->limit)
        workers = staff->limit;
    if (workers != mo_load(&staff->wanted))
        want(rt, workers);
}
