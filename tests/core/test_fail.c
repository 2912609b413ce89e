/* SPDX-License-Identifier: MIT */
/*
 * test_fail.c - a task that fails ends alone: its handlers have run, its locks
 * have passed on, its forks and scopes are over, its scope knows, and everybody
 * else goes on.
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "with.h"

#define LOG 16

struct story {                      /* what happened, in order */
    struct moirai_mutex mutex;
    int n;
    char log[LOG];
    int others;
    int go;
};

static void tell(struct story *s, char what)
{
    int at = with_add(&s->n, 1) - 1;

    if (at < LOG - 1)
        s->log[at] = what;
}

/* Runs `body` in a scope of its own, which must end with `code`. */
static void fails_with(moirai_fn *body, struct story *s, int code)
{
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, body, s), 0);
    CHECK_EQ(moirai_scope_end(&scope), code);
}

/* --- handlers ------------------------------------------------------------ */

static void tell_a(void *arg)
{
    tell(arg, 'a');
}

static void tell_b(void *arg)
{
    tell(arg, 'b');
}

static void tell_c_late(void *arg)
{
    moirai_yield();
    moirai_sleep_until(moirai_after(100 * MOIRAI_US));
    tell(arg, 'c');
}

static int fail_in_the_middle(void *arg)
{
    struct moirai_cleanup a, b, c, popped, run;

    moirai_cleanup_push(&a, tell_a, arg);
    moirai_cleanup_push(&popped, tell_b, arg);
    moirai_cleanup_pop(&popped, false);
    moirai_cleanup_push(&run, tell_b, arg);
    moirai_cleanup_pop(&run, true);
    moirai_cleanup_push(&b, tell_b, arg);
    moirai_cleanup_push(&c, tell_c_late, arg);
    moirai_fail(-EIO, NULL);
}

static int handlers(void *arg)
{
    struct story s = { .n = 0 };

    (void)arg;
    fails_with(fail_in_the_middle, &s, -EIO);
    CHECK_STR(s.log, "bcba");
    return 0;
}

TEST(fail, runs_the_handlers_newest_first_and_lets_them_wait)
{
    with_each(handlers, NULL);
    with_seeds(1000, handlers, NULL);
}

static int return_with_handler(void *arg)
{
    struct moirai_cleanup a;

    moirai_cleanup_push(&a, tell_a, arg);
    moirai_yield();
    moirai_cleanup_pop(&a, false);
    return 0;
}

static int no_failure(void *arg)
{
    struct story s = { .n = 0 };

    (void)arg;
    fails_with(return_with_handler, &s, 0);
    CHECK_STR(s.log, "");
    return 0;
}

TEST(fail, runs_no_handler_of_a_task_that_returns)
{
    with_each(no_failure, NULL);
}

static void fail_again(void *arg)
{
    tell(arg, 'f');
    moirai_fail(-EPIPE, "the handler failed");
}

static int fail_twice(void *arg)
{
    struct moirai_cleanup a, f;

    moirai_cleanup_push(&a, tell_a, arg);
    moirai_cleanup_push(&f, fail_again, arg);
    moirai_fail(-EIO, "the task failed");
}

static int failing_handler(void *arg)
{
    struct story s = { .n = 0 };

    (void)arg;
    fails_with(fail_twice, &s, -EPIPE);
    CHECK_STR(s.log, "fa");
    return 0;
}

TEST(fail, may_happen_in_a_handler_and_the_others_still_run)
{
    with_each(failing_handler, NULL);
}

/* --- codes --------------------------------------------------------------- */

static int fail_with_code(void *arg)
{
    moirai_fail(*(int *)arg, NULL);
}

