/* SPDX-License-Identifier: MIT */
/*
 * chan_talk.c - what include/moirai/chan.h and select.h promise of a channel,
 * whatever discipline it has: deadlines, waits that end, crowds, closing.
 *
 * The core keeps these promises, with the help of a discipline that keeps its
 * own. Nothing is assumed of order, nor that a full one refuses. Receivers
 * share an endpoint: so each message comes to one of them, or is dropped.
 */
#include "conformance.h"

#include <moirai/moirai.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "waiters.h"

#define FILL 50                     /* an unbounded one is full for us then */

/* Atomic, for what tasks share. */
#define get(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define set(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define add(p, v) __atomic_add_fetch((p), (v), __ATOMIC_ACQ_REL)

struct talk {
    const struct subject *subject;
    size_t bytes;                   /* of a message, from here on: */
    struct moirai_chan *in, *out;
};

static const size_t sizes[] = { 0, 1, 8, 4096 };

#define SIZES (sizeof sizes / sizeof sizes[0])

static struct moirai_chan *endpoint(struct mo_chan *c, uint32_t mode)
{
    struct moirai_chan *chan = mo_mem_alloc(sizeof *chan, MO_CACHE_LINE);

    int rc = chan != NULL ? mo_chan_attach(c, mode, chan) : -ENOMEM;

    HOLDS(rc == 0, "an endpoint cannot be attached: %d", rc);
    return chan;
}

/* In a task. False: it takes no messages of this size. */
static bool open_talk(struct talk *t, size_t bytes)
{
    const struct moirai_chan_ops *ops = t->subject->plugin->ops;
    const struct mo_chosen chosen = { .plugin = t->subject->plugin,
                                      .ops = ops,
                                      .config = t->subject->config };
    const struct moirai_elem given = { .size = sizeof given, .align = 1,
                                       .bytes = bytes };
    struct moirai_elem elem;
    struct moirai_error err = { 0 };
    struct mo_chan *c;
    int rc;

    rc = mo_chan_element(&given, &elem, &err);
    if (rc == 0 && ops->state_size(chosen.config, &elem) == 0)
        return false;
    if (rc == 0)
        rc = mo_chan_create(moirai_runtime_self(), &chosen, &elem, &c, &err);
    HOLDS(rc == 0, "no channel for messages of %zu bytes: %s", bytes,
          err.text);
    t->bytes = bytes;
    t->in = endpoint(c, MOIRAI_SEND);
    t->out = endpoint(c, MOIRAI_RECV);
    return true;
}

static void close_talk(struct talk *t)
{
    moirai_chan_put(t->in);
    moirai_chan_put(t->out);
}

/* Runs body(t) as a task, on a runtime of these settings. */
static void run(const char *const *settings, moirai_fn *body, struct talk *t)
{
    struct moirai_config config = { .size = sizeof config, .set = settings };
    struct moirai_runtime *runtime = NULL;
    struct moirai_error err = { 0 };
    int rc = moirai_start(&runtime, &config, &err);

    NEEDS(rc == 0, "a runtime cannot be started: %s", err.text);
    rc = moirai_run(runtime, body, t);
    HOLDS(rc == 0, "the test itself returned %d with %s", rc, settings[1]);
    rc = moirai_stop(runtime, MOIRAI_NEVER, NULL);
    HOLDS(rc == 0, "the runtime cannot be stopped: %d", rc);
}

static const char *const on_one[] = { "scheduler.plugin=steal",
                                      "runtime.workers=1", NULL };
static const char *const on_four[] = { "scheduler.plugin=steal",
                                       "runtime.workers=4", NULL };

/* On one worker, on four, and under a few seeds of the simulator. */
static void everywhere(const struct subject *subject, moirai_fn *body)
{
    struct talk t = { .subject = subject };
    uint64_t seeds = conformance_times(5);
    char seed[40];
    const char *const simulated[] = { "scheduler.plugin=sim", seed,
                                      "runtime.workers=2", NULL };

    run(on_one, body, &t);
    run(on_four, body, &t);
    for (uint64_t i = 1; i <= seeds; i++) {
        snprintf(seed, sizeof seed, "scheduler.seed=%u", (unsigned)i);
        run(simulated, body, &t);
    }
}

