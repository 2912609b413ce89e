/* SPDX-License-Identifier: MIT */
/*
 * fiber.c - a few warm stacks per worker, the plugin's behind them.
 *
 * The record of a fiber lives in a slab, apart from its stack, and is never
 * unmapped while the runtime lives: what other threads look at while a task is
 * parked (the claim word, the node) is not on the stack's cold pages, and task
 * dumps can walk all fibers without a lock.
 */
#include "fiber.h"


#include "arch/switch.h"

#define POOL_MOST 64                /* fibers a worker keeps of a class */
#define POOL_RACE 64                /* and leaves alone under mo_race_on */
#define KEEP ((size_t)16 << 10)     /* bytes below the caller of a trim */

_Static_assert(sizeof(struct mo_fiber) % sizeof(uint64_t) == 0,
               "mo_slab_clear reaches all of it");

/* Puts a new record where dumps find it. Records are only ever added. */
static void enlist(struct moirai_runtime *rt, struct mo_fiber *fiber)
{
    struct mo_fiber *first = mo_load(&rt->all_fibers);

    do
        fiber->all_next = first;
    while (!mo_cas(&rt->all_fibers, &first, fiber));
}

/* A record: one whose stack went back to the plugin, or a new one. */
static struct mo_fiber *record(struct moirai_runtime *rt)
{
    struct mo_fiber *fiber;

    mo_lock_take(&rt->bare_lock);
    fiber = rt->bare_fibers;
    if (fiber != NULL)
        rt->bare_fibers = fiber->next;
    mo_lock_drop(&rt->bare_lock);
    if (fiber != NULL)
        return fiber;
    fiber = mo_slab_get(&rt->fibers, NULL);
    if (fiber == NULL)
        return NULL;
    mo_slab_clear(fiber, sizeof *fiber);
    fiber->waiter.fiber = fiber;
    fiber->node.waiter = &fiber->waiter;
    enlist(rt, fiber);
    return fiber;
}

static void retire_record(struct moirai_runtime *rt, struct mo_fiber *fiber)
{
    mo_lock_take(&rt->bare_lock);
    fiber->next = rt->bare_fibers;
    rt->bare_fibers = fiber;
    mo_lock_drop(&rt->bare_lock);
}

static struct mo_fiber *make(struct mo_worker *w,
                             enum moirai_stack_class stack_class)
{
    struct moirai_runtime *rt = w->runtime;
    struct mo_fiber *fiber = record(rt);

    if (fiber == NULL)
        return NULL;
    if (rt->stack->get(rt->stack_state, stack_class, &fiber->stack) != 0) {
        retire_record(rt, fiber);
        return NULL;
    }
    mo_sanitize_born(&fiber->sanitize, fiber->stack.base, fiber->stack.size);
    mo_count(&w->count.stacks_made, 1);
    return fiber;
}

static void unmake(struct moirai_runtime *rt, struct mo_fiber *fiber)
{
    mo_sanitize_dead(&fiber->sanitize);
    rt->stack->put(rt->stack_state, &fiber->stack);
    retire_record(rt, fiber);
}

struct mo_fiber *mo_fiber_get(struct mo_worker *w,
                              enum moirai_stack_class stack_class,
                              void (*entry)(void *))
{
    struct mo_fiber *fiber = w->pool[stack_class];

    if (fiber != NULL
        && (!mo_race_on() || w->pooled[stack_class] > POOL_RACE)) {
        w->pool[stack_class] = fiber->next;
        w->pooled[stack_class]--;
        mo_count(&w->count.stacks_reused, 1);
    } else {
        fiber = make(w, stack_class);
        if (fiber == NULL)
            return NULL;
    }
    fiber->next = fiber->prev = NULL;
    fiber->waited = 0;
    fiber->sp = mo_switch_fresh(fiber->stack.base, fiber->stack.size, entry,
                                fiber);
    if (fiber->sp == NULL) {
        unmake(w->runtime, fiber);
        return NULL;
    }
    return fiber;
}

/* Reusing a stack orders its users, which hides races between them from TSan:
 * there it is put off. */
static uint32_t pool_most(void)
{
    return mo_race_on() ? 2 * POOL_RACE : POOL_MOST;
}

/* Its guard was opened for its last task to end. False: it has none now. */
static bool guard_again(struct moirai_runtime *rt, struct mo_fiber *fiber)
{
    fiber->overflown = 0;
    if (rt->stack->relax(rt->stack_state, &fiber->stack, false) != 0)
        return true;
    fiber->stack.guard_kind = MOIRAI_GUARD_NONE;
    fiber->stack.guard = 0;
    return false;
}

void mo_fiber_put(struct mo_worker *w, struct mo_fiber *fiber)
{
    uint32_t stack_class = fiber->stack.stack_class;
    struct mo_fiber **at;

    mo_store_relaxed(&fiber->task, NULL);
    mo_switch_end(fiber->sp);
    mo_sanitize_wipe(&fiber->sanitize, fiber->sp);
    if ((fiber->overflown && !guard_again(w->runtime, fiber))
        || w->pooled[stack_class] >= pool_most()) {
        unmake(w->runtime, fiber);
        return;
    }
    at = &w->pool[stack_class];
    while (mo_race_on() && *at != NULL)
        at = &(*at)->next;          /* behind the others: late reuse */
    fiber->next = *at;
    *at = fiber;
    w->pooled[stack_class]++;
}

void mo_fiber_drain(struct mo_worker *w)
{
    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++) {
        while (w->pool[i] != NULL) {
            struct mo_fiber *fiber = w->pool[i];

            w->pool[i] = fiber->next;
            unmake(w->runtime, fiber);
        }
        w->pooled[i] = 0;
    }
}

/* What follows until the switch needs a little of it: KEEP is ample. */
void mo_fiber_trim(struct moirai_runtime *rt, const struct mo_fiber *fiber)
{
    char *low = (char *)__builtin_frame_address(0) - KEEP;

    if (rt->stack->trim != NULL && low > fiber->stack.base
        && low < fiber->stack.base + fiber->stack.size)
        rt->stack->trim(rt->stack_state, &fiber->stack, low);
}
