/* SPDX-License-Identifier: MIT */
/*
 * loops.c - nested, region (and loop-empty: all threads enter either), saxpy,
 * stencil, irregular-*, reduce.
 */
#include "openmp.h"

#include <omp.h>

#include "arrays.h"

#define REGIONS 1000

static int64_t enter_regions(void *arg)
{
    int64_t start = bench_clock();

    (void)arg;
    for (int i = 0; i < REGIONS; i++) {
#pragma omp parallel
        __asm__ volatile("" ::: "memory");
    }
    return bench_clock() - start;
}

void region(const struct bench *bench)
{
    int64_t threads = 0;

#pragma omp parallel reduction(+ : threads)
    threads++;
    bench_expect("threads", threads, bench->workers);
    bench_print("ns", bench_median(bench, enter_regions, NULL) / REGIONS);
}

/* The inner loops find all threads taken, and run on the one they are on. */
static int64_t nested_once(void *arg)
{
    struct arrays *a = arg;
    int64_t start = bench_clock();

    for (size_t t = 0; t < a->times; t++) {
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < NESTED_SIDE; i++) {
#pragma omp parallel for schedule(static)
            for (size_t j = 0; j < NESTED_SIDE; j++)
                a->values[NESTED_SIDE * i + j] =
                    arrays_leaf(NESTED_SIDE * i + j);
        }
    }
    return bench_clock() - start;
}

void nested(const struct bench *bench)
{
    struct arrays a = { .bench = bench };
    double ns;

    arrays_nested(&a);
    ns = bench_median(bench, nested_once, &a);
    arrays_nested_check(&a);
    bench_print("ns", ns / (double)(a.times * a.n));
}

static int64_t saxpy_once(void *arg)
{
    struct arrays *a = arg;
    const float *x = a->x;
    float *y = a->y;
    size_t n = a->n;
    int64_t start = bench_clock();

#pragma omp parallel for simd schedule(static) aligned(x, y : 64)
    for (size_t i = 0; i < n; i++)
        y[i] = 2 * x[i] + y[i];
    a->rounds++;
    return bench_clock() - start;
}

void saxpy(const struct bench *bench)
{
    struct arrays a = { .bench = bench };
    double ns;

    arrays_saxpy(&a);
    ns = bench_median(bench, saxpy_once, &a);
    arrays_saxpy_check(&a);
    bench_print("ns", ns / (double)a.n);
}

static int64_t stencil_once(void *arg)
{
    const struct arrays *a = arg;
    int64_t start = bench_clock();

#pragma omp parallel for schedule(static)
    for (size_t row = 1; row < a->n - 1; row++)
        arrays_stencil_row(a, row);
    return bench_clock() - start;
}

void stencil(const struct bench *bench)
{
    struct arrays a = { .bench = bench };
    double ns;

    arrays_stencil(&a);
    ns = bench_median(bench, stencil_once, &a);
    arrays_stencil_check(&a);
    bench_print("ns", ns / (double)((a.n - 2) * (a.n - 2)));
}

static int64_t irregular_once(void *arg)
{
    const struct arrays *a = arg;
    uint64_t *values = a->values;
    size_t n = a->n;
    int64_t start = bench_clock();

#pragma omp parallel for schedule(runtime)
    for (size_t i = 0; i < n; i++)
        values[i] = arrays_irregular(i);
    return bench_clock() - start;
}

static void irregular(const struct bench *bench, omp_sched_t schedule,
                      int chunk)
{
    struct arrays a = { .bench = bench };
    double ns;

    omp_set_schedule(schedule, chunk);
    arrays_irregular_open(&a);
    ns = bench_median(bench, irregular_once, &a);
    arrays_irregular_check(&a);
    bench_print("ns", ns / (double)a.n);
}

void irregular_static(const struct bench *bench)
{
    irregular(bench, omp_sched_static, 0);
}

/* Chunks of 64: with the preset of 1, taking them costs as much as the work. */
void irregular_dynamic(const struct bench *bench)
{
    irregular(bench, omp_sched_dynamic, 64);
}

void irregular_guided(const struct bench *bench)
{
    irregular(bench, omp_sched_guided, 16);
}

/* A loop of blocks, so that each can have several sums. */
static int64_t reduce_once(void *arg)
{
    const struct arrays *a = arg;
    size_t blocks = a->bench->workers;
    double sum = 0;
    int64_t start = bench_clock();

#pragma omp parallel for schedule(static) reduction(+ : sum)
    for (size_t i = 0; i < blocks; i++) {
        size_t from = a->n * i / blocks;
        size_t to = a->n * (i + 1) / blocks;

        sum += arrays_sum(a->terms, from, to);
    }
    if (sum != a->sum)
        bench_fail("reduce: %g in place of %g", sum, a->sum);
    return bench_clock() - start;
}

void reduce(const struct bench *bench)
{
    struct arrays a = { .bench = bench };
    double ns;

    arrays_reduce(&a);
    ns = bench_median(bench, reduce_once, &a);
    bench_print("ns", ns / (double)a.n);
}
