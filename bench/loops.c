/* SPDX-License-Identifier: MIT */
/*
 * loops.c - parallel loops, ns for each: region, an iteration for each worker,
 * none of which ends before all have begun; loop-empty, where one worker may do
 * them all. ns for an element: saxpy, stencil, irregular-*, nested, reduce,
 * scan, sort.
 */
#include <moirai/par.h>

#include <string.h>

#include "loops.h"
#include "task.h"
#include "work.h"

#define DYNAMIC_GRAIN 64            /* iterations of 50 ns on average */
#define REGIONS 1000

struct ours {
    struct loops loops;
    struct moirai_par_attr attr;
    int (*run)(struct ours *ours);
};

/* --- loops --------------------------------------------------------------- */

static int run_for(struct ours *ours)
{
    struct loops *loops = &ours->loops;

    return moirai_par_for(loops->begin, loops->end, loops->body, loops,
                          &ours->attr);
}

struct row {
    const struct loops *loops;
    size_t i;
};

static int nested_items(size_t begin, size_t end, void *arg)
{
    struct row *row = arg;

    for (size_t j = begin; j < end; j++)
        loops_nested_item(row->loops, row->i, j);
    return 0;
}

static int nested_rows(size_t begin, size_t end, void *arg)
{
    int rc = 0;

    for (size_t i = begin; i < end && rc == 0; i++) {
        struct row row = { arg, i };

        rc = moirai_par_for(0, LOOPS_SIDE, nested_items, &row, NULL);
    }
    return rc;
}

static int run_nested(struct ours *ours)
{
    return moirai_par_for(0, LOOPS_SIDE, nested_rows, &ours->loops, NULL);
}

static int sort(struct ours *ours)
{
    return moirai_par_sort_u32(ours->loops.sorted, ours->loops.end, NULL);
}

/* --- what combines ------------------------------------------------------- */

static int add_up(size_t begin, size_t end, void *into, void *arg)
{
    *(double *)into += loops_sum(arg, begin, end);
    return 0;
}

static void join_sums(void *into, const void *from, void *arg)
{
    (void)arg;
    *(double *)into += *(const double *)from;
}

static int reduce(struct ours *ours)
{
    static const double zero;
    const struct moirai_fold op = { .size = sizeof zero, .zero = &zero,
                                    .fold = add_up, .join = join_sums };

    return moirai_par_reduce(ours->loops.begin, ours->loops.end, &op,
                             &ours->loops, &ours->loops.sum, NULL);
}

static int add_up_whole(size_t begin, size_t end, void *into, void *arg)
{
    *(int64_t *)into += loops_scan_sum(arg, begin, end);
    return 0;
}

static void join_whole(void *into, const void *from, void *arg)
{
    (void)arg;
    *(int64_t *)into += *(const int64_t *)from;
}

static int scan_piece(size_t begin, size_t end, void *into, void *arg)
{
    int64_t *sum = into;

    *sum = loops_scan(arg, begin, end, *sum);
    return 0;
}

static int scan(struct ours *ours)
{
    static const int64_t zero;
    const struct moirai_fold op = { .size = sizeof zero, .zero = &zero,
                                    .fold = add_up_whole, .join = join_whole,
                                    .scan = scan_piece };

    return moirai_par_scan(ours->loops.begin, ours->loops.end, &op,
                           &ours->loops, NULL, NULL);
}

/* --- running them -------------------------------------------------------- */

static int64_t run(void *arg)
{
    struct ours *ours = arg;
    int64_t start;

    if (ours->run == sort)
        loops_shuffle(&ours->loops);
    start = bench_clock();
    bench_need(ours->run(ours), "the loop");
    ours->loops.rounds++;
    return bench_clock() - start;
}

static void ask(const struct bench *bench, int (*how)(struct ours *),
                enum moirai_schedule schedule, size_t grain)
{
    struct ours ours = { .attr = MOIRAI_PAR_ATTR_INIT, .run = how };
    double ns;

    loops_init(&ours.loops, bench);
    ours.attr.schedule = schedule;
    ours.attr.grain = grain;
    ns = bench_task_median(bench, run, &ours);
    ours.loops.check(&ours.loops);
    bench_print("ns", ns / ours.loops.ops);
}

static void ask_for(const struct bench *bench)
{
    ask(bench, run_for, MOIRAI_AUTO, 0);
}

static void ask_static(const struct bench *bench)
{
    ask(bench, run_for, MOIRAI_STATIC, 0);
}

static void ask_dynamic(const struct bench *bench)
{
    ask(bench, run_for, MOIRAI_DYNAMIC, DYNAMIC_GRAIN);
}

static void ask_guided(const struct bench *bench)
{
    ask(bench, run_for, MOIRAI_GUIDED, 0);
}

static void ask_nested(const struct bench *bench)
{
    ask(bench, run_nested, MOIRAI_AUTO, 0);
}

static void ask_reduce(const struct bench *bench)
{
    ask(bench, reduce, MOIRAI_AUTO, 0);
}

static void ask_scan(const struct bench *bench)
{
    ask(bench, scan, MOIRAI_AUTO, 0);
}

static void ask_sort(const struct bench *bench)
{
    ask(bench, sort, MOIRAI_AUTO, 0);
}

/* --- region, loop-empty --------------------------------------------------- */

struct region {
    unsigned workers;
    moirai_range_fn *body;
    uint64_t came;                  /* atomic */
};

static int meet(size_t begin, size_t end, void *arg)
{
    struct region *region = arg;

    for (; begin < end; begin++)
        work_meet(&region->came, region->workers);
    return 0;
}

static int nothing(size_t begin, size_t end, void *arg)
{
    (void)begin;
    (void)end;
    (void)arg;
    return 0;
}

static int64_t regions(void *arg)
{
    struct region *region = arg;
    struct moirai_par_attr attr = MOIRAI_PAR_ATTR_INIT;
    int64_t start = bench_clock();

    attr.schedule = MOIRAI_STATIC;
    for (int i = 0; i < REGIONS; i++)
        bench_need(moirai_par_for(0, region->workers, region->body, region,
                                  &attr), "the region");
    return bench_clock() - start;
}

static void ask_regions(const struct bench *bench, moirai_range_fn *body)
{
    struct region region = { .workers = bench->workers, .body = body };

    bench_print("ns", bench_task_median(bench, regions, &region) / REGIONS);
}

static void ask_region(const struct bench *bench)
{
    ask_regions(bench, meet);
}

static void ask_empty(const struct bench *bench)
{
    ask_regions(bench, nothing);
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "region", ask_region },
        { "loop-empty", ask_empty },
        { "saxpy", ask_for },
        { "stencil", ask_static },      /* rows stay in the caches they are in,
                                         * as the peers have them, too */
        { "irregular-static", ask_static },
        { "irregular-dynamic", ask_dynamic },
        { "irregular-guided", ask_guided },
        { "nested", ask_nested },
        { "reduce", ask_reduce },
        { "scan", ask_scan },
        { "sort", ask_sort },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
