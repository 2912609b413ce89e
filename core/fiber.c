/* SPDX-License-Identifier: MIT */
/*
 * fiber.c - a few warm stacks per worker, the plugin's behind them.
 *
 * The record of a fiber lies at the top of its stack, in the page that a parked
 * task needs anyway: a million of them cost nothing beside, and who resumes a
 * task misses one page less. (docs/decisions/0008 has the price.) Its distance
 * from the top differs from stack to stack, since pages begin at the same sets
 * of the caches. A stack that went back to the plugin is without a record;
 * the roster knows which have one.
 *
 * A worker keeps up to two batches of each class, and trades whole ones with
 * the plugin, so most of the time no lock is taken. How many it asks for grows
 * while it asks. While any worker gets none at all, the others keep none.
 *
 * Deep calls leave pages behind that a parked task has no use for. The second
 * page from the top tells (mo_fiber_is_soiled), and they are given back when
 * the task next waits, from the next stack, before anybody may resume it. A
 * task that leaves some again and again pays for it at ever longer distances:
 * it may do nothing but call deep and wait.
 */
#include "fiber.h"

#include "arch/switch.h"
#include "depth.h"
#include "near.h"

#define BATCH 64                    /* fibers traded at once, at most */
#define DEEP_BATCH 8                /* of those of other classes than tasks' */
#define RACE_LEAST 64               /* of a pool under mo_race_on, and ... */
#define RACE_MOST 128               /* ... at most */
#define COLOURS 8                   /* distances from the top of a stack */
#define BELOW 512                   /* bytes that may be in use under sp */
#define OFTEN 16                    /* cleanings of a task, then it is rare */

_Static_assert(sizeof(struct mo_fiber) % sizeof(uint64_t) == 0,
               "mo_slab_clear reaches all of it");

/* The mark of a stack that has none. */
static _Alignas(16) uint64_t never[MO_MARK_PAGE / sizeof(uint64_t)];

/* Where in its stack the record is. The same each time for the same stack. */
static struct mo_fiber *record(const struct moirai_stack *stack)
{
    uintptr_t top = (uintptr_t)stack->base + stack->size;
    uintptr_t colour = ((top >> 12) * UINT32_C(2654435761) >> 20) % COLOURS;

    return (struct mo_fiber *)((top - sizeof(struct mo_fiber)
                                - colour * MO_CACHE_LINE)
                               & ~(uintptr_t)(MO_CACHE_LINE - 1));
}

/* Bytes of a fiber's stack for the code that runs on it. */
static size_t room(const struct mo_fiber *fiber)
{
    return (size_t)((const char *)fiber - fiber->stack.base);
}

static uint64_t *find_mark(const struct moirai_runtime *rt,
                           const struct mo_fiber *fiber)
{
    bool can = rt->stack->trim != NULL && mo_switch_saves_on_stack()
            && !mo_watched() && !mo_valgrind();

    return can ? (uint64_t *)((uintptr_t)fiber / MO_MARK_PAGE * MO_MARK_PAGE
                              - MO_MARK_PAGE)
               : never;
}

void mo_fiber_classes(struct moirai_runtime *rt)
{
    uint32_t n = rt->stack->classes;

    if (n == 0)
        n = MOIRAI_STACK_EXTRA;     /* the first two: older plugins, too */
    for (uint32_t i = 0; i < n && i < MOIRAI_STACK_CLASSES; i++)
        rt->stack_sizes[i] = rt->stack->class_size(rt->stack_state, i);
}

/* Makes a fiber of a stack; NULL: out of memory. */
static struct mo_fiber *begin(struct mo_worker *w,
                              const struct moirai_stack *stack)
{
    struct moirai_runtime *rt = w->runtime;
    struct mo_fiber *fiber = record(stack);

    mo_slab_clear(fiber, sizeof *fiber);
    fiber->stack = *stack;
    fiber->base = stack->base;
    fiber->deep = stack->stack_class == MOIRAI_STACK_LOOP;
    fiber->mark = find_mark(rt, fiber);
    fiber->home = w->node;
    fiber->waiter.fiber = fiber;
    fiber->node.waiter = &fiber->waiter;
    mo_sanitize_born(&fiber->sanitize, stack->base, room(fiber));
    fiber->place = mo_roster_add(&rt->roster, fiber);
    if (fiber->place != NULL)
        return fiber;
    mo_sanitize_dead(&fiber->sanitize);
    return NULL;
}

/* What is left of it is the stack. It is hidden from walkers. */
static struct moirai_stack finish(struct moirai_runtime *rt,
                               struct mo_fiber *fiber)
{
    mo_sanitize_dead(&fiber->sanitize);
    mo_roster_remove(&rt->roster, fiber->place);
    return fiber->stack;
}

