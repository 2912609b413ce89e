/* SPDX-License-Identifier: MIT */
/*
 * openmp.h - the questions that the files of this peer answer.
 */
#ifndef BENCH_PEERS_OPENMP_H
#define BENCH_PEERS_OPENMP_H

#include "bench.h"

/* tasks.c */
void spawn_warm(const struct bench *bench);
void spawn_cold(const struct bench *bench);
void cpu(const struct bench *bench);

/* trees.c */
void fib(const struct bench *bench);
void nqueens(const struct bench *bench);
void uts(const struct bench *bench);
void skewed(const struct bench *bench);

/* loops.c */
void nested(const struct bench *bench);
void region(const struct bench *bench);
void saxpy(const struct bench *bench);
void stencil(const struct bench *bench);
void irregular_static(const struct bench *bench);
void irregular_dynamic(const struct bench *bench);
void irregular_guided(const struct bench *bench);
void reduce(const struct bench *bench);

/* scan.c, sort.c */
void scan(const struct bench *bench);
void sort(const struct bench *bench);

#endif
