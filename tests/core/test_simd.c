/* SPDX-License-Identifier: MIT */
/*
 * test_simd.c - every set of vector functions against the scalar one: to the
 * bit where an array is given, within the promised bound where a number is.
 *
 * Arrays end at a page that must not be touched, and begin right behind one, so
 * that no set reads or writes a float that it was not given.
 */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <moirai/simd.h>

#include "check.h"
#include "simd/set.h"
#include "with.h"

#define MOST 200                    /* floats in the arrays of most tests */
#define SHIFTS 17                   /* more than any vector has */

static uint64_t state = 42;

static uint32_t chance(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (uint32_t)(z >> 32);
}

/* Of ordinary size, and not short in binary. */
static float ordinary(void)
{
    return ((float)chance() - 2147483648.0f) / 1234567.0f;
}

/* Any: most bit patterns, and often those that are special. */
static float any(void)
{
    static const float special[] = {
        0.0f, -0.0f, INFINITY, -INFINITY, NAN, FLT_MIN, -FLT_MIN, FLT_MAX,
        -FLT_MAX, FLT_TRUE_MIN, -FLT_TRUE_MIN, 1.0f, FLT_EPSILON,
    };
    uint32_t bits = chance();
    float x;

    if (chance() % 4 == 0)
        return special[chance() % (sizeof special / sizeof *special)];
    if (chance() % 4 == 0)
        bits &= 0x807fffff;         /* subnormal */
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void make(float *p, size_t n, float value(void))
{
    for (size_t i = 0; i < n; i++)
        p[i] = value();
}

/* NaNs are all one here, and zeros are two. */
static bool same(float a, float b)
{
    return isnan(a) ? isnan(b) : memcmp(&a, &b, sizeof a) == 0;
}

static void check_same(const char *name, const float *got, const float *want,
                       size_t n)
{
    for (size_t i = 0; i < n; i++)
        CHECK_FMT(same(got[i], want[i]), "%s: %zu of %zu is %a, not %a", name,
                  i, n, (double)got[i], (double)want[i]);
}

/* Room for n floats, which fills whole pages, between two that must not be
 * touched. Never given back: a test has a process. */
struct room {
    float *begin, *end;
};

static struct room fenced(size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t inside = (n * sizeof(float) + page - 1) / page * page;
    char *all = mmap(NULL, inside + 2 * page, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct room room;

    CHECK(all != MAP_FAILED);
    CHECK(mprotect(all + page, inside, PROT_READ | PROT_WRITE) == 0);
    room.begin = (float *)(all + page);
    room.end = (float *)(all + page + inside);
    return room;
}

typedef void set_body(const struct mo_simd_set *set);

/* For every set but the scalar one that runs here; skips if there is none. */
static void each_set(set_body *body)
{
    int n = 0;

    for (size_t i = 0; mo_simd_sets[i] != &mo_simd_scalar; i++) {
        if (!mo_simd_can(mo_simd_sets[i]))
            continue;
        body(mo_simd_sets[i]);
        n++;
    }
    if (n == 0)
        SKIP("this machine has the scalar set alone");
}

/* The four that give arrays, by number. */
static void give(const struct mo_simd_set *set, int which, float k,
                 const float *a, const float *b, size_t n, float *out)
{
    switch (which) {
    case 0:
        set->add(a, b, n, out);
        break;
    case 1:
        set->mul(a, b, n, out);
        break;
    case 2:
        set->scale(k, a, n, out);
        break;
    default:
        memmove(out, b, n * sizeof *out);
        set->axpy(k, a, n, out);
    }
}

static void arrays_at(const struct mo_simd_set *set, const float *a,
                      const float *b, size_t n, float *out)
{
    float want[MOST];

    for (int which = 0; which < 4; which++) {
        float k = any();

        give(&mo_simd_scalar, which, k, a, b, n, want);
        give(set, which, k, a, b, n, out);
        check_same(set->name, out, want, n);
    }
}

static void every_length(const struct mo_simd_set *set)
{
    struct room a = fenced(MOST);
    struct room b = fenced(MOST);
    struct room out = fenced(MOST);

    for (size_t n = 0; n <= MOST; n++) {
        make(a.begin, n, any);
        make(b.begin, n, any);
        make(a.end - n, n, any);
        make(b.end - n, n, any);
        arrays_at(set, a.begin, b.begin, n, out.begin);
        arrays_at(set, a.end - n, b.end - n, n, out.end - n);
        arrays_at(set, a.begin, b.end - n, n, out.end - n);
    }
}

TEST(simd, gives_the_same_bits_for_every_length)
{
    each_set(every_length);
}

static void every_shift(const struct mo_simd_set *set)
{
    float a[MOST + SHIFTS];
    float b[MOST + SHIFTS];
    float out[MOST + SHIFTS];

    for (size_t i = 0; i < SHIFTS; i++) {
        for (size_t j = 0; j < SHIFTS; j++) {
            size_t n = MOST - chance() % SHIFTS;

            make(a, MOST + SHIFTS, any);
            make(b, MOST + SHIFTS, any);
            make(out, MOST + SHIFTS, ordinary);
            arrays_at(set, a + i, b + j, n, out + (i + j) % SHIFTS);
        }
    }
}

TEST(simd, gives_the_same_bits_wherever_arrays_begin)
{
    each_set(every_shift);
}

static void around(const struct mo_simd_set *set)
{
    float a[MOST];
    float out[MOST + 2 * SHIFTS];
    float before[MOST + 2 * SHIFTS];

    make(a, MOST, any);
    for (size_t n = 0; n <= MOST; n++) {
        size_t shift = SHIFTS - n % SHIFTS;
        size_t behind = MOST + 2 * SHIFTS - shift - n;

        make(before, MOST + 2 * SHIFTS, any);
        memcpy(out, before, sizeof out);
        set->scale(3, a, n, out + shift);
        CHECK(memcmp(out, before, shift * sizeof *out) == 0);
        CHECK(memcmp(out + shift + n, before + shift + n,
                     behind * sizeof *out) == 0);
    }
}

TEST(simd, writes_nothing_around_the_array)
{
    each_set(around);
}

static void onto_itself(const struct mo_simd_set *set)
{
    float a[MOST];
    float b[MOST];
    float want[MOST];
    float got[MOST];

    for (size_t n = 0; n <= MOST; n++) {
        make(a, n, any);
        make(b, n, any);
        mo_simd_scalar.add(a, b, n, want);
        memcpy(got, a, sizeof got);
        set->add(got, b, n, got);
        check_same(set->name, got, want, n);
        memcpy(got, b, sizeof got);
        set->add(a, got, n, got);
        check_same(set->name, got, want, n);
        mo_simd_scalar.mul(a, a, n, want);
        memcpy(got, a, sizeof got);
        set->mul(got, got, n, got);
        check_same(set->name, got, want, n);
    }
}

TEST(simd, writes_onto_what_it_reads)
{
    each_set(onto_itself);
}

/* 2^-24 is half the distance of 1 from the next float, 2^-150 that of 0. */
static double bound(size_t n, double magnitude)
{
    double u = (double)n * 0x1p-24;

    return u / (1 - u) * magnitude + (double)n * 0x1p-150;
}

/* Doubles hold products of floats exactly, and their own rounding is too small
 * to count. */
static void check_reductions(const struct mo_simd_set *set, const float *a,
                             const float *b, size_t n)
{
    double dot = 0, dot_size = 0, sum = 0, sum_size = 0;

    for (size_t i = 0; i < n; i++) {
        dot += (double)a[i] * (double)b[i];
        dot_size += fabs((double)a[i] * (double)b[i]);
        sum += (double)a[i];
        sum_size += fabs((double)a[i]);
    }
    CHECK_FMT(fabs((double)set->dot(a, b, n) - dot) <= bound(n, dot_size),
              "%s: dot of %zu: %a, not %a", set->name, n,
              (double)set->dot(a, b, n), dot);
    CHECK_FMT(fabs((double)set->sum(a, n) - sum) <= bound(n, sum_size),
              "%s: sum of %zu: %a, not %a", set->name, n,
              (double)set->sum(a, n), sum);
    CHECK(set->min(a, n) == mo_simd_scalar.min(a, n));
    CHECK(set->max(a, n) == mo_simd_scalar.max(a, n));
}

static void every_reduction(const struct mo_simd_set *set)
{
    struct room a = fenced(MOST);
    struct room b = fenced(MOST);

    for (size_t n = 0; n <= MOST; n++) {
        make(a.begin, MOST, ordinary);
        make(b.begin, MOST, ordinary);
        check_reductions(set, a.begin, b.begin, n);
        make(a.end - n, n, ordinary);
        make(b.end - n, n, ordinary);
        check_reductions(set, a.end - n, b.end - n, n);
        check_reductions(set, a.begin, b.end - n, n);
    }
}

static void every_reduction_and_scalar(const struct mo_simd_set *set)
{
    every_reduction(set);
    every_reduction(&mo_simd_scalar);
}

TEST(simd, adds_up_within_the_bound)
{
    each_set(every_reduction_and_scalar);
}

static void many(const struct mo_simd_set *set)
{
    size_t n = 1000003;
    float *a = malloc(n * sizeof *a);
    float *b = malloc(n * sizeof *b);

    CHECK(a != NULL && b != NULL);
    make(a, n, ordinary);
    make(b, n, ordinary);
    check_reductions(set, a, b, n);
    free(a);
    free(b);
}

TEST(simd, adds_up_a_million_within_the_bound)
{
    each_set(many);
}

static float subnormal(void)
{
    return (float)((double)(chance() >> 10) * 0x1p-149);
}

/* Sums of so few and so small numbers are exact in every order. */
static void small(const struct mo_simd_set *set)
{
    float a[MOST];
    float ones[MOST];

    make(a, MOST, subnormal);
    for (size_t i = 0; i < MOST; i++)
        ones[i] = 1;
    for (size_t n = 0; n <= 4; n++) {
        CHECK(same(set->sum(a, n), mo_simd_scalar.sum(a, n)));
        CHECK(same(set->dot(a, ones, n), mo_simd_scalar.dot(a, ones, n)));
    }
    CHECK(set->min(a, MOST) == mo_simd_scalar.min(a, MOST));
    check_reductions(set, a, ones, MOST);
    CHECK(set->sum(a, MOST) > 0);
}

TEST(simd, keeps_subnormal_numbers)
{
    each_set(small);
}

static void odd_one(const struct mo_simd_set *set, size_t n, size_t at)
{
    float a[MOST];
    float ones[MOST];

    make(a, n, ordinary);
    for (size_t i = 0; i < n; i++)
        ones[i] = 1;
    a[at] = INFINITY;
    CHECK(set->sum(a, n) == INFINITY && set->dot(a, ones, n) == INFINITY);
    CHECK(set->max(a, n) == INFINITY);
    CHECK(set->min(a, n) == mo_simd_scalar.min(a, n));
    a[at] = -INFINITY;
    CHECK(set->sum(a, n) == -INFINITY && set->dot(ones, a, n) == -INFINITY);
    CHECK(set->min(a, n) == -INFINITY);
    CHECK(set->max(a, n) == mo_simd_scalar.max(a, n));
    a[at] = NAN;
    CHECK(isnan(set->sum(a, n)) && isnan(set->dot(a, ones, n)));
    CHECK(set->min(a, n) == mo_simd_scalar.min(a, n));
    CHECK(set->max(a, n) == mo_simd_scalar.max(a, n));
}

static void every_odd_one(const struct mo_simd_set *set)
{
    for (size_t n = 1; n <= MOST; n += 1 + n / 3) {
        for (size_t at = 0; at < n; at++)
            odd_one(set, n, at);
    }
}

TEST(simd, passes_on_infinities_and_over_nans)
{
    each_set(every_odd_one);
}

TEST(simd, of_nothing_is_the_neutral_number)
{
    for (size_t i = 0; mo_simd_sets[i] != NULL; i++) {
        const struct mo_simd_set *set = mo_simd_sets[i];
        float nans[MOST];

        if (!mo_simd_can(set))
            continue;
        CHECK(set->sum(NULL, 0) == 0 && set->dot(NULL, NULL, 0) == 0);
        CHECK(set->min(NULL, 0) == INFINITY);
        CHECK(set->max(NULL, 0) == -INFINITY);
        set->add(NULL, NULL, 0, NULL);
        for (size_t n = 0; n < MOST; n++) {
            CHECK(set->min(nans, n) == INFINITY);
            CHECK(set->max(nans, n) == -INFINITY);
            nans[n] = NAN;
        }
    }
}

/* Through the public names, for each set; they call what they are called. */
TEST(simd, uses_the_set_that_was_named)
{
    const float a[3] = { 1, 2, 4 };
    const float b[3] = { 3, 5, -7 };
    float out[3];

    for (size_t i = 0; mo_simd_sets[i] != NULL; i++) {
        const char *name = mo_simd_sets[i]->name;

        if (!mo_simd_can(mo_simd_sets[i])) {
            CHECK_EQ(moirai_simd_use(name), -ENOTSUP);
            continue;
        }
        CHECK_EQ(moirai_simd_use(name), 0);
        CHECK_STR(moirai_simd_name(), name);
        moirai_simd_add_f32(a, b, 3, out);
        CHECK(out[0] == 4 && out[1] == 7 && out[2] == -3);
        moirai_simd_mul_f32(a, b, 3, out);
        CHECK(out[0] == 3 && out[1] == 10 && out[2] == -28);
        moirai_simd_axpy_f32(2, a, 3, out);
        CHECK(out[0] == 5 && out[1] == 14 && out[2] == -20);
        moirai_simd_scale_f32(0.5f, a, 3, out);
        CHECK(out[0] == 0.5f && out[1] == 1 && out[2] == 2);
        CHECK(moirai_simd_dot_f32(a, b, 3) == -15);
        CHECK(moirai_simd_sum_f32(b, 3) == 1);
        CHECK(moirai_simd_min_f32(b, 3) == -7);
        CHECK(moirai_simd_max_f32(b, 3) == 5);
    }
    CHECK_EQ(moirai_simd_use("mmx"), -ENOENT);
    CHECK_STR(moirai_simd_name(), "scalar");
}

static const char *widest(void)
{
    size_t i = 0;

    while (!mo_simd_can(mo_simd_sets[i]))
        i++;
    return mo_simd_sets[i]->name;
}

TEST(simd, takes_the_widest_set_by_itself)
{
    unsetenv("MOIRAI_SIMD");
    CHECK_STR(moirai_simd_name(), widest());
    CHECK_EQ(moirai_simd_use("scalar"), 0);
    CHECK_STR(moirai_simd_name(), "scalar");
    CHECK_EQ(moirai_simd_use(NULL), 0);
    CHECK_STR(moirai_simd_name(), widest());
}

TEST(simd, takes_the_set_that_the_environment_names)
{
    setenv("MOIRAI_SIMD", "scalar", 1);
    CHECK_STR(moirai_simd_name(), "scalar");
}

TEST(simd, takes_the_widest_where_the_environment_is_wrong)
{
    setenv("MOIRAI_SIMD", "mmx", 1);
    setenv("MOIRAI_LOG", "off", 1);
    CHECK_STR(moirai_simd_name(), widest());
}

/* The first calls of a process, by tasks of several workers at once. */
static int first_call(void *arg)
{
    const float *a = arg;

    CHECK(moirai_simd_sum_f32(a, MOST) == MOST);
    return 0;
}

static int first_calls(void *arg)
{
    struct moirai_scope scope;
    float a[MOST];

    (void)arg;
    for (size_t i = 0; i < MOST; i++)
        a[i] = 1;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(moirai_spawn(&scope, first_call, a), 0);
    return moirai_scope_end(&scope);
}

TEST(simd, may_be_called_first_by_several_tasks)
{
    with_one(4, first_calls, NULL);
}
