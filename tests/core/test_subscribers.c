/* SPDX-License-Identifier: MIT */
/*
 * test_subscribers.c - broadcast: who gets what, and what becomes of who is
 * late or slow.
 */
#include "chan.h"

#include <string.h>

#include "talk.h"

/* Room for four messages. */
static struct moirai_chan *make(const char *option)
{
    const char *const options[] = { "capacity=4", option, NULL };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *chan = NULL;
    struct moirai_error err;

    CHECK_FMT(moirai_chan_make(NULL, "broadcast", options, &elem, &chan,
                               &err) == 0, "%s", err.text);
    return chan;
}

static int come_late(void *arg)
{
    bool all = strcmp(arg, "late=all") == 0;
    struct moirai_chan *both = make(arg);
    struct moirai_chan *late;

    for (int64_t i = 0; i < 6; i++) {
        CHECK_EQ(talk_send(both, i, MOIRAI_NOW), 0);
        CHECK_EQ(talk_recv(both, MOIRAI_NOW), i);
    }
    late = talk_dup(both, MOIRAI_RECV);
    CHECK_EQ(talk_send(both, 6, MOIRAI_NOW), all ? -EAGAIN : 0);
    for (int64_t i = 2; i < 6 && all; i++)
        CHECK_EQ(talk_recv(late, MOIRAI_NOW), i);
    CHECK_EQ(talk_recv(late, MOIRAI_NOW), all ? -EAGAIN : 6);
    CHECK_EQ(moirai_chan_missed(late), 0);
    CHECK_EQ(moirai_chan_dropped(late), 0);
    moirai_chan_put(late);
    moirai_chan_put(both);
    return 0;
}

TEST(broadcast, lets_late_subscribers_catch_up)
{
    with_one(1, come_late, "late=all");
    with_one(1, come_late, "late=new");
}

static int lag_behind(void *arg)
{
    struct moirai_chan *both = make("slow=lag");
    struct moirai_chan *fast = talk_dup(both, MOIRAI_RECV);

    (void)arg;
    for (int64_t i = 0; i < 10; i++) {
        CHECK_EQ(talk_send(both, i, MOIRAI_NOW), 0);
        CHECK_EQ(talk_recv(fast, MOIRAI_NOW), i);
    }
    CHECK_EQ(moirai_chan_missed(fast), 0);
    CHECK_EQ(moirai_chan_missed(both), 6);
    CHECK_EQ(moirai_chan_missed(both), 0);
    CHECK_EQ(moirai_chan_dropped(both), 6);
    CHECK_EQ(talk_recv(both, MOIRAI_NOW), 6);
    moirai_chan_put(fast);
    moirai_chan_put(both);
    return 0;
}

TEST(broadcast, counts_what_a_slow_one_misses)
{
    with_one(1, lag_behind, NULL);
}

