/* SPDX-License-Identifier: MIT */
/*
 * inherit.c - who waits for a mutex lends its owner their priority.
 *
 * A task of high priority that waits for a mutex would otherwise wait for all
 * tasks that are more urgent than its owner. So the owner has, until it
 * unlocks, the highest priority of itself and of those who wait; and so has,
 * if it waits for another mutex, the owner of that one, and so on. Only where
 * the scheduler has a `reprioritise`: for all others nothing here is called.
 *
 * A mutex that somebody waits for is a lien on its owner. The mutex itself has
 * no room for one, so it lies with one of those who wait, on its stack, and
 * moves to another when that one leaves; a table finds it. What is here is
 * guarded by one lock for the whole process, which is taken inside a mutex's
 * own, and outside the scheduler's. It is taken for contended mutexes only.
 *
 * What keeps owners from going away. While there is a lien, somebody is queued,
 * so the mutex's word says that it is waited for, and its owner unlocks it by
 * mo_inherit_pass, after which it is the owner no more. Under the lock, all
 * owners are therefore tasks that have not ended, whatever their mutexes' locks
 * are doing. The same goes for donors, who leave before their wait returns.
 *
 * An owner that never waited has a stack that is not marked as its own: it
 * runs, and is nobody's to be moved. When it waits first, it takes the lock,
 * and either sees the lien, or is seen by who makes one.
 *
 * Such a mutex is handed over at once when it is unlocked. Left free until the
 * next one runs, it would have no owner to lend to, and those who wait would
 * wait for a task of which nobody knows yet whether it gets the mutex.
 *
 * Rejected: to let the most urgent one have the mutex first: then the least
 * urgent starve, under any scheduler. In the order they came, each who is in
 * front of an urgent one has that one's priority when its turn comes.
 */
#include "inherit.h"

#include <stddef.h>

#include "lock.h"
#include "runtime.h"
#include "task.h"

#define BUCKETS 64

MO_ATOMIC(uint32_t) mo_liens;

static struct mo_lock lock;
static struct mo_lien *table[BUCKETS];

/* The place of the mutex's lien, or where one would be put. */
static struct mo_lien **place_of(const struct moirai_mutex *mutex)
{
    uintptr_t mixed = (uintptr_t)mutex / 16;
    struct mo_lien **at = &table[(mixed ^ mixed / BUCKETS) % BUCKETS];

    while (*at != NULL && (*at)->mutex != mutex)
        at = &(*at)->next;
    return at;
}

/* Where it is in the list of its owner, who is known. */
static struct mo_lien **place_on_owner(const struct mo_lien *lien)
{
    struct mo_lien **at = &lien->owner->liens;

    while (*at != lien)
        at = &(*at)->more;
    return at;
}

static void set_owner(struct mo_lien *lien, struct mo_fiber *owner)
{
    if (lien->owner == owner)
        return;
    if (lien->owner != NULL)
        *place_on_owner(lien) = lien->more;
    lien->owner = owner;
    if (owner != NULL) {
        lien->more = owner->liens;
        owner->liens = lien;
    }
}

/* The highest priority of the donors, of which none is above `most`. */
static uint32_t highest(const struct mo_lien *lien, uint32_t most)
{
    uint32_t top = 0;

    for (const struct mo_donor *d = lien->donors; d != NULL && top < most;
         d = d->next)
        if (d->priority > top)
            top = d->priority;
    return top;
}

/* What its owner has to do with has changed: sets its priority, and, if that
 * changes what it lends itself, those of others along the chain. Rounds are of
 * tasks that wait for one another for ever: they end, as all have the same
 * priority then. */
static void settle(struct mo_fiber *fiber)
{
    while (fiber != NULL) {
        struct moirai_task *task = mo_load(&fiber->task);
        struct mo_donor *donor = fiber->donor;
        struct moirai_runtime *rt;
        struct mo_lien *lien;
        uint32_t was, own, now;

        if (task == NULL || !mo_inherits(task->scope->runtime))
            return;
        rt = task->scope->runtime;
        was = mo_load_relaxed(&task->priority);
        own = fiber->raised_from != 0 ? fiber->raised_from - 1 : was;
        now = own;
        for (lien = fiber->liens; lien != NULL; lien = lien->more)
            now = lien->top > now ? lien->top : now;
        fiber->raised_from = now != own ? own + 1 : 0;
        if (now == was)
            return;
        rt->sched->reprioritise(rt->sched_state, task, now);
        if (donor == NULL)
            return;
        lien = *place_of(donor->mutex);
        donor->priority = now;
        was = lien->top;
        lien->top = now > was ? now : highest(lien, was);
        fiber = lien->top != was ? lien->owner : NULL;
    }
}

