/* SPDX-License-Identifier: MIT */
/*
 * task.c - a runtime, and rounds inside it.
 */
#include "task.h"

#include <stdio.h>

struct moirai_runtime *bench_start(const struct bench *bench,
                                   const char *also)
{
    char workers[40];
    const char *const set[] = { workers, also, NULL };
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_runtime *runtime;
    struct moirai_error error;

    snprintf(workers, sizeof workers, "runtime.workers=%u", bench->workers);
    if (moirai_start(&runtime, &config, &error) != 0)
        bench_fail("%s", error.text);
    return runtime;
}

void bench_stop(struct moirai_runtime *runtime)
{
    bench_need(moirai_stop(runtime, MOIRAI_NEVER, NULL), "moirai_stop");
}

void bench_task(const struct bench *bench, moirai_fn *fn, void *arg)
{
    struct moirai_runtime *runtime = bench_start(bench, NULL);

    bench_need(moirai_run(runtime, fn, arg), "the task");
    bench_stop(runtime);
}

struct rounds {
    const struct bench *bench;
    bench_round *round;
    void *arg;
    double ns;
};

static int run_rounds(void *arg)
{
    struct rounds *rounds = arg;

    rounds->ns = bench_median(rounds->bench, rounds->round, rounds->arg);
    return 0;
}

double bench_task_median(const struct bench *bench, bench_round *round,
                         void *arg)
{
    struct rounds rounds = { bench, round, arg, 0 };

    bench_task(bench, run_rounds, &rounds);
    return rounds.ns;
}

struct moirai_chan *bench_chan(unsigned capacity)
{
    const struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    char option[40];
    const char *const options[] = { option, NULL };
    struct moirai_chan *chan;

    snprintf(option, sizeof option, "capacity=%u", capacity);
    bench_need(moirai_chan_make(NULL, NULL, options, &elem, &chan, NULL),
               "a channel");
    return chan;
}
