/* SPDX-License-Identifier: MIT */
/*
 * sort.c - a stable merge sort by a comparison, split by forks.
 *
 * The two halves of a range are sorted side by side into the other of two
 * buffers, and merged from there. A merge of much is split too: at the middle
 * of the longer run, and where that element belongs in the other. Small ranges
 * are sorted by insertion.
 *
 * Rejected: quicksort in place. It needs no memory, but is not stable, and its
 * first partitions are hard to share.
 */
#include <moirai/par.h>

#include <errno.h>
#include <string.h>

#include <moirai/fork.h>

#include "loop.h"

#define BY_INSERTION 12             /* elements */
#define GRAIN 2048                  /* sorted without forks */
#define MERGE_GRAIN 8192            /* merged without forks */

struct sort {
    size_t size;                    /* of an element */
    moirai_compare_fn *compare;
    void *arg;
    size_t grain;
};

/* The sizes that most elements have become plain moves. */
static inline void copy(void *to, const void *from, size_t size)
{
    if (size == 4)
        memcpy(to, from, 4);
    else if (size == 8)
        memcpy(to, from, 8);
    else if (size == 16)
        memcpy(to, from, 16);
    else
        memcpy(to, from, size);
}

static bool before(const struct sort *sort, const void *a, const void *b)
{
    return sort->compare(a, b, sort->arg) < 0;
}

/* Sorts n elements of `from` into `to`, another array. */
static void insert_all(const struct sort *sort, const char *from, char *to,
                       size_t n)
{
    size_t size = sort->size;

    for (size_t i = 0; i < n; i++) {
        const char *next = from + i * size;
        char *place = to + i * size;

        while (place > to && before(sort, next, place - size)) {
            copy(place, place - size, size);
            place -= size;
        }
        copy(place, next, size);
    }
}

/* --- merging ------------------------------------------------------------- */

struct run {
    const char *first;
    size_t n;
};

struct merge {
    struct moirai_frame frame;
    const struct sort *sort;
    struct run a, b;                /* equal ones of `a` go first */
    char *to;
};

static void merge_here(const struct sort *sort, const struct run *one,
                       const struct run *two, char *to)
{
    size_t size = sort->size;
    const char *a = one->first, *b = two->first;
    const char *a_end = a + one->n * size, *b_end = b + two->n * size;

    while (a < a_end && b < b_end) {
        bool second = before(sort, b, a);

        copy(to, second ? b : a, size);
        a += second ? 0 : size;
        b += second ? size : 0;
        to += size;
    }
    memcpy(to, a, (size_t)(a_end - a));
    memcpy(to + (a_end - a), b, (size_t)(b_end - b));
}

/* How many of the run go before `element`; `after_equals`: those that are
 * equal to it do. */
static size_t rank(const struct sort *sort, const struct run *run,
                   const char *element, bool after_equals)
{
    size_t low = 0, high = run->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *found = run->first + middle * sort->size;
        bool first = after_equals ? !before(sort, element, found)
                                  : before(sort, found, element);

        if (first)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int merge(void *arg);

static void merge_runs(const struct sort *sort, struct run a, struct run b,
                       char *to)
{
    struct merge upper;
    size_t na, nb;

    if (a.n + b.n <= MERGE_GRAIN) {
        merge_here(sort, &a, &b, to);
        return;
    }
    if (a.n >= b.n) {
        na = a.n / 2;
        nb = rank(sort, &b, a.first + na * sort->size, false);
    } else {
        nb = b.n / 2;
        na = rank(sort, &a, b.first + nb * sort->size, true);
    }
    upper.sort = sort;
    upper.a.first = a.first + na * sort->size;
    upper.a.n = a.n - na;
    upper.b.first = b.first + nb * sort->size;
    upper.b.n = b.n - nb;
    upper.to = to + (na + nb) * sort->size;
    moirai_fork(&upper.frame, merge, &upper);
    a.n = na;
    b.n = nb;
    merge_runs(sort, a, b, to);
    moirai_join(&upper.frame);
}

static int merge(void *arg)
{
    struct merge *m = arg;

    merge_runs(m->sort, m->a, m->b, m->to);
    return 0;
}

/* --- sorting ------------------------------------------------------------- */

struct part {
    struct moirai_frame frame;
    const struct sort *sort;
    char *data, *other;
    size_t n;
    bool to_other;
};

static int sort_part(void *arg);

/* Sorts what is in `data`, to be left there or in `other`. */
static void sort_range(const struct sort *sort, char *data, char *other,
                       size_t n, bool to_other)
{
    size_t half = n / 2 * sort->size;
    struct part upper;
    struct run a, b;

    if (n <= BY_INSERTION) {
        insert_all(sort, data, other, n);
        if (!to_other)
            memcpy(data, other, n * sort->size);
        return;
    }
    upper.sort = sort;
    upper.data = data + half;
    upper.other = other + half;
    upper.n = n - n / 2;
    upper.to_other = !to_other;
    if (n > sort->grain) {
        moirai_fork(&upper.frame, sort_part, &upper);
        sort_range(sort, data, other, n / 2, !to_other);
        moirai_join(&upper.frame);
    } else {
        sort_range(sort, data, other, n / 2, !to_other);
        sort_part(&upper);
    }
    a.first = to_other ? data : other;
    a.n = n / 2;
    b.first = a.first + half;
    b.n = upper.n;
    merge_runs(sort, a, b, to_other ? other : data);
}

static int sort_part(void *arg)
{
    struct part *part = arg;

    sort_range(part->sort, part->data, part->other, part->n, part->to_other);
    return 0;
}

int moirai_par_sort(void *array, size_t n, size_t size,
                    moirai_compare_fn *compare, void *arg,
                    const struct moirai_par_attr *attr)
{
    struct moirai_par_attr own;
    struct mo_scratch scratch;
    struct sort sort = { size, compare, arg, GRAIN };
    int rc = mo_loop_attr(attr, &own);

    if (rc == 0 && moirai_cancelled())
        rc = -ECANCELED;
    if (rc != 0 || n < 2 || size == 0)
        return rc;
    if (own.grain != 0)
        sort.grain = own.grain;
    rc = mo_scratch_get(&scratch, n * size, &own);
    if (rc != 0)
        return rc;
    sort_range(&sort, array, scratch.memory, n, false);
    mo_scratch_put(&scratch);
    return 0;
}
