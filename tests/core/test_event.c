/* SPDX-License-Identifier: MIT */
/*
 * test_event.c - what is special to events, latches, wait groups, and what
 * is done once. What they have in common is in test_gate.c.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "with.h"

#define TASKS 8

/* --- event --------------------------------------------------------------- */

TEST(event, stays_as_it_was_left)
{
    struct moirai_event event = MOIRAI_EVENT_INIT;

    CHECK_EQ(moirai_event_wait(&event, MOIRAI_NOW), -EAGAIN);
    for (int i = 0; i < 2; i++)
        moirai_event_set(&event);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(moirai_event_wait(&event, MOIRAI_NOW), 0);
    for (int i = 0; i < 2; i++)
        moirai_event_clear(&event);
    CHECK_EQ(moirai_event_wait(&event, MOIRAI_NOW), -EAGAIN);
}

struct pulse {
    struct moirai_event event;
    int waiting, passed;
};

static int wait_for_pulse(void *arg)
{
    struct pulse *p = arg;

    with_add(&p->waiting, 1);
    CHECK_EQ(moirai_event_wait(&p->event, MOIRAI_NEVER), 0);
    with_add(&p->passed, 1);
    return 0;
}

/* On one worker: who counts himself waits before the next one sees it. */
static int pulsing(void *arg)
{
    struct pulse p = { .waiting = 0 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&scope, wait_for_pulse, &p), 0);
    while (with_get(&p.waiting) < TASKS)
        moirai_yield();
    moirai_event_set(&p.event);
    moirai_event_clear(&p.event);
    CHECK_EQ(moirai_event_wait(&p.event, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(p.passed, TASKS);
    return 0;
}

TEST(event, that_is_cleared_at_once_has_let_those_pass_who_waited)
{
    with_one(1, pulsing, NULL);
}

/* Who is told frees it, while the one who told him is still at it. */
static int set_it(void *arg)
{
    moirai_event_set(arg);
    return 0;
}

static int freeing(void *arg)
{
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < *(int *)arg; i++) {
        struct moirai_event *event = calloc(1, sizeof *event);

        CHECK_EQ(moirai_spawn(&scope, set_it, event), 0);
        while (i % 2 && moirai_event_wait(event, MOIRAI_NOW) != 0)
            moirai_yield();
        CHECK_EQ(moirai_event_wait(event, MOIRAI_NEVER), 0);
        memset(event, 0xff, sizeof *event);
        free(event);
    }
    return moirai_scope_end(&scope);
}

TEST(event, may_be_freed_by_who_is_told)
{
    int times = (int)with_times(500);
    int few = 4;

    with_each(freeing, &times);
    with_seeds(200, freeing, &few);
}

/* --- latch --------------------------------------------------------------- */

struct race {
    struct moirai_latch start, end;
    int written[TASKS];
    int n;
};

static int arrive(void *arg)
{
    struct race *r = arg;
    int i = with_add(&r->n, 1) - 1;

    CHECK_EQ(moirai_latch_wait(&r->start, MOIRAI_NEVER), 0);
    r->written[i] = i + 1;
    CHECK_EQ(moirai_latch_arrive(&r->end, 1), 0);
    return 0;
}

