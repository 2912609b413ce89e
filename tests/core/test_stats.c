/* SPDX-License-Identifier: MIT */
/*
 * test_stats.c - every counter counts what it says, none ever shrinks, and to
 * count nobody writes where others write.
 */
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "with.h"
#include "worker.h"

/* The counters one after the other. */
#define FIRST offsetof(struct moirai_stats, spawned)
#define COUNTERS ((sizeof(struct moirai_stats) - FIRST) / sizeof(uint64_t))

static struct moirai_stats read_stats(struct moirai_runtime *rt)
{
    struct moirai_stats stats = { .size = sizeof stats };

    CHECK_EQ(moirai_stats_read(rt, &stats), 0);
    return stats;
}

static uint64_t counter(const struct moirai_stats *stats, size_t i)
{
    uint64_t value;

    memcpy(&value, (const char *)stats + FIRST + i * sizeof value,
           sizeof value);
    return value;
}

/* --- on one worker, exactly ---------------------------------------------- */

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int fail(void *arg)
{
    (void)arg;
    moirai_fail(-EXDEV, NULL);
}

struct talk {
    struct moirai_chan *chan;
    int n;
};

static int send_some(void *arg)
{
    const struct talk *t = arg;

    for (int i = 0; i < t->n; i++)
        CHECK_EQ(moirai_chan_send(t->chan, &i, MOIRAI_NEVER), 0);
    return 0;
}

static int spawn_some(void *arg)
{
    struct moirai_stats before = read_stats(moirai_runtime_self()), now;
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 7; i++)
        CHECK_EQ(moirai_spawn(&scope, nothing, NULL), 0);
    CHECK_EQ(moirai_spawn(&scope, fail, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), -EXDEV);
    now = read_stats(moirai_runtime_self());
    CHECK_EQ(now.spawned - before.spawned, 8);
    CHECK_EQ(now.finished - before.finished, 8);
    CHECK_EQ(now.failed - before.failed, 1);
    CHECK_EQ(now.parked - before.parked, 1);        /* for the end */
    CHECK_EQ(now.woken - before.woken, 1);
    CHECK(now.switches > before.switches);
    return 0;
}

static int miss_some(void *arg)
{
    struct moirai_stats before = read_stats(moirai_runtime_self());
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_scope scope;

    (void)arg;
    attr.deadline_ns = moirai_now() - 1;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(moirai_spawn_with(&scope, nothing, NULL, &attr, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(read_stats(moirai_runtime_self()).deadlines_missed
             - before.deadlines_missed, 3);
    return 0;
}

static int wait_some(void *arg)
{
    struct moirai_stats before = read_stats(moirai_runtime_self()), now;
    struct moirai_frame fork;

    (void)arg;
    for (int i = 0; i < 5; i++)
        CHECK_EQ(moirai_yield(), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_US)), 0);
    CHECK_EQ(moirai_block(nothing, NULL), 0);
    now = read_stats(moirai_runtime_self());
    CHECK_EQ(now.yielded - before.yielded, 5);
    CHECK_EQ(now.timers_fired - before.timers_fired, 3);
    CHECK_EQ(now.blocking_calls - before.blocking_calls, 1);
    CHECK(now.parked - before.parked >= 3);         /* the call may be quick */
    CHECK(now.parked - before.parked <= 4);
    moirai_fork(&fork, nothing, NULL);
    CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_US)), 0);
    CHECK_EQ(moirai_join(&fork), 0);
    before = now;
    now = read_stats(moirai_runtime_self());
    CHECK_EQ(now.forks_exported - before.forks_exported, 1);
    return 0;
}

