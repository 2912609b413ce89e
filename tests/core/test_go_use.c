/* SPDX-License-Identifier: MIT */
/*
 * test_go_use.c - as test_go_channels.c: "Send statements", "Receive operator",
 * "Close", "Length and capacity", and what "For statements with range clause"
 * says of channels.
 */
#include "side.h"

/* --- Send statements ----------------------------------------------------- */

/* "Both the channel and the value expression are evaluated before communication
 * begins." Here: the value is borrowed until the send returns; from then on
 * changing it changes nothing. */
static int evaluate_first(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 1);
    struct moirai_chan *meant = chan;
    int64_t value = 1;

    (void)arg;
    CHECK_EQ(moirai_chan_send(meant, &value, MOIRAI_NEVER), 0);
    meant = NULL;
    value = 2;
    CHECK_EQ(talk_recv(chan, MOIRAI_NEVER), 1);
    CHECK(meant == NULL && value == 2);
    moirai_chan_put(chan);
    return 0;
}

TEST(go_send, what_is_sent_is_what_the_value_was)
{
    side_everywhere(evaluate_first);
}

/* "Communication blocks until the send can proceed. A send on an unbuffered
 * channel can proceed if a receiver is ready. A send on a buffered channel can
 * proceed if there is room in the buffer." */
static int block_sending(void *arg)
{
    for (size_t capacity = 0; capacity < 3; capacity++) {
        struct side side = { .chan = talk_ring_of_ints(NULL, capacity),
                             .value = 9 };
        struct moirai_scope scope;

        (void)arg;
        for (size_t i = 0; i < capacity; i++)
            CHECK_EQ(talk_send(side.chan, (int64_t)i, MOIRAI_NEVER), 0);
        side_wait(&scope, side_send, &side);
        CHECK_EQ(talk_recv(side.chan, MOIRAI_NEVER), capacity == 0 ? 9 : 0);
        CHECK_EQ(moirai_scope_end(&scope), 0);
        CHECK_EQ(side.result, 0);
        CHECK_EQ(moirai_chan_length(side.chan), capacity);
        moirai_chan_put(side.chan);
    }
    return 0;
}

TEST(go_send, blocks_until_there_is_a_receiver_or_room)
{
    side_everywhere(block_sending);
}

/* "A send on a closed channel proceeds by causing a run-time panic." Here:
 * -EPIPE, also for one that has waited since before; the message is not taken,
 * so nobody destroys it but the sender. */
static void never_called(void *message, void *ctx)
{
    (void)message;
    (void)ctx;
    CHECK_FMT(false, "a message that was not taken was dropped");
}

