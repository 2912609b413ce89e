/* SPDX-License-Identifier: MIT */
/*
 * test_breaker.c - a breaker opens when it says it does, lets nobody through
 * while it is open, and always finds its way back.
 *
 * Under the simulator, whose clock moves by 50 ns with each look at it: so a
 * boundary in time is tried a little before it and right behind it.
 */
#include <errno.h>
#include <pthread.h>

#include "check.h"
#include "with.h"

#define NEAR (2 * MOIRAI_US)

static const char *const simulated[] = {
    "scheduler.plugin=sim", "scheduler.seed=1", NULL,
};

static void play(moirai_fn *body)
{
    struct moirai_runtime *rt = with_settings(simulated);

    CHECK_EQ(moirai_run(rt, body, NULL), 0);
    with_end(rt);
}

static int call(struct moirai_breaker *b, enum moirai_breaker_outcome outcome)
{
    struct moirai_breaker_call call;
    int rc = moirai_breaker_begin(b, &call);

    moirai_breaker_end(b, &call, outcome);
    return rc;
}

static void calls(struct moirai_breaker *b, int n,
                  enum moirai_breaker_outcome outcome)
{
    for (int i = 0; i < n; i++)
        CHECK_EQ(call(b, outcome), 0);
}

static struct moirai_breaker_stats stats_of(struct moirai_breaker *b)
{
    struct moirai_breaker_stats stats;

    moirai_breaker_read(b, &stats);
    return stats;
}

/* --- opening ------------------------------------------------------------- */

static int by_count(void *arg)
{
    struct moirai_breaker_config c = MOIRAI_BREAKER_CONFIG_INIT;
    struct moirai_breaker b;

    (void)arg;
    c.window = 10;
    c.least = 4;
    CHECK_EQ(moirai_breaker_init(&b, &c), 0);
    calls(&b, 3, MOIRAI_BREAKER_FAILURE);
    CHECK_EQ(moirai_breaker_state(&b), MOIRAI_BREAKER_CLOSED);
    calls(&b, 1, MOIRAI_BREAKER_SUCCESS);   /* the fourth: 3 of 4 failed */
    CHECK_EQ(moirai_breaker_state(&b), MOIRAI_BREAKER_OPEN);
    CHECK_EQ(call(&b, MOIRAI_BREAKER_SUCCESS), -ECONNREFUSED);
    moirai_breaker_reset(&b);
    calls(&b, 6, MOIRAI_BREAKER_SUCCESS);
    calls(&b, 4, MOIRAI_BREAKER_FAILURE);
    CHECK_EQ(stats_of(&b).calls, 10);
    CHECK_EQ(stats_of(&b).failures, 4);
    calls(&b, 10, MOIRAI_BREAKER_IGNORED);
    calls(&b, 1, MOIRAI_BREAKER_FAILURE);   /* and a success leaves: 5 of 10 */
    CHECK_EQ(moirai_breaker_state(&b), MOIRAI_BREAKER_OPEN);
    CHECK_EQ(stats_of(&b).opened, 2);
    CHECK_EQ(stats_of(&b).refused, 1);
    CHECK_EQ(stats_of(&b).ignored, 10);
    CHECK_EQ(stats_of(&b).failed, 8);
    CHECK_EQ(stats_of(&b).succeeded, 7);
    return 0;
}

TEST(breaker, opens_when_enough_of_enough_calls_have_failed)
{
    play(by_count);
}

/* The last so many, whatever was before: as one counts them by hand. */
static int sliding(void *arg)
{
    for (uint32_t window = 1; window <= MOIRAI_BREAKER_WINDOW; window += 51) {
        struct moirai_breaker_config c = MOIRAI_BREAKER_CONFIG_INIT;
        struct moirai_breaker b;
        uint8_t log[1000];
        uint32_t x = window;

        (void)arg;
        c.window = window;
        c.failures = 100;
        CHECK_EQ(moirai_breaker_init(&b, &c), 0);
        for (uint32_t i = 0; i < 1000; i++) {
            uint32_t failures = 0;

            x = x * 1103515245 + 12345;
            log[i] = window > 20 ? x >> 16 & 1 : 0;
            calls(&b, 1, log[i] ? MOIRAI_BREAKER_FAILURE
                                : MOIRAI_BREAKER_SUCCESS);
            for (uint32_t j = i + 1 > window ? i + 1 - window : 0; j <= i; j++)
                failures += log[j];
            CHECK_EQ(stats_of(&b).failures, failures);
        }
    }
    return 0;
}