static struct mo_lien *make_lien(struct mo_lien **at,
                                 const struct moirai_mutex *mutex,
                                 struct mo_donor *donor)
{
    donor->lien = (struct mo_lien){ .mutex = mutex };
    *at = &donor->lien;
    mo_add(&mo_liens, 1);
    return *at;
}

/* The lien moves to one of those who still wait. */
static void move_lien(struct mo_lien **at)
{
    struct mo_lien *old = *at;
    struct mo_lien *fresh = &old->donors->lien;

    *fresh = *old;
    if (old->owner != NULL)
        *place_on_owner(old) = fresh;
    *at = fresh;
}

/* Takes out a donor, who lends no more. Returns whose priority that may change,
 * or NULL. */
static struct mo_fiber *take_out(struct mo_donor *donor)
{
    struct mo_lien **at = place_of(donor->mutex);
    struct mo_lien *lien = *at;
    struct mo_fiber *owner = lien->owner;

    if (donor->next != NULL)
        donor->next->prev = donor->prev;
    if (donor->prev != NULL)
        donor->prev->next = donor->next;
    else
        lien->donors = donor->next;
    donor->fiber->donor = NULL;
    donor->fiber = NULL;
    if (lien->donors == NULL) {
        set_owner(lien, NULL);
        *at = lien->next;
        mo_sub(&mo_liens, 1);
        return owner;
    }
    if (lien == &donor->lien)
        move_lien(at);
    if (donor->priority < (*at)->top)
        return NULL;
    (*at)->top = highest(*at, donor->priority);
    return owner;
}

void mo_inherit_join(const struct moirai_mutex *mutex, struct mo_fiber *owner,
                     struct mo_donor *donor)
{
    struct mo_worker *w = mo_here();
    struct mo_fiber *fiber = w->fiber;
    struct mo_lien **at;
    struct mo_lien *lien;

    if (fiber->task == NULL)
        mo_task_adopt(w, fiber, w->task);   /* by which it is known here */
    mo_lock_take(&lock);
    at = place_of(mutex);
    lien = *at != NULL ? *at : make_lien(at, mutex, donor);
    donor->fiber = fiber;
    donor->mutex = mutex;
    donor->priority = mo_load_relaxed(&fiber->task->priority);
    donor->prev = NULL;
    donor->next = lien->donors;
    if (lien->donors != NULL)
        lien->donors->prev = donor;
    lien->donors = donor;
    fiber->donor = donor;
    set_owner(lien, owner);
    if (donor->priority > lien->top) {
        lien->top = donor->priority;
        settle(owner);
    }
    mo_lock_drop(&lock);
}

void mo_inherit_leave(struct mo_donor *donor)
{
    mo_lock_take(&lock);
    if (donor->fiber != NULL)
        settle(take_out(donor));
    mo_lock_drop(&lock);
}

void mo_inherit_drop(const struct mo_waiter *waiter)
{
    struct mo_fiber *fiber = waiter->fiber;

    if (fiber == NULL || mo_load_relaxed(&mo_liens) == 0)
        return;
    mo_lock_take(&lock);
    if (fiber->donor != NULL)
        settle(take_out(fiber->donor));
    mo_lock_drop(&lock);
}

bool mo_inherit_awaited(const struct moirai_mutex *mutex)
{
    bool awaited;

    if (mo_load_relaxed(&mo_liens) == 0 || mo_runtime_bereft())
        return false;
    mo_lock_take(&lock);
    awaited = *place_of(mutex) != NULL;
    mo_lock_drop(&lock);
    return awaited;
}

void mo_inherit_pass(const struct moirai_mutex *mutex, struct mo_waiter *next)
{
    struct mo_fiber *heir = next != NULL ? next->fiber : NULL;
    struct mo_fiber *owner;
    struct mo_lien *lien;

    mo_lock_take(&lock);
    lien = *place_of(mutex);
    owner = lien != NULL ? lien->owner : NULL;
    if (heir != NULL && heir->donor != NULL)
        take_out(heir->donor);
    lien = *place_of(mutex);        /* it may have moved, or be gone */
    if (lien != NULL)
        set_owner(lien, heir);
    settle(owner);
    settle(heir);
    mo_lock_drop(&lock);
}

void mo_inherit_adopted(struct mo_fiber *fiber)
{
    if (!mo_inherits(fiber->task->scope->runtime))
        return;
    mo_lock_take(&lock);
    settle(fiber);
    mo_lock_drop(&lock);
}
