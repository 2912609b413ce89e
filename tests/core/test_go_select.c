/* SPDX-License-Identifier: MIT */
/*
 * test_go_select.c - as test_go_channels.c: "Select statements".
 */
#include <moirai/select.h>

#include <string.h>

#include "side.h"

/* "A "select" statement chooses which of a set of possible send or receive
 * operations will proceed." One of them, and the others have done nothing. */
static int choose_one(void *arg)
{
    struct moirai_chan *a = talk_ring_of_ints(NULL, 1);
    struct moirai_chan *b = talk_ring_of_ints(NULL, 1);
    int64_t in = -1;
    int64_t out = 7;
    struct moirai_case cases[] = { MOIRAI_ON_RECV(a, &in),
                                   MOIRAI_ON_SEND(b, &out) };

    (void)arg;
    for (int i = 0; i < EACH; i++) {
        int64_t which;

        CHECK_EQ(talk_send(a, 5, MOIRAI_NOW), 0);
        in = -1;
        which = moirai_select(cases, 2, MOIRAI_NEVER);
        CHECK(which == 0 || which == 1);
        CHECK_EQ(in, which == 0 ? 5 : -1);
        CHECK_EQ(moirai_chan_length(a), which == 0 ? 0 : 1);
        CHECK_EQ(moirai_chan_length(b), which == 0 ? 0 : 1);
        CHECK_EQ(talk_recv(which == 0 ? a : b, MOIRAI_NOW),
                 which == 0 ? -EAGAIN : 7);
        if (which == 1)
            CHECK_EQ(talk_recv(a, MOIRAI_NOW), 5);
    }
    moirai_chan_put(a);
    moirai_chan_put(b);
    return 0;
}

TEST(go_select, chooses_one_operation_of_a_set)
{
    side_everywhere(choose_one);
}

/* "For all the cases in the statement, the channel operands of receive
 * operations and the channel and right-hand-side expressions of send statements
 * are evaluated exactly once, in source order, upon entering the "select"
 * statement." "Expressions on the left-hand side of a RecvStmt with a short
 * variable declaration or assignment are not yet evaluated." Here: the array
 * is read upon entering, and as it is; the message of a receive is not touched
 * unless its case goes on. */
struct entering {
    struct moirai_chan *chans[2];
    struct moirai_case cases[2];
    int64_t values[2];
    int64_t which;
};

static int enter(void *arg)
{
    struct entering *e = arg;

    e->which = moirai_select(e->cases, 2, MOIRAI_NEVER);
    return 0;
}

