/* SPDX-License-Identifier: MIT */
/*
 * spawn.c - what it costs to spawn an empty task, run it and wait for it:
 * spawn-warm and spawn-cold, ns per task.
 *
 * Flat: one task spawns them all, into a scope for each batch of
 * WORK_SPAWN_BATCH.
 */
#include "task.h"
#include "work.h"

struct spawn {
    int64_t tasks;
    int64_t ns;                     /* what the round took */
};

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static uint64_t finished(void)
{
    struct moirai_stats stats = { .size = sizeof stats };

    bench_need(moirai_stats_read(moirai_runtime_self(), &stats), "counters");
    return stats.finished;
}

static int64_t spawn_all(void *arg)
{
    struct spawn *spawn = arg;
    uint64_t before = finished();
    int64_t start = bench_clock(), ns;

    for (int64_t left = spawn->tasks; left > 0; left -= WORK_SPAWN_BATCH) {
        struct moirai_scope scope;

        bench_need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), "a scope");
        for (int i = 0; i < WORK_SPAWN_BATCH; i++)
            bench_need(moirai_spawn(&scope, nothing, NULL), "a task");
        bench_need(moirai_scope_end(&scope), "the scope");
    }
    ns = bench_clock() - start;
    bench_expect("tasks", (int64_t)(finished() - before), spawn->tasks);
    return ns;
}

static int64_t whole_batches(const struct bench *bench)
{
    return (int64_t)bench_scaled(bench, 1e6 / WORK_SPAWN_BATCH, 1)
           * WORK_SPAWN_BATCH;
}

static void warm(const struct bench *bench)
{
    struct spawn spawn = { whole_batches(bench), 0 };
    double ns = bench_task_median(bench, spawn_all, &spawn);

    bench_print("ns", ns / (double)spawn.tasks);
}

static int first_round(void *arg)
{
    struct spawn *spawn = arg;

    spawn->ns = spawn_all(spawn);
    return 0;
}

static void cold(const struct bench *bench)
{
    struct spawn spawn = { whole_batches(bench), 0 };

    bench_task(bench, first_round, &spawn);
    bench_print("ns", (double)spawn.ns / (double)spawn.tasks);
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "spawn-warm", warm },
        { "spawn-cold", cold },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
