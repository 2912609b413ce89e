/* SPDX-License-Identifier: MIT */
/*
 * test_par.c - a loop does each index once, whoever takes which piece.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "with.h"

#define HUGE 1000000

/* What a body notes of each index. */
struct field {
    size_t begin, n;
    unsigned char *done;            /* times; index begin is done[0] */
    size_t grain;                   /* of which pieces are multiples; 0: any */
    size_t exact;                   /* and how long they are; 0: any */
    int wait;                       /* bodies wait now and then */
};

static int mark(size_t begin, size_t end, void *arg)
{
    struct field *f = arg;

    CHECK(begin < end && begin >= f->begin && end <= f->begin + f->n);
    if (f->grain != 0)
        CHECK_EQ((begin - f->begin) % f->grain, 0);
    if (f->exact != 0 && end != f->begin + f->n)
        CHECK_EQ(end - begin, f->exact);
    if (f->wait && begin % 3 == 0)
        moirai_yield();
    for (size_t i = begin; i < end; i++)
        f->done[i - f->begin]++;
    return 0;
}

static void check_marks(struct field *f, int times)
{
    for (size_t i = 0; i < f->n; i++)
        CHECK_EQ(f->done[i], times);
}

static void mark_all(size_t begin, size_t n, uint32_t schedule, size_t grain,
                     int wait)
{
    struct moirai_par_attr attr = { .size = sizeof attr, .schedule = schedule,
                                    .grain = grain };
    struct field f = { begin, n, calloc(n + 1, 1), grain, 0, wait };

    CHECK(f.done != NULL);
    if (schedule == MOIRAI_DYNAMIC || (schedule == MOIRAI_STATIC && grain))
        f.exact = grain != 0 ? grain : 1;
    CHECK_EQ(moirai_par_for(begin, begin + n, mark, &f, &attr), 0);
    check_marks(&f, 1);
    free(f.done);
}

static const size_t sizes[] = { 0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 1000, 4097 };
#define SIZES (sizeof sizes / sizeof sizes[0])

static int every_schedule(void *arg)
{
    static const size_t grains[] = { 0, 1, 3, 8, 64, 5000 };
    int wait = *(int *)arg;

    for (uint32_t schedule = MOIRAI_AUTO; schedule <= MOIRAI_GUIDED;
         schedule++)
        for (size_t i = 0; i < SIZES; i++)
            for (size_t g = 0; g < sizeof grains / sizeof grains[0]; g++)
                mark_all(i * 1000, sizes[i], schedule, grains[g], wait);
    return 0;
}

TEST(par, each_index_is_done_once_by_every_schedule)
{
    int wait = 0;

    with_each(every_schedule, &wait);
}

TEST(par, bodies_may_wait)
{
    int wait = 1;

    with_each(every_schedule, &wait);
}

static int a_few(void *arg)
{
    (void)arg;
    mark_all(3, 40, MOIRAI_AUTO, 0, 0);
    mark_all(3, 9, MOIRAI_STATIC, 0, 1);
    mark_all(3, 10, MOIRAI_DYNAMIC, 2, 1);
    mark_all(3, 30, MOIRAI_GUIDED, 0, 0);
    return 0;
}

TEST(par, each_index_is_done_once_in_every_order)
{
    with_seeds(1000, a_few, NULL);
}

static int huge(void *arg)
{
    (void)arg;
    mark_all(0, HUGE, MOIRAI_AUTO, 0, 0);
    mark_all(SIZE_MAX - HUGE, HUGE, MOIRAI_AUTO, 0, 0);
    mark_all(5, HUGE, MOIRAI_STATIC, 0, 0);
    mark_all(5, HUGE, MOIRAI_STATIC, 100, 0);
    mark_all(5, HUGE, MOIRAI_GUIDED, 0, 0);
    mark_all(5, HUGE, MOIRAI_DYNAMIC, 10, 0);
    return 0;
}

TEST(par, huge_ranges_are_done)
{
    for (unsigned i = 0; i < with_times(5); i++)
        with_each(huge, NULL);
}

static int count_indices(size_t begin, size_t end, void *arg)
{
    size_t *n = arg;

    __atomic_add_fetch(n, end - begin, __ATOMIC_RELAXED);
    return 0;
}

static int all_indices(void *arg)
{
    size_t n = 0;

    (void)arg;
    CHECK_EQ(moirai_par_for(0, SIZE_MAX, count_indices, &n, NULL), 0);
    CHECK(n == SIZE_MAX);
    return 0;
}

