/* SPDX-License-Identifier: MIT */
/*
 * owner.c - the caller, as the owner of something.
 */
#include "owner.h"

#include "worker.h"

/* Its address names a thread; one more than that, lest it be taken for a
 * fiber's. */
static _Thread_local _Alignas(8) char thread_marker[8];

__attribute__((noinline)) void *mo_owner_self(void)
{
    struct mo_worker *w = mo_self();

    return w != NULL && w->task != NULL ? (void *)w->fiber
                                        : (void *)(thread_marker + 1);
}