static uint32_t get_stacks(struct moirai_runtime *rt,
                           enum moirai_stack_class stack_class,
                           struct moirai_stack *stacks, uint32_t n)
{
    if (n > 1 && rt->stack->get_many != NULL)
        return rt->stack->get_many(rt->stack_state, stack_class, stacks, n);
    return rt->stack->get(rt->stack_state, stack_class, stacks) == 0;
}

static void put_stacks(struct moirai_runtime *rt,
                       const struct moirai_stack *stacks, uint32_t n)
{
    if (n > 1 && rt->stack->put_many != NULL) {
        rt->stack->put_many(rt->stack_state, stacks, n);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        rt->stack->put(rt->stack_state, &stacks[i]);
}

static uint32_t batch_of(uint32_t stack_class)
{
    return stack_class == MOIRAI_STACK_TASK ? BATCH : DEEP_BATCH;
}

/* How many to ask for: twice as many each time, so that few tasks cost little,
 * and many little each. Those of other classes are few. */
static uint32_t ask_for(struct mo_worker *w, uint32_t stack_class)
{
    uint32_t n = w->asked_for[stack_class];

    if (mo_race_on() || stack_class != MOIRAI_STACK_TASK)
        return 1;
    n = n == 0 ? 1 : n < BATCH ? 2 * n : BATCH;
    w->asked_for[stack_class] = n;
    return n;
}

static void keep(struct mo_worker *w, struct mo_fiber *fiber)
{
    uint32_t stack_class = fiber->stack.stack_class;

    fiber->next = w->pool[stack_class];
    w->pool[stack_class] = fiber;
    w->pooled[stack_class]++;
}

/* Pools what was sent back to this node. False: nothing was. */
static bool take_home(struct mo_worker *w, uint32_t stack_class)
{
    struct mo_fiber *fiber = mo_near_fetch(w, stack_class);
    bool some = fiber != NULL;

    while (fiber != NULL) {
        struct mo_fiber *next = fiber->next;

        keep(w, fiber);
        fiber = next;
    }
    return some;
}

/* Makes fibers of the plugin's stacks and pools them. */
static void refill(struct mo_worker *w, enum moirai_stack_class stack_class)
{
    struct moirai_runtime *rt = w->runtime;
    struct moirai_stack stacks[BATCH];
    uint32_t n;

    if (w->near != NULL && take_home(w, stack_class))
        return;
    n = get_stacks(rt, stack_class, stacks, ask_for(w, stack_class));
    mo_count(&w->count.stacks_made, n);
    while (n > 0) {
        struct mo_fiber *fiber = begin(w, &stacks[n - 1]);

        if (fiber == NULL)
            break;
        keep(w, fiber);
        n--;
    }
    put_stacks(rt, stacks, n);
}

/* A fiber of the worker's pool; NULL: there is none. */
static struct mo_fiber *take(struct mo_worker *w, uint32_t stack_class)
{
    struct mo_fiber *fiber;

    if (w->pool[stack_class] == NULL) {
        w->pool[stack_class] = w->batch[stack_class];
        w->pooled[stack_class] = w->batched[stack_class];
        w->batch[stack_class] = NULL;
        w->batched[stack_class] = 0;
    }
    fiber = w->pool[stack_class];
    if (fiber == NULL)
        return NULL;
    w->pool[stack_class] = fiber->next;
    w->pooled[stack_class]--;
    return fiber;
}

/* Reusing a stack orders its users, which hides races between them from TSan:
 * there it is put off. */
static bool may_reuse(const struct mo_worker *w, uint32_t stack_class)
{
    return !mo_race_on() || w->pooled[stack_class] > RACE_LEAST;
}

struct mo_fiber *mo_fiber_get(struct mo_worker *w,
                              enum moirai_stack_class stack_class,
                              void (*entry)(void *))
{
    struct mo_fiber *fiber = NULL;

    if (may_reuse(w, stack_class))
        fiber = take(w, stack_class);
    if (fiber != NULL) {
        mo_count(&w->count.stacks_reused, 1);
    } else {
        refill(w, stack_class);
        fiber = take(w, stack_class);
        if (fiber == NULL)
            return NULL;
    }
    fiber->next = fiber->prev = NULL;
    fiber->waited = 0;
    if (!mo_fiber_is_soiled(fiber))
        fiber->soiled = 0;
    fiber->sp = mo_switch_fresh(fiber->stack.base, room(fiber), entry, fiber);
    if (fiber->sp == NULL) {
        keep(w, fiber);
        return NULL;
    }
    return fiber;
}

/* Gives up to a batch of the list, which is not empty, back to the plugin.
 * False: not now, somebody looks at them. */
static bool shed(struct moirai_runtime *rt, struct mo_fiber **list)
{
    struct mo_fiber *fibers[BATCH];
    struct moirai_stack stacks[BATCH];
    struct mo_fiber *fiber = *list;
    uint32_t n = 0;

    do {
        fibers[n++] = fiber;
        fiber = fiber->next;
    } while (fiber != NULL && n < BATCH);
    if (!mo_roster_hide(&rt->roster, fibers, n))
        return false;
    for (uint32_t i = 0; i < n; i++)
        stacks[i] = finish(rt, fibers[i]);
    put_stacks(rt, stacks, n);
    *list = fiber;
    return true;
}

/* The pool is full: it becomes the batch that is kept, and what that was goes
 * back. */
static void set_aside(struct mo_worker *w, uint32_t stack_class)
{
    while (w->batch[stack_class] != NULL)
        if (!shed(w->runtime, &w->batch[stack_class]))
            return;
    w->batch[stack_class] = w->pool[stack_class];
    w->batched[stack_class] = w->pooled[stack_class];
    w->pool[stack_class] = NULL;
    w->pooled[stack_class] = 0;
}

/* Behind all others, for late reuse; if there are too many, the first goes. */
static void keep_last(struct mo_worker *w, struct mo_fiber *fiber)
{
    uint32_t stack_class = fiber->stack.stack_class;
    struct mo_fiber **at = &w->pool[stack_class];

    while (*at != NULL)
        at = &(*at)->next;
    fiber->next = NULL;
    *at = fiber;
    if (w->pooled[stack_class]++ < RACE_MOST)
        return;
    fiber = take(w, stack_class);
    fiber->next = NULL;
    if (!shed(w->runtime, &fiber))
        keep(w, fiber);
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

/* It is of another node. False: it stays here. */
static MO_COLD bool go_home(struct mo_worker *w, struct mo_fiber *fiber)
{
    if (mo_load_relaxed(&w->runtime->starving) == 0 && mo_near_send(w, fiber))
        return true;
    fiber->next = NULL;
    return shed(w->runtime, &fiber);
}

void mo_fiber_put(struct mo_worker *w, struct mo_fiber *fiber)
{
    uint32_t stack_class = fiber->stack.stack_class;

    mo_store_relaxed(&fiber->task, NULL);
    if (w->depths != NULL)
        mo_depth_end(w, fiber);
    mo_switch_end(fiber->sp);
    mo_sanitize_wipe(&fiber->sanitize, fiber->sp);
    fiber->next = NULL;
    if (fiber->overflown && !guard_again(w->runtime, fiber)
        && shed(w->runtime, &fiber))
        return;
    if (__builtin_expect(fiber->home != w->node, 0) && go_home(w, fiber))
        return;
    if (mo_race_on()) {
        keep_last(w, fiber);
        return;
    }
    if (w->pooled[stack_class] >= batch_of(stack_class))
        set_aside(w, stack_class);
    keep(w, fiber);
    if (__builtin_expect(mo_load_relaxed(&w->runtime->starving) != 0, 0))
        mo_fiber_drain(w);
}

void mo_fiber_drain(struct mo_worker *w)
{
    for (uint32_t i = 0; i < MOIRAI_STACK_CLASSES; i++) {
        if (w->near != NULL)
            take_home(w, i);
        for (uint32_t round = 0; w->pool[i] != NULL || w->batch[i] != NULL;)
            if (!shed(w->runtime, w->pool[i] != NULL ? &w->pool[i]
                                                     : &w->batch[i]))
                mo_relax(round++);
        w->pooled[i] = w->batched[i] = 0;
    }
}

/* On the next stack; nobody can have resumed the fiber yet. */
static void clean(void *arg)
{
    struct mo_fiber *fiber = arg;
    struct mo_worker *w = mo_here();
    struct moirai_runtime *rt = w->runtime;
    void (*then)(void *) = fiber->then;
    void *then_arg = fiber->then_arg;
    char *low = (char *)fiber->sp - BELOW;

    if (low > fiber->stack.base) {
        if (w->depths != NULL)
            mo_depth_trim(w, fiber, low);
        rt->stack->trim(rt->stack_state, &fiber->stack, low);
        mo_count(&w->count.stacks_cleaned, 1);
    }
    if (then != NULL)
        then(then_arg);
}

void mo_fiber_clean_after(struct mo_fiber *fiber, void (**after)(void *),
                          void **arg)
{
    uint32_t n = ++fiber->soiled;

    if (n > OFTEN && (n & (n - 1)) != 0)
        return;
    fiber->then = *after;
    fiber->then_arg = *arg;
    *after = clean;
    *arg = fiber;
}