TEST(breaker, counts_the_last_calls_and_no_others)
{
    play(sliding);
}

static int by_time(void *arg)
{
    struct moirai_breaker_config c = MOIRAI_BREAKER_CONFIG_INIT;
    struct moirai_breaker b;
    int64_t start;

    (void)arg;
    c.window_ns = 16 * MOIRAI_MS;
    c.least = 10;
    CHECK_EQ(moirai_breaker_init(&b, &c), 0);
    start = moirai_now() / MOIRAI_MS * MOIRAI_MS + 20 * MOIRAI_MS;
    CHECK_EQ(moirai_sleep_until(start), 0);
    calls(&b, 9, MOIRAI_BREAKER_FAILURE);
    CHECK_EQ(moirai_sleep_until(start + 17 * MOIRAI_MS - NEAR), 0);
    CHECK_EQ(stats_of(&b).calls, 9);
    CHECK_EQ(moirai_sleep_until(start + 17 * MOIRAI_MS), 0);
    CHECK_EQ(stats_of(&b).calls, 0);        /* all of that slot at once */
    calls(&b, 9, MOIRAI_BREAKER_FAILURE);
    CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_S)), 0);
    calls(&b, 9, MOIRAI_BREAKER_FAILURE);
    CHECK_EQ(moirai_breaker_state(&b), MOIRAI_BREAKER_CLOSED);
    calls(&b, 1, MOIRAI_BREAKER_FAILURE);
    CHECK_EQ(moirai_breaker_state(&b), MOIRAI_BREAKER_OPEN);
    return 0;
}

TEST(breaker, forgets_what_is_older_than_its_window)
{
    play(by_time);
}

static int slow_calls(void *arg)
{
    struct moirai_breaker_config c = MOIRAI_BREAKER_CONFIG_INIT;
    struct moirai_breaker b;

    (void)arg;
    c.least = 4;
    c.slow = 50;
    c.slow_ns = MOIRAI_MS;
    CHECK_EQ(moirai_breaker_init(&b, &c), 0);
    for (int i = 0; i < 4; i++) {
        struct moirai_breaker_call slow;

        CHECK_EQ(moirai_breaker_begin(&b, &slow), 0);
        CHECK_EQ(moirai_sleep_until(moirai_after(i % 2 ? MOIRAI_MS
                                                 : MOIRAI_MS - NEAR)), 0);
        moirai_breaker_end(&b, &slow, MOIRAI_BREAKER_SUCCESS);
        CHECK_EQ(moirai_breaker_state(&b), i < 3 ? MOIRAI_BREAKER_CLOSED
                                                 : MOIRAI_BREAKER_OPEN);
    }
    CHECK_EQ(stats_of(&b).slow, 2);
    CHECK_EQ(stats_of(&b).succeeded, 4);
    return 0;
}

TEST(breaker, opens_when_calls_are_slow_however_they_end)
{
    play(slow_calls);
}

/* --- and back ------------------------------------------------------------ */

