/* SPDX-License-Identifier: MIT */
/*
 * sched_small.c - says it is smaller than the first version was.
 */
#define NAME small
#define SIZE 40
#include "module.h"
