/* SPDX-License-Identifier: MIT */
/*
 * test_span.c - chunks cover an array once and share no line, windows are where
 * they should be, cells lie apart, loops that prefetch visit everything once.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <moirai/simd.h>
#include <moirai/span.h>

#include "arch/cpu.h"
#include "check.h"
#include "mem.h"
#include "with.h"

_Static_assert(MOIRAI_CACHE_LINE == MO_CACHE_LINE, "one line, two names");

struct apart {
    int mine;
    int theirs MOIRAI_APART;
};

_Static_assert(offsetof(struct apart, theirs) == MOIRAI_CACHE_LINE
               && sizeof(struct apart) == 2 * MOIRAI_CACHE_LINE,
               "two lines");

static uintptr_t line_of(const void *p)
{
    return (uintptr_t)p / MOIRAI_CACHE_LINE;
}

/* They follow each other, from the first element to the last; n of them. */
static void check_cover(const char *array, size_t total, size_t size,
                        const struct moirai_chunks *chunks)
{
    size_t done = 0;

    for (size_t i = 0; i < chunks->n; i++) {
        struct moirai_span span = moirai_chunks_at(chunks, i);

        CHECK(span.n > 0);
        CHECK_EQ(span.first, done);
        CHECK((char *)span.data == array + done * size);
        done += span.n;
    }
    CHECK_EQ(done, total);
}

static void check_lines(const struct moirai_chunks *chunks)
{
    for (size_t i = 1; i < chunks->n; i++) {
        struct moirai_span left = moirai_chunks_at(chunks, i - 1);
        struct moirai_span right = moirai_chunks_at(chunks, i);

        CHECK(line_of((char *)left.data + left.n * chunks->size - 1)
              < line_of(right.data));
    }
}

/* Elements aligned as a type of their size may be. */
TEST(span, chunks_cover_the_array_and_share_no_line)
{
    static const size_t sizes[] = { 1, 2, 4, 8, 12, 16, 24, 40, 64, 128, 200,
                                    256 };
    static _Alignas(MOIRAI_CACHE_LINE) char memory[300 * 256 + 256];

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t size = sizes[s];
        size_t align = size & (0 - size);

        for (size_t shift = 0; shift < 256; shift += align) {
            for (size_t total = 0; total <= 300; total += 1 + total / 2) {
                for (size_t each = 0; each < 400; each = each * 2 + 1) {
                    struct moirai_chunks chunks = moirai_chunks_of(
                        memory + shift, total, size, each);

                    check_cover(memory + shift, total, size, &chunks);
                    check_lines(&chunks);
                }
            }
        }
    }
}

TEST(span, chunks_are_about_as_large_as_was_asked)
{
    static _Alignas(MOIRAI_CACHE_LINE) float x[10000];
    struct moirai_chunks chunks = moirai_chunks_of(x + 1, 9999, sizeof *x,
                                                   1000);

    CHECK_EQ(chunks.each, 1024);
    CHECK_EQ(chunks.n, 10);
    CHECK_EQ(moirai_chunks_at(&chunks, 0).n, 1024 + 31);
    CHECK_EQ(moirai_chunks_at(&chunks, 1).n, 1024);
    CHECK_EQ(moirai_chunks_at(&chunks, 9).n, 9999 - 31 - 9 * 1024);
    CHECK_EQ(moirai_chunks_of(x, 10000, sizeof *x, SIZE_MAX).n, 1);
}

/* No element begins on a boundary: still all of them, once. */
TEST(span, chunks_of_what_is_not_aligned_cover_the_array)
{
    static _Alignas(MOIRAI_CACHE_LINE) char memory[4096];

    for (size_t total = 0; total < 400; total += 13) {
        struct moirai_chunks chunks = moirai_chunks_of(memory + 1, total, 8,
                                                       50);

        check_cover(memory + 1, total, 8, &chunks);
    }
}

TEST(span, windows_slide_and_only_whole_ones_count)
{
    int x[100];

    for (size_t total = 0; total <= 100; total++) {
        for (size_t length = 1; length <= 12; length++) {
            for (size_t step = 1; step <= 15; step++) {
                struct moirai_windows windows = moirai_windows_of(
                    x, total, sizeof *x, length, step);
                size_t n = 0;

                for (size_t i = 0; i + length <= total; i += step, n++) {
                    struct moirai_span span = moirai_windows_at(&windows, n);

                    CHECK(span.data == &x[i]);
                    CHECK(span.n == length && span.first == i);
                }
                CHECK_EQ(windows.n, n);
            }
        }
    }
}

