/* SPDX-License-Identifier: MIT */
/*
 * test_seat.c - which worker sits where, and that it stays there.
 */
#include "seat.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "mem.h"
#include "topo.h"
#include "with.h"
#include "worker.h"

static struct mo_seats seats;
static struct moirai_error err;

static int deal(enum mo_bind bind, const char *topology, uint32_t workers)
{
    struct mo_runtime_options options = { .bind = bind,
                                          .topology = topology };

    err = (struct moirai_error){ .code = 0 };
    return mo_seats_open(&options, false, workers, workers, &seats, &err);
}

/* Worker i is to sit at pu expected[i]. */
static void sits(const uint32_t *expected, uint32_t n)
{
    CHECK_EQ(seats.count, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct mo_seat *seat = &seats.each[i];

        CHECK_EQ(seat->count, 1);
        CHECK_EQ(seats.pus[seat->first], expected[i]);
        CHECK_EQ(seat->node, seats.machine.pus[expected[i]].node);
    }
    mo_seats_close(&seats);
}

TEST(seat, close_fills_a_node_and_cores_before_their_second_threads)
{
    static const uint32_t order[] = { 0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11 };

    CHECK_EQ(deal(MO_BIND_CLOSE, "numa:2 core:3 pu:2", 12), 0);
    sits(order, 12);
    CHECK_EQ(deal(MO_BIND_CLOSE, "numa:2 core:3 pu:2", 4), 0);
    sits(order, 4);
}

TEST(seat, spread_goes_as_far_as_it_can)
{
    static const uint32_t nodes[] = { 0, 4, 2, 6, 1, 5, 3, 7 };
    static const uint32_t deep[] = { 0, 8, 4, 12, 2, 10, 6, 14,
                                     1, 9, 5, 13, 3, 11, 7, 15 };

    CHECK_EQ(deal(MO_BIND_SPREAD, "numa:2 core:2 pu:2", 8), 0);
    sits(nodes, 8);
    CHECK_EQ(deal(MO_BIND_SPREAD, "pack:2 numa:2 l3:2 core:1 pu:2", 16), 0);
    sits(deep, 16);
}

TEST(seat, node_gives_each_its_share)
{
    CHECK_EQ(deal(MO_BIND_NODE, "numa:4 core:4 pu:2", 6), 0);
    for (uint32_t i = 0; i < 6; i++) {
        const struct mo_seat *seat = &seats.each[i];

        CHECK_EQ(seat->node, i * 32 / 6 / 8);
        CHECK_EQ(seat->first, seat->node * 8);
        CHECK_EQ(seat->count, 8);
    }
    mo_seats_close(&seats);
}

TEST(seat, node_takes_up_to_128_places_on_up_to_8_nodes)
{
    static const char *const machines[] = {
        "numa:2 core:64 pu:1", "numa:4 core:16 pu:2",
        "pack:2 numa:4 core:16 pu:1",
    };

    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        uint32_t nodes = 2u << i;

        CHECK_EQ(deal(MO_BIND_NODE, machines[i], 128), 0);
        CHECK_EQ(seats.machine.node_count, nodes);
        for (uint32_t k = 0; k < 128; k++)
            CHECK_EQ(seats.each[k].node, k * nodes / 128);
        mo_seats_close(&seats);
    }
}

TEST(seat, too_many_workers_are_refused)
{
    CHECK_EQ(deal(MO_BIND_CLOSE, "numa:2 core:2 pu:1", 5), -EINVAL);
    CHECK_STR(err.text, "runtime.bind: \"close\" needs a hardware thread for "
              "each of 5 workers, and this process may use 4; lower "
              "runtime.workers, or write bind: node");
    CHECK_EQ(deal(MO_BIND_SPREAD, "", 1024), -EINVAL);
    CHECK_EQ(deal(MO_BIND_NODE, "numa:2 core:2 pu:1", 1024), 0);
    mo_seats_close(&seats);
}

TEST(seat, those_who_come_later_have_one_too)
{
    struct mo_runtime_options options = { .bind = MO_BIND_SPREAD,
                                          .topology = "numa:2 core:4 pu:1" };

    CHECK_EQ(mo_seats_open(&options, false, 2, 16, &seats, &err), 0);
    CHECK_EQ(mo_seats_of(&seats, 5)->node, 1);
    CHECK_EQ(mo_seats_of(&seats, 5)->count, 1);
    CHECK_EQ(mo_seats_of(&seats, 13)->node, 1);
    CHECK_EQ(mo_seats_of(&seats, 13)->count, 4);
    mo_seats_close(&seats);
    options.bind = MO_BIND_NODE;
    CHECK_EQ(mo_seats_open(&options, false, 2, 16, &seats, &err), 0);
    CHECK_EQ(mo_seats_of(&seats, 15)->node, 1);
    CHECK_EQ(mo_seats_of(&seats, 15)->count, 4);
    mo_seats_close(&seats);
}

