/* SPDX-License-Identifier: MIT */
/*
 * simd.c - ns per element of the functions of moirai/simd.h.
 *
 *     simd-arrays     those that give arrays, which the first cache holds
 *     simd-numbers    those that give a number, likewise
 *     simd-memory     some of both on arrays that no cache holds
 *
 * Which set answers, the environment says (MOIRAI_SIMD=scalar, avx2, ...): the
 * ratio to scalar is a set's factor. Everything is on the calling thread.
 */
#include "bench.h"

#include <math.h>
#include <stdlib.h>

#include <moirai/simd.h>

#define L1_FLOATS 2048              /* 24 KB in three arrays */
#define MEMORY_FLOATS 10000000
#define PASSES_FLOATS 2000000       /* per round, at least */

struct arrays {
    float *a, *b, *out;
    size_t n;
    size_t passes;                  /* over the arrays in a round */
    float result;                   /* of the functions that give a number */
    void (*pass)(struct arrays *arrays);
};

static void add(struct arrays *s)
{
    moirai_simd_add_f32(s->a, s->b, s->n, s->out);
}

static void mul(struct arrays *s)
{
    moirai_simd_mul_f32(s->a, s->b, s->n, s->out);
}

static void scale(struct arrays *s)
{
    moirai_simd_scale_f32(3, s->a, s->n, s->out);
}

/* Of opposite sign by turns, so that numbers do not grow. */
static void axpy(struct arrays *s)
{
    s->result = s->result > 0 ? -2 : 2;
    moirai_simd_axpy_f32(s->result, s->a, s->n, s->out);
}

static void dot(struct arrays *s)
{
    s->result = moirai_simd_dot_f32(s->a, s->b, s->n);
}

static void sum(struct arrays *s)
{
    s->result = moirai_simd_sum_f32(s->a, s->n);
}

static void min(struct arrays *s)
{
    s->result = moirai_simd_min_f32(s->a, s->n);
}

static void max(struct arrays *s)
{
    s->result = moirai_simd_max_f32(s->a, s->n);
}

static int64_t passes(void *arg)
{
    struct arrays *s = arg;
    int64_t start = bench_clock();

    for (size_t i = 0; i < s->passes; i++)
        s->pass(s);
    return bench_clock() - start;
}

/* Both ends and the middle of what the last pass has left behind. */
static void expect_array(const struct arrays *s, const char *what,
                         float value(float a, float b))
{
    for (size_t i = 0; i < s->n; i += s->n / 2 > 0 ? s->n / 2 : 1)
        if (s->out[i] != value(s->a[i], s->b[i]))
            bench_fail("%s: wrong at %zu", what, i);
}

static float sum_of(float a, float b)
{
    return a + b;
}

static float product_of(float a, float b)
{
    return a * b;
}

static float triple_of(float a, float b)
{
    (void)b;
    return 3 * a;
}

static void expect_number(const struct arrays *s, const char *what,
                          double value)
{
    if (fabs((double)s->result - value) > fabs(value) * (double)s->n * 6e-8)
        bench_fail("%s: %g in place of %g", what, (double)s->result, value);
}

static void measure(const struct bench *bench, struct arrays *s,
                    const char *metric, void pass(struct arrays *s))
{
    double done = (double)s->n * (double)s->passes;

    s->pass = pass;
    s->result = 0;
    bench_print(metric, bench_median(bench, passes, s) / done);
}

static void fill(struct arrays *s)
{
    for (size_t i = 0; i < s->n; i++) {
        s->a[i] = (float)(i % 13 + 1);
        s->b[i] = (float)(i % 7 + 1);
        s->out[i] = 0;
    }
}

static void measure_arrays(const struct bench *bench, struct arrays *s)
{
    measure(bench, s, "add_ns", add);
    expect_array(s, "add", sum_of);
    measure(bench, s, "mul_ns", mul);
    expect_array(s, "mul", product_of);
    measure(bench, s, "scale_ns", scale);
    expect_array(s, "scale", triple_of);
    measure(bench, s, "axpy_ns", axpy);
}

static void measure_sums(const struct bench *bench, struct arrays *s)
{
    double products = 0;
    double total = 0;

    for (size_t i = 0; i < s->n; i++) {
        products += (double)s->a[i] * (double)s->b[i];
        total += (double)s->a[i];
    }
    measure(bench, s, "dot_ns", dot);
    expect_number(s, "dot", products);
    measure(bench, s, "sum_ns", sum);
    expect_number(s, "sum", total);
}

static void measure_numbers(const struct bench *bench, struct arrays *s)
{
    measure_sums(bench, s);
    measure(bench, s, "min_ns", min);
    expect_number(s, "min", 1);
    measure(bench, s, "max_ns", max);
    expect_number(s, "max", 13);
}

static void measure_memory(const struct bench *bench, struct arrays *s)
{
    measure(bench, s, "add_ns", add);
    expect_array(s, "add", sum_of);
    measure(bench, s, "axpy_ns", axpy);
    measure_sums(bench, s);
}

/* Asks `question` of arrays of n floats each. */
static void ask(const struct bench *bench, size_t n,
                void question(const struct bench *bench, struct arrays *s))
{
    const char *set = getenv("MOIRAI_SIMD");
    struct arrays s = { .n = n };

    if (bench->workers != 1 || (set != NULL && moirai_simd_use(set) != 0))
        bench_none();
    s.a = bench_alloc(n * sizeof(float));
    s.b = bench_alloc(n * sizeof(float));
    s.out = bench_alloc(n * sizeof(float));
    s.passes = bench_scaled(bench, PASSES_FLOATS / (double)n, 1);
    fill(&s);
    question(bench, &s);
}

static void arrays(const struct bench *bench)
{
    ask(bench, L1_FLOATS, measure_arrays);
}

static void numbers(const struct bench *bench)
{
    ask(bench, L1_FLOATS, measure_numbers);
}

static void memory(const struct bench *bench)
{
    ask(bench, bench_scaled(bench, MEMORY_FLOATS, 16), measure_memory);
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "simd-arrays", arrays },
        { "simd-numbers", numbers },
        { "simd-memory", memory },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
