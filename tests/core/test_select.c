/* SPDX-License-Identifier: MIT */
/*
 * test_select.c - one wait on many things: which case goes on, that no other
 * does, when it waits and what ends that. The sentences about channels in a
 * select are Go's (language specification, "Select statements").
 */
#include <moirai/select.h>

#include <pthread.h>
#include "talk.h"

static int64_t select_now(struct moirai_case *cases, size_t n)
{
    return moirai_select(cases, n, MOIRAI_NOW);
}

/* --- what is ready -------------------------------------------------------- */

static int take_what_is_ready(void *arg)
{
    struct moirai_chan *a = talk_ring_of_ints(NULL, 2);
    struct moirai_chan *b = talk_ring_of_ints(NULL, 1);
    int64_t in = 0;
    int64_t out = 7;
    struct moirai_case cases[] = { MOIRAI_ON_RECV(a, &in),
                                   MOIRAI_ON_SEND(b, &out) };

    (void)arg;
    CHECK_EQ(select_now(cases, 1), -EAGAIN);
    CHECK_EQ(select_now(cases, 2), 1);
    CHECK_EQ(cases[1].result, 0);
    CHECK_EQ(moirai_chan_length(b), 1);
    CHECK_EQ(select_now(cases, 2), -EAGAIN);
    CHECK_EQ(talk_send(a, 5, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_select(cases, 2, MOIRAI_NEVER), 0);
    CHECK_EQ(in, 5);
    CHECK_EQ(moirai_chan_length(a), 0);
    CHECK_EQ(talk_recv(b, MOIRAI_NOW), 7);
    CHECK_EQ(talk_recv(b, MOIRAI_NOW), -EAGAIN);
    moirai_chan_put(a);
    moirai_chan_put(b);
    return 0;
}

TEST(select, takes_what_is_ready)
{
    with_each(take_what_is_ready, NULL);
}

/* "a select with only nil channels and no default case blocks forever" */
static int never_ready(void *arg)
{
    int64_t value = 0;
    struct moirai_case cases[] = {
        MOIRAI_ON_RECV(NULL, &value), MOIRAI_ON_SEND(NULL, &value),
        MOIRAI_ON_TASK(NULL, NULL), MOIRAI_ON_TIME(MOIRAI_NEVER),
    };

    (void)arg;
    CHECK_EQ(select_now(cases, 4), -EAGAIN);
    CHECK_EQ(moirai_select(cases, 4, moirai_after(MOIRAI_MS)), -ETIMEDOUT);
    CHECK_EQ(moirai_select(cases, 0, moirai_after(MOIRAI_MS)), -ETIMEDOUT);
    CHECK_EQ(moirai_select(NULL, 0, MOIRAI_NOW), -EAGAIN);
    return 0;
}

TEST(select, never_takes_what_is_switched_off)
{
    struct moirai_case off = MOIRAI_ON_TIME(0);

    with_each(never_ready, NULL);
    CHECK_EQ(never_ready(NULL), 0);
    off.kind = MOIRAI_CASE_OFF;
    CHECK_EQ(select_now(&off, 1), -EAGAIN);
}

static int closed_is_ready(void *arg)
{
    struct moirai_chan *a = talk_ring_of_ints(NULL, *(size_t *)arg);
    int64_t value = 3;
    struct moirai_case recv = MOIRAI_ON_RECV(a, &value);
    struct moirai_case send = MOIRAI_ON_SEND(a, &value);

    if (*(size_t *)arg != 0)
        CHECK_EQ(talk_send(a, 9, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_close(a), 0);
    CHECK_EQ(moirai_select(&send, 1, MOIRAI_NEVER), 0);
    CHECK_EQ(send.result, -EPIPE);
    if (*(size_t *)arg != 0) {
        CHECK_EQ(moirai_select(&recv, 1, MOIRAI_NEVER), 0);
        CHECK_EQ(recv.result, 0);
        CHECK_EQ(value, 9);
    }
    CHECK_EQ(moirai_select(&recv, 1, MOIRAI_NOW), 0);
    CHECK_EQ(recv.result, -EPIPE);
    moirai_chan_put(a);
    return 0;
}

TEST(select, finds_a_closed_channel_ready)
{
    size_t rendezvous = 0;
    size_t ring = 4;

    with_each(closed_is_ready, &rendezvous);
    with_each(closed_is_ready, &ring);
}

TEST(select, refuses_what_makes_no_sense)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_chan *a = talk_ring_of_ints(rt, 1);
    struct moirai_chan *sends = talk_dup(a, MOIRAI_SEND);
    int64_t value = 0;
    struct moirai_case cases[] = { MOIRAI_ON_SEND(sends, &value),
                                   MOIRAI_ON_RECV(sends, &value) };
    struct moirai_order order = MOIRAI_ORDER_INIT(9, 0);
    struct moirai_order old = { 4, MOIRAI_RANDOM, 0, 0, 0 };

    CHECK_EQ(moirai_select(cases, 2, MOIRAI_NEVER), -EBADF);
    CHECK_EQ(moirai_chan_length(a), 0);
    cases[1].kind = 77;
    CHECK_EQ(moirai_select(cases, 2, MOIRAI_NEVER), -EINVAL);
    CHECK_EQ(moirai_select_by(&order, cases, 1, MOIRAI_NOW), -EINVAL);
    CHECK_EQ(moirai_select_by(&old, cases, 1, MOIRAI_NOW), -EINVAL);
    CHECK_EQ(moirai_chan_length(a), 0);
    moirai_chan_put(sends);
    moirai_chan_put(a);
    with_end(rt);
}

/* --- waiting -------------------------------------------------------------- */

struct pair {
    struct moirai_chan *a, *b;
    size_t capacity;
    int64_t sum;
    int turns;
};

static int send_to_b(void *arg)
{
    struct pair *pair = arg;

    for (int i = 1; i <= pair->turns; i++)
        CHECK_EQ(talk_send(i % 3 == 0 ? pair->a : pair->b, i, MOIRAI_NEVER),
                 0);
    return 0;
}

static int wait_for_either(void *arg)
{
    struct pair pair = { .capacity = *(size_t *)arg, .turns = 90 };
    struct moirai_scope scope;
    int64_t x, y;
    struct moirai_case cases[2];
    int64_t next_of_a = 3;

    pair.a = talk_ring_of_ints(NULL, pair.capacity);
    pair.b = talk_ring_of_ints(NULL, pair.capacity);
    cases[0] = (struct moirai_case)MOIRAI_ON_RECV(pair.a, &x);
    cases[1] = (struct moirai_case)MOIRAI_ON_RECV(pair.b, &y);
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, send_to_b, &pair), 0);
    for (int i = 0; i < pair.turns; i++) {
        int64_t which = moirai_select(cases, 2, MOIRAI_NEVER);

        CHECK(which == 0 || which == 1);
        if (which == 0) {
            CHECK_EQ(x, next_of_a);
            next_of_a += 3;
        }
        pair.sum += which == 0 ? x : y;
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(pair.sum, 90 * 91 / 2);
    moirai_chan_put(pair.a);
    moirai_chan_put(pair.b);
    return 0;
}

