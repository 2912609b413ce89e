/* SPDX-License-Identifier: MIT */
/*
 * gate.c - waiting at a gate, and opening it.
 *
 * A wait whose time has come, or that is cancelled, may find that its node was
 * taken out by who opened the gate at the same instant. What it was woken for
 * has happened then, and the one who opened may have counted on it (all parties
 * of a barrier pass, or none): so it returns what it would have been given. The
 * node holds that, since who takes it out has not won the right to write to the
 * waiter.
 */
#include "gate.h"

#include <errno.h>

#include "runtime.h"
#include "worker.h"

#define NOT_TOLD ((void *)(intptr_t)-1)

int mo_gate_refusal(int64_t deadline_ns)
{
    if (deadline_ns <= MOIRAI_NOW)
        return -EAGAIN;
    return mo_runtime_bereft() ? -ECHILD : 0;
}

int mo_gate_park_node(struct moirai_gate *gate, struct mo_node *node,
                      enum mo_wait_kind kind, const void *object,
                      int64_t deadline_ns)
{
    struct mo_wait how = { .waiter = node->waiter, .kind = kind,
                           .object = object, .deadline_ns = deadline_ns,
                           .lock = &gate->lock };

    mo_queue_add(mo_gate_queue(gate), node);
    return mo_wait(&how);
}

bool mo_gate_leave(struct moirai_gate *gate, struct mo_node *node)
{
    struct mo_queue *queue = mo_gate_queue(gate);

    mo_word_lock(&gate->lock);
    if (!mo_queue_holds(queue, node))
        return false;
    mo_queue_remove(queue, node);
    return true;
}

int mo_gate_park(struct moirai_gate *gate, enum mo_wait_kind kind,
                 const void *object, int64_t deadline_ns)
{
    struct mo_native native;
    struct mo_node *node;
    int rc = mo_gate_refusal(deadline_ns);

    if (rc != 0) {
        mo_word_unlock(&gate->lock);
        return rc;
    }
    node = mo_node_self(&native);
    node->message = NOT_TOLD;
    rc = mo_gate_park_node(gate, node, kind, object, deadline_ns);
    if (rc >= 0)
        return rc;
    if (!mo_gate_leave(gate, node) && node->message != NOT_TOLD) {
        mo_race_acquire(gate);
        rc = (int)(intptr_t)node->message;
    }
    mo_word_unlock(&gate->lock);
    return rc;
}

int mo_gate_wait(struct moirai_gate *gate, enum mo_wait_kind kind,
                 const void *object, int64_t deadline_ns)
{
    mo_word_lock(&gate->lock);
    if (!gate->open)
        return mo_gate_park(gate, kind, object, deadline_ns);
    mo_race_acquire(gate);
    mo_word_unlock(&gate->lock);
    return 0;
}

struct mo_node *mo_gate_claim_first(struct moirai_gate *gate)
{
    struct mo_queue *queue = mo_gate_queue(gate);
    struct mo_node *node;

    while ((node = queue->first) != NULL) {
        mo_queue_remove_first(queue);
        if (mo_wait_claim_quick(node->waiter))
            return node;
    }
    return NULL;
}

/* A node is gone as soon as its waiter goes on. */
void mo_gate_wake(struct mo_queue *claimed, int result)
{
    struct mo_node *node;

    while ((node = claimed->first) != NULL) {
        mo_queue_remove_first(claimed);
        mo_wait_end(node->waiter, result);
    }
}

/* Takes all out. Who cannot be claimed any more is told what he was taken out
 * for. */
static void claim_all(struct mo_queue *queue, struct mo_queue *claimed,
                      int result)
{
    struct mo_node *node;

    while ((node = queue->first) != NULL) {
        mo_queue_remove_first(queue);
        if (mo_wait_claim_quick(node->waiter)) {
            mo_wait_chose(node);
            mo_queue_add(claimed, node);
        } else if (node->which == 0) {
            node->message = (void *)(intptr_t)result;
        }
    }
}

void mo_gate_release(struct moirai_gate *gate, int result)
{
    struct mo_queue claimed = { NULL, NULL };

    mo_race_release(gate);
    claim_all(mo_gate_queue(gate), &claimed, result);
    mo_word_unlock(&gate->lock);
    mo_gate_wake(&claimed, result);
}

void mo_gate_open(struct moirai_gate *gate)
{
    mo_word_lock(&gate->lock);
    gate->open = 1;
    mo_gate_release(gate, 0);
}
