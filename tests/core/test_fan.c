/* SPDX-License-Identifier: MIT */
/*
 * test_fan.c - fans: who gets a message, and that none is lost while receivers
 * come and go.
 */
#include "row.h"

#define SENT 600
#define SENDERS 3

static struct moirai_fan *fan_of(enum moirai_spread how)
{
    struct moirai_fan *fan;

    CHECK_EQ(moirai_fan_open(&fan, how, sizeof(int64_t)), 0);
    return fan;
}

static int put(struct moirai_fan *fan, int64_t value)
{
    return moirai_fan_send(fan, (uint64_t)value, &value, MOIRAI_NOW);
}

/* --- who gets it --------------------------------------------------------- */

static int chooses(void *arg)
{
    struct moirai_fan *turns = fan_of(MOIRAI_SPREAD_TURNS);
    struct moirai_fan *least = fan_of(MOIRAI_SPREAD_LEAST);
    struct moirai_chan *a = talk_ring_of_ints(NULL, 8);
    struct moirai_chan *b = talk_ring_of_ints(NULL, 8);

    (void)arg;
    CHECK_EQ(moirai_fan_add(turns, a, 1), 0);
    CHECK_EQ(moirai_fan_add(turns, b, 2), 0);
    CHECK_EQ(moirai_fan_count(turns), 2);
    for (int64_t i = 0; i < 4; i++)
        CHECK_EQ(put(turns, i), 0);
    CHECK(moirai_chan_length(a) == 2 && moirai_chan_length(b) == 2);
    CHECK_EQ(talk_recv(a, MOIRAI_NOW), 0);
    CHECK_EQ(talk_recv(a, MOIRAI_NOW), 2);
    CHECK_EQ(moirai_fan_add(least, a, 1), 0);
    CHECK_EQ(moirai_fan_add(least, b, 2), 0);
    for (int64_t i = 0; i < 4; i++)
        CHECK_EQ(put(least, i), 0);
    CHECK(moirai_chan_length(a) == 3 && moirai_chan_length(b) == 3);
    CHECK_EQ(moirai_fan_remove(least, a), 0);
    for (int64_t i = 0; i < 5; i++)
        CHECK_EQ(put(least, i), 0);
    CHECK_EQ(put(least, 9), -EAGAIN);
    CHECK(moirai_chan_length(a) == 3 && moirai_chan_length(b) == 8);
    moirai_fan_close(turns);
    moirai_fan_close(least);
    moirai_chan_put(a);
    moirai_chan_put(b);
    return 0;
}

TEST(fan, takes_turns_or_the_one_that_holds_the_least)
{
    with_one(1, chooses, NULL);
}

#define CHANS 8

/* Which channel has a key, or -1. */
static void look_for_keys(struct moirai_chan **chans, int *where)
{
    for (int c = 0; c < CHANS; c++) {
        int64_t key;

        while ((key = talk_recv(chans[c], MOIRAI_NOW)) >= 0)
            where[key] = c;
    }
}

static void send_keys(struct moirai_fan *fan, struct moirai_chan **chans,
                      int *where)
{
    for (int64_t key = 0; key < SENT; key++)
        CHECK_EQ(put(fan, key), 0);
    look_for_keys(chans, where);
}

static int keeps_keys(void *arg)
{
    struct moirai_fan *fan = fan_of(MOIRAI_SPREAD_KEY);
    struct moirai_chan *chans[CHANS];
    int all[SENT], less[SENT], again[SENT];
    int moved = 0;

    (void)arg;
    for (uint64_t i = 0; i < CHANS; i++) {
        chans[i] = talk_ring_of_ints(NULL, SENT);
        CHECK_EQ(moirai_fan_add(fan, chans[i], i), 0);
    }
    CHECK_EQ(moirai_fan_add(fan, chans[0], 3), -EEXIST);
    send_keys(fan, chans, all);
    CHECK_EQ(moirai_fan_remove(fan, chans[5]), 0);
    send_keys(fan, chans, less);
    CHECK_EQ(moirai_fan_add(fan, chans[5], 5), 0);
    send_keys(fan, chans, again);
    for (int i = 0; i < SENT; i++) {
        CHECK_EQ(again[i], all[i]);
        CHECK(less[i] == all[i] || all[i] == 5);
        moved += less[i] != all[i];
    }
    CHECK(moved > SENT / CHANS / 2 && moved < SENT / CHANS * 2);
    for (int i = 0; i < CHANS; i++)
        moirai_chan_put(chans[i]);
    moirai_fan_close(fan);
    return 0;
}