TEST(select, waits_for_either)
{
    static size_t capacities[] = { 0, 1, 8 };

    for (size_t i = 0; i < 3; i++) {
        with_each(wait_for_either, &capacities[i]);
        with_seeds(200, wait_for_either, &capacities[i]);
    }
}

/* Both sides of a rendezvous are selects; "a send proceeds if the receiver is
 * ready", whoever came first. */
struct meeting {
    struct moirai_chan *chans[4];
    int turns;
    _Atomic int64_t sent, received, met;
};

static int select_sends(void *arg)
{
    struct meeting *m = arg;
    int64_t one = 1;
    struct moirai_case cases[] = {
        MOIRAI_ON_SEND(m->chans[0], &one), MOIRAI_ON_SEND(m->chans[1], &one),
        MOIRAI_ON_SEND(m->chans[2], &one), MOIRAI_ON_SEND(m->chans[3], &one),
    };

    for (int i = 0; i < m->turns; i++) {
        CHECK(moirai_select(cases, 4, MOIRAI_NEVER) >= 0);
        m->sent += 1;
    }
    return 0;
}

static int select_receives(void *arg)
{
    struct meeting *m = arg;
    int64_t in = 0;
    struct moirai_case cases[] = {
        MOIRAI_ON_RECV(m->chans[3], &in), MOIRAI_ON_RECV(m->chans[1], &in),
        MOIRAI_ON_RECV(m->chans[0], &in), MOIRAI_ON_RECV(m->chans[2], &in),
    };

    for (int i = 0; i < m->turns; i++) {
        in = 0;
        CHECK(moirai_select(cases, 4, MOIRAI_NEVER) >= 0);
        CHECK_EQ(in, 1);
        m->received += 1;
    }
    return 0;
}

static void *thread_selects(void *arg)
{
    return (void *)(intptr_t)select_receives(arg);
}

