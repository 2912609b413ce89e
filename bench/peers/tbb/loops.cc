// SPDX-License-Identifier: MIT
//
// loops.cc - nested, region, loop-empty, saxpy, stencil, irregular-*: parallel_for, with the
// static partitioner where all iterations cost the same.

#include "answers.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include "arrays.h"

using range = tbb::blocked_range<size_t>;

static const int REGIONS = 1000;

template <typename Body>
static void enter_regions(const struct bench *bench, Body body)
{
    double ns = median_of(bench, [=] {
        for (int i = 0; i < REGIONS; i++)
            tbb::parallel_for(0u, bench->workers, body,
                              tbb::static_partitioner());
    });

    bench_print("ns", ns / REGIONS);
}

void region(const struct bench *bench)
{
    static uint64_t came;

    enter_regions(bench,
                  [=](unsigned) { work_meet(&came, bench->workers); });
}

void loop_empty(const struct bench *bench)
{
    enter_regions(bench, [](unsigned) { __asm__ volatile("" ::: "memory"); });
}

// With the preset grain of 1 the inner loops would be split to single items.
static const size_t INNER_GRAIN = 16;

void nested(const struct bench *bench)
{
    struct arrays a = {};
    double ns;

    a.bench = bench;
    arrays_nested(&a);
    ns = median_of(bench, [&a] {
        for (size_t t = 0; t < a.times; t++)
            tbb::parallel_for(0, +NESTED_SIDE, [&a](int i) {
                uint64_t first = static_cast<uint64_t>(NESTED_SIDE * i);

                tbb::parallel_for(
                    range(first, first + NESTED_SIDE, INNER_GRAIN),
                    [&a](const range &r) {
                        for (size_t j = r.begin(); j < r.end(); j++)
                            a.values[j] = arrays_leaf(j);
                    });
            });
    });
    arrays_nested_check(&a);
    bench_print("ns", ns / static_cast<double>(a.times * a.n));
}

void saxpy(const struct bench *bench)
{
    struct arrays a = {};
    double ns;

    a.bench = bench;
    arrays_saxpy(&a);
    ns = median_of(bench, [&a] {
        tbb::parallel_for(
            range(0, a.n),
            [&a](const range &r) {
                const float *x = a.x;
                float *y = a.y;
                size_t end = r.end();

#pragma omp simd
                for (size_t i = r.begin(); i < end; i++)
                    y[i] = 2 * x[i] + y[i];
            },
            tbb::static_partitioner());
        a.rounds++;
    });
    arrays_saxpy_check(&a);
    bench_print("ns", ns / static_cast<double>(a.n));
}

void stencil(const struct bench *bench)
{
    struct arrays a = {};
    double ns;

    a.bench = bench;
    arrays_stencil(&a);
    ns = median_of(bench, [&a] {
        tbb::parallel_for(
            range(1, a.n - 1),
            [&a](const range &r) {
                for (size_t row = r.begin(); row < r.end(); row++)
                    arrays_stencil_row(&a, row);
            },
            tbb::static_partitioner());
    });
    arrays_stencil_check(&a);
    bench_print("ns", ns / static_cast<double>((a.n - 2) * (a.n - 2)));
}

template <typename Partitioner>
static void irregular(const struct bench *bench, const Partitioner &partition)
{
    struct arrays a = {};
    double ns;

    a.bench = bench;
    arrays_irregular_open(&a);
    ns = median_of(bench, [&a, &partition] {
        tbb::parallel_for(
            range(0, a.n),
            [&a](const range &r) {
                for (size_t i = r.begin(); i < r.end(); i++)
                    a.values[i] = arrays_irregular(i);
            },
            partition);
    });
    arrays_irregular_check(&a);
    bench_print("ns", ns / static_cast<double>(a.n));
}

void irregular_static(const struct bench *bench)
{
    irregular(bench, tbb::static_partitioner());
}

// TBB's own, which splits further what is stolen.
void irregular_auto(const struct bench *bench)
{
    irregular(bench, tbb::auto_partitioner());
}
