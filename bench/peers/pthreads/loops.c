/* SPDX-License-Identifier: MIT */
/*
 * loops.c - saxpy, stencil, irregular-static, reduce: the range in as many
 * equal parts as there are workers, a thread for each but the first.
 */
#include "loops.h"

#include "threads.h"

#define MOST_THREADS 256

struct part {
    struct loops *loops;
    size_t begin, end;
    double sum;
};

struct all {
    struct loops loops;
    unsigned n;
    struct part parts[MOST_THREADS];
};

static void *run_part(void *arg)
{
    struct part *part = arg;

    if (part->loops->body != NULL)
        part->loops->body(part->begin, part->end, part->loops);
    else
        part->sum = loops_sum(part->loops, part->begin, part->end);
    return NULL;
}

static int64_t run(void *arg)
{
    struct all *all = arg;
    struct loops *loops = &all->loops;
    size_t size = loops->end - loops->begin;
    pthread_t threads[MOST_THREADS];
    int64_t start = bench_clock();

    for (unsigned i = all->n; i-- > 0;) {
        all->parts[i] = (struct part){ loops,
                                       loops->begin + size * i / all->n,
                                       loops->begin + size * (i + 1) / all->n,
                                       0 };
        if (i > 0)
            threads[i] = thread_start(run_part, &all->parts[i]);
    }
    run_part(&all->parts[0]);
    loops->sum = all->parts[0].sum;
    for (unsigned i = 1; i < all->n; i++) {
        thread_join(threads[i]);
        loops->sum += all->parts[i].sum;
    }
    loops->rounds++;
    return bench_clock() - start;
}

void ask_loop(const struct bench *bench)
{
    struct all *all = bench_alloc(sizeof *all);
    double ns;

    loops_init(&all->loops, bench);
    all->n = bench->workers < MOST_THREADS ? bench->workers : MOST_THREADS;
    ns = bench_median(bench, run, all);
    all->loops.check(&all->loops);
    bench_print("ns", ns / all->loops.ops);
}
