/* SPDX-License-Identifier: MIT */
/*
 * test_pool.c - calls that block do so on threads of their own, not more than
 * allowed, and are withdrawn or waited for when their task is cancelled.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "check.h"
#include "with.h"

struct calls {
    int open;                       /* lets them go on */
    int begun, ended, most, now;
    pthread_t worker;
};

static int call(void *arg)
{
    struct calls *c = arg;
    int now = with_add(&c->now, 1);
    int most = with_get(&c->most);

    while (now > most
           && !__atomic_compare_exchange_n(&c->most, &most, now, 0,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
    with_add(&c->begun, 1);
    while (with_get(&c->open) == 0)
        sched_yield();
    with_add(&c->now, -1);
    with_add(&c->ended, 1);
    return 11;
}

static int block_once(void *arg)
{
    int rc = moirai_block(call, arg);

    CHECK_EQ(rc, 11);
    return 0;
}

/* --- calls --------------------------------------------------------------- */

static int look_around(void *arg)
{
    struct calls *c = arg;

    CHECK(!pthread_equal(c->worker, pthread_self()));
    CHECK_EQ(moirai_worker_index(), -1);
    CHECK_EQ(moirai_task_id(), 0);
    return -EXDEV;
}

static int one_call(void *arg)
{
    struct calls c = { .worker = pthread_self() };

    (void)arg;
    CHECK_EQ(moirai_block(look_around, &c), -EXDEV);
    return 0;
}

TEST(pool, a_call_runs_on_another_thread_and_gives_its_result)
{
    with_each(one_call, NULL);
}

static int stays_here(void *arg)
{
    struct calls *c = arg;

    CHECK(pthread_equal(c->worker, pthread_self()));
    return 4;
}

TEST(pool, a_plain_thread_makes_the_call_itself)
{
    struct calls c = { .worker = pthread_self() };

    CHECK_EQ(moirai_block(stays_here, &c), 4);
}

static int others_go_on(void *arg)
{
    struct calls c = { .open = 0 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(moirai_spawn(&scope, block_once, &c), 0);
    while (with_get(&c.begun) < 10)
        moirai_yield();
    with_set(&c.open, 1);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(c.ended, 10);
    return 0;
}

TEST(pool, calls_that_block_hold_up_no_worker)
{
    with_each(others_go_on, NULL);
}

/* --- how many ------------------------------------------------------------ */

static int queue_up(void *arg)
{
    struct calls c = { .open = 0 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 30; i++)
        CHECK_EQ(moirai_spawn(&scope, block_once, &c), 0);
    while (with_get(&c.begun) < 3)
        moirai_yield();
    for (int i = 0; i < 1000; i++)
        moirai_yield();
    CHECK_EQ(c.begun, 3);
    with_set(&c.open, 1);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(c.ended, 30);
    CHECK_EQ(c.most, 3);
    return 0;
}

TEST(pool, calls_beyond_the_limit_of_threads_queue)
{
    static const char *const set[] = { "runtime.blocking_threads=3",
                                       "runtime.workers=2", NULL };
    struct moirai_runtime *rt = with_settings(set);

    CHECK_EQ(moirai_run(rt, queue_up, NULL), 0);
    with_end(rt);
    with_alone();
}

/* --- cancellation -------------------------------------------------------- */

static int block_and_note(void *arg)
{
    struct calls *c = arg;
    int rc = moirai_block(call, c);

    if (rc == -ECANCELED)
        with_add(&c->most, 1000);   /* withdrawn */
    else
        CHECK_EQ(rc, 11);
    return 0;
}

static int withdraw(void *arg)
{
    struct calls c = { .open = 0 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(moirai_spawn(&scope, block_and_note, &c), 0);
    while (with_get(&c.begun) < 2)
        moirai_yield();
    moirai_scope_cancel(&scope);
    while (with_get(&c.most) / 1000 < 8)
        moirai_yield();
    CHECK_EQ(c.ended, 0);
    with_set(&c.open, 1);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(c.ended, 2);
    CHECK_EQ(c.begun, 2);
    return 0;
}

TEST(pool, cancelled_calls_are_withdrawn_unless_a_thread_has_them)
{
    static const char *const set[] = { "runtime.blocking_threads=2",
                                       "runtime.workers=2", NULL };
    struct moirai_runtime *rt = with_settings(set);

    for (unsigned i = 0; i < with_times(50); i++)
        CHECK_EQ(moirai_run(rt, withdraw, NULL), 0);
    with_end(rt);
}

static int short_call(void *arg)
{
    with_add((int *)arg, 1);
    return 0;
}

static int call_until_cancelled(void *arg)
{
    for (int rc = 0; rc == 0;)
        rc = moirai_block(short_call, arg);
    return 0;
}

static int cancel_short_calls(void *arg)
{
    struct moirai_scope scope;
    int calls = 0;

    (void)arg;
    for (unsigned i = 0; i < with_times(50); i++) {
        CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
        for (int j = 0; j < 8; j++)
            CHECK_EQ(moirai_spawn(&scope, call_until_cancelled, &calls), 0);
        moirai_sleep_until(moirai_after(200 * MOIRAI_US));
        moirai_scope_cancel(&scope);
        CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    }
    return 0;
}

TEST(pool, cancellation_at_any_moment_leaves_no_call_behind)
{
    with_each(cancel_short_calls, NULL);
}

static int simulated_call(void *arg)
{
    struct calls c = { .worker = pthread_self() };

    (void)arg;
    CHECK_EQ(moirai_block(stays_here, &c), 4);
    return 0;
}

TEST(pool, the_simulator_makes_the_calls_inline)
{
    with_seeds(5, simulated_call, NULL);
}