TEST(seat, nobody_is_bound_unless_somebody_says_so)
{
    struct mo_runtime_options options = { .topology = "numa:1 core:4 pu:1" };

    CHECK_EQ(deal(MO_BIND_AUTO, "", 4), 0);
    CHECK(seats.each == NULL && seats.machine.pu_count == 0);
    CHECK_EQ(deal(MO_BIND_AUTO, "numa:2 core:2 pu:1", 4), 0);
    CHECK(seats.each == NULL);
    mo_seats_close(&seats);
    CHECK_EQ(deal(MO_BIND_NONE, "numa:x", 4), -EINVAL);
    CHECK_EQ(mo_seats_open(&options, true, 4, 4, &seats, &err), 0);
    CHECK(seats.each == NULL && seats.bind == MO_BIND_NONE);
    mo_seats_close(&seats);
    options.topology = "numa:2 core:4 pu:1";
    CHECK_EQ(mo_seats_open(&options, true, 4, 4, &seats, &err), 0);
    CHECK(seats.each != NULL && seats.bind == MO_BIND_NODE);
    mo_seats_close(&seats);
}

TEST(seat, gives_all_back_when_memory_runs_out)
{
    uint64_t tried = 0;
    int rc = -ENOMEM;

    while (rc == -ENOMEM) {
        mo_mem_watch(++tried);
        rc = deal(MO_BIND_SPREAD, "numa:2 core:2 pu:1", 4);
        if (rc == 0)
            mo_seats_close(&seats);
        CHECK_EQ(mo_mem_unwatch().live, 0);
    }
    CHECK_EQ(rc, 0);
}

/* --- the process may use other processors -------------------------------- */

/* What worker `index` is held to, by the system's numbers. */
static void held_to(uint32_t index, uint32_t n, ...)
{
    const struct mo_seat *seat = mo_seats_of(&seats, index);
    va_list numbers;

    CHECK_EQ(seat->count, n);
    va_start(numbers, n);
    for (uint32_t i = 0; i < n; i++)
        CHECK_EQ(seats.numbers[seat->first + i], va_arg(numbers, uint32_t));
    va_end(numbers);
}

TEST(seat, is_dealt_anew_where_the_process_may_be)
{
    static const uint32_t some[] = { 3, 5, 2, 77 }, all[] = { 0, 1, 2, 3, 4, 5,
                                                              6, 7 };

    CHECK_EQ(deal(MO_BIND_CLOSE, "numa:2 core:4 pu:1", 4), 0);
    CHECK_EQ(mo_seats_deal(&seats, some, 4, false), 1);
    held_to(0, 1, 2u);
    held_to(1, 1, 3u);
    held_to(2, 1, 5u);
    held_to(3, 2, 2u, 3u);          /* one too many */
    CHECK_EQ(mo_seats_deal(&seats, some, 4, false), 0);
    CHECK_EQ(mo_seats_deal(&seats, some + 3, 1, false), 0);
    held_to(2, 1, 5u);
    CHECK_EQ(mo_seats_deal(&seats, all, 8, false), 1);
    held_to(3, 1, 3u);
    mo_seats_close(&seats);
    CHECK_EQ(mo_seats_deal(&seats, all, 8, false), 0);
}

TEST(seat, is_dealt_anew_on_the_node_if_it_is_to_stay)
{
    static const uint32_t most[] = { 1, 3, 4, 5, 6, 7 }, one[] = { 3 };

    CHECK_EQ(deal(MO_BIND_SPREAD, "numa:2 core:4 pu:1", 6), 0);
    CHECK_EQ(mo_seats_deal(&seats, most, 6, true), 1);
    held_to(0, 1, 1u);
    held_to(1, 1, 4u);
    held_to(2, 1, 3u);
    held_to(3, 1, 5u);
    held_to(4, 2, 1u, 3u);
    held_to(5, 1, 6u);
    CHECK_EQ(mo_seats_deal(&seats, one, 1, true), 1);
    for (uint32_t i = 0; i < 6; i++) {
        held_to(i, 1, 3u);
        CHECK_EQ(mo_seats_of(&seats, i)->node, i % 2);
    }
    mo_seats_close(&seats);
    CHECK_EQ(deal(MO_BIND_NODE, "numa:2 core:2 pu:1", 4), 0);
    CHECK_EQ(mo_seats_deal(&seats, one, 1, true), 1);
    held_to(0, 1, 3u);
    CHECK_EQ(mo_seats_of(&seats, 0)->node, 0);
    CHECK_EQ(mo_seats_deal(&seats, one, 1, false), 0);
    CHECK_EQ(mo_seats_deal(&seats, most, 2, false), 1);
    CHECK_EQ(mo_seats_of(&seats, 3)->node, 1);
    held_to(3, 1, 3u);
    held_to(0, 1, 1u);
    mo_seats_close(&seats);
}