static void begin(struct moirai_scope *scope)
{
    int rc = moirai_scope_begin(scope, NULL, MOIRAI_NEVER);

    NEEDS(rc == 0, "a scope cannot begin: %d", rc);
}

static void spawn(struct moirai_scope *scope, moirai_fn *body, void *arg)
{
    int rc = moirai_spawn(scope, body, arg);

    NEEDS(rc == 0, "a task cannot be spawned: %d", rc);
}

/* Fails unless a call returned what it should have. */
static void check(const char *call, int64_t returned, int64_t wanted)
{
    HOLDS(returned == wanted, "%s returned %lld (%s), and should have "
          "returned %lld (%s)", call, (long long)returned,
          returned < 0 ? strerror((int)-returned) : "success",
          (long long)wanted, wanted < 0 ? strerror((int)-wanted) : "success");
}

static int try_to_send(struct talk *t, int64_t until)
{
    char message[4096] = { 0 };

    return moirai_chan_send(t->in, message, until);
}

/* Returns how many were sent. *refuses: it is full, and says so. */
static uint64_t fill_up(struct talk *t, bool *refuses)
{
    uint64_t n = 0;

    *refuses = false;
    while (n < FILL && !*refuses) {
        int rc = try_to_send(t, MOIRAI_NOW);

        HOLDS(rc == 0 || rc == -EAGAIN, "a send that does not wait returned "
              "%d", rc);
        *refuses = rc == -EAGAIN;
        n += rc == 0;
    }
    return n;
}

static uint64_t drain(struct talk *t)
{
    char message[4096];
    uint64_t n = 0;

    while (moirai_chan_recv(t->out, message, MOIRAI_NOW) == 0)
        n++;
    return n;
}

/* Else a select says -ENOTSUP. */
static bool can_be_selected(const struct talk *t)
{
    const struct moirai_chan_ops *ops = t->subject->plugin->ops;

    return ops->can != NULL;
}

/* --- deadlines ------------------------------------------------------------ */

static void refuse_to_send(struct talk *t, const char *batch)
{
    int64_t past = moirai_now() - 1;

    check("a send that does not wait, to a full channel,",
          try_to_send(t, MOIRAI_NOW), -EAGAIN);
    check("a send whose time is up, to a full channel,",
          try_to_send(t, past), -ETIMEDOUT);
    check("a send that waits 100 us, to a full channel,",
          try_to_send(t, moirai_after(100 * MOIRAI_US)), -ETIMEDOUT);
    check("a send of two that does not wait, to a full channel,",
          moirai_chan_send_batch(t->in, batch, 2, MOIRAI_NOW), -EAGAIN);
    check("a send of two whose time is up, to a full channel,",
          moirai_chan_send_batch(t->in, batch, 2, past), -ETIMEDOUT);
}

static void refuse_to_give(struct talk *t, char *batch)
{
    int64_t past = moirai_now() - 1;

    check("a receive that does not wait, from an empty channel,",
          moirai_chan_recv(t->out, batch, MOIRAI_NOW), -EAGAIN);
    check("a receive whose time is up, from an empty channel,",
          moirai_chan_recv(t->out, batch, past), -ETIMEDOUT);
    check("a receive that waits 100 us, from an empty channel,",
          moirai_chan_recv(t->out, batch, moirai_after(100 * MOIRAI_US)),
          -ETIMEDOUT);
    check("a receive of none or two, from an empty channel,",
          moirai_chan_recv_batch(t->out, batch, 0, 2, MOIRAI_NEVER), 0);
    check("a receive of one or two whose time is up, from an empty channel,",
          moirai_chan_recv_batch(t->out, batch, 1, 2, past), -ETIMEDOUT);
}

static void keep_deadlines_of(struct talk *t, char *batch)
{
    uint64_t received;
    uint64_t sent;
    bool refuses;

    refuse_to_give(t, batch);
    sent = fill_up(t, &refuses);
    if (refuses)
        refuse_to_send(t, batch);
    received = drain(t) + moirai_chan_dropped(t->in);
    HOLDS(received == sent, "%llu messages were sent, and %llu came out or "
          "were dropped", (unsigned long long)sent,
          (unsigned long long)received);
    refuse_to_give(t, batch);
    if (sent == 0)
        return;
    check("a send whose time is up, where there is room,",
          try_to_send(t, moirai_now() - 1), 0);
    check("a receive of two that waits 100 us, where there is one message,",
          moirai_chan_recv_batch(t->out, batch, 2, 2,
                                 moirai_after(100 * MOIRAI_US)), 1);
}

