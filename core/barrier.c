/* SPDX-License-Identifier: MIT */
/*
 * barrier.c - all parties pass, or none.
 *
 * A party whose wait is ended by time or cancellation breaks the barrier, under
 * the lock, if it is still in the queue. If it is not, all had come before that
 * (or somebody else broke it), and the party returns what the others do.
 */
#include <errno.h>

#include <moirai/sync.h>

#include "gate.h"

#define BROKEN 1                    /* what waiters are woken with */

/* The lock is held, and dropped here. `stays`: it is broken for all to come. */
static void let_go(struct moirai_barrier *barrier, int result, bool stays)
{
    barrier->broken = stays;
    mo_store_relaxed(&barrier->arrived, 0);
    mo_race_acquire(barrier);       /* from all who came, for who goes on */
    mo_gate_release(&barrier->gate, result);
}

/* Waits for the others. The lock is held, and dropped here. */
static int await(struct moirai_barrier *barrier, int64_t deadline_ns)
{
    struct mo_native native;
    struct mo_node *node = mo_node_self(&native);
    int rc;

    mo_store_relaxed(&barrier->arrived, barrier->arrived + 1);
    rc = mo_gate_park_node(&barrier->gate, node, MO_WAIT_BARRIER, barrier,
                           deadline_ns);
    if (rc < 0) {
        if (mo_gate_leave(&barrier->gate, node)) {
            let_go(barrier, BROKEN, true);
            return rc;
        }
        mo_race_acquire(barrier);
        rc = (int)(intptr_t)node->message;
        mo_word_unlock(&barrier->gate.lock);
    }
    return rc == BROKEN ? -EPIPE : 0;
}

int moirai_barrier_wait(struct moirai_barrier *barrier, int64_t deadline_ns)
{
    int rc;

    mo_word_lock(&barrier->gate.lock);
    mo_race_release(barrier);
    if (barrier->broken) {
        rc = -EPIPE;
    } else if (barrier->arrived + 1 >= barrier->parties) {
        let_go(barrier, 0, false);
        return MOIRAI_BARRIER_LAST;
    } else {
        rc = mo_gate_refusal(deadline_ns);
        if (rc == 0)
            return await(barrier, deadline_ns);
    }
    mo_word_unlock(&barrier->gate.lock);
    return rc;
}

void moirai_barrier_break(struct moirai_barrier *barrier)
{
    mo_word_lock(&barrier->gate.lock);
    let_go(barrier, BROKEN, true);
}

void moirai_barrier_reset(struct moirai_barrier *barrier)
{
    mo_word_lock(&barrier->gate.lock);
    let_go(barrier, BROKEN, false);
}
