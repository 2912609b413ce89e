/* SPDX-License-Identifier: MIT */
/*
 * test_sort.c - sorting gives the order that qsort gives, keeps equals in
 * theirs, and loses nothing, whatever order there was before.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "mem.h"
#include "with.h"

/* --- patterns ------------------------------------------------------------ */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

enum { RANDOM, SORTED, REVERSED, EQUAL, FEW, SAW, ORGAN, SKEWED, NARROW,
       PATTERNS };

static uint64_t pattern(int which, size_t i, size_t n, uint64_t *state)
{
    uint64_t random = next_random(state);

    switch (which) {
    case SORTED: return i;
    case REVERSED: return n - i;
    case EQUAL: return 42;
    case FEW: return random % 4 << 40;
    case SAW: return i % 97;
    case ORGAN: return i < n / 2 ? i : n - i;
    case SKEWED: return random % 10 != 0 ? random % 100000 : random;
    case NARROW: return UINT64_C(1) << 62 | random % 3000;
    default: return random;
    }
}

/* --- by a comparison ----------------------------------------------------- */

struct item {
    uint32_t key;
    uint32_t place;                 /* where it was */
    char filler[12];
};

static int by_key(const void *a, const void *b, void *arg)
{
    const struct item *x = a, *y = b;

    CHECK_EQ(*(const int *)arg, 17);
    return (x->key > y->key) - (x->key < y->key);
}

static int by_key_and_place(const void *a, const void *b)
{
    const struct item *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

static void sort_items(size_t n, int which, size_t grain)
{
    struct moirai_par_attr attr = { .size = sizeof attr, .grain = grain };
    struct item *items = calloc(n + 1, sizeof *items);
    struct item *wanted = calloc(n + 1, sizeof *items);
    uint64_t state = n;
    int arg = 17;

    CHECK(items != NULL && wanted != NULL);
    for (size_t i = 0; i < n; i++) {
        items[i].key = (uint32_t)pattern(which, i, n, &state) % 1000;
        items[i].place = (uint32_t)i;
        items[i].filler[11] = (char)i;
    }
    memcpy(wanted, items, n * sizeof *items);
    qsort(wanted, n, sizeof *items, by_key_and_place);
    CHECK_EQ(moirai_par_sort(items, n, sizeof *items, by_key, &arg, &attr), 0);
    CHECK_FMT(memcmp(items, wanted, n * sizeof *items) == 0,
              "%zu items, pattern %d, grain %zu", n, which, grain);
    free(items);
    free(wanted);
}

static int sorts_by_comparison(void *arg)
{
    size_t most = *(size_t *)arg;

    for (int which = 0; which < PATTERNS; which++)
        for (size_t n = 0; n <= most; n = n * 2 + 1 + n / 3) {
            sort_items(n, which, 0);
            sort_items(n, which, 3);
        }
    return 0;
}

TEST(sort, a_comparison_sorts_and_keeps_the_order_of_equals)
{
    size_t most = 30000;

    with_each(sorts_by_comparison, &most);
    CHECK_EQ(sorts_by_comparison(&most), 0);
}

TEST(sort, it_does_so_in_every_order)
{
    size_t most = 40;

    with_seeds(100, sorts_by_comparison, &most);
}

static int by_size(const void *a, const void *b, void *arg)
{
    return memcmp(a, b, *(size_t *)arg);
}

static int sizes_of_elements(void *arg)
{
    static unsigned char data[20000];
    uint64_t state = 1;

    (void)arg;
    for (size_t size = 1; size <= 24; size++) {
        size_t n = sizeof data / size;

        for (size_t i = 0; i < sizeof data; i++)
            data[i] = (unsigned char)next_random(&state);
        CHECK_EQ(moirai_par_sort(data, n, size, by_size, &size, NULL), 0);
        for (size_t i = 1; i < n; i++)
            CHECK(memcmp(data + (i - 1) * size, data + i * size, size) <= 0);
    }
    return 0;
}

TEST(sort, elements_may_have_any_size)
{
    with_one(2, sizes_of_elements, NULL);
}

static int fail_now(const void *a, const void *b, void *arg)
{
    (void)a;
    (void)b;
    (void)arg;
    moirai_fail(-EIO, NULL);
}

static int sort_and_fail(void *arg)
{
    int numbers[100] = { 0 };

    (void)arg;
    moirai_par_sort(numbers, 100, sizeof numbers[0], fail_now, NULL, NULL);
    CHECK(false);
    return 0;
}

static int failing(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, sort_and_fail, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), -EIO);
    return 0;
}

TEST(sort, a_comparison_may_fail_the_task)
{
    with_each(failing, NULL);       /* under ASan leaks are found */
}

/* --- numbers ------------------------------------------------------------- */