static int keep_deadlines(void *arg)
{
    struct talk *t = arg;

    for (size_t i = 0; i < SIZES; i++) {
        char *batch = calloc(2, sizes[i] + 1);

        NEEDS(batch != NULL, "no memory for the test itself");
        if (open_talk(t, sizes[i])) {
            keep_deadlines_of(t, batch);
            close_talk(t);
        }
        free(batch);
    }
    return 0;
}

PROMISE(chan_keeps_deadlines,
        "A call that may not wait for longer ends, and has done nothing.")
{
    everywhere(subject, keep_deadlines);
}

/* --- every wait ends ------------------------------------------------------ */

#define WAITERS 5

enum { ONE, BATCH, SELECT, KINDS };
enum { CANCEL, CLOSE, TIME, ENDS };

struct waiter {
    struct talk *talk;
    int kind;
    bool sends;
    int64_t until;
    int64_t result;
};

static int wait_somehow(void *arg)
{
    struct waiter *w = arg;
    struct moirai_chan *chan = w->sends ? w->talk->in : w->talk->out;
    char messages[3 * 8] = { 0 };
    struct moirai_case it = MOIRAI_ON_RECV(chan, messages);

    if (w->sends)
        it.kind = MOIRAI_CASE_SEND;
    if (w->kind == ONE)
        w->result = w->sends ? moirai_chan_send(chan, messages, w->until)
                             : moirai_chan_recv(chan, messages, w->until);
    else if (w->kind == BATCH)
        w->result = w->sends
                  ? moirai_chan_send_batch(chan, messages, 3, w->until)
                  : moirai_chan_recv_batch(chan, messages, 2, 3, w->until);
    else
        w->result = moirai_select(&it, 1, w->until);
    if (w->kind == SELECT && w->result == 0)
        w->result = it.result;
    return 0;
}

/* All wait, and none of them has got anything when it has ended. */
static void wait_for(struct talk *t, bool sends, int kind, int how)
{
    static const int results[] = { -ECANCELED, -EPIPE, -ETIMEDOUT };
    static const char *const calls[] = { "a send or receive that waits",
                                         "a batch that waits",
                                         "a select that waits" };
    struct waiter w[WAITERS];
    struct moirai_scope scope;

    begin(&scope);
    for (int i = 0; i < WAITERS; i++) {
        w[i] = (struct waiter){ t, kind, sends, how != TIME ? MOIRAI_NEVER
                                : moirai_after(200 * MOIRAI_US), 1 };
        spawn(&scope, wait_somehow, &w[i]);
    }
    while (how != TIME &&
           waiters(t->in, sends ? MOIRAI_SEND : MOIRAI_RECV) != WAITERS)
        moirai_yield();
    if (how == CANCEL)
        moirai_scope_cancel(&scope);
    if (how == CLOSE)
        check("close", moirai_chan_close(t->in), 0);
    check("the scope of those that wait", moirai_scope_end(&scope),
          how == CANCEL ? -ECANCELED : 0);
    for (int i = 0; i < WAITERS; i++)
        check(calls[kind], w[i].result, results[how]);
    HOLDS(waiters(t->in, MOIRAI_BOTH) == 0, "all waits have ended, and "
          "somebody still waits");
}

static void end_waits(struct talk *t, bool sends, int kind, int how)
{
    uint64_t received;
    uint64_t sent = 0;
    bool refuses;

    if (!open_talk(t, 8))
        return;
    if (sends)
        sent = fill_up(t, &refuses);
    if (!sends || refuses) {
        wait_for(t, sends, kind, how);
        received = drain(t);
        HOLDS(received == sent, "%llu messages were sent, and %llu come out "
              "after the waits of others were ended",
              (unsigned long long)sent, (unsigned long long)received);
        check("a send after others' waits were ended",
              try_to_send(t, MOIRAI_NOW), how == CLOSE ? -EPIPE
              : moirai_chan_capacity(t->in) == 0 ? -EAGAIN : 0);
    }
    close_talk(t);
}

