/* SPDX-License-Identifier: MIT */
/*
 * test_wait.c - every kind of wait ends when it should: by what it waits for,
 * by its deadline, by cancellation; and none of them starves another.
 */
#include <errno.h>

#include "check.h"
#include "with.h"

static int sleep_a_little(void *arg)
{
    (void)arg;
    return moirai_sleep_until(moirai_after(MOIRAI_MS));
}

/* --- who yields lets others go on ---------------------------------------- */

struct flags {
    int slept, stop, moved;
};

static int set_after_sleep(void *arg)
{
    struct flags *f = arg;
    int rc = moirai_sleep_until(moirai_after(MOIRAI_MS));

    with_set(&f->slept, 1);
    return rc;
}

static int yield_until_slept(void *arg)
{
    struct flags *f = arg;

    with_wait(&f->slept);
    return 0;
}

static int yielders_and_a_sleeper(void *arg)
{
    struct flags f = { 0, 0, 0 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, set_after_sleep, &f), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(moirai_spawn(&scope, yield_until_slept, &f), 0);
    return moirai_scope_end(&scope);
}

TEST_LONG(wait, tasks_that_yield_do_not_hold_up_a_timer, 20)
{
    with_each(yielders_and_a_sleeper, NULL);
}

static int yield_until_moved(void *arg)
{
    struct flags *f = arg;

    with_wait(&f->moved);
    return 0;
}

static int set_moved(void *arg)
{
    struct flags *f = arg;

    with_set(&f->moved, 1);
    return 0;
}

static int yielders_and_a_placed_task(void *arg)
{
    struct flags f = { 0, 0, 0 };
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_scope scope;

    (void)arg;
    attr.worker = 1;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 20; i++)
        CHECK_EQ(moirai_spawn(&scope, yield_until_moved, &f), 0);
    moirai_yield();
    CHECK_EQ(moirai_spawn_with(&scope, set_moved, &f, &attr, NULL), 0);
    return moirai_scope_end(&scope);
}

TEST_LONG(wait, tasks_that_yield_do_not_hold_up_a_placed_task, 20)
{
    with_each(yielders_and_a_placed_task, NULL);
}

/* Two tasks that hand a mutex to each other go from one to the other without
 * the loop between them. */
static int pass_mutex(void *arg)
{
    static struct moirai_mutex mutex = MOIRAI_MUTEX_INIT;
    struct flags *f = arg;

    while (with_get(&f->slept) == 0) {
        CHECK_EQ(moirai_mutex_lock(&mutex, MOIRAI_NEVER), 0);
        moirai_yield();
        CHECK_EQ(moirai_mutex_unlock(&mutex), 0);
    }
    return 0;
}

static int passers_and_a_sleeper(void *arg)
{
    struct flags f = { 0, 0, 0 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, set_after_sleep, &f), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(moirai_spawn(&scope, pass_mutex, &f), 0);
    return moirai_scope_end(&scope);
}

TEST_LONG(wait, tasks_that_pass_a_mutex_do_not_hold_up_a_timer, 20)
{
    with_each(passers_and_a_sleeper, NULL);
}

/* --- deadlines ----------------------------------------------------------- */

static int sleep_past_own_deadline(void *arg)
{
    int64_t *woke = arg;
    int64_t until = moirai_after(10 * MOIRAI_S);
    int rc = moirai_sleep_until(until);

    *woke = moirai_now();
    if (rc == 0)
        CHECK_FMT(*woke >= until, "the sleep said it was over too early");
    return rc;
}

static int task_with_a_deadline(void *arg)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_scope scope;
    int64_t woke = 0;

    (void)arg;
    attr.deadline_ns = moirai_after(2 * MOIRAI_MS);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn_with(&scope, sleep_past_own_deadline, &woke, &attr,
                               NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), -ETIMEDOUT);
    return 0;
}

TEST(wait, the_deadline_of_a_task_ends_its_sleep)
{
    with_each(task_with_a_deadline, NULL);
    with_seeds(50, task_with_a_deadline, NULL);
}

/* --- a herd of waits of every kind --------------------------------------- */

TEST(wait, a_thread_that_spawns_always_finds_a_worker_awake)
{
    struct moirai_runtime *rt = with_workers(2);

    for (unsigned i = 0; i < with_times(2000); i++)
        CHECK_EQ(moirai_run(rt, sleep_a_little, NULL) == 0 || i == 0, 1);
    with_end(rt);
}
