/* SPDX-License-Identifier: MIT */
/*
 * test_victim.c - whom a worker without work asks first, on machines that are
 * made up.
 */
#include <moirai/moirai.h>

#include <errno.h>
#include <sched.h>

#include "check.h"
#include "runtime.h"
#include "victim.h"
#include "with.h"

/* 2 packages of 2 nodes of 2 caches of 2 cores of 2 threads. */
#define MACHINE "runtime.topology=pack:2 numa:2 l3:2 core:2 pu:2"
#define ALL "runtime.workers=32"
#define PLACES 32

typedef void judge(struct mo_worker *w);

static judge *judged;

/* Only its own task may ask whom a worker would. */
static int walk(void *arg)
{
    (void)arg;
    judged((struct mo_worker *)mo_self());
    return 0;
}

/* Returns what the task did, on the worker of that number, from 1. */
static int run_on(struct moirai_runtime *rt, uint32_t worker, moirai_fn *fn)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_handle *handle;
    int result = -1;

    attr.worker = worker;
    CHECK_EQ(moirai_spawn_with(moirai_runtime_scope(rt), fn, NULL, &attr,
                               &handle), 0);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
    moirai_handle_put(handle);
    return result;
}

static void judge_all(const char *const *set, judge *fn)
{
    struct moirai_runtime *rt = with_settings(set);

    judged = fn;
    for (uint32_t i = 1; i <= rt->worker_count; i++)
        CHECK_EQ(run_on(rt, i, walk), 0);
    with_end(rt);
}

/* Fills `at` with the numbers of those who are asked, all of them. */
static void asked(struct mo_worker *w, uint32_t at[PLACES])
{
    bool seen[PLACES] = { false };
    struct mo_worker *victim;
    struct mo_victims v;
    uint32_t n = 0;

    mo_victims_begin(w, &v);
    while ((victim = mo_victims_next(&v)) != NULL) {
        CHECK(!seen[victim->hot.index]);
        seen[victim->hot.index] = true;
        CHECK(n < PLACES);
        at[n++] = victim->hot.index;
    }
    CHECK_EQ(n, w->runtime->worker_count);
}

/* The thread of MACHINE that a worker, or the first of a node, sits on. */
static uint32_t thread_of(const struct moirai_runtime *rt, uint32_t worker)
{
    return rt->seats.pus[mo_seats_of(&rt->seats, worker)->first];
}

/* How far apart two workers are: 0 on one core, 1 at one cache, 2 on one node,
 * 3 in one package, else 4. */
static uint32_t far(const struct moirai_runtime *rt, uint32_t a, uint32_t b)
{
    uint32_t n = 0;

    for (a = thread_of(rt, a) / 2, b = thread_of(rt, b) / 2; a != b; n++) {
        a /= 2;
        b /= 2;
    }
    return n;
}

/* Nobody is asked before one that is nearer. */
static void judge_nearest(struct mo_worker *w)
{
    uint32_t at[PLACES];

    asked(w, at);
    for (uint32_t i = 1; i < w->runtime->worker_count; i++)
        CHECK(far(w->runtime, w->hot.index, at[i - 1])
              <= far(w->runtime, w->hot.index, at[i]));
}

/* The same, of nodes alone. */
static void judge_nodes(struct mo_worker *w)
{
    const struct moirai_runtime *rt = w->runtime;
    uint32_t at[PLACES];

    asked(w, at);
    for (uint32_t i = 1; i < rt->worker_count; i++) {
        uint32_t before = far(rt, w->hot.index, at[i - 1]);
        uint32_t here = far(rt, w->hot.index, at[i]);

        CHECK((before < 3 ? 0 : before) <= (here < 3 ? 0 : here));
    }
}

TEST(victim, nearest_goes_by_cores_caches_and_nodes)
{
    static const char *const binds[] = { "runtime.bind=close",
                                         "runtime.bind=spread" };

    for (size_t i = 0; i < 2; i++) {
        const char *const set[] = { "scheduler.victims=nearest", MACHINE, ALL,
                                    binds[i], NULL };

        judge_all(set, judge_nearest);
    }
}

