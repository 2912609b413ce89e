/* SPDX-License-Identifier: MIT */
/*
 * sched_crashlate.c - spoils the end of the process that loaded it.
 */
#define NAME crashlate
#include <stdlib.h>

__attribute__((destructor))
static void crash(void)
{
    abort();
}

#include "module.h"
