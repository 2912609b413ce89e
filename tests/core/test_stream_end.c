/* SPDX-License-Identifier: MIT */
/*
 * test_stream_end.c - streams end, in whatever way and wherever that begins,
 * and nothing is left over.
 */
#include "mem.h"
#include "row.h"

static int ends_early(void *arg)
{
    struct row row;

    (void)arg;
    for (size_t where = 0; where < 3; where++) {
        for (size_t chunk = 1; chunk <= 3; chunk += 2) {
            row_with(&row, where, moirai_stream_take(20), chunk);
            CHECK_EQ(row_run(&row), 0);
            CHECK_EQ(row.seen, 20);
            CHECK(row.made < MANY);
            row_with(&row, where, moirai_stream_take(0), chunk);
            CHECK_EQ(row_run(&row), 0);
            CHECK_EQ(row.seen, 0);
        }
    }
    return 0;
}

TEST(stream_end, takes_what_it_wants_and_ends_what_is_before)
{
    with_each(ends_early, NULL);
    with_seeds(60, ends_early, NULL);
}

static int until_nine(void *message, void *arg)
{
    (void)arg;
    return *((struct box *)message)->value == 9 ? MOIRAI_STREAM_END : 0;
}

static int ends_within(void *arg)
{
    struct row row;

    (void)arg;
    for (size_t where = 0; where < 4; where++) {
        row_with(&row, where, moirai_stream_apply(until_nine, NULL), 1);
        CHECK_EQ(row_run(&row), 0);
        CHECK_EQ(row.seen, 9);
    }
    return 0;
}

TEST(stream_end, ends_where_a_function_says_so)
{
    with_each(ends_within, NULL);
    with_seeds(60, ends_within, NULL);
}

static int fail_at_nine(void *message, void *arg)
{
    (void)arg;
    return *((struct box *)message)->value == 9 ? -EIO : 0;
}

static int cancel_at_nine(void *message, void *arg)
{
    return fail_at_nine(message, arg) != 0 ? -ECANCELED : 0;
}

static int fails_within(void *arg)
{
    struct row row;

    (void)arg;
    row_with(&row, 2, moirai_stream_apply(cancel_at_nine, NULL), 1);
    CHECK_EQ(row_run(&row), -ECANCELED);
    for (size_t where = 0; where < 4; where++) {
        struct moirai_stream_report report = { .size = sizeof report };

        row_with(&row, where, moirai_stream_apply(fail_at_nine, NULL), 2);
        CHECK_EQ(moirai_stream_run(NULL, row.stages, row.n, MOIRAI_NEVER,
                                   &report), -EIO);
        CHECK_EQ(with_get(&boxes), 0);
        CHECK(row.seen <= 9);
        CHECK_EQ(report.error.code, -EIO);
        CHECK(strstr(report.error.text, "(apply): Input/output") != NULL);
    }
    return 0;
}

TEST(stream_end, ends_with_the_first_error)
{
    with_each(fails_within, NULL);
    with_seeds(60, fails_within, NULL);
}

static int die_at_nine(void *message, void *arg)
{
    (void)arg;
    if (*((struct box *)message)->value == 9) {
        box_drop(message, NULL);
        moirai_fail(-EFAULT, "nine");
    }
    return 0;
}

static int dies_within(void *arg)
{
    struct row row;

    (void)arg;
    for (size_t where = 0; where < 4; where++) {
        row_with(&row, where, moirai_stream_apply(die_at_nine, NULL), 2);
        CHECK_EQ(row_run(&row), -EFAULT);
    }
    return 0;
}

static int dies_alone(void *arg)
{
    struct row row;

    (void)arg;
    row_begin(&row);
    row_add(&row, moirai_stream_apply(die_at_nine, NULL));
    row_add(&row, moirai_stream_drain());
    return row_run(&row);
}

static int dies_somewhere(void *arg)
{
    struct moirai_scope scope;

    CHECK_EQ(dies_within(arg), 0);
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, dies_alone, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), -EFAULT);
    CHECK_EQ(with_get(&boxes), 0);
    return 0;
}