#define SORT_NUMBERS(type, name)                                              \
    static int compare_##name(const void *a, const void *b)                   \
    {                                                                         \
        const type *x = a, *y = b;                                            \
                                                                              \
        return (*x > *y) - (*x < *y);                                         \
    }                                                                         \
                                                                              \
    static void sort_##name(size_t n, int which)                              \
    {                                                                         \
        type *a = calloc(n + 1, sizeof *a), *b = calloc(n + 1, sizeof *a);    \
        uint64_t state = n;                                                   \
                                                                              \
        CHECK(a != NULL && b != NULL);                                        \
        for (size_t i = 0; i < n; i++) {                                      \
            uint64_t x = pattern(which, i, n, &state);                        \
                                                                              \
            a[i] = (type)(int64_t)(i % 2 != 0 ? 0 - x : x);                   \
        }                                                                     \
        memcpy(b, a, n * sizeof *a);                                          \
        qsort(b, n, sizeof *b, compare_##name);                               \
        CHECK_EQ(moirai_par_sort_##name(a, n, NULL), 0);                      \
        CHECK_FMT(memcmp(a, b, n * sizeof *a) == 0,                           \
                  #name ", %zu of them, pattern %d", n, which);               \
        free(a);                                                              \
        free(b);                                                              \
    }

SORT_NUMBERS(uint32_t, u32)
SORT_NUMBERS(int32_t, i32)
SORT_NUMBERS(float, f32)
SORT_NUMBERS(uint64_t, u64)
SORT_NUMBERS(int64_t, i64)
SORT_NUMBERS(double, f64)

static int sorts_numbers(void *arg)
{
    size_t most = *(size_t *)arg;

    for (int which = 0; which < PATTERNS; which++)
        for (size_t n = 0; n <= most; n = n * 3 + 1) {
            sort_u32(n, which);
            sort_i32(n, which);
            sort_f32(n, which);
            sort_u64(n, which);
            sort_i64(n, which);
            sort_f64(n, which);
        }
    return 0;
}

TEST_LONG(sort, numbers_are_sorted_as_by_comparison, 120)
{
    size_t most = 1000;

    CHECK_EQ(sorts_numbers(&most), 0);
    most = 30000;
    with_each(sorts_numbers, &most);
    most = 100000;
    with_one(2, sorts_numbers, &most);
}

static int some_numbers(void *arg)
{
    (void)arg;
    sort_u32(100000, RANDOM);
    sort_i64(70000, SKEWED);
    return 0;
}

TEST(sort, numbers_are_sorted_in_every_order)
{
    with_seeds(20, some_numbers, NULL);
}

static int special_floats(void *arg)
{
    float f[] = { 1, NAN, -0.0f, INFINITY, 0.0f, -INFINITY, -NAN, -1 };
    double d[] = { 1, NAN, -0.0, INFINITY, 0.0, -INFINITY, -NAN, -1 };

    (void)arg;
    CHECK_EQ(moirai_par_sort_f32(f, 8, NULL), 0);
    CHECK_EQ(moirai_par_sort_f64(d, 8, NULL), 0);
    CHECK(isnan(f[0]) && isnan(f[7]) && isnan(d[0]) && isnan(d[7]));
    CHECK(signbit(f[3]) && !signbit(f[4]) && f[3] == 0 && f[4] == 0);
    CHECK(signbit(d[3]) && !signbit(d[4]) && d[3] == 0 && d[4] == 0);
    CHECK(f[1] == -INFINITY && f[2] == -1 && f[5] == 1 && f[6] == INFINITY);
    CHECK(d[1] == -INFINITY && d[2] == -1 && d[5] == 1 && d[6] == INFINITY);
    return 0;
}

TEST(sort, floats_are_in_total_order)
{
    with_one(1, special_floats, NULL);
}

/* --- refusals ------------------------------------------------------------ */

#define ROOM (65536 + 8 * 1000)

static int refusals(void *arg)
{
    static _Alignas(16) char room[ROOM];
    struct moirai_par_attr attr = { .size = sizeof attr, .scratch = room,
                                    .scratch_size = sizeof room };
    uint64_t numbers[1000];
    size_t size = sizeof numbers[0];

    for (size_t i = 0; i < 1000; i++)
        numbers[i] = 1000 - i;
    mo_mem_watch(1);
    CHECK_EQ(moirai_par_sort_u64(numbers, 1000, NULL), -ENOMEM);
    mo_mem_fail(1, 1);
    CHECK_EQ(moirai_par_sort(numbers, 1000, size, by_size, &size, NULL),
             -ENOMEM);
    CHECK_EQ(numbers[0], 1000);
    CHECK_EQ(numbers[999], 1);
    mo_mem_fail(1, 1);
    CHECK_EQ(moirai_par_sort_u64(numbers, 1000, &attr), 0);
    CHECK_EQ(moirai_par_sort(numbers, 1000, size, by_size, &size, &attr), 0);
    CHECK_EQ(mo_mem_unwatch().asked, 0);
    moirai_scope_cancel(arg);
    CHECK_EQ(moirai_par_sort_u64(numbers, 1000, &attr), -ECANCELED);
    CHECK_EQ(moirai_par_sort(numbers, 1000, size, by_size, &size, &attr),
             -ECANCELED);
    return 0;
}

static int refusals_in_a_scope(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, refusals, &scope), 0);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    return 0;
}

TEST(sort, without_memory_or_cancelled_nothing_is_moved)
{
    with_one(1, refusals_in_a_scope, NULL);
}
