/* SPDX-License-Identifier: MIT */
/*
 * sync.c - a mutex that hands itself over.
 *
 * Unlocking gives the mutex to the oldest waiter, who owns it before it runs:
 * first come, first served, and nobody starves. Every mutex knows its owner
 * and every task what it holds, so that a task that fails does not take its
 * locks with it, and so that deadlocks can be found.
 *
 * The owner is named by the fiber its code runs on, or by a thread's own
 * marker. Fields are guarded by the mutex's `lock`, except the links of the
 * owner's list, which only the owner touches - or who hands the mutex to it,
 * while it is not running.
 */
#include "sync.h"

#include <errno.h>
#include <stddef.h>

#include <moirai/sync.h>

#include "runtime.h"
#include "worker.h"

/* Its address names a thread; one more than that, lest dumps take it for a
 * fiber's. */
static _Thread_local _Alignas(8) char thread_marker[8];

/* Only to be called where the result cannot be kept across a wait. */
static __attribute__((noinline)) void *who(void)
{
    struct mo_worker *w = mo_self();

    return w != NULL && w->task != NULL ? (void *)w->fiber
                                        : (void *)(thread_marker + 1);
}

const struct mo_fiber *mo_mutex_owner(const struct moirai_mutex *mutex,
                                      bool *thread)
{
    uintptr_t owner = (uintptr_t)mo_load_relaxed(&mutex->owner);

    *thread = (owner & 1) != 0;
    return *thread ? NULL : (const struct mo_fiber *)owner;
}

static struct mo_queue *waiters_of(struct moirai_mutex *mutex)
{
    return (struct mo_queue *)&mutex->first;
}

_Static_assert(offsetof(struct moirai_mutex, last)
               - offsetof(struct moirai_mutex, first)
               == offsetof(struct mo_queue, last), "a mutex holds a queue");

static void hold(struct mo_fiber *fiber, struct moirai_mutex *mutex)
{
    mutex->held_prev = NULL;
    mutex->held_next = fiber->held;
    if (fiber->held != NULL)
        fiber->held->held_prev = mutex;
    fiber->held = mutex;
    fiber->used = 1;
}

static void unhold(struct mo_fiber *fiber, struct moirai_mutex *mutex)
{
    if (mutex->held_prev != NULL)
        mutex->held_prev->held_next = mutex->held_next;
    else
        fiber->held = mutex->held_next;
    if (mutex->held_next != NULL)
        mutex->held_next->held_prev = mutex->held_prev;
    mutex->held_next = mutex->held_prev = NULL;
}

/* Makes `owner` the owner. The lock is held. Returns what lock returns. */
static int take(struct moirai_mutex *mutex, void *owner,
                struct mo_fiber *fiber)
{
    int rc = mutex->owner_died ? -EOWNERDEAD : 0;

    mutex->owner_died = 0;
    mo_store_relaxed(&mutex->owner, owner);     /* mo_mutex_owner may look */
    if (fiber != NULL)
        hold(fiber, mutex);
    return rc;
}

/* Gives the mutex to the oldest waiter that still waits. The lock is held, and
 * dropped here. */
static void hand_over(struct moirai_mutex *mutex)
{
    struct mo_queue *queue = waiters_of(mutex);
    struct mo_node *node;

    mo_race_release(&mutex->owner);
    mo_store_relaxed(&mutex->owner, NULL);
    while ((node = queue->first) != NULL) {
        struct mo_waiter *waiter = node->waiter;
        int rc;

        mo_queue_remove(queue, node);
        if (!mo_wait_claim(waiter))
            continue;
        rc = take(mutex, node->message, waiter->fiber);
        mo_word_unlock(&mutex->lock);
        mo_wait_end(waiter, rc);
        return;
    }
    mo_word_unlock(&mutex->lock);
}

static int wait_turn(struct moirai_mutex *mutex, struct mo_node *node,
                     int64_t deadline_ns, bool masked)
{
    struct mo_wait how = { .waiter = node->waiter, .kind = MO_WAIT_MUTEX,
                           .masked = masked, .object = mutex,
                           .deadline_ns = deadline_ns, .lock = &mutex->lock };
    int rc;

    mo_queue_add(waiters_of(mutex), node);
    rc = mo_wait(&how);
    if (rc == 0 || rc == -EOWNERDEAD)
        return rc;
    mo_word_lock(&mutex->lock);
    if (mo_queue_holds(waiters_of(mutex), node))
        mo_queue_remove(waiters_of(mutex), node);
    mo_word_unlock(&mutex->lock);
    return rc;
}

static inline __attribute__((always_inline))
int lock(struct moirai_mutex *mutex, int64_t deadline_ns, bool masked)
{
    struct mo_worker *w = mo_self();
    struct mo_native native;
    void *self = who();
    struct mo_node *node;
    struct mo_fiber *fiber = w != NULL && w->task != NULL ? w->fiber : NULL;
    int rc;

    mo_word_lock(&mutex->lock);
    if (mutex->owner == NULL) {
        rc = take(mutex, self, fiber);
        mo_race_acquire(&mutex->owner);
    } else if (mutex->owner == self) {
        rc = -EDEADLK;
    } else if (deadline_ns <= MOIRAI_NOW) {
        rc = -EAGAIN;
    } else if (mo_runtime_bereft()) {
        rc = -ECHILD;
    } else {
        node = mo_node_self(&native);
        node->message = self;
        return wait_turn(mutex, node, deadline_ns, masked);
    }
    mo_word_unlock(&mutex->lock);
    return rc;
}

int moirai_mutex_lock(struct moirai_mutex *mutex, int64_t deadline_ns)
{
    return lock(mutex, deadline_ns, false);
}

int mo_mutex_retake(struct moirai_mutex *mutex)
{
    return lock(mutex, MOIRAI_NEVER, true);
}

int moirai_mutex_unlock(struct moirai_mutex *mutex)
{
    struct mo_worker *w = mo_self();

    mo_word_lock(&mutex->lock);
    if (mutex->owner != who()) {
        mo_word_unlock(&mutex->lock);
        return -EPERM;
    }
    if (w != NULL && w->task != NULL)
        unhold(w->fiber, mutex);
    hand_over(mutex);
    return 0;
}

void mo_mutex_pass_on(struct mo_fiber *fiber)
{
    while (fiber->held != NULL) {
        struct moirai_mutex *mutex = fiber->held;

        mo_word_lock(&mutex->lock);
        unhold(fiber, mutex);
        mutex->owner_died = 1;
        hand_over(mutex);
    }
}