TEST(seat, stays_as_it_is_when_memory_runs_out)
{
    static const uint32_t one[] = { 3 };

    CHECK_EQ(deal(MO_BIND_SPREAD, "numa:2 core:2 pu:1", 4), 0);
    mo_mem_watch(1);
    CHECK_EQ(mo_seats_deal(&seats, one, 1, false), -ENOMEM);
    mo_mem_unwatch();
    held_to(3, 1, 3u);
    held_to(0, 1, 0u);
    CHECK_EQ(mo_seats_deal(&seats, one, 1, false), 1);
    held_to(0, 1, 3u);
    mo_seats_close(&seats);
}

/* Where tasks ran, by the workers' masks. */
static cpu_set_t masks[2];

static int look(void *arg)
{
    int *sum = arg;
    cpu_set_t mine;

    sched_getaffinity(0, sizeof mine, &mine);
    with_add(sum, CPU_COUNT(&mine));
    CHECK(CPU_EQUAL(&mine, &masks[0]) || CPU_EQUAL(&mine, &masks[1]));
    return 0;
}

/* The first two processors that this process may run on; false: it has one. */
static bool two_processors(void)
{
    cpu_set_t all;
    int n = 0;

    sched_getaffinity(0, sizeof all, &all);
    for (int i = 0; i < CPU_SETSIZE && n < 2; i++) {
        if (!CPU_ISSET(i, &all))
            continue;
        CPU_ZERO(&masks[n]);
        CPU_SET(i, &masks[n++]);
    }
    return n == 2;
}

TEST(seat, a_worker_runs_where_it_sits)
{
    static const char *const set[] = { "runtime.workers=2",
                                       "runtime.bind=close", NULL };
    struct moirai_runtime *rt;
    int sum = 0;

    if (!two_processors())
        SKIP("one processor");
    if (mo_topo_workers() > 2)
        SKIP("which two of many it is, the machine decides");
    rt = with_settings(set);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(moirai_run(rt, look, &sum), 0);
    CHECK_EQ(sum, 100);
    with_end(rt);
}

static int count_processors(void *arg)
{
    cpu_set_t mine;

    (void)arg;
    sched_getaffinity(0, sizeof mine, &mine);
    return CPU_COUNT(&mine);
}

static int block(void *arg)
{
    (void)arg;
    return moirai_block(count_processors, NULL);
}

TEST(seat, is_not_that_of_threads_that_block)
{
    static const char *const set[] = { "runtime.workers=1",
                                       "runtime.bind=close", NULL };
    struct moirai_runtime *rt;

    if (!two_processors())
        SKIP("one processor");
    rt = with_settings(set);
    CHECK_EQ(moirai_run(rt, block, NULL), count_processors(NULL));
    CHECK_EQ(moirai_run(rt, count_processors, NULL), 1);
    with_end(rt);
}

/* --- and from outside ---------------------------------------------------- */

/* As `taskset -ap` does. */
static void set_all_masks(const cpu_set_t *mask)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;

    CHECK(tasks != NULL);
    while ((entry = readdir(tasks)) != NULL)
        if (entry->d_name[0] != '.')
            sched_setaffinity((pid_t)strtol(entry->d_name, NULL, 10),
                              sizeof *mask, mask);
    closedir(tasks);
}

static void set_mask(const struct mo_thread *thread, const cpu_set_t *mask)
{
    pid_t id = mo_load(&thread->id);

    CHECK(id != 0 && sched_setaffinity(id, sizeof *mask, mask) == 0);
}

/* What each of two workers is to have; waits until that is so. A task, as the
 * monitor sleeps while all workers do. */