TEST(stream_end, ends_with_a_task_that_fails)
{
    with_each(dies_somewhere, NULL);
}

static int wait_at_nine(void *message, void *arg)
{
    (void)arg;
    return *((struct box *)message)->value == 9
         ? moirai_sleep_until(MOIRAI_NEVER) : 0;
}

/* It stands still; then its caller is cancelled, or the deadline comes. */
static int run_row(void *arg)
{
    struct row *row = arg;

    return moirai_stream_run(NULL, row->stages, row->n, MOIRAI_NEVER, NULL);
}

static int cancelled_within(void *arg)
{
    struct row row;

    (void)arg;
    for (size_t where = 0; where < 4; where++) {
        struct moirai_handle *handle;
        struct moirai_scope scope;
        int result;

        row_with(&row, where, moirai_stream_apply(wait_at_nine, NULL), 1);
        CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_spawn_with(&scope, run_row, &row, NULL, &handle), 0);
        CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
        if (where % 2 == 0)
            moirai_handle_cancel(handle);
        else
            moirai_scope_cancel(&scope);
        CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
        CHECK_EQ(result, -ECANCELED);
        CHECK_EQ(moirai_scope_end(&scope), where % 2 == 0 ? 0 : -ECANCELED);
        moirai_handle_put(handle);
        CHECK_EQ(with_get(&boxes), 0);
        row_with(&row, where, moirai_stream_apply(wait_at_nine, NULL), 1);
        CHECK_EQ(moirai_stream_run(NULL, row.stages, row.n,
                                   moirai_after(MOIRAI_MS), NULL),
                 -ETIMEDOUT);
        CHECK_EQ(with_get(&boxes), 0);
    }
    return 0;
}

TEST(stream_end, ends_by_cancellation_and_deadline)
{
    with_each(cancelled_within, NULL);
    with_seeds(60, cancelled_within, NULL);
}

static int forever_boxes(void *message, void *arg)
{
    (void)arg;
    *(struct box *)message = box_make(1);
    return 0;
}

/* Nothing in it waits. */
static int runs_on(void *arg)
{
    (void)arg;
    return MOIRAI_STREAM(MOIRAI_NEVER, NULL,
               moirai_stream_generate(forever_boxes, NULL, box_elem()),
               moirai_stream_drain());
}

static int cancelled_running(void *arg)
{
    struct moirai_scope scope;
    int rc;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, moirai_after(MOIRAI_US)), 0);
    rc = moirai_spawn(&scope, runs_on, NULL);
    CHECK(rc == 0 || rc == -ECANCELED);     /* its time may be over already */
    CHECK_EQ(moirai_yield(), 0);
    moirai_scope_cancel(&scope);
    CHECK(moirai_scope_end(&scope) < 0);
    CHECK_EQ(with_get(&boxes), 0);
    return 0;
}

TEST(stream_end, that_never_waits_can_be_cancelled)
{
    with_one(1, cancelled_running, NULL);
    with_one(2, cancelled_running, NULL);
}

static int play(void *arg)
{
    struct row row;
    int rc;

    row_with(&row, 1, moirai_stream_take(20), 2);
    rc = moirai_stream_run(NULL, row.stages, row.n, MOIRAI_NEVER, NULL);
    CHECK_EQ(with_get(&boxes), 0);
    CHECK(rc == 0 || (rc == -ENOMEM && *(int *)arg));
    return 0;
}

/* Each allocation fails once. */
TEST(stream_end, survives_without_memory)
{
    bool met = true;

    for (uint64_t at = 1; met; at++) {
        struct moirai_runtime *rt = with_workers(1);
        int failing = 1;
        int rc;

        mo_mem_watch(0);
        mo_mem_fail(at, 1);
        rc = moirai_run(rt, play, &failing);
        met = mo_mem_fail(0, 0) >= at;
        CHECK(rc == 0 || rc == -ENOMEM);
        failing = 0;
        CHECK_EQ(moirai_run(rt, play, &failing), 0);
        mo_mem_unwatch();
        with_end(rt);
    }
}
