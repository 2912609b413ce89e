/* SPDX-License-Identifier: MIT */
/*
 * test_prio.c - the scheduler `prio` in a runtime: which of the tasks that are
 * ready runs next, and whose deadlines were missed. The order that it keeps
 * by itself is in test_sched.c, inheritance in test_inherit.c.
 */
#include "check.h"
#include "with.h"

#include <errno.h>
#include <sched.h>

#define TASKS 64

static const char *const strict[] = { "scheduler.plugin=prio",
                                      "scheduler.order=strict",
                                      "runtime.workers=1", NULL };
static const char *const two_strict[] = { "scheduler.plugin=prio",
                                          "scheduler.order=strict",
                                          "runtime.workers=2", NULL };
static const char *const ageing[] = { "scheduler.plugin=prio",
                                      "runtime.workers=1", NULL };
static const char *const edf[] = { "scheduler.plugin=prio",
                                   "scheduler.order=edf", "runtime.workers=1",
                                   NULL };

struct row {                        /* who ran, one after the other */
    unsigned ran[TASKS];
    unsigned count;
    struct moirai_event event;
};

struct runner {
    struct row *row;
    unsigned rank;
};

static int run(void *arg)
{
    struct runner *runner = arg;
    struct row *row = runner->row;

    row->ran[with_add(&row->count, 1) - 1] = runner->rank;
    return 0;
}

static void spawn_ranked(struct moirai_scope *scope, moirai_fn *fn, void *arg,
                         unsigned priority)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;

    attr.priority = priority;
    CHECK_EQ(moirai_spawn_with(scope, fn, arg, &attr, NULL), 0);
}

static void spawn_due(struct moirai_scope *scope, moirai_fn *fn, void *arg,
                      int64_t deadline_ns)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;

    attr.deadline_ns = deadline_ns;
    CHECK_EQ(moirai_spawn_with(scope, fn, arg, &attr, NULL), 0);
}

/* Ranks that go up and down: 1 to 61. */
static unsigned rank_of(unsigned i)
{
    return 1 + i * 37 % 61;
}

static void check_falling(const struct row *row)
{
    CHECK_EQ(row->count, TASKS);
    for (unsigned i = 1; i < TASKS; i++)
        CHECK_FMT(row->ran[i - 1] >= row->ran[i], "%u ran before %u",
                  row->ran[i - 1], row->ran[i]);
}

/* --- priorities ----------------------------------------------------------- */

