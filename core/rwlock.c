/* SPDX-License-Identifier: MIT */
/*
 * rwlock.c - many readers or one writer, first come first served.
 *
 * Everything is guarded by the gate's lock, except the list of what a task or
 * thread holds, which only that one touches: who is given the lock while he
 * waits lists it there himself when he goes on, which is before his task can
 * end. Whoever gives it makes him a holder at once, under the lock, so that
 * others see who has it.
 *
 * Who comes when others wait goes behind them, reader or writer. When the lock
 * becomes free, the oldest waiter has it, and if that is a reader, so have the
 * readers right behind. Whoever leaves the queue without it may have been a
 * writer that held up readers.
 *
 * Rejected: holds that the core allocates. A reader is one of many, so there is
 * no place for it in the lock, and no memory may be asked for here.
 */
#include "rwlock.h"

#include <errno.h>

#include "gate.h"
#include "log.h"
#include "worker.h"

static _Thread_local struct moirai_hold *thread_holds;

/* The caller's list. Only to be called where the result cannot be kept across
 * a wait. */
static __attribute__((noinline)) struct moirai_hold **holds_here(void)
{
    struct mo_worker *w = mo_self();

    if (w == NULL || w->task == NULL)
        return &thread_holds;
    w->fiber->used = 1;
    return &w->fiber->holds;
}

static bool has_already(const struct moirai_rwlock *rwlock)
{
    for (const struct moirai_hold *hold = *holds_here(); hold != NULL;
         hold = hold->more)
        if (hold->rwlock == rwlock)
            return true;
    return false;
}

static void list(struct moirai_hold *hold)
{
    struct moirai_hold **first = holds_here();

    hold->less = NULL;
    hold->more = *first;
    if (*first != NULL)
        (*first)->less = hold;
    *first = hold;
}

static void unlist(struct moirai_hold **first, struct moirai_hold *hold)
{
    if (hold->less != NULL)
        hold->less->more = hold->more;
    else
        *first = hold->more;
    if (hold->more != NULL)
        hold->more->less = hold->less;
}

/* --- with the lock held --------------------------------------------------- */

static bool may_have_it(const struct moirai_rwlock *rwlock, bool writes)
{
    return rwlock->holds == NULL || (!writes && !rwlock->writing);
}

/* Returns what the call that asked for it returns. */
static int give(struct moirai_rwlock *rwlock, struct moirai_hold *hold)
{
    int rc = rwlock->owner_died ? -EOWNERDEAD : 0;

    rwlock->writing = hold->writes;
    if (hold->writes)
        rwlock->owner_died = 0;
    hold->prev = NULL;
    hold->next = rwlock->holds;
    if (hold->next != NULL)
        hold->next->prev = hold;
    rwlock->holds = hold;
    return rc;
}

static void take_back(struct moirai_rwlock *rwlock, struct moirai_hold *hold)
{
    if (hold->prev != NULL)
        hold->prev->next = hold->next;
    else
        rwlock->holds = hold->next;
    if (hold->next != NULL)
        hold->next->prev = hold->prev;
    hold->rwlock = NULL;
}

/* Gives it to those who are next, and drops the lock. All are woken with the
 * same, as a writer goes alone. */
static void hand_over(struct moirai_rwlock *rwlock)
{
    struct mo_queue *queue = mo_gate_queue(&rwlock->gate);
    struct mo_queue claimed = { NULL, NULL };
    struct mo_node *node;
    int rc = 0;

    mo_race_release(rwlock);
    mo_race_acquire(rwlock);        /* from all who read, for a writer */
    while ((node = queue->first) != NULL) {
        struct moirai_hold *hold = node->message;

        if (!may_have_it(rwlock, hold->writes))
            break;
        mo_queue_remove_first(queue);
        if (!mo_wait_claim_quick(node->waiter))
            continue;
        rc = give(rwlock, hold);
        mo_queue_add(&claimed, node);
    }
    mo_word_unlock(&rwlock->gate.lock);
    mo_gate_wake(&claimed, rc);
}

/* --- */

