/* SPDX-License-Identifier: MIT */
/*
 * cond.c - waiting for what a mutex guards to change.
 *
 * The mutex is unlocked under the condition's lock, which the commit of the
 * wait drops: so whoever locks the mutex next and signals finds a waiter that
 * can be claimed. A signal is spent on a claim that succeeds, never on a waiter
 * whose time has come.
 */
#include <errno.h>

#include <moirai/sync.h>

#include "gate.h"
#include "inject.h"
#include "sync.h"

/* As a simulation may ask for. A signal that comes meanwhile is for those who
 * wait. */
static int wake_for_nothing(struct moirai_cond *cond,
                            struct moirai_mutex *mutex)
{
    mo_word_unlock(&cond->gate.lock);
    mo_inject_turns();
    return mo_mutex_retake(mutex);
}

int moirai_cond_wait(struct moirai_cond *cond, struct moirai_mutex *mutex,
                     int64_t deadline_ns)
{
    int rc = mo_gate_refusal(deadline_ns);
    int again;

    mo_word_lock(&cond->gate.lock);
    if (rc == 0)
        rc = moirai_mutex_unlock(mutex);
    if (rc != 0) {
        mo_word_unlock(&cond->gate.lock);
        return rc;
    }
    if (mo_injects() && mo_inject_here(MO_INJECT_WAKE))
        return wake_for_nothing(cond, mutex);
    rc = mo_gate_park(&cond->gate, MO_WAIT_COND, cond, deadline_ns);
    again = mo_mutex_retake(mutex);
    return again != 0 ? again : rc;
}

void moirai_cond_signal(struct moirai_cond *cond)
{
    struct mo_queue claimed = { NULL, NULL };
    struct mo_node *node;

    mo_word_lock(&cond->gate.lock);
    node = mo_gate_claim_first(&cond->gate);
    if (node != NULL)
        mo_queue_add(&claimed, node);
    mo_word_unlock(&cond->gate.lock);
    mo_gate_wake(&claimed, 0);
}

void moirai_cond_broadcast(struct moirai_cond *cond)
{
    mo_word_lock(&cond->gate.lock);
    mo_gate_release(&cond->gate, 0);
}
