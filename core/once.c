/* SPDX-License-Identifier: MIT */
/*
 * once.c - done by the first who needs it.
 *
 * `owner` is who is doing it. Whoever gives up while others wait makes the
 * oldest of them the owner before that one runs, so nobody who comes later is
 * first. `done` is set behind all of it, and read without the lock: it is all
 * that most calls look at.
 */
#include "once.h"

#include <errno.h>

#include "gate.h"
#include "worker.h"

#define YOURS 1                     /* what a new owner is woken with */

/* Any of the plain threads, before it says which: see owner.h. */
#define SOME_THREAD ((void *)(uintptr_t)1)

const struct mo_fiber *mo_once_owner(const struct moirai_once *once,
                                     bool *thread)
{
    return mo_owner_fiber(mo_load_relaxed(&once->owner), thread);
}

static void pass_on(void *arg)
{
    struct moirai_once *once = arg;
    struct mo_queue claimed = { NULL, NULL };
    struct mo_node *node;
    void *owner = NULL;

    mo_word_lock(&once->gate.lock);
    mo_race_release(&once->gate);
    node = mo_gate_claim_first(&once->gate);
    if (node != NULL) {
        owner = node->waiter->fiber;
        if (owner == NULL)
            owner = SOME_THREAD;
        mo_queue_add(&claimed, node);
    }
    mo_store_relaxed(&once->owner, owner);
    mo_word_unlock(&once->gate.lock);
    mo_gate_wake(&claimed, YOURS);
}

/* The caller is the owner. */
static int do_it(struct moirai_once *once, moirai_fn *fn, void *arg)
{
    struct mo_worker *w = mo_self();
    struct moirai_cleanup cleanup;
    bool task = w != NULL && w->task != NULL;
    int rc;

    if (task)
        moirai_cleanup_push(&cleanup, pass_on, once);
    rc = fn(arg);
    if (task)
        moirai_cleanup_pop(&cleanup, false);
    if (rc != 0) {
        pass_on(once);
        return rc;
    }
    mo_race_release(&once->done);
    mo_store(&once->done, 1);       /* pairs with moirai_once_do's load */
    mo_word_lock(&once->gate.lock);
    mo_store_relaxed(&once->owner, NULL);
    once->gate.open = 1;
    mo_gate_release(&once->gate, 0);
    return 0;
}

/* Makes the caller the owner: YOURS. Or it is done, 0, or neither. */
static int await(struct moirai_once *once, int64_t deadline_ns)
{
    void *self = mo_owner_self();
    void *owner;
    int rc = YOURS;

    mo_word_lock(&once->gate.lock);
    owner = mo_load_relaxed(&once->owner);
    if (once->gate.open)
        rc = 0;
    else if (owner == self)
        rc = -EDEADLK;
    else if (owner != NULL)
        return mo_gate_park(&once->gate, MO_WAIT_ONCE, once, deadline_ns);
    if (rc == YOURS)
        mo_store_relaxed(&once->owner, self);
    if (rc >= 0)
        mo_race_acquire(&once->gate);
    mo_word_unlock(&once->gate.lock);
    return rc;
}

int moirai_once_do(struct moirai_once *once, moirai_fn *fn, void *arg,
                   int64_t deadline_ns)
{
    int rc;

    if (mo_load(&once->done)) {
        mo_race_acquire(&once->done);
        return 0;
    }
    rc = await(once, deadline_ns);
    if (rc != YOURS)
        return rc;
    mo_store_relaxed(&once->owner, mo_owner_self());
    return do_it(once, fn, arg);
}
