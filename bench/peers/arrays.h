/* SPDX-License-Identifier: MIT */
/*
 * arrays.h - what the peers' loops read and must write, and what their trees
 * must come to; in C and C++, all of it serial and never timed.
 */
#ifndef BENCH_PEERS_ARRAYS_H
#define BENCH_PEERS_ARRAYS_H

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bench.h"
#include "work.h"

enum { NESTED_SIDE = 64 };

/* The input and output of one question; which fields, says its name. */
struct arrays {
    const struct bench *bench;
    size_t n;                       /* elements; stencil: of a side */
    size_t rounds;                  /* saxpy: done so far */
    size_t times;                   /* nested: in a round */
    float *x, *y;                   /* saxpy; stencil from x to y */
    double *terms;                  /* reduce */
    double sum;                     /* reduce: must come out */
    int64_t *in, *out;              /* scan */
    uint64_t *values;               /* irregular, nested */
    uint32_t *items;                /* sort */
};

static inline uint64_t arrays_leaf(uint64_t number)
{
    return work_burn(number + 1, WORK_STEPS_100NS);
}

static inline uint64_t arrays_irregular(uint64_t i)
{
    return work_burn(i + 1, work_irregular_steps(i));
}

/* The sum of leaves 0 to n - 1: skewed of n, nested. */
static inline uint64_t arrays_leaves(uint64_t n)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < n; i++)
        sum += arrays_leaf(i);
    return sum;
}

/* Nodes of the tree below `node`, itself included. */
static inline uint64_t arrays_uts(uint64_t node, unsigned children)
{
    uint64_t nodes = 1;

    for (unsigned i = 0; i < children; i++) {
        uint64_t child = work_hash(node + i);

        nodes += work_uts_inner(child) ? arrays_uts(child, WORK_UTS_CHILDREN)
                                       : 1;
    }
    return nodes;
}

static inline uint64_t arrays_irregular_sum(uint64_t n)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < n; i++)
        sum += arrays_irregular(i);
    return sum;
}

/* The question `expected`: says what must come out, as expected.txt does. */
static inline void arrays_expected(const struct bench *bench)
{
    unsigned roots = (unsigned)bench_scaled(bench, WORK_UTS_ROOT, 1);
    uint64_t leaves = bench_scaled(bench, 1e5, 2);

    printf("fib %d\n", work_fib_n(bench->scale));
    printf("nqueens %" PRIu64 "\n",
           work_queens_nodes(work_queens_n(bench->scale)));
    printf("uts %" PRIu64 "\n", arrays_uts(work_hash(WORK_UTS_SEED), roots));
    printf("skewed %" PRIu64 "\n", arrays_leaves(leaves));
    printf("nested %" PRIu64 "\n", arrays_leaves(NESTED_SIDE * NESTED_SIDE));
    printf("irregular %" PRIu64 "\n",
           arrays_irregular_sum(bench_scaled(bench, 1e5, 1)));
}

static inline void arrays_expect_sum(const char *what, const uint64_t *values,
                                     size_t n, uint64_t should)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += values[i];
    bench_expect(what, (int64_t)sum, (int64_t)should);
}

static inline void arrays_saxpy(struct arrays *a)
{
    a->n = bench_scaled(a->bench, 1e7, 1);
    a->x = (float *)bench_alloc(a->n * sizeof *a->x);
    a->y = (float *)bench_alloc(a->n * sizeof *a->y);
    for (size_t i = 0; i < a->n; i++)
        a->x[i] = 1;
}

static inline void arrays_saxpy_check(const struct arrays *a)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->y[i] != (float)(2 * a->rounds))
            bench_fail("saxpy: wrong at %zu", i);
}

static inline void arrays_stencil(struct arrays *a)
{
    a->n = (size_t)sqrt((double)bench_scaled(a->bench, 4e6, 16));
    a->x = (float *)bench_alloc(a->n * a->n * sizeof *a->x);
    a->y = (float *)bench_alloc(a->n * a->n * sizeof *a->y);
    for (size_t i = 0; i < a->n * a->n; i++)
        a->x[i] = (float)((i / a->n + i % a->n) % 16);
}

/* Elements of a row from `row`; above, it and below are read. Inlined into the
 * loops, so that they are compiled as the peer's own. */
