/* SPDX-License-Identifier: MIT */
/*
 * loops.c - arrays, bodies, checks.
 */
#include "loops.h"

#include <math.h>
#include <string.h>

#include "work.h"

/* --- saxpy: y = 2 x + y, from y = 0 -------------------------------------- */

static int saxpy(size_t begin, size_t end, void *arg)
{
    const struct loops *loops = arg;
    const float *restrict x = loops->x;
    float *restrict y = loops->y;

    for (size_t i = begin; i < end; i++)
        y[i] = 2 * x[i] + y[i];
    return 0;
}

static void check_saxpy(const struct loops *loops)
{
    for (size_t i = 0; i < loops->end; i++)
        bench_expect("saxpy", (int64_t)loops->y[i], 2 * loops->rounds);
}

static void init_saxpy(struct loops *loops, const struct bench *bench)
{
    loops->end = bench_scaled(bench, 1e7, 1);
    loops->ops = (double)loops->end;
    loops->body = saxpy;
    loops->check = check_saxpy;
    loops->x = bench_alloc(loops->end * sizeof *loops->x);
    loops->y = bench_alloc(loops->end * sizeof *loops->y);
    for (size_t i = 0; i < loops->end; i++)
        loops->x[i] = 1;
}

/* --- stencil ------------------------------------------------------------- */

static int stencil(size_t begin, size_t end, void *arg)
{
    const struct loops *loops = arg;
    size_t side = loops->side;

    for (size_t row = begin; row < end; row++) {
        const float *restrict from = loops->x + row * side;
        float *restrict to = loops->y + row * side;

        for (size_t i = 1; i < side - 1; i++)
            to[i] = 0.2f * (from[i] + from[i - 1] + from[i + 1]
                            + from[i - side] + from[i + side]);
    }
    return 0;
}

static void check_stencil(const struct loops *loops)
{
    struct loops again = *loops;
    size_t bytes = loops->side * loops->side * sizeof *loops->y;

    again.y = bench_alloc(bytes);
    stencil(loops->begin, loops->end, &again);
    bench_expect("stencil", memcmp(again.y, loops->y, bytes), 0);
}

static void init_stencil(struct loops *loops, const struct bench *bench)
{
    size_t side = (size_t)(2000 * sqrt(bench->scale));

    loops->side = side < 4 ? 4 : side;
    loops->begin = 1;
    loops->end = loops->side - 1;
    loops->ops = (double)loops->end * (double)loops->end;
    loops->body = stencil;
    loops->check = check_stencil;
    side = loops->side;
    loops->x = bench_alloc(side * side * sizeof *loops->x);
    loops->y = bench_alloc(side * side * sizeof *loops->y);
    for (size_t i = 0; i < side * side; i++)
        loops->x[i] = (float)((i / side + i % side) % 16);
}

/* --- irregular, nested --------------------------------------------------- */

static int irregular(size_t begin, size_t end, void *arg)
{
    const struct loops *loops = arg;

    for (size_t i = begin; i < end; i++)
        loops->out[i] = work_burn(i + 1, work_irregular_steps(i));
    return 0;
}

static void check_irregular(const struct loops *loops)
{
    for (size_t i = 0; i < loops->end; i++)
        bench_expect("irregular", (int64_t)loops->out[i],
                     (int64_t)work_burn(i + 1, work_irregular_steps(i)));
}

static void init_irregular(struct loops *loops, const struct bench *bench)
{
    loops->end = bench_scaled(bench, 1e5, 1);
    loops->ops = (double)loops->end;
    loops->body = irregular;
    loops->check = check_irregular;
    loops->out = bench_alloc(loops->end * sizeof *loops->out);
}

void loops_nested_item(const struct loops *loops, size_t i, size_t j)
{
    loops->out[LOOPS_SIDE * i + j] = work_burn(LOOPS_SIDE * i + j + 1,
                                               WORK_STEPS_100NS);
}

static void check_nested(const struct loops *loops)
{
    for (size_t i = 0; i < LOOPS_SIDE * LOOPS_SIDE; i++)
        bench_expect("nested", (int64_t)loops->out[i],
                     (int64_t)work_burn(i + 1, WORK_STEPS_100NS));
}

static void init_nested(struct loops *loops, const struct bench *bench)
{
    (void)bench;
    loops->end = LOOPS_SIDE;
    loops->ops = LOOPS_SIDE * LOOPS_SIDE;
    loops->check = check_nested;
    loops->out = bench_alloc(LOOPS_SIDE * LOOPS_SIDE * sizeof *loops->out);
}