static int meet(void *arg)
{
    struct meeting m = { .turns = (int)with_times(arg != NULL ? 300 : 40) };
    struct moirai_scope scope;
    pthread_t thread;

    for (int i = 0; i < 4; i++)
        m.chans[i] = talk_ring_of_ints(NULL, i == 3 ? 2 : 0);
    talk_begin(&scope);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(moirai_spawn(&scope, select_sends, &m), 0);
        if (i != 0 || arg == NULL)
            CHECK_EQ(moirai_spawn(&scope, select_receives, &m), 0);
    }
    if (arg != NULL)
        CHECK_EQ(pthread_create(&thread, NULL, thread_selects, &m), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    if (arg != NULL)
        CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(m.sent, 3 * m.turns);
    CHECK_EQ(m.received, 3 * m.turns);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(moirai_chan_length(m.chans[i]), 0);
        moirai_chan_put(m.chans[i]);
    }
    return 0;
}

TEST(select, meets_another_select)
{
    int threads = 1;

    with_each(meet, NULL);
    with_each(meet, &threads);
    with_seeds(300, meet, NULL);
}

/* A select that both sends and receives on one channel does not meet itself,
 * but another that does the same. */
static int both_ways(void *arg)
{
    struct meeting *m = arg;
    int64_t out = 1;
    int64_t in = 0;
    struct moirai_case cases[] = { MOIRAI_ON_SEND(m->chans[0], &out),
                                   MOIRAI_ON_RECV(m->chans[0], &in) };

    for (int i = 0; i < m->turns; i++) {
        int64_t which = moirai_select(cases, 2, moirai_after(MOIRAI_S));

        if (which < 0)
            break;
        m->met += which == 0 ? 1 : -1;
    }
    return 0;
}

static int meet_oneself(void *arg)
{
    struct meeting m = { .turns = 50 };
    struct moirai_scope scope;
    int64_t in = 0;
    int64_t out = 0;
    struct moirai_case cases[2];

    (void)arg;
    m.chans[0] = talk_ring_of_ints(NULL, 0);
    cases[0] = (struct moirai_case)MOIRAI_ON_SEND(m.chans[0], &out);
    cases[1] = (struct moirai_case)MOIRAI_ON_RECV(m.chans[0], &in);
    CHECK_EQ(moirai_select(cases, 2, moirai_after(MOIRAI_MS)), -ETIMEDOUT);
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, both_ways, &m), 0);
    CHECK_EQ(moirai_spawn(&scope, both_ways, &m), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(m.met, 0);
    moirai_chan_put(m.chans[0]);
    return 0;
}

TEST(select, does_not_meet_itself)
{
    with_each(meet_oneself, NULL);
    with_seeds(200, meet_oneself, NULL);
}

/* --- time, tasks, cancellation -------------------------------------------- */

static int be_timed(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 1);
    int64_t in;
    int64_t start = moirai_now();
    int64_t far = start + 1000 * MOIRAI_S;
    struct moirai_case cases[] = { MOIRAI_ON_RECV(chan, &in),
                                   MOIRAI_ON_TIME(far),
                                   MOIRAI_ON_TIME(far) };

    (void)arg;
    CHECK_EQ(moirai_select(cases, 3, start + MOIRAI_MS), -ETIMEDOUT);
    CHECK(moirai_now() >= start + MOIRAI_MS);
    cases[2].time_ns = start + 2 * MOIRAI_MS;
    CHECK_EQ(moirai_select(cases, 3, MOIRAI_NEVER), 2);
    CHECK(moirai_now() >= start + 2 * MOIRAI_MS);
    cases[2].kind = MOIRAI_CASE_OFF;
    cases[1].time_ns = start + 3 * MOIRAI_MS;
    CHECK_EQ(moirai_select(cases, 3, far), 1);
    CHECK(moirai_now() >= start + 3 * MOIRAI_MS);
    CHECK_EQ(cases[1].result, 0);
    CHECK_EQ(select_now(cases, 3), 1);
    moirai_chan_put(chan);
    return 0;
}

TEST(select, ends_when_the_time_has_come)
{
    with_each(be_timed, NULL);
    with_seeds(20, be_timed, NULL);
}

static int sleep_and_return(void *arg)
{
    int64_t ms = (int64_t)(intptr_t)arg;

    CHECK_EQ(moirai_sleep_until(moirai_after(ms * MOIRAI_MS)), 0);
    return (int)ms;
}

static int await_tasks(void *arg)
{
    struct moirai_scope scope;
    struct moirai_handle *handles[3] = { NULL };
    struct moirai_case cases[3];
    int results[3] = { 0 };
    int64_t which;
    int seen = 0;

    (void)arg;
    talk_begin(&scope);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(moirai_spawn_with(&scope, sleep_and_return,
                                   (void *)(intptr_t)(3 - i), NULL,
                                   &handles[i]), 0);
        cases[i] = (struct moirai_case)MOIRAI_ON_TASK(handles[i], &results[i]);
    }
    for (int i = 0; i < 3; i++) {
        which = moirai_select(cases, 3, MOIRAI_NEVER);
        CHECK(which >= 0 && which < 3);
        CHECK_EQ(results[which], 3 - which);
        cases[which].kind = MOIRAI_CASE_OFF;
        seen |= 1 << which;
    }
    CHECK_EQ(seen, 7);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < 3; i++)
        moirai_handle_put(handles[i]);
    return 0;
}

