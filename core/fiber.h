/* SPDX-License-Identifier: MIT */
/*
 * fiber.h - stacks with what belongs to them, pooled per worker.
 */
#ifndef MO_FIBER_H
#define MO_FIBER_H

#include "worker.h"

#define MO_MARK_PAGE 4096           /* or a part of one */
#define MO_MARK_STEP 42             /* pairs of words from one to the next */

/* Which classes of stacks there are, and how large, by the plugin. */
void mo_fiber_classes(struct moirai_runtime *rt);

/* A fiber of the class, prepared to call entry(fiber) when it is first
 * resumed; NULL: no memory or a limit of the stack plugin. */
struct mo_fiber *mo_fiber_get(struct mo_worker *w,
                              enum moirai_stack_class stack_class,
                              void (*entry)(void *));

/* Gives the fiber back to the calling worker's pool, from another stack. */
void mo_fiber_put(struct mo_worker *w, struct mo_fiber *fiber);

/* Gives what a worker has pooled back to the stack plugin; it runs no more. */
void mo_fiber_drain(struct mo_worker *w);

/* Has somebody gone deeper on this stack than its top page? What is below is
 * zero until then, and read without memory of its own: all such pages are one,
 * which the caches have. Frames that go there seldom leave out all the places
 * that are looked at. */
static inline bool mo_fiber_is_soiled(const struct mo_fiber *fiber)
{
    typedef uint64_t pair __attribute__((vector_size(16), may_alias));
    const pair *mark = (const pair *)fiber->mark;
    pair found = mark[MO_MARK_STEP] | mark[2 * MO_MARK_STEP]
               | mark[3 * MO_MARK_STEP] | mark[4 * MO_MARK_STEP]
               | mark[5 * MO_MARK_STEP] | mark[6 * MO_MARK_STEP];

    _Static_assert(MO_MARK_PAGE / 16 / MO_MARK_STEP == 6, "these are all");
    return __builtin_expect((found[0] | found[1]) != 0, 0);
}

/* The task on this fiber, which is soiled, is about to wait: what is to be
 * called on the next stack, *after(*arg), shall first give back the pages below
 * those in use, unless that was done often of late. */
void mo_fiber_clean_after(struct mo_fiber *fiber, void (**after)(void *),
                          void **arg);

#endif
