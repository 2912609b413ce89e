/* SPDX-License-Identifier: MIT */
/*
 * test_scope.c - a scope ends when its tasks have, tells its first error, and
 * cancelled gets all of them out of whatever they wait for.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "with.h"

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return moirai_sleep_until(MOIRAI_NEVER);
}

static int return_it(void *arg)
{
    return *(int *)arg;
}

static int add_one(void *arg)
{
    with_add((int *)arg, 1);
    return 0;
}

/* --- ends ---------------------------------------------------------------- */

static int sleep_and_add(void *arg)
{
    int rc = moirai_sleep_until(moirai_after(MOIRAI_MS));

    with_add((int *)arg, 1);
    return rc;
}

static int spawn_more(void *arg)
{
    for (int i = 0; i < 10; i++)
        CHECK_EQ(moirai_spawn(NULL, sleep_and_add, arg), 0);
    return 0;
}

static int tasks_of_tasks(void *arg)
{
    struct moirai_scope scope;
    int ended = 0;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(moirai_spawn(&scope, spawn_more, &ended), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(ended, 100);
    return 0;
}

TEST(scope, ends_after_the_tasks_that_its_tasks_spawned)
{
    with_each(tasks_of_tasks, NULL);
    with_seeds(1000, tasks_of_tasks, NULL);
}

static int empty_scopes(void *arg)
{
    struct moirai_scope scopes[3];

    (void)arg;
    for (int i = 0; i < 3; i++)
        CHECK_EQ(moirai_scope_begin(&scopes[i], NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_end(&scopes[1]), 0);
    CHECK_EQ(moirai_scope_end(&scopes[0]), 0);
    CHECK_EQ(moirai_scope_end(&scopes[2]), 0);
    return 0;
}

TEST(scope, ends_at_once_without_tasks_and_in_any_order)
{
    with_each(empty_scopes, NULL);
}

struct level {
    int depth;
    int *count;
};

static int nest(void *arg)
{
    struct level *above = arg;
    struct level level = { above->depth - 1, above->count };
    struct moirai_scope scope;

    with_add(level.count, 1);
    if (level.depth == 0)
        return 0;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, nest, &level), 0);
    CHECK_EQ(moirai_spawn(&scope, nest, &level), 0);
    return moirai_scope_end(&scope);
}

static int nested_scopes(void *arg)
{
    int count = 0;
    struct level level = { 8, &count };

    (void)arg;
    CHECK_EQ(nest(&level), 0);
    CHECK_EQ(count, 255);
    return 0;
}

TEST(scope, nests)
{
    with_each(nested_scopes, NULL);
    with_seeds(1000, nested_scopes, NULL);
}

/* --- errors -------------------------------------------------------------- */

static int first_error(void *arg)
{
    struct moirai_scope scope;
    int code = -EIO, late = -EPERM;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_error(&scope), 0);
    CHECK_EQ(moirai_spawn(&scope, sleep_for_ever, NULL), 0);
    CHECK_EQ(moirai_spawn(&scope, return_it, &code), 0);
    while (moirai_scope_error(&scope) == 0)
        moirai_yield();
    while (moirai_spawn(&scope, return_it, &late) == 0)
        moirai_yield();             /* it is about to be cancelled */
    CHECK_EQ(moirai_scope_end(&scope), -EIO);
    CHECK_EQ(moirai_scope_error(&scope), -EIO);
    CHECK_STR(moirai_scope_text(&scope), "");
    return 0;
}

TEST(scope, tells_the_first_error_and_cancels_the_others)
{
    with_each(first_error, NULL);
    with_seeds(1000, first_error, NULL);
}

static int positive_result(void *arg)
{
    struct moirai_scope scope;
    int code = 7;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, return_it, &code), 0);
    return moirai_scope_end(&scope);
}

TEST(scope, takes_only_negative_results_for_errors)
{
    with_each(positive_result, NULL);
}

