/* SPDX-License-Identifier: MIT */
/*
 * task.h - what moirai's own benchmark programs have in common: a runtime of as
 * many workers as were asked for, and rounds that are timed inside a task.
 */
#ifndef BENCH_TASK_H
#define BENCH_TASK_H

#include <moirai/moirai.h>

#include "bench.h"

/* Starts a runtime of bench->workers workers; `also` (NULL: nothing) is one
 * more setting. Ends the program if that cannot be. */
struct moirai_runtime *bench_start(const struct bench *bench,
                                   const char *also);

/* Stops it; all its tasks must have ended. */
void bench_stop(struct moirai_runtime *runtime);

/* Runs fn(arg) as a task in a runtime of its own; it must return 0. */
void bench_task(const struct bench *bench, moirai_fn *fn, void *arg);

/* bench_median in such a task. */
double bench_task_median(const struct bench *bench, bench_round *round,
                         void *arg);

/* In a task: a channel of int64_t that holds `capacity`. */
struct moirai_chan *bench_chan(unsigned capacity);

#endif