/* --- reduce: element i is i % 1024 --------------------------------------- */

/* Several sums at once, so that no addition waits for the one before. */
double loops_sum(const struct loops *loops, size_t begin, size_t end)
{
    const double *numbers = loops->numbers;
    double sums[16] = { 0 }, sum = 0;

    for (; begin + 16 <= end; begin += 16)
        for (size_t i = 0; i < 16; i++)
            sums[i] += numbers[begin + i];
    for (size_t i = 0; i < 16; i++)
        sum += sums[i];
    for (; begin < end; begin++)
        sum += numbers[begin];
    return sum;
}

static void check_reduce(const struct loops *loops)
{
    int64_t whole = (int64_t)(loops->end / 1024);
    int64_t rest = (int64_t)(loops->end % 1024);

    bench_expect("sum", (int64_t)loops->sum,
                 whole * (1023 * 512) + rest * (rest - 1) / 2);
}

static void init_reduce(struct loops *loops, const struct bench *bench)
{
    loops->end = bench_scaled(bench, 1e7, 1);
    loops->ops = (double)loops->end;
    loops->check = check_reduce;
    loops->numbers = bench_alloc(loops->end * sizeof *loops->numbers);
    for (size_t i = 0; i < loops->end; i++)
        loops->numbers[i] = (double)(i % 1024);
}

/* --- scan: element i is i % 8 -------------------------------------------- */

int64_t loops_scan_sum(const struct loops *loops, size_t begin, size_t end)
{
    int64_t sum = 0;

    for (size_t i = begin; i < end; i++)
        sum += loops->from[i];
    return sum;
}

int64_t loops_scan(const struct loops *loops, size_t begin, size_t end,
                   int64_t sum)
{
    const int64_t *restrict from = loops->from;
    int64_t *restrict to = loops->to;

    for (size_t i = begin; i < end; i++) {
        sum += from[i];
        to[i] = sum;
    }
    return sum;
}

static void check_scan(const struct loops *loops)
{
    int64_t sum = 0;

    for (size_t i = 0; i < loops->end; i++) {
        sum += (int64_t)(i % 8);
        bench_expect("scan", loops->to[i], sum);
    }
}

static void init_scan(struct loops *loops, const struct bench *bench)
{
    loops->end = bench_scaled(bench, 1e7, 1);
    loops->ops = (double)loops->end;
    loops->check = check_scan;
    loops->from = bench_alloc(loops->end * sizeof *loops->from);
    loops->to = bench_alloc(loops->end * sizeof *loops->to);
    for (size_t i = 0; i < loops->end; i++)
        loops->from[i] = (int64_t)(i % 8);
}

/* --- sort ---------------------------------------------------------------- */

void loops_shuffle(struct loops *loops)
{
    memcpy(loops->sorted, loops->keys, loops->end * sizeof *loops->keys);
}

static void check_sort(const struct loops *loops)
{
    uint64_t sum = 0, should = 0;

    for (size_t i = 0; i < loops->end; i++) {
        sum += work_hash(loops->sorted[i]);
        should += work_hash(loops->keys[i]);
        if (i > 0 && loops->sorted[i - 1] > loops->sorted[i])
            bench_fail("not sorted at %zu", i);
    }
    bench_expect("keys", (int64_t)sum, (int64_t)should);
}

static void init_sort(struct loops *loops, const struct bench *bench)
{
    loops->end = bench_scaled(bench, 1e6, 1);
    loops->ops = (double)loops->end;
    loops->check = check_sort;
    loops->keys = bench_alloc(loops->end * sizeof *loops->keys);
    loops->sorted = bench_alloc(loops->end * sizeof *loops->sorted);
    for (size_t i = 0; i < loops->end; i++)
        loops->keys[i] = work_sort_item(i);
}

/* --- which --------------------------------------------------------------- */

void loops_init(struct loops *loops, const struct bench *bench)
{
    static const struct {
        const char *question;
        void (*init)(struct loops *loops, const struct bench *bench);
    } all[] = {
        { "saxpy", init_saxpy },
        { "stencil", init_stencil },
        { "irregular-static", init_irregular },
        { "irregular-dynamic", init_irregular },
        { "irregular-guided", init_irregular },
        { "nested", init_nested },
        { "reduce", init_reduce },
        { "scan", init_scan },
        { "sort", init_sort },
    };

    memset(loops, 0, sizeof *loops);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].question, bench->question) == 0) {
            all[i].init(loops, bench);
            return;
        }
    bench_none();
}
