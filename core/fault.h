/* SPDX-License-Identifier: MIT */
/*
 * fault.h - a task has used up its stack.
 */
#ifndef MO_FAULT_H
#define MO_FAULT_H

#include <stdbool.h>

#include "worker.h"

/* Watches for overflows in `rt`: installs the handlers of the process, if it is
 * the first to want them, and prepares what they will say. 0 or -ENOMEM. The
 * caller holds mo_child_forbid, as for close. */
int mo_fault_open(struct moirai_runtime *rt);
void mo_fault_close(struct moirai_runtime *rt);

/* Gives the calling thread a stack to handle signals on, unless it has one.
 * Without memory it goes without: overflows then end the process unexplained.
 * fini is called on the same thread. */
void mo_fault_stack_init(struct mo_signal_stack *stack);
void mo_fault_stack_fini(struct mo_signal_stack *stack);

/* The running task, about to wait, is not on its stack any more: a frame so
 * large that it jumped over the guard. Says so and ends the process; returns
 * where stacks may be elsewhere than the core thinks. */
__attribute__((cold)) void mo_fault_jumped(struct mo_worker *w);

/* Calls fn(arg). False: it was ended by a memory fault. For looking at what may
 * be broken; fn holds nothing that has to be given back. */
bool mo_fault_try(void (*fn)(void *), void *arg);

/* In a forked child: the handlers are the program's again. */
void mo_fault_forked(void);

#endif
