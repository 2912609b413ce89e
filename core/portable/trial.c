/* SPDX-License-Identifier: MIT */
/*
 * trial.c - without a process to try it in, everything is taken to be safe.
 */
#include "trial.h"

int mo_trial_run(void (*fn)(void *arg), void *arg, char *why, size_t n)
{
    (void)fn;
    (void)arg;
    (void)why;
    (void)n;
    return 0;
}
