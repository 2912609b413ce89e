/* SPDX-License-Identifier: MIT */
/*
 * sched_ordereddeque.c - wants its order kept, and lends the core its deque.
 */
#define NAME ordereddeque
#define FLAGS (MOIRAI_SCHED_DEQUE | MOIRAI_SCHED_ORDERED)
#define WORKER_SIZE sizeof(struct moirai_sched_local)
#include "module.h"
