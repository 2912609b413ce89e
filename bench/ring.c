/* SPDX-License-Identifier: MIT */
/*
 * ring.c - what a yield costs among N tasks that only yield: ring-2, ring-100,
 * ring-10000, ring-100000, ns per yield.
 *
 * Creating them is not timed: they yield, uncounted, until all are there. Then
 * time runs, until the last has ended.
 */
#include <stdlib.h>

#include "task.h"

#define LEAST_YIELDS 3              /* of a task */

struct ring {
    int64_t tasks;
    int64_t yields;                 /* of each task */
    int64_t there;                  /* atomic: tasks */
    int64_t ended;                  /* atomic: tasks */
    bool open;                      /* atomic: yields count */
    int64_t start, end;             /* when the last of them did */
};

static int64_t count(int64_t *counter)
{
    return __atomic_add_fetch(counter, 1, __ATOMIC_ACQ_REL);
}

static int yield_on(void *arg)
{
    struct ring *ring = arg;

    if (count(&ring->there) == ring->tasks) {
        ring->start = bench_clock();
        __atomic_store_n(&ring->open, true, __ATOMIC_RELEASE);
    }
    while (!__atomic_load_n(&ring->open, __ATOMIC_ACQUIRE))
        moirai_yield();
    for (int64_t i = 0; i < ring->yields; i++)
        moirai_yield();
    if (count(&ring->ended) == ring->tasks)
        ring->end = bench_clock();
    return 0;
}

static int64_t run_ring(void *arg)
{
    struct ring *ring = arg;
    struct moirai_scope scope;

    ring->there = ring->ended = 0;
    ring->open = false;
    bench_need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), "a scope");
    for (int64_t i = 0; i < ring->tasks; i++)
        bench_need(moirai_spawn(&scope, yield_on, ring), "a task");
    bench_need(moirai_scope_end(&scope), "the scope");
    bench_expect("tasks", ring->ended, ring->tasks);
    return ring->end > ring->start ? ring->end - ring->start : 1;
}

static void yields(const struct bench *bench)
{
    struct ring ring = { .tasks = atoi(bench->question + sizeof "ring") };
    double each = 3e6 / (double)ring.tasks;
    double ns;

    ring.yields = (int64_t)bench_scaled(bench, each, LEAST_YIELDS);
    ns = bench_task_median(bench, run_ring, &ring);
    bench_print("ns", ns / (double)(ring.tasks * ring.yields));
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "ring-2", yields },
        { "ring-100", yields },
        { "ring-10000", yields },
        { "ring-100000", yields },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
