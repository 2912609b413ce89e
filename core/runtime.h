/* SPDX-License-Identifier: MIT */
/*
 * runtime.h - whether a runtime can be called at all.
 */
#ifndef MO_RUNTIME_H
#define MO_RUNTIME_H

#include "worker.h"

/* False in a forked child, and on threads that a simulation does not know. */
static inline bool mo_runtime_usable(const struct moirai_runtime *rt)
{
    return !rt->dead && (rt->os->sim == NULL || mo_sim_here(rt->os));
}

/* Why not: -ECHILD or -EPERM. */
int mo_runtime_refusal(const struct moirai_runtime *rt);

/* Is this process a forked child of one that had runtimes? */
bool mo_runtime_orphan(void);

/* And one without a runtime of its own: who held something then is not here to
 * let go of it. */
bool mo_runtime_bereft(void);

/* A task's body has returned in a forked child, where there is no worker to
 * return to: ends the child. */
_Noreturn void mo_runtime_orphaned(void);

#endif