static int recovery(void *arg)
{
    struct moirai_breaker_config c = MOIRAI_BREAKER_CONFIG_INIT;
    struct moirai_breaker_call probe[3], late;
    struct moirai_breaker b;
    int64_t until;

    (void)arg;
    c.window = c.least = 1;
    c.probes = 3;
    c.open_ns = MOIRAI_S;
    CHECK_EQ(moirai_breaker_init(&b, &c), 0);
    CHECK_EQ(moirai_breaker_begin(&b, &late), 0);
    calls(&b, 1, MOIRAI_BREAKER_FAILURE);
    until = stats_of(&b).until_ns;
    CHECK_EQ(moirai_sleep_until(until - NEAR), 0);
    CHECK_EQ(moirai_breaker_begin(&b, &probe[0]), -ECONNREFUSED);
    CHECK_EQ(moirai_breaker_state(&b), MOIRAI_BREAKER_OPEN);
    CHECK_EQ(moirai_sleep_until(until), 0);
    CHECK_EQ(moirai_breaker_state(&b), MOIRAI_BREAKER_HALF_OPEN);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(moirai_breaker_begin(&b, &probe[i]), 0);
    CHECK_EQ(call(&b, MOIRAI_BREAKER_SUCCESS), -ECONNREFUSED);
    moirai_breaker_end(&b, &late, MOIRAI_BREAKER_FAILURE);  /* of before */
    moirai_breaker_end(&b, &probe[0], MOIRAI_BREAKER_SUCCESS);
    moirai_breaker_end(&b, &probe[0], MOIRAI_BREAKER_SUCCESS);
    moirai_breaker_end(&b, &probe[1], MOIRAI_BREAKER_IGNORED);
    CHECK_EQ(moirai_breaker_begin(&b, &probe[1]), 0);       /* in its place */
    CHECK_EQ(call(&b, MOIRAI_BREAKER_SUCCESS), -ECONNREFUSED);
    moirai_breaker_end(&b, &probe[2], MOIRAI_BREAKER_SUCCESS);
    CHECK_EQ(moirai_breaker_state(&b), MOIRAI_BREAKER_HALF_OPEN);
    moirai_breaker_end(&b, &probe[1], MOIRAI_BREAKER_SUCCESS);
    CHECK_EQ(moirai_breaker_state(&b), MOIRAI_BREAKER_CLOSED);
    CHECK_EQ(stats_of(&b).calls, 0);
    return 0;
}

TEST(breaker, closes_when_every_probe_succeeds)
{
    play(recovery);
}

static int relapse(void *arg)
{
    static const int64_t spans[] = { 1, 2, 4, 5, 5, 5 };    /* s */
    struct moirai_breaker_config c = MOIRAI_BREAKER_CONFIG_INIT;
    struct moirai_breaker b;

    (void)arg;
    c.window = c.least = 1;
    c.open_ns = MOIRAI_S;
    c.open_most_ns = 5 * MOIRAI_S;
    CHECK_EQ(moirai_breaker_init(&b, &c), 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 6; i++) {
            struct moirai_breaker_stats s;

            calls(&b, 1, MOIRAI_BREAKER_FAILURE);
            s = stats_of(&b);
            CHECK_EQ(s.state, MOIRAI_BREAKER_OPEN);
            CHECK_EQ(s.until_ns - s.since_ns, spans[i] * MOIRAI_S);
            CHECK_EQ(moirai_sleep_until(s.until_ns), 0);
        }
        calls(&b, 1, MOIRAI_BREAKER_SUCCESS);
        CHECK_EQ(moirai_breaker_state(&b), MOIRAI_BREAKER_CLOSED);
    }
    return 0;
}

TEST(breaker, stays_open_longer_each_time_that_probing_fails)
{
    play(relapse);
}

