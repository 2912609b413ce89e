/* SPDX-License-Identifier: MIT */
/*
 * test_transfer.c - one message at a time: order, room, meeting, deadlines,
 * cancellation, closing. Batches are in test_batch.c, many at once in
 * test_chan_stress.c.
 */
#include "chan.h"

#include <stdlib.h>
#include <string.h>

#include "talk.h"

/* --- order and room ------------------------------------------------------ */

static int send_1000(void *arg)
{
    for (int64_t i = 0; i < 1000; i++)
        CHECK_EQ(talk_send(arg, i, MOIRAI_NEVER), 0);
    return 0;
}

static int receive_in_order(void *arg)
{
    static const size_t capacities[] = { 0, 1, 2, 7, 64, 2000 };
    struct moirai_scope scope;

    (void)arg;
    for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        struct moirai_chan *chan = talk_ring_of_ints(NULL, capacities[i]);

        talk_begin(&scope);
        CHECK_EQ(moirai_spawn(&scope, send_1000, chan), 0);
        for (int64_t n = 0; n < 1000; n++) {
            CHECK_EQ(talk_recv(chan, MOIRAI_NEVER), n);
            CHECK(moirai_chan_length(chan) <= capacities[i]);
        }
        CHECK_EQ(moirai_scope_end(&scope), 0);
        CHECK_EQ(talk_recv(chan, MOIRAI_NOW), -EAGAIN);
        moirai_chan_put(chan);
    }
    return 0;
}

TEST(transfer, keeps_the_order_of_a_sender)
{
    with_each(receive_in_order, NULL);
    with_seeds(20, receive_in_order, NULL);
}

TEST(transfer, holds_as_many_as_configured)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_chan *chan = talk_ring_of_ints(rt, 3);

    for (int64_t round = 0; round < 5; round++) {
        CHECK_EQ(talk_recv(chan, MOIRAI_NOW), -EAGAIN);
        for (int64_t i = 0; i < 3; i++)
            CHECK_EQ(talk_send(chan, i, MOIRAI_NOW), 0);
        CHECK_EQ(talk_send(chan, 3, MOIRAI_NOW), -EAGAIN);
        for (int64_t i = 0; i < 3; i++)
            CHECK_EQ(talk_recv(chan, MOIRAI_NOW), i);
    }
    moirai_chan_put(chan);
    with_end(rt);
}

/* --- the oldest waiter is served first ----------------------------------- */

struct turn {
    struct moirai_chan *chan;
    int64_t number;
    int64_t got;
};

static int send_number(void *arg)
{
    struct turn *turn = arg;

    return talk_send(turn->chan, turn->number, MOIRAI_NEVER);
}

static int receive_number(void *arg)
{
    struct turn *turn = arg;

    turn->got = talk_recv(turn->chan, MOIRAI_NEVER);
    return 0;
}

static int serve_senders_in_turn(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, *(size_t *)arg);
    struct moirai_scope scope;
    struct turn turns[20];

    talk_begin(&scope);
    for (size_t i = 0; i < moirai_chan_capacity(chan); i++)
        CHECK_EQ(talk_send(chan, -1 - (int64_t)i, MOIRAI_NOW), 0);
    for (int64_t i = 0; i < 20; i++) {
        turns[i] = (struct turn){ .chan = chan, .number = i };
        CHECK_EQ(moirai_spawn(&scope, send_number, &turns[i]), 0);
        talk_until(chan, MOIRAI_SEND, (size_t)i + 1);
    }
    for (size_t i = 0; i < moirai_chan_capacity(chan); i++) {
        CHECK_EQ(talk_recv(chan, MOIRAI_NOW), -1 - (int64_t)i);
        CHECK_EQ(talk_send(chan, 100, MOIRAI_NOW), -EAGAIN);
    }
    for (int64_t i = 0; i < 20; i++)
        CHECK_EQ(talk_recv(chan, MOIRAI_NOW), i);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    moirai_chan_put(chan);
    return 0;
}

TEST(transfer, serves_senders_in_turn)
{
    for (size_t capacity = 0; capacity < 4; capacity++) {
        with_each(serve_senders_in_turn, &capacity);
        with_seeds(20, serve_senders_in_turn, &capacity);
    }
}

