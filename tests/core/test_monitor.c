/* SPDX-License-Identifier: MIT */
/*
 * test_monitor.c - a worker that is stuck in one task does not stop the others,
 * and is told of.
 *
 * Each of these would never end without somebody who stands in.
 */
#include "check.h"
#include "with.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "topo.h"
#include "worker.h"

#define TASKS 1000

struct stuck {
    int pipe[2];
    int begun;                      /* one is stuck */
    int go_on;                      /* it need not any more */
    int ran;
    int dump;                       /* a file, or -1 */
};

static int read_pipe(void *arg)
{
    struct stuck *stuck = arg;
    char byte;

    with_set(&stuck->begun, 1);
    CHECK_EQ(read(stuck->pipe[0], &byte, 1), 1);
    with_add(&stuck->ran, 1);
    return 0;
}

static int spin(void *arg)
{
    struct stuck *stuck = arg;

    with_set(&stuck->begun, 1);
    while (with_get(&stuck->go_on) == 0)
        continue;
    with_add(&stuck->ran, 1);
    return 0;
}

static int count(void *arg)
{
    struct stuck *stuck = arg;

    moirai_yield();
    with_add(&stuck->ran, 1);
    return 0;
}

/* As the first task of a runtime that has one worker. */
static int get_by(struct stuck *stuck, moirai_fn *body)
{
    struct moirai_stats stats = { .size = sizeof stats };
    struct moirai_runtime *rt = moirai_runtime_self();
    struct moirai_scope scope;

    CHECK_EQ(pipe(stuck->pipe), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, body, stuck), 0);
    with_wait(&stuck->begun);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&scope, count, stuck), 0);
    while (with_get(&stuck->ran) != TASKS)
        moirai_sleep_until(moirai_after(MOIRAI_MS));
    if (stuck->dump >= 0)
        moirai_dump(rt, stuck->dump);
    with_set(&stuck->go_on, 1);
    CHECK_EQ(write(stuck->pipe[1], "", 1), 1);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(stuck->ran, TASKS + 1);
    close(stuck->pipe[0]);
    close(stuck->pipe[1]);
    CHECK_EQ(moirai_stats_read(rt, &stats), 0);
    CHECK_EQ(stats.workers, 1);
    CHECK(stats.stuck >= 1);
    return 0;
}

static int get_by_one_that_reads(void *arg)
{
    return get_by(arg, read_pipe);
}

static int get_by_one_that_spins(void *arg)
{
    return get_by(arg, spin);
}

static struct moirai_runtime *watched(const char *plugin, unsigned workers,
                                      const char *stuck)
{
    char sched[40], number[40], span[40];
    const char *const set[] = { sched, number, span, NULL };

    snprintf(sched, sizeof sched, "scheduler.plugin=%s", plugin);
    snprintf(number, sizeof number, "runtime.workers=%u", workers);
    snprintf(span, sizeof span, "runtime.stuck=%s", stuck);
    return with_settings(set);
}

static void run(struct moirai_runtime *rt, moirai_fn *body, int dump)
{
    struct stuck stuck = { .dump = dump };

    CHECK_EQ(moirai_run(rt, body, &stuck), 0);
    with_end(rt);
}

TEST(monitor, lets_others_get_by_a_task_that_reads)
{
    run(watched("steal", 1, "5ms"), get_by_one_that_reads, -1);
    run(watched("fifo", 1, "5ms"), get_by_one_that_reads, -1);
}

TEST(monitor, lets_others_get_by_a_task_that_spins)
{
    run(watched("steal", 1, "5ms"), get_by_one_that_spins, -1);
    run(watched("fifo", 1, "5ms"), get_by_one_that_spins, -1);
}

/* --- what is said --------------------------------------------------------- */

static int new_file(void)
{
    int fd = memfd_create("told", MFD_CLOEXEC);

    CHECK(fd >= 0);
    return fd;
}

static void check_told(int fd, const char *const *parts)
{
    char text[8192];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);

    CHECK(n >= 0);
    text[n] = '\0';
    for (; *parts != NULL; parts++)
        CHECK_FMT(strstr(text, *parts) != NULL, "\"%s\" is not in \"%s\"",
                  *parts, text);
    close(fd);
}