TEST(span, windows_of_no_size_are_none)
{
    int x[3];

    CHECK_EQ(moirai_windows_of(x, 3, sizeof *x, 0, 1).n, 0);
    CHECK_EQ(moirai_windows_of(x, 3, sizeof *x, 1, 0).n, 0);
    CHECK_EQ(moirai_windows_of(x, 3, sizeof *x, 4, 1).n, 0);
    CHECK_EQ(moirai_windows_of(x, 3, sizeof *x, SIZE_MAX, SIZE_MAX).n, 0);
}

/* A parallel sum the way that the page shows it. */
struct work {
    struct moirai_chunks chunks;
    struct moirai_cells sums;
    size_t begin, end;              /* chunks */
};

static int add_up(void *arg)
{
    struct work *work = arg;
    struct work left = *work;
    struct work right = *work;
    struct moirai_frame frame;

    left.end = right.begin = (work->begin + work->end) / 2;
    if (work->end - work->begin == 1) {
        struct moirai_span span = moirai_chunks_at(&work->chunks, work->begin);
        float *sum = moirai_cells_mine(&work->sums);

        *sum += moirai_simd_sum_f32(span.data, span.n);
        return 0;
    }
    moirai_fork(&frame, add_up, &left);
    add_up(&right);
    return moirai_join(&frame);
}

static int sum_in_parallel(void *arg)
{
    size_t n = 1 << 16;
    float *x = malloc(n * sizeof *x);
    struct work work;
    float sum = 0;

    (void)arg;
    CHECK(x != NULL);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(i % 7);
    work.chunks = moirai_chunks_of(x, n, sizeof *x, 512);
    work.begin = 0;
    work.end = work.chunks.n;
    CHECK_EQ(moirai_cells_init(&work.sums, moirai_runtime_self(), sizeof sum),
             0);
    CHECK_EQ(add_up(&work), 0);
    for (uint32_t i = 0; i < work.sums.n; i++)
        sum += *(float *)moirai_cells_at(&work.sums, i);
    CHECK_EQ(sum, moirai_simd_sum_f32(x, n));
    moirai_cells_fini(&work.sums);
    free(x);
    return 0;
}

TEST(span, chunks_and_cells_serve_a_parallel_sum)
{
    with_each(sum_in_parallel, NULL);
    with_seeds(20, sum_in_parallel, NULL);
}

/* The same with the loops of moirai/par.h, over the numbers of chunks. */
struct scaling {
    struct moirai_chunks from, to;  /* of arrays that begin alike */
};

static int scale(size_t begin, size_t end, void *arg)
{
    const struct scaling *scaling = arg;

    for (size_t i = begin; i < end; i++) {
        struct moirai_span from = moirai_chunks_at(&scaling->from, i);
        struct moirai_span to = moirai_chunks_at(&scaling->to, i);

        moirai_simd_scale_f32(3, from.data, from.n, to.data);
    }
    return 0;
}

static int scale_in_parallel(void *arg)
{
    static _Alignas(MOIRAI_CACHE_LINE) float x[10000];
    static _Alignas(MOIRAI_CACHE_LINE) float y[10000];
    struct scaling scaling = {
        moirai_chunks_of(x, 10000, sizeof *x, 100),
        moirai_chunks_of(y, 10000, sizeof *y, 100),
    };

    (void)arg;
    for (size_t i = 0; i < 10000; i++) {
        x[i] = (float)i;
        y[i] = 0;
    }
    CHECK_EQ(moirai_par_for(0, scaling.from.n, scale, &scaling, NULL), 0);
    for (size_t i = 0; i < 10000; i++)
        CHECK_EQ(y[i], 3 * x[i]);
    return 0;
}

TEST(span, chunks_serve_a_parallel_loop)
{
    with_each(scale_in_parallel, NULL);
    with_seeds(20, scale_in_parallel, NULL);
}

static int count_here(void *arg)
{
    const struct moirai_cells *cells = arg;

    CHECK(moirai_cells_mine(cells)
          == moirai_cells_at(cells, (uint32_t)moirai_worker_index() + 1));
    return 0;
}

TEST(span, cells_are_zero_and_lie_apart)
{
    struct moirai_runtime *runtime = with_workers(3);

    for (size_t size = 0; size <= 300; size += 50) {
        struct moirai_cells cells;

        CHECK_EQ(moirai_cells_init(&cells, runtime, size), 0);
        CHECK_EQ(cells.n, 4);
        for (uint32_t i = 0; i < cells.n; i++) {
            char *cell = moirai_cells_at(&cells, i);

            CHECK_EQ((uintptr_t)cell % MOIRAI_CACHE_LINE, 0);
            for (size_t j = 0; j < size; j++)
                CHECK_EQ(cell[j], 0);
            memset(cell, 1, size);
        }
        CHECK(moirai_cells_mine(&cells) == moirai_cells_at(&cells, 0));
        CHECK_EQ(moirai_run(runtime, count_here, &cells), 0);
        moirai_cells_fini(&cells);
    }
    with_end(runtime);
}

