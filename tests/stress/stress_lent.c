/* SPDX-License-Identifier: MIT */
/*
 * stress_lent.c - messages in place, fans and services: each message that was
 * sent is received or destroyed, wherever it lies by then, and whoever left;
 * each call comes back through all its layers.
 */
#include <string.h>

#include "stress.h"

#define SENDERS 3
#define RECEIVERS 3
#define EACH 30
#define LONGEST 300

static void begin(struct moirai_scope *scope, struct dice *dice)
{
    CHECK_EQ(moirai_scope_begin(scope, stress_rt, roll(dice, 5) != 0
             ? MOIRAI_NEVER : moirai_after(roll(dice, 400) * MOIRAI_US)), 0);
}

/* --- loans ---------------------------------------------------------------- */

static const struct lender {
    const char *plugin;
    const char *options[3];
    bool everybody;                 /* each receiver gets all that is sent */
} lenders[] = {
    { .plugin = "ring", .options = { "capacity=0" } },
    { .plugin = "ring", .options = { "capacity=4" } },
    { .plugin = "ring", .options = { "capacity=2", "overflow=drop-oldest" } },
    { .plugin = "ring", .options = { "capacity=2", "overflow=drop-newest" } },
    { .plugin = "list", .options = { "limit_bytes=600" } },
    { .plugin = "latest", .options = { NULL } },
    { .plugin = "broadcast", .options = { "capacity=3" }, .everybody = true },
    { .plugin = "broadcast", .options = { "capacity=3", "slow=lag" },
      .everybody = true },
    { .plugin = "broadcast", .options = { "capacity=3", "slow=drop" },
      .everybody = true },
};

#define LENDERS (sizeof lenders / sizeof lenders[0])

struct lot {
    const struct lender *lender;
    struct moirai_chan *chan;       /* sends */
    struct moirai_event dropped;
    uint64_t sent, received, destroyed;     /* atomic */
};

struct holder {
    struct lot *lot;
    struct moirai_chan *own;
    struct dice dice;
    void *kept;                     /* of a receiver: one that it did not put */
};

/* A message says how long it is, and goes on with what follows from that. */
static void fill(unsigned char *message, size_t bytes)
{
    memset(message, (int)(bytes % 251), bytes);
}

static void check_filled(const void *message)
{
    const unsigned char *at = message;
    size_t bytes = moirai_loan_bytes(message);

    CHECK(bytes != 0 && bytes <= LONGEST);
    for (size_t i = 0; i < bytes; i++)
        CHECK_EQ(at[i], bytes % 251);
}

static void destroy_lot(void *message, void *ctx)
{
    struct lot *lot = ctx;

    check_filled(message);
    with_add(&lot->destroyed, 1);
    stress_count(dropped, 1);
}

/* Sends one, in place or as a copy. */
static int lend_one(struct holder *h)
{
    size_t bytes = 1 + roll(&h->dice, LONGEST);
    bool copies = roll(&h->dice, 3) == 0;
    void *message = NULL;
    int rc;

    CHECK_EQ(moirai_loan_get(h->own, bytes, &message), 0);
    fill(message, bytes);
    rc = copies ? moirai_chan_send_bytes(h->own, message, bytes,
                                         some_time(&h->dice))
                : moirai_loan_send(h->own, message, some_time(&h->dice));
    if (rc != 0 || copies)
        moirai_loan_put(message);
    return rc;
}

static int lend_all(void *arg)
{
    struct holder *h = arg;

    for (int i = 0; i < EACH; i++) {
        int rc = lend_one(h);

        if (rc == 0) {
            with_add(&h->lot->sent, 1);
            stress_count(sent, 1);
            moved();
        } else if (!gave_up(rc) || rc == -ECANCELED) {
            CHECK(rc == -EPIPE || rc == -ECANCELED);
            return 0;
        }
    }
    return 0;
}