TEST(fan, moves_only_the_keys_of_who_comes_or_goes)
{
    with_one(1, keeps_keys, NULL);
}

/* --- what it refuses ----------------------------------------------------- */

static int mistakes(void *arg)
{
    struct moirai_fan *fan = NULL;
    struct moirai_elem elem = MOIRAI_ELEM(char);
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 1);
    struct moirai_chan *other = talk_ring(NULL, 1, &elem);
    struct moirai_chan *deaf = talk_dup(chan, MOIRAI_RECV);

    (void)arg;
    CHECK_EQ(moirai_fan_open(&fan, (enum moirai_spread)4, 8), -EINVAL);
    fan = fan_of(MOIRAI_SPREAD_TURNS);
    CHECK_EQ(moirai_fan_add(fan, NULL, 0), -EBADF);
    CHECK_EQ(moirai_fan_add(fan, deaf, 0), -EBADF);
    CHECK_EQ(moirai_fan_add(fan, other, 0), -EINVAL);
    CHECK_EQ(moirai_fan_remove(fan, chan), -ENOENT);
    CHECK_EQ(put(fan, 1), -EAGAIN);
    CHECK_EQ(moirai_fan_count(fan), 0);
    CHECK_EQ(moirai_fan_add(fan, chan, 0), 0);
    CHECK_EQ(moirai_chan_close(chan), 0);
    CHECK_EQ(put(fan, 1), -EAGAIN);
    CHECK_EQ(moirai_fan_count(fan), 0);
    moirai_fan_stop(fan);
    CHECK_EQ(put(fan, 1), -EPIPE);
    moirai_fan_close(fan);
    moirai_fan_close(NULL);
    moirai_chan_put(deaf);
    moirai_chan_put(other);
    moirai_chan_put(chan);
    return 0;
}

TEST(fan, refuses_what_it_cannot_send_to)
{
    with_one(1, mistakes, NULL);
}

/* --- coming and going ---------------------------------------------------- */

struct crowd {
    struct moirai_fan *fan;
    int64_t sent, received;         /* atomic: how many */
    int64_t total;                  /* atomic: of what was received */
};

static int send_many(void *arg)
{
    struct crowd *crowd = arg;

    for (int64_t i = 1; i <= SENT; i++)
        CHECK_EQ(moirai_fan_send(crowd->fan, (uint64_t)i, &i, MOIRAI_NEVER),
                 0);
    if (with_add(&crowd->sent, 1) == SENDERS)
        moirai_fan_stop(crowd->fan);
    return 0;
}

static void take(struct crowd *crowd, int64_t value)
{
    with_add(&crowd->received, 1);
    with_add(&crowd->total, value);
}

/* Comes, receives some, closes its channel, receives what is left, and goes. */
static int visit(struct crowd *crowd, uint64_t id, int64_t some)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 4);
    int64_t value;

    CHECK_EQ(moirai_fan_add(crowd->fan, chan, id), 0);
    for (int64_t i = 0; i < some; i++) {
        value = talk_recv(chan, moirai_after(MOIRAI_MS));
        if (value >= 0)
            take(crowd, value);
    }
    CHECK_EQ(moirai_chan_close(chan), 0);
    while ((value = talk_recv(chan, MOIRAI_NEVER)) >= 0)
        take(crowd, value);
    if (id % 2 == 0)
        moirai_fan_remove(crowd->fan, chan);    /* it may be out already */
    moirai_chan_put(chan);
    return 0;
}

struct visitor {
    struct crowd *crowd;
    uint64_t id;
};

static int visit_again(void *arg)
{
    struct visitor *visitor = arg;
    struct crowd *crowd = visitor->crowd;
    int64_t some = 3;

    while (with_get(&crowd->received) < SENDERS * SENT) {
        visit(crowd, visitor->id, some);
        some = some % 17 + 5;
    }
    return 0;
}

