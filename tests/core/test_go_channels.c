/* SPDX-License-Identifier: MIT */
/*
 * test_go_channels.c - what Go's specification says of channels, sentence by
 * sentence, and what moirai does about it: "Channel types". What can be done
 * with them is in test_go_use.c, select in test_go_select.c, the memory model
 * in test_go_memory.c.
 *
 * The sentences are those of "The Go Programming Language Specification" and
 * "The Go Memory Model", (c) the Go authors, CC BY 4.0.
 *
 * Where moirai means something else a comment says so with "Here:". There are
 * three kinds. C has no run-time panic to recover from, so what panics in Go
 * is an error that the caller sees: -EPIPE, and the message is still his. C
 * has no zero values, so what "yields the zero value" leaves the caller's
 * memory alone and returns -EPIPE. And what "blocks forever" in Go is an error,
 * if it is one of the program: -EBADF.
 */
#include "side.h"

/* "A channel provides a mechanism for concurrently executing functions to
 * communicate by sending and receiving values of a specified element type." */
struct point {
    char name[3];
    double x, y;
};

static int send_point(void *arg)
{
    struct point point = { "ab", 1.5, -2 };

    return moirai_chan_send(arg, &point, MOIRAI_NEVER);
}

static int values_of_a_type(void *arg)
{
    struct moirai_elem elem = MOIRAI_ELEM(struct point);
    struct moirai_chan *chan = talk_ring(NULL, 0, &elem);
    struct moirai_scope scope;
    struct point got;

    (void)arg;
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, send_point, chan), 0);
    CHECK_EQ(moirai_chan_recv(chan, &got, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_STR(got.name, "ab");
    CHECK(got.x == 1.5 && got.y == -2);
    moirai_chan_put(chan);
    return 0;
}

TEST(go_types, values_of_the_element_type_go_from_task_to_task)
{
    side_everywhere(values_of_a_type);
}

/* "The value of an uninitialized channel is nil." "A nil channel is never ready
 * for communication." Here: it says so at once, with -EBADF, because nothing
 * could ever change that. In a select it is never ready: test_go_select.c. */
static int be_nil(void *arg)
{
    static struct moirai_chan *chan;
    int64_t value = 7;

    (void)arg;
    CHECK(chan == NULL);
    CHECK_EQ(talk_send(chan, 1, MOIRAI_NEVER), -EBADF);
    CHECK_EQ(moirai_chan_recv(chan, &value, MOIRAI_NEVER), -EBADF);
    CHECK_EQ(moirai_chan_send_batch(chan, &value, 1, MOIRAI_NEVER), -EBADF);
    CHECK_EQ(moirai_chan_recv_batch(chan, &value, 1, 1, MOIRAI_NEVER),
             -EBADF);
    CHECK_EQ(value, 7);
    return 0;
}

TEST(go_types, an_uninitialized_channel_is_nil_and_never_ready)
{
    side_everywhere(be_nil);
    CHECK_EQ(be_nil(NULL), 0);
}

/* "The optional <- operator specifies the channel direction, send or receive.
 * If a direction is given, the channel is directional, otherwise it is
 * bidirectional." "A channel may be constrained only to send or only to receive
 * by assignment or explicit conversion." Here: by moirai_chan_dup, and what Go
 * refuses to compile is -EBADF, or -EINVAL for a constraint that is none. */
static int be_constrained(void *arg)
{
    struct moirai_chan *both = talk_ring_of_ints(NULL, 1);
    struct moirai_chan *in = talk_dup(both, MOIRAI_SEND);
    struct moirai_chan *out = talk_dup(both, MOIRAI_RECV);
    struct moirai_chan *wider = NULL;

    (void)arg;
    CHECK_EQ(talk_send(both, 1, MOIRAI_NOW), 0);
    CHECK_EQ(talk_recv(both, MOIRAI_NOW), 1);
    CHECK_EQ(talk_send(in, 2, MOIRAI_NOW), 0);
    CHECK_EQ(talk_recv(in, MOIRAI_NOW), -EBADF);
    CHECK_EQ(talk_send(out, 3, MOIRAI_NOW), -EBADF);
    CHECK_EQ(talk_recv(out, MOIRAI_NOW), 2);
    CHECK_EQ(moirai_chan_dup(in, MOIRAI_BOTH, &wider), -EINVAL);
    CHECK_EQ(moirai_chan_dup(out, MOIRAI_SEND, &wider), -EINVAL);
    CHECK(wider == NULL);
    moirai_chan_put(in);
    moirai_chan_put(out);
    moirai_chan_put(both);
    return 0;
}

TEST(go_types, a_channel_may_be_constrained_to_one_direction)
{
    side_everywhere(be_constrained);
}

/* "chan<- chan int": an element may be a channel. Here: an endpoint, whose
 * reference goes with the message. */
static int answer(void *arg)
{
    struct moirai_chan *reply;

    CHECK_EQ(moirai_chan_recv(arg, &reply, MOIRAI_NEVER), 0);
    CHECK_EQ(talk_send(reply, 42, MOIRAI_NEVER), 0);
    moirai_chan_put(reply);
    return 0;
}

static int send_a_channel(void *arg)
{
    struct moirai_elem elem = MOIRAI_ELEM(struct moirai_chan *);
    struct moirai_chan *calls = talk_ring(NULL, 0, &elem);
    struct moirai_chan *reply = talk_ring_of_ints(NULL, 0);
    struct moirai_chan *to_it = talk_dup(reply, MOIRAI_SEND);
    struct moirai_scope scope;

    (void)arg;
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, answer, calls), 0);
    CHECK_EQ(moirai_chan_send(calls, &to_it, MOIRAI_NEVER), 0);
    CHECK_EQ(talk_recv(reply, MOIRAI_NEVER), 42);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    moirai_chan_put(reply);
    moirai_chan_put(calls);
    return 0;
}

