/* SPDX-License-Identifier: MIT */
/*
 * near.c - keeping tasks, and what they lie on, on their node.
 *
 * Whose memory a page comes from, the system decides when it is first touched:
 * it takes the node of the processor that does. Workers are bound to nodes, so
 * stacks that a worker gets, and tasks that it makes, are its node's without
 * anything being said. What the start touches on behalf of a worker, its
 * queues and first stacks, is touched while the starting thread prefers that
 * node (mo_near_prefer).
 *
 * That alone would mix in time: a task is stolen, ends elsewhere, and leaves
 * its stack there. So each stack has a home, the node of the worker that got
 * it from the plugin. A task that waited is at home where its stack is: when it
 * is ready again the scheduler is told so (push_home). And a stack that is
 * left on another node is sent back: to a list, from which workers of its home
 * refill their pools before they ask the plugin. What goes back to the plugin
 * has no home: a few stacks that it keeps with their memory (stacks.pool) may
 * next be got on another node.
 *
 * A task that has not waited has no stack, and is at home wherever it begins.
 * Tasks' own records, of 64 bytes or so, stay where they end.
 *
 * Whom to steal from: all that are equally far make a ring, and nearer rings
 * come first; victim.c goes round them.
 */
#include "near.h"

#include <errno.h>

#include "mem.h"

#define KEPT 256                    /* stacks of a class that a node is sent;
                                     * more go back to the plugin */

bool mo_near_matters(const struct mo_seats *seats,
                     const struct moirai_sched_ops *sched)
{
    return seats->each != NULL && seats->machine.node_count >= 2
        && (sched->flags & MOIRAI_SCHED_NODES) != 0;
}

/* That many distances from a node are less than that to `to`. */
uint32_t mo_near_ring(const struct mo_machine *machine, uint32_t from,
                      uint32_t to)
{
    uint32_t far = mo_machine_distance(machine, from, to);
    uint32_t rings = 0;

    if (from == to)
        return 0;
    for (uint32_t i = 0; i < machine->node_count; i++) {
        uint32_t here = mo_machine_distance(machine, from, i);
        bool first = i != from && here < far;

        for (uint32_t k = 0; first && k < i; k++)
            first = k == from || mo_machine_distance(machine, from, k) != here;
        rings += first;
    }
    return rings + 1 < MO_NEAR_RINGS ? rings + 1 : MO_NEAR_RINGS - 1;
}

static void rank(const struct moirai_runtime *rt, struct mo_near *near,
                 uint32_t node)
{
    const struct mo_seats *seats = &rt->seats;
    uint32_t n = 0;

    for (uint32_t i = 0; i < seats->machine.node_count; i++)
        near->ring[i] = (uint8_t)mo_near_ring(&seats->machine, node, i);
    for (uint32_t ring = 0; ring < MO_NEAR_RINGS; ring++) {
        for (uint32_t i = 0; i < rt->staff.most; i++)
            if (near->ring[mo_seats_of(seats, i)->node] == ring)
                near->order[n++] = i;
        near->end[ring] = n;
    }
}

static bool open_node(struct moirai_runtime *rt, uint32_t node)
{
    struct mo_near *near = &rt->near[node];

    near->order = mo_mem_alloc(rt->staff.most * sizeof *near->order, 8);
    near->ring = mo_mem_alloc(rt->seats.machine.node_count, 8);
    if (near->order == NULL || near->ring == NULL)
        return false;
    rank(rt, near, node);
    return true;
}

int mo_near_open(struct moirai_runtime *rt, struct moirai_sched_env *env)
{
    const struct mo_seats *seats = &rt->seats;
    uint32_t n = seats->machine.node_count;
    bool fine;

    if (!mo_near_matters(seats, rt->sched))
        return 0;
    rt->near = mo_mem_alloc(n * sizeof *rt->near, MO_CACHE_LINE);
    rt->node_of = mo_mem_alloc(rt->staff.most * sizeof *rt->node_of, 8);
    fine = rt->near != NULL && rt->node_of != NULL;
    for (uint32_t i = 0; fine && i < n; i++)
        fine = open_node(rt, i);
    if (!fine) {
        mo_near_close(rt);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < rt->staff.most; i++)
        rt->node_of[i] = mo_seats_of(seats, i)->node;
    env->nodes = n;
    env->started = rt->worker_count;
    env->node_of = rt->node_of;
    return 0;
}