static inline void arrays_stencil_row(const struct arrays *a, size_t row)
{
    const float *middle = a->x + row * a->n;
    const float *above = middle - a->n;
    const float *below = middle + a->n;
    float *__restrict out = a->y + row * a->n;
    size_t last = a->n - 1;

#pragma omp simd
    for (size_t i = 1; i < last; i++)
        out[i] = 0.2f * (middle[i] + middle[i - 1] + middle[i + 1] + above[i]
                         + below[i]);
}

static inline void arrays_stencil_check(const struct arrays *a)
{
    for (size_t row = 1; row < a->n - 1; row++)
        for (size_t column = 1; column < a->n - 1; column++) {
            size_t i = row * a->n + column;
            float should = 0.2f * (a->x[i] + a->x[i - 1] + a->x[i + 1]
                                   + a->x[i - a->n] + a->x[i + a->n]);

            if (a->y[i] != should)
                bench_fail("stencil: wrong at %zu, %zu", row, column);
        }
}

static inline void arrays_reduce(struct arrays *a)
{
    a->n = bench_scaled(a->bench, 1e7, 1);
    a->terms = (double *)bench_alloc(a->n * sizeof *a->terms);
    for (size_t i = 0; i < a->n; i++) {
        a->terms[i] = (double)(i % 1024);
        a->sum += a->terms[i];
    }
}

/* Of [begin, end), by several sums at once, since an addition waits for the one
 * before; gcc has one register of them for `omp simd`. */
static inline double arrays_sum(const double *terms, size_t begin, size_t end)
{
    double sums[16] = { 0 };
    double sum = 0;

    for (; begin + 16 <= end; begin += 16)
        for (size_t i = 0; i < 16; i++)
            sums[i] += terms[begin + i];
    for (; begin < end; begin++)
        sum += terms[begin];
    for (size_t i = 0; i < 16; i++)
        sum += sums[i];
    return sum;
}

static inline void arrays_scan(struct arrays *a)
{
    a->n = bench_scaled(a->bench, 1e7, 1);
    a->in = (int64_t *)bench_alloc(a->n * sizeof *a->in);
    a->out = (int64_t *)bench_alloc(a->n * sizeof *a->out);
    for (size_t i = 0; i < a->n; i++)
        a->in[i] = (int64_t)(i % 8);
}

static inline void arrays_scan_check(const struct arrays *a)
{
    int64_t sum = 0;

    for (size_t i = 0; i < a->n; i++) {
        sum += a->in[i];
        if (a->out[i] != sum)
            bench_fail("scan: wrong at %zu", i);
    }
}

static inline void arrays_irregular_open(struct arrays *a)
{
    a->n = bench_scaled(a->bench, 1e5, 1);
    a->values = (uint64_t *)bench_alloc(a->n * sizeof *a->values);
}

static inline void arrays_irregular_check(const struct arrays *a)
{
    arrays_expect_sum("irregular", a->values, a->n,
                      arrays_irregular_sum(a->n));
}

static inline void arrays_nested(struct arrays *a)
{
    a->n = NESTED_SIDE * NESTED_SIDE;
    a->times = bench_scaled(a->bench, 50, 1);
    a->values = (uint64_t *)bench_alloc(a->n * sizeof *a->values);
}

static inline void arrays_nested_check(const struct arrays *a)
{
    arrays_expect_sum("nested", a->values, a->n, arrays_leaves(a->n));
}

static inline void arrays_sort(struct arrays *a)
{
    a->n = bench_scaled(a->bench, 1e6, 1);
    a->items = (uint32_t *)bench_alloc(a->n * sizeof *a->items);
}

static inline void arrays_sort_fill(struct arrays *a)
{
    for (size_t i = 0; i < a->n; i++)
        a->items[i] = work_sort_item(i);
}

static inline void arrays_sort_check(const struct arrays *a)
{
    uint64_t left = 0;

    for (size_t i = 0; i < a->n; i++) {
        left += a->items[i];
        left -= work_sort_item(i);
        if (i > 0 && a->items[i - 1] > a->items[i])
            bench_fail("sort: not in order at %zu", i);
    }
    bench_expect("sort", (int64_t)left, 0);
}

#endif