TEST(par, a_range_may_be_all_indices_there_are)
{
    with_each(all_indices, NULL);
}

TEST(par, plain_threads_loop_in_order)
{
    int wait = 1;

    CHECK_EQ(every_schedule(&wait), 0);
}

static int not_called(size_t begin, size_t end, void *arg)
{
    (void)begin;
    (void)end;
    (void)arg;
    return 1;
}

TEST(par, attributes_that_make_no_sense_are_refused)
{
    struct moirai_par_attr attr = MOIRAI_PAR_ATTR_INIT;

    CHECK_EQ(moirai_par_for(5, 5, not_called, NULL, &attr), 0);
    CHECK_EQ(moirai_par_for(5, 4, not_called, NULL, &attr), 0);
    CHECK_EQ(moirai_par_for(5, 6, not_called, NULL, &attr), 1);
    attr.schedule = MOIRAI_GUIDED + 1;
    CHECK_EQ(moirai_par_for(5, 6, not_called, NULL, &attr), -EINVAL);
    attr.schedule = MOIRAI_GUIDED;
    attr.size = 1;
    CHECK_EQ(moirai_par_for(5, 6, not_called, NULL, &attr), -EINVAL);
    attr.size = 2 * sizeof attr.size;   /* a program that knows no grain */
    attr.grain = SIZE_MAX;
    CHECK_EQ(moirai_par_for(5, 6, not_called, NULL, &attr), 1);
}

/* --- nested -------------------------------------------------------------- */

#define SIDE 40

static int mark_row(size_t begin, size_t end, void *arg)
{
    struct field *f = arg;

    for (size_t i = begin; i < end; i++) {
        struct field row = { i * SIDE, SIDE, f->done + i * SIDE, 0, 0,
                             f->wait };

        CHECK_EQ(moirai_par_for(row.begin, row.begin + SIDE, mark, &row,
                                NULL), 0);
    }
    return 0;
}

static int nested(void *arg)
{
    unsigned char done[SIDE * SIDE] = { 0 };
    struct field f = { 0, SIDE * SIDE, done, 0, 0, *(int *)arg };

    CHECK_EQ(moirai_par_for(0, SIDE, mark_row, &f, NULL), 0);
    check_marks(&f, 1);
    return 0;
}

TEST(par, loops_nest)
{
    for (int wait = 0; wait < 2; wait++) {
        for (unsigned i = 0; i < with_times(20); i++)
            with_each(nested, &wait);
        with_seeds(100, nested, &wait);
    }
}

/* --- tiles --------------------------------------------------------------- */

struct plane {
    size_t rows, columns;
    unsigned char *done;
};

static int mark_tile(const struct moirai_tile *tile, void *arg)
{
    struct plane *p = arg;

    CHECK(tile->row < tile->row_end && tile->column < tile->column_end);
    CHECK(tile->row >= 10 && tile->row_end <= 10 + p->rows);
    CHECK(tile->column >= 20 && tile->column_end <= 20 + p->columns);
    for (size_t r = tile->row; r < tile->row_end; r++)
        for (size_t c = tile->column; c < tile->column_end; c++)
            p->done[(r - 10) * p->columns + c - 20]++;
    return 0;
}

static void mark_plane(size_t rows, size_t columns, size_t grain, size_t wide)
{
    struct moirai_par_attr attr = { .size = sizeof attr, .grain = grain,
                                    .columns = wide };
    struct moirai_tile whole = { 10, 10 + rows, 20, 20 + columns };
    struct plane p = { rows, columns, calloc(rows * columns + 1, 1) };

    CHECK(p.done != NULL);
    CHECK_EQ(moirai_par_tiles(&whole, mark_tile, &p, &attr), 0);
    for (size_t i = 0; i < rows * columns; i++)
        CHECK_EQ(p.done[i], 1);
    free(p.done);
}

static int planes(void *arg)
{
    (void)arg;
    for (size_t rows = 0; rows < 40; rows += 13)
        for (size_t columns = 0; columns < 70; columns += 17) {
            mark_plane(rows, columns, 0, 0);
            mark_plane(rows, columns, 0, 5);
            mark_plane(rows, columns, 3, 0);
            mark_plane(rows, columns, 3, 7);
            mark_plane(rows, columns, 50, 100);
        }
    return 0;
}