static void take_lent(struct holder *h, void *message)
{
    check_filled(message);
    with_add(&h->lot->received, 1);
    stress_count(received, 1);
    moved();
    if (roll(&h->dice, 4) == 0) {
        moirai_loan_put(h->kept);
        h->kept = message;
    } else {
        moirai_loan_put(message);
    }
}

static int take_all(void *arg)
{
    struct holder *h = arg;

    for (;;) {
        int64_t until = some_time(&h->dice);
        void *message = NULL;
        struct moirai_case cases[] = { MOIRAI_ON_RECV(h->own, &message),
                                       MOIRAI_ON_TIME(until) };
        int64_t rc;

        if (roll(&h->dice, 3) == 0) {
            rc = moirai_select(cases, 2, MOIRAI_NEVER);
            rc = rc == 0 ? cases[0].result : rc == 1 ? -ETIMEDOUT : rc;
        } else {
            rc = moirai_loan_recv(h->own, &message, until);
        }
        if (rc == 0) {
            take_lent(h, message);
        } else if (!gave_up(rc) || rc == -ECANCELED) {
            CHECK(rc == -EPIPE || rc == -EOVERFLOW || rc == -ECANCELED);
            return 0;
        } else {
            moirai_yield();
        }
    }
}

static struct moirai_chan *endpoint(struct moirai_chan *chan, uint32_t mode)
{
    struct moirai_chan *copy = NULL;

    CHECK_EQ(moirai_chan_dup(chan, mode, &copy), 0);
    return copy;
}

static void open_lot(struct lot *lot, struct holder *out)
{
    struct moirai_elem elem = MOIRAI_ELEM_BYTES(1, LONGEST);
    struct moirai_chan *chan = NULL;
    struct moirai_error err = { 0 };
    int rc;

    elem.drop = destroy_lot;
    elem.ctx = lot;
    rc = moirai_chan_make(stress_rt, lot->lender->plugin, lot->lender->options,
                          &elem, &chan, &err);
    CHECK_FMT(rc == 0, "%s", err.text);
    lot->chan = endpoint(chan, MOIRAI_SEND);
    CHECK_EQ(moirai_chan_tell_drops(lot->chan, &lot->dropped), 0);
    for (int i = 0; i < RECEIVERS; i++)
        out[i].own = endpoint(chan, MOIRAI_RECV);
    moirai_chan_put(chan);
}

/* Who sends has been told of each drop; all messages are accounted for when
 * the last has been put back, after the channel's end. */
static void settle_lot(struct lot *lot, struct holder *out)
{
    int told = moirai_event_wait(&lot->dropped, MOIRAI_NOW);

    CHECK_EQ(told, moirai_chan_dropped(lot->chan) != 0 ? 0 : -EAGAIN);
    for (int i = 0; i < RECEIVERS; i++)
        moirai_chan_put(out[i].own);
    moirai_chan_put(lot->chan);
    for (int i = 0; i < RECEIVERS; i++) {
        if (out[i].kept != NULL)
            check_filled(out[i].kept);
        moirai_loan_put(out[i].kept);
    }
    if (lot->lender->everybody)
        CHECK_EQ(lot->destroyed, lot->sent);
    else
        CHECK_EQ(lot->received + lot->destroyed, lot->sent);
}

void stress_loan(struct dice *dice)
{
    struct lot lot = { .lender = &lenders[roll(dice, LENDERS)] };
    struct holder in[SENDERS], out[RECEIVERS] = { { NULL, NULL, { 0 }, NULL } };
    struct moirai_scope sending, receiving;

    open_lot(&lot, out);
    CHECK_EQ(moirai_scope_begin(&receiving, stress_rt, MOIRAI_NEVER), 0);
    begin(&sending, dice);
    for (uint32_t i = 0; i < RECEIVERS; i++) {
        out[i].lot = &lot;
        out[i].dice = dice_for(dice, i);
        CHECK_EQ(moirai_spawn(&receiving, take_all, &out[i]), 0);
    }
    for (uint32_t i = 0; i < SENDERS; i++) {
        in[i] = (struct holder){ &lot, lot.chan, dice_for(dice, 9 + i), NULL };
        moirai_spawn(&sending, lend_all, &in[i]);
    }
    if (roll(dice, 6) == 0) {
        moirai_scope_cancel(&receiving);    /* slow ones have gone then */
        moirai_chan_close(lot.chan);
    }
    moirai_scope_end(&sending);
    moirai_chan_close(lot.chan);
    moirai_scope_end(&receiving);
    settle_lot(&lot, out);
}

