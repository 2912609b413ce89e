/* SPDX-License-Identifier: MIT */
/*
 * sched_nodeque.c - says it has a deque where there is no room for one.
 */
#define NAME nodeque
#define FLAGS MOIRAI_SCHED_DEQUE
#define WORKER_SIZE (sizeof(struct moirai_sched_local) - 1)
#include "module.h"