/* Standard error is a file meanwhile. */
static void run_and_keep(moirai_fn *body, const char *const *parts,
                         const char *const *dumped)
{
    int before = dup(STDERR_FILENO);
    int told = new_file();
    int dump = new_file();

    fflush(stderr);
    CHECK(dup2(told, STDERR_FILENO) >= 0);
    run(watched("steal", 1, "5ms"), body, dump);
    CHECK(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    check_told(told, parts);
    check_told(dump, dumped);
}

TEST(monitor, names_the_task_and_the_call_it_is_blocked_in)
{
    static const char *const parts[] = {
        "worker 0 is stuck: task ", "(read_pipe)", "test_monitor.c:",
        " has been blocked in ", "read", "another worker stands in", NULL,
    };
    static const char *const dumped[] = {
        "worker 0: blocked by one task for ", "worker 1: ", NULL,
    };

    if (access("/proc/self/syscall", R_OK) != 0)
        SKIP("the system does not say what threads wait in");
    run_and_keep(get_by_one_that_reads, parts, dumped);
}

TEST(monitor, names_the_task_that_computes)
{
    static const char *const parts[] = {
        "worker 0 is stuck: task ", "(spin)", "test_monitor.c:",
        " has been computing for ", NULL,
    };
    static const char *const dumped[] = {
        "worker 0: busy with one task for ", NULL,
    };

    run_and_keep(get_by_one_that_spins, parts, dumped);
}

/* --- while all sleep ------------------------------------------------------ */

TEST(monitor, sleeps_while_all_others_do)
{
    struct moirai_runtime *rt = watched("steal", 2, "2ms");

    for (int i = 0; i < 3; i++) {
        struct stuck stuck = { .ran = 0 };

        CHECK_EQ(moirai_run(rt, count, &stuck), 0);
        while (mo_load(&rt->monitor.asleep) == 0)
            usleep(1000);
        usleep(20000);
        CHECK_EQ(mo_load(&rt->monitor.asleep), 1);
    }
    with_end(rt);
}

/* --- under load ----------------------------------------------------------- */

struct chance {
    struct moirai_mutex *mutex;
    int *ran;
    unsigned seed;
};

static int now_and_then(void *arg)
{
    struct chance *chance = arg;
    unsigned seed = chance->seed;

    for (int i = 0; i < 10; i++) {
        seed = seed * 1103515245 + 12345;
        switch (seed >> 16 & 31) {
        case 0:
            usleep(3000);           /* the worker, not the task */
            break;
        case 1:
            moirai_sleep_until(moirai_after(MOIRAI_MS));
            break;
        default:
            CHECK_EQ(moirai_mutex_lock(chance->mutex, MOIRAI_NEVER), 0);
            moirai_yield();
            moirai_mutex_unlock(chance->mutex);
        }
    }
    with_add(chance->ran, 1);
    return 0;
}

static int many(void *arg)
{
    struct moirai_mutex mutex = MOIRAI_MUTEX_INIT;
    struct chance chances[200];
    struct moirai_scope scope;
    int ran = 0;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (unsigned i = 0; i < 200; i++) {
        chances[i] = (struct chance){ &mutex, &ran, i };
        CHECK_EQ(moirai_spawn(&scope, now_and_then, &chances[i]), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(ran, 200);
    return 0;
}

TEST(monitor, loses_nothing_of_what_comes_and_goes)
{
    CHECK_EQ(setenv("MOIRAI_LOG", "error", 1), 0);
    for (unsigned workers = 1; workers <= 4; workers *= 2) {
        struct moirai_runtime *rt = watched("steal", workers, "1ms");

        CHECK_EQ(moirai_run(rt, many, NULL), 0);
        with_end(rt);
    }
}

/* --- what the system lets the process have -------------------------------- */

static int wait_for_workers(void *arg)
{
    struct moirai_stats stats = { .size = sizeof stats };

    do {
        CHECK_EQ(moirai_yield(), 0);
        CHECK_EQ(moirai_stats_read(moirai_runtime_self(), &stats), 0);
    } while (stats.workers != *(const uint32_t *)arg);
    return 0;
}

/* The mask of the thread that looks stands for that of the process. */
TEST(monitor, follows_the_processors_of_the_process)
{
    static const char *const set[] = { "runtime.stuck=2ms", NULL };
    uint32_t all = mo_topo_workers(), one = 1;
    struct moirai_runtime *rt;
    cpu_set_t before, less;
    int first = 0;

    if (all < 2 || getenv("MOIRAI_WORKERS") != NULL)
        SKIP("it has one, or is told how many workers");
    CHECK_EQ(sched_getaffinity(0, sizeof before, &before), 0);
    while (!CPU_ISSET(first, &before))
        first++;
    CPU_ZERO(&less);
    CPU_SET(first, &less);
    rt = with_settings(set);
    mo_store(&rt->monitor.every_ns, MOIRAI_MS);
    while (mo_load(&rt->monitor.thread.id) == 0)
        sched_yield();
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(sched_setaffinity(rt->monitor.thread.id, sizeof less, &less),
                 0);
        CHECK_EQ(moirai_run(rt, wait_for_workers, &one), 0);
        CHECK_EQ(sched_setaffinity(rt->monitor.thread.id, sizeof before,
                                   &before), 0);
        CHECK_EQ(moirai_run(rt, wait_for_workers, &all), 0);
    }
    with_end(rt);
}