TEST(go_types, elements_may_be_channels)
{
    side_everywhere(send_a_channel);
}

/* "A new, initialized channel value can be made using the built-in function
 * make, which takes the channel type and an optional capacity as arguments."
 * Here: without one it has the discipline's preset, not 0. */
static int make_some(void *arg)
{
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *sized = talk_ring_of_ints(NULL, 100);
    struct moirai_chan *preset = NULL;

    (void)arg;
    CHECK_EQ(moirai_chan_make(NULL, NULL, NULL, &elem, &preset, NULL), 0);
    CHECK_EQ(moirai_chan_capacity(sized), 100);
    CHECK(moirai_chan_capacity(preset) > 0);
    CHECK_EQ(moirai_chan_length(preset), 0);
    moirai_chan_put(sized);
    moirai_chan_put(preset);
    return 0;
}

TEST(go_types, make_takes_an_optional_capacity)
{
    side_everywhere(make_some);
}

/* "The capacity, in number of elements, sets the size of the buffer in the
 * channel. If the capacity is zero or absent, the channel is unbuffered and
 * communication succeeds only when both a sender and receiver are ready." */
static int be_unbuffered(void *arg)
{
    struct side side = { .chan = talk_ring_of_ints(NULL, 0), .value = 5 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(talk_send(side.chan, 1, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(talk_recv(side.chan, MOIRAI_NOW), -EAGAIN);
    side_wait(&scope, side_send, &side);
    CHECK_EQ(talk_recv(side.chan, MOIRAI_NOW), 5);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    side.done = 0;
    side_wait(&scope, side_receive, &side);
    CHECK_EQ(talk_send(side.chan, 6, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(side.result, 6);
    moirai_chan_put(side.chan);
    return 0;
}

TEST(go_types, unbuffered_communication_needs_both_sides)
{
    side_everywhere(be_unbuffered);
}

/* "Otherwise, the channel is buffered and communication succeeds without
 * blocking if the buffer is not full (sends) or not empty (receives)." */
static int be_buffered(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 3);

    (void)arg;
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), -EAGAIN);
    for (int64_t i = 0; i < 3; i++)
        CHECK_EQ(talk_send(chan, i, MOIRAI_NOW), 0);
    CHECK_EQ(talk_send(chan, 3, MOIRAI_NOW), -EAGAIN);
    for (int64_t i = 0; i < 3; i++)
        CHECK_EQ(talk_recv(chan, MOIRAI_NOW), i);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), -EAGAIN);
    moirai_chan_put(chan);
    return 0;
}

TEST(go_types, buffered_communication_blocks_when_full_or_empty)
{
    side_everywhere(be_buffered);
}

/* "A single channel may be used in send statements, receive operations, and
 * calls to the built-in functions cap and len by any number of goroutines
 * without further synchronization." */
struct crowd {
    struct moirai_chan *chan;
    int64_t sum;                    /* atomic */
};

static int crowd_send(void *arg)
{
    struct crowd *crowd = arg;

    for (int64_t i = 1; i <= EACH; i++)
        CHECK_EQ(talk_send(crowd->chan, i, MOIRAI_NEVER), 0);
    return 0;
}

static int crowd_receive(void *arg)
{
    struct crowd *crowd = arg;

    for (int i = 0; i < EACH; i++)
        with_add(&crowd->sum, talk_recv(crowd->chan, MOIRAI_NEVER));
    return 0;
}

static int crowd_measure(void *arg)
{
    struct crowd *crowd = arg;

    for (int i = 0; i < EACH; i++) {
        CHECK(moirai_chan_length(crowd->chan) <= 2);
        CHECK_EQ(moirai_chan_capacity(crowd->chan), 2);
        moirai_yield();
    }
    return 0;
}

static int use_it_together(void *arg)
{
    struct crowd crowd = { .chan = talk_ring_of_ints(NULL, 2) };
    struct moirai_scope scope;

    (void)arg;
    talk_begin(&scope);
    for (int i = 0; i < CROWD; i++) {
        CHECK_EQ(moirai_spawn(&scope, crowd_send, &crowd), 0);
        CHECK_EQ(moirai_spawn(&scope, crowd_receive, &crowd), 0);
        CHECK_EQ(moirai_spawn(&scope, crowd_measure, &crowd), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(crowd.sum, CROWD * EACH * (EACH + 1) / 2);
    moirai_chan_put(crowd.chan);
    return 0;
}

TEST(go_types, any_number_may_use_a_channel_without_more_ado)
{
    side_everywhere(use_it_together);
}

/* "Channels act as first-in-first-out queues. For example, if one goroutine
 * sends values on a channel and a second goroutine receives them, the values
 * are received in the order sent." Here: so do ring and list; prio, latest and
 * steal are for other orders. */
static int keep_order(void *arg)
{
    for (size_t capacity = 0; capacity < 4; capacity++) {
        struct crowd crowd = { .chan = talk_ring_of_ints(NULL, capacity) };
        struct moirai_scope scope;

        (void)arg;
        talk_begin(&scope);
        CHECK_EQ(moirai_spawn(&scope, crowd_send, &crowd), 0);
        for (int64_t i = 1; i <= EACH; i++)
            CHECK_EQ(talk_recv(crowd.chan, MOIRAI_NEVER), i);
        CHECK_EQ(moirai_scope_end(&scope), 0);
        moirai_chan_put(crowd.chan);
    }
    return 0;
}

TEST(go_types, values_are_received_in_the_order_sent)
{
    side_everywhere(keep_order);
}
