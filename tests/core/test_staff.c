/* SPDX-License-Identifier: MIT */
/*
 * test_staff.c - the number of workers changes under load, and nothing is lost.
 */
#include "check.h"
#include "with.h"

#include <errno.h>
#include <stdio.h>

#define FANOUT 4                    /* spawned by each task that may */
#define DEPTH 4                     /* of such tasks */

struct load {
    struct moirai_scope *scope;
    struct moirai_runtime *rt;      /* whose workers are changed */
    uint32_t most;                  /* workers; back and forth to 1 */
    int ran;
};

struct job {
    struct load *load;
    int depth;
    int index;
};

/* Between its waits the task may find itself anywhere. */
static int work(void *arg)
{
    struct job *job = arg;
    struct load *load = job->load;
    struct job next[FANOUT];
    struct moirai_scope below;

    if (job->depth > 0) {
        CHECK_EQ(moirai_scope_begin(&below, NULL, MOIRAI_NEVER), 0);
        for (int i = 0; i < FANOUT; i++) {
            next[i] = (struct job){ load, job->depth - 1, i };
            CHECK_EQ(moirai_spawn(&below, work, &next[i]), 0);
        }
        if (job->index == 0)
            CHECK_EQ(moirai_runtime_resize(load->rt, 1), 0);
        moirai_yield();
        if (job->index == 1)
            CHECK_EQ(moirai_runtime_resize(load->rt, load->most), 0);
        CHECK_EQ(moirai_scope_end(&below), 0);
    } else {
        moirai_sleep_until(moirai_after(job->index * MOIRAI_US));
    }
    with_add(&load->ran, 1);
    return 0;
}

static int under_load(void *arg)
{
    struct load *load = arg;
    struct job job = { load, DEPTH, 2 };

    load->rt = moirai_runtime_self();
    load->ran = 0;
    work(&job);
    CHECK_EQ(load->ran, 1 + 4 + 16 + 64 + 256);
    return 0;
}

static struct moirai_runtime *between(const char *plugin, unsigned long seed,
                                      unsigned least, unsigned most)
{
    char sched[40], chance[40], from[40], to[40];
    const char *set[] = { sched, from, to, NULL, NULL };

    snprintf(sched, sizeof sched, "scheduler.plugin=%s", plugin);
    snprintf(chance, sizeof chance, "scheduler.seed=%lu", seed);
    snprintf(from, sizeof from, "runtime.workers=%u", least);
    snprintf(to, sizeof to, "runtime.workers_max=%u", most);
    if (seed != 0)
        set[3] = chance;
    return with_settings(set);
}

static void change(struct moirai_runtime *rt, uint32_t most)
{
    struct load load = { .most = most };

    CHECK_EQ(moirai_run(rt, under_load, &load), 0);
    with_end(rt);
}

TEST(staff, tasks_that_resize_lose_none)
{
    for (unsigned i = 0; i < with_times(20); i++) {
        change(between("steal", 0, 1, 8), 8);
        change(between("fifo", 0, 2, 4), 4);
    }
}

TEST(staff, tasks_that_resize_lose_none_in_any_order)
{
    for (unsigned seed = 1; seed <= with_times(60); seed++)
        change(between("sim", seed, 1, 3), 3);
}

static uint32_t workers_of(struct moirai_runtime *rt)
{
    struct moirai_stats stats = { .size = sizeof stats };

    CHECK_EQ(moirai_stats_read(rt, &stats), 0);
    return stats.workers;
}

/* 1, 8, 2, from a thread, while tasks come and go. */
TEST(staff, a_thread_may_resize_under_load)
{
    struct moirai_runtime *rt = between("steal", 0, 1, 8);
    struct load load = { .most = 8, .rt = rt };
    struct job jobs[64];
    struct moirai_scope scope;

    for (unsigned round = 0; round < with_times(20); round++) {
        load.ran = 0;
        CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
        for (int i = 0; i < 64; i++) {
            jobs[i] = (struct job){ &load, 2, 2 };
            CHECK_EQ(moirai_spawn(&scope, work, &jobs[i]), 0);
            if (i % 8 == 7)
                CHECK_EQ(moirai_runtime_resize(rt, i % 16 == 7 ? 8 : 2), 0);
        }
        CHECK_EQ(moirai_scope_end(&scope), 0);
        CHECK_EQ(load.ran, 64 * (1 + 4 + 16));
    }
    CHECK_EQ(moirai_runtime_resize(rt, 2), 0);
    CHECK_EQ(workers_of(rt), 2);
    with_end(rt);
}

TEST(staff, refuses_what_it_has_no_places_for)
{
    struct moirai_runtime *rt = between("steal", 0, 2, 4);

    CHECK_EQ(moirai_runtime_resize(rt, 0), -EINVAL);
    CHECK_EQ(moirai_runtime_resize(rt, 5), -EINVAL);
    CHECK_EQ(workers_of(rt), 2);
    CHECK_EQ(moirai_runtime_resize(rt, 4), 0);
    CHECK_EQ(workers_of(rt), 4);
    with_end(rt);
    rt = with_workers(2);
    CHECK_EQ(moirai_runtime_resize(rt, 3), -EINVAL);
    CHECK_EQ(moirai_runtime_resize(rt, 1), 0);
    CHECK_EQ(moirai_runtime_resize(rt, 2), 0);
    with_end(rt);
}

/* --- tasks of a worker that is not needed any more ------------------------ */

struct pinned {
    struct moirai_event go;
    int where[2];                   /* before the wait and after it */
};

static int stay(void *arg)
{
    struct pinned *pinned = arg;

    pinned->where[0] = moirai_worker_index();
    CHECK_EQ(moirai_event_wait(&pinned->go, MOIRAI_NEVER), 0);
    pinned->where[1] = moirai_worker_index();
    return 0;
}

static int outlast(void *arg)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_runtime *rt = moirai_runtime_self();
    struct pinned pinned[2] = { { .go = MOIRAI_EVENT_INIT },
                                { .go = MOIRAI_EVENT_INIT } };
    struct moirai_scope scope;

    (void)arg;
    attr.worker = 3;
    attr.flags = MOIRAI_PINNED;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn_with(&scope, stay, &pinned[0], &attr, NULL), 0);
    moirai_yield();
    CHECK_EQ(moirai_runtime_resize(rt, 1), 0);
    moirai_sleep_until(moirai_after(MOIRAI_MS));
    CHECK_EQ(moirai_spawn_with(&scope, stay, &pinned[1], &attr, NULL), 0);
    moirai_yield();
    moirai_event_set(&pinned[0].go);
    moirai_event_set(&pinned[1].go);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pinned[i].where[0], 2);
        CHECK_EQ(pinned[i].where[1], 2);
    }
    return 0;
}

TEST(staff, runs_what_is_pinned_to_one_that_left)
{
    for (unsigned i = 0; i < with_times(20); i++) {
        struct moirai_runtime *rt = with_workers(4);

        CHECK_EQ(moirai_run(rt, outlast, NULL), 0);
        with_end(rt);
    }
    for (unsigned seed = 1; seed <= with_times(60); seed++) {
        struct moirai_runtime *rt = between("sim", seed, 3, 3);

        CHECK_EQ(moirai_run(rt, outlast, NULL), 0);
        with_end(rt);
    }
}