/* Waits to be given it. The lock is held, and dropped here. */
static int await(struct moirai_rwlock *rwlock, struct moirai_hold *hold,
                 int64_t deadline_ns)
{
    struct mo_native native;
    struct mo_node *node = mo_node_self(&native);
    int rc;

    node->message = hold;
    rc = mo_gate_park_node(&rwlock->gate, node, hold->writes ? MO_WAIT_WRITE
                                                             : MO_WAIT_READ,
                           rwlock, deadline_ns);
    if (rc != 0 && rc != -EOWNERDEAD) {
        mo_gate_leave(&rwlock->gate, node);
        hold->rwlock = NULL;
        hand_over(rwlock);
        return rc;
    }
    list(hold);
    return rc;
}

static int ask(struct moirai_rwlock *rwlock, struct moirai_hold *hold,
               bool writes, int64_t deadline_ns)
{
    int rc;

    if (has_already(rwlock))
        return -EDEADLK;
    *hold = (struct moirai_hold){ .rwlock = rwlock, .writes = writes,
                                  .owner = mo_owner_self() };
    mo_word_lock(&rwlock->gate.lock);
    if (rwlock->gate.first == NULL && may_have_it(rwlock, writes)) {
        rc = give(rwlock, hold);
        mo_race_acquire(rwlock);
        mo_word_unlock(&rwlock->gate.lock);
        list(hold);
        return rc;
    }
    rc = mo_gate_refusal(deadline_ns);
    if (rc == 0)
        return await(rwlock, hold, deadline_ns);
    mo_word_unlock(&rwlock->gate.lock);
    hold->rwlock = NULL;
    return rc;
}

int moirai_rwlock_read(struct moirai_rwlock *rwlock, struct moirai_hold *hold,
                       int64_t deadline_ns)
{
    return ask(rwlock, hold, false, deadline_ns);
}

int moirai_rwlock_write(struct moirai_rwlock *rwlock, struct moirai_hold *hold,
                        int64_t deadline_ns)
{
    return ask(rwlock, hold, true, deadline_ns);
}

static bool is_callers(const struct moirai_rwlock *rwlock,
                       const struct moirai_hold *hold)
{
    return hold->rwlock == rwlock && hold->owner == mo_owner_self();
}

int moirai_rwlock_downgrade(struct moirai_rwlock *rwlock,
                            struct moirai_hold *hold)
{
    if (!is_callers(rwlock, hold) || !hold->writes)
        return -EPERM;
    mo_word_lock(&rwlock->gate.lock);
    hold->writes = 0;
    rwlock->writing = 0;
    hand_over(rwlock);
    return 0;
}

int moirai_rwlock_unlock(struct moirai_rwlock *rwlock,
                         struct moirai_hold *hold)
{
    if (!is_callers(rwlock, hold))
        return -EPERM;
    unlist(holds_here(), hold);
    mo_word_lock(&rwlock->gate.lock);
    take_back(rwlock, hold);
    hand_over(rwlock);
    return 0;
}

/* The frames of a task are there where it failed, and not where it returned.
 * The fiber lies on top of its stack. */
static bool is_gone(const struct mo_fiber *fiber,
                    const struct moirai_hold *hold)
{
    return fiber->failing == 0 && (char *)hold >= fiber->base
        && (char *)hold < (char *)fiber;
}

void mo_rwlock_pass_on(struct mo_fiber *fiber)
{
    while (fiber->holds != NULL) {
        struct moirai_hold *hold = fiber->holds;
        struct moirai_rwlock *rwlock;

        if (is_gone(fiber, hold))
            mo_panic("a task returned without unlocking a reader-writer lock "
                     "that it held by a hold on its stack");
        rwlock = hold->rwlock;
        unlist(&fiber->holds, hold);
        mo_word_lock(&rwlock->gate.lock);
        take_back(rwlock, hold);
        if (hold->writes)
            rwlock->owner_died = 1;
        hand_over(rwlock);
    }
}

bool mo_rwlock_try_holders(struct moirai_rwlock *rwlock,
                           bool (*see)(const struct mo_fiber *owner,
                                       bool thread, void *arg), void *arg)
{
    const struct moirai_hold *hold;
    bool thread;

    if (!mo_word_try(&rwlock->gate.lock))
        return false;
    for (hold = rwlock->holds; hold != NULL; hold = hold->next) {
        const struct mo_fiber *owner = mo_owner_fiber(hold->owner, &thread);

        if (!see(owner, thread, arg))
            break;
    }
    mo_word_unlock(&rwlock->gate.lock);
    return true;
}
