/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what the benchmark programs written in C have in common: their
 * arguments, the clock, medians, and how results are printed.
 *
 *     PROGRAM QUESTION WORKERS [SCALE]
 *     PROGRAM questions
 *
 * A program answers its question with a line per metric on stdout, `NAME
 * VALUE`, and exits 0. It exits 77 and prints nothing if it has no answer to
 * that question, 1 with a sentence on stderr if what it computed was wrong or
 * something failed, 2 if it was called wrongly. The second form prints which
 * questions it has an answer to. Threads: one calls all this.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the program was asked. */
struct bench {
    const char *question;
    unsigned workers;               /* at least 1 */
    double scale;                   /* of the amount of work; preset 1 */
};

struct bench_question {
    const char *name;               /* NULL ends the list */
    void (*ask)(const struct bench *bench);
};

/* The body of main: reads the arguments and asks the question. */
int bench_main(int argc, char **argv, const struct bench_question *questions);

/* Ends the program: no answer to this question (77); or a sentence, as printf
 * has it, about what went wrong (1). */
void bench_none(void) __attribute__((noreturn));
void bench_fail(const char *format, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

/* Says that `what` went wrong, with the errno `rc`, and fails. */
void bench_fail_with(int rc, const char *what) __attribute__((noreturn, cold));

/* Fails unless `rc` is 0. Inline: it is asked of each operation. */
static inline void bench_need(int rc, const char *what)
{
    if (__builtin_expect(rc != 0, 0))
        bench_fail_with(rc, what);
}

/* Fails unless a result is what it should be. */
void bench_expect(const char *what, int64_t is, int64_t should);

/* `amount` operations at scale 1; at least `least`. */
size_t bench_scaled(const struct bench *bench, double amount, size_t least);

/* Zeroed memory on a boundary of 64 bytes, for as long as the process lives. */
void *bench_alloc(size_t bytes);

/* CLOCK_MONOTONIC, in ns. */
int64_t bench_clock(void);

/* Processor time of the whole process, in ns. */
int64_t bench_cpu_clock(void);

/* Does the work once and returns how many ns that took. */
typedef int64_t bench_round(void *arg);

/* Does it once untimed, then at least five times, each time over and over until
 * 20 ms (times the scale, if that is below 1) have passed. Returns the median
 * of the ns of one. */
double bench_median(const struct bench *bench, bench_round *round, void *arg);

/* Sorts the values; the one that a share of `part` (0 to 1) is not above. */
double bench_percentile(double *values, size_t n, double part);

/* Prints a line. */
void bench_print(const char *metric, double value);

#ifdef __cplusplus
}
#endif

#endif
