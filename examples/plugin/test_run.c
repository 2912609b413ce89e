/* SPDX-License-Identifier: MIT */
/*
 * test_run.c - the scheduler under the real runtime: an order that can be
 * seen, and many tasks on many workers.
 */
#include <moirai/moirai.h>

#include <err.h>
#include <stdatomic.h>
#include <stdio.h>

#define SPAWNED 20000

static int order[3];
static int ran;
static atomic_int done;

static int note(void *arg)
{
    order[ran++] = (int)(intptr_t)arg;
    return 0;
}

static int count(void *arg)
{
    (void)arg;
    atomic_fetch_add(&done, 1);
    return 0;
}

/* On one worker nothing that it spawns runs before it ends. */
static int spawn_three(void *arg)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;

    (void)arg;
    for (intptr_t i = 0; i < 3; i++) {
        attr.priority = (uint32_t)(50 + i * 50);
        if (moirai_spawn_with(NULL, note, (void *)i, &attr, NULL) != 0)
            return -1;
    }
    return 0;
}

static int spawn_many(void *arg)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;

    (void)arg;
    for (int i = 0; i < SPAWNED; i++) {
        attr.priority = (uint32_t)(1 + i % 255);
        if (moirai_spawn_with(NULL, count, NULL, &attr, NULL) != 0)
            return -1;
    }
    return 0;
}

static int fib(void *arg)
{
    int *n = arg;
    int other = *n - 2;
    struct moirai_frame frame;

    if (*n < 2)
        return 0;
    *n -= 1;
    moirai_fork(&frame, fib, &other);
    fib(n);
    moirai_join(&frame);
    *n += other;
    return 0;
}

static void run(const char *const *set, moirai_fn *fn, void *arg)
{
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_runtime *runtime;
    struct moirai_error error;

    if (moirai_start(&runtime, &config, &error) != 0)
        errx(1, "%s", error.text);
    if (moirai_run(runtime, fn, arg) != 0)
        errx(1, "a task failed");
    if (moirai_stop(runtime, MOIRAI_NEVER, NULL) != 0)
        errx(1, "the runtime does not stop");
}

int main(void)
{
    static const char *const one[] = {
        "scheduler.plugin=bands", "scheduler.patience=never",
        "runtime.workers=1", NULL,
    };
    static const char *const shared[] = {
        "scheduler.plugin=bands", "runtime.workers=4", NULL,
    };
    static const char *const each[] = {
        "scheduler.plugin=bands", "scheduler.queues=each",
        "runtime.workers=4", NULL,
    };
    int n = 18;

    run(one, spawn_three, NULL);
    if (ran != 3 || order[0] != 2 || order[1] != 1 || order[2] != 0)
        errx(1, "order %d %d %d", order[0], order[1], order[2]);
    run(shared, spawn_many, NULL);
    run(each, spawn_many, NULL);
    if (done != 2 * SPAWNED)
        errx(1, "%d tasks ran", done);
    run(each, fib, &n);
    if (n != 2584)
        errx(1, "fib(18) is %d", n);
    return 0;
}