/* Batches count as many as they move. */
static int talk_some(void *arg)
{
    static const char *const full[] = { "capacity=1", "overflow=drop-oldest",
                                        NULL };
    struct moirai_stats before = read_stats(moirai_runtime_self()), now;
    struct moirai_elem elem = MOIRAI_ELEM(int);
    struct talk t = { NULL, 9 };
    struct moirai_scope scope;
    int messages[9];

    (void)arg;
    CHECK_EQ(moirai_chan_make(NULL, NULL, NULL, &elem, &t.chan, NULL), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, send_some, &t), 0);
    CHECK_EQ(moirai_chan_recv_batch(t.chan, messages, 9, 9, MOIRAI_NEVER), 9);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    moirai_chan_put(t.chan);
    now = read_stats(moirai_runtime_self());
    CHECK_EQ(now.sent - before.sent, 9);
    CHECK_EQ(now.received - before.received, 9);
    CHECK_EQ(moirai_chan_make(NULL, NULL, full, &elem, &t.chan, NULL), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(moirai_chan_send(t.chan, &i, MOIRAI_NOW), 0);
    moirai_chan_put(t.chan);
    CHECK_EQ(read_stats(moirai_runtime_self()).dropped - now.dropped, 2);
    return 0;
}

static int need_stacks(void *arg)
{
    struct moirai_stats before, now;

    (void)arg;
    for (int i = 0; i < 50; i++) {
        before = read_stats(moirai_runtime_self());
        CHECK_EQ(spawn_some(NULL), 0);
        now = read_stats(moirai_runtime_self());
        CHECK(now.stacks_made + now.stacks_reused >
                  before.stacks_made + before.stacks_reused || i == 0);
    }
    CHECK_EQ(now.stacks_made, before.stacks_made);
    return 0;
}

TEST(stats, count_exactly_what_tasks_do)
{
    with_one(1, spawn_some, NULL);
    with_one(1, miss_some, NULL);
    with_one(1, wait_some, NULL);
    with_one(1, talk_some, NULL);
    with_one(1, need_stacks, NULL);
}

static int read_some(void *arg)
{
    char byte;
    int ends[2];

    (void)arg;
    CHECK_EQ(moirai_pipe(ends), 0);
    CHECK_EQ(moirai_read(ends[0], &byte, 1, 1), -ETIMEDOUT);
    CHECK_EQ(moirai_close(ends[0]), 0);
    return moirai_close(ends[1]);
}

/* --- on several, at least ------------------------------------------------ */

static int set_flag(void *arg)
{
    with_set((int *)arg, 1);
    return 0;
}

/* Without giving up the worker: somebody else has to set it. */
static void insist(const int *flag)
{
    while (with_get(flag) == 0)
        sched_yield();
}

static int give_away(void *arg)
{
    struct moirai_scope scope;
    struct moirai_frame fork;
    int flags[2] = { 0, 0 };

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, set_flag, &flags[0]), 0);
    insist(&flags[0]);
    moirai_fork(&fork, set_flag, &flags[1]);
    insist(&flags[1]);
    CHECK_EQ(moirai_join(&fork), 0);
    return moirai_scope_end(&scope);
}

/* Notes which have moved since `last`. None may ever shrink. */
static void note(struct moirai_runtime *rt, struct moirai_stats *last,
                 bool *moved)
{
    struct moirai_stats now = read_stats(rt);

    for (size_t i = 0; i < COUNTERS; i++) {
        CHECK_FMT(counter(&now, i) >= counter(last, i), "counter %zu shrinks",
                  i);
        moved[i] = moved[i] || counter(&now, i) > counter(last, i);
    }
    *last = now;
}

/* The first that has not moved; COUNTERS: they all have. */
static size_t still(const bool *moved)
{
    size_t i = 0;

    while (i < COUNTERS && moved[i])
        i++;
    return i;
}

/* Until somebody has noticed. */
static int block_worker(void *arg)
{
    (void)arg;
    while (read_stats(moirai_runtime_self()).stuck == 0)
        usleep(1000);
    return 0;
}

static int keep_worker(void *arg)
{
    (void)arg;
    while (read_stats(moirai_runtime_self()).attended == 0)
        continue;
    return 0;
}

static int sleep_beside(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, keep_worker, NULL), 0);
    while (read_stats(moirai_runtime_self()).attended == 0)
        CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    return moirai_scope_end(&scope);
}

static void run_with(const char *const *set, moirai_fn *body, bool *moved)
{
    struct moirai_runtime *rt = with_settings(set);
    struct moirai_stats last = read_stats(rt);

    CHECK_EQ(moirai_run(rt, body, NULL), 0);
    note(rt, &last, moved);
    with_end(rt);
}

/* Stacks are not cleaned where sanitizers watch them; what is counted by node,
 * tests/core/test_near.c moves. */