static int racing(void *arg)
{
    struct race r = { MOIRAI_LATCH_INIT(1), MOIRAI_LATCH_INIT(TASKS), { 0 },
                      0 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&scope, arrive, &r), 0);
    CHECK_EQ(moirai_latch_wait(&r.end, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_latch_arrive(&r.start, 1), 0);
    CHECK_EQ(moirai_latch_wait(&r.end, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(r.written[i], i + 1);
    return moirai_scope_end(&scope);
}

TEST(latch, opens_when_all_have_arrived)
{
    with_each(racing, NULL);
    with_seeds(200, racing, NULL);
}

TEST(latch, counts_what_is_to_come)
{
    struct moirai_latch latch = MOIRAI_LATCH_INIT(3);
    struct moirai_latch none = MOIRAI_LATCH_INIT(0);

    CHECK_EQ(moirai_latch_wait(&none, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_latch_arrive(&none, 0), 0);
    CHECK_EQ(moirai_latch_arrive(&none, 1), -ERANGE);
    CHECK_EQ(moirai_latch_arrive(&latch, 4), -ERANGE);
    CHECK_EQ(moirai_latch_arrive(&latch, 2), 0);
    CHECK_EQ(moirai_latch_wait(&latch, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_latch_arrive(&latch, 2), -ERANGE);
    CHECK_EQ(moirai_latch_arrive(&latch, 1), 0);
    CHECK_EQ(moirai_latch_wait(&latch, MOIRAI_NOW), 0);
}

/* --- wait group ---------------------------------------------------------- */

struct crowd {
    struct moirai_waitgroup group;
    int written[TASKS];
};

static int be_done(void *arg)
{
    struct crowd *c = arg;

    for (int i = 0; i < TASKS; i++)
        with_add(&c->written[i], 1);
    moirai_yield();
    CHECK_EQ(moirai_waitgroup_done(&c->group), 0);
    return 0;
}

static int crowding(void *arg)
{
    struct crowd c = { MOIRAI_WAITGROUP_INIT, { 0 } };

    (void)arg;
    for (int round = 1; round <= 3; round++) {
        struct moirai_scope scope;

        CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
        for (int i = 0; i < TASKS; i++) {
            CHECK_EQ(moirai_waitgroup_add(&c.group, 1), 0);
            CHECK_EQ(moirai_spawn(&scope, be_done, &c), 0);
        }
        CHECK_EQ(moirai_waitgroup_wait(&c.group, MOIRAI_NEVER), 0);
        for (int i = 0; i < TASKS; i++)
            CHECK_EQ(c.written[i], TASKS * round);
        CHECK_EQ(moirai_scope_end(&scope), 0);
    }
    return 0;
}

TEST(waitgroup, is_done_when_all_are_and_can_be_used_again)
{
    with_each(crowding, NULL);
    with_seeds(200, crowding, NULL);
}

TEST(waitgroup, counts_no_further_than_it_can)
{
    struct moirai_waitgroup group = MOIRAI_WAITGROUP_INIT;

    CHECK_EQ(moirai_waitgroup_wait(&group, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_waitgroup_done(&group), -ERANGE);
    CHECK_EQ(moirai_waitgroup_add(&group, UINT32_MAX), 0);
    CHECK_EQ(moirai_waitgroup_add(&group, 1), -EOVERFLOW);
    CHECK_EQ(moirai_waitgroup_done(&group), 0);
    CHECK_EQ(moirai_waitgroup_add(&group, 1), 0);
    CHECK_EQ(moirai_waitgroup_wait(&group, MOIRAI_NOW), -EAGAIN);
}

/* --- once ---------------------------------------------------------------- */

struct work {
    struct moirai_once once;
    int calls, inside;
    int bad;                        /* the first calls that fail */
    int failures;                   /* that callers were told */
    bool fail;                      /* by ending the task, not by returning */
    int value;                      /* what is made; no atomic */
    int wait;                       /* in the middle, for the clock */
    int open;                       /* and for this */
};

static int make_value(void *arg)
{
    struct work *w = arg;
    int call = ++w->calls;

    CHECK_EQ(w->inside++, 0);
    CHECK_EQ(moirai_once_do(&w->once, make_value, w, MOIRAI_NEVER), -EDEADLK);
    if (w->wait)
        moirai_sleep_until(moirai_after(20 * MOIRAI_US));
    w->inside--;
    if (call <= w->bad && w->fail)
        moirai_fail(-EIO, "no value");
    if (call <= w->bad)
        return -EIO;
    w->value = 5;
    return 0;
}

static int need_value(void *arg)
{
    struct work *w = arg;
    int rc = moirai_once_do(&w->once, make_value, w, MOIRAI_NEVER);

    if (rc == -EIO) {
        with_add(&w->failures, 1);
        return 0;
    }
    CHECK_EQ(rc, 0);
    CHECK_EQ(w->value, 5);
    return 0;
}

static int doing(void *arg)
{
    (void)arg;
    for (int bad = 0; bad < 4; bad++) {
        struct work w = { .bad = bad, .wait = bad % 2 };
        struct moirai_scope scope;

        CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
        for (int i = 0; i < TASKS; i++)
            CHECK_EQ(moirai_spawn(&scope, need_value, &w), 0);
        CHECK_EQ(moirai_scope_end(&scope), 0);
        CHECK_EQ(w.calls, bad + 1);
        CHECK_EQ(w.failures, bad);
        CHECK_EQ(moirai_once_do(&w.once, make_value, &w, MOIRAI_NOW), 0);
    }
    return 0;
}

TEST(once, is_done_by_one_and_again_if_it_failed)
{
    with_each(doing, NULL);
    with_seeds(200, doing, NULL);
}

/* Each in a scope of its own, as a failure cancels those beside it. */
static int need_value_alone(void *arg)
{
    struct moirai_scope scope;
    int rc;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, need_value, arg), 0);
    rc = moirai_scope_end(&scope);
    CHECK(rc == 0 || rc == -EIO);
    return 0;
}

static int failing(void *arg)
{
    struct work w = { .bad = 3, .fail = true, .wait = 1 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&scope, need_value_alone, &w), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(w.calls, 4);
    CHECK_EQ(w.failures, 0);        /* nobody is there to be told */
    CHECK_EQ(w.value, 5);
    return 0;
}

TEST(once, passes_on_when_the_task_that_does_it_fails)
{
    with_each(failing, NULL);
    with_seeds(200, failing, NULL);
}

static void *need_value_thread(void *arg)
{
    need_value(arg);
    return NULL;
}

TEST(once, is_shared_by_tasks_and_threads)
{
    struct moirai_runtime *rt = with_workers(2);

    for (unsigned i = 0; i < with_times(100); i++) {
        struct work w = { .bad = (int)i % 4, .wait = 1 };
        struct moirai_scope scope;
        pthread_t threads[4];

        CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
        for (int k = 0; k < 4; k++) {
            CHECK_EQ(pthread_create(&threads[k], NULL, need_value_thread, &w),
                     0);
            CHECK_EQ(moirai_spawn(&scope, need_value, &w), 0);
        }
        CHECK_EQ(moirai_scope_end(&scope), 0);
        for (int k = 0; k < 4; k++)
            pthread_join(threads[k], NULL);
        CHECK_EQ(w.calls, w.bad + 1);
        CHECK_EQ(w.failures, w.bad);
    }
    with_end(rt);
}

static int stay_inside(void *arg)
{
    struct work *w = arg;

    with_set(&w->inside, 1);
    with_wait(&w->open);
    return 0;
}

static int do_it(void *arg)
{
    struct work *w = arg;

    return moirai_once_do(&w->once, stay_inside, w, MOIRAI_NEVER);
}

static int be_cancelled(void *arg)
{
    struct work *w = arg;

    CHECK_EQ(moirai_once_do(&w->once, stay_inside, w, MOIRAI_NEVER),
             -ECANCELED);
    return 0;
}

static int refusals(void *arg)
{
    struct work w = { .calls = 0 };
    struct moirai_scope scope, other;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, do_it, &w), 0);
    with_wait(&w.inside);
    CHECK_EQ(moirai_once_do(&w.once, stay_inside, &w, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_once_do(&w.once, stay_inside, &w, 1), -ETIMEDOUT);
    CHECK_EQ(moirai_once_do(&w.once, stay_inside, &w,
                         moirai_after(MOIRAI_MS / 4)), -ETIMEDOUT);
    CHECK_EQ(moirai_scope_begin(&other, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&other, be_cancelled, &w), 0);
    moirai_yield();
    moirai_scope_cancel(&other);
    CHECK_EQ(moirai_scope_end(&other), -ECANCELED);
    with_set(&w.open, 1);
    CHECK_EQ(moirai_once_do(&w.once, stay_inside, &w, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_once_do(&w.once, stay_inside, &w, MOIRAI_NOW), 0);
    return moirai_scope_end(&scope);
}

TEST(once, refuses_whoever_does_not_wait_long_enough)
{
    with_each(refusals, NULL);
    with_seeds(50, refusals, NULL);
}
