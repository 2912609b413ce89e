/* SPDX-License-Identifier: MIT */
/*
 * sched_shortops.c - its table of functions ends too early.
 */
#define NAME shortops
#define OPS_SIZE offsetof(struct moirai_sched_ops, push)
#include "module.h"
