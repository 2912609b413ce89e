/* SPDX-License-Identifier: MIT */
/*
 * queue.c - what a worker has of the scheduler plugin.
 *
 * Constant once the worker runs. What the core may do without the plugin is
 * decided here: `onto` pushes, `local` takes, `deque` is looked at by others.
 */
#include "queue.h"

#include "mem.h"
#include "runtime.h"

/* For tasks that have ranks: none goes before the one that yields unseen. */
static struct moirai_task *pop_none(void *state, void *worker)
{
    (void)state;
    (void)worker;
    return NULL;
}

bool mo_queue_open(const struct moirai_runtime *rt, struct mo_queue_ops *queue)
{
    const struct moirai_sched_ops *ops = rt->sched;

    queue->state = rt->sched_state;
    queue->worker = mo_mem_alloc(ops->worker_size, MO_CACHE_LINE);
    queue->push = ops->push;
    queue->pop = ops->pop;
    queue->pop_oldest = ops->pop_oldest != NULL ? ops->pop_oldest : ops->pop;
    if (ops->flags & MOIRAI_SCHED_RANKED)
        queue->pop_oldest = pop_none;
    queue->alone = rt->staff.most == 1;
    return queue->worker != NULL;
}

void mo_queue_lend(const struct moirai_runtime *rt, struct mo_queue_ops *queue)
{
    struct moirai_sched_local *local = queue->worker;

    if ((rt->sched->flags & MOIRAI_SCHED_DEQUE) == 0)
        return;
    queue->onto = local;
    queue->deque = &local->deque;
    if (local->pops != 0)           /* else the plugin is always asked */
        queue->local = local;
}

void mo_queue_close(struct mo_queue_ops *queue)
{
    mo_mem_free(queue->worker);
}
