/* SPDX-License-Identifier: MIT */
/*
 * test_batch.c - messages sent and received many at a time.
 */
#include "chan.h"

#include "talk.h"

static struct moirai_chan *ring_with(size_t capacity, int64_t stored)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, capacity);

    for (int64_t i = 0; i < stored; i++)
        CHECK_EQ(talk_send(chan, i, MOIRAI_NOW), 0);
    return chan;
}

/* Are these n numbers, one after the other, from `first` on? */
static void check_run(const int64_t *values, int64_t n, int64_t first)
{
    for (int64_t i = 0; i < n; i++)
        CHECK_EQ(values[i], first + i);
}

static void fill_run(int64_t *values, int64_t n, int64_t first)
{
    for (int64_t i = 0; i < n; i++)
        values[i] = first + i;
}

/* --- without waiting ----------------------------------------------------- */

static int try_batches(void *arg)
{
    struct moirai_chan *chan = ring_with(5, 0);
    int64_t in[8];
    int64_t out[8];

    (void)arg;
    fill_run(out, 8, 0);
    CHECK_EQ(moirai_chan_send_batch(chan, out, 0, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_recv_batch(chan, in, 0, 8, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_recv_batch(chan, in, 0, 8, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_chan_recv_batch(chan, in, 0, 0, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_chan_recv_batch(chan, in, 1, 8, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_chan_recv_batch(chan, in, 9, 8, MOIRAI_NOW), -EINVAL);
    CHECK_EQ(moirai_chan_send_batch(chan, out, 8, MOIRAI_NOW), 5);
    CHECK_EQ(moirai_chan_send_batch(chan, out, 8, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_chan_recv_batch(chan, in, 1, 2, MOIRAI_NOW), 2);
    check_run(in, 2, 0);
    CHECK_EQ(moirai_chan_recv_batch(chan, in, 8, 8, MOIRAI_NOW), 3);
    check_run(in, 3, 2);
    moirai_chan_put(chan);
    return 0;
}

TEST(batch, takes_what_is_there)
{
    with_one(1, try_batches, NULL);
}

/* Every offset and every length around the end of the ring. */
static int wrap_around(void *arg)
{
    struct moirai_chan *chan = ring_with(7, 0);
    int64_t out[7];
    int64_t in[7];
    int64_t value = 0;

    (void)arg;
    for (int64_t step = 0; step < 7 * 7 * 3; step++) {
        int64_t n = step % 7 + 1;

        fill_run(out, n, value);
        CHECK_EQ(moirai_chan_send_batch(chan, out, (size_t)n, MOIRAI_NOW), n);
        CHECK_EQ(moirai_chan_recv_batch(chan, in, 0, 7, MOIRAI_NOW), n);
        check_run(in, n, value);
        value += n;
        CHECK_EQ(talk_send(chan, 0, MOIRAI_NOW), 0);
        CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 0);
    }
    moirai_chan_put(chan);
    return 0;
}

TEST(batch, wraps_around_anywhere)
{
    with_one(1, wrap_around, NULL);
}

/* --- waiting ------------------------------------------------------------- */

struct party {
    struct moirai_chan *chan;
    size_t min, max;
    int64_t first;                  /* sent; or the first received */
    int64_t until;
    int64_t rc;
};

static struct party party(struct moirai_chan *chan, size_t min, size_t max)
{
    return (struct party){ chan, min, max, 0, MOIRAI_NEVER, 0 };
}

static int send_party(void *arg)
{
    struct party *p = arg;
    int64_t out[200];

    fill_run(out, (int64_t)p->max, p->first);
    p->rc = moirai_chan_send_batch(p->chan, out, p->max, p->until);
    return 0;
}

static int receive_party(void *arg)
{
    struct party *p = arg;
    int64_t in[200];

    p->rc = moirai_chan_recv_batch(p->chan, in, p->min, p->max, p->until);
    if (p->rc > 0)
        p->first = in[0];
    check_run(in, p->rc, p->first);
    return 0;
}

static void spawn_waiting(struct moirai_scope *scope, moirai_fn *fn,
                          struct party *p)
{
    size_t before = talk_waiting(p->chan, MOIRAI_BOTH);

    CHECK_EQ(moirai_spawn(scope, fn, p), 0);
    while (talk_waiting(p->chan, MOIRAI_BOTH) == before)
        CHECK_EQ(moirai_yield(), 0);
}

/* One batch goes past several receivers into the store. */
static int send_to_many(void *arg)
{
    struct moirai_chan *chan = ring_with(4, 0);
    struct party p[3] = { party(chan, 1, 1), party(chan, 2, 3),
                          party(chan, 1, 1) };
    struct moirai_scope scope;
    int64_t out[10];

    (void)arg;
    talk_begin(&scope);
    for (int i = 0; i < 3; i++)
        spawn_waiting(&scope, receive_party, &p[i]);
    fill_run(out, 10, 0);
    CHECK_EQ(moirai_chan_send_batch(chan, out, 10, MOIRAI_NOW), 9);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(p[0].rc, 1);
    CHECK_EQ(p[0].first, 0);
    CHECK_EQ(p[1].rc, 3);
    CHECK_EQ(p[1].first, 1);
    CHECK_EQ(p[2].rc, 1);
    CHECK_EQ(p[2].first, 4);
    CHECK_EQ(moirai_chan_length(chan), 4);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 5);
    moirai_chan_put(chan);
    return 0;
}

TEST(batch, goes_to_several_receivers_in_turn)
{
    with_each(send_to_many, NULL);
    with_seeds(50, send_to_many, NULL);
}

/* One batch is made of several senders' and the store's messages. */
static int receive_from_many(void *arg)
{
    size_t capacity = *(size_t *)arg;
    struct moirai_chan *chan = ring_with(capacity, (int64_t)capacity);
    struct party p[3] = { party(chan, 0, 1), party(chan, 0, 5),
                          party(chan, 0, 2) };
    struct moirai_scope scope;
    int64_t in[20];
    int64_t first = (int64_t)capacity;

    talk_begin(&scope);
    for (int i = 0; i < 3; i++) {
        p[i].first = first;
        first += (int64_t)p[i].max;
        spawn_waiting(&scope, send_party, &p[i]);
    }
    CHECK_EQ(moirai_chan_recv_batch(chan, in, 3, 3, MOIRAI_NOW), 3);
    check_run(in, 3, 0);
    CHECK_EQ(moirai_chan_recv_batch(chan, in, 1, 20, MOIRAI_NOW), first - 3);
    check_run(in, first - 3, 3);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(p[i].rc, (int64_t)p[i].max);
    moirai_chan_put(chan);
    return 0;
}

TEST(batch, comes_from_several_senders_in_turn)
{
    for (size_t capacity = 0; capacity < 5; capacity += 2) {
        with_each(receive_from_many, &capacity);
        with_seeds(50, receive_from_many, &capacity);
    }
}

/* However small the steps in which a batch goes, its owner waits once. */
static int wait_once(void *arg)
{
    size_t capacity = *(size_t *)arg;
    struct moirai_chan *chan = ring_with(capacity, 0);
    struct party out = party(chan, 0, 200);
    struct party in = party(chan, 200, 200);
    struct moirai_scope scope;

    talk_begin(&scope);
    spawn_waiting(&scope, send_party, &out);
    for (int64_t i = 0; i < 200; i++) {
        CHECK(i + (int64_t)capacity >= 200
              || talk_waiting(chan, MOIRAI_BOTH) == 1);
        CHECK_EQ(talk_recv(chan, MOIRAI_NOW), i);
    }
    spawn_waiting(&scope, receive_party, &in);
    for (int64_t i = 0; i < 200; i++) {
        CHECK_EQ(talk_waiting(chan, MOIRAI_BOTH), 1);
        CHECK_EQ(talk_send(chan, i, MOIRAI_NOW), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(out.rc, 200);
    CHECK_EQ(in.rc, 200);
    CHECK_EQ(in.first, 0);
    moirai_chan_put(chan);
    return 0;
}

TEST(batch, waits_once_for_all_its_messages)
{
    for (size_t capacity = 0; capacity < 7; capacity += 3) {
        with_each(wait_once, &capacity);
        with_seeds(10, wait_once, &capacity);
    }
}

/* --- ending early -------------------------------------------------------- */

static int end_early(void *arg)
{
    struct moirai_chan *chan = ring_with(2, 0);
    struct party out = party(chan, 0, 10);
    struct party in = party(chan, 10, 10);
    struct moirai_scope scope;
    int64_t got[10];

    (void)arg;
    talk_begin(&scope);
    out.until = moirai_after(MOIRAI_MS);
    CHECK_EQ(moirai_spawn(&scope, send_party, &out), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(out.rc, 2);

    talk_begin(&scope);
    out.until = MOIRAI_NEVER;
    spawn_waiting(&scope, send_party, &out);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_close(chan), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(out.rc, 1);
    CHECK_EQ(moirai_chan_send_batch(chan, got, 3, MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(moirai_chan_recv_batch(chan, got, 5, 10, MOIRAI_NEVER), 2);
    CHECK_EQ(moirai_chan_recv_batch(chan, got, 5, 10, MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(moirai_chan_recv_batch(chan, got, 0, 10, MOIRAI_NEVER), -EPIPE);
    moirai_chan_put(chan);

    chan = in.chan = ring_with(2, 0);
    talk_begin(&scope);
    spawn_waiting(&scope, receive_party, &in);
    CHECK_EQ(talk_send(chan, 4, MOIRAI_NOW), 0);
    CHECK_EQ(talk_send(chan, 5, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_close(chan), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(in.rc, 2);
    CHECK_EQ(in.first, 4);
    moirai_chan_put(chan);
    return 0;
}

TEST(batch, tells_how_far_it_came)
{
    with_each(end_early, NULL);
}

static int cancel_half_way(void *arg)
{
    struct moirai_chan *chan = ring_with(0, 0);
    struct party out = party(chan, 0, 10);
    struct party in = party(chan, 10, 10);
    struct moirai_scope scope;

    (void)arg;
    talk_begin(&scope);
    spawn_waiting(&scope, send_party, &out);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 0);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 1);
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(out.rc, 2);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), -EAGAIN);
    talk_begin(&scope);
    spawn_waiting(&scope, receive_party, &in);
    CHECK_EQ(talk_send(chan, 7, MOIRAI_NOW), 0);
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(in.rc, 1);
    CHECK_EQ(in.first, 7);
    CHECK_EQ(talk_send(chan, 7, MOIRAI_NOW), -EAGAIN);
    moirai_chan_put(chan);
    return 0;
}

TEST(batch, cancelled_half_way_tells_how_far_it_came)
{
    with_each(cancel_half_way, NULL);
    with_seeds(50, cancel_half_way, NULL);
}
