/* SPDX-License-Identifier: MIT */
/*
 * fiber.h - stacks with what belongs to them, pooled per worker.
 */
#ifndef MO_FIBER_H
#define MO_FIBER_H

#include "worker.h"

/* The words that tell whether a stack is soiled: so many at the beginning of
 * its top page, and some further up. */
#define MO_MARK_LOW 8
#define MO_MARK_HIGH 64
#define MO_MARK_END 68

/* A fiber of the class, prepared to call entry(fiber) when it is first
 * resumed; NULL: no memory or a limit of the stack plugin. */
struct mo_fiber *mo_fiber_get(struct mo_worker *w,
                              enum moirai_stack_class stack_class,
                              void (*entry)(void *));

/* Gives the fiber back to the calling worker's pool, from another stack. */
void mo_fiber_put(struct mo_worker *w, struct mo_fiber *fiber);

/* Gives what a worker has pooled back to the stack plugin; it runs no more. */
void mo_fiber_drain(struct mo_worker *w);

/* Has somebody gone deeper on this stack than its top page? The mark is zero
 * until a deeper call's frames write there. That is not certain: a frame may
 * leave it out. A whole cache line is seldom left out; the few words further up
 * catch what does (getaddrinfo, sscanf of glibc). */
static inline bool mo_fiber_is_soiled(const struct mo_fiber *fiber)
{
    typedef uint64_t pair __attribute__((vector_size(16), may_alias));
    const pair *mark = (const pair *)fiber->mark;
    pair found = mark[MO_MARK_HIGH / 2] | mark[MO_MARK_HIGH / 2 + 1];

    for (int i = 0; i < MO_MARK_LOW / 2; i++)
        found |= mark[i];
    return __builtin_expect((found[0] | found[1]) != 0, 0);
}

/* The task on this fiber, which is soiled, is about to wait: what is to be
 * called on the next stack, *after(*arg), shall first give back the pages below
 * those in use, unless that was done often of late. */
void mo_fiber_clean_after(struct mo_fiber *fiber, void (**after)(void *),
                          void **arg);

#endif
