/* SPDX-License-Identifier: MIT */
/*
 * test_pressure.c - what those who send learn of those who cannot keep up: that
 * they have to wait, through as many channels as there are, or that what they
 * send is dropped.
 */
#include "talk.h"

static struct moirai_chan *dropping(const char *policy)
{
    const char *const options[] = { "capacity=3", policy, NULL };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *chan;

    CHECK_EQ(moirai_chan_make(NULL, NULL, options, &elem, &chan, NULL), 0);
    return chan;
}

static bool is_set(struct moirai_event *event)
{
    return moirai_event_wait(event, MOIRAI_NOW) == 0;
}

/* --- drops --------------------------------------------------------------- */

static int tells_each(void *policy)
{
    struct moirai_event first = MOIRAI_EVENT_INIT;
    struct moirai_event second = MOIRAI_EVENT_INIT;
    struct moirai_chan *chan = dropping(policy);
    struct moirai_chan *other = talk_dup(chan, MOIRAI_SEND);

    CHECK_EQ(moirai_chan_tell_drops(chan, &first), 0);
    CHECK_EQ(moirai_chan_tell_drops(other, &second), 0);
    for (int64_t i = 0; i < 3; i++)
        CHECK_EQ(talk_send(chan, i, MOIRAI_NEVER), 0);
    CHECK(!is_set(&first) && !is_set(&second));
    CHECK_EQ(talk_send(chan, 3, MOIRAI_NEVER), 0);
    CHECK(is_set(&first) && is_set(&second));
    moirai_event_clear(&first);
    moirai_event_clear(&second);
    CHECK_EQ(moirai_chan_tell_drops(chan, NULL), 0);
    CHECK_EQ(talk_send(chan, 4, MOIRAI_NEVER), 0);
    CHECK(!is_set(&first) && is_set(&second));
    moirai_event_clear(&second);
    CHECK_EQ(moirai_chan_tell_drops(chan, &second), 0);
    CHECK_EQ(moirai_chan_tell_drops(chan, &first), 0);
    moirai_chan_put(other);
    CHECK_EQ(talk_send(chan, 5, MOIRAI_NEVER), 0);
    CHECK(is_set(&first) && !is_set(&second));
    moirai_chan_put(chan);
    return 0;
}

static int tells_nobody(void *arg)
{
    struct moirai_event event = MOIRAI_EVENT_INIT;
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 1);

    (void)arg;
    CHECK_EQ(moirai_chan_tell_drops(NULL, &event), -EBADF);
    CHECK_EQ(moirai_chan_tell_drops(chan, &event), 0);
    CHECK_EQ(talk_send(chan, 1, MOIRAI_NOW), 0);
    CHECK_EQ(talk_send(chan, 1, MOIRAI_NOW), -EAGAIN);
    CHECK(!is_set(&event));
    moirai_chan_put(chan);
    return 0;
}

TEST(pressure, tells_each_endpoint_that_asked_of_drops)
{
    with_each(tells_each, "overflow=drop-newest");
    with_each(tells_each, "overflow=drop-oldest");
    with_one(1, tells_nobody, NULL);
}

/* A source that is told of drops two channels further on, and slows down. */
struct chain {
    struct moirai_chan *near, *far;
    struct moirai_event drops;
    int64_t sent, told, received;
};

static int forward(void *arg)
{
    struct chain *chain = arg;
    int64_t value;

    MOIRAI_RECV_EACH(chain->near, &value)
        CHECK_EQ(talk_send(chain->far, value, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_chan_close(chain->far), 0);
    return 0;
}

static int receive_slowly(void *arg)
{
    struct chain *chain = arg;
    int64_t value;

    MOIRAI_RECV_EACH(chain->far, &value) {
        chain->received++;
        CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    }
    return 0;
}

static int send_as_told(void *arg)
{
    struct chain *chain = arg;
    int64_t pause_ns = 1;

    for (; chain->sent < 300; chain->sent++) {
        struct moirai_case cases[] = {
            MOIRAI_ON_EVENT(&chain->drops),
            MOIRAI_ON_TIME(moirai_after(pause_ns)),
        };

        if (moirai_select(cases, 2, MOIRAI_NEVER) == 0) {
            moirai_event_clear(&chain->drops);
            chain->told++;
            pause_ns *= 2;
            CHECK_EQ(moirai_sleep_until(moirai_after(5 * MOIRAI_MS)), 0);
        }
        CHECK_EQ(talk_send(chain->near, chain->sent, MOIRAI_NEVER), 0);
    }
    CHECK_EQ(moirai_chan_close(chain->near), 0);
    return 0;
}

static int slows_down(void *arg)
{
    struct chain chain = { .drops = MOIRAI_EVENT_INIT };
    struct moirai_scope scope;
    int64_t dropped;

    (void)arg;
    chain.near = talk_ring_of_ints(NULL, 2);
    chain.far = dropping("overflow=drop-oldest");
    CHECK_EQ(moirai_chan_tell_drops(chain.far, &chain.drops), 0);
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, forward, &chain), 0);
    CHECK_EQ(moirai_spawn(&scope, receive_slowly, &chain), 0);
    CHECK_EQ(moirai_spawn(&scope, send_as_told, &chain), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    dropped = (int64_t)moirai_chan_dropped(chain.far);
    CHECK_EQ(chain.received + dropped, 300);
    CHECK(chain.told > 0 && chain.told <= dropped);
    CHECK(dropped < 150);           /* all but a few, were it not told */
    moirai_chan_put(chain.near);
    moirai_chan_put(chain.far);
    return 0;
}

