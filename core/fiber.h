/* SPDX-License-Identifier: MIT */
/*
 * fiber.h - stacks with what belongs to them, pooled per worker.
 */
#ifndef MO_FIBER_H
#define MO_FIBER_H

#include "worker.h"

/* A fiber of the class, prepared to call entry(fiber) when it is first
 * resumed; NULL: no memory or a limit of the stack plugin. */
struct mo_fiber *mo_fiber_get(struct mo_worker *w,
                              enum moirai_stack_class stack_class,
                              void (*entry)(void *));

/* Gives the fiber back to the calling worker's pool, from another stack. */
void mo_fiber_put(struct mo_worker *w, struct mo_fiber *fiber);

/* Gives back the pages that the running stack does not use any more: it is
 * about to wait, on a deep stack that other tasks may have dirtied. */
void mo_fiber_trim(struct moirai_runtime *rt, const struct mo_fiber *fiber);

/* Gives what a worker has pooled back to the stack plugin; it runs no more. */
void mo_fiber_drain(struct mo_worker *w);

#endif
