/* SPDX-License-Identifier: MIT */
/*
 * stress_chan.c - a crowd on a channel of each discipline and overflow policy:
 * every message that was sent is received once or destroyed once, and those of
 * one sender come in order.
 *
 * Some are too late, or cancelled; some channels are closed too early. A
 * message whose send failed is sent again, so that it comes twice if it was
 * sent all the same.
 */
#include <string.h>

#include "stress.h"

#define SENDERS 3
#define RECEIVERS 3
#define EACH 40
#define MOST 7                      /* of a batch */

static const struct discipline {
    const char *plugin;
    const char *options[5];
    bool everybody;                 /* each receiver gets all that is sent */
    bool shuffles;                  /* in another order than they were sent */
} disciplines[] = {
    { .plugin = "ring", .options = { "capacity=0" } },
    { .plugin = "ring", .options = { "capacity=1" } },
    { .plugin = "ring", .options = { "capacity=5" } },
    { .plugin = "ring", .options = { "capacity=3", "overflow=drop-oldest" } },
    { .plugin = "ring", .options = { "capacity=3", "overflow=drop-newest" } },
    { .plugin = "ring", .options = { "capacity=3", "overflow=error" } },
    { .plugin = "list", .options = { NULL } },
    { .plugin = "list", .options = { "limit=4" } },
    { .plugin = "list", .options = { "limit_bytes=200",
                                     "overflow=drop-oldest" } },
    { .plugin = "prio", .options = { "capacity=5", "level_bytes=4" } },
    { .plugin = "prio", .options = { "capacity=4", "level_bytes=4", "age=2" } },
    { .plugin = "prio", .options = { "capacity=3", "level_bytes=0",
                                     "overflow=drop-newest" } },
    { .plugin = "latest", .options = { NULL } },
    { .plugin = "steal", .options = { "capacity=4" }, .shuffles = true },
    { .plugin = "steal", .options = { "capacity=4", "overflow=error" },
      .shuffles = true },
    { .plugin = "broadcast", .options = { "capacity=3" }, .everybody = true },
    { .plugin = "broadcast", .options = { "capacity=3", "slow=lag" },
      .everybody = true },
    { .plugin = "broadcast", .options = { "capacity=3", "slow=drop" },
      .everybody = true },
};

#define DISCIPLINES (sizeof disciplines / sizeof disciplines[0])

struct note {
    uint32_t sender;                /* also its level */
    uint32_t number;
    uint64_t sum[3];
};

struct member {
    struct crowd *crowd;
    struct moirai_chan *end;
    struct dice dice;
    uint32_t me;
    uint8_t sent[EACH];             /* of a sender: each message */
    uint8_t came[SENDERS][EACH];    /* of a receiver: how often each */
    int64_t last[SENDERS];
    uint64_t received;
    int64_t result;                 /* what its loop ended with */
};

struct crowd {
    const struct discipline *discipline;
    struct moirai_chan *closer;     /* sends */
    uint8_t gone[SENDERS][EACH];    /* atomic: destroyed so often */
    uint32_t senders, receivers;
    struct moirai_scope sending, receiving;
    struct member in[SENDERS], out[RECEIVERS];
};

static struct note note_of(uint32_t sender, uint32_t number)
{
    uint64_t sum = sender * UINT64_C(1000003) + number;

    return (struct note){ sender, number, { sum, ~sum, sum * sum } };
}

static void check_note(const struct note *note)
{
    struct note whole = note_of(note->sender, note->number);

    CHECK(note->sender < SENDERS && note->number < EACH);
    CHECK(memcmp(&whole, note, sizeof whole) == 0);
}

static void destroy(void *message, void *ctx)
{
    const struct note *note = message;
    struct crowd *crowd = ctx;

    check_note(note);
    CHECK_EQ(with_add(&crowd->gone[note->sender][note->number], 1), 1);
    stress_count(dropped, 1);
}

/* --- sending and receiving in some way ----------------------------------- */

