// SPDX-License-Identifier: MIT
//
// folds.cc - reduce, scan, sort: TBB's own algorithms.

#include "answers.h"

#include <functional>
#include <tbb/blocked_range.h>
#include <tbb/parallel_reduce.h>
#include <tbb/parallel_scan.h>
#include <tbb/parallel_sort.h>

#include "arrays.h"

using range = tbb::blocked_range<size_t>;

void reduce(const struct bench *bench)
{
    struct arrays a = {};
    double ns;

    a.bench = bench;
    arrays_reduce(&a);
    ns = median_of(bench, [&a] {
        double sum = tbb::parallel_reduce(
            range(0, a.n), 0.0,
            [&a](const range &r, double before) {
                return before + arrays_sum(a.terms, r.begin(), r.end());
            },
            std::plus<double>(), tbb::static_partitioner());

        if (sum != a.sum)
            bench_fail("reduce: %g in place of %g", sum, a.sum);
    });
    bench_print("ns", ns / static_cast<double>(a.n));
}

static int64_t scan_range(const struct arrays *a, const range &r, int64_t sum,
                          bool final)
{
    const int64_t *in = a->in;
    int64_t *out = a->out;
    size_t end = r.end();

    if (final) {
        for (size_t i = r.begin(); i < end; i++) {
            sum += in[i];
            out[i] = sum;
        }
    } else {
        for (size_t i = r.begin(); i < end; i++)
            sum += in[i];
    }
    return sum;
}

void scan(const struct bench *bench)
{
    struct arrays a = {};
    double ns;

    a.bench = bench;
    arrays_scan(&a);
    ns = median_of(bench, [&a] {
        tbb::parallel_scan(
            range(0, a.n), static_cast<int64_t>(0),
            [&a](const range &r, int64_t before, bool final) {
                return scan_range(&a, r, before, final);
            },
            std::plus<int64_t>());
    });
    arrays_scan_check(&a);
    bench_print("ns", ns / static_cast<double>(a.n));
}

static int64_t sort_once(void *arg)
{
    struct arrays *a = static_cast<struct arrays *>(arg);
    int64_t start;
    int64_t ns;

    arrays_sort_fill(a);
    start = bench_clock();
    tbb::parallel_sort(a->items, a->items + a->n);
    ns = bench_clock() - start;
    arrays_sort_check(a);
    return ns;
}

void sort(const struct bench *bench)
{
    struct arrays a = {};

    a.bench = bench;
    arrays_sort(&a);
    bench_print("ns", bench_median(bench, sort_once, &a)
                          / static_cast<double>(a.n));
}