static int fail_with_a_long_text(void *arg)
{
    char text[300];

    (void)arg;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    moirai_fail(-EIO, text);
}

static int fail_with_text(void *arg)
{
    moirai_fail(-EBADMSG, arg);
}

static int texts(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    memset(&scope, 0xff, sizeof scope);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, fail_with_text, "it is broken"), 0);
    CHECK_EQ(moirai_scope_end(&scope), -EBADMSG);
    CHECK_STR(moirai_scope_text(&scope), "it is broken");

    memset(&scope, 0xff, sizeof scope);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, fail_with_a_long_text, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), -EIO);
    CHECK_EQ(strnlen(moirai_scope_text(&scope), MOIRAI_SCOPE_TEXT),
             MOIRAI_SCOPE_TEXT - 1);
    return 0;
}

TEST(scope, keeps_the_sentence_of_the_first_failure_cut_to_fit)
{
    with_each(texts, NULL);
}

/* --- deadlines ----------------------------------------------------------- */

/* The deadline may have come already, on a slow machine. */
static void spawn_in_time(struct moirai_scope *scope, int (*fn)(void *))
{
    int rc = moirai_spawn(scope, fn, NULL);

    CHECK(rc == 0 || rc == -ECANCELED);
}

static int deadline_comes(void *arg)
{
    struct moirai_scope scope;
    int64_t until = moirai_after(5 * MOIRAI_MS);

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, until), 0);
    for (int i = 0; i < 10; i++)
        spawn_in_time(&scope, sleep_for_ever);
    CHECK_EQ(moirai_scope_end(&scope), -ETIMEDOUT);
    CHECK(moirai_now() >= until);
    return 0;
}

TEST(scope, ends_with_etimedout_at_its_deadline)
{
    with_each(deadline_comes, NULL);
    with_seeds(1000, deadline_comes, NULL);
}

static int deadline_not_reached(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, moirai_after(MOIRAI_S * 3600)),
             0);
    CHECK_EQ(moirai_spawn(&scope, nothing, NULL), 0);
    return moirai_scope_end(&scope);
}

TEST(scope, leaves_no_timer_behind_when_it_ends_in_time)
{
    with_each(deadline_not_reached, NULL);
}

static int inner_waits(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    spawn_in_time(&scope, sleep_for_ever);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    return -ECANCELED;
}

static int deadline_of_the_outer(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, moirai_after(2 * MOIRAI_MS)),
             0);
    for (int i = 0; i < 5; i++)
        spawn_in_time(&scope, inner_waits);
    CHECK_EQ(moirai_scope_end(&scope), -ETIMEDOUT);
    return 0;
}

TEST(scope, cancels_nested_scopes_when_its_deadline_comes)
{
    with_each(deadline_of_the_outer, NULL);
    with_seeds(1000, deadline_of_the_outer, NULL);
}

/* --- begun too late ------------------------------------------------------ */

static int begin_when_cancelled(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    while (!moirai_cancelled())
        moirai_yield();
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, nothing, NULL), -ECANCELED);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    return 0;
}

static int cancelled_begin(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, begin_when_cancelled, NULL), 0);
    moirai_yield();
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    return 0;
}

TEST(scope, begun_in_a_cancelled_one_is_cancelled_too)
{
    with_each(cancelled_begin, NULL);
}

static int cancel_before_start(void *arg)
{
    struct moirai_scope scope;
    int ran = 0;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(moirai_spawn(&scope, add_one, &ran), 0);
    moirai_scope_cancel(&scope);
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(ran, 100);
    return 0;
}

TEST(scope, cancelled_still_starts_what_was_spawned)
{
    with_each(cancel_before_start, NULL);
}

/* --- from plain threads -------------------------------------------------- */

