/* SPDX-License-Identifier: MIT */
/*
 * switch.h - leaving one stack for another.
 *
 * A context that is not running is one pointer into its stack; everything else
 * it needs has been pushed there. Callee-saved integer registers are kept; the
 * floating-point control words are not (see moirai/task.h): saving them costs
 * three times as much as the rest of the switch.
 *
 * A context is resumed once for each time it was left, by any thread. Whoever
 * resumes it must see everything the thread that left it wrote, which the
 * queue between them provides.
 */
#ifndef MO_SWITCH_H
#define MO_SWITCH_H

#include <stdbool.h>
#include <stddef.h>

/* Saves the caller's context, stores it in *save, and resumes `to`. Returns
 * when somebody resumes what was saved. */
void mo_switch(void **save, void *to);

/* The same, written out where it is called, for who always leaves this way: a
 * context that was left by mo_switch is not resumed by mo_switch_here. */
#ifdef MO_SWITCH_INLINE
#include "arch/switch_inline.h"
#else
#define mo_switch_here(save, to) mo_switch((save), (to))
#endif

/* A context that, when first resumed, calls entry(arg) on the stack
 * [base, base + size). entry must never return. NULL: the system has no room
 * for another, where contexts are threads. */
void *mo_switch_fresh(char *base, size_t size, void (*entry)(void *),
                      void *arg);

/* Is a context an address in its own stack, below which nothing is in use? */
static inline bool mo_switch_saves_on_stack(void)
{
#ifdef MO_SWITCH_THREADS
    return false;
#else
    return true;
#endif
}

/* A context of mo_switch_fresh will not be resumed again, and its stack is
 * about to be used otherwise. */
#ifdef MO_SWITCH_THREADS
void mo_switch_end(void *context);
#else
static inline void mo_switch_end(void *context)
{
    (void)context;
}
#endif

/* Calls fn(arg), to an unwinder as if from the context that was left at `sp`:
 * it finds that context's frames after ours. Where no such call can be made,
 * does nothing. */
void mo_switch_walk(void *sp, void (*fn)(void *), void *arg);

#endif