static int lost_probes(void *arg)
{
    struct moirai_breaker_config c = MOIRAI_BREAKER_CONFIG_INIT;
    struct moirai_breaker_call lost, probe;
    struct moirai_breaker b;

    (void)arg;
    c.window = c.least = 1;
    c.probe_ns = MOIRAI_MS;
    CHECK_EQ(moirai_breaker_init(&b, &c), 0);
    moirai_breaker_trip(&b, moirai_after(MOIRAI_MS));
    CHECK_EQ(call(&b, MOIRAI_BREAKER_SUCCESS), -ECONNREFUSED);
    CHECK_EQ(moirai_sleep_until(stats_of(&b).until_ns), 0);
    CHECK_EQ(moirai_breaker_begin(&b, &lost), 0);
    CHECK_EQ(moirai_sleep_until(stats_of(&b).until_ns - NEAR), 0);
    CHECK_EQ(moirai_breaker_begin(&b, &probe), -ECONNREFUSED);
    CHECK_EQ(moirai_sleep_until(stats_of(&b).until_ns), 0);
    CHECK_EQ(moirai_breaker_begin(&b, &probe), 0);
    CHECK_EQ(stats_of(&b).lost, 1);
    moirai_breaker_end(&b, &lost, MOIRAI_BREAKER_FAILURE);  /* too late */
    CHECK_EQ(moirai_breaker_state(&b), MOIRAI_BREAKER_HALF_OPEN);
    moirai_breaker_end(&b, &probe, MOIRAI_BREAKER_SUCCESS);
    CHECK_EQ(moirai_breaker_state(&b), MOIRAI_BREAKER_CLOSED);
    moirai_breaker_trip(&b, MOIRAI_NEVER);
    CHECK_EQ(moirai_sleep_until(moirai_after(3600 * MOIRAI_S)), 0);
    CHECK_EQ(moirai_breaker_state(&b), MOIRAI_BREAKER_OPEN);
    moirai_breaker_reset(&b);
    CHECK_EQ(call(&b, MOIRAI_BREAKER_SUCCESS), 0);
    return 0;
}

TEST(breaker, does_not_wait_for_probes_that_never_come_back)
{
    play(lost_probes);
}

/* --- calls that it makes ------------------------------------------------- */

struct seen {
    int n;
    enum moirai_breaker_state from[8], to[8];
};

static void note(enum moirai_breaker_state from, enum moirai_breaker_state to,
                 void *arg)
{
    struct seen *s = arg;

    s->from[s->n] = from;
    s->to[s->n++] = to;
}

static enum moirai_breaker_outcome odd_is_bad(int rc, void *arg)
{
    (void)arg;
    return rc % 2 ? MOIRAI_BREAKER_FAILURE : MOIRAI_BREAKER_SUCCESS;
}

static int echo(void *arg)
{
    return *(int *)arg;
}

static int give_up(void *arg)
{
    (void)arg;
    moirai_yield();
    moirai_fail(-EIO, "no more");
    return 0;
}

static int run_give_up(void *arg)
{
    return moirai_breaker_run(arg, give_up, NULL);
}

static int runs(void *arg)
{
    struct moirai_breaker_config c = MOIRAI_BREAKER_CONFIG_INIT;
    struct moirai_breaker b;
    struct moirai_scope scope;
    struct seen seen = { .n = 0 };
    int rc;

    (void)arg;
    c.window = c.least = 2;
    c.failures = 100;
    c.changed = note;
    c.arg = &seen;
    CHECK_EQ(moirai_breaker_init(&b, &c), 0);
    rc = -ECANCELED;
    for (int i = 0; i < 9; i++)
        CHECK_EQ(moirai_breaker_run(&b, echo, &rc), rc);
    rc = -EIO;
    CHECK_EQ(moirai_breaker_run(&b, echo, &rc), rc);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, run_give_up, &b), 0);
    CHECK_EQ(moirai_scope_end(&scope), -EIO);
    CHECK_EQ(moirai_breaker_run(&b, echo, &rc), -ECONNREFUSED);
    CHECK_EQ(seen.n, 1);
    CHECK_EQ(moirai_sleep_until(stats_of(&b).until_ns), 0);
    rc = 7;
    CHECK_EQ(moirai_breaker_run(&b, echo, &rc), 7);
    CHECK_EQ(seen.n, 3);
    CHECK_EQ(seen.to[0], MOIRAI_BREAKER_OPEN);
    CHECK_EQ(seen.to[1], MOIRAI_BREAKER_HALF_OPEN);
    CHECK_EQ(seen.from[2], MOIRAI_BREAKER_HALF_OPEN);
    CHECK_EQ(seen.to[2], MOIRAI_BREAKER_CLOSED);
    c.judge = odd_is_bad;
    CHECK_EQ(moirai_breaker_init(&b, &c), 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(moirai_breaker_run(&b, echo, &rc), 7);
    CHECK_EQ(moirai_breaker_run(&b, echo, &rc), -ECONNREFUSED);
    return 0;
}