static int serve_receivers_in_turn(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, *(size_t *)arg);
    struct moirai_scope scope;
    struct turn turns[20];

    talk_begin(&scope);
    for (int64_t i = 0; i < 20; i++) {
        turns[i] = (struct turn){ .chan = chan };
        CHECK_EQ(moirai_spawn(&scope, receive_number, &turns[i]), 0);
        talk_until(chan, MOIRAI_RECV, (size_t)i + 1);
    }
    for (int64_t i = 0; i < 20; i++)
        CHECK_EQ(talk_send(chan, i, MOIRAI_NOW), 0);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int64_t i = 0; i < 20; i++)
        CHECK_EQ(turns[i].got, i);
    moirai_chan_put(chan);
    return 0;
}

TEST(transfer, serves_receivers_in_turn)
{
    for (size_t capacity = 0; capacity < 4; capacity++) {
        with_each(serve_receivers_in_turn, &capacity);
        with_seeds(20, serve_receivers_in_turn, &capacity);
    }
}

/* --- rendezvous ---------------------------------------------------------- */

struct meeting {
    struct moirai_chan *chan;
    int sent;
};

static int send_and_say(void *arg)
{
    struct meeting *meeting = arg;
    int rc = talk_send(meeting->chan, 1, MOIRAI_NEVER);

    with_set(&meeting->sent, 1);
    return rc;
}

static int meet(void *arg)
{
    struct meeting meeting = { .chan = talk_ring_of_ints(NULL, 0) };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(talk_send(meeting.chan, 1, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(talk_recv(meeting.chan, MOIRAI_NOW), -EAGAIN);
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, send_and_say, &meeting), 0);
    talk_until(meeting.chan, MOIRAI_SEND, 1);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(moirai_yield(), 0);
    CHECK_EQ(with_get(&meeting.sent), 0);
    CHECK_EQ(moirai_chan_length(meeting.chan), 0);
    CHECK_EQ(talk_recv(meeting.chan, MOIRAI_NOW), 1);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(meeting.sent, 1);
    moirai_chan_put(meeting.chan);
    return 0;
}

TEST(transfer, unbuffered_send_ends_with_its_receive)
{
    with_each(meet, NULL);
    with_seeds(20, meet, NULL);
}

/* --- deadlines ----------------------------------------------------------- */

static int meet_deadlines(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 1);
    int64_t until;

    (void)arg;
    CHECK_EQ(talk_recv(chan, -5), -EAGAIN);
    CHECK_EQ(talk_recv(chan, 1), -ETIMEDOUT);
    until = moirai_after(MOIRAI_MS);
    CHECK_EQ(talk_recv(chan, until), -ETIMEDOUT);
    CHECK(moirai_now() >= until);
    CHECK_EQ(talk_send(chan, 1, 1), 0);
    CHECK_EQ(talk_send(chan, 2, 1), -ETIMEDOUT);
    until = moirai_after(MOIRAI_MS);
    CHECK_EQ(talk_send(chan, 3, until), -ETIMEDOUT);
    CHECK(moirai_now() >= until);
    CHECK_EQ(talk_recv(chan, 1), 1);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), -EAGAIN);
    moirai_chan_put(chan);
    return 0;
}

TEST(transfer, ends_at_its_deadline)
{
    with_each(meet_deadlines, NULL);
    with_seeds(20, meet_deadlines, NULL);
}

struct timed {
    struct moirai_chan *chan;
    int64_t until;
    int rc;
    int64_t got;
};

/* In memory that is gone the moment the call returns. */
static int receive_until(void *arg)
{
    struct timed *timed = arg;
    int64_t *room = malloc(sizeof *room);

    *room = -1;
    timed->rc = moirai_chan_recv(timed->chan, room, timed->until);
    timed->got = *room;
    free(room);
    return 0;
}

static int send_until(void *arg)
{
    struct timed *timed = arg;
    int64_t *message = malloc(sizeof *message);

    *message = timed->got;
    timed->rc = moirai_chan_send(timed->chan, message, timed->until);
    *message = -1;
    free(message);
    return 0;
}

/* Both sides look at the same instant. Whether they meet is open; that they
 * agree is not. */
