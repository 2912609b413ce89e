/* SPDX-License-Identifier: MIT */
/*
 * test_sim.c - the world in one thread: who may play it, how time passes, and
 * what a plain thread finds there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <moirai/sched.h>

#include "check.h"
#include "os/os.h"
#include "with.h"
#include "worker.h"

static struct mo_os *open_simulation(uint64_t seed, uint32_t threads)
{
    struct moirai_sim_config config = { .seed = seed };
    struct mo_os *os = NULL;
    int rc = mo_sim_open(&config, threads, &os);

    CHECK(rc == 0 || rc == -EBUSY);
    return os;
}

static void park_a_second(void *arg)
{
    struct mo_os *os = arg;
    struct mo_parker parker = { .token = 0 };

    os->parker_init(os, &parker);
    CHECK(!mo_park(&parker, os->now(os) + MOIRAI_S));
}

TEST(sim, lets_time_pass_for_a_thread_that_is_joined)
{
    struct mo_os *os = open_simulation(1, 2);
    struct mo_thread thread = { .body = park_a_second, .arg = os,
                                .name = "sleeper" };
    int64_t before;

    CHECK(os != NULL && mo_sim_here(os));
    before = os->now(os);
    CHECK_EQ(os->start(os, &thread), 0);
    os->join(os, &thread);
    CHECK(os->now(os) - before >= MOIRAI_S);
    mo_sim_close(os);
}

TEST(sim, has_room_for_as_many_threads_as_it_was_opened_for)
{
    struct mo_os *os = open_simulation(1, 1);
    struct mo_thread threads[2];

    CHECK(os != NULL);
    for (int i = 0; i < 2; i++)
        threads[i] = (struct mo_thread){ .body = park_a_second, .arg = os };
    CHECK_EQ(os->start(os, &threads[0]), 0);
    CHECK_EQ(os->start(os, &threads[1]), -EAGAIN);
    os->join(os, &threads[0]);
    mo_sim_close(os);
}

TEST(sim, is_played_by_one_thread_at_a_time)
{
    static const char *const set[] = { "scheduler.plugin=sim", NULL };
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_runtime *first = with_seed(3);
    struct moirai_runtime *second = NULL;
    struct moirai_error err = { .text = "" };

    CHECK(open_simulation(4, 1) == NULL);
    CHECK_EQ(moirai_start(&second, &config, &err), -EBUSY);
    CHECK_STR(err.text, "scheduler sim: this thread plays another "
                        "simulation");
    CHECK(second == NULL);
    with_end(first);
}

TEST(sim, gives_plugins_its_clock)
{
    struct moirai_runtime *rt = with_seed(3);
    int64_t before = rt->host.now(rt->host.ctx);

    CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_S)), 0);
    CHECK(rt->host.now(rt->host.ctx) - before >= MOIRAI_S);
    CHECK(rt->host.now(rt->host.ctx) - before < 2 * MOIRAI_S);
    with_end(rt);
}

/* --- a deadline and a message at the same time --------------------------- */

struct meeting {
    struct moirai_chan *chan;
    int64_t at;
};

static int send_at(void *arg)
{
    struct meeting *m = arg;
    int message = 9;
    int rc;

    moirai_sleep_until(m->at);
    rc = moirai_chan_send(m->chan, &message, moirai_after(MOIRAI_MS));
    CHECK(rc == 0 || rc == -ETIMEDOUT);
    return rc == 0;
}

/* Whichever comes first, both sides agree whether there was a message. */
TEST(sim, lets_a_plain_thread_miss_a_deadline_or_a_message_not_both)
{
    static const char *const none[] = { "capacity=0", NULL };
    struct moirai_elem elem = MOIRAI_ELEM(int);
    unsigned came = 0;

    for (unsigned seed = 1; seed <= with_times(300); seed++) {
        struct moirai_runtime *rt = with_seed(seed);
        struct meeting m = { .at = moirai_after(100 * MOIRAI_US) };
        struct moirai_handle *handle;
        int message = 0, sent = 0, rc;

        CHECK_EQ(moirai_chan_make(rt, NULL, none, &elem, &m.chan, NULL), 0);
        CHECK_EQ(moirai_spawn_with(moirai_runtime_scope(rt), send_at, &m, NULL,
                                   &handle), 0);
        rc = moirai_chan_recv(m.chan, &message, m.at + 50 * (seed % 40));
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &sent), 0);
        CHECK_FMT((rc == 0) == (sent == 1) && (rc != 0 || message == 9),
                  "scheduler.seed=%u: received %d, sent %d", seed, rc, sent);
        came += rc == 0;
        moirai_handle_put(handle);
        moirai_chan_put(m.chan);
        with_end(rt);
    }
    CHECK(came > 0);
}