void mo_near_close(struct moirai_runtime *rt)
{
    for (uint32_t i = 0; rt->near != NULL
                         && i < rt->seats.machine.node_count; i++) {
        mo_mem_free(rt->near[i].order);
        mo_mem_free(rt->near[i].ring);
    }
    mo_mem_free(rt->near);
    mo_mem_free(rt->node_of);
    rt->near = NULL;
    rt->node_of = NULL;
}

bool mo_near_prefer(const struct moirai_runtime *rt, uint32_t index,
                    struct mo_os_policy *before)
{
    const struct mo_machine *machine = &rt->seats.machine;

    return rt->near != NULL && machine->real
        && mo_os_prefer(machine->nodes[rt->node_of[index]].number, before);
}

/* In place of the scheduler's push, where the core does not push itself. */
static void push(void *state, void *worker, struct moirai_task *task)
{
    struct mo_worker *w = mo_here();

    (void)state;
    (void)worker;
    mo_near_ready(w->runtime, w, task);
}

void mo_near_place(struct mo_worker *w)
{
    const struct moirai_runtime *rt = w->runtime;

    if (rt->near == NULL)
        return;
    w->near = &rt->near[rt->node_of[w->hot.index]];
    w->node = rt->node_of[w->hot.index];
    if (rt->sched->push_home != NULL) {
        w->queue.onto = NULL;
        w->queue.push = push;
    }
}

void mo_near_ready(struct moirai_runtime *rt, struct mo_worker *w,
                   struct moirai_task *task)
{
    const struct mo_fiber *fiber = task->fiber;
    void *worker = w != NULL ? w->queue.worker : NULL;
    uint32_t home;

    if (fiber == NULL || (w != NULL && fiber->home == w->node)
        || rt->sched->push_home == NULL) {
        rt->sched->push(rt->sched_state, worker, task);
        return;
    }
    home = fiber->home;             /* the task may be gone after the push */
    if (w != NULL)
        mo_count(&w->count.sent_home, 1);
    rt->sched->push_home(rt->sched_state, worker, task, home);
    mo_idle_notify_node(rt, home);
}

void mo_near_count(struct mo_worker *w, const struct mo_worker *victim)
{
    uint32_t ring = w->near->ring[victim->node];

    if (ring == 0)
        mo_count(&w->count.stolen_on_node, 1);
    else if (ring == 1)
        mo_count(&w->count.stolen_next, 1);
    else
        mo_count(&w->count.stolen_far, 1);
}

bool mo_near_send(struct mo_worker *w, struct mo_fiber *fiber)
{
    struct mo_near *home = &w->runtime->near[fiber->home];
    uint32_t stack_class = fiber->stack.stack_class;

    bool sent;

    mo_lock_take(&home->lock);
    sent = home->kept[stack_class] < KEPT;
    if (sent) {
        fiber->next = home->stacks[stack_class];
        mo_store_relaxed(&home->stacks[stack_class], fiber);
        home->kept[stack_class]++;
    }
    mo_lock_drop(&home->lock);
    mo_count(&w->count.stacks_sent, sent);
    return sent;
}

struct mo_fiber *mo_near_fetch(struct mo_worker *w, uint32_t stack_class)
{
    struct mo_near *home = w->near;
    struct mo_fiber *list;

    if (mo_load_relaxed(&home->stacks[stack_class]) == NULL)
        return NULL;
    mo_lock_take(&home->lock);
    list = home->stacks[stack_class];
    mo_store_relaxed(&home->stacks[stack_class], NULL);
    home->kept[stack_class] = 0;
    mo_lock_drop(&home->lock);
    return list;
}