TEST(par, tiles_cover_the_plane_once)
{
    with_each(planes, NULL);
    with_seeds(20, planes, NULL);
}

/* --- arrays -------------------------------------------------------------- */

static int widen(const void *from, void *to, size_t n, void *arg)
{
    const uint8_t *a = from;
    uint32_t *b = to;

    (void)arg;
    for (size_t i = 0; i < n; i++)
        b[i] = a[i] + 1u;
    return 0;
}

static int maps(void *arg)
{
    static uint8_t from[5000];
    static uint32_t to[5000];

    (void)arg;
    for (size_t i = 0; i < 5000; i++)
        from[i] = (uint8_t)(i * 7);
    memset(to, 0, sizeof to);
    CHECK_EQ(moirai_par_map(from, 1, to, 4, 5000, widen, NULL, NULL), 0);
    for (size_t i = 0; i < 5000; i++)
        CHECK_EQ(to[i], from[i] + 1u);
    return 0;
}

TEST(par, maps_write_what_they_read)
{
    with_each(maps, NULL);
}

/* --- reductions ---------------------------------------------------------- */

/* Does not commute: a range of indices that grows at its ends only. */
struct span {
    size_t begin, end;              /* empty: 0, 0 */
    char filler[200];
};

static void join_spans(void *into, const void *from, void *arg)
{
    struct span *a = into;
    const struct span *b = from;

    (void)arg;
    if (b->begin == b->end)
        return;
    if (a->begin == a->end)
        a->begin = b->begin;
    else
        CHECK_EQ(a->end, b->begin);
    a->end = b->end;
}

static int fold_span(size_t begin, size_t end, void *into, void *arg)
{
    struct span next = { .begin = begin, .end = end };

    join_spans(into, &next, arg);
    return 0;
}

static const struct span empty;

static int reduce_spans(void *arg)
{
    static const struct moirai_fold small = { offsetof(struct span, filler),
                                              &empty, fold_span, join_spans,
                                              NULL };
    static const struct moirai_fold large = { sizeof empty, &empty, fold_span,
                                              join_spans, NULL };
    struct moirai_par_attr attr = MOIRAI_PAR_ATTR_INIT;
    size_t most = *(size_t *)arg;
    struct span whole;

    for (attr.schedule = 0; attr.schedule <= MOIRAI_GUIDED; attr.schedule++)
        for (size_t n = 0; n <= most; n = n * 3 + 1) {
            CHECK_EQ(moirai_par_reduce(7, 7 + n, &small, NULL, &whole, &attr),
                     0);
            CHECK_EQ(whole.end - whole.begin, n);
            CHECK_EQ(moirai_par_reduce(7, 7 + n, &large, NULL, &whole, &attr),
                     0);
            CHECK_EQ(whole.end - whole.begin, n);
            CHECK_EQ(whole.begin, n != 0 ? 7 : 0);
        }
    return 0;
}

TEST(par, results_are_combined_in_order)
{
    size_t most = 100000;

    with_each(reduce_spans, &most);
    most = 40;
    with_seeds(100, reduce_spans, &most);
}

static int fold_thirds(size_t begin, size_t end, void *into, void *arg)
{
    double *sum = into;

    (void)arg;
    for (size_t i = begin; i < end; i++)
        *sum += 1.0 / (double)(3 * i + 1);
    return 0;
}

static void join_doubles(void *into, const void *from, void *arg)
{
    (void)arg;
    *(double *)into += *(const double *)from;
}

static int sum_twice(void *arg)
{
    static const double zero = 0;
    static const struct moirai_fold op = { sizeof zero, &zero, fold_thirds,
                                           join_doubles, NULL };
    struct moirai_par_attr attr = { .size = sizeof attr, .grain = 100,
                                    .schedule = MOIRAI_STATIC };
    double *first = arg, again;

    CHECK_EQ(moirai_par_reduce(0, 100000, &op, NULL, &again, &attr), 0);
    if (*first == 0)
        *first = again;
    CHECK(memcmp(first, &again, sizeof again) == 0);
    return 0;
}

TEST(par, a_static_sum_is_the_same_to_the_last_bit)
{
    double sum = 0;

    with_each(sum_twice, &sum);
}

TEST(par, results_that_are_too_large_are_refused)
{
    struct moirai_fold op = { 1025, &empty, fold_span, join_spans, NULL };

    CHECK_EQ(moirai_par_reduce(0, 1, &op, NULL, NULL, NULL), -EINVAL);
}
