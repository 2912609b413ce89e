/* SPDX-License-Identifier: MIT */
/*
 * sched_crash.c - ends the process that loads it.
 */
#define NAME crash

#include <stdlib.h>

__attribute__((constructor))
static void crash(void)
{
    abort();
}

#include "module.h"
