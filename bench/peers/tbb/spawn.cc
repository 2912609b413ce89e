// SPDX-License-Identifier: MIT
//
// spawn.cc - spawn-warm, spawn-cold: empty tasks, a task_group for each batch;
// cpu.

#include "answers.h"

#include <tbb/parallel_for.h>
#include <tbb/task_group.h>

#include "work.h"

static void spawn_batches(int64_t tasks)
{
    for (int64_t left = tasks; left > 0; left -= WORK_SPAWN_BATCH) {
        tbb::task_group group;

        for (int i = 0; i < WORK_SPAWN_BATCH; i++)
            group.run([] { __asm__ volatile("" ::: "memory"); });
        group.wait();
    }
}

static int64_t spawns(const struct bench *bench)
{
    return static_cast<int64_t>(
               bench_scaled(bench, 1e6 / WORK_SPAWN_BATCH, 1))
           * WORK_SPAWN_BATCH;
}

void spawn_warm(const struct bench *bench)
{
    int64_t tasks = spawns(bench);
    double ns = median_of(bench, [=] { spawn_batches(tasks); });

    bench_print("ns", ns / static_cast<double>(tasks));
}

// The threads are started by a loop, which does nothing.
void spawn_cold(const struct bench *bench)
{
    int64_t tasks = spawns(bench);
    int64_t start;

    tbb::parallel_for(0u, bench->workers, [](unsigned) {});
    start = bench_clock();
    spawn_batches(tasks);
    bench_print("ns", static_cast<double>(bench_clock() - start)
                          / static_cast<double>(tasks));
}

void cpu(const struct bench *bench)
{
    unsigned steps =
        static_cast<unsigned>(bench_scaled(bench, WORK_STEPS_100MS, 1));
    uint64_t should = work_burn(1, steps);

    bench_print("ns", median_of(bench, [=] {
        tbb::task_group group;
        uint64_t result = 0;

        group.run([=, &result] { result = work_burn(1, steps); });
        group.wait();
        bench_expect("cpu", static_cast<int64_t>(result),
                     static_cast<int64_t>(should));
    }));
}