static int end_all_waits(void *arg)
{
    struct talk *t = arg;
    int kinds = can_be_selected(t) ? KINDS : SELECT;

    for (int kind = 0; kind < kinds; kind++)
        for (int how = 0; how < ENDS; how++) {
            end_waits(t, false, kind, how);
            end_waits(t, true, kind, how);
        }
    return 0;
}

PROMISE(chan_ends_every_wait,
        "Cancelling, closing and time end each wait, and lose no message.")
{
    everywhere(subject, end_all_waits);
}

/* --- crowds --------------------------------------------------------------- */

#define SENDERS 3
#define RECEIVERS 3
#define EACH 60

struct crowd {
    struct talk *talk;
    uint32_t next;                  /* atomic, as are: numbers given out */
    uint64_t sent, received;
    uint8_t came[SENDERS * EACH];
    bool is_closed_early;
    bool lost;                      /* the endpoint was told to go */
};

static int crowd_send(void *arg)
{
    struct crowd *crowd = arg;
    size_t bytes = crowd->talk->bytes;
    char *batch = calloc(7, bytes + 1);
    int64_t rc = 0;

    NEEDS(batch != NULL, "no memory for the test itself");
    for (uint32_t i = 0; i < EACH && rc >= 0; i += (uint32_t)rc) {
        size_t n = 1 + i % 7 < EACH - i ? 1 + i % 7 : EACH - i;
        uint64_t first = add(&crowd->next, n) - n;

        for (size_t k = 0; k < n && bytes >= sizeof first; k++, first++)
            memcpy(batch + k * bytes, &first, sizeof first);
        rc = moirai_chan_send_batch(crowd->talk->in, batch, n, MOIRAI_NEVER);
        if (!crowd->is_closed_early)
            check("a send of a batch", rc, (int64_t)n);
        add(&crowd->sent, rc > 0 ? (uint64_t)rc : 0);
    }
    free(batch);
    return 0;
}

static void take(struct crowd *crowd, const char *message)
{
    uint64_t number;

    memcpy(&number, message, sizeof number);
    HOLDS(number < SENDERS * EACH, "a message came out that nobody sent");
    HOLDS(add(&crowd->came[number], 1) == 1, "message %u came out twice",
          (unsigned)number);
}

static int crowd_receive(void *arg)
{
    struct crowd *crowd = arg;
    size_t bytes = crowd->talk->bytes;
    char *batch = calloc(5, bytes + 1);
    int64_t n;

    NEEDS(batch != NULL, "no memory for the test itself");
    while ((n = moirai_chan_recv_batch(crowd->talk->out, batch, 1, 5,
                                       MOIRAI_NEVER)) > 0) {
        add(&crowd->received, (uint64_t)n);
        for (int64_t i = 0; i < n && bytes >= sizeof(uint64_t); i++)
            take(crowd, batch + (size_t)i * bytes);
    }
    HOLDS(n == -EPIPE || n == -EOVERFLOW, "a receive returned %lld when the "
          "channel was closed", (long long)n);
    if (n == -EOVERFLOW)
        set(&crowd->lost, true);
    free(batch);
    return 0;
}

static void count_crowd(const struct crowd *crowd)
{
    uint64_t sent = crowd->sent;
    uint64_t came = crowd->received + moirai_chan_dropped(crowd->talk->in);

    HOLDS(crowd->lost || came == sent, "%u tasks sent %llu messages, and %llu "
          "came to %u others or were dropped", SENDERS,
          (unsigned long long)sent, (unsigned long long)came, RECEIVERS);
    HOLDS(crowd->is_closed_early || sent == SENDERS * EACH,
          "%u tasks were to send %u messages, and sent %llu", SENDERS,
          SENDERS * EACH, (unsigned long long)sent);
}

