/* SPDX-License-Identifier: MIT */
/*
 * sched_nameless.c - has no name.
 */
#define NAME nameless
#define SAYS NULL
#include "module.h"