static int64_t send_in_some_way(struct member *m, struct note *notes, size_t n)
{
    int64_t until = some_time(&m->dice);
    struct moirai_case cases[] = { MOIRAI_ON_SEND(m->end, notes),
                                   MOIRAI_ON_TIME(until) };
    int64_t rc;

    switch (roll(&m->dice, 3)) {
    case 0:
        return moirai_chan_send_batch(m->end, notes, n, until);
    case 1:
        rc = moirai_select(cases, 2, MOIRAI_NEVER);
        if (rc == 0)
            rc = cases[0].result;
        else if (rc == 1)
            rc = -ETIMEDOUT;
        break;
    default:
        rc = moirai_chan_send(m->end, notes, until);
    }
    return rc == 0 ? 1 : rc;
}

static int64_t receive_in_some_way(struct member *m, struct note *notes)
{
    int64_t until = some_time(&m->dice);
    struct moirai_case cases[] = { MOIRAI_ON_TIME(until),
                                   MOIRAI_ON_RECV(m->end, notes) };
    int64_t rc;

    switch (roll(&m->dice, 3)) {
    case 0:
        return moirai_chan_recv_batch(m->end, notes, roll(&m->dice, MOST),
                                      MOST, until);
    case 1:
        rc = moirai_select(cases, 2, MOIRAI_NEVER);
        if (rc == 1)
            rc = cases[1].result;
        else if (rc == 0)
            rc = -ETIMEDOUT;
        break;
    default:
        rc = moirai_chan_recv(m->end, notes, until);
    }
    return rc == 0 ? 1 : rc;
}

static int send_all(void *arg)
{
    struct member *m = arg;
    struct note notes[MOST];

    for (uint32_t at = 0; at < EACH;) {
        uint32_t n = 1 + roll(&m->dice, MOST);
        int64_t rc;

        n = n < EACH - at ? n : EACH - at;
        for (uint32_t i = 0; i < n; i++)
            notes[i] = note_of(m->me, at + i);
        rc = send_in_some_way(m, notes, n);
        for (int64_t i = 0; i < rc; i++)
            m->sent[at++] = 1;
        if (rc > 0) {
            stress_count(sent, (uint64_t)rc);
            moved();
        } else if (rc == -ENOBUFS) {
            at++;
        } else if (!gave_up(rc) || rc == -ECANCELED) {
            m->result = rc;
            return 0;
        } else {
            moirai_yield();
        }
    }
    return 0;
}

static void take(struct member *m, const struct note *note)
{
    check_note(note);
    CHECK_EQ(++m->came[note->sender][note->number], 1);
    if (!m->crowd->discipline->shuffles)
        CHECK_FMT(m->last[note->sender] < note->number, "%s: out of order",
                  m->crowd->discipline->plugin);
    m->last[note->sender] = note->number;
    m->received++;
}

static int receive_all(void *arg)
{
    struct member *m = arg;
    struct note notes[MOST];
    int64_t rc;

    for (;;) {
        rc = receive_in_some_way(m, notes);
        for (int64_t i = 0; i < rc; i++)
            take(m, &notes[i]);
        if (rc > 0) {
            stress_count(received, (uint64_t)rc);
            moved();
        } else if (rc != 0 && (!gave_up(rc) || rc == -ECANCELED)) {
            m->result = rc;
            return 0;
        } else {
            moirai_yield();
        }
    }
}

/* --- a crowd ------------------------------------------------------------- */

static struct moirai_chan *dup(struct moirai_chan *chan, uint32_t mode)
{
    struct moirai_chan *copy = NULL;

    CHECK_EQ(moirai_chan_dup(chan, mode, &copy), 0);
    return copy;
}

static struct moirai_chan *make(struct crowd *crowd)
{
    const struct discipline *d = crowd->discipline;
    struct moirai_elem elem = MOIRAI_ELEM(struct note);
    struct moirai_chan *chan = NULL;
    struct moirai_error err = { 0 };
    int rc;

    elem.drop = destroy;
    elem.ctx = crowd;
    rc = moirai_chan_make(stress_rt, d->plugin, d->options, &elem, &chan,
                          &err);
    CHECK_FMT(rc == 0, "%s", err.text);
    return chan;
}