static void meet(struct talk *t, bool is_closed_early)
{
    struct crowd crowd = { .talk = t, .is_closed_early = is_closed_early };
    struct moirai_scope senders, receivers;

    begin(&receivers);
    begin(&senders);
    for (int i = 0; i < RECEIVERS; i++)
        spawn(&receivers, crowd_receive, &crowd);
    for (int i = 0; i < SENDERS; i++)
        spawn(&senders, crowd_send, &crowd);
    while (is_closed_early && get(&crowd.sent) < EACH / 2)
        moirai_yield();
    if (is_closed_early)
        check("close", moirai_chan_close(t->out), 0);
    check("the scope of those that send", moirai_scope_end(&senders), 0);
    check("the last close", moirai_chan_close(t->in),
          is_closed_early ? -EPIPE : 0);
    check("the scope of those that receive", moirai_scope_end(&receivers), 0);
    count_crowd(&crowd);
}

static int meet_in_crowds(void *arg)
{
    for (size_t i = 0; i < SIZES; i++)
        for (int early = 0; early < 2; early++)
            if (open_talk(arg, sizes[i])) {
                meet(arg, early != 0);
                close_talk(arg);
            }
    return 0;
}

PROMISE(chan_loses_nothing_in_a_crowd,
        "Where many send and many receive, each message comes to one, once.")
{
    everywhere(subject, meet_in_crowds);
}

/* --- select --------------------------------------------------------------- */

#define CHOICES 4                   /* of the first half there is something to
                                     * receive, to the others to send */

static void pick(struct talk *talks, struct moirai_case *cases,
                 int64_t *counts, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t which = moirai_select(cases, CHOICES, MOIRAI_NEVER);
        uint64_t message = 0;

        HOLDS(which >= 0 && which < CHOICES, "a select of %d cases that are "
              "all ready returned %lld", CHOICES, (long long)which);
        check("the case that a select took", cases[which].result, 0);
        counts[which]++;
        if (which < CHOICES / 2)
            check("a send where a select has just received",
                  moirai_chan_send(talks[which].in, &message, MOIRAI_NOW), 0);
        else
            check("a receive where a select has just sent",
                  moirai_chan_recv(talks[which].out, &message, MOIRAI_NOW), 0);
    }
}

/* How far the counts are from even, by the measure of chi squared. */
static double unevenness(const int64_t *counts, int64_t n)
{
    double even = (double)n / CHOICES;
    double sum = 0;

    for (int i = 0; i < CHOICES; i++)
        sum += ((double)counts[i] - even) * ((double)counts[i] - even) / even;
    return sum;
}

static void pick_all(struct talk *talks, struct moirai_case *cases)
{
    int64_t n = (int64_t)conformance_times(100000);
    int64_t counts[CHOICES] = { 0 };

    pick(talks, cases, counts, n);
    /* 48 is exceeded less than one time in 10^9. */
    HOLDS(unevenness(counts, n) < 48, "of four cases that were always ready "
          "selects took the first %lld times, the others %lld, %lld and %lld",
          (long long)counts[0], (long long)counts[1], (long long)counts[2],
          (long long)counts[3]);
}

static int pick_evenly(void *arg)
{
    struct talk *t = arg;
    struct moirai_case cases[CHOICES];
    struct talk talks[CHOICES];
    uint64_t message = 0;

    for (int i = 0; i < CHOICES; i++) {
        talks[i] = *t;
        if (!open_talk(&talks[i], sizeof message))
            return 0;
        cases[i] = (struct moirai_case)MOIRAI_ON_RECV(talks[i].out, &message);
        if (i >= CHOICES / 2)
            cases[i] = (struct moirai_case)MOIRAI_ON_SEND(talks[i].in,
                                                          &message);
        else if (moirai_chan_capacity(talks[i].in) != 0)
            check("a send to an empty channel",
                  try_to_send(&talks[i], MOIRAI_NOW), 0);
    }
    if (!can_be_selected(t))
        check("a select where there is no `can`",
              moirai_select(cases, CHOICES, MOIRAI_NEVER), -ENOTSUP);
    else if (moirai_chan_capacity(talks[0].in) != 0)
        pick_all(talks, cases);
    for (int i = 0; i < CHOICES; i++)
        close_talk(&talks[i]);
    return 0;
}

PROMISE(chan_is_picked_evenly,
        "A select takes what is ready, each with the same chance.")
{
    struct talk t = { .subject = subject };

    run(on_one, pick_evenly, &t);
}
