/* SPDX-License-Identifier: MIT */
/*
 * test_owned.c - channels that a worker owns, until another or a plain thread
 * comes: in the middle of whatever the owner does to them.
 */
#include <moirai/moirai.h>

#include <pthread.h>
#include <stdlib.h>

#include "chan.h"
#include "check.h"
#include "with.h"

#define ROUNDS 400
#define MESSAGES 300                /* of each sender */

static struct moirai_chan *chan;
static uint32_t pause_turns;        /* of the other thread, before it comes */

static int send_all(void *arg)
{
    uint64_t message = (uintptr_t)arg;

    for (int i = 0; i < MESSAGES; i++)
        CHECK_EQ(moirai_chan_send(chan, &message, MOIRAI_NEVER), 0);
    return 0;
}

static int receive_all(void *arg)
{
    uint64_t message, sum = 0;

    for (int i = 0; i < 2 * MESSAGES; i++) {
        CHECK_EQ(moirai_chan_recv(chan, &message, MOIRAI_NEVER), 0);
        sum += message;
    }
    __atomic_fetch_add((uint64_t *)arg, sum, __ATOMIC_RELAXED);
    return 0;
}

static void *send_from_outside(void *arg)
{
    for (volatile uint32_t i = 0; i < pause_turns; i++)
        continue;
    send_all(arg);
    return NULL;
}

static void make(struct moirai_runtime *rt, const char *capacity)
{
    const char *const options[] = { capacity, NULL };
    struct moirai_elem element = MOIRAI_ELEM(uint64_t);

    CHECK_EQ(moirai_chan_make(rt, NULL, options, &element, &chan, NULL), 0);
}