TEST(fail, gives_its_code_to_whoever_ran_or_joins_it)
{
    struct moirai_runtime *rt = with_workers(2);
    struct moirai_handle *handle;
    int codes[] = { -EIO, ENOENT, 0 };
    int result = 0;

    CHECK_EQ(moirai_run(rt, fail_with_code, &codes[0]), -EIO);
    CHECK_EQ(moirai_run(rt, fail_with_code, &codes[1]), -ENOENT);
    CHECK_EQ(moirai_run(rt, fail_with_code, &codes[2]), -ECANCELED);
    CHECK_EQ(moirai_spawn_with(moirai_runtime_scope(rt), fail_with_code,
                               &codes[0], NULL, &handle), 0);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, -EIO);
    moirai_handle_put(handle);
    with_end(rt);
}

TEST(fail, is_counted)
{
    struct moirai_runtime *rt = with_workers(2);
    struct moirai_stats stats = { .size = sizeof stats };
    int code = -EIO;

    for (int i = 0; i < 7; i++)
        CHECK_EQ(moirai_run(rt, fail_with_code, &code), -EIO);
    CHECK_EQ(moirai_stats_read(rt, &stats), 0);
    CHECK_EQ(stats.failed, 7);
    with_end(rt);
}

/* --- the others ---------------------------------------------------------- */

static int live_on(void *arg)
{
    struct story *s = arg;

    with_wait(&s->go);
    with_add(&s->others, 1);
    return 0;
}

static int fail_at_once(void *arg)
{
    (void)arg;
    moirai_fail(-EIO, NULL);
}

static int fail_after_a_wait(void *arg)
{
    (void)arg;
    moirai_yield();
    moirai_fail(-EIO, NULL);
}

static int others(void *arg)
{
    struct story s = { .n = 0 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 20; i++)
        CHECK_EQ(moirai_spawn(&scope, live_on, &s), 0);
    for (int i = 0; i < 20; i++) {
        fails_with(fail_at_once, &s, -EIO);
        fails_with(fail_after_a_wait, &s, -EIO);
    }
    with_set(&s.go, 1);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(s.others, 20);
    return 0;
}

TEST(fail, leaves_others_alive)
{
    with_each(others, NULL);
    with_seeds(1000, others, NULL);
}

/* --- locks --------------------------------------------------------------- */

static int fail_with_lock(void *arg)
{
    struct story *s = arg;

    CHECK_EQ(moirai_mutex_lock(&s->mutex, MOIRAI_NEVER), 0);
    with_set(&s->go, 1);
    moirai_yield();
    moirai_fail(-EIO, NULL);
}

