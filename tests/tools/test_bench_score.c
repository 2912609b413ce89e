/* SPDX-License-Identifier: MIT */
/*
 * test_bench_score.c - medians, regimes, ratios and verdicts of `moirai bench`
 * on numbers that are given.
 */
#include <string.h>

#include "check.h"

#include "../../tools/bench.h"

#define ROUNDS 8

static struct bench_contestant contestants[] = {
    { .name = "moirai", .title = "moirai", .kind = BENCH_OWN },
    { .name = "a", .title = "A", .kind = BENCH_PEER },
    { .name = "b", .title = "B", .kind = BENCH_PEER },
    { .name = "wall", .title = "wall", .kind = BENCH_WALL },
};

/* A match of all contestants, who have not run yet. */
struct world {
    struct bench bench;
    struct bench_question question;
    struct bench_match match;
    struct bench_entry entries[4];
    struct bench_run runs[4][ROUNDS];
};

static void make_world(struct world *w, unsigned workers)
{
    memset(w, 0, sizeof *w);
    w->question.metrics[0] = "ns";
    w->question.metric_count = 1;
    for (size_t i = 0; i < 4; i++) {
        w->entries[i].who = &contestants[i];
        w->entries[i].runs = w->runs[i];
    }
    w->match = (struct bench_match){ &w->question, workers, w->entries, 4,
                                     true };
    w->bench.rounds = ROUNDS;
    w->bench.contestants = contestants;
    w->bench.contestant_count = 4;
    w->bench.matches = &w->match;
    w->bench.match_count = 1;
}

/* One more run of the i-th, between probes of so many ns. */
static void ran(struct world *w, size_t i, double value, double before,
                double after)
{
    struct bench_entry *e = &w->entries[i];
    struct bench_run *run = &e->runs[e->run_count++];

    run->round = (unsigned)e->run_count;
    run->before_ns = before;
    run->after_ns = after;
    run->values[0] = value;
}

static struct bench_score score(const struct world *w, size_t i)
{
    return bench_score(&w->bench, &w->match, &w->entries[i], 0);
}

TEST(bench_score, takes_medians_and_ratios_to_the_best_peer)
{
    struct world w;
    struct bench_score s;

    make_world(&w, 1);
    ran(&w, 0, 9, 0, 0);
    ran(&w, 0, 5, 0, 0);
    ran(&w, 0, 6, 0, 0);
    ran(&w, 1, 20, 0, 0);
    ran(&w, 1, 30, 0, 0);
    ran(&w, 2, 12, 0, 0);
    ran(&w, 3, 1, 0, 0);
    bench_regimes(&w.bench);
    s = score(&w, 0);
    CHECK(s.known && s.ranked && s.runs == 3);
    CHECK(s.median == 6 && s.low == 5 && s.high == 9 && s.ratio == 0.5);
    CHECK(score(&w, 1).median == 25);
    CHECK(bench_best(&w.bench, &w.match, 0) == &w.entries[2]);
    CHECK(bench_own(&w.match) == &w.entries[0]);
}

TEST(bench_score, knows_one_regime_from_two)
{
    struct world w;

    make_world(&w, 2);
    for (int i = 0; i < ROUNDS; i++)
        ran(&w, 0, 1, 180 + 5 * i, 190 + 5 * i);
    bench_regimes(&w.bench);
    CHECK(w.bench.split_ns == 0 && w.bench.fast_share == 1);
    CHECK(bench_match_regime(&w.bench, &w.match) == BENCH_ANY);
    for (int i = 0; i < ROUNDS; i++)
        ran(&w, 1, 1, 800 + 5 * i, 790 + 5 * i);
    bench_regimes(&w.bench);
    CHECK(w.bench.split_ns > 230 && w.bench.split_ns <= 790);
    CHECK(w.bench.fast_ns < 230 && w.bench.slow_ns > 790);
    CHECK(w.bench.fast_share == 0.5);
}