TEST(breaker, judges_the_calls_it_makes_and_says_what_changes)
{
    play(runs);
}

TEST(breaker, refuses_what_makes_no_sense)
{
    static const struct moirai_breaker_config bad[] = {
        { .size = sizeof bad[0], .window = MOIRAI_BREAKER_WINDOW + 1 },
        { .size = sizeof bad[0], .window = 5, .least = 6 },
        { .size = sizeof bad[0], .window = 5, .window_ns = 1 },
        { .size = sizeof bad[0], .window_ns = -1 },
        { .size = sizeof bad[0], .failures = 101 },
        { .size = sizeof bad[0], .slow = 101 },
        { .size = sizeof bad[0], .slow_ns = -1 },
        { .size = sizeof bad[0], .open_ns = -1 },
        { .size = sizeof bad[0], .open_most_ns = -1 },
        { .size = sizeof bad[0], .probe_ns = -1 },
    };
    struct moirai_breaker b;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_EQ(moirai_breaker_init(&b, &bad[i]), -EINVAL);
    CHECK_EQ(moirai_breaker_init(&b, NULL), 0);
    CHECK_EQ(b.config.least, 20);
    CHECK_EQ(call(&b, MOIRAI_BREAKER_SUCCESS), 0);
}

/* --- many at once -------------------------------------------------------- */

struct crowd {
    struct moirai_breaker breaker;
    int turns, allowed, refused;
};

static int press(void *arg)
{
    struct crowd *c = arg;
    struct moirai_breaker_call call;

    for (int i = 0; i < c->turns; i++) {
        if (moirai_breaker_begin(&c->breaker, &call) != 0) {
            with_add(&c->refused, 1);
            if (i % 8 == 0)
                moirai_sleep_until(moirai_after(20 * MOIRAI_US));
            continue;
        }
        with_add(&c->allowed, 1);
        if (i % 3 == 0)
            moirai_yield();
        moirai_breaker_end(&c->breaker, &call,
                           i % 7 < 3 ? MOIRAI_BREAKER_FAILURE
                           : i % 7 < 6 ? MOIRAI_BREAKER_SUCCESS
                                       : MOIRAI_BREAKER_IGNORED);
    }
    return 0;
}

static void *press_thread(void *arg)
{
    CHECK_EQ(press(arg), 0);
    return NULL;
}

static void begin_crowd(struct crowd *c, int turns)
{
    struct moirai_breaker_config config = MOIRAI_BREAKER_CONFIG_INIT;

    config.window = 8;
    config.least = 4;
    config.probes = 2;
    config.open_ns = 30 * MOIRAI_US;
    *c = (struct crowd){ .turns = turns };
    CHECK_EQ(moirai_breaker_init(&c->breaker, &config), 0);
}

static void end_crowd(struct crowd *c)
{
    struct moirai_breaker_stats s = stats_of(&c->breaker);

    CHECK_EQ(s.allowed, c->allowed);
    CHECK_EQ(s.refused, c->refused);
    CHECK_EQ(s.succeeded + s.failed + s.ignored, c->allowed);
    CHECK(s.opened > 0);
}

static int pressing(void *arg)
{
    struct crowd c;
    struct moirai_scope scope;

    begin_crowd(&c, *(int *)arg);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(moirai_spawn(&scope, press, &c), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    end_crowd(&c);
    return 0;
}

TEST(breaker, counts_every_call_of_tasks_and_threads)
{
    struct moirai_runtime *rt;
    struct moirai_scope scope;
    pthread_t threads[4];
    struct crowd c;
    int few = 40, many = (int)with_times(500);

    with_seeds(60, pressing, &few);
    with_each(pressing, &many);
    rt = with_workers(2);
    begin_crowd(&c, many);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(moirai_spawn(&scope, press, &c), 0);
        CHECK_EQ(pthread_create(&threads[i], NULL, press_thread, &c), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    with_end(rt);
    end_crowd(&c);
}
