/* SPDX-License-Identifier: MIT */
/*
 * whole.c - cpu: a thread that computes. start: as many threads as there are
 * workers, started and joined. idle: threads that wait.
 */
#include <stdbool.h>
#include <time.h>

#include "threads.h"
#include "work.h"

#define PARKED 1000
#define MOST_THREADS 256

/* --- cpu ----------------------------------------------------------------- */

struct cpu {
    unsigned steps;
    uint64_t result;
};

static void *compute(void *arg)
{
    struct cpu *cpu = arg;

    cpu->result = work_burn(cpu->steps, cpu->steps);
    return NULL;
}

static int64_t run_cpu(void *arg)
{
    int64_t start = bench_clock();

    thread_join(thread_start(compute, arg));
    return bench_clock() - start;
}

void ask_cpu(const struct bench *bench)
{
    struct cpu cpu = { (unsigned)bench_scaled(bench, WORK_STEPS_100MS, 1), 0 };
    double ns = bench_median(bench, run_cpu, &cpu);

    bench_expect("result", (int64_t)cpu.result,
                 (int64_t)work_burn(cpu.steps, cpu.steps));
    bench_print("ns", ns);
}

/* --- start --------------------------------------------------------------- */

static void *nothing(void *arg)
{
    return arg;
}

static int64_t start_and_stop(void *arg)
{
    unsigned n = *(unsigned *)arg;
    pthread_t threads[MOST_THREADS];
    int64_t start = bench_clock();

    for (unsigned i = 0; i < n; i++)
        threads[i] = thread_start(nothing, NULL);
    for (unsigned i = 0; i < n; i++)
        thread_join(threads[i]);
    return bench_clock() - start;
}

void ask_start(const struct bench *bench)
{
    unsigned n = bench->workers < MOST_THREADS ? bench->workers : MOST_THREADS;

    bench_print("ns", bench_median(bench, start_and_stop, &n));
}

/* --- idle ---------------------------------------------------------------- */

struct door {
    pthread_mutex_t mutex;          /* guards `open` */
    pthread_cond_t opened;
    bool open;
};

static void *wait_at(void *arg)
{
    struct door *door = arg;

    pthread_mutex_lock(&door->mutex);
    while (!door->open)
        pthread_cond_wait(&door->opened, &door->mutex);
    pthread_mutex_unlock(&door->mutex);
    return NULL;
}

static void rest(int64_t ns)
{
    struct timespec pause = { .tv_sec = ns / 1000000000,
                              .tv_nsec = ns % 1000000000 };

    nanosleep(&pause, NULL);
}

void ask_idle(const struct bench *bench)
{
    static struct door door = { PTHREAD_MUTEX_INITIALIZER,
                                PTHREAD_COND_INITIALIZER, false };
    static pthread_t threads[PARKED];
    int64_t used;

    for (int i = 0; i < PARKED; i++)
        threads[i] = thread_start(wait_at, &door);
    rest(50000000);
    used = bench_cpu_clock();
    rest((int64_t)(1e9 * (bench->scale < 1 ? bench->scale : 1)));
    used = bench_cpu_clock() - used;
    pthread_mutex_lock(&door.mutex);
    door.open = true;
    pthread_mutex_unlock(&door.mutex);
    pthread_cond_broadcast(&door.opened);
    for (int i = 0; i < PARKED; i++)
        thread_join(threads[i]);
    bench_print("cpu_us", (double)used / 1e3);
}