TEST(span, cells_say_so_when_there_is_no_memory)
{
    struct moirai_runtime *runtime = with_workers(1);
    struct moirai_cells cells;

    CHECK_EQ(moirai_cells_init(&cells, runtime, SIZE_MAX / 2), -ENOMEM);
    mo_mem_watch(1);
    CHECK_EQ(moirai_cells_init(&cells, runtime, 8), -ENOMEM);
    mo_mem_unwatch();
    with_end(runtime);
}

/* --- loops that prefetch -------------------------------------------------- */

#define ELEMENTS 1000

struct element {
    struct element *next;
    size_t list, place;             /* of a list */
    int visits;
    char wide[100];                 /* more than a line */
};

struct tour {
    size_t n;
    struct element *last;           /* visited */
};

static void count(void *element, void *arg)
{
    struct element *e = element;
    struct tour *tour = arg;

    e->visits++;
    tour->n++;
    tour->last = e;
}

static void check_visits(struct element *elements, size_t n, int visits)
{
    for (size_t i = 0; i < n; i++) {
        CHECK_EQ(elements[i].visits, visits);
        elements[i].visits = 0;
    }
}

/* 389 and 1000 have no common factor. */
static size_t scattered(size_t i)
{
    return i * 389 % ELEMENTS;
}

TEST(span, indexed_and_pointed_elements_are_visited_once)
{
    static struct element elements[ELEMENTS];
    static const size_t distances[] = { 0, 1, 2, 16, 999, 1000, SIZE_MAX };
    static uint32_t index[ELEMENTS];
    static void *pointers[ELEMENTS];

    for (size_t i = 0; i < ELEMENTS; i++) {
        index[i] = (uint32_t)scattered(i);
        pointers[i] = &elements[scattered(i)];
    }
    for (size_t d = 0; d < sizeof distances / sizeof *distances; d++) {
        struct tour tour = { 0, NULL };

        moirai_each_indexed(elements, sizeof *elements, index, ELEMENTS,
                            distances[d], count, &tour);
        CHECK_EQ(tour.n, ELEMENTS);
        CHECK(tour.last == &elements[scattered(ELEMENTS - 1)]);
        moirai_each_pointed(pointers, ELEMENTS, distances[d], count, &tour);
        CHECK_EQ(tour.n, 2 * ELEMENTS);
        CHECK(tour.last == &elements[scattered(ELEMENTS - 1)]);
        check_visits(elements, ELEMENTS, 2);
        moirai_each_indexed(elements, sizeof *elements, index, 0,
                            distances[d], count, &tour);
        moirai_each_pointed(pointers, 0, distances[d], count, &tour);
        CHECK_EQ(tour.n, 2 * ELEMENTS);
    }
}

/* Visits come in the order of each list. */
static void count_in_order(void *element, void *arg)
{
    struct element *e = element;
    size_t *places = arg;

    CHECK_EQ(e->place, places[e->list]);
    places[e->list]++;
    e->visits++;
    e->next = NULL;                 /* read before the visit */
}

/* Deals the elements out to n lists, the i-th of which is no longer than
 * i % 5 * 40; what is left over goes to the last. */
static void deal(struct element *elements, void **heads, size_t n)
{
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        size_t left = ELEMENTS - used;
        size_t length = i + 1 == n || i % 5 * 40 > left ? left : i % 5 * 40;
        struct element *next = NULL;

        for (size_t place = length; place-- > 0; used++) {
            struct element *e = &elements[scattered(used)];

            e->list = i;
            e->place = place;
            e->next = next;
            next = e;
        }
        heads[i] = next;
    }
}

TEST(span, lists_are_visited_once_and_in_order)
{
    static struct element elements[ELEMENTS];
    void *heads[60];

    for (size_t n = 1; n <= 60; n++) {
        size_t places[60] = { 0 };

        deal(elements, heads, n);
        moirai_each_linked(heads, n, offsetof(struct element, next),
                           count_in_order, places);
        check_visits(elements, ELEMENTS, 1);
    }
    moirai_each_linked(heads, 0, 0, count_in_order, NULL);
    memset(heads, 0, sizeof heads);
    moirai_each_linked(heads, 60, 0, count_in_order, NULL);
}
