/* SPDX-License-Identifier: MIT */
/*
 * test_handle.c - joining one task, by many and within deadlines; cancelling
 * it before it starts, while it waits, and when it is over.
 */
#include <errno.h>

#include "check.h"
#include "with.h"

static int return_it(void *arg)
{
    return *(int *)arg;
}

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return moirai_sleep_until(MOIRAI_NEVER);
}

static int wait_and_return(void *arg)
{
    int *go = arg;

    with_wait(go);
    return 42;
}

/* --- join ---------------------------------------------------------------- */

struct joined {
    struct moirai_handle *handle;
    int go;
    int joiners;
};

static int join_it(void *arg)
{
    struct joined *j = arg;
    int result = 0;

    CHECK_EQ(moirai_handle_join(j->handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, 42);
    with_add(&j->joiners, 1);
    return 0;
}

static int several_joiners(void *arg)
{
    struct joined j = { .go = 0 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn_with(&scope, wait_and_return, &j.go, NULL,
                               &j.handle), 0);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(moirai_spawn(&scope, join_it, &j), 0);
    moirai_yield();
    with_set(&j.go, 1);
    CHECK_EQ(join_it(&j), 0);
    CHECK_EQ(join_it(&j), 0);       /* again, when it has long ended */
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(j.joiners, 12);
    CHECK_EQ(moirai_handle_join(j.handle, MOIRAI_NOW, NULL), 0);
    moirai_handle_put(j.handle);
    return 0;
}

TEST(handle, is_joined_by_several_and_again)
{
    with_each(several_joiners, NULL);
    with_seeds(1000, several_joiners, NULL);
}

static int join_deadlines(void *arg)
{
    struct moirai_handle *handle;
    int go = 0, result = 7;
    int64_t until;

    (void)arg;
    CHECK_EQ(moirai_spawn_with(NULL, wait_and_return, &go, NULL, &handle), 0);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NOW, &result), -EAGAIN);
    CHECK_EQ(moirai_handle_join(handle, 1, &result), -ETIMEDOUT);
    until = moirai_after(2 * MOIRAI_MS);
    CHECK_EQ(moirai_handle_join(handle, until, &result), -ETIMEDOUT);
    CHECK(moirai_now() >= until);
    CHECK_EQ(result, 7);
    with_set(&go, 1);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, 42);
    moirai_handle_put(handle);
    return 0;
}

TEST(handle, join_keeps_its_deadline)
{
    with_each(join_deadlines, NULL);
    with_seeds(10, join_deadlines, NULL);
}

TEST(handle, join_of_a_plain_thread_keeps_its_deadline)
{
    struct moirai_runtime *rt = with_workers(2);
    struct moirai_handle *handle;
    int go = 0, result = 7;

    CHECK_EQ(moirai_spawn_with(moirai_runtime_scope(rt), wait_and_return, &go,
                               NULL, &handle), 0);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NOW, &result), -EAGAIN);
    CHECK_EQ(moirai_handle_join(handle, 1, &result), -ETIMEDOUT);
    CHECK_EQ(moirai_handle_join(handle, moirai_after(2 * MOIRAI_MS), &result),
             -ETIMEDOUT);
    with_set(&go, 1);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, 42);
    moirai_handle_put(handle);
    with_end(rt);
}

static int join_itself(void *arg)
{
    struct joined *j = arg;

    with_wait(&j->go);
    CHECK_EQ(moirai_handle_join(j->handle, MOIRAI_NEVER, NULL), -EDEADLK);
    return 3;
}

static int self_join(void *arg)
{
    struct joined j = { .go = 0 };
    int result = 0;

    (void)arg;
    CHECK_EQ(moirai_spawn_with(NULL, join_itself, &j, NULL, &j.handle), 0);
    with_set(&j.go, 1);
    CHECK_EQ(moirai_handle_join(j.handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, 3);
    moirai_handle_put(j.handle);
    return 0;
}

TEST(handle, join_of_oneself_is_a_deadlock)
{
    with_each(self_join, NULL);
}

/* --- cancel -------------------------------------------------------------- */

static int cancel_late(void *arg)
{
    struct moirai_handle *handle;
    int result = 0;

    (void)arg;
    CHECK_EQ(moirai_spawn_with(NULL, sleep_for_ever, NULL, NULL, &handle), 0);
    for (int i = 0; i < 10; i++)
        moirai_yield();
    moirai_handle_cancel(handle);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, -ECANCELED);
    moirai_handle_cancel(handle);
    moirai_handle_put(handle);
    return 0;
}

static int cancel_early(void *arg)
{
    struct moirai_handle *handle;
    int result = 0;

    (void)arg;
    CHECK_EQ(moirai_spawn_with(NULL, sleep_for_ever, NULL, NULL, &handle), 0);
    moirai_handle_cancel(handle);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, -ECANCELED);
    moirai_handle_put(handle);
    return 0;
}

static int cancel_over(void *arg)
{
    struct moirai_handle *handle;
    int value = 5, result = 0;

    (void)arg;
    CHECK_EQ(moirai_spawn_with(NULL, return_it, &value, NULL, &handle), 0);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
    moirai_handle_cancel(handle);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, 5);
    moirai_handle_put(handle);
    return 0;
}

