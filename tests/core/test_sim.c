/* SPDX-License-Identifier: MIT */
/*
 * test_sim.c - the world in one thread: who may play it, how time passes, and
 * what a plain thread finds there.
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "os/os.h"
#include "with.h"
#include "worker.h"

static void park_a_second(void *arg)
{
    struct mo_os *os = arg;
    struct mo_parker parker = { .token = 0 };

    os->parker_init(os, &parker);
    CHECK(!mo_park(&parker, os->now(os) + MOIRAI_S));
}

TEST(sim, lets_time_pass_for_a_thread_that_is_joined)
{
    struct mo_os *os = mo_sim_open(1, 2);
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
    struct mo_os *os = mo_sim_open(1, 1);
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

    CHECK(mo_sim_open(4, 1) == NULL);
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