static int spawn_all(void *arg)
{
    struct runner runners[TASKS];
    struct moirai_scope scope;
    struct row row = { .count = 0 };

    (void)arg;
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    for (unsigned i = 0; i < TASKS; i++) {
        runners[i] = (struct runner){ &row, rank_of(i) };
        spawn_ranked(&scope, run, &runners[i], runners[i].rank);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    check_falling(&row);
    return 0;
}

TEST(prio, runs_the_most_urgent_first)
{
    with_as(strict, spawn_all, NULL);
}

static int wait_and_run(void *arg)
{
    struct runner *runner = arg;

    CHECK_EQ(moirai_event_wait(&runner->row->event, MOIRAI_NEVER), 0);
    return run(arg);
}

/* They wait for the same, in another order, and are woken at once. */
static int wake_all(void *arg)
{
    struct runner runners[TASKS];
    struct moirai_scope scope;
    struct row row = { .event = MOIRAI_EVENT_INIT };

    (void)arg;
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    for (unsigned i = 0; i < TASKS; i++) {
        runners[i] = (struct runner){ &row, rank_of(i) };
        spawn_ranked(&scope, wait_and_run, &runners[i], runners[i].rank);
    }
    CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    CHECK_EQ(row.count, 0);
    moirai_event_set(&row.event);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    check_falling(&row);
    return 0;
}

TEST(prio, wakes_the_most_urgent_first)
{
    with_as(strict, wake_all, NULL);
}

/* Yields while there is somebody else, less urgent or as urgent. */
static int yield_often(void *arg)
{
    for (unsigned i = 0; i < 100; i++)
        CHECK_EQ(moirai_yield(), 0);
    return run(arg);
}

static int yield_before_others(void *arg)
{
    struct moirai_scope scope;
    struct row row = { .count = 0 };
    struct runner low = { &row, 1 };
    struct runner high[2] = { { &row, 200 }, { &row, 200 } };

    (void)arg;
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    spawn_ranked(&scope, run, &low, 1);
    spawn_ranked(&scope, yield_often, &high[0], 200);
    spawn_ranked(&scope, yield_often, &high[1], 200);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(row.ran[0], 200);
    CHECK_EQ(row.ran[1], 200);
    CHECK_EQ(row.ran[2], 1);
    return 0;
}

TEST(prio, yields_to_nobody_less_urgent)
{
    with_as(strict, yield_before_others, NULL);
}

static int yield_until(void *arg)
{
    const struct row *row = arg;

    while (with_get(&row->count) == 0)
        CHECK_EQ(moirai_yield(), 0);
    return 0;
}

static int starve(void *arg)
{
    struct moirai_scope scope;
    struct row row = { .count = 0 };
    struct runner low = { &row, 1 };

    (void)arg;
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    spawn_ranked(&scope, yield_until, &row, 255);
    spawn_ranked(&scope, yield_until, &row, 255);
    spawn_ranked(&scope, run, &low, 1);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

TEST(prio, ageing_starves_nobody)
{
    with_as(ageing, starve, NULL);
}

/* One worker is busy until the other has run all. */
struct shared {
    struct row row;
    unsigned busy;
    struct runner runners[TASKS];
};

static int be_busy(void *arg)
{
    struct shared *shared = arg;

    with_set(&shared->busy, 1);
    while (with_get(&shared->row.count) < TASKS)
        sched_yield();
    return 0;
}

static int spawn_beside(void *arg)
{
    struct shared shared = { .busy = 0 };
    struct moirai_scope scope;

    (void)arg;
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    spawn_ranked(&scope, be_busy, &shared, 255);
    while (with_get(&shared.busy) == 0)
        sched_yield();
    for (unsigned i = 0; i < TASKS; i++) {
        shared.runners[i] = (struct runner){ &shared.row, rank_of(i) };
        spawn_ranked(&scope, run, &shared.runners[i], rank_of(i));
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    check_falling(&shared.row);
    return 0;
}

TEST(prio, workers_share_one_order)
{
    with_as(two_strict, spawn_beside, NULL);
}

/* --- deadlines ------------------------------------------------------------ */

static int spawn_all_due(void *arg)
{
    struct runner runners[TASKS];
    struct moirai_scope scope;
    struct row row = { .count = 0 };
    int64_t soon = moirai_after(3600 * MOIRAI_S);

    (void)arg;
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    for (unsigned i = 0; i < TASKS; i++) {
        runners[i] = (struct runner){ &row, rank_of(i) };
        spawn_due(&scope, run, &runners[i], soon - (int64_t)rank_of(i));
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    check_falling(&row);
    return 0;
}

TEST(prio, edf_runs_the_earliest_deadline_first)
{
    with_as(edf, spawn_all_due, NULL);
}

/* Who has no deadline of its own has its scope's, and that of the scope around
 * it; one later than those counts for nothing. */
static int spawn_in_scopes(void *arg)
{
    int64_t soon = moirai_after(3600 * MOIRAI_S);
    struct row row = { .count = 0 };
    struct runner runners[4] = { { &row, 0 }, { &row, 1 }, { &row, 2 },
                                 { &row, 3 } };
    struct moirai_scope none, outer, inner;

    (void)arg;
    moirai_scope_begin(&none, NULL, MOIRAI_NEVER);
    moirai_scope_begin(&outer, NULL, soon);
    moirai_scope_begin_in(&inner, &outer, soon + 1000);
    spawn_ranked(&none, run, &runners[0], 255);
    spawn_due(&none, run, &runners[1], soon + 1);
    spawn_due(&inner, run, &runners[2], soon + 2);
    spawn_due(&none, run, &runners[3], soon - 1);
    CHECK_EQ(moirai_scope_end(&inner), 0);
    CHECK_EQ(moirai_scope_end(&outer), 0);
    CHECK_EQ(moirai_scope_end(&none), 0);
    CHECK_EQ(row.ran[0], 3);
    CHECK_EQ(row.ran[1], 2);
    CHECK_EQ(row.ran[2], 1);
    CHECK_EQ(row.ran[3], 0);
    return 0;
}

TEST(prio, edf_knows_the_deadlines_of_scopes)
{
    with_as(edf, spawn_in_scopes, NULL);
}

static uint64_t missed(void)
{
    struct moirai_stats stats = { .size = sizeof stats };

    CHECK_EQ(moirai_stats_read(moirai_runtime_self(), &stats), 0);
    return stats.deadlines_missed;
}

static int be_late(void *arg)
{
    int64_t *deadline_ns = arg;

    while (moirai_now() <= *deadline_ns)
        continue;
    return 0;
}

static int miss_some(void *arg)
{
    struct row row = { .count = 0 };
    struct runner runner = { &row, 0 };
    int64_t deadline_ns = moirai_after(MOIRAI_MS);
    struct moirai_scope scope;

    (void)arg;
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    spawn_due(&scope, be_late, &deadline_ns, deadline_ns);
    spawn_due(&scope, be_late, &deadline_ns, deadline_ns);
    spawn_due(&scope, run, &runner, moirai_after(3600 * MOIRAI_S));
    spawn_ranked(&scope, run, &runner, 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(missed(), 2);
    moirai_scope_begin(&scope, NULL, moirai_after(3600 * MOIRAI_S));
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(missed(), 2);
    moirai_scope_begin(&scope, NULL, moirai_now());
    while (moirai_scope_error(&scope) == 0)
        moirai_yield();
    CHECK_EQ(moirai_scope_end(&scope), -ETIMEDOUT);
    CHECK_EQ(missed(), 3);
    return 0;
}

TEST(prio, misses_are_counted_by_all_schedulers)
{
    with_as(edf, miss_some, NULL);
    with_each(miss_some, NULL);
    with_seeds(20, miss_some, NULL);
}
