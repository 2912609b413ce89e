/* SPDX-License-Identifier: MIT */
/*
 * test_oom_start.c - running out of memory anywhere in a start is its error,
 * and leaves nothing; mistakes in the configuration are told all or not at
 * all.
 *
 * What a start allocates is counted one by one, out of arenas too. What the
 * libraries below it do is the subject of test_faults.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "mem.h"
#include "report.h"
#include "with.h"

#define FOR_EVER UINT64_MAX

/* Exactly one of the two is there, a runtime or a reason; without a failure it
 * comes out as `sound`. */
static bool start_once(const struct moirai_config *config, int sound,
                       uint64_t at, uint64_t n)
{
    struct moirai_error err = { .text = "" };
    struct moirai_runtime *rt = NULL;
    struct mo_mem_count count;
    uint64_t asked;
    int rc;

    mo_mem_watch(0);
    mo_mem_fail(at, n);
    rc = moirai_start(&rt, config, &err);
    asked = mo_mem_fail(0, 0);
    CHECK_FMT(rc == sound || (rc == -ENOMEM && asked >= at),
              "allocation %d: %d: %s", (int)at, rc, err.text);
    if (rc == 0)
        with_end(rt);
    else
        CHECK_FMT(err.code == rc && err.text[0] != '\0' && rt == NULL,
                  "allocation %d: %d, \"%s\"", (int)at, err.code, err.text);
    count = mo_mem_unwatch();
    CHECK_FMT(count.live == 0, "allocation %d: %d leaked", (int)at,
              (int)count.live);
    return asked >= at;
}

static void start_each(const struct moirai_config *config, int sound)
{
    for (uint64_t at = 1; start_once(config, sound, at, 1); at++)
        continue;
    for (uint64_t at = 1; start_once(config, sound, at, FOR_EVER); at++)
        continue;
    check_leaks();
}

TEST(oom, in_a_start_by_a_shipped_file_leaves_nothing)
{
    static const char *const files[] = {
        "all-cores", "fifo", "one-thread", "sim",
    };
    const char *srcdir = getenv("srcdir");
    char path[4096];
    struct moirai_config config = { .size = sizeof config, .file = path };

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/config/%s.yaml",
                 srcdir != NULL ? srcdir : ".", files[i]);
        start_each(&config, 0);
    }
}

/* Every source, every way to say something. */
TEST(oom, in_a_start_that_is_told_much_leaves_nothing)
{
    static const char *const set[] = {
        "scheduler.fairness=7", "channels.\"more-words\".plugin=ring", NULL,
    };
    static const char text[] =
        "version: 1\n"
        "plugins: {path: [./plugins/.libs, plugins/.libs]}\n"
        "runtime: {workers: '${MO_TEST_WORKERS:-2}', trace: 64}\n"
        "scheduler: {plugin: ./plugins/.libs/sched_steal.so}\n"
        "stacks: {plugin: ./plugins/.libs/stack_mmap.so,\n"
        "         size: '${MO_TEST_SIZE}'}\n"
        "io: {plugin: auto}\n"
        "channels:\n"
        "  words: {plugin: ring, capacity: 7}\n"
        "  counts: {plugin: auto}\n"
        "transports: {}\n"
        "nodes: {}\n";
    struct moirai_config config = { .size = sizeof config, .set = set,
                                    .text = text };

    setenv("MO_TEST_SIZE", "64KiB", 1);
    setenv("MOIRAI_WORKERS", "2", 1);
    setenv("MOIRAI_RUNTIME__MAX_TASKS", "100", 1);
    setenv("MOIRAI_CHANNELS__LOGS__CAPACITY", "3", 1);
    setenv("MOIRAI_PLUGIN_PATH", "plugins/.libs", 1);
    start_each(&config, 0);
}

/* What is wrong has to be told, unless there is no memory for that. */
TEST(oom, among_mistakes_is_told_rather_than_some_of_them)
{
    static const char *const set[] = { "scheduler", "runtime.workers.x=1",
                                       NULL };
    static const char text[] =
        "version: 2\n"
        "runtime: {workers: *many, trace: !x 1, blocking: [1, {a: 2}]}\n"
        "plugins: {path: [/nowhere, 7, [a]]}\n"
        "scheduler: {plugin: nobody, plugin: fifo}\n"
        "stacks: {plugin: /nowhere/stack_mmap.so, size: '${MO_TEST_NONE}'}\n"
        "channels: {words: {capasity: 1, home: nowhere}}\n"
        "[1]: 2\n"
        "nodes: &a {here: {via: nothing}}\n"
        "transports: \"unended\n";
    struct moirai_config config = { .size = sizeof config, .set = set,
                                    .text = text };

    setenv("MOIRAI_RUNTIME__SPIN__", "1us", 1);
    setenv("MOIRAI_WORKERS", "none", 1);
    start_each(&config, -EINVAL);
}

TEST(oom, in_a_report_is_what_it_tells)
{
    struct mo_place place = { .from = MO_FROM_API };
    struct mo_report report = { .list = NULL };
    struct moirai_error err = { .text = "" };

    mo_mem_watch(1);
    mo_report_add(&report, &place, "key", "wrong");
    mo_mem_unwatch();
    CHECK_EQ(mo_report_error(&report, &err), -ENOMEM);
    CHECK_STR(err.text, "out of memory");
    mo_report_fini(&report);
}