TEST(scope, of_a_plain_thread_ends_with_its_tasks)
{
    struct moirai_runtime *rt = with_workers(2);
    struct moirai_scope scope;
    int ended = 0;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), -EINVAL);
    for (unsigned i = 1; i <= with_times(200); i++) {
        CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_spawn(&scope, add_one, &ended), 0);
        CHECK_EQ(moirai_scope_end(&scope), 0);
        CHECK_EQ(ended, i);
    }
    CHECK_EQ(moirai_spawn(NULL, add_one, &ended), -EINVAL);
    with_end(rt);
}

TEST(scope, of_a_plain_thread_has_a_deadline)
{
    struct moirai_runtime *rt = with_workers(2);
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, rt, moirai_after(2 * MOIRAI_MS)), 0);
    CHECK_EQ(moirai_spawn(&scope, sleep_for_ever, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), -ETIMEDOUT);
    with_end(rt);
}

/* --- inside a scope that is named ---------------------------------------- */

static int deadline_of_the_named(void *arg)
{
    struct moirai_scope outer, inner;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&outer, NULL, moirai_after(2 * MOIRAI_MS)),
             0);
    CHECK_EQ(moirai_scope_begin_in(&inner, &outer, MOIRAI_NEVER), 0);
    spawn_in_time(&inner, sleep_for_ever);
    CHECK_EQ(moirai_scope_end(&inner), -ECANCELED);
    CHECK_EQ(moirai_scope_end(&outer), -ETIMEDOUT);
    return 0;
}

TEST(scope, inside_a_named_one_ends_at_its_deadline)
{
    with_each(deadline_of_the_named, NULL);
    with_seeds(300, deadline_of_the_named, NULL);
}

static int error_of_the_named(void *arg)
{
    struct moirai_scope outer, inner;
    int code = -EIO;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&outer, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin_in(&inner, &outer, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&inner, return_it, &code), 0);
    CHECK_EQ(moirai_scope_end(&inner), -EIO);
    CHECK_EQ(moirai_scope_error(&outer), 0);    /* the caller's to pass on */
    CHECK_EQ(moirai_scope_begin_in(&inner, &outer, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&inner, sleep_for_ever, NULL), 0);
    CHECK_EQ(moirai_spawn(&outer, return_it, &code), 0);
    CHECK_EQ(moirai_scope_end(&inner), -ECANCELED);
    CHECK_EQ(moirai_scope_end(&outer), -EIO);
    return 0;
}

TEST(scope, inside_a_named_one_shares_its_failure_but_not_the_reverse)
{
    with_each(error_of_the_named, NULL);
    with_seeds(300, error_of_the_named, NULL);
}

struct mourned {
    char text[8];
    char *at;
};

static int note_at_end(void *arg)
{
    struct mourned *m = arg;

    moirai_sleep_until(MOIRAI_NEVER);
    *m->at++ = 's';
    return 0;
}

static void note_cleanup(void *arg)
{
    struct mourned *m = arg;

    *m->at++ = 'c';
}

static int fail_with_scopes(void *arg)
{
    struct moirai_scope outer, inner;
    struct moirai_cleanup first, between;

    moirai_cleanup_push(&first, note_cleanup, arg);
    CHECK_EQ(moirai_scope_begin(&outer, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&outer, note_at_end, arg), 0);
    moirai_cleanup_push(&between, note_cleanup, arg);
    CHECK_EQ(moirai_scope_begin_in(&inner, &outer, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&inner, note_at_end, arg), 0);
    moirai_fail(-EIO, "in the middle");
}

static int cleans_up_in_order(void *arg)
{
    struct moirai_scope scope;
    struct mourned m = { .at = m.text };

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, fail_with_scopes, &m), 0);
    CHECK_EQ(moirai_scope_end(&scope), -EIO);
    CHECK_STR(moirai_scope_text(&scope), "in the middle");
    CHECK_STR(m.text, "scsc");      /* newest first, one after another */
    return 0;
}

TEST(scope, of_a_task_that_fails_is_cleaned_up_in_order)
{
    with_each(cleans_up_in_order, NULL);
    with_seeds(300, cleans_up_in_order, NULL);
}
