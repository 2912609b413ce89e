/* SPDX-License-Identifier: MIT */
/*
 * test_local.c - a task's own values: nobody else's, kept across waits, and
 * dropped when it ends.
 */
#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "with.h"

static int dropped;

static void drop_number(void *value)
{
    free(value);
    with_add(&dropped, 1);
}

static struct moirai_local number = { drop_number, 0 };
static struct moirai_local plain = { NULL, 0 };

static int *boxed(int n)
{
    int *box = malloc(sizeof *box);

    CHECK(box != NULL);
    *box = n;
    return box;
}

static int keep_number(void *arg)
{
    int mine = *(int *)arg;

    CHECK(moirai_local_get(&number) == NULL);
    CHECK_EQ(moirai_local_set(&number, boxed(mine)), 0);
    CHECK_EQ(moirai_local_set(&plain, arg), 0);
    for (int i = 0; i < 10; i++) {
        moirai_yield();
        CHECK_EQ(*(int *)moirai_local_get(&number), mine);
        CHECK(moirai_local_get(&plain) == arg);
    }
    return 0;
}

static int many_tasks(void *arg)
{
    static int numbers[100];
    struct moirai_scope scope;

    (void)arg;
    dropped = 0;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 100; i++) {
        numbers[i] = i;
        CHECK_EQ(moirai_spawn(&scope, keep_number, &numbers[i]), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(dropped, 100);
    return 0;
}

TEST(local, each_task_has_its_own_value_and_it_is_dropped_at_the_end)
{
    with_each(many_tasks, NULL);
    with_seeds(50, many_tasks, NULL);
}

static int set_without_waiting(void *arg)
{
    CHECK(moirai_local_get(&number) == NULL);
    CHECK_EQ(moirai_local_set(&number, boxed(1)), 0);
    return *(int *)arg;
}

static int set_and_fail(void *arg)
{
    CHECK_EQ(moirai_local_set(&number, boxed(*(int *)arg)), 0);
    moirai_fail(-EIO, NULL);
}

TEST(local, is_dropped_also_when_the_task_never_waited_or_failed)
{
    struct moirai_runtime *rt = with_workers(1);
    int code = 3;

    CHECK_EQ(moirai_run(rt, set_without_waiting, &code), 3);
    CHECK_EQ(moirai_run(rt, set_without_waiting, &code), 3);
    CHECK_EQ(moirai_run(rt, set_and_fail, &code), -EIO);
    CHECK_EQ(moirai_run(rt, set_without_waiting, &code), 3);
    CHECK_EQ(dropped, 4);
    with_end(rt);
}

/* --- destructors --------------------------------------------------------- */

static void wait_and_drop(void *value)
{
    moirai_yield();
    moirai_sleep_until(moirai_after(100 * MOIRAI_US));
    drop_number(value);
}

static struct moirai_local slow = { wait_and_drop, 0 };

static int set_slow(void *arg)
{
    CHECK_EQ(moirai_local_set(&slow, boxed(1)), 0);
    CHECK_EQ(moirai_local_set(&number, boxed(2)), 0);
    if (arg != NULL)
        moirai_yield();
    return 0;
}

static int waits_in_drop(void *arg)
{
    struct moirai_scope scope;

    dropped = 0;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 20; i++)
        CHECK_EQ(moirai_spawn(&scope, set_slow, i % 2 ? arg : NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(dropped, 40);
    return 0;
}

TEST(local, destructors_may_wait)
{
    int anything = 0;

    with_each(waits_in_drop, &anything);
    with_seeds(50, waits_in_drop, &anything);
}

static struct moirai_local twice;

static void set_once_more(void *value)
{
    int n = *(int *)value;

    drop_number(value);
    if (n > 0)
        CHECK_EQ(moirai_local_set(&twice, boxed(n - 1)), 0);
}

static int set_twice(void *arg)
{
    return moirai_local_set(&twice, boxed(*(int *)arg));
}

TEST(local, destructors_may_set_values_again)
{
    struct moirai_runtime *rt = with_workers(1);
    int again = 2;

    twice.drop = set_once_more;
    CHECK_EQ(moirai_run(rt, set_twice, &again), 0);
    CHECK_EQ(dropped, 3);
    with_end(rt);
}

/* --- forks --------------------------------------------------------------- */

static int see_and_set(void *arg)
{
    (void)arg;
    CHECK(moirai_local_get(&plain) != NULL);
    return moirai_local_set(&plain, &dropped);
}

static int fork_inline(void *arg)
{
    struct moirai_frame fork;

    CHECK_EQ(moirai_local_set(&plain, arg), 0);
    moirai_fork(&fork, see_and_set, NULL);
    CHECK_EQ(moirai_join(&fork), 0);
    CHECK(moirai_local_get(&plain) == &dropped);
    return 0;
}

TEST(local, a_fork_run_inline_shares_its_parents_values)
{
    int anything = 0;

    with_one(1, fork_inline, &anything);
}

/* --- limits -------------------------------------------------------------- */

static int set_too_many(void *arg)
{
    static struct moirai_local locals[70];
    int rc = 0, n = 0;

    for (; n < 70 && rc == 0; n++)
        rc = moirai_local_set(&locals[n], arg);
    CHECK_EQ(rc, -ENOSPC);
    CHECK_EQ(n, 65);
    for (int i = 0; i < 64; i++)
        CHECK(moirai_local_get(&locals[i]) == arg);
    CHECK(moirai_local_get(&locals[64]) == NULL);
    return 0;
}

TEST(local, there_are_64_in_a_program)
{
    int anything = 0;

    with_one(1, set_too_many, &anything);
}

TEST(local, plain_threads_have_none)
{
    int anything = 0;

    CHECK_EQ(moirai_local_set(&number, &anything), -EPERM);
    CHECK(moirai_local_get(&number) == NULL);
}