TEST(handle, cancel_ends_a_wait)
{
    with_each(cancel_late, NULL);
    with_seeds(1000, cancel_late, NULL);
}

TEST(handle, cancel_before_the_start_ends_the_first_wait)
{
    with_each(cancel_early, NULL);
    with_seeds(1000, cancel_early, NULL);
}

TEST(handle, cancel_of_what_is_over_changes_nothing)
{
    with_each(cancel_over, NULL);
}

/* A cancelled task is not its scope: the others go on. */
static int cancel_one_of_two(void *arg)
{
    struct moirai_scope scope;
    struct moirai_handle *one, *two;
    int go = 0, result = 0;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn_with(&scope, sleep_for_ever, NULL, NULL, &one), 0);
    CHECK_EQ(moirai_spawn_with(&scope, wait_and_return, &go, NULL, &two), 0);
    moirai_handle_cancel(one);
    CHECK_EQ(moirai_handle_join(one, MOIRAI_NEVER, &result), 0);
    with_set(&go, 1);
    CHECK_EQ(moirai_handle_join(two, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, 42);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    moirai_handle_put(one);
    moirai_handle_put(two);
    return 0;
}

TEST(handle, cancel_leaves_the_scope_alone)
{
    with_each(cancel_one_of_two, NULL);
    with_seeds(1000, cancel_one_of_two, NULL);
}

static int open_a_scope(void *arg)
{
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, sleep_for_ever, NULL), 0);
    with_set((int *)arg, 1);
    return moirai_scope_end(&scope);
}

static int cancel_owner(void *arg)
{
    struct moirai_handle *handle;
    int opened = 0, result = 0;

    (void)arg;
    CHECK_EQ(moirai_spawn_with(NULL, open_a_scope, &opened, NULL, &handle),
             0);
    with_wait(&opened);
    moirai_handle_cancel(handle);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, -ECANCELED);
    moirai_handle_put(handle);
    return 0;
}

TEST(handle, cancel_reaches_the_scopes_that_the_task_has_open)
{
    with_each(cancel_owner, NULL);
    with_seeds(1000, cancel_owner, NULL);
}

static int fork_a_sleeper(void *arg)
{
    struct moirai_frame fork;

    moirai_fork(&fork, sleep_for_ever, NULL);
    moirai_yield();                 /* it may be stolen, or become a task */
    with_set((int *)arg, 1);
    return moirai_join(&fork);
}

static int cancel_forker(void *arg)
{
    struct moirai_handle *handle;
    int forked = 0, result = 0;

    (void)arg;
    CHECK_EQ(moirai_spawn_with(NULL, fork_a_sleeper, &forked, NULL, &handle),
             0);
    with_wait(&forked);
    moirai_handle_cancel(handle);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, -ECANCELED);
    moirai_handle_put(handle);
    return 0;
}

TEST(handle, cancel_reaches_the_forks_of_the_task)
{
    with_each(cancel_forker, NULL);
    with_seeds(1000, cancel_forker, NULL);
}

static int is_cancelled_while_joining(void *arg)
{
    struct joined *j = arg;
    int result = 7;

    CHECK_EQ(moirai_handle_join(j->handle, MOIRAI_NEVER, &result),
             -ECANCELED);
    CHECK_EQ(result, 7);
    return 0;
}

static int cancel_joiner(void *arg)
{
    struct joined j = { .go = 0 };
    struct moirai_handle *joiner;

    (void)arg;
    CHECK_EQ(moirai_spawn_with(NULL, wait_and_return, &j.go, NULL, &j.handle),
             0);
    CHECK_EQ(moirai_spawn_with(NULL, is_cancelled_while_joining, &j, NULL,
                               &joiner), 0);
    moirai_yield();
    moirai_handle_cancel(joiner);
    CHECK_EQ(moirai_handle_join(joiner, MOIRAI_NEVER, NULL), 0);
    with_set(&j.go, 1);
    CHECK_EQ(moirai_handle_join(j.handle, MOIRAI_NEVER, NULL), 0);
    moirai_handle_put(joiner);
    moirai_handle_put(j.handle);
    return 0;
}

TEST(handle, cancel_of_a_joiner_leaves_the_joined_one_alone)
{
    with_each(cancel_joiner, NULL);
    with_seeds(1000, cancel_joiner, NULL);
}

/* --- put ----------------------------------------------------------------- */

static int put_early(void *arg)
{
    struct moirai_scope scope;
    int go = 0;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 100; i++) {
        struct moirai_handle *handle;

        CHECK_EQ(moirai_spawn_with(&scope, wait_and_return, &go, NULL,
                                   &handle), 0);
        moirai_handle_put(handle);
    }
    moirai_handle_put(NULL);
    with_set(&go, 1);
    return moirai_scope_end(&scope);
}

TEST(handle, put_early_leaves_the_task_running)
{
    with_each(put_early, NULL);
    with_seeds(1000, put_early, NULL);
}