static int race_a_deadline(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, *(size_t *)arg);
    unsigned rounds = with_times(200);

    for (int64_t i = 0; i < rounds; i++) {
        struct moirai_scope scope;
        int64_t until = moirai_after(20 * MOIRAI_US + i % 7);
        struct timed in = { .chan = chan, .until = until };
        struct timed out = { .chan = chan, .until = until, .got = i };

        talk_begin(&scope);
        CHECK_EQ(moirai_spawn(&scope, receive_until, &in), 0);
        CHECK_EQ(moirai_sleep_until(until - 1), 0);
        CHECK_EQ(moirai_spawn(&scope, send_until, &out), 0);
        CHECK_EQ(moirai_scope_end(&scope), 0);
        if (in.rc == 0) {
            CHECK_EQ(out.rc, 0);
            CHECK_EQ(in.got, i);
            continue;
        }
        CHECK_EQ(in.rc, -ETIMEDOUT);
        CHECK_EQ(in.got, -1);
        if (out.rc == 0)
            CHECK_EQ(talk_recv(chan, MOIRAI_NOW), i);
        else
            CHECK_EQ(out.rc, -ETIMEDOUT);
    }
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), -EAGAIN);
    moirai_chan_put(chan);
    return 0;
}

TEST(transfer, both_sides_agree_at_a_deadline)
{
    for (size_t capacity = 0; capacity < 2; capacity++) {
        with_each(race_a_deadline, &capacity);
        with_seeds(20, race_a_deadline, &capacity);
    }
}

/* --- cancellation -------------------------------------------------------- */

static int cancel_waiters(void *arg)
{
    struct moirai_chan *empty = talk_ring_of_ints(NULL, *(size_t *)arg);
    struct moirai_chan *full = talk_ring_of_ints(NULL, *(size_t *)arg);
    size_t capacity = moirai_chan_capacity(full);
    struct moirai_scope scope;
    struct timed in[10];
    struct timed out[10];

    for (size_t i = 0; i < capacity; i++)
        CHECK_EQ(talk_send(full, 5, MOIRAI_NOW), 0);
    talk_begin(&scope);
    for (int i = 0; i < 10; i++) {
        in[i] = (struct timed){ empty, MOIRAI_NEVER, 0, 0 };
        out[i] = (struct timed){ full, MOIRAI_NEVER, 0, 77 };
        CHECK_EQ(moirai_spawn(&scope, receive_until, &in[i]), 0);
        CHECK_EQ(moirai_spawn(&scope, send_until, &out[i]), 0);
    }
    talk_until(empty, MOIRAI_RECV, 10);
    talk_until(full, MOIRAI_SEND, 10);
    moirai_scope_cancel(&scope);
    for (size_t i = 0; i < capacity; i++)
        CHECK_EQ(talk_send(empty, 6, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    for (int i = 0; i < 10; i++) {
        CHECK(in[i].rc == -ECANCELED || (in[i].rc == 0 && in[i].got == 6));
        CHECK_EQ(out[i].rc, -ECANCELED);
    }
    CHECK_EQ(empty->to->sent, capacity);
    for (size_t i = 0; i < capacity; i++)
        CHECK_EQ(talk_recv(full, MOIRAI_NOW), 5);
    CHECK_EQ(talk_recv(full, MOIRAI_NOW), -EAGAIN);
    moirai_chan_put(empty);
    moirai_chan_put(full);
    return 0;
}

TEST(transfer, cancelled_waiters_give_nothing_and_get_nothing)
{
    for (size_t capacity = 0; capacity < 4; capacity += 2) {
        with_each(cancel_waiters, &capacity);
        with_seeds(50, cancel_waiters, &capacity);
    }
}

static int use_when_cancelled(void *arg)
{
    struct moirai_chan *chan = arg;

    while (!moirai_cancelled())
        moirai_yield();
    CHECK_EQ(talk_send(chan, 1, MOIRAI_NEVER), -ECANCELED);
    CHECK_EQ(talk_recv(chan, MOIRAI_NEVER), -ECANCELED);
    CHECK_EQ(moirai_chan_send_batch(chan, &chan, 1, 1), -ECANCELED);
    CHECK_EQ(talk_send(chan, 2, MOIRAI_NOW), 0);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 2);
    return 0;
}

static int cancel_and_use(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 2);
    struct moirai_scope scope;

    (void)arg;
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, use_when_cancelled, chan), 0);
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    moirai_chan_put(chan);
    return 0;
}

TEST(transfer, cancelled_task_can_only_try)
{
    struct moirai_runtime *rt = with_workers(2);

    CHECK_EQ(moirai_run(rt, cancel_and_use, NULL), 0);
    with_end(rt);
}

