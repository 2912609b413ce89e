/* SPDX-License-Identifier: MIT */
/*
 * test_typed.c - channels that know the type of their messages, and loops over
 * channels. That a wrong type does not compile is tests/check_typed.sh's.
 */
#include <moirai/typed.h>

#include "talk.h"

struct order {
    int64_t number;
    char what[24];
};

typedef MOIRAI_CHAN_OF(struct order) orders_of;

static int send_three(void *arg)
{
    orders_of orders = { .chan = arg };
    struct order batch[2] = { { .number = 2 }, { .number = 3 } };
    const struct order first = { .number = 1 };

    CHECK_EQ(MOIRAI_TYPED_SEND(orders, &first, MOIRAI_NEVER), 0);
    CHECK_EQ(MOIRAI_TYPED_SEND_BATCH(orders, batch, 2, MOIRAI_NEVER), 2);
    return moirai_chan_close(orders.chan);
}

static int talk_typed(void *arg)
{
    struct moirai_scope scope;
    struct order order = { .number = 0 };
    int64_t sum = 0;
    orders_of orders;

    (void)arg;
    CHECK_EQ(MOIRAI_TYPED_MAKE(orders, NULL, "ring", NULL, NULL), 0);
    CHECK_EQ(MOIRAI_TYPED_PEEK(orders, &order), -EAGAIN);
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, send_three, orders.chan), 0);
    CHECK_EQ(MOIRAI_TYPED_RECV(orders, &order, MOIRAI_NEVER), 0);
    CHECK_EQ(order.number, 1);
    MOIRAI_TYPED_EACH(orders, &order)
        sum += order.number;
    CHECK_EQ(sum, 5);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(MOIRAI_TYPED_RECV_BATCH(orders, &order, 0, 1, MOIRAI_NOW),
             -EPIPE);
    moirai_chan_put(orders.chan);
    return 0;
}

TEST(typed, channels_do_what_the_functions_do)
{
    with_each(talk_typed, NULL);
    with_seeds(50, talk_typed, NULL);
}

static int open_typed(void *arg)
{
    MOIRAI_CHAN_OF(int64_t) in;
    MOIRAI_CHAN_OF(int64_t) out;
    MOIRAI_CHAN_OF(int32_t) narrow;
    struct moirai_error err = { 0 };
    int64_t value = 5;

    (void)arg;
    CHECK_EQ(MOIRAI_TYPED_OPEN(in, NULL, "words", MOIRAI_SEND, NULL), 0);
    CHECK_EQ(MOIRAI_TYPED_OPEN(out, NULL, "words", MOIRAI_RECV, &err), 0);
    CHECK_EQ(MOIRAI_TYPED_OPEN(narrow, NULL, "words", MOIRAI_RECV, &err),
             -EINVAL);
    CHECK_EQ(MOIRAI_TYPED_SEND(in, &value, MOIRAI_NOW), 0);
    CHECK_EQ(MOIRAI_TYPED_RECV(out, &value, MOIRAI_NOW), 0);
    moirai_chan_put(in.chan);
    moirai_chan_put(out.chan);
    return 0;
}

TEST(typed, channels_are_opened_by_name)
{
    struct moirai_runtime *rt = with_settings((const char *const[]){
        "runtime.workers=1", "channels.words.plugin=ring", NULL });

    CHECK_EQ(moirai_run(rt, open_typed, NULL), 0);
    with_end(rt);
}

static int until_then(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 4);
    int64_t value;
    int n = 0;

    (void)arg;
    for (int64_t i = 0; i < 3; i++)
        CHECK_EQ(talk_send(chan, i, MOIRAI_NOW), 0);
    MOIRAI_RECV_EACH_UNTIL(chan, &value, moirai_after(1000000))
        CHECK_EQ(value, n++);
    CHECK_EQ(n, 3);                 /* and the time, which ended the loop */
    MOIRAI_RECV_EACH_UNTIL(chan, &value, MOIRAI_NOW)
        n++;
    CHECK_EQ(n, 3);
    moirai_chan_put(chan);
    return 0;
}

TEST(typed, loops_end_in_time)
{
    with_one(1, until_then, NULL);
    with_seeds(10, until_then, NULL);
}