static int all_arrive(void *arg)
{
    struct crowd crowd = { fan_of(*(enum moirai_spread *)arg), 0, 0, 0 };
    struct visitor visitors[4];
    struct moirai_scope scope;

    talk_begin(&scope);
    for (int i = 0; i < SENDERS; i++)
        CHECK_EQ(moirai_spawn(&scope, send_many, &crowd), 0);
    for (uint64_t i = 0; i < 4; i++) {
        visitors[i] = (struct visitor){ &crowd, i };
        CHECK_EQ(moirai_spawn(&scope, visit_again, &visitors[i]), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(crowd.received, SENDERS * SENT);
    CHECK_EQ(crowd.total, SENDERS * (SENT + 1) * SENT / 2);
    moirai_fan_close(crowd.fan);
    return 0;
}

TEST(fan, loses_nothing_while_receivers_come_and_go)
{
    for (enum moirai_spread how = MOIRAI_SPREAD_TURNS;
         how <= MOIRAI_SPREAD_RANDOM; how++) {
        with_each(all_arrive, &how);
        with_seeds(10, all_arrive, &how);
    }
}

static int send_one(void *arg)
{
    return moirai_fan_send(arg, 0, &(int64_t){ 7 }, MOIRAI_NEVER);
}

/* Before there is a channel: one that is added has it, a stop ends the wait. */
static int waits(void *arg)
{
    struct moirai_fan *fan = fan_of(MOIRAI_SPREAD_LEAST);
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 0);
    struct moirai_handle *handle;
    int64_t value = 7;
    int result;

    (void)arg;
    CHECK_EQ(moirai_fan_send(fan, 0, &value, moirai_after(1)), -ETIMEDOUT);
    CHECK_EQ(moirai_spawn_with(NULL, send_one, fan, NULL, &handle), 0);
    moirai_yield();
    CHECK_EQ(moirai_fan_add(fan, chan, 0), 0);
    CHECK_EQ(talk_recv(chan, MOIRAI_NEVER), 7);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, 0);
    moirai_handle_put(handle);
    CHECK_EQ(moirai_fan_remove(fan, chan), 0);
    CHECK_EQ(moirai_spawn_with(NULL, send_one, fan, NULL, &handle), 0);
    moirai_yield();
    moirai_fan_stop(fan);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, -EPIPE);
    moirai_handle_put(handle);
    moirai_fan_close(fan);
    moirai_chan_put(chan);
    return 0;
}

TEST(fan, waits_until_there_is_somebody)
{
    with_each(waits, NULL);
    with_seeds(60, waits, NULL);
}

/* --- at the end of a stream ---------------------------------------------- */

static int receive_boxes(void *arg)
{
    struct box box;

    while (moirai_chan_recv(arg, &box, MOIRAI_NEVER) == 0)
        box_drop(&box, NULL);
    return 0;
}

static int ends_a_stream(void *arg)
{
    struct moirai_elem elem = box_elem();
    struct moirai_chan *chans[2] = { talk_ring(NULL, 2, &elem),
                                     talk_ring(NULL, 2, &elem) };
    struct moirai_stream_report report = { .size = sizeof report };
    struct moirai_fan *fan;
    struct moirai_scope scope;
    int64_t made = 0;

    (void)arg;
    CHECK_EQ(moirai_fan_open(&fan, MOIRAI_SPREAD_TURNS, sizeof(struct box)),
             0);
    talk_begin(&scope);
    for (uint64_t i = 0; i < 2; i++) {
        CHECK_EQ(moirai_fan_add(fan, chans[i], i), 0);
        CHECK_EQ(moirai_spawn(&scope, receive_boxes, chans[i]), 0);
    }
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, &report,
                 moirai_stream_generate(box_source, &made, box_elem()),
                 moirai_stream_fan(fan, NULL, NULL)), 0);
    CHECK_EQ(report.delivered, MANY);
    moirai_fan_stop(fan);
    made = 0;
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, &report,
                 moirai_stream_generate(box_source, &made, box_elem()),
                 moirai_stream_fan(fan, NULL, NULL)), 0);
    CHECK_EQ(report.delivered, 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(moirai_chan_close(chans[i]), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, &report,
                 moirai_stream_generate(box_source, &made, box_elem()),
                 moirai_stream_fan(NULL, NULL, NULL)), -EINVAL);
    moirai_fan_close(fan);
    for (int i = 0; i < 2; i++)
        moirai_chan_put(chans[i]);
    CHECK_EQ(with_get(&boxes), 0);
    return 0;
}

TEST(fan, ends_a_stream)
{
    with_each(ends_a_stream, NULL);
    with_seeds(10, ends_a_stream, NULL);
}