static int send_for_ever(void *arg)
{
    int rc = 0;

    while (rc == 0)
        rc = talk_send(arg, 1, MOIRAI_NEVER);
    return rc;
}

static int receive_for_ever(void *arg)
{
    int64_t got = 1;

    while (got == 1)
        got = talk_recv(arg, MOIRAI_NEVER);
    return (int)got;
}

static int cancel_busy_ones(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 1000);
    struct moirai_scope scope;

    (void)arg;
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, send_for_ever, chan), 0);
    CHECK_EQ(moirai_spawn(&scope, receive_for_ever, chan), 0);
    CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    moirai_chan_put(chan);
    return 0;
}

TEST(transfer, cancels_those_who_never_wait)
{
    with_each(cancel_busy_ones, NULL);
}

/* --- closing ------------------------------------------------------------- */

static int close_on_waiters(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, *(size_t *)arg);
    size_t capacity = moirai_chan_capacity(chan);
    struct moirai_scope scope;
    struct timed waiters[200];

    for (int side = 0; side < 2; side++) {
        struct moirai_chan *c = side == 0 ? chan : talk_ring_of_ints(NULL, 1);

        talk_begin(&scope);
        for (size_t i = 0; side == 0 && i < capacity; i++)
            CHECK_EQ(talk_send(c, 5, MOIRAI_NOW), 0);
        for (int i = 0; i < 200; i++) {
            waiters[i] = (struct timed){ c, MOIRAI_NEVER, 0, 77 };
            CHECK_EQ(moirai_spawn(&scope,
                                  side == 0 ? send_until : receive_until,
                                  &waiters[i]), 0);
        }
        if (side == 0)
            talk_until(c, MOIRAI_SEND, 200);
        else
            talk_until(c, MOIRAI_RECV, 200);
        CHECK_EQ(moirai_chan_close(c), 0);
        CHECK_EQ(moirai_scope_end(&scope), 0);
        for (int i = 0; i < 200; i++)
            CHECK_EQ(waiters[i].rc, -EPIPE);
        for (size_t i = 0; side == 0 && i < capacity; i++)
            CHECK_EQ(talk_recv(c, MOIRAI_NEVER), 5);
        CHECK_EQ(talk_recv(c, MOIRAI_NEVER), -EPIPE);
        moirai_chan_put(c);
    }
    return 0;
}

TEST(transfer, closing_tells_everybody_who_waits)
{
    for (size_t capacity = 0; capacity < 4; capacity += 3) {
        with_each(close_on_waiters, &capacity);
        with_seeds(20, close_on_waiters, &capacity);
    }
}

static int put_sender(void *arg)
{
    moirai_chan_put(arg);
    return 0;
}

static int lose_the_last_sender(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 2);
    struct moirai_chan *in = talk_dup(chan, MOIRAI_SEND);
    struct moirai_chan *out = talk_dup(chan, MOIRAI_RECV);
    struct moirai_scope scope;

    (void)arg;
    moirai_chan_put(chan);
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, put_sender, in), 0);
    CHECK_EQ(talk_recv(out, MOIRAI_NEVER), -EPIPE);
    moirai_chan_put(out);
    return moirai_scope_end(&scope);
}

TEST(transfer, last_sender_gone_wakes_receivers)
{
    with_each(lose_the_last_sender, NULL);
    with_seeds(100, lose_the_last_sender, NULL);
}

/* --- events -------------------------------------------------------------- */

static int send_events(void *arg)
{
    for (int i = 0; i < 10; i++)
        CHECK_EQ(moirai_chan_send(arg, NULL, MOIRAI_NEVER), 0);
    return 0;
}

static int receive_events(void *arg)
{
    struct moirai_elem elem = { .size = sizeof elem };
    struct moirai_scope scope;

    (void)arg;
    for (size_t capacity = 0; capacity < 3; capacity++) {
        struct moirai_chan *chan = talk_ring(NULL, capacity, &elem);

        talk_begin(&scope);
        CHECK_EQ(moirai_spawn(&scope, send_events, chan), 0);
        for (int i = 0; i < 10; i++)
            CHECK_EQ(moirai_chan_recv(chan, NULL, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_scope_end(&scope), 0);
        moirai_chan_put(chan);
    }
    return 0;
}

TEST(transfer, needs_no_memory_for_messages_without_bytes)
{
    with_each(receive_events, NULL);
}