/* --- fans ----------------------------------------------------------------- */

struct spread {
    struct moirai_fan *fan;
    uint64_t sent, received;        /* atomic: how many, */
    uint64_t sent_sum, received_sum;        /* and what */
};

struct worker {
    struct spread *spread;
    struct moirai_chan *chan;
    struct dice dice;
    uint32_t me;
    uint32_t patience;              /* messages until it leaves; 0: stays */
};

static int send_out(void *arg)
{
    struct worker *w = arg;

    for (int i = 0; i < EACH; i++) {
        uint64_t message = 1 + roll(&w->dice, 1000);
        int rc = moirai_fan_send(w->spread->fan, message, &message,
                                 some_time(&w->dice));

        if (rc == 0) {
            with_add(&w->spread->sent, 1);
            with_add(&w->spread->sent_sum, message);
            stress_count(sent, 1);
            moved();
        } else if (!gave_up(rc) || rc == -ECANCELED) {
            CHECK_EQ(rc, -ECANCELED);
            return 0;
        }
    }
    return 0;
}

/* Until it leaves, which it may; or the channel is closed. */
static int take_share(void *arg)
{
    struct worker *w = arg;
    uint32_t left = w->patience;
    uint64_t message;

    MOIRAI_RECV_EACH(w->chan, &message) {
        with_add(&w->spread->received, 1);
        with_add(&w->spread->received_sum, message);
        stress_count(received, 1);
        moved();
        if (left == 0 || --left != 0)
            continue;
        if (roll(&w->dice, 2))
            moirai_fan_remove(w->spread->fan, w->chan);
        moirai_chan_close(w->chan);
    }
    return 0;
}

static void open_worker(struct worker *w, uint32_t me)
{
    const char *const options[] = { me % 2 ? "capacity=2" : "capacity=0",
                                    NULL };
    struct moirai_elem elem = MOIRAI_ELEM(uint64_t);

    CHECK_EQ(moirai_chan_make(stress_rt, NULL, options, &elem, &w->chan, NULL),
             0);
    w->me = me;
    w->patience = me == 0 ? 0 : roll(&w->dice, 2 * EACH);
    CHECK_EQ(moirai_fan_add(w->spread->fan, w->chan, me), 0);
}

void stress_fan(struct dice *dice)
{
    struct spread spread = { .fan = NULL };
    struct worker in[SENDERS], out[RECEIVERS];
    struct moirai_scope sending, receiving;

    CHECK_EQ(moirai_fan_open(&spread.fan, (enum moirai_spread)roll(dice, 4),
                             sizeof(uint64_t)), 0);
    CHECK_EQ(moirai_scope_begin(&receiving, stress_rt, MOIRAI_NEVER), 0);
    begin(&sending, dice);
    for (uint32_t i = 0; i < SENDERS; i++) {
        in[i] = (struct worker){ &spread, NULL, dice_for(dice, i), 0, 0 };
        moirai_spawn(&sending, send_out, &in[i]);
    }
    for (uint32_t i = 0; i < RECEIVERS; i++) {
        out[i] = (struct worker){ &spread, NULL, dice_for(dice, 9 + i), 0, 0 };
        open_worker(&out[i], i);
        CHECK_EQ(moirai_spawn(&receiving, take_share, &out[i]), 0);
    }
    moirai_scope_end(&sending);
    moirai_fan_stop(spread.fan);
    for (int i = 0; i < RECEIVERS; i++)
        moirai_chan_close(out[i].chan);
    CHECK_EQ(moirai_scope_end(&receiving), 0);
    moirai_fan_close(spread.fan);
    for (int i = 0; i < RECEIVERS; i++)
        moirai_chan_put(out[i].chan);
    CHECK_EQ(spread.sent, spread.received);
    CHECK_EQ(spread.sent_sum, spread.received_sum);
}