TEST(pressure, reaches_a_source_that_can_slow_down)
{
    with_seeds(20, slows_down, NULL);
}

/* Endpoints that are told come and go while others drop. */
static int come_and_go(void *arg)
{
    for (int i = 0; i < 200; i++) {
        struct moirai_chan *mine = talk_dup(arg, MOIRAI_SEND);
        struct moirai_event event = MOIRAI_EVENT_INIT;

        CHECK_EQ(moirai_chan_tell_drops(mine, &event), 0);
        for (int64_t k = 0; k < 5; k++)
            CHECK_EQ(talk_send(mine, k, MOIRAI_NEVER), 0);
        if (i % 2 == 0)
            CHECK_EQ(moirai_chan_tell_drops(mine, NULL), 0);
        moirai_chan_put(mine);
        moirai_yield();
    }
    return 0;
}

static int many_are_told(void *policy)
{
    struct moirai_chan *chan = dropping(policy);
    struct moirai_scope scope;

    talk_begin(&scope);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(moirai_spawn(&scope, come_and_go, chan), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(moirai_chan_dropped(chan) + moirai_chan_length(chan), 4000);
    moirai_chan_put(chan);
    return 0;
}

TEST(pressure, tells_nobody_who_has_gone)
{
    with_each(many_are_told, "overflow=drop-oldest");
    with_seeds(5, many_are_told, "overflow=drop-newest");
}

/* --- waiting ------------------------------------------------------------- */

#define HOPS 5

struct hop {
    struct moirai_chan *from, *to;
    int64_t *passed;
};

static int pass_on(void *arg)
{
    struct hop *hop = arg;
    int64_t value;

    MOIRAI_RECV_EACH(hop->from, &value) {
        if (talk_send(hop->to, value, MOIRAI_NEVER) != 0)
            return 0;
        ++*hop->passed;
    }
    return 0;
}

static int send_on(void *arg)
{
    struct hop *hop = arg;

    while (talk_send(hop->to, *hop->passed, MOIRAI_NEVER) == 0)
        ++*hop->passed;
    return 0;
}

/* Nobody receives at the end: what has been sent is what all of them hold, and
 * each message that is taken lets one more in at the beginning. */
static int stops_at_the_source(void *arg)
{
    struct moirai_chan *chans[HOPS];
    struct hop hops[HOPS];
    int64_t passed[HOPS] = { 0 };
    struct moirai_scope scope;

    (void)arg;
    talk_begin(&scope);
    for (int i = 0; i < HOPS; i++) {
        chans[i] = talk_ring_of_ints(NULL, 3);
        hops[i] = (struct hop){ i > 0 ? chans[i - 1] : NULL, chans[i],
                                &passed[i] };
        CHECK_EQ(moirai_spawn(&scope, i > 0 ? pass_on : send_on, &hops[i]), 0);
    }
    for (int64_t taken = 0; taken < 50; taken++) {
        CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_S)), 0);
        CHECK_EQ(passed[0], taken + HOPS * 3 + HOPS - 1);
        CHECK_EQ(talk_recv(chans[HOPS - 1], MOIRAI_NEVER), taken);
    }
    for (int i = 0; i < HOPS; i++)
        CHECK_EQ(moirai_chan_close(chans[i]), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < HOPS; i++)
        moirai_chan_put(chans[i]);
    return 0;
}

TEST(pressure, passes_through_a_chain_of_channels)
{
    with_seeds(10, stops_at_the_source, NULL);
}
