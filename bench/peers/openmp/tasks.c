/* SPDX-License-Identifier: MIT */
/*
 * tasks.c - spawn-warm, spawn-cold: empty tasks, a taskwait for each batch;
 * cpu.
 */
#include "openmp.h"

#include "work.h"

struct spawn {
    int64_t tasks;
};

/* Without this gcc sees that the task is empty, and leaves it out. */
static void nothing(void)
{
    __asm__ volatile("" ::: "memory");
}

static void spawn_batches(int64_t tasks)
{
    for (int64_t left = tasks; left > 0; left -= WORK_SPAWN_BATCH) {
        for (int i = 0; i < WORK_SPAWN_BATCH; i++) {
#pragma omp task
            nothing();
        }
#pragma omp taskwait
    }
}

static int64_t spawn_all(void *arg)
{
    const struct spawn *spawn = arg;
    int64_t start = bench_clock();

#pragma omp parallel
#pragma omp single
    spawn_batches(spawn->tasks);
    return bench_clock() - start;
}

static struct spawn spawns(const struct bench *bench)
{
    struct spawn spawn;

    spawn.tasks = (int64_t)bench_scaled(bench, 1e6 / WORK_SPAWN_BATCH, 1)
                  * WORK_SPAWN_BATCH;
    return spawn;
}

void spawn_warm(const struct bench *bench)
{
    struct spawn spawn = spawns(bench);
    double ns = bench_median(bench, spawn_all, &spawn);

    bench_print("ns", ns / (double)spawn.tasks);
}

/* The runtime is started by a region, which is empty. */
void spawn_cold(const struct bench *bench)
{
    struct spawn spawn = spawns(bench);
    int64_t ns;

#pragma omp parallel
    {
    }
    ns = spawn_all(&spawn);
    bench_print("ns", (double)ns / (double)spawn.tasks);
}

struct computing {
    unsigned steps;
    uint64_t result;
};

static int64_t compute(void *arg)
{
    struct computing *computing = arg;
    int64_t start = bench_clock();
    uint64_t result = 0;

#pragma omp parallel
#pragma omp single
#pragma omp task shared(result)
    result = work_burn(1, computing->steps);
    if (computing->result != 0)
        bench_expect("cpu", (int64_t)result, (int64_t)computing->result);
    computing->result = result;
    return bench_clock() - start;
}

void cpu(const struct bench *bench)
{
    struct computing computing = { 0, 0 };

    computing.steps = (unsigned)bench_scaled(bench, WORK_STEPS_100MS, 1);
    bench_print("ns", bench_median(bench, compute, &computing));
}
