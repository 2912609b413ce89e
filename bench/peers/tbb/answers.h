/* SPDX-License-Identifier: MIT */
/*
 * answers.h - the questions that the files of this peer answer, and how they
 * are timed.
 */
#ifndef BENCH_PEERS_TBB_ANSWERS_H
#define BENCH_PEERS_TBB_ANSWERS_H

#include "bench.h"

/* spawn.cc */
void spawn_warm(const struct bench *bench);
void spawn_cold(const struct bench *bench);
void cpu(const struct bench *bench);

/* trees.cc */
void fib(const struct bench *bench);
void nqueens(const struct bench *bench);
void uts(const struct bench *bench);
void skewed(const struct bench *bench);

/* loops.cc */
void nested(const struct bench *bench);
void region(const struct bench *bench);
void loop_empty(const struct bench *bench);
void saxpy(const struct bench *bench);
void stencil(const struct bench *bench);
void irregular_static(const struct bench *bench);
void irregular_auto(const struct bench *bench);

/* folds.cc */
void reduce(const struct bench *bench);
void scan(const struct bench *bench);
void sort(const struct bench *bench);

/* The median of what `work()` takes, in ns; `work` may be any callable. */
template <typename Work>
double median_of(const struct bench *bench, Work work)
{
    bench_round *round = [](void *arg) {
        int64_t start = bench_clock();

        (*static_cast<Work *>(arg))();
        return bench_clock() - start;
    };

    return bench_median(bench, round, &work);
}

#endif