static void begin(struct crowd *crowd, struct dice *dice, int64_t until)
{
    struct moirai_chan *chan = make(crowd);

    crowd->senders = 1 + roll(dice, SENDERS);
    crowd->receivers = 1 + roll(dice, RECEIVERS);
    crowd->closer = dup(chan, MOIRAI_SEND);
    CHECK_EQ(moirai_scope_begin(&crowd->receiving, stress_rt, MOIRAI_NEVER),
             0);
    CHECK_EQ(moirai_scope_begin(&crowd->sending, stress_rt, until), 0);
    for (uint32_t i = 0; i < crowd->receivers; i++) {
        crowd->out[i] = (struct member){ .crowd = crowd, .me = i,
            .end = dup(chan, MOIRAI_RECV), .dice = dice_for(dice, i),
            .last = { -1, -1, -1 } };
        CHECK_EQ(moirai_spawn(&crowd->receiving, receive_all, &crowd->out[i]),
                 0);
    }
    for (uint32_t i = 0; i < crowd->senders; i++) {
        crowd->in[i] = (struct member){ .crowd = crowd, .me = i,
            .end = dup(chan, MOIRAI_SEND), .dice = dice_for(dice, 9 + i) };
        if (moirai_spawn(&crowd->sending, send_all, &crowd->in[i]) != 0)
            CHECK(until != MOIRAI_NEVER);   /* it has come already */
    }
    moirai_chan_put(chan);
}

/* What each message has come to. */
static void check_messages(struct crowd *crowd)
{
    for (uint32_t s = 0; s < SENDERS; s++)
        for (uint32_t i = 0; i < EACH; i++) {
            uint32_t came = 0;
            uint32_t gone = crowd->gone[s][i];

            for (uint32_t r = 0; r < crowd->receivers; r++)
                came += crowd->out[r].came[s][i];
            if (!crowd->in[s].sent[i])
                CHECK_EQ(came + gone, 0);
            else if (crowd->discipline->everybody)
                CHECK_EQ(gone, 1);
            else
                CHECK_EQ(came + gone, 1);
        }
}

/* Each subscriber has seen all, or missed so many, or was told to go. */
static void check_subscribers(struct crowd *crowd)
{
    uint64_t sent = 0;

    for (uint32_t s = 0; s < crowd->senders; s++)
        for (uint32_t i = 0; i < EACH; i++)
            sent += crowd->in[s].sent[i];
    for (uint32_t r = 0; r < crowd->receivers; r++) {
        uint64_t missed = moirai_chan_missed(crowd->out[r].end);

        stress_count(missed, missed);
        if (crowd->out[r].result == -EPIPE)
            CHECK_EQ(crowd->out[r].received + missed, sent);
    }
}

static void end(struct crowd *crowd, bool receivers_first)
{
    int rc;

    if (receivers_first) {
        moirai_scope_cancel(&crowd->receiving);
        CHECK_EQ(moirai_scope_end(&crowd->receiving), -ECANCELED);
        moirai_chan_close(crowd->closer);
        rc = moirai_scope_end(&crowd->sending);
    } else {
        rc = moirai_scope_end(&crowd->sending);
        moirai_chan_close(crowd->closer);
        CHECK_EQ(moirai_scope_end(&crowd->receiving), 0);
    }
    CHECK(rc == 0 || gave_up(rc));
    if (crowd->discipline->everybody)
        check_subscribers(crowd);
    moirai_chan_put(crowd->closer);
    for (uint32_t i = 0; i < crowd->senders; i++)
        moirai_chan_put(crowd->in[i].end);
    for (uint32_t i = 0; i < crowd->receivers; i++)
        moirai_chan_put(crowd->out[i].end);
    check_messages(crowd);
}