static int evaluate_on_entering(void *arg)
{
    struct entering e = { .values = { -1, -1 } };
    struct moirai_chan *operand;
    struct moirai_scope scope;

    (void)arg;
    for (int i = 0; i < 2; i++) {
        e.chans[i] = talk_ring_of_ints(NULL, 0);
        operand = e.chans[i];
        e.cases[i] = (struct moirai_case)MOIRAI_ON_RECV(operand,
                                                        &e.values[i]);
        operand = NULL;             /* it was evaluated */
    }
    CHECK(operand == NULL);
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, enter, &e), 0);
    talk_until(e.chans[0], MOIRAI_RECV, 1);
    talk_until(e.chans[1], MOIRAI_RECV, 1);
    CHECK_EQ(talk_send(e.chans[1], 3, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(e.which, 1);
    CHECK_EQ(e.values[0], -1);
    CHECK_EQ(e.values[1], 3);
    CHECK_EQ(talk_send(e.chans[0], 3, MOIRAI_NOW), -EAGAIN);
    moirai_chan_put(e.chans[0]);
    moirai_chan_put(e.chans[1]);
    return 0;
}

TEST(go_select, evaluates_operands_upon_entering)
{
    side_everywhere(evaluate_on_entering);
}

/* "If one or more of the communications can proceed, a single one that can
 * proceed is chosen via a uniform pseudo-random selection." Sends, receives and
 * what is closed alike. */
#define CHOICES 5

static int choose_evenly(void *arg)
{
    struct moirai_chan *chans[CHOICES];
    struct moirai_case cases[CHOICES];
    int64_t counts[CHOICES] = { 0 };
    int64_t n = with_times(100000);
    double expected = (double)n / CHOICES;
    double sum = 0;
    int64_t value = 1;

    (void)arg;
    for (int i = 0; i < CHOICES; i++) {
        chans[i] = talk_ring_of_ints(NULL, 1);
        cases[i] = (struct moirai_case)MOIRAI_ON_RECV(chans[i], &value);
        if (i == 1 || i == 3)
            cases[i].kind = MOIRAI_CASE_SEND;
        else if (i != 4)
            CHECK_EQ(talk_send(chans[i], 1, MOIRAI_NOW), 0);
    }
    CHECK_EQ(moirai_chan_close(chans[4]), 0);
    for (int64_t i = 0; i < n; i++) {
        int64_t which = moirai_select(cases, CHOICES, MOIRAI_NEVER);

        CHECK(which >= 0);
        counts[which]++;
        if (cases[which].kind == MOIRAI_CASE_SEND)
            CHECK_EQ(talk_recv(chans[which], MOIRAI_NOW), 1);
        else if (which != 4)
            CHECK_EQ(talk_send(chans[which], 1, MOIRAI_NOW), 0);
    }
    for (int i = 0; i < CHOICES; i++) {
        double off = (double)counts[i] - expected;

        sum += off * off / expected;
        moirai_chan_put(chans[i]);
    }
    CHECK(sum < 48);                /* but for one time in 10^9 */
    return 0;
}

TEST(go_select, chooses_uniformly_among_those_that_can_proceed)
{
    with_one(1, choose_evenly, NULL);
}

/* "Otherwise, if there is a default case, that case is chosen." Here:
 * MOIRAI_NOW is it, and -EAGAIN says that it was chosen. */
static int take_the_default(void *arg)
{
    struct moirai_chan *a = talk_ring_of_ints(NULL, 1);
    struct moirai_chan *b = talk_ring_of_ints(NULL, 0);
    int64_t in = -1;
    int64_t out = 7;
    struct moirai_case cases[] = { MOIRAI_ON_RECV(a, &in),
                                   MOIRAI_ON_SEND(b, &out) };

    (void)arg;
    CHECK_EQ(moirai_select(cases, 2, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(in, -1);
    CHECK_EQ(talk_send(a, 5, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_select(cases, 2, MOIRAI_NOW), 0);
    CHECK_EQ(in, 5);
    moirai_chan_put(a);
    moirai_chan_put(b);
    return 0;
}

TEST(go_select, takes_the_default_only_if_none_can_proceed)
{
    side_everywhere(take_the_default);
}

/* "If there is no default case, the "select" statement blocks until at least
 * one of the communications can proceed." "Unless the selected case is the
 * default case, the respective communication operation is executed." "If the
 * selected case is a RecvStmt ... the received value (or values) are assigned."
 * "The statement list of the selected case is executed": the index says which.
 * A send is taken by a receiver, too. */
static int block_in_select(void *arg)
{
    struct entering e = { .values = { -1, 4 }, .which = -1 };
    struct moirai_scope scope;

    for (int i = 0; i < 2; i++)
        e.chans[i] = talk_ring_of_ints(NULL, 0);
    for (int turn = 0; turn < 2; turn++) {
        e.cases[0] = (struct moirai_case)MOIRAI_ON_RECV(e.chans[0],
                                                        &e.values[0]);
        e.cases[1] = (struct moirai_case)MOIRAI_ON_SEND(e.chans[1],
                                                        &e.values[1]);
        (void)arg;
        talk_begin(&scope);
        CHECK_EQ(moirai_spawn(&scope, enter, &e), 0);
        talk_until(e.chans[1], MOIRAI_SEND, 1);
        for (int i = 0; i < SIDE_PATIENCE; i++)
            moirai_yield();
        CHECK_EQ(talk_waiting(e.chans[0], MOIRAI_RECV), 1);
        /* It is in both queues, but may still be on its way to sleep. */
        if (turn == 0)
            CHECK_EQ(talk_send(e.chans[0], 3, MOIRAI_NEVER), 0);
        else
            CHECK_EQ(talk_recv(e.chans[1], MOIRAI_NEVER), 4);
        CHECK_EQ(moirai_scope_end(&scope), 0);
        CHECK_EQ(e.which, turn);
        CHECK_EQ(e.cases[turn].result, 0);
        CHECK_EQ(e.values[0], 3);
    }
    moirai_chan_put(e.chans[0]);
    moirai_chan_put(e.chans[1]);
    return 0;
}

TEST(go_select, blocks_until_one_can_proceed_and_executes_it)
{
    side_everywhere(block_in_select);
}

/* "Since communication on nil channels can never proceed, a select with only
 * nil channels and no default case blocks forever." "select {}  // block
 * forever". Here: until the deadline, or until the task is cancelled. */
static int select_on_nil(void *arg)
{
    int64_t value = 0;
    struct moirai_case cases[] = { MOIRAI_ON_RECV(NULL, &value),
                                   MOIRAI_ON_SEND(NULL, &value) };

    with_set((int *)arg, 1);
    return (int)moirai_select(cases, 2, MOIRAI_NEVER);
}

static int select_nothing(void *arg)
{
    with_set((int *)arg, 1);
    return (int)moirai_select(NULL, 0, MOIRAI_NEVER);
}

static int block_forever(void *arg)
{
    moirai_fn *const bodies[] = { select_on_nil, select_nothing };

    (void)arg;
    for (int i = 0; i < 2; i++) {
        struct moirai_attr attr = MOIRAI_ATTR_INIT;
        struct moirai_handle *handle = NULL;
        struct moirai_scope scope;
        int begun = 0;
        int result = 0;

        talk_begin(&scope);
        CHECK_EQ(moirai_spawn_with(&scope, bodies[i], &begun, &attr, &handle),
                 0);
        with_wait(&begun);
        CHECK_EQ(moirai_handle_join(handle, moirai_after(MOIRAI_MS), &result),
                 -ETIMEDOUT);
        moirai_handle_cancel(handle);
        CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
        CHECK_EQ(result, -ECANCELED);
        moirai_handle_put(handle);
        moirai_scope_end(&scope);
    }
    CHECK_EQ(moirai_select(NULL, 0, moirai_after(MOIRAI_US)), -ETIMEDOUT);
    return 0;
}

TEST(go_select, of_nothing_but_nil_blocks_forever)
{
    side_everywhere(block_forever);
}

/* A nil channel beside others switches its case off. */
static int switch_off(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 1);
    int64_t in = 0;
    int64_t out = 1;
    struct moirai_case cases[] = { MOIRAI_ON_SEND(NULL, &out),
                                   MOIRAI_ON_RECV(chan, &in),
                                   MOIRAI_ON_RECV(NULL, &in) };

    (void)arg;
    CHECK_EQ(moirai_select(cases, 3, MOIRAI_NOW), -EAGAIN);
    for (int i = 0; i < EACH; i++) {
        CHECK_EQ(talk_send(chan, 1, MOIRAI_NOW), 0);
        CHECK_EQ(moirai_select(cases, 3, MOIRAI_NEVER), 1);
    }
    moirai_chan_put(chan);
    return 0;
}

TEST(go_select, never_chooses_a_nil_channel)
{
    side_everywhere(switch_off);
}

/* Receiving from a closed channel "can always proceed"; a send on one "proceeds
 * by causing a run-time panic". Here: both are chosen, with -EPIPE; those that
 * wait when it is closed, too. */
static int select_on_closed(void *arg)
{
    struct entering e = { .values = { -1, 4 } };
    struct moirai_scope scope;

    (void)arg;
    for (int i = 0; i < 2; i++) {
        e.chans[i] = talk_ring_of_ints(NULL, 0);
        e.cases[i] = (struct moirai_case)MOIRAI_ON_RECV(e.chans[i],
                                                        &e.values[i]);
    }
    e.cases[1].kind = MOIRAI_CASE_SEND;
    for (size_t closed = 0; closed < 2; closed++) {
        talk_begin(&scope);
        CHECK_EQ(moirai_spawn(&scope, enter, &e), 0);
        if (closed == 0)
            talk_until(e.chans[1], MOIRAI_SEND, 1);
        CHECK_EQ(moirai_chan_close(e.chans[closed]), 0);
        CHECK_EQ(moirai_scope_end(&scope), 0);
        CHECK(e.which == (int64_t)closed || closed == 1);
        CHECK_EQ(e.cases[e.which].result, -EPIPE);
        CHECK_EQ(e.values[0], -1);
    }
    for (size_t i = 0; i < 2; i++) {
        CHECK_EQ(moirai_select(&e.cases[i], 1, MOIRAI_NOW), 0);
        CHECK_EQ(e.cases[i].result, -EPIPE);
        moirai_chan_put(e.chans[i]);
    }
    return 0;
}

TEST(go_select, finds_a_closed_channel_ready)
{
    side_everywhere(select_on_closed);
}

/* "for { select { case c <- 0: case c <- 1: } }  // send random sequence of
 * bits to c; note: no statement, no fallthrough, no folding of cases" */
static int send_bits(void *arg)
{
    int64_t bits[] = { 0, 1 };
    struct moirai_case cases[] = { MOIRAI_ON_SEND(arg, &bits[0]),
                                   MOIRAI_ON_SEND(arg, &bits[1]) };

    for (;;) {
        int64_t which = moirai_select(cases, 2, MOIRAI_NEVER);

        CHECK(which >= 0);
        if (cases[which].result == -EPIPE)
            return 0;
    }
}

static int receive_bits(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 0);
    struct moirai_scope scope;
    int64_t counts[2] = { 0 };

    (void)arg;
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, send_bits, chan), 0);
    while (counts[0] == 0 || counts[1] == 0) {
        int64_t bit = talk_recv(chan, MOIRAI_NEVER);

        CHECK(bit == 0 || bit == 1);
        counts[bit]++;
    }
    CHECK_EQ(moirai_chan_close(chan), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    moirai_chan_put(chan);
    return 0;
}

TEST(go_select, sends_random_bits_without_folding_cases)
{
    side_everywhere(receive_bits);
}

/* One that sends and receives on the same unbuffered channel is not both of its
 * sides; on a buffered one either may go on, with no one else. */
static int select_on_itself(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 0);
    int64_t in = 0;
    int64_t out = 1;
    struct moirai_case cases[] = { MOIRAI_ON_SEND(chan, &out),
                                   MOIRAI_ON_RECV(chan, &in) };

    (void)arg;
    CHECK_EQ(moirai_select(cases, 2, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_select(cases, 2, moirai_after(MOIRAI_MS)), -ETIMEDOUT);
    moirai_chan_put(chan);
    chan = talk_ring_of_ints(NULL, 1);
    cases[0].object = cases[1].object = chan;
    for (int64_t i = 0; i < EACH; i++) {
        CHECK_EQ(moirai_select(cases, 2, MOIRAI_NEVER), i % 2);
        CHECK_EQ(moirai_chan_length(chan), (i + 1) % 2);
    }
    moirai_chan_put(chan);
    return 0;
}

TEST(go_select, does_not_meet_itself)
{
    side_everywhere(select_on_itself);
}

/* Many selects with the same channels, in other orders, and with a channel more
 * than once: each communication has two sides, and nobody waits for ever. */
#define CHANS 3
#define SELECTS 4

struct knot {
    struct moirai_chan *chans[CHANS];
    int64_t sent, received;         /* atomic: sums */
    int next;                       /* atomic */
};

static int tie(void *arg)
{
    struct knot *knot = arg;
    int me = with_add(&knot->next, 1);
    struct moirai_case cases[2 * CHANS];
    int64_t values[2 * CHANS];

    for (int turn = 1; turn <= EACH / 2; turn++) {
        int64_t which;

        for (int i = 0; i < 2 * CHANS; i++) {
            int at = (me % 2 ? i : 2 * CHANS - 1 - i) % CHANS;

            values[i] = me * EACH + turn;
            cases[i] = (struct moirai_case)MOIRAI_ON_RECV(knot->chans[at],
                                                          &values[i]);
            if (me <= SELECTS)
                cases[i].kind = MOIRAI_CASE_SEND;
        }
        which = moirai_select(cases, 2 * CHANS, MOIRAI_NEVER);
        CHECK(which >= 0);
        CHECK_EQ(cases[which].result, 0);
        with_add(me <= SELECTS ? &knot->sent : &knot->received,
                 values[which]);
    }
    return 0;
}

static int select_many(void *arg)
{
    struct knot knot = { .sent = 0 };
    struct moirai_scope scope;

    (void)arg;
    for (size_t i = 0; i < CHANS; i++)
        knot.chans[i] = talk_ring_of_ints(NULL, i);
    talk_begin(&scope);
    for (int i = 0; i < 2 * SELECTS; i++)
        CHECK_EQ(moirai_spawn(&scope, tie, &knot), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(knot.sent, knot.received);
    for (int i = 0; i < CHANS; i++) {
        CHECK_EQ(moirai_chan_length(knot.chans[i]), 0);
        moirai_chan_put(knot.chans[i]);
    }
    return 0;
}

TEST(go_select, many_at_once_on_the_same_channels_pair_off)
{
    side_everywhere(select_many);
}