/* One sender is a task, the other a thread that comes at some time. */
static void intrude(struct moirai_runtime *rt, const char *capacity)
{
    struct moirai_scope scope;
    pthread_t thread;
    uint64_t sum = 0;

    make(rt, capacity);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    moirai_spawn(&scope, receive_all, &sum);
    moirai_spawn(&scope, send_all, (void *)1);
    pause_turns = (uint32_t)rand() % 20000;
    CHECK_EQ(pthread_create(&thread, NULL, send_from_outside, (void *)1000),
             0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    pthread_join(thread, NULL);
    CHECK_EQ(sum, MESSAGES * 1001);
    moirai_chan_put(chan);
}

static void one_worker(const char *capacity)
{
    struct moirai_runtime *rt = with_workers(1);

    srand(1);
    for (int i = 0; i < ROUNDS; i++)
        intrude(rt, capacity);
    with_end(rt);
}

TEST(owned, another_thread_may_come_to_a_buffered_channel)
{
    one_worker("capacity=8");
}

TEST(owned, another_thread_may_come_to_a_rendezvous)
{
    one_worker("capacity=0");
}

/* The worker is in the channel most of the time, never waiting, when the thread
 * comes: what they do at once would be lost or done twice. */
static MO_ATOMIC(uint32_t) gone;

static int keep_going(void *arg)
{
    int64_t *left = arg;
    uint64_t message = 0;

    while (mo_load(&gone) == 0) {
        if (moirai_chan_send(chan, &message, MOIRAI_NOW) == 0)
            ++*left;
        if (moirai_chan_recv(chan, &message, MOIRAI_NOW) == 0)
            --*left;
    }
    while (moirai_chan_recv(chan, &message, MOIRAI_NOW) == 0)
        --*left;
    return 0;
}

static void *come_briefly(void *arg)
{
    uint64_t message = 0;

    (void)arg;
    for (volatile uint32_t i = 0; i < pause_turns; i++)
        continue;
    CHECK_EQ(moirai_chan_send(chan, &message, MOIRAI_NEVER), 0);
    mo_store(&gone, 1);
    return NULL;
}

static void collide(struct moirai_runtime *rt)
{
    struct moirai_scope scope;
    pthread_t thread;
    int64_t left = 1;

    make(rt, "capacity=8");
    mo_store(&gone, 0);
    pause_turns = (uint32_t)rand() % 5000;
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    moirai_spawn(&scope, keep_going, &left);
    CHECK_EQ(pthread_create(&thread, NULL, come_briefly, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    pthread_join(thread, NULL);
    CHECK_EQ(left, 0);
    CHECK_EQ(chan->to->sent, chan->to->received);
    moirai_chan_put(chan);
}

TEST(owned, whoever_comes_waits_until_the_worker_is_outside)
{
    struct moirai_runtime *rt = with_workers(1);

    srand(2);
    for (int i = 0; i < 3 * ROUNDS; i++)
        collide(rt);
    with_end(rt);
}

static int use(void *arg)
{
    uint64_t message = 0;

    for (int64_t n = (intptr_t)arg; n > 0; n--) {
        CHECK_EQ(moirai_chan_send(chan, &message, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_chan_recv(chan, &message, MOIRAI_NEVER), 0);
    }
    return 0;
}

/* Sends and receives so many, on that worker. */
static void use_on(struct moirai_runtime *rt, uint32_t worker, intptr_t n)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_scope scope;

    attr.worker = worker;
    attr.flags = MOIRAI_PINNED;
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn_with(&scope, use, (void *)n, &attr, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
}

TEST(owned, by_the_worker_that_first_uses_it)
{
    struct moirai_runtime *rt = with_workers(1);
    uint64_t message = 0;

    if (!rt->owning)
        SKIP("no barrier to do it with");
    make(rt, "capacity=8");
    CHECK(chan->to->owner == NULL);
    use_on(rt, 1, 1);
    CHECK(chan->to->owner == rt->workers[0]);
    CHECK_EQ(moirai_chan_send(chan, &message, MOIRAI_NEVER), 0);
    CHECK(chan->to->owner == NULL);
    moirai_chan_put(chan);
    with_end(rt);
}

/* Of several workers: by one that uses it often, until another comes. If that
 * was soon, it takes longer the next time. */
TEST(owned, by_a_worker_that_uses_it_often)
{
    struct moirai_runtime *rt = with_workers(2);

    if (!rt->biased)
        SKIP("no barrier to do it with");
    make(rt, "capacity=8");
    use_on(rt, 1, 2);
    CHECK(chan->to->owner == NULL);
    use_on(rt, 1, MO_CHAN_ENOUGH);
    CHECK(chan->to->owner == rt->workers[0]);
    use_on(rt, 2, 1);
    CHECK(chan->to->owner == NULL);
    use_on(rt, 1, MO_CHAN_ENOUGH);
    CHECK(chan->to->owner == NULL);
    use_on(rt, 1, 1000);
    CHECK(chan->to->owner == rt->workers[0]);
    use_on(rt, 2, 1);
    CHECK(chan->to->owner == rt->workers[1]);
    moirai_chan_put(chan);
    with_end(rt);
}

/* Workers that have it by turns lose nothing. */
static void by_turns(struct moirai_runtime *rt, const char *capacity)
{
    struct moirai_scope scope;
    uint64_t sums[4] = { 0 };
    uint64_t sum = 0;

    make(rt, capacity);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    for (uint64_t round = 0; round < 20; round++)
        for (uintptr_t i = 0; i < 4; i++) {
            moirai_spawn(&scope, send_all, (void *)(i + 1));
            moirai_spawn(&scope, send_all, (void *)(i + 1));
            moirai_spawn(&scope, receive_all, &sums[i]);
        }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < 4; i++)
        sum += __atomic_load_n(&sums[i], __ATOMIC_RELAXED);
    CHECK_EQ(sum, 20 * 2 * MESSAGES * (1 + 2 + 3 + 4));
    moirai_chan_put(chan);
}

static void workers_by_turns(uint32_t workers)
{
    struct moirai_runtime *rt = with_workers(workers);

    for (int i = 0; i < 5; i++) {
        by_turns(rt, "capacity=512");
        by_turns(rt, "capacity=8");
        by_turns(rt, "capacity=0");
    }
    with_end(rt);
}

TEST(owned, two_workers_have_it_by_turns)
{
    workers_by_turns(2);
}

TEST(owned, eight_workers_have_it_by_turns)
{
    workers_by_turns(8);
}