void stress_discipline(struct dice *dice)
{
    struct crowd *crowd = stress_zeroed(sizeof *crowd);
    uint32_t how = roll(dice, 8);

    crowd->discipline = &disciplines[roll(dice, DISCIPLINES)];
    begin(crowd, dice, how != 0 ? MOIRAI_NEVER
                       : moirai_after(roll(dice, 300) * MOIRAI_US));
    for (uint32_t i = roll(dice, 6); i > 0; i--)
        moirai_yield();
    if (how == 1)
        moirai_chan_close(crowd->closer);
    if (how == 2)
        moirai_scope_cancel(&crowd->sending);
    end(crowd, how == 3);
    free(crowd);
}

/* --- select on several ---------------------------------------------------- */

#define CHANS 3
#define TURNS 60

struct knot {
    struct moirai_chan *chans[CHANS];
    uint64_t sent, received;        /* atomic: how many, */
    uint64_t sent_sum, received_sum;        /* and what */
};

struct tied {
    struct knot *knot;
    struct dice dice;
    bool sends;
};

static int select_some(void *arg)
{
    struct tied *t = arg;
    struct knot *knot = t->knot;
    struct moirai_case cases[2 * CHANS];
    uint64_t values[2 * CHANS];

    for (uint32_t turn = 0; turn < TURNS; turn++) {
        struct moirai_order order = MOIRAI_ORDER_INIT(roll(&t->dice, 3), 2);
        size_t n = 1 + roll(&t->dice, 2 * CHANS);
        int64_t which;

        for (size_t i = 0; i < n; i++) {
            struct moirai_chan *chan = knot->chans[roll(&t->dice, CHANS)];

            values[i] = roll(&t->dice, 1000);
            cases[i] = (struct moirai_case)MOIRAI_ON_RECV(chan, &values[i]);
            if (t->sends)
                cases[i].kind = MOIRAI_CASE_SEND;
        }
        which = moirai_select_by(&order, cases, n, some_time(&t->dice));
        if (which == -ECANCELED
            || (which >= 0 && cases[which].result == -EPIPE))
            return 0;
        if (which < 0) {
            CHECK(gave_up(which));
            moirai_yield();
            continue;
        }
        CHECK_EQ(cases[which].result, 0);
        with_add(t->sends ? &knot->sent : &knot->received, 1);
        with_add(t->sends ? &knot->sent_sum : &knot->received_sum,
                 values[which]);
    }
    return 0;
}

/* Those who select do not come out even: what is left is told by a close. */
void stress_select(struct dice *dice)
{
    static const char *const capacities[] = { "capacity=0", "capacity=1",
                                              "capacity=4" };
    struct moirai_elem elem = MOIRAI_ELEM(uint64_t);
    struct moirai_scope scope;
    struct knot knot = { .sent = 0 };
    struct tied tied[6];
    uint64_t value;

    for (int i = 0; i < CHANS; i++) {
        const char *options[] = { capacities[i], NULL };

        CHECK_EQ(moirai_chan_make(stress_rt, NULL, options, &elem,
                                  &knot.chans[i], NULL), 0);
    }
    CHECK_EQ(moirai_scope_begin(&scope, stress_rt, roll(dice, 2)
             ? MOIRAI_NEVER : moirai_after(roll(dice, 500) * MOIRAI_US)), 0);
    for (uint32_t i = 0; i < 6; i++) {
        tied[i] = (struct tied){ &knot, dice_for(dice, i), i % 2 == 0 };
        moirai_spawn(&scope, select_some, &tied[i]);
    }
    moirai_sleep_until(moirai_after(roll(dice, 200) * MOIRAI_US));
    for (int i = 0; i < CHANS; i++)
        CHECK_EQ(moirai_chan_close(knot.chans[i]), 0);
    moirai_scope_end(&scope);
    for (int i = 0; i < CHANS; i++) {
        while (moirai_chan_recv(knot.chans[i], &value, MOIRAI_NOW) == 0) {
            knot.received++;
            knot.received_sum += value;
        }
        moirai_chan_put(knot.chans[i]);
    }
    CHECK_EQ(knot.sent, knot.received);
    CHECK_EQ(knot.sent_sum, knot.received_sum);
    stress_count(sent, knot.sent);
    stress_count(received, knot.received);
}