TEST(select, waits_for_tasks)
{
    with_each(await_tasks, NULL);
    with_seeds(100, await_tasks, NULL);
}

struct gates {
    struct moirai_event event;
    struct moirai_latch latch;
};

static int open_gates(void *arg)
{
    struct gates *gates = arg;

    moirai_yield();
    CHECK_EQ(moirai_latch_arrive(&gates->latch, 1), 0);
    moirai_yield();
    moirai_event_set(&gates->event);
    return 0;
}

static int await_gates(void *arg)
{
    struct gates gates = { .latch = MOIRAI_LATCH_INIT(2) };
    struct moirai_scope scope;
    struct moirai_case cases[] = { MOIRAI_ON_EVENT(&gates.event),
                                   MOIRAI_ON_LATCH(&gates.latch) };
    int seen = 0;

    (void)arg;
    CHECK_EQ(moirai_latch_arrive(&gates.latch, 1), 0);
    CHECK_EQ(select_now(cases, 2), -EAGAIN);
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, open_gates, &gates), 0);
    for (int i = 0; i < 2; i++) {
        int64_t which = moirai_select(cases, 2, MOIRAI_NEVER);

        CHECK(which >= 0 && which < 2);
        cases[which].kind = MOIRAI_CASE_OFF;
        seen |= 1 << which;
    }
    CHECK_EQ(seen, 3);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

TEST(select, waits_for_events_and_the_like)
{
    with_each(await_gates, NULL);
    with_seeds(200, await_gates, NULL);
}

static int wait_for_ever(void *arg)
{
    struct pair *pair = arg;
    int64_t in;
    int64_t out = 1;
    struct moirai_case cases[] = { MOIRAI_ON_RECV(pair->a, &in),
                                   MOIRAI_ON_SEND(pair->b, &out),
                                   MOIRAI_ON_RECV(pair->a, &in) };

    CHECK_EQ(moirai_select(cases, 3, MOIRAI_NEVER), -ECANCELED);
    CHECK_EQ(moirai_select(cases, 3, MOIRAI_NEVER), -ECANCELED);
    CHECK_EQ(moirai_select(cases, 3, MOIRAI_NOW), -EAGAIN);
    return 0;
}

static int cancel_them(void *arg)
{
    struct pair pair = { .a = talk_ring_of_ints(NULL, 1),
                         .b = talk_ring_of_ints(NULL, 0) };
    struct moirai_scope scope;

    (void)arg;
    talk_begin(&scope);
    for (int i = 0; i < 20; i++)
        CHECK_EQ(moirai_spawn(&scope, wait_for_ever, &pair), 0);
    for (int i = 0; i < 7; i++)
        moirai_yield();
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(talk_send(pair.a, 1, MOIRAI_NOW), 0);
    CHECK_EQ(talk_recv(pair.b, MOIRAI_NOW), -EAGAIN);
    moirai_chan_put(pair.a);
    moirai_chan_put(pair.b);
    return 0;
}

TEST(select, is_cancelled)
{
    with_each(cancel_them, NULL);
    with_seeds(200, cancel_them, NULL);
}

static int wait_for_the_end(void *arg)
{
    struct pair *pair = arg;
    int64_t in;
    int64_t out = 1;
    struct moirai_case cases[] = { MOIRAI_ON_RECV(pair->a, &in),
                                   MOIRAI_ON_SEND(pair->b, &out) };

    CHECK_EQ(moirai_select(cases, 2, MOIRAI_NEVER), 1);
    CHECK_EQ(cases[1].result, -EPIPE);
    return 0;
}

static int close_under_them(void *arg)
{
    struct pair pair = { .a = talk_ring_of_ints(NULL, 1),
                         .b = talk_ring_of_ints(NULL, 0) };
    struct moirai_scope scope;

    (void)arg;
    talk_begin(&scope);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(moirai_spawn(&scope, wait_for_the_end, &pair), 0);
    for (int i = 0; i < 7; i++)
        moirai_yield();
    CHECK_EQ(moirai_chan_close(pair.b), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    moirai_chan_put(pair.a);
    moirai_chan_put(pair.b);
    return 0;
}

TEST(select, is_told_of_a_close)
{
    with_each(close_under_them, NULL);
    with_seeds(50, close_under_them, NULL);
}
