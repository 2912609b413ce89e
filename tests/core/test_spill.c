/* SPDX-License-Identifier: MIT */
/*
 * test_spill.c - full channels that drop: what goes, what stays, and that each
 * dropped message is counted and destroyed once.
 */
#include "chan.h"

#include "mem.h"
#include "talk.h"

#define SENT 40

struct ledger {                     /* by the number of a message */
    MO_ATOMIC(uint32_t) destroyed[SENT];
    struct moirai_chan *chan;       /* the destructor uses it; or NULL */
};

static void destroy(void *message, void *ctx)
{
    struct ledger *ledger = ctx;
    int64_t value;

    memcpy(&value, message, sizeof value);
    CHECK(value >= 0 && value < SENT);
    mo_add(&ledger->destroyed[value], 1);
    if (ledger->chan != NULL)
        (void)moirai_chan_length(ledger->chan);
}

static struct moirai_chan *make(const char *plugin, const char *overflow,
                                uint64_t capacity, struct ledger *ledger)
{
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *chan = NULL;
    struct moirai_error err;
    char room[64];
    const char *const options[] = { overflow, room, NULL };

    elem.drop = ledger != NULL ? destroy : NULL;
    elem.ctx = ledger;
    snprintf(room, sizeof room, "capacity=%llu", (unsigned long long)capacity);
    CHECK_FMT(moirai_chan_make(NULL, plugin, options, &elem, &chan, &err) == 0,
              "%s", err.text);
    if (ledger != NULL)
        ledger->chan = chan;
    return chan;
}

static uint32_t destroyed(const struct ledger *ledger, int64_t value)
{
    return mo_load(&ledger->destroyed[value]);
}

static int drop_oldest(void *arg)
{
    struct ledger ledger = { .chan = NULL };
    struct moirai_chan *chan = make("ring", "overflow=drop-oldest", 3,
                                    &ledger);
    int64_t batch[10];

    (void)arg;
    for (int64_t i = 0; i < 10; i++)
        CHECK_EQ(talk_send(chan, i, i % 2 == 0 ? MOIRAI_NOW : MOIRAI_NEVER),
                 0);
    CHECK_EQ(moirai_chan_dropped(chan), 7);
    for (int64_t i = 0; i < 10; i++)
        batch[i] = 10 + i;
    CHECK_EQ(moirai_chan_send_batch(chan, batch, 10, MOIRAI_NEVER), 10);
    CHECK_EQ(moirai_chan_dropped(chan), 17);
    CHECK_EQ(moirai_chan_length(chan), 3);
    for (int64_t i = 0; i < 20; i++)
        CHECK_EQ(destroyed(&ledger, i), i < 17);
    for (int64_t i = 17; i < 20; i++)
        CHECK_EQ(talk_recv(chan, MOIRAI_NOW), i);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_chan_missed(chan), 0);
    ledger.chan = NULL;
    moirai_chan_put(chan);
    CHECK_EQ(destroyed(&ledger, 19), 0);
    return 0;
}

TEST(spill, drops_the_oldest)
{
    with_each(drop_oldest, NULL);
}

static int drop_newest(void *arg)
{
    struct ledger ledger = { .chan = NULL };
    struct moirai_chan *chan = make("ring", "overflow=drop-newest", 3,
                                    &ledger);
    int64_t batch[10];

    (void)arg;
    for (int64_t i = 0; i < 10; i++)
        batch[i] = i;
    CHECK_EQ(moirai_chan_send_batch(chan, batch, 10, MOIRAI_NEVER), 10);
    CHECK_EQ(talk_send(chan, 10, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_dropped(chan), 8);
    for (int64_t i = 0; i < 3; i++)
        CHECK_EQ(talk_recv(chan, MOIRAI_NOW), i);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), -EAGAIN);
    for (int64_t i = 0; i < 11; i++)
        CHECK_EQ(destroyed(&ledger, i), i >= 3);
    ledger.chan = NULL;
    moirai_chan_put(chan);
    return 0;
}

TEST(spill, drops_the_newest)
{
    with_each(drop_newest, NULL);
}

static int say_so(void *arg)
{
    struct ledger ledger = { .chan = NULL };
    struct moirai_chan *chan = make("ring", "overflow=error", 2, &ledger);
    int64_t batch[4] = { 1, 2, 3, 4 };

    (void)arg;
    CHECK_EQ(talk_send(chan, 0, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_chan_send_batch(chan, batch, 4, MOIRAI_NEVER), 1);
    CHECK_EQ(talk_send(chan, 2, MOIRAI_NEVER), -ENOBUFS);
    CHECK_EQ(talk_send(chan, 2, MOIRAI_NOW), -ENOBUFS);
    CHECK_EQ(moirai_chan_dropped(chan), 0);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 0);
    CHECK_EQ(talk_send(chan, 2, MOIRAI_NEVER), 0);
    ledger.chan = NULL;
    moirai_chan_put(chan);
    CHECK_EQ(destroyed(&ledger, 1), 1);
    CHECK_EQ(destroyed(&ledger, 2), 1);
    chan = make("ring", "overflow=error", 0, NULL);
    CHECK_EQ(talk_send(chan, 2, MOIRAI_NEVER), -ENOBUFS);
    moirai_chan_put(chan);
    return 0;
}

TEST(spill, says_that_it_is_full)
{
    with_each(say_so, NULL);
}

