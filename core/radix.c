/* SPDX-License-Identifier: MIT */
/*
 * radix.c - sorts numbers by their digits of eight bits.
 *
 * All workers partition the array by its highest digit that differs: each
 * counts a part, and knowing the counts of all puts its elements where they
 * belong in the other buffer. The 256 buckets that this gives are sorted one by
 * one, in the cache, on whatever worker is free: by their remaining digits from
 * the lowest if these are few, else again by the highest. A bucket that has too
 * much of the whole is partitioned by all workers once more.
 *
 * Signed numbers and floats are turned into unsigned ones of the same order as
 * they are read: a float's negative values have all their bits flipped, and
 * whatever has a sign has that flipped.
 */
#include <moirai/par.h>

#include <errno.h>
#include <string.h>

#include "loop.h"

#define DIGITS 256
#define LOW_DIGITS 3                /* sorted from the lowest */
#define BY_INSERTION 48             /* elements */
#define PART_LEAST 8192             /* elements of a part, and parts: at most */
#define PARTS_MOST 32               /* 64 KiB of tables */
#define SHARED_LEAST 32768
#define HUGE_MOST 8                 /* buckets that have an eighth or more */

static bool is_huge(size_t n, size_t of)
{
    return n >= SHARED_LEAST && n > of / HUGE_MOST;
}

static size_t parts_of(size_t n)
{
    size_t most = mo_loop_workers() * (size_t)4;
    size_t parts = n / PART_LEAST;

    if (most > PARTS_MOST)
        most = PARTS_MOST;
    return parts == 0 ? 1 : parts < most ? parts : most;
}

static size_t part_begin(size_t n, size_t parts, size_t p)
{
    size_t longer = n % parts;      /* parts have one more */

    return n / parts * p + (p < longer ? p : longer);
}

/* Turns counts into the places where the digits begin. False: all have the
 * same, and there is nothing to do. */
static bool sum_up(size_t *counts, size_t n)
{
    size_t place = 0;

    for (unsigned d = 0; d < DIGITS; d++) {
        size_t count = counts[d];

        if (count == n)
            return false;
        counts[d] = place;
        place += count;
    }
    return true;
}

/* The same, each part's elements of a digit behind those of the parts before
 * it. */
static void sum_up_parts(size_t (*tables)[DIGITS], size_t parts)
{
    size_t place = 0;

    for (unsigned d = 0; d < DIGITS; d++)
        for (size_t p = 0; p < parts; p++) {
            size_t count = tables[p][d];

            tables[p][d] = place;
            place += count;
        }
}

/* A loop that cancellation does not end half-way. */
static void for_each(size_t n, moirai_range_fn *body, void *arg)
{
    struct moirai_par_attr attr = { .schedule = MOIRAI_DYNAMIC };
    struct mo_loop loop;

    mo_loop_init(&loop, n, &attr);
    loop.body = body;
    loop.arg = arg;
    loop.deaf = true;
    mo_loop_run(&loop, 0, n, NULL);
}

static void fold_all(size_t n, const struct moirai_fold *op, void *arg,
                     void *result)
{
    struct moirai_par_attr attr = { .grain = PART_LEAST };
    struct mo_loop loop;

    mo_loop_init(&loop, n, &attr);
    loop.op = op;
    loop.arg = arg;
    loop.deaf = true;
    mo_loop_run(&loop, 0, n, result);
}

/* What can go wrong goes wrong here; nothing to put back if n < 2. */
static int prepare(struct mo_scratch *scratch, size_t n, size_t size,
                   size_t parts, const struct moirai_par_attr *attr)
{
    struct moirai_par_attr own;
    int rc = mo_loop_attr(attr, &own);

    if (rc == 0 && moirai_cancelled())
        rc = -ECANCELED;
    if (rc != 0 || n < 2)
        return rc;
    return mo_scratch_get(scratch, parts * DIGITS * sizeof(size_t) + n * size,
                          &own);
}

/* Floats are looked at as integers. */
typedef uint32_t __attribute__((may_alias)) word_32;
typedef uint64_t __attribute__((may_alias)) word_64;

#define KEY word_32
#define OF(name) name##_32
#include "radix_key.h"
#undef KEY
#undef OF

#define KEY word_64
#define OF(name) name##_64
#include "radix_key.h"

#define SIGN_32 (UINT32_C(1) << 31)
#define SIGN_64 (UINT64_C(1) << 63)

int moirai_par_sort_u32(uint32_t *array, size_t n,
                        const struct moirai_par_attr *attr)
{
    return sort_32(array, n, 0, 0, attr);
}

int moirai_par_sort_i32(int32_t *array, size_t n,
                        const struct moirai_par_attr *attr)
{
    return sort_32((word_32 *)array, n, 0, SIGN_32, attr);
}

int moirai_par_sort_f32(float *array, size_t n,
                        const struct moirai_par_attr *attr)
{
    return sort_32((word_32 *)array, n, SIGN_32 - 1, SIGN_32, attr);
}

int moirai_par_sort_u64(uint64_t *array, size_t n,
                        const struct moirai_par_attr *attr)
{
    return sort_64(array, n, 0, 0, attr);
}

int moirai_par_sort_i64(int64_t *array, size_t n,
                        const struct moirai_par_attr *attr)
{
    return sort_64((word_64 *)array, n, 0, SIGN_64, attr);
}

int moirai_par_sort_f64(double *array, size_t n,
                        const struct moirai_par_attr *attr)
{
    return sort_64((word_64 *)array, n, SIGN_64 - 1, SIGN_64, attr);
}
