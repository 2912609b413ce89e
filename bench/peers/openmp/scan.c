/* SPDX-License-Identifier: MIT */
/*
 * scan.c - scan: inclusive prefix sums, in two passes: each thread adds up its
 * block, then writes it from the sum of the blocks before. One thread needs one
 * pass. The scan directive of OpenMP 5 takes three to four times as long (gcc
 * 12).
 */
#include "openmp.h"

#include <omp.h>

#include "arrays.h"

#define MOST 256                    /* threads */

static void scan_from(const struct arrays *a, size_t from, size_t to,
                      int64_t sum)
{
    for (size_t i = from; i < to; i++) {
        sum += a->in[i];
        a->out[i] = sum;
    }
}

static int64_t scan_once(void *arg)
{
    const struct arrays *a = arg;
    int64_t sums[MOST];
    int64_t start = bench_clock();

#pragma omp parallel
    {
        size_t me = (size_t)omp_get_thread_num();
        size_t all = (size_t)omp_get_num_threads();
        size_t from = a->n * me / all;
        size_t to = a->n * (me + 1) / all;
        int64_t sum = 0;

        if (me + 1 < all) {
#pragma omp simd reduction(+ : sum)
            for (size_t i = from; i < to; i++)
                sum += a->in[i];
        }
        sums[me] = sum;
#pragma omp barrier
        sum = 0;
        for (size_t i = 0; i < me; i++)
            sum += sums[i];
        scan_from(a, from, to, sum);
    }
    return bench_clock() - start;
}

void scan(const struct bench *bench)
{
    struct arrays a = { .bench = bench };
    double ns;

    if (bench->workers > MOST)
        bench_none();
    arrays_scan(&a);
    ns = bench_median(bench, scan_once, &a);
    arrays_scan_check(&a);
    bench_print("ns", ns / (double)a.n);
}