static int take_lock_of_the_dead(void *arg)
{
    struct story *s = arg;

    with_wait(&s->go);
    CHECK_EQ(moirai_mutex_lock(&s->mutex, MOIRAI_NEVER), -EOWNERDEAD);
    CHECK_EQ(moirai_mutex_unlock(&s->mutex), 0);
    CHECK_EQ(moirai_mutex_lock(&s->mutex, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_mutex_unlock(&s->mutex), 0);
    return 0;
}

static int locks(void *arg)
{
    struct story s = { .n = 0 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, take_lock_of_the_dead, &s), 0);
    fails_with(fail_with_lock, &s, -EIO);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

TEST(fail, passes_its_locks_on_and_says_that_their_owner_died)
{
    with_each(locks, NULL);
    with_seeds(1000, locks, NULL);
}

/* --- forks --------------------------------------------------------------- */

static int say_and_wait(void *arg)
{
    struct story *s = arg;

    with_set(&s->go, 1);
    moirai_sleep_until(moirai_after(200 * MOIRAI_US));
    tell(s, 'w');
    return 0;
}

/* The forks use this frame: it must last until the stolen ones have ended. */
static int fail_with_forks(void *arg)
{
    struct story *s = arg;
    struct story own = { .n = 0 };
    struct moirai_frame forks[3];
    struct moirai_cleanup cleanup;

    moirai_cleanup_push(&cleanup, tell_a, s);
    for (int i = 0; i < 3; i++)
        moirai_fork(&forks[i], say_and_wait, &own);
    if (s->others)
        moirai_yield();             /* now they are tasks */
    moirai_fail(-EIO, NULL);
}

static int forks(void *arg)
{
    struct story s = { .n = 0 };

    (void)arg;
    for (s.others = 0; s.others < 2; s.others++) {
        for (unsigned i = 0; i < with_times(50); i++) {
            s.n = 0;
            fails_with(fail_with_forks, &s, -EIO);
            CHECK_EQ(s.n, 1);
        }
    }
    return 0;
}

TEST(fail, waits_for_the_forks_that_somebody_has)
{
    with_each(forks, NULL);
    with_seeds(1000, forks, NULL);
}

static int fail_in_inline_fork(void *arg)
{
    struct story *s = arg;
    struct moirai_cleanup cleanup;
    struct moirai_frame fork;
    int code = -EBADF;

    moirai_cleanup_push(&cleanup, tell_a, s);
    moirai_fork(&fork, fail_with_code, &code);
    moirai_join(&fork);
    tell(s, 'x');                   /* not reached, wherever the fork ran */
    moirai_cleanup_pop(&cleanup, false);
    return 0;
}

static int inline_fork(void *arg)
{
    struct story s = { .n = 0 };

    (void)arg;
    fails_with(fail_in_inline_fork, &s, -EBADF);
    CHECK_STR(s.log, "a");
    return 0;
}

TEST(fail, of_a_fork_run_inline_takes_the_parent_with_it)
{
    with_each(inline_fork, NULL);
    with_seeds(1000, inline_fork, NULL);
}

static int fail_when_elsewhere(void *arg)
{
    struct story *s = arg;

    with_set(&s->go, 1);
    moirai_yield();
    moirai_fail(-EBADF, "the fork");
}

static int fail_in_stolen_fork(void *arg)
{
    struct story *s = arg;
    struct moirai_cleanup cleanup;
    struct moirai_frame fork;

    moirai_cleanup_push(&cleanup, tell_a, s);
    moirai_fork(&fork, fail_when_elsewhere, s);
    with_wait(&s->go);              /* yields, so it becomes a task */
    moirai_join(&fork);
    tell(s, 'x');
    moirai_cleanup_pop(&cleanup, false);
    return 0;
}

static int stolen_fork(void *arg)
{
    struct story s = { .n = 0 };

    (void)arg;
    fails_with(fail_in_stolen_fork, &s, -EBADF);
    CHECK_STR(s.log, "a");
    return 0;
}

TEST(fail, of_a_stolen_fork_fails_whoever_joins_it)
{
    with_each(stolen_fork, NULL);
    with_seeds(1000, stolen_fork, NULL);
}

/* --- scopes -------------------------------------------------------------- */

static int use_callers_memory(void *arg)
{
    struct story *own = arg;

    moirai_sleep_until(MOIRAI_NEVER);
    moirai_yield();
    tell(own, 'w');
    return 0;
}

/* The scopes and what their tasks use are in this frame. */
static int fail_with_open_scopes(void *arg)
{
    struct story own = { .n = 0 };
    struct moirai_scope outer, inner;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&outer, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&inner, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(moirai_spawn(&outer, use_callers_memory, &own), 0);
        CHECK_EQ(moirai_spawn(&inner, use_callers_memory, &own), 0);
    }
    moirai_yield();
    moirai_fail(-EIO, NULL);
}

static int overwrite_stacks(void *arg)
{
    volatile char deep[4096];

    (void)arg;
    memset((char *)deep, 0xa5, sizeof deep);
    moirai_yield();
    return 0;
}

static int open_scopes(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    for (unsigned i = 0; i < 10; i++) {
        fails_with(fail_with_open_scopes, NULL, -EIO);
        CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
        for (int j = 0; j < 10; j++)
            CHECK_EQ(moirai_spawn(&scope, overwrite_stacks, NULL), 0);
        CHECK_EQ(moirai_scope_end(&scope), 0);
    }
    return 0;
}

TEST(fail, ends_the_scopes_that_the_task_has_open)
{
    with_each(open_scopes, NULL);
    with_seeds(1000, open_scopes, NULL);
}