static int be_dropped(void *arg)
{
    struct moirai_chan *both = make("slow=drop");
    struct moirai_chan *fast = talk_dup(both, MOIRAI_RECV);

    (void)arg;
    for (int64_t i = 0; i < 10; i++) {
        CHECK_EQ(talk_send(both, i, MOIRAI_NOW), 0);
        CHECK_EQ(talk_recv(fast, MOIRAI_NOW), i);
    }
    CHECK_EQ(talk_recv(both, MOIRAI_NEVER), -EOVERFLOW);
    CHECK_EQ(talk_recv(both, MOIRAI_NOW), -EOVERFLOW);
    CHECK_EQ(moirai_chan_missed(both), 6);
    CHECK_EQ(talk_recv(fast, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_chan_close(both), 0);
    CHECK_EQ(talk_recv(both, MOIRAI_NEVER), -EOVERFLOW);    /* it is not all */
    CHECK_EQ(talk_recv(fast, MOIRAI_NEVER), -EPIPE);
    moirai_chan_put(both);
    moirai_chan_put(fast);
    return 0;
}

TEST(broadcast, ends_who_is_too_slow)
{
    with_one(1, be_dropped, NULL);
}

static int nobody_listens(void *arg)
{
    struct moirai_chan *both = make("slow=wait");
    struct moirai_chan *in = talk_dup(both, MOIRAI_SEND);

    (void)arg;
    moirai_chan_put(both);
    for (int64_t i = 0; i < 100; i++)
        CHECK_EQ(talk_send(in, i, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_chan_length(in), 4);
    CHECK_EQ(moirai_chan_dropped(in), 0);
    moirai_chan_put(in);
    return 0;
}

TEST(broadcast, needs_nobody_who_listens)
{
    with_one(1, nobody_listens, NULL);
}

/* --- many ---------------------------------------------------------------- */

#define SUBSCRIBERS 120
#define MESSAGES 30

struct listener {
    struct moirai_chan *chan;
    int64_t missed;
};

/* In order, and each message is either received or missed. */
static int listen_to_all(void *arg)
{
    struct listener *l = arg;
    int64_t next = 0;
    int64_t value;

    while ((value = talk_recv(l->chan, MOIRAI_NEVER)) >= 0) {
        CHECK(value >= next);
        l->missed += value - next;
        next = value + 1;
        if (value % 7 == 0)
            moirai_yield();
    }
    CHECK_EQ(value, -EPIPE);
    l->missed += MESSAGES - next;
    return 0;
}

static int many_listen(void *arg)
{
    struct listener l[SUBSCRIBERS];
    struct moirai_chan *both = make(arg);
    struct moirai_chan *in = talk_dup(both, MOIRAI_SEND);
    bool lags = strcmp(arg, "slow=lag") == 0;
    struct moirai_scope scope;

    talk_begin(&scope);
    for (int i = 0; i < SUBSCRIBERS; i++) {
        l[i] = (struct listener){ .chan = talk_dup(both, MOIRAI_RECV) };
        CHECK_EQ(moirai_spawn(&scope, listen_to_all, &l[i]), 0);
    }
    moirai_chan_put(both);
    for (int64_t i = 0; i < MESSAGES; i++)
        CHECK_EQ(talk_send(in, i, MOIRAI_NEVER), 0);
    moirai_chan_put(in);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < SUBSCRIBERS; i++) {
        CHECK_EQ(moirai_chan_missed(l[i].chan), (uint64_t)l[i].missed);
        CHECK(lags || l[i].missed == 0);
        moirai_chan_put(l[i].chan);
    }
    return 0;
}

TEST(broadcast, reaches_many)
{
    with_each(many_listen, "slow=wait");
    with_each(many_listen, "slow=lag");
    with_seeds(5, many_listen, "slow=wait");
    with_seeds(5, many_listen, "slow=lag");
}

/* The sender waits for one that never receives, until that goes. */
static int send_six(void *arg)
{
    for (int64_t i = 0; i < 6; i++)
        CHECK_EQ(talk_send(arg, i, MOIRAI_NEVER), 0);
    return 0;
}

static int leave(void *arg)
{
    struct moirai_chan *both = make("slow=wait");
    struct moirai_chan *in = talk_dup(both, MOIRAI_SEND);
    struct moirai_scope scope;

    (void)arg;
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, send_six, in), 0);
    while (moirai_chan_length(in) != 4)
        moirai_yield();
    CHECK_EQ(talk_send(in, 9, moirai_now() + 1000), -ETIMEDOUT);
    moirai_chan_put(both);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    moirai_chan_put(in);
    return 0;
}

TEST(broadcast, goes_on_when_the_slow_one_goes)
{
    with_each(leave, NULL);
    with_seeds(20, leave, NULL);
}

/* One that waits is no slow one, however many are sent at once; once it has
 * something to do it may become one. */
static int receive_until_dropped(void *arg)
{
    struct moirai_chan *chan = arg;
    int64_t n = 0;
    int64_t got;

    while ((got = talk_recv(chan, MOIRAI_NEVER)) >= 0)
        CHECK_EQ(got, n++);
    CHECK_EQ(got, -EOVERFLOW);
    CHECK(n >= 1);
    return 0;
}

static int select_until_dropped(void *arg)
{
    struct moirai_chan *chan = arg;
    int64_t message;
    struct moirai_case once = MOIRAI_ON_RECV(chan, &message);

    for (int64_t n = 0;; n++) {
        CHECK_EQ(moirai_select(&once, 1, MOIRAI_NEVER), 0);
        if (once.result != 0)
            break;
        CHECK_EQ(message, n);
    }
    CHECK_EQ(once.result, -EOVERFLOW);
    return 0;
}

static int send_more_than_fits(void *arg)
{
    struct moirai_chan *both = make("slow=drop");
    struct moirai_chan *ends[3];
    moirai_fn *const bodies[] = { receive_until_dropped, select_until_dropped,
                                  receive_until_dropped };
    struct moirai_chan *sends = talk_dup(both, MOIRAI_SEND);
    struct moirai_scope scope;
    int64_t messages[10];

    (void)arg;
    for (int64_t i = 0; i < 10; i++)
        messages[i] = i;
    talk_begin(&scope);
    for (int i = 0; i < 3; i++) {
        ends[i] = talk_dup(both, MOIRAI_RECV);
        CHECK_EQ(moirai_spawn(&scope, bodies[i], ends[i]), 0);
    }
    moirai_chan_put(both);
    for (int i = 0; i < 5; i++)
        moirai_yield();
    CHECK_EQ(moirai_chan_send_batch(sends, messages, 10, MOIRAI_NEVER), 10);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < 3; i++)
        moirai_chan_put(ends[i]);
    moirai_chan_put(sends);
    return 0;
}

TEST(broadcast, tells_a_waiting_one_that_it_was_too_slow)
{
    with_one(1, send_more_than_fits, NULL);
    with_seeds(50, send_more_than_fits, NULL);
}
