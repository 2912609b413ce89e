/* SPDX-License-Identifier: MIT */
/*
 * tidy.c - an idle process keeps no stacks warm.
 *
 * After stacks.keep of sleep a worker gives all that it has in reserve back to
 * the stack plugin: both batches of each class, and the stack that its loop
 * would go on on. Of its loop's own stack, it gives back the pages below the
 * frames that are in use. The last one to sleep has the plugin give back what
 * that keeps warm. It all comes again as it is needed, for a page fault each.
 *
 * A worker that is woken more often than that, by timers or tasks, keeps all of
 * it; so does one that waits for work by spinning (scheduler.idle).
 */
#include "tidy.h"

#include "arch/switch.h"
#include "fiber.h"
#include "runtime.h"

#define IN_USE ((size_t)16 << 10)   /* below the frame that looks: more than
                                     * those need that it calls */

int64_t mo_tidy_due(const struct mo_worker *w)
{
    const struct moirai_runtime *rt = w->runtime;

    if (rt->options.keep == 0 || rt->os->sim != NULL)
        return MOIRAI_NEVER;
    return mo_runtime_now(rt) + rt->options.keep;
}

/* What is measured must stay (depth.c), and what a tool watches, too. */
static void trim_loop(struct mo_worker *w)
{
    const struct moirai_runtime *rt = w->runtime;
    char *low = (char *)__builtin_frame_address(0);

    if (rt->stack->trim == NULL || w->depths != NULL || w->fiber != w->loop
        || !mo_switch_saves_on_stack() || mo_watched() || mo_valgrind()
        || (size_t)(low - w->fiber->stack.base) <= IN_USE)
        return;
    rt->stack->trim(rt->stack_state, &w->fiber->stack, low - IN_USE);
}

void mo_tidy(struct mo_worker *w)
{
    struct moirai_runtime *rt = w->runtime;

    if (w->spare != NULL)
        mo_fiber_put(w, w->spare);
    w->spare = NULL;                /* the loop gets another when it needs it */
    mo_fiber_drain(w);
    trim_loop(w);
    if (rt->stack->cool != NULL
        && mo_load(&rt->idle.sleepers) >= mo_load(&rt->staff.working))
        rt->stack->cool(rt->stack_state);
}
