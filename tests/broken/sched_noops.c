/* SPDX-License-Identifier: MIT */
/*
 * sched_noops.c - says that its table of functions is empty.
 */
#define NAME noops
#define OPS_SIZE 0
#include "module.h"
