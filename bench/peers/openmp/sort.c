/* SPDX-License-Identifier: MIT */
/*
 * sort.c - sort: a quicksort whose left sides are tasks.
 */
#include "openmp.h"

#include "arrays.h"

#define FEW 24                      /* are sorted by insertion */
#define ALONE 4096                  /* are no task of their own */

static void order(uint32_t *a, uint32_t *b)
{
    uint32_t low = *a < *b ? *a : *b;

    *b = *a < *b ? *b : *a;
    *a = low;
}

/*
 * Lomuto's partition around a median of three, whose place is returned. Without
 * branches: which side an item belongs to cannot be foreseen.
 */
static size_t partition(uint32_t *items, size_t n)
{
    size_t middle = 0;
    uint32_t pivot;

    order(&items[0], &items[n / 2]);
    order(&items[0], &items[n - 1]);
    order(&items[n - 1], &items[n / 2]);
    pivot = items[n - 1];
    for (size_t i = 0; i < n; i++) {
        uint32_t item = items[i];

        items[i] = items[middle];
        items[middle] = item;
        middle += item < pivot;
    }
    return middle;
}

static void insert(uint32_t *items, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint32_t item = items[i];
        size_t j = i;

        for (; j > 0 && items[j - 1] > item; j--)
            items[j] = items[j - 1];
        items[j] = item;
    }
}

static void quicksort(uint32_t *items, size_t n)
{
    while (n > FEW) {
        size_t middle = partition(items, n);

        if (middle < ALONE) {
            quicksort(items, middle);
        } else {
#pragma omp task firstprivate(items, middle)
            quicksort(items, middle);
        }
        items += middle + 1;
        n -= middle + 1;
    }
    insert(items, n);
}

static int64_t sort_once(void *arg)
{
    struct arrays *a = arg;
    int64_t start;
    int64_t ns;

    arrays_sort_fill(a);
    start = bench_clock();
#pragma omp parallel
#pragma omp single
    quicksort(a->items, a->n);
    ns = bench_clock() - start;
    arrays_sort_check(a);
    return ns;
}

void sort(const struct bench *bench)
{
    struct arrays a = { .bench = bench };

    arrays_sort(&a);
    bench_print("ns", bench_median(bench, sort_once, &a) / (double)a.n);
}
