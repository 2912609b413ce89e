/* SPDX-License-Identifier: MIT */
/*
 * test_time.c - sleeping ends in the order of the deadlines and not before
 * them; the clock's ends are no trap.
 */
#include <errno.h>
#include <stdint.h>

#include "check.h"
#include "with.h"

#define SLEEPERS 50

struct night {
    int64_t start;
    int n;
    int order[SLEEPERS];
};

struct sleeper {
    struct night *night;
    int number;
};

static int sleep_in_order(void *arg)
{
    struct sleeper *s = arg;
    int64_t until = s->night->start + s->number * MOIRAI_MS;

    CHECK_EQ(moirai_sleep_until(until), 0);
    CHECK(moirai_now() >= until);
    s->night->order[with_add(&s->night->n, 1) - 1] = s->number;
    return 0;
}

/* One worker: so the order in which they are woken is that in which they run.
 * Started in a jumbled order. */
static int ordering(void *arg)
{
    struct night night = { .start = moirai_after(20 * MOIRAI_MS) };
    struct sleeper sleepers[SLEEPERS];
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers[i] = (struct sleeper){ &night, i * 17 % SLEEPERS };
        CHECK_EQ(moirai_spawn(&scope, sleep_in_order, &sleepers[i]), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(night.n, SLEEPERS);
    return 0;
}

TEST(time, nobody_wakes_before_the_deadline)
{
    with_each(ordering, NULL);
    with_seeds(100, ordering, NULL);
}

static int ordered(void *arg)
{
    struct night night = { .start = moirai_after(300 * MOIRAI_MS) };
    struct sleeper sleepers[SLEEPERS];
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers[i] = (struct sleeper){ &night, i * 17 % SLEEPERS };
        CHECK_EQ(moirai_spawn(&scope, sleep_in_order, &sleepers[i]), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < SLEEPERS; i++)
        CHECK_EQ(night.order[i], i);
    return 0;
}

TEST(time, sleepers_wake_in_the_order_of_their_deadlines)
{
    static const char *const set[] = { "scheduler.plugin=fifo",
                                       "runtime.workers=1", NULL };
    struct moirai_runtime *rt = with_settings(set);

    CHECK_EQ(moirai_run(rt, ordered, NULL), 0);
    with_end(rt);
}

static int past_deadlines(void *arg)
{
    int64_t before = moirai_now();

    (void)arg;
    CHECK_EQ(moirai_sleep_until(MOIRAI_NOW), 0);
    CHECK_EQ(moirai_sleep_until(-5), 0);
    CHECK_EQ(moirai_sleep_until(INT64_MIN), 0);
    CHECK_EQ(moirai_sleep_until(1), 0);
    CHECK_EQ(moirai_sleep_until(before), 0);
    CHECK(moirai_now() - before < MOIRAI_S * 5);
    return 0;
}

TEST(time, a_deadline_in_the_past_ends_the_sleep_at_once)
{
    with_each(past_deadlines, NULL);
    with_seeds(10, past_deadlines, NULL);
    CHECK_EQ(past_deadlines(NULL), 0);  /* on a plain thread too */
}

static int saturation(void *arg)
{
    int64_t now = moirai_now();

    (void)arg;
    CHECK_EQ(moirai_after(MOIRAI_NEVER), MOIRAI_NEVER);
    CHECK_EQ(moirai_after(MOIRAI_NEVER - 1), MOIRAI_NEVER);
    CHECK_EQ(moirai_after(MOIRAI_NEVER - now), MOIRAI_NEVER);
    CHECK(moirai_after(0) >= now);
    CHECK(moirai_after(MOIRAI_S) - now >= MOIRAI_S);
    CHECK(moirai_after(-MOIRAI_MS) < moirai_now());
    return 0;
}

TEST(time, a_deadline_beyond_the_clock_is_never)
{
    with_one(1, saturation, NULL);
    CHECK_EQ(saturation(NULL), 0);
}

static int sleep_nearly_for_ever(void *arg)
{
    (void)arg;
    return moirai_sleep_until(MOIRAI_NEVER - 1);
}

static int cancel_long_sleeps(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(moirai_spawn(&scope, sleep_nearly_for_ever, NULL), 0);
    moirai_sleep_until(moirai_after(MOIRAI_MS));
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    return 0;
}

TEST(time, the_longest_sleep_can_be_cancelled)
{
    with_each(cancel_long_sleeps, NULL);
    with_seeds(20, cancel_long_sleeps, NULL);
}

static int virtual_hour(void *arg)
{
    int64_t start = moirai_now();

    (void)arg;
    CHECK_EQ(moirai_sleep_until(start + 3600 * MOIRAI_S), 0);
    CHECK(moirai_now() - start >= 3600 * MOIRAI_S);
    return 0;
}

TEST(time, an_hour_passes_at_once_in_the_simulator)
{
    with_seeds(10, virtual_hour, NULL);
}