TEST(victim, nearest_goes_by_nodes_where_that_is_all_that_is_known)
{
    static const char *const steal[] = { "scheduler.victims=nearest", MACHINE,
                                         "runtime.bind=node", ALL, NULL };
    static const char *const numa[] = { "scheduler.plugin=numa", MACHINE, ALL,
                                        NULL };
    static const char *const grown[] = { "scheduler.victims=nearest", MACHINE,
                                         "scheduler.plugin=numa",
                                         "runtime.workers=5",
                                         "runtime.workers_max=20", NULL };

    judge_all(steal, judge_nodes);
    judge_all(numa, judge_nodes);
    judge_all(grown, judge_nodes);
}

static void judge_round(struct mo_worker *w)
{
    uint32_t n = w->runtime->worker_count;
    uint32_t at[PLACES];

    for (uint32_t gave = 0; gave < n; gave++) {
        w->gave = gave;
        asked(w, at);
        for (uint32_t i = 0; i < n; i++)
            CHECK_EQ(at[i], (gave + i) % n);
    }
    w->gave = n;                    /* it has left since */
    asked(w, at);
    CHECK_EQ(at[0], 0);
}

TEST(victim, round_begins_with_who_gave_something_last)
{
    static const char *const steal[] = { "scheduler.victims=round",
                                         "runtime.workers=7", NULL };
    static const char *const numa[] = { "scheduler.victims=round", MACHINE,
                                        "scheduler.plugin=numa", ALL, NULL };

    judge_all(steal, judge_round);
    judge_all(numa, judge_round);
}

/* Whoever it begins with: in so many tries each comes up, but for one time in
 * 10^20. */
static void judge_random(struct mo_worker *w)
{
    uint32_t n = w->runtime->worker_count;
    bool begun[PLACES] = { false };
    uint32_t at[PLACES];

    for (uint32_t i = 0; i < 50 * n; i++) {
        asked(w, at);
        begun[at[0]] = true;
    }
    for (uint32_t i = 0; i < n; i++)
        CHECK(begun[i]);
}

TEST(victim, random_begins_anywhere)
{
    static const char *const preset[] = { "runtime.workers=4", NULL };
    static const char *const fifo[] = { "scheduler.plugin=fifo",
                                        "scheduler.victims=random",
                                        "runtime.workers=7", NULL };
    static const char *const numa[] = { "scheduler.victims=random", MACHINE,
                                        "scheduler.plugin=numa",
                                        "runtime.workers=8", NULL };

    judge_all(preset, judge_random);
    judge_all(fifo, judge_random);
    judge_all(numa, judge_random);
}

static int count_up(void *arg)
{
    with_add((int *)arg, 1);
    return 0;
}

/* Somebody else has to run what it spawns. */
static int give_away(void *arg)
{
    int ran = 0;

    (void)arg;
    CHECK_EQ(moirai_spawn(NULL, count_up, &ran), 0);
    while (with_get(&ran) == 0)
        sched_yield();
    return 0;
}

static int gave_what(void *arg)
{
    (void)arg;
    return (int)((struct mo_worker *)mo_self())->gave;
}

TEST(victim, who_gave_something_is_remembered)
{
    struct moirai_runtime *rt = with_workers(2);

    CHECK_EQ(run_on(rt, 2, give_away), 0);
    CHECK_EQ(run_on(rt, 1, gave_what), 1);
    with_end(rt);
}

TEST(victim, nearest_needs_workers_that_are_bound)
{
    static const char *const set[] = { "scheduler.victims=nearest", NULL };
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_runtime *rt;
    struct moirai_error err;

    CHECK_EQ(moirai_start(&rt, &config, &err), -EINVAL);
    CHECK_STR(err.text, "api: scheduler.victims: \"nearest\" must know where "
                        "workers are; add runtime.bind: close, spread or "
                        "node");
}
