/* SPDX-License-Identifier: MIT */
/*
 * bench.c - arguments, clock, medians, results.
 */
#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 5
#define ROUND_NS 20e6
#define NO_ANSWER 77

/* The number in `text`, more than 0; negative if there is none. */
static double number(const char *text)
{
    char *end;
    double value = strtod(text, &end);

    return end != text && *end == '\0' && value > 0 && value <= 1e6
               ? value : -1;
}

int bench_main(int argc, char **argv, const struct bench_question *questions)
{
    struct bench bench = { .scale = 1 };
    double workers = argc > 2 ? number(argv[2]) : -1;

    if (argc == 2 && strcmp(argv[1], "questions") == 0) {
        for (; questions->name != NULL; questions++)
            puts(questions->name);
        return 0;
    }
    if (argc > 3)
        bench.scale = number(argv[3]);
    if (argc < 3 || argc > 4 || workers < 1 || bench.scale < 0) {
        fprintf(stderr, "usage: %s QUESTION WORKERS [SCALE]\n"
                "       %s questions\n", argv[0], argv[0]);
        return 2;
    }
    bench.question = argv[1];
    bench.workers = (unsigned)workers;
    for (; questions->name != NULL; questions++)
        if (strcmp(questions->name, bench.question) == 0) {
            questions->ask(&bench);
            return fflush(stdout) == 0 ? 0 : 1;
        }
    bench_none();
}

void bench_none(void)
{
    exit(NO_ANSWER);
}

void bench_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

void bench_fail_with(int rc, const char *what)
{
    bench_fail("%s: %s", what, strerror(rc < 0 ? -rc : rc));
}

void bench_expect(const char *what, int64_t is, int64_t should)
{
    if (is != should)
        bench_fail("%s: %lld in place of %lld", what, (long long)is,
                   (long long)should);
}

size_t bench_scaled(const struct bench *bench, double amount, size_t least)
{
    double n = amount * bench->scale;

    return n < (double)least ? least : (size_t)n;
}

void *bench_alloc(size_t bytes)
{
    void *memory = NULL;

    bench_need(posix_memalign(&memory, 64, bytes), "memory");
    return memset(memory, 0, bytes);
}

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t bench_clock(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t bench_cpu_clock(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

double bench_median(const struct bench *bench, bench_round *round, void *arg)
{
    double least = bench->scale < 1 ? ROUND_NS * bench->scale : ROUND_NS;
    double ns[ROUNDS];

    round(arg);
    for (int i = 0; i < ROUNDS; i++) {
        double passed = 0;
        int times = 0;

        do {
            passed += (double)round(arg);
            times++;
        } while (passed < least);
        ns[i] = passed / times;
    }
    return bench_percentile(ns, ROUNDS, 0.5);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_percentile(double *values, size_t n, double part)
{
    size_t at = (size_t)((double)n * part);

    qsort(values, n, sizeof *values, by_value);
    return values[at < n ? at : n - 1];
}

void bench_print(const char *metric, double value)
{
    printf("%s %.6g\n", metric, value);
}
