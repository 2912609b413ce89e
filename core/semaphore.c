/* SPDX-License-Identifier: MIT */
/*
 * semaphore.c - a number of things, for those who have waited longest.
 *
 * Who wants many is not overtaken by who wants few. So whoever leaves the front
 * of the queue without having got any may have held up those behind.
 */
#include <errno.h>

#include <moirai/sync.h>

#include "gate.h"

/* A waiting node's message is how many it wants. */
static uint32_t wanted(const struct mo_node *node)
{
    return (uint32_t)(uintptr_t)node->message;
}

/* Hands out what there is. The lock is held, and dropped here. */
static void hand_out(struct moirai_semaphore *semaphore)
{
    struct mo_queue *queue = mo_gate_queue(&semaphore->gate);
    struct mo_queue claimed = { NULL, NULL };
    struct mo_node *node;

    mo_race_acquire(semaphore);     /* from all who posted, for who goes on */
    while ((node = queue->first) != NULL && wanted(node) <= semaphore->count) {
        mo_queue_remove_first(queue);
        if (!mo_wait_claim_quick(node->waiter))
            continue;
        semaphore->count -= wanted(node);
        mo_queue_add(&claimed, node);
    }
    mo_word_unlock(&semaphore->gate.lock);
    mo_gate_wake(&claimed, 0);
}

int moirai_semaphore_post(struct moirai_semaphore *semaphore, uint32_t n)
{
    mo_word_lock(&semaphore->gate.lock);
    if (n > UINT32_MAX - semaphore->count) {
        mo_word_unlock(&semaphore->gate.lock);
        return -EOVERFLOW;
    }
    mo_race_release(semaphore);
    semaphore->count += n;
    hand_out(semaphore);
    return 0;
}

/* The lock is held, and dropped here. */
static int wait_for(struct moirai_semaphore *semaphore, uint32_t n,
                    int64_t deadline_ns)
{
    struct mo_native native;
    struct mo_node *node = mo_node_self(&native);
    int rc;

    node->message = (void *)(uintptr_t)n;
    rc = mo_gate_park_node(&semaphore->gate, node, MO_WAIT_SEMAPHORE,
                           semaphore, deadline_ns);
    if (rc < 0) {
        mo_gate_leave(&semaphore->gate, node);
        hand_out(semaphore);
    }
    return rc;
}

int moirai_semaphore_wait(struct moirai_semaphore *semaphore, uint32_t n,
                          int64_t deadline_ns)
{
    int rc = 0;

    mo_word_lock(&semaphore->gate.lock);
    if (semaphore->gate.first == NULL && n <= semaphore->count) {
        semaphore->count -= n;
        mo_race_acquire(semaphore);
    } else {
        rc = mo_gate_refusal(deadline_ns);
        if (rc == 0)
            return wait_for(semaphore, n, deadline_ns);
    }
    mo_word_unlock(&semaphore->gate.lock);
    return rc;
}