TEST(bench_score, counts_the_more_frequent_regime_alone)
{
    struct world w;

    make_world(&w, 2);
    ran(&w, 0, 10, 200, 200);
    ran(&w, 0, 40, 800, 800);
    ran(&w, 0, 44, 800, 800);
    ran(&w, 0, 99, 200, 800);
    ran(&w, 1, 21, 800, 800);
    ran(&w, 2, 3, 200, 200);
    bench_regimes(&w.bench);
    CHECK(bench_match_regime(&w.bench, &w.match) == BENCH_SLOW);
    CHECK(bench_run_regime(&w.bench, &w.runs[0][3]) == BENCH_MIXED);
    CHECK(score(&w, 0).median == 42 && score(&w, 0).ratio == 2);
    CHECK(score(&w, 2).known && !score(&w, 2).ranked);
    CHECK(score(&w, 2).median == 3 && score(&w, 2).ratio < 0);
    CHECK(bench_best(&w.bench, &w.match, 0) == &w.entries[1]);
    /* On one core the other one does not matter. */
    w.match.workers = 1;
    CHECK(score(&w, 2).ranked && score(&w, 0).runs == 4);
}

TEST(bench_score, judges_targets)
{
    bool to_a[4] = { false, true, false, false };
    bool to_peers[4] = { false, true, true, false };
    struct bench_target target = { .most = -1, .ratio = 1, .to = to_a,
                                   .to_text = "A" };
    struct world w;
    char text[80];

    make_world(&w, 1);
    ran(&w, 0, 10, 0, 0);
    ran(&w, 2, 9, 0, 0);
    CHECK(bench_judge(&w.bench, &w.match, &target, text, sizeof text) ==
          BENCH_UNKNOWN);
    ran(&w, 1, 10, 0, 0);
    CHECK(bench_judge(&w.bench, &w.match, &target, text, sizeof text) ==
          BENCH_MET);
    CHECK(strcmp(text, "1.00 of A") == 0);
    target.to = to_peers;
    CHECK(bench_judge(&w.bench, &w.match, &target, text, sizeof text) ==
          BENCH_NOT_MET);
    target = (struct bench_target){ .workers = 2, .most = 10, .ratio = -1,
                                    .to = to_a, .to_text = "A" };
    CHECK(bench_judge(&w.bench, &w.match, &target, text, sizeof text) ==
          BENCH_MET);
    CHECK(strcmp(text, "at most 10 ns") == 0);
    CHECK(!bench_concerns(&w.match, &target));
}

TEST(bench_score, orders_own_peers_walls_and_failures)
{
    size_t order[4];
    struct world w;

    make_world(&w, 1);
    ran(&w, 3, 1, 0, 0);
    ran(&w, 1, 30, 0, 0);
    ran(&w, 0, 99, 0, 0);
    w.entries[2].fate = BENCH_FAILED;
    CHECK(bench_order(&w.bench, &w.match, 0, order) == 4);
    CHECK(order[0] == 0 && order[1] == 1 && order[2] == 3 && order[3] == 2);
    w.entries[2].fate = BENCH_DECLINES;
    CHECK(bench_order(&w.bench, &w.match, 0, order) == 3);
}

TEST(bench_score, shows_values_with_units)
{
    char out[BENCH_NUMBER];

    CHECK(strcmp(bench_show(out, "ns", 0.1234), "0.123 ns") == 0);
    CHECK(strcmp(bench_show(out, "p50_ns", 12345), "12.3 us") == 0);
    CHECK(strcmp(bench_show(out, "cpu_us", 2e6), "2000 ms") == 0);
    CHECK(strcmp(bench_show(out, "bytes", 123456), "123456 bytes") == 0);
    CHECK(strcmp(bench_show(out, "ns", 0), "0 ns") == 0);
    CHECK(strcmp(bench_show_short(out, "ns", 10), "10 ns") == 0);
    CHECK(strcmp(bench_show_short(out, "ns", 0.25), "0.25 ns") == 0);
    CHECK(strcmp(bench_show_short(out, "bytes", 400), "400 bytes") == 0);
}
