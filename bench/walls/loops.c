/* SPDX-License-Identifier: MIT */
/*
 * loops.c - the least that parallel loops can cost: threads that spin for their
 * next job. region, saxpy, stencil, nested, irregular-*, reduce, scan.
 *
 * Everybody gets an equal part; in irregular-dynamic and -guided, SHARE
 * iterations at a time by one addition. There is no wall for sort.
 */
#include <string.h>

#include "bench.h"
#include "loops.h"
#include "team.h"

#define SHARE 64
#define REGIONS 1000
#define LINE 64

/* What a member found out, in a line of its own. */
struct part {
    _Alignas(LINE) double sum;
    int64_t total, before;          /* scan */
};

struct wall {
    struct loops loops;
    struct team *team;
    unsigned workers;
    team_job *job;
    struct part *parts;
    _Alignas(LINE) size_t next;     /* atomic: iterations given away */
};

static size_t first(const struct wall *wall, unsigned member)
{
    const struct loops *loops = &wall->loops;

    return loops->begin
           + (size_t)team_from((int64_t)(loops->end - loops->begin), member,
                               wall->workers);
}

static void equal_parts(void *arg, unsigned member)
{
    struct wall *wall = arg;

    wall->loops.body(first(wall, member), first(wall, member + 1),
                     &wall->loops);
}

static void small_parts(void *arg, unsigned member)
{
    struct wall *wall = arg;
    size_t end = wall->loops.end, from;

    (void)member;
    while ((from = __atomic_fetch_add(&wall->next, SHARE, __ATOMIC_RELAXED))
           < end)
        wall->loops.body(from, from + SHARE < end ? from + SHARE : end,
                         &wall->loops);
}

static void nested(void *arg, unsigned member)
{
    struct wall *wall = arg;

    for (size_t i = first(wall, member); i < first(wall, member + 1); i++)
        for (size_t j = 0; j < LOOPS_SIDE; j++)
            loops_nested_item(&wall->loops, i, j);
}

static void add_part(void *arg, unsigned member)
{
    struct wall *wall = arg;

    wall->parts[member].sum = loops_sum(&wall->loops, first(wall, member),
                                        first(wall, member + 1));
}

static void add_to_scan(void *arg, unsigned member)
{
    struct wall *wall = arg;

    wall->parts[member].total = loops_scan_sum(&wall->loops,
                                               first(wall, member),
                                               first(wall, member + 1));
}

static void scan_part(void *arg, unsigned member)
{
    struct wall *wall = arg;

    loops_scan(&wall->loops, first(wall, member), first(wall, member + 1),
               wall->parts[member].before);
}

static int64_t run(void *arg)
{
    struct wall *wall = arg;
    int64_t start = bench_clock(), sum = 0;

    wall->next = wall->loops.begin;
    if (wall->job == scan_part) {
        if (wall->workers > 1)
            team_run(wall->team, add_to_scan, wall);
        for (unsigned i = 0; i < wall->workers; i++) {
            wall->parts[i].before = sum;
            sum += wall->parts[i].total;
        }
    }
    team_run(wall->team, wall->job, wall);
    wall->loops.sum = 0;
    for (unsigned i = 0; i < wall->workers; i++)
        wall->loops.sum += wall->parts[i].sum;
    wall->loops.rounds++;
    return bench_clock() - start;
}

static void ask(const struct bench *bench, team_job *job)
{
    struct wall *wall = bench_alloc(sizeof *wall);
    double ns;

    loops_init(&wall->loops, bench);
    wall->workers = bench->workers;
    wall->job = job;
    wall->parts = bench_alloc(bench->workers * sizeof *wall->parts);
    wall->team = team_start(bench->workers);
    ns = bench_median(bench, run, wall);
    team_stop(wall->team);
    wall->loops.check(&wall->loops);
    bench_print("ns", ns / wall->loops.ops);
}

static void ask_equal(const struct bench *bench)
{
    ask(bench, equal_parts);
}

static void ask_small(const struct bench *bench)
{
    ask(bench, small_parts);
}

static void ask_nested(const struct bench *bench)
{
    ask(bench, nested);
}

static void ask_reduce(const struct bench *bench)
{
    ask(bench, add_part);
}

static void ask_scan(const struct bench *bench)
{
    ask(bench, scan_part);
}

static void nothing(void *arg, unsigned member)
{
    (void)arg;
    (void)member;
}

static int64_t regions(void *arg)
{
    int64_t start = bench_clock();

    for (int i = 0; i < REGIONS; i++)
        team_run(arg, nothing, NULL);
    return bench_clock() - start;
}

static void ask_region(const struct bench *bench)
{
    struct team *team = team_start(bench->workers);
    double ns = bench_median(bench, regions, team);

    team_stop(team);
    bench_print("ns", ns / REGIONS);
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "region", ask_region },
        { "saxpy", ask_equal },
        { "stencil", ask_equal },
        { "irregular-static", ask_equal },
        { "irregular-dynamic", ask_small },
        { "irregular-guided", ask_small },
        { "nested", ask_nested },
        { "reduce", ask_reduce },
        { "scan", ask_scan },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