static int wait_for_masks(void *arg)
{
    const cpu_set_t *const *wanted = arg;
    struct moirai_runtime *rt = moirai_runtime_self();

    for (uint32_t i = 0; i < 2;) {
        cpu_set_t set;

        CHECK_EQ(sched_getaffinity(rt->workers[i]->thread.id, sizeof set,
                                   &set), 0);
        CHECK_EQ(moirai_yield(), 0);
        i = CPU_EQUAL(&set, wanted[i]) ? i + 1 : 0;
    }
    return 0;
}

static void become(struct moirai_runtime *rt, const cpu_set_t *first,
                   const cpu_set_t *second)
{
    const cpu_set_t *wanted[] = { first, second };

    CHECK_EQ(moirai_run(rt, wait_for_masks, wanted), 0);
}

static struct moirai_runtime *two_that_are_watched(cpu_set_t *both)
{
    static const char *const set[] = { "runtime.workers=2",
                                       "runtime.bind=close",
                                       "runtime.stuck=2ms", NULL };
    struct moirai_runtime *rt = with_settings(set);

    CPU_OR(both, &masks[0], &masks[1]);
    mo_store(&rt->monitor.every_ns, MOIRAI_MS);
    while (mo_load(&rt->monitor.thread.id) == 0
           || mo_load(&rt->workers[0]->thread.id) == 0
           || mo_load(&rt->workers[1]->thread.id) == 0)
        sched_yield();
    return rt;
}

TEST(seat, follows_the_mask_of_the_process)
{
    struct moirai_runtime *rt;
    cpu_set_t both;

    if (!two_processors())
        SKIP("one processor");
    if (mo_topo_workers() > 2)
        SKIP("which two of many it is, the machine decides");
    rt = two_that_are_watched(&both);
    become(rt, &masks[0], &masks[1]);
    for (int i = 0; i < 3; i++) {
        set_mask(&rt->monitor.thread, &masks[1]);
        become(rt, &masks[1], &masks[1]);
        set_all_masks(&masks[0]);
        become(rt, &masks[0], &masks[0]);
        set_all_masks(&both);
        become(rt, &masks[0], &masks[1]);
    }
    with_end(rt);
}

TEST(seat, is_taken_again_by_who_was_told_to_run_anywhere)
{
    struct moirai_runtime *rt;
    cpu_set_t both;

    if (!two_processors())
        SKIP("one processor");
    if (mo_topo_workers() > 2)
        SKIP("which two of many it is, the machine decides");
    rt = two_that_are_watched(&both);
    set_mask(&rt->workers[0]->thread, &masks[1]);   /* somebody's choice */
    set_mask(&rt->workers[1]->thread, &both);
    become(rt, &masks[1], &masks[1]);
    set_mask(&rt->workers[0]->thread, &both);
    become(rt, &masks[0], &masks[1]);
    with_end(rt);
}

TEST(seat, a_made_up_machine_binds_nobody)
{
    static const char *const set[] = {
        "runtime.workers=16", "runtime.bind=spread",
        "runtime.topology=numa:4 core:4 pu:1", NULL,
    };
    struct moirai_runtime *rt = with_settings(set);
    int sum = 0;

    sched_getaffinity(0, sizeof masks[0], &masks[0]);
    CHECK_EQ(moirai_run(rt, look, &sum), 0);
    CHECK_EQ(sum, CPU_COUNT(&masks[0]));
    with_end(rt);
}

TEST(seat, is_told_by_a_dump)
{
    static const char *const set[] = {
        "runtime.workers=4", "runtime.bind=spread",
        "runtime.topology=numa:4 core:4 pu:1", NULL,
    };
    struct moirai_runtime *rt = with_settings(set);
    char text[8192];
    int ends[2];
    ssize_t n;

    CHECK_EQ(pipe(ends), 0);
    moirai_dump(rt, ends[1]);
    n = read(ends[0], text, sizeof text - 1);
    CHECK(n > 0);
    text[n] = '\0';
    CHECK(strstr(text, "0 waits, on node 0, processor 0\n") != NULL);
    CHECK(strstr(text, "0 waits, on node 3, processor 12\n") != NULL);
    close(ends[0]);
    close(ends[1]);
    with_end(rt);
}

TEST(seat, that_cannot_be_had_stops_the_start)
{
    static const char *const set[] = { "runtime.workers=64",
                                       "runtime.bind=close",
                                       "runtime.topology=core:8 pu:1", NULL };
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_runtime *rt;

    CHECK_EQ(moirai_start(&rt, &config, &err), -EINVAL);
    CHECK(strstr(err.text, "each of 64 workers, and this process may use 8")
          != NULL);
}
