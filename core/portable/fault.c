/* SPDX-License-Identifier: MIT */
/*
 * fault.c - stack overflows, where nothing tells them from other crashes.
 *
 * No handler, no report, no policy: the system's own way to end a process is
 * all there is. A program may have relied on `kill`, so that is said; `report`
 * is the preset, and only a wish.
 */
#include "fault.h"

#include <errno.h>

#include "log.h"

int mo_fault_open(struct moirai_runtime *rt)
{
    rt->on_overflow = (enum mo_overflow)rt->options.on_overflow;
    if (rt->on_overflow == MO_OVERFLOW_KILL)
        mo_log(MOIRAI_LOG_WARN, "runtime.on_overflow: kill: this system tells "
               "nobody of an overflow; it ends the process");
    return 0;
}

void mo_fault_close(struct moirai_runtime *rt)
{
    (void)rt;
}

void mo_fault_stack_init(struct mo_signal_stack *stack)
{
    stack->memory = NULL;
}

void mo_fault_stack_fini(struct mo_signal_stack *stack)
{
    (void)stack;
}

/* A thread that is a task's context may be on a stack of the system's, which
 * lies anywhere. */
void mo_fault_jumped(struct mo_worker *w)
{
#ifndef MO_SWITCH_THREADS
    mo_panic("stack overflow: task %u needs more than its stack of %zu bytes",
             w->task != NULL ? (unsigned)w->task->id : 0,
             w->fiber->stack.size);
#else
    (void)w;
#endif
}

bool mo_fault_try(void (*fn)(void *), void *arg)
{
    (void)fn;
    (void)arg;
    return false;
}

void mo_fault_forked(void)
{
}
