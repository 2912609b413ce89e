/* SPDX-License-Identifier: MIT */
/*
 * loops.h - the loops that are asked about: arrays, bodies, and whether what
 * came out is right. How a body is called for all indices is up to whoever
 * answers.
 */
#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include <stddef.h>
#include <stdint.h>

#include "bench.h"

#define LOOPS_SIDE 64               /* nested: so many loops of so many */

struct loops {
    size_t begin, end;              /* indices of the loop */
    double ops;                     /* what the ns are for one of */
    int (*body)(size_t begin, size_t end, void *loops);     /* returns 0 */
    void (*check)(const struct loops *loops);
    size_t side;                    /* stencil: of the square */
    int64_t rounds;                 /* done so far */
    float *x, *y;                   /* saxpy; stencil: from, to */
    uint64_t *out;                  /* irregular-*, nested */
    double *numbers, sum;           /* reduce */
    int64_t *from, *to;             /* scan */
    uint32_t *keys, *sorted;        /* sort */
};

/* Fills *loops for the question; bench_none if it is about none of them. */
void loops_init(struct loops *loops, const struct bench *bench);

/* reduce: the sum of [begin, end). */
double loops_sum(const struct loops *loops, size_t begin, size_t end);

/* scan: the sum of [begin, end); and the inclusive scan of it, to which what
 * comes before adds `sum`, and which returns that sum with its own. */
int64_t loops_scan_sum(const struct loops *loops, size_t begin, size_t end);
int64_t loops_scan(const struct loops *loops, size_t begin, size_t end,
                   int64_t sum);

/* nested: item j of row i. */
void loops_nested_item(const struct loops *loops, size_t i, size_t j);

/* sort: a fresh copy of the keys. */
void loops_shuffle(struct loops *loops);

#endif
