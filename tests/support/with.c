/* SPDX-License-Identifier: MIT */
/*
 * with.c - starting and stopping the runtimes that tests run on.
 */
#include "with.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

#ifdef MO_SANITIZE_THREAD
#define TOOLS 1                     /* it starts a thread with our first */
#else
#define TOOLS 0
#endif

static unsigned threads_before;     /* the runner has some of its own */

struct moirai_runtime *with_settings(const char *const *set)
{
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_runtime *runtime = NULL;
    struct moirai_error err = { .code = 0 };
    int rc;

    if (threads_before == 0)
        threads_before = with_threads() + TOOLS;
    rc = moirai_start(&runtime, &config, &err);
    CHECK_FMT(rc == 0, "moirai_start: %d: %s", rc, err.text);
    return runtime;
}

struct moirai_runtime *with_workers(unsigned workers)
{
    char text[40];
    const char *set[] = { text, NULL };

    if (workers == 0)
        set[0] = NULL;
    snprintf(text, sizeof text, "runtime.workers=%u", workers);
    return with_settings(set);
}

struct moirai_runtime *with_seed(unsigned long seed)
{
    char text[40];
    const char *const set[] = { "scheduler.plugin=sim", "runtime.workers=2",
                                text, NULL };

    snprintf(text, sizeof text, "scheduler.seed=%lu", seed);
    return with_settings(set);
}

void with_end(struct moirai_runtime *runtime)
{
    CHECK_EQ(moirai_stop(runtime, MOIRAI_NEVER, NULL), 0);
}

char *with_trace(struct moirai_runtime *runtime)
{
    FILE *file = tmpfile();
    char *text;
    long size;

    CHECK(file != NULL);
    moirai_trace_dump(runtime, fileno(file));
    with_end(runtime);
    size = lseek(fileno(file), 0, SEEK_END);
    text = calloc(1, (size_t)size + 1);
    CHECK(text != NULL);
    CHECK_EQ(pread(fileno(file), text, (size_t)size, 0), size);
    fclose(file);
    return text;
}

void with_one(unsigned workers, moirai_fn *body, void *arg)
{
    struct moirai_runtime *runtime = with_workers(workers);

    CHECK_EQ(moirai_run(runtime, body, arg), 0);
    with_end(runtime);
}

void with_as(const char *const *set, moirai_fn *body, void *arg)
{
    struct moirai_runtime *runtime = with_settings(set);

    CHECK_EQ(moirai_run(runtime, body, arg), 0);
    with_end(runtime);
}

void with_each(moirai_fn *body, void *arg)
{
    static const char *const fifo[] = { "scheduler.plugin=fifo",
                                        "runtime.workers=2", NULL };
    static const char *const prio[] = { "scheduler.plugin=prio",
                                        "runtime.workers=2", NULL };
    static const char *const numa[] = { "scheduler.plugin=numa",
                                        "runtime.topology=numa:2 core:1 pu:1",
                                        "runtime.workers=2", NULL };

    for (unsigned workers = 1; workers <= 8; workers *= 2)
        with_one(workers, body, arg);
    with_as(fifo, body, arg);
    with_as(prio, body, arg);
    with_as(numa, body, arg);
}

void with_seeds(unsigned long seeds, moirai_fn *body, void *arg)
{
    const char *most = getenv("MO_TEST_SEEDS");
    unsigned long n = with_times((unsigned)seeds);

    if (most != NULL && strtoul(most, NULL, 10) < n)
        n = strtoul(most, NULL, 10);
    for (unsigned long seed = 1; seed <= n; seed++) {
        struct moirai_runtime *runtime = with_seed(seed);
        int rc = moirai_run(runtime, body, arg);

        CHECK_FMT(rc == 0, "scheduler.seed=%lu: the body returned %d", seed,
                  rc);
        with_end(runtime);
    }
}

unsigned with_times(unsigned times)
{
    if (getenv("MO_TEST_BRIEF") != NULL && times >= 10)
        times /= 10;
#if defined(MO_SANITIZE_THREAD)
    return times < 20 ? times : times / 20;
#elif defined(MO_SANITIZE_ADDRESS)
    return times < 5 ? times : times / 5;
#else
    return times;
#endif
}

unsigned with_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned n = 0;

    CHECK(tasks != NULL);
    for (struct dirent *at = readdir(tasks); at != NULL; at = readdir(tasks))
        n += at->d_name[0] != '.';
    closedir(tasks);
    return n;
}

void with_alone(void)
{
    while (with_threads() > threads_before)
        sched_yield();
}

void with_wait(const int *flag)
{
    while (with_get(flag) == 0)
        if (moirai_yield() != 0)
            sched_yield();          /* cancelled tasks still get here */
}
