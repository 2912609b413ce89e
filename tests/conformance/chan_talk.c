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

#include <moirai/select.h>

#include <stdlib.h>
#include <string.h>

#include "../core/talk.h"
#include "mem.h"

#define FILL 50                     /* an unbounded one is full for us then */

struct talk {
    const struct moirai_plugin *plugin;
    void *config;
    size_t bytes;                   /* of a message, from here on: */
    struct moirai_chan *in, *out;
};

static const size_t sizes[] = { 0, 1, 8, 4096 };

#define SIZES (sizeof sizes / sizeof sizes[0])

static struct moirai_chan *endpoint(struct mo_chan *c, uint32_t mode)
{
    struct moirai_chan *chan = mo_mem_alloc(sizeof *chan, MO_CACHE_LINE);

    CHECK(chan != NULL);
    CHECK_EQ(mo_chan_attach(c, mode, chan), 0);
    return chan;
}

/* In a task. False: it takes no messages of this size. */
static bool open_talk(struct talk *t, size_t bytes)
{
    const struct mo_chosen chosen = { .plugin = t->plugin,
                                      .ops = t->plugin->ops,
                                      .config = t->config };
    const struct moirai_elem given = { .size = sizeof given, .align = 1,
                                       .bytes = bytes };
    struct moirai_elem elem;
    struct moirai_error err = { 0 };
    struct mo_chan *c;
    int rc;

    CHECK_EQ(mo_chan_element(&given, &elem, NULL), 0);
    if (((const struct moirai_chan_ops *)chosen.ops)->state_size(t->config,
                                                                 &elem) == 0)
        return false;
    rc = mo_chan_create(moirai_runtime_self(), &chosen, &elem, &c, &err);
    CHECK_FMT(rc == 0, "%s", err.text);
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

static void everywhere(const struct moirai_plugin *plugin,
                       conformance_settings settings, moirai_fn *body)
{
    struct talk t = { .plugin = plugin,
                      .config = conformance_config(plugin, settings) };

    with_one(1, body, &t);
    with_one(4, body, &t);
    with_seeds(5, body, &t);
    free(t.config);
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

        CHECK(rc == 0 || rc == -EAGAIN);
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
    const struct moirai_chan_ops *ops = t->plugin->ops;

    return ops->can != NULL;
}

/* --- deadlines ------------------------------------------------------------ */

static void refuse_to_send(struct talk *t, const char *batch)
{
    int64_t past = moirai_now() - 1;

    CHECK_EQ(try_to_send(t, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(try_to_send(t, past), -ETIMEDOUT);
    CHECK_EQ(try_to_send(t, moirai_after(100 * MOIRAI_US)), -ETIMEDOUT);
    CHECK_EQ(moirai_chan_send_batch(t->in, batch, 2, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_chan_send_batch(t->in, batch, 2, past), -ETIMEDOUT);
}

static void refuse_to_give(struct talk *t, char *batch)
{
    int64_t past = moirai_now() - 1;

    CHECK_EQ(moirai_chan_recv(t->out, batch, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_chan_recv(t->out, batch, past), -ETIMEDOUT);
    CHECK_EQ(moirai_chan_recv(t->out, batch, moirai_after(100 * MOIRAI_US)),
             -ETIMEDOUT);
    CHECK_EQ(moirai_chan_recv_batch(t->out, batch, 0, 2, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_chan_recv_batch(t->out, batch, 1, 2, past), -ETIMEDOUT);
}

static int keep_deadlines(void *arg)
{
    struct talk *t = arg;

    for (size_t i = 0; i < SIZES; i++) {
        char *batch = calloc(2, sizes[i] + 1);
        uint64_t sent;
        bool refuses;

        CHECK(batch != NULL);
        if (open_talk(t, sizes[i])) {
            refuse_to_give(t, batch);
            sent = fill_up(t, &refuses);
            if (refuses)
                refuse_to_send(t, batch);
            CHECK_EQ(drain(t) + moirai_chan_dropped(t->in), sent);
            refuse_to_give(t, batch);
            if (sent != 0) {        /* one that is past lets it go on at once */
                CHECK_EQ(try_to_send(t, moirai_now() - 1), 0);
                CHECK_EQ(moirai_chan_recv_batch(t->out, batch, 2, 2,
                         moirai_after(100 * MOIRAI_US)), 1);
            }
            close_talk(t);
        }
        free(batch);
    }
    return 0;
}

void chan_keeps_deadlines(const struct moirai_plugin *plugin,
                          conformance_settings settings)
{
    everywhere(plugin, settings, keep_deadlines);
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
    struct waiter w[WAITERS];
    struct moirai_scope scope;

    talk_begin(&scope);
    for (int i = 0; i < WAITERS; i++) {
        w[i] = (struct waiter){ t, kind, sends, how != TIME ? MOIRAI_NEVER
                                : moirai_after(200 * MOIRAI_US), 1 };
        CHECK_EQ(moirai_spawn(&scope, wait_somehow, &w[i]), 0);
    }
    if (how != TIME)
        talk_until(t->in, sends ? MOIRAI_SEND : MOIRAI_RECV, WAITERS);
    if (how == CANCEL)
        moirai_scope_cancel(&scope);
    if (how == CLOSE)
        CHECK_EQ(moirai_chan_close(t->in), 0);
    CHECK_EQ(moirai_scope_end(&scope), how == CANCEL ? -ECANCELED : 0);
    for (int i = 0; i < WAITERS; i++)
        CHECK_EQ(w[i].result, results[how]);
    CHECK_EQ(talk_waiting(t->in, MOIRAI_BOTH), 0);
}

static void end_waits(struct talk *t, bool sends, int kind, int how)
{
    uint64_t sent = 0;
    bool refuses;

    if (!open_talk(t, 8))
        return;
    if (sends)
        sent = fill_up(t, &refuses);
    if (!sends || refuses) {
        wait_for(t, sends, kind, how);
        CHECK_EQ(drain(t), sent);
        CHECK_EQ(try_to_send(t, MOIRAI_NOW), how == CLOSE ? -EPIPE
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

void chan_ends_every_wait(const struct moirai_plugin *plugin,
                          conformance_settings settings)
{
    everywhere(plugin, settings, end_all_waits);
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

    CHECK(batch != NULL);
    for (uint32_t i = 0; i < EACH && rc >= 0; i += (uint32_t)rc) {
        size_t n = 1 + i % 7 < EACH - i ? 1 + i % 7 : EACH - i;
        uint64_t first = with_add(&crowd->next, n) - n;

        for (size_t k = 0; k < n && bytes >= sizeof first; k++, first++)
            memcpy(batch + k * bytes, &first, sizeof first);
        rc = moirai_chan_send_batch(crowd->talk->in, batch, n, MOIRAI_NEVER);
        CHECK(rc == (int64_t)n || crowd->is_closed_early);
        with_add(&crowd->sent, rc > 0 ? (uint64_t)rc : 0);
    }
    free(batch);
    return 0;
}

static int crowd_receive(void *arg)
{
    struct crowd *crowd = arg;
    size_t bytes = crowd->talk->bytes;
    char *batch = calloc(5, bytes + 1);
    int64_t n;

    CHECK(batch != NULL);
    while ((n = moirai_chan_recv_batch(crowd->talk->out, batch, 1, 5,
                                       MOIRAI_NEVER)) > 0) {
        with_add(&crowd->received, (uint64_t)n);
        for (int64_t i = 0; i < n && bytes >= sizeof(uint64_t); i++) {
            uint64_t number;

            memcpy(&number, batch + (size_t)i * bytes, sizeof number);
            CHECK(number < SENDERS * EACH);
            CHECK_EQ(with_add(&crowd->came[number], 1), 1);
        }
    }
    CHECK(n == -EPIPE || n == -EOVERFLOW);
    if (n == -EOVERFLOW)
        with_set(&crowd->lost, true);
    free(batch);
    return 0;
}

static void meet(struct talk *t, bool is_closed_early)
{
    struct crowd crowd = { .talk = t, .is_closed_early = is_closed_early };
    struct moirai_scope senders, receivers;

    talk_begin(&receivers);
    talk_begin(&senders);
    for (int i = 0; i < RECEIVERS; i++)
        CHECK_EQ(moirai_spawn(&receivers, crowd_receive, &crowd), 0);
    for (int i = 0; i < SENDERS; i++)
        CHECK_EQ(moirai_spawn(&senders, crowd_send, &crowd), 0);
    while (is_closed_early && with_get(&crowd.sent) < EACH / 2)
        moirai_yield();
    if (is_closed_early)
        CHECK_EQ(moirai_chan_close(t->out), 0);
    CHECK_EQ(moirai_scope_end(&senders), 0);
    CHECK_EQ(moirai_chan_close(t->in), is_closed_early ? -EPIPE : 0);
    CHECK_EQ(moirai_scope_end(&receivers), 0);
    if (!crowd.lost)
        CHECK_EQ(crowd.received + moirai_chan_dropped(t->in), crowd.sent);
    if (!is_closed_early)
        CHECK_EQ(crowd.sent, SENDERS * EACH);
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

void chan_loses_nothing_in_a_crowd(const struct moirai_plugin *plugin,
                                   conformance_settings settings)
{
    everywhere(plugin, settings, meet_in_crowds);
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

        CHECK(which >= 0 && which < CHOICES);
        CHECK_EQ(cases[which].result, 0);
        counts[which]++;
        if (which < CHOICES / 2)
            CHECK_EQ(moirai_chan_send(talks[which].in, &message, MOIRAI_NOW),
                     0);
        else
            CHECK_EQ(moirai_chan_recv(talks[which].out, &message, MOIRAI_NOW),
                     0);
    }
}

static int pick_evenly(void *arg)
{
    struct talk *t = arg;
    int64_t n = with_times(100000);
    int64_t counts[CHOICES] = { 0 };
    struct moirai_case cases[CHOICES];
    struct talk talks[CHOICES];
    uint64_t message = 0;
    double sum = 0;

    for (int i = 0; i < CHOICES; i++) {
        talks[i] = *t;
        CHECK(open_talk(&talks[i], sizeof message));
        cases[i] = (struct moirai_case)MOIRAI_ON_RECV(talks[i].out, &message);
        if (i >= CHOICES / 2)
            cases[i] = (struct moirai_case)MOIRAI_ON_SEND(talks[i].in,
                                                          &message);
        else if (moirai_chan_capacity(talks[i].in) != 0)
            CHECK_EQ(try_to_send(&talks[i], MOIRAI_NOW), 0);
    }
    if (!can_be_selected(t))
        CHECK_EQ(moirai_select(cases, CHOICES, MOIRAI_NEVER), -ENOTSUP);
    else if (moirai_chan_capacity(talks[0].in) != 0)
        pick(talks, cases, counts, n);
    for (int i = 0; i < CHOICES; i++) {
        double off = (double)counts[i] - (double)n / CHOICES;

        sum += off * off / ((double)n / CHOICES);
        close_talk(&talks[i]);
    }
    /* 48 is exceeded less than one time in 10^9. */
    CHECK(sum < 48 || counts[0] + counts[1] + counts[2] + counts[3] == 0);
    return 0;
}

void chan_is_picked_evenly(const struct moirai_plugin *plugin,
                           conformance_settings settings)
{
    struct talk t = { .plugin = plugin,
                      .config = conformance_config(plugin, settings) };

    with_one(1, pick_evenly, &t);
    free(t.config);
}