static int send_on_closed(void *arg)
{
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct side side = { .value = 1 };
    struct moirai_scope scope;

    (void)arg;
    elem.drop = never_called;
    side.chan = talk_ring(NULL, 0, &elem);
    side_wait(&scope, side_send, &side);
    CHECK_EQ(moirai_chan_close(side.chan), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(side.result, -EPIPE);
    CHECK_EQ(talk_send(side.chan, 2, MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(talk_send(side.chan, 2, MOIRAI_NOW), -EPIPE);
    moirai_chan_put(side.chan);
    return 0;
}

TEST(go_send, on_a_closed_channel_is_an_error)
{
    side_everywhere(send_on_closed);
}

/* --- Receive operator ---------------------------------------------------- */

/* "The expression blocks until a value is available." "The value of the receive
 * operation <-ch is the value received from the channel ch." */
static int block_receiving(void *arg)
{
    for (size_t capacity = 0; capacity < 3; capacity++) {
        struct side side = { .chan = talk_ring_of_ints(NULL, capacity) };
        struct moirai_scope scope;

        (void)arg;
        side_wait(&scope, side_receive, &side);
        CHECK_EQ(talk_send(side.chan, 77, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_scope_end(&scope), 0);
        CHECK_EQ(side.result, 77);
        moirai_chan_put(side.chan);
    }
    return 0;
}

TEST(go_receive, blocks_until_a_value_is_available)
{
    side_everywhere(block_receiving);
}

/* "A receive operation on a closed channel can always proceed immediately,
 * yielding the element type's zero value after any previously sent values have
 * been received." "The value of ok is true if the value received was delivered
 * by a successful send operation to the channel, or false if it is a zero value
 * generated because the channel is closed and empty." Here: 0 is true and
 * -EPIPE false, and then the memory keeps what it was. */
static int receive_from_closed(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 4);
    int64_t value = 7;

    (void)arg;
    CHECK_EQ(talk_send(chan, 0, MOIRAI_NEVER), 0);  /* a zero that was sent */
    CHECK_EQ(talk_send(chan, 3, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_chan_close(chan), 0);
    CHECK_EQ(moirai_chan_recv(chan, &value, MOIRAI_NEVER), 0);
    CHECK_EQ(value, 0);
    CHECK_EQ(moirai_chan_recv(chan, &value, MOIRAI_NOW), 0);
    CHECK_EQ(value, 3);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(moirai_chan_recv(chan, &value, MOIRAI_NEVER), -EPIPE);
        CHECK_EQ(moirai_chan_recv(chan, &value, MOIRAI_NOW), -EPIPE);
    }
    CHECK_EQ(value, 3);
    moirai_chan_put(chan);
    return 0;
}

TEST(go_receive, from_a_closed_channel_gives_the_rest_and_then_says_so)
{
    side_everywhere(receive_from_closed);
}

/* --- Close --------------------------------------------------------------- */

/* "For a channel ch, the built-in function close(ch) records that no more
 * values will be sent on the channel." "After calling close, and after any
 * previously sent values have been received, receive operations will return
 * the zero value for the channel's type without blocking": those that wait,
 * too, however many they are. */
static int close_on_waiters(void *arg)
{
    struct side sides[CROWD];
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 2);
    struct moirai_scope scope;

    (void)arg;
    talk_begin(&scope);
    for (size_t i = 0; i < CROWD; i++) {
        sides[i] = (struct side){ .chan = chan };
        CHECK_EQ(moirai_spawn(&scope, side_receive, &sides[i]), 0);
        talk_until(chan, MOIRAI_RECV, i + 1);
    }
    CHECK_EQ(talk_send(chan, 8, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_close(chan), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(sides[0].result, 8);
    for (int i = 1; i < CROWD; i++)
        CHECK_EQ(sides[i].result, -EPIPE);
    moirai_chan_put(chan);
    return 0;
}

TEST(go_close, lets_every_receiver_go_on)
{
    side_everywhere(close_on_waiters);
}

/* "It is an error if ch is a receive-only channel." Here: either end may say
 * that it is over; a receiver that goes away is news for senders. */
static int close_by_receiver(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 1);
    struct moirai_chan *out = talk_dup(chan, MOIRAI_RECV);

    (void)arg;
    CHECK_EQ(moirai_chan_close(out), 0);
    CHECK_EQ(talk_send(chan, 1, MOIRAI_NOW), -EPIPE);
    moirai_chan_put(out);
    moirai_chan_put(chan);
    return 0;
}

TEST(go_close, may_be_said_by_either_end)
{
    side_everywhere(close_by_receiver);
}

/* "Sending to or closing a closed channel causes a run-time panic." Here:
 * -EPIPE; of those who close at once, one is told that it was he. */
static int close_it(void *arg)
{
    struct side *side = arg;

    side->result = moirai_chan_close(side->chan);
    return 0;
}

static int close_together(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 1);
    struct side sides[CROWD];
    struct moirai_scope scope;
    int first = 0;

    (void)arg;
    talk_begin(&scope);
    for (int i = 0; i < CROWD; i++) {
        sides[i] = (struct side){ .chan = chan };
        CHECK_EQ(moirai_spawn(&scope, close_it, &sides[i]), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < CROWD; i++) {
        CHECK(sides[i].result == 0 || sides[i].result == -EPIPE);
        first += sides[i].result == 0;
    }
    CHECK_EQ(first, 1);
    CHECK_EQ(moirai_chan_close(chan), -EPIPE);
    moirai_chan_put(chan);
    return 0;
}

TEST(go_close, is_an_error_the_second_time)
{
    side_everywhere(close_together);
}

/* "Closing the nil channel also causes a run-time panic." Here: -EBADF. */
TEST(go_close, of_nil_is_an_error)
{
    CHECK_EQ(moirai_chan_close(NULL), -EBADF);
}

/* --- Length and capacity ------------------------------------------------- */

/* "len(s): chan T: number of elements queued in channel buffer"; "cap(s): chan
 * T: channel buffer capacity". "At any time the following relationship holds:
 * 0 <= len(s) <= cap(s)." Who waits is not in the buffer. */
static int measure(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 2);
    struct side side = { .chan = chan, .value = 3 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_chan_length(chan), 0);
    CHECK_EQ(talk_send(chan, 1, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_length(chan), 1);
    CHECK_EQ(talk_send(chan, 2, MOIRAI_NOW), 0);
    side_wait(&scope, side_send, &side);
    CHECK_EQ(moirai_chan_length(chan), 2);
    CHECK_EQ(moirai_chan_capacity(chan), 2);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 1);
    CHECK_EQ(moirai_chan_length(chan), 2);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    moirai_chan_put(chan);
    return 0;
}

TEST(go_length, counts_what_is_queued_and_never_passes_the_capacity)
{
    side_everywhere(measure);
}

/* "The length of a nil slice, map or channel is 0. The capacity of a nil slice
 * or channel is 0." */
TEST(go_length, of_nil_is_0_and_so_is_its_capacity)
{
    CHECK_EQ(moirai_chan_length(NULL), 0);
    CHECK_EQ(moirai_chan_capacity(NULL), 0);
}

/* --- For statements with range clause ------------------------------------ */

/* "For channels, the iteration values produced are the successive values sent
 * on the channel until the channel is closed." */
static int send_and_close(void *arg)
{
    for (int64_t i = 1; i <= EACH; i++)
        CHECK_EQ(talk_send(arg, i, MOIRAI_NEVER), 0);
    return moirai_chan_close(arg);
}

static int range_over(void *arg)
{
    for (size_t capacity = 0; capacity < 3; capacity++) {
        struct moirai_chan *chan = talk_ring_of_ints(NULL, capacity);
        struct moirai_scope scope;
        int64_t next = 1;
        int64_t value;

        (void)arg;
        talk_begin(&scope);
        CHECK_EQ(moirai_spawn(&scope, send_and_close, chan), 0);
        MOIRAI_RECV_EACH(chan, &value)
            CHECK_EQ(value, next++);
        CHECK_EQ(next, EACH + 1);
        CHECK_EQ(moirai_scope_end(&scope), 0);
        moirai_chan_put(chan);
    }
    return 0;
}

TEST(go_range, gives_the_successive_values_until_it_is_closed)
{
    side_everywhere(range_over);
}

/* "If the channel is nil, the range expression blocks forever." Here: the loop
 * ends at once. And "the range expression x is evaluated before beginning the
 * loop": here it is a macro's argument, and evaluated each time. */
static int range_over_nil(void *arg)
{
    struct moirai_chan *chans[] = { talk_ring_of_ints(NULL, 1), NULL };
    struct moirai_chan **at = chans;
    int64_t value;
    int turns = 0;

    (void)arg;
    MOIRAI_RECV_EACH(chans[1], &value)
        turns++;
    CHECK_EQ(turns, 0);
    CHECK_EQ(talk_send(chans[0], 1, MOIRAI_NOW), 0);
    MOIRAI_RECV_EACH(*at++, &value)
        turns++;
    CHECK_EQ(turns, 1);
    CHECK(at == chans + 2);
    moirai_chan_put(chans[0]);
    return 0;
}

TEST(go_range, over_nil_ends_at_once)
{
    side_everywhere(range_over_nil);
}