static int refuse_rendezvous(void *arg)
{
    static const char *const options[] = { "capacity=0",
                                           "overflow=drop-newest", NULL };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_error err;
    struct moirai_chan *chan;

    (void)arg;
    CHECK_EQ(moirai_chan_make(NULL, NULL, options, &elem, &chan, &err),
             -EINVAL);
    CHECK(strstr(err.text, "stores nothing") != NULL);
    CHECK_EQ(moirai_chan_dropped(NULL), 0);
    CHECK_EQ(moirai_chan_missed(NULL), 0);
    return 0;
}

TEST(spill, is_nothing_for_a_rendezvous)
{
    with_one(1, refuse_rendezvous, NULL);
}

/* Nothing is lost for want of memory: it is not sent. */
static int run_out(void *arg)
{
    struct ledger ledger = { .chan = NULL };
    struct moirai_chan *chan = make("ring", "overflow=drop-oldest", 1,
                                    &ledger);

    (void)arg;
    mo_mem_watch(1);
    CHECK_EQ(talk_send(chan, 0, MOIRAI_NEVER), -ENOMEM);
    mo_mem_unwatch();
    CHECK_EQ(talk_send(chan, 1, MOIRAI_NEVER), 0);
    mo_mem_watch(1);
    CHECK_EQ(talk_send(chan, 2, MOIRAI_NEVER), 0);
    mo_mem_unwatch();
    CHECK_EQ(destroyed(&ledger, 0), 0);
    CHECK_EQ(destroyed(&ledger, 1), 1);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 2);
    ledger.chan = NULL;
    moirai_chan_put(chan);
    return 0;
}

TEST(spill, sends_nothing_that_it_could_not_destroy)
{
    with_one(1, run_out, NULL);
}

/* --- whatever the discipline --------------------------------------------- */

static int drop_anywhere(void *arg)
{
    static const char *const made[][5] = {
        { "list", "limit=3", "overflow=drop-oldest" },
        { "prio", "capacity=3", "level_bytes=0", "overflow=drop-oldest" },
        { "steal", "capacity=3", "overflow=drop-oldest" },
        { "broadcast", "capacity=3", "overflow=drop-oldest" },
        { "latest", "overflow=drop-oldest" },
    };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);

    (void)arg;
    for (size_t m = 0; m < sizeof made / sizeof made[0]; m++) {
        int64_t keeps = strcmp(made[m][0], "latest") == 0 ? 1 : 3;
        struct moirai_chan *chan;

        CHECK_EQ(moirai_chan_make(NULL, made[m][0], made[m] + 1, &elem, &chan,
                                  NULL), 0);
        for (int64_t i = 0; i < 10; i++)
            CHECK_EQ(talk_send(chan, i, MOIRAI_NOW), 0);
        CHECK_EQ(moirai_chan_dropped(chan), 10 - keeps);
        for (int64_t i = 10 - keeps; i < 10; i++)
            CHECK_EQ(talk_recv(chan, MOIRAI_NOW), i);
        CHECK_EQ(talk_recv(chan, MOIRAI_NOW), -EAGAIN);
        CHECK_EQ(moirai_chan_missed(chan),
                 strcmp(made[m][0], "broadcast") == 0 ? 7 : 0);
        moirai_chan_put(chan);
    }
    return 0;
}

TEST(spill, drops_the_oldest_of_any_discipline)
{
    with_each(drop_anywhere, NULL);
}

/* --- many at once -------------------------------------------------------- */

#define ROUNDS 3000

struct crowd {
    struct moirai_chan *chan;
    MO_ATOMIC(uint64_t) destroyed, received;
};

static void count_out(void *message, void *ctx)
{
    struct crowd *crowd = ctx;

    (void)message;
    mo_add(&crowd->destroyed, 1);
}

static int send_many(void *arg)
{
    struct crowd *crowd = arg;

    for (int64_t i = 0; i < ROUNDS; i++) {
        CHECK_EQ(talk_send(crowd->chan, i, MOIRAI_NEVER), 0);
        if (i % 64 == 0)
            moirai_yield();
    }
    return 0;
}

static int receive_many(void *arg)
{
    struct crowd *crowd = arg;

    while (talk_recv(crowd->chan, MOIRAI_NEVER) >= 0)
        mo_add(&crowd->received, 1);
    return 0;
}

static int all_accounted_for(void *arg)
{
    const char *const options[] = { "capacity=2", arg, NULL };
    struct crowd crowd = { .destroyed = 0 };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_scope senders;
    struct moirai_scope receivers;

    elem.drop = count_out;
    elem.ctx = &crowd;
    CHECK_EQ(moirai_chan_make(NULL, NULL, options, &elem, &crowd.chan, NULL),
             0);
    talk_begin(&receivers);
    talk_begin(&senders);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(moirai_spawn(&senders, send_many, &crowd), 0);
        CHECK_EQ(moirai_spawn(&receivers, receive_many, &crowd), 0);
    }
    CHECK_EQ(moirai_scope_end(&senders), 0);
    CHECK_EQ(moirai_chan_close(crowd.chan), 0);
    CHECK_EQ(moirai_scope_end(&receivers), 0);
    CHECK_EQ(mo_load(&crowd.destroyed), moirai_chan_dropped(crowd.chan));
    CHECK_EQ(mo_load(&crowd.destroyed) + mo_load(&crowd.received),
             3 * ROUNDS);
    moirai_chan_put(crowd.chan);
    return 0;
}

TEST(spill, accounts_for_every_message)
{
    with_each(all_accounted_for, "overflow=drop-oldest");
    with_each(all_accounted_for, "overflow=drop-newest");
    with_seeds(5, all_accounted_for, "overflow=drop-oldest");
}
