/* SPDX-License-Identifier: MIT */
/*
 * cost.c - moirai against itself: cost-guards, cost-watermark, cost-trace,
 * cost-count; ns per task.
 *
 * Each asks the same mixture of what tasks do: one is spawned, waits for a
 * message, yields, forks, takes a lock and ends. What is to be compared is said
 * by the environment: MOIRAI_STACKS__GUARD_KIND=none, or MOIRAI_RUNTIME__TRACE.
 * Counters, and tracing that is off, cannot be switched: the same program of a
 * build without them (bench/bare.sh) is asked.
 */
#include <stdlib.h>
#include <string.h>

#include "task.h"

#define BATCH 500                   /* tasks at once: more than are pooled */

struct mixture {
    struct moirai_mutex mutex;
    struct moirai_chan *chan;
    int64_t sum;                    /* guarded by mutex */
    int64_t batches;
};

static int fork_some(void *arg)
{
    struct moirai_frame left;
    int depth = *(int *)arg - 1;

    if (depth == 0)
        return 1;
    moirai_fork(&left, fork_some, &depth);
    return fork_some(&depth) + moirai_join(&left);
}

static int live(void *arg)
{
    struct mixture *mixture = arg;
    int64_t message;
    int depth = 4, leaves;

    bench_need(moirai_chan_recv(mixture->chan, &message, MOIRAI_NEVER),
               "recv");
    bench_need(moirai_yield(), "yield");
    leaves = fork_some(&depth);
    bench_need(moirai_mutex_lock(&mixture->mutex, MOIRAI_NEVER), "lock");
    mixture->sum += message + leaves;
    moirai_mutex_unlock(&mixture->mutex);
    return 0;
}

static int64_t live_all(void *arg)
{
    struct mixture *mixture = arg;
    int64_t start = bench_clock(), ns;

    mixture->sum = 0;
    for (int64_t batch = 0; batch < mixture->batches; batch++) {
        struct moirai_scope scope;

        bench_need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), "a scope");
        for (int64_t i = 0; i < BATCH; i++)
            bench_need(moirai_spawn(&scope, live, mixture), "a task");
        for (int64_t i = 0; i < BATCH; i++)
            bench_need(moirai_chan_send(mixture->chan, &i, MOIRAI_NEVER),
                       "send");
        bench_need(moirai_scope_end(&scope), "the scope");
    }
    ns = bench_clock() - start;
    bench_expect("sum", mixture->sum,
                 mixture->batches * (BATCH * (BATCH - 1) / 2 + BATCH * 8));
    return ns;
}

struct asked {
    const struct bench *bench;
    struct mixture mixture;
    double ns;
};

static int run(void *arg)
{
    struct asked *asked = arg;

    asked->mixture.chan = bench_chan(64);
    asked->ns = bench_median(asked->bench, live_all, &asked->mixture);
    moirai_chan_put(asked->mixture.chan);
    return 0;
}

static void cost(const struct bench *bench)
{
    struct asked asked = { .bench = bench };

    asked.mixture.batches = (int64_t)bench_scaled(bench, 200, 1);
    bench_task(bench, run, &asked);
    bench_print("ns", asked.ns / (double)(asked.mixture.batches * BATCH));
}

/* moirai has it here; its rival says that it has not. */
static void cost_watermark(const struct bench *bench)
{
    setenv("MOIRAI_STACKS__WATERMARK", "on", 0);
    cost(bench);
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "cost-guards", cost },
        { "cost-watermark", cost_watermark },
        { "cost-trace", cost },
        { "cost-count", cost },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