/* --- services ------------------------------------------------------------- */

#define AT_ONCE 2

struct desk {
    struct moirai_service service;
    uint32_t inside;                /* atomic, as are: */
    uint64_t calls, traced, served;
};

struct client {
    struct desk *desk;
    struct dice dice;
};

static int serve(const void *request, void *reply, int64_t deadline_ns,
                 void *arg)
{
    struct desk *desk = arg;
    struct dice dice = *(const struct dice *)request;
    uint32_t how = roll(&dice, 6);
    int rc = 0;

    CHECK(with_add(&desk->inside, 1) <= AT_ONCE);
    if (how == 0)
        rc = -EIO;
    if (how == 1)
        rc = moirai_sleep_until(moirai_after(roll(&dice, 60) * MOIRAI_US));
    if (how == 2 && deadline_ns != MOIRAI_NEVER)
        rc = moirai_sleep_until(MOIRAI_NEVER) == 0 ? 0 : -ETIMEDOUT;
    if (how == 3)
        moirai_yield();
    with_add(&desk->inside, -1);
    *(uint64_t *)reply = dice.state;
    return rc;
}

static void note_call(const struct moirai_call *call, int rc, int64_t ns,
                      void *arg)
{
    struct desk *desk = arg;

    (void)call;
    (void)rc;
    CHECK(ns >= 0);
    with_add(&desk->traced, 1);
}

static bool is_expected(int rc)
{
    return rc == 0 || rc == -EIO || rc == -ECONNREFUSED || gave_up(rc);
}

static int call_all(void *arg)
{
    struct client *c = arg;

    for (int i = 0; i < EACH / 3; i++) {
        struct dice request = dice_for(&c->dice, 1);
        uint64_t reply = 0;
        int rc = moirai_service_call(&c->desk->service, &request, &reply,
                                     moirai_after(roll(&c->dice, 200)
                                                  * MOIRAI_US));

        CHECK_FMT(is_expected(rc), "service: %d", rc);
        with_add(&c->desk->calls, 1);
        with_add(&c->desk->served, rc == 0);
        moved();
    }
    return 0;
}

/* A call is traced once, whatever becomes of it; and none leaves the limit
 * with a place less. */
void stress_service(struct dice *dice)
{
    struct moirai_breaker_config config = MOIRAI_BREAKER_CONFIG_INIT;
    struct moirai_retry_policy policy = MOIRAI_RETRY_POLICY_INIT;
    struct desk desk = { .inside = 0 };
    struct moirai_breaker breaker;
    struct moirai_limit limit;
    struct moirai_limit_stats stats;
    struct client clients[SENDERS];
    struct moirai_scope scope;

    policy.base_ns = 5 * MOIRAI_US;
    config.open_ns = 50 * MOIRAI_US;
    CHECK_EQ(moirai_breaker_init(&breaker, &config), 0);
    CHECK_EQ(moirai_limit_concurrent(&limit, AT_ONCE), 0);
    const struct moirai_layer layers[] = {
        moirai_layer_trace(note_call, &desk), moirai_layer_retry(&policy),
        moirai_layer_limit(&limit), moirai_layer_breaker(&breaker),
        moirai_layer_timeout(50 * MOIRAI_US),
    };

    desk.service = (struct moirai_service){ layers, 5, serve, &desk };
    begin(&scope, dice);
    for (uint32_t i = 0; i < SENDERS; i++) {
        clients[i] = (struct client){ &desk, dice_for(dice, i) };
        moirai_spawn(&scope, call_all, &clients[i]);
    }
    moirai_scope_end(&scope);
    moirai_limit_read(&limit, &stats);
    CHECK_EQ(stats.used, 0);
    CHECK_EQ(desk.inside, 0);
    CHECK_EQ(desk.traced, desk.calls);
    stress_count(passed, desk.served);
}
