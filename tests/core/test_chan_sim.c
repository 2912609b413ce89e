/* SPDX-License-Identifier: MIT */
/*
 * test_chan_sim.c - a small program on channels, in a thousand orders.
 *
 * Built twice: once with the core as it is, where tasks change places when
 * they wait, and once with the core where they may at every atomic operation.
 */
#include "mem.h"
#include "talk.h"

struct small {
    struct moirai_chan *chan;
    struct moirai_chan *in[3];
    int64_t sent[3];                /* told the sender */
    int64_t got[2][3];
    int64_t last[2][3];
    int64_t canceled;
    int next_in, next_out;
};

static int produce(void *arg)
{
    struct small *small = arg;
    int me = small->next_in++;      /* one thread plays all */
    struct moirai_chan *chan = small->in[me];

    for (int64_t i = 0; i < 6; i += 2) {
        int64_t until = i == 2 ? moirai_after(200) : MOIRAI_NEVER;
        int64_t batch[2] = { me * 100 + i, me * 100 + i + 1 };
        int64_t n = moirai_chan_send_batch(chan, batch, 2, until);

        CHECK(n > 0 || n == -ETIMEDOUT || n == -EPIPE);
        small->sent[me] += n > 0 ? n : 0;
        if (n != 2)
            break;
    }
    moirai_chan_put(chan);
    return 0;
}

static int consume(void *arg)
{
    struct small *small = arg;
    int me = small->next_out++;
    int64_t got;
    int rc = 0;

    while (rc == 0 || rc == -ETIMEDOUT) {
        rc = moirai_chan_recv(small->chan, &got,
                              me == 0 ? MOIRAI_NEVER : moirai_after(300));
        if (rc == 0) {
            CHECK(small->last[me][got / 100] <= got);
            small->last[me][got / 100] = got + 1;
            small->got[me][got / 100]++;
        }
    }
    if (rc == -ECANCELED)
        small->canceled++;
    else
        CHECK_EQ(rc, -EPIPE);
    return 0;
}

static struct small small_on(size_t capacity)
{
    struct small small = { .canceled = 0 };
    struct moirai_chan *both = talk_ring_of_ints(NULL, capacity);

    small.chan = talk_dup(both, MOIRAI_RECV);
    for (int i = 0; i < 3; i++)
        small.in[i] = talk_dup(both, MOIRAI_SEND);
    moirai_chan_put(both);
    return small;
}

static void check_small(struct small *small, int left)
{
    int64_t rest[3] = { 0, 0, 0 };
    int64_t value;

    while ((value = talk_recv(small->chan, MOIRAI_NOW)) >= 0)
        rest[value / 100]++;
    CHECK(value == -EPIPE);
    for (int i = 0; i < 3; i++) {
        CHECK(left || rest[i] == 0);
        CHECK_EQ(small->got[0][i] + small->got[1][i] + rest[i],
                 small->sent[i]);
    }
    moirai_chan_put(small->chan);
}

/* The last sender to put its endpoint closes the channel. */
static int talk(void *arg)
{
    struct small small = small_on(*(size_t *)arg);
    struct moirai_scope scope;

    talk_begin(&scope);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(moirai_spawn(&scope, produce, &small), 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(moirai_spawn(&scope, consume, &small), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(small.canceled, 0);
    check_small(&small, 0);
    return 0;
}

/* Somebody closes it while they talk, or cancels the receivers. */
static int interrupt(void *arg)
{
    struct small small = small_on(*(size_t *)arg);
    struct moirai_scope senders;
    struct moirai_scope receivers;

    talk_begin(&senders);
    talk_begin(&receivers);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(moirai_spawn(&senders, produce, &small), 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(moirai_spawn(&receivers, consume, &small), 0);
    CHECK_EQ(moirai_sleep_until(moirai_after(1000)), 0);
    moirai_scope_cancel(&receivers);
    CHECK_EQ(moirai_sleep_until(moirai_after(100)), 0);
    moirai_chan_close(small.chan);
    CHECK_EQ(moirai_scope_end(&senders), 0);
    moirai_scope_end(&receivers);
    check_small(&small, 1);
    return 0;
}

TEST_LONG(chan_sim, talk_in_any_order, 180)
{
    for (size_t capacity = 0; capacity < 3; capacity++)
        with_seeds(1000, talk, &capacity);
}

TEST_LONG(chan_sim, interrupted_in_any_order, 180)
{
    for (size_t capacity = 0; capacity < 3; capacity++)
        with_seeds(1000, interrupt, &capacity);
}

/* The thread that plays the simulation is one of those that wait. */
static int send_five(void *arg)
{
    struct moirai_chan *chan = arg;

    for (int64_t i = 0; i < 5; i++)
        CHECK_EQ(talk_send(chan, i, MOIRAI_NEVER), 0);
    moirai_chan_put(chan);
    return 0;
}

TEST_LONG(chan_sim, plain_thread_takes_part, 180)
{
    unsigned seeds = with_times(1000);

    for (unsigned seed = 1; seed <= seeds; seed++) {
        struct moirai_runtime *rt = with_seed(seed);
        struct moirai_chan *both = talk_ring_of_ints(rt, seed % 3);
        struct moirai_chan *out = talk_dup(both, MOIRAI_RECV);
        int64_t until = moirai_after(MOIRAI_MS);

        CHECK_EQ(talk_recv(out, until), -ETIMEDOUT);
        CHECK(moirai_now() >= until);
        CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), send_five, both), 0);
        for (int64_t i = 0; i < 5; i++)
            CHECK_EQ(talk_recv(out, MOIRAI_NEVER), i);
        CHECK_EQ(talk_recv(out, MOIRAI_NEVER), -EPIPE);
        moirai_chan_put(out);
        with_end(rt);
    }
}

/* --- names ---------------------------------------------------------------- */

static int open_talk_put(void *arg)
{
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);

    (void)arg;
    for (int64_t i = 0; i < 3; i++) {
        struct moirai_chan *chan = NULL;

        CHECK_EQ(moirai_chan_open(NULL, "words", MOIRAI_BOTH, &elem, &chan,
                                  NULL), 0);
        CHECK_EQ(talk_send(chan, i, MOIRAI_NOW), 0);
        CHECK(talk_recv(chan, MOIRAI_NOW) >= 0);
        moirai_chan_put(chan);
    }
    return 0;
}

/* All the memory of a run comes back, so no channel was made in vain; and an
 * endpoint whose channel has gone would find it full of something else. */
static void open_with_seed(unsigned seed)
{
    struct moirai_config config = { .size = sizeof config };
    struct moirai_runtime *rt = NULL;
    struct moirai_error err = { 0 };
    char text[200];

    snprintf(text, sizeof text,
             "runtime: {workers: 3}\n"
             "scheduler: {plugin: sim, seed: %u}\n"
             "channels: {words: {capacity: 4}}\n", seed);
    config.text = text;
    mo_mem_watch(0);
    CHECK_FMT(moirai_start(&rt, &config, &err) == 0, "%s", err.text);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), open_talk_put, NULL),
                 0);
    with_end(rt);
}

TEST_LONG(chan_sim, name_is_opened_and_left_in_any_order, 180)
{
    unsigned seeds = with_times(1000);

    open_with_seed(0);              /* what stays for the next one */
    mo_mem_unwatch();
    for (unsigned seed = 1; seed <= seeds; seed++) {
        open_with_seed(seed);
        CHECK_FMT(mo_mem_unwatch().live == 0, "scheduler.seed=%u leaks",
                  seed);
    }
}
