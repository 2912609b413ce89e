/* SPDX-License-Identifier: MIT */
/*
 * test_idle.c - what workers do that have nothing to do, and what class their
 * threads are of.
 */
#include "check.h"
#include "with.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TASKS 200

static int wait_a_little(void *arg)
{
    moirai_sleep_until(moirai_after(10 * MOIRAI_US));
    with_add((int *)arg, 1);
    return 0;
}

static int spawn_some(void *arg)
{
    struct moirai_scope scope;
    int ran = 0;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&scope, wait_a_little, &ran), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(ran, TASKS);
    return 0;
}

static uint64_t sleeps_of(const char *policy, const char *workers)
{
    const char *const set[] = { policy, workers, NULL };
    struct moirai_stats stats = { .size = sizeof stats };
    struct moirai_runtime *rt = with_settings(set);

    CHECK_EQ(moirai_run(rt, spawn_some, NULL), 0);
    CHECK_EQ(moirai_run(rt, spawn_some, NULL), 0);
    CHECK_EQ(moirai_stats_read(rt, &stats), 0);
    with_end(rt);
    return stats.sleeps;
}

TEST(idle, who_spins_or_yields_never_sleeps)
{
    static const char *const workers[] = { "runtime.workers=1",
                                           "runtime.workers=3" };

    for (int i = 0; i < 2; i++) {
        CHECK_EQ(sleeps_of("scheduler.idle=yield", workers[i]), 0);
        CHECK_EQ(sleeps_of("scheduler.idle=spin", workers[i]), 0);
    }
}

static int sleep_a_little(void *arg)
{
    (void)arg;
    return moirai_sleep_until(moirai_after(2 * MOIRAI_MS));
}

/* Each time there is nothing else to do; where the processors are wanted that
 * may be over before it has been noticed. */
TEST(idle, who_parks_sleeps)
{
    const char *const set[] = { "scheduler.idle=park", "runtime.workers=1",
                                NULL };
    struct moirai_stats stats = { .size = sizeof stats };
    struct moirai_runtime *rt = with_settings(set);

    while (stats.sleeps == 0) {
        CHECK_EQ(moirai_run(rt, sleep_a_little, NULL), 0);
        CHECK_EQ(moirai_stats_read(rt, &stats), 0);
    }
    with_end(rt);
}

/* --- the class of threads ------------------------------------------------- */

static int say_class(void *arg)
{
    (void)arg;
    return sched_getscheduler(0);
}

static int start_urgent(struct moirai_runtime **rt, struct moirai_error *err)
{
    static const char *const set[] = { "runtime.realtime=1",
                                       "runtime.workers=1", NULL };
    struct moirai_config config = { .size = sizeof config, .set = set };

    return moirai_start(rt, &config, err);
}

TEST(idle, workers_are_of_the_real_time_class_if_they_may)
{
    struct moirai_error err = { .code = 0 };
    struct moirai_runtime *rt;

    if (start_urgent(&rt, &err) != 0)
        SKIP("this process may not");
    CHECK_EQ(moirai_run(rt, say_class, NULL), SCHED_FIFO);
    with_end(rt);
}

static void drop_right(void)
{
    struct __user_cap_header_struct head = {
        .version = _LINUX_CAPABILITY_VERSION_3
    };
    struct __user_cap_data_struct sets[2];
    struct rlimit none = { 0, 0 };

    CHECK_EQ(syscall(SYS_capget, &head, sets), 0);
    sets[0].effective &= ~(1u << CAP_SYS_NICE);
    sets[0].permitted &= ~(1u << CAP_SYS_NICE);
    CHECK_EQ(syscall(SYS_capset, &head, sets), 0);
    CHECK_EQ(setrlimit(RLIMIT_RTPRIO, &none), 0);
}

TEST(idle, who_may_not_is_told_what_that_needs)
{
    struct moirai_error err = { .code = 0 };
    struct moirai_runtime *rt;

    drop_right();
    CHECK_EQ(start_urgent(&rt, &err), -EPERM);
    CHECK_FMT(strstr(err.text, "runtime.realtime: ") != NULL
              && strstr(err.text, "RLIMIT_RTPRIO of 1") != NULL,
              "it says \"%s\"", err.text);
}