/* --- strategies ----------------------------------------------------------- */

#define LONG 20                     /* yields */

static int shared;                  /* wrong while it is 1 */
static int seen;                    /* at the end of who relies on it */

static int break_and_mend(void *arg)
{
    (void)arg;
    shared = 1;
    moirai_yield();
    shared = 0;
    return 0;
}

static int take_long(void *arg)
{
    (void)arg;
    for (int i = 0; i < LONG; i++)
        moirai_yield();
    seen |= shared;
    return 0;
}

/* What is wrong for one turn is seen by who takes twenty before he looks: only
 * where one waits for as long as that. */
static int program(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    shared = seen = 0;
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    CHECK_EQ(moirai_spawn(&scope, break_and_mend, NULL), 0);
    CHECK_EQ(moirai_spawn(&scope, take_long, NULL), 0);
    CHECK_EQ(moirai_spawn(&scope, take_long, NULL), 0);
    return moirai_scope_end(&scope);
}

static struct moirai_runtime *start_with(unsigned seed, const char *more,
                                         const char *last)
{
    char text[40];
    const char *const set[] = { "scheduler.plugin=sim", "runtime.workers=1",
                                text, more, last, NULL };

    snprintf(text, sizeof text, "scheduler.seed=%u", seed);
    return with_settings(set);
}

static unsigned times_found(const char *strategy, const char *more,
                            unsigned seeds)
{
    unsigned found = 0;

    for (unsigned seed = 1; seed <= seeds; seed++) {
        struct moirai_runtime *rt = start_with(seed, strategy, more);

        CHECK_EQ(moirai_run(rt, program, NULL), 0);
        with_end(rt);
        found += seen;
    }
    return found;
}

TEST(sim, finds_by_pct_what_chance_does_not)
{
    unsigned told, untold;

    CHECK_EQ(times_found("scheduler.strategy=random", NULL, 300), 0);
    told = times_found("scheduler.strategy=pct", "scheduler.steps=60", 300);
    untold = times_found("scheduler.strategy=pct", NULL, 300);
    CHECK_FMT(told >= 2 && untold >= 1, "%u, %u", told, untold);
}

TEST(sim, finds_nothing_by_pct_that_takes_more_changes)
{
    CHECK_EQ(times_found("scheduler.strategy=pct", "scheduler.depth=1", 200),
             0);
}

static char order[8];

static int note(void *arg)
{
    order[strlen(order)] = *(const char *)arg;
    return 0;
}

static int note_three(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    memset(order, 0, sizeof order);
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    for (const char *name = "abc"; *name != '\0'; name++)
        CHECK_EQ(moirai_spawn(&scope, note, (void *)(uintptr_t)name), 0);
    return moirai_scope_end(&scope);
}

static const char *order_of(const char *choices)
{
    struct moirai_runtime *rt = start_with(1, "scheduler.strategy=given",
                                           choices);

    CHECK_EQ(moirai_run(rt, note_three, NULL), 0);
    with_end(rt);
    return order;
}

TEST(sim, takes_the_choices_that_it_is_given)
{
    CHECK_STR(order_of("scheduler.choices=0.1"), "abc");
    CHECK_STR(order_of("scheduler.choices=1.0"), "bac");
    CHECK_STR(order_of("scheduler.choices=2.1"), "cba");
}

TEST(sim, says_where_it_cannot_write_its_choices)
{
    static const char *const set[] = { "scheduler.plugin=sim",
                                       "scheduler.record=/nowhere/record",
                                       NULL };
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_runtime *rt = NULL;
    struct moirai_error err = { .text = "" };

    CHECK_EQ(moirai_start(&rt, &config, &err), -ENOENT);
    CHECK_STR(err.text, "scheduler sim: /nowhere/record cannot be written: No "
                        "such file or directory");
    CHECK(mo_os_here()->sim == NULL);
}

TEST(sim, says_where_it_cannot_write_its_events)
{
    static const char *const set[] = { "runtime.trace_file=/nowhere/events",
                                       NULL };
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_runtime *rt = NULL;
    struct moirai_error err = { .text = "" };

    CHECK_EQ(moirai_start(&rt, &config, &err), -ENOENT);
    CHECK_STR(err.text, "runtime.trace_file: /nowhere/events cannot be "
                        "written: No such file or directory");
}
