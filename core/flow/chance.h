/* SPDX-License-Identifier: MIT */
/*
 * chance.h - a choice of the calling task's runtime, or of the thread's world:
 * what a seed repeats.
 */
#ifndef MO_CHANCE_H
#define MO_CHANCE_H

#include "worker.h"

/* In [0, n), n > 0. May be a system call. */
static inline uint32_t mo_chance(uint32_t n)
{
    struct mo_worker *w = mo_self();
    struct mo_os *os = w != NULL ? w->runtime->os : mo_os_here();

    return os->choose(os, n);
}

#endif