static void note_what_cannot_move(bool *moved)
{
    size_t cleaned = offsetof(struct moirai_stats, stacks_cleaned);
    size_t nodes = offsetof(struct moirai_stats, stolen_on_node);

    moved[(cleaned - FIRST) / sizeof(uint64_t)] = mo_watched();
    for (size_t i = 0; i < 5; i++)
        moved[(nodes - FIRST) / sizeof(uint64_t) + i] = true;
}

/* Whoever adds a counter adds to this what moves it. */
TEST(stats, all_move_and_none_shrinks)
{
    static moirai_fn *const bodies[] = { wait_some, talk_some, spawn_some,
                                           miss_some, read_some };
    static const char *const stuck[] = { "runtime.stuck=1ms", NULL };
    static const char *const hybrid[] = { "scheduler.hybrid=on",
                                          "runtime.workers=1", NULL };
    struct moirai_runtime *rt;
    struct moirai_stats last;
    bool moved[COUNTERS] = { false };

    note_what_cannot_move(moved);
    run_with(stuck, block_worker, moved);
    run_with(hybrid, sleep_beside, moved);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        rt = with_workers(1);
        last = read_stats(rt);
        CHECK_EQ(moirai_run(rt, bodies[i], NULL), 0);
        note(rt, &last, moved);
        with_end(rt);
    }
    rt = with_workers(2);
    last = read_stats(rt);
    for (int i = 0; i < 10000 && still(moved) < COUNTERS; i++) {
        CHECK_EQ(moirai_run(rt, give_away, NULL), 0);
        note(rt, &last, moved);
        sched_yield();
    }
    CHECK_FMT(still(moved) == COUNTERS, "counter %zu never moves",
              still(moved));
    with_end(rt);
}

static size_t line_of(size_t offset)
{
    return offset / MO_CACHE_LINE;
}

/* A worker adds to its own counters, by a plain load and store; what other
 * threads write of it lies on other lines. */
TEST(stats, are_written_where_nobody_else_writes)
{
    static const size_t first = offsetof(struct mo_worker, count);
    static const size_t last = offsetof(struct mo_worker, sites) - 1;
    static const size_t shared[] = {
        offsetof(struct mo_worker, hot.fork_limit),
        offsetof(struct mo_worker, timers),
        offsetof(struct mo_worker, inbox),
        offsetof(struct mo_worker, parker),
        offsetof(struct mo_worker, idle),
    };

    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++)
        CHECK_FMT(line_of(shared[i]) < line_of(first) ||
                  line_of(shared[i]) > line_of(last), "field %zu", i);
    CHECK_EQ(_Alignof(struct mo_worker) % MO_CACHE_LINE, 0);
}

TEST(stats, are_read_by_programs_of_other_versions)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_stats stats = { .size = 16, .finished = 77 };

    CHECK_EQ(moirai_run(rt, nothing, NULL), 0);
    CHECK_EQ(moirai_stats_read(rt, &stats), 0);
    CHECK_EQ(stats.spawned, 1);
    CHECK_EQ(stats.finished, 77);
    stats.size = 4;
    CHECK_EQ(moirai_stats_read(rt, &stats), -EINVAL);
    stats.size = sizeof stats + 8;
    CHECK_EQ(moirai_stats_read(rt, &stats), -EINVAL);
    with_end(rt);
}

TEST(stats, are_told_at_the_end_if_that_is_asked_for)
{
    static const char *const set[] = { "runtime.stats_at_exit=true",
                                       "runtime.workers=1", NULL };
    struct moirai_runtime *rt = with_settings(set);
    char text[4000] = "";
    int ends[2];

    CHECK_EQ(pipe(ends), 0);
    CHECK(dup2(ends[1], STDERR_FILENO) >= 0);
    CHECK_EQ(moirai_run(rt, nothing, NULL), 0);
    with_end(rt);
    CHECK(read(ends[0], text, sizeof text - 1) > 0);
    CHECK(strstr(text, "moirai: workers             1\n") != NULL);
    CHECK(strstr(text, "moirai: spawned             1\n") != NULL);
    CHECK(strstr(text, "moirai: received            0\n") != NULL);
}
