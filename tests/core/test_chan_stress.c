/* SPDX-License-Identifier: MIT */
/*
 * test_chan_stress.c - many at once: nothing is lost, nothing comes twice, the
 * messages of one sender stay in order, nobody is forgotten.
 *
 * A message is its sender's number and its own. Some sends and receives give
 * up by deadline, some try, some go in batches; some are cancelled.
 */
#include "chan.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "talk.h"

#define SENDERS 8
#define RECEIVERS 5
#define MOST 8                      /* of a batch */

struct crowd {
    struct moirai_chan *chan;
    int64_t each;                   /* messages of a sender */
    _Atomic int64_t next_sender, next_receiver;
    int64_t last[RECEIVERS][SENDERS];   /* seen by a receiver, of a sender */
    int64_t seen[RECEIVERS];
    unsigned char *came;            /* per message: how often */
    _Atomic int64_t sent;
};

static uint32_t draw(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(*random >> 33);
}

/* Sends messages from `at` on, somehow. How many went, or the error. */
static int64_t send_some(struct moirai_chan *chan, const int64_t *messages,
                         size_t n, uint32_t how)
{
    int64_t until = how % 4 == 0 ? MOIRAI_NOW
                  : how % 4 == 1 ? moirai_after(5 * MOIRAI_US) : MOIRAI_NEVER;
    int rc;

    if (how % 3 == 0)
        return moirai_chan_send_batch(chan, messages, n, until);
    rc = moirai_chan_send(chan, messages, until);
    return rc == 0 ? 1 : rc;
}

static int64_t receive_some(struct moirai_chan *chan, int64_t *messages,
                            uint32_t how)
{
    int64_t until = how % 4 == 0 ? MOIRAI_NOW
                  : how % 4 == 1 ? moirai_after(5 * MOIRAI_US) : MOIRAI_NEVER;
    int rc;

    if (how % 3 == 0)
        return moirai_chan_recv_batch(chan, messages, how / 16 % 4, MOST,
                                      until);
    rc = moirai_chan_recv(chan, messages, until);
    return rc == 0 ? 1 : rc;
}

static int sender(void *arg)
{
    struct crowd *crowd = arg;
    struct moirai_chan *chan = talk_dup(crowd->chan, MOIRAI_SEND);
    int64_t me = atomic_fetch_add(&crowd->next_sender, 1);
    uint64_t random = (uint64_t)me;
    int64_t messages[MOST];

    for (int64_t at = 0; at < crowd->each;) {
        uint32_t how = draw(&random);
        int64_t n = 1 + how / 64 % MOST;

        if (n > crowd->each - at)
            n = crowd->each - at;
        for (int64_t i = 0; i < n; i++)
            messages[i] = me * crowd->each + at + i;
        n = send_some(chan, messages, (size_t)n, how);
        CHECK_FMT(n > 0 || n == -EAGAIN || n == -ETIMEDOUT, "send: %d",
                  (int)n);
        at += n > 0 ? n : 0;
        if (n == -EAGAIN)
            moirai_yield();
    }
    moirai_chan_put(chan);
    return 0;
}

static void note(struct crowd *crowd, int64_t me, int64_t message)
{
    int64_t from = message / crowd->each;

    CHECK(message >= 0 && from < SENDERS);
    CHECK_FMT(crowd->last[me][from] < message, "out of order");
    crowd->last[me][from] = message;
    __atomic_add_fetch(&crowd->came[message], 1, __ATOMIC_RELAXED);
    crowd->seen[me]++;
}

static int receiver(void *arg)
{
    struct crowd *crowd = arg;
    struct moirai_chan *chan = talk_dup(crowd->chan, MOIRAI_RECV);
    int64_t me = atomic_fetch_add(&crowd->next_receiver, 1);
    uint64_t random = (uint64_t)me + 100;
    int64_t messages[MOST];
    int64_t n = 0;

    for (int i = 0; i < SENDERS; i++)
        crowd->last[me][i] = -1;
    while (n != -EPIPE) {
        n = receive_some(chan, messages, draw(&random));
        CHECK_FMT(n >= 0 || n == -EAGAIN || n == -ETIMEDOUT || n == -EPIPE,
                  "recv: %d", (int)n);
        for (int64_t i = 0; i < n; i++)
            note(crowd, me, messages[i]);
        if (n == -EAGAIN || n == 0)
            moirai_yield();
    }
    moirai_chan_put(chan);
    return 0;
}

static void check_crowd(struct crowd *crowd)
{
    int64_t total = 0;

    for (int i = 0; i < RECEIVERS; i++)
        total += crowd->seen[i];
    CHECK_EQ(total, SENDERS * crowd->each);
    for (int64_t i = 0; i < total; i++)
        CHECK_EQ(crowd->came[i], 1);
}

static void *sender_thread(void *arg)
{
    sender(arg);
    return NULL;
}

static void *receiver_thread(void *arg)
{
    receiver(arg);
    return NULL;
}

/* `threads` of the senders and receivers are plain threads. */
static void run_crowd(struct moirai_runtime *rt, size_t capacity, int threads)
{
    struct moirai_scope scope;
    struct crowd crowd = { .each = with_times(4000) };
    pthread_t plain[2 * SENDERS];

    crowd.chan = talk_ring_of_ints(rt, capacity);
    crowd.came = calloc(SENDERS, (size_t)crowd.each);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < threads; i++) {
        CHECK_EQ(pthread_create(&plain[2 * i], NULL, sender_thread, &crowd),
                 0);
        CHECK_EQ(pthread_create(&plain[2 * i + 1], NULL, receiver_thread,
                                &crowd), 0);
    }
    for (int i = threads; i < RECEIVERS; i++)
        CHECK_EQ(moirai_spawn(&scope, receiver, &crowd), 0);
    for (int i = threads; i < SENDERS; i++)
        CHECK_EQ(moirai_spawn(&scope, sender, &crowd), 0);
    while (atomic_load(&crowd.next_sender) < SENDERS
           || atomic_load(&crowd.next_receiver) < RECEIVERS)
        moirai_sleep_until(moirai_after(100 * MOIRAI_US));
    moirai_chan_put(crowd.chan);    /* each has an endpoint of its own */
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < 2 * threads; i++)
        CHECK_EQ(pthread_join(plain[i], NULL), 0);
    check_crowd(&crowd);
    free(crowd.came);
}

static void run_crowds(unsigned workers, int threads)
{
    static const size_t capacities[] = { 0, 1, 3, 100 };
    unsigned times = check_long() ? 20 : 1;

    for (unsigned i = 0; i < times * 4; i++) {
        struct moirai_runtime *rt = with_workers(workers);

        run_crowd(rt, capacities[i % 4], threads);
        with_end(rt);
    }
}

TEST_LONG(stress, one_worker_loses_nothing, 300)
{
    run_crowds(1, 0);
}

TEST_LONG(stress, two_workers_lose_nothing, 300)
{
    run_crowds(2, 0);
}

TEST_LONG(stress, four_workers_lose_nothing, 300)
{
    run_crowds(4, 0);
}

TEST_LONG(stress, eight_workers_lose_nothing, 300)
{
    run_crowds(8, 0);
}

TEST_LONG(stress, tasks_and_threads_lose_nothing, 300)
{
    run_crowds(1, 2);
    run_crowds(2, 3);
}

TEST_LONG(stress, threads_alone_lose_nothing, 300)
{
    run_crowds(1, RECEIVERS);
}

/* --- a hundred thousand wait --------------------------------------------- */

struct many {
    struct moirai_chan *chan;
    _Atomic int64_t begun, sum, closed;
};

static int wait_for_one(void *arg)
{
    struct many *many = arg;
    int64_t got;

    atomic_fetch_add(&many->begun, 1);
    got = talk_recv(many->chan, MOIRAI_NEVER);
    if (got == -EPIPE)
        atomic_fetch_add(&many->closed, 1);
    else if (got >= 0)
        atomic_fetch_add(&many->sum, got);
    return 0;
}

/* Returns when all of them wait. */
static void spawn_many(struct moirai_scope *scope, struct many *many,
                       int64_t n)
{
    talk_begin(scope);
    for (int64_t i = 0; i < n; i++)
        CHECK_EQ(moirai_spawn(scope, wait_for_one, many), 0);
    while (atomic_load(&many->begun) < n
           || talk_waiting(many->chan, MOIRAI_RECV) < (size_t)n)
        CHECK_EQ(moirai_yield(), 0);
}

static int park_many(void *arg)
{
    int64_t n = with_times(100000);
    struct many many = { .chan = talk_ring_of_ints(NULL, 0) };
    struct moirai_scope scope;

    (void)arg;
    spawn_many(&scope, &many, n);
    for (int64_t i = 1; i <= n / 2; i++)
        CHECK_EQ(talk_send(many.chan, i, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_chan_close(many.chan), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(atomic_load(&many.sum), n / 2 * (n / 2 + 1) / 2);
    CHECK_EQ(atomic_load(&many.closed), n - n / 2);
    moirai_chan_put(many.chan);
    return 0;
}

TEST_LONG(stress, a_hundred_thousand_wait_and_are_served, 120)
{
    with_one(1, park_many, NULL);
    with_one(2, park_many, NULL);
}

static int cancel_many(void *arg)
{
    int64_t n = with_times(100000);
    struct many many = { .chan = talk_ring_of_ints(NULL, 0) };
    struct moirai_scope scope;

    (void)arg;
    spawn_many(&scope, &many, n);
    CHECK_EQ(talk_send(many.chan, 1, MOIRAI_NOW), 0);
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(atomic_load(&many.sum), 1);
    CHECK_EQ(talk_send(many.chan, 1, MOIRAI_NOW), -EAGAIN);
    moirai_chan_put(many.chan);
    return 0;
}

TEST_LONG(stress, a_hundred_thousand_wait_and_are_cancelled, 120)
{
    with_one(2, cancel_many, NULL);
}

/* --- two runtimes -------------------------------------------------------- */

struct pair {
    struct moirai_chan *there, *back;
};

static int echo(void *arg)
{
    struct pair *pair = arg;
    int64_t got;

    while ((got = talk_recv(pair->there, MOIRAI_NEVER)) >= 0)
        CHECK_EQ(talk_send(pair->back, got + 1, MOIRAI_NEVER), 0);
    CHECK_EQ(got, -EPIPE);
    return 0;
}

static int call(void *arg)
{
    struct pair *pair = arg;

    for (int64_t i = 0; i < 1000; i++) {
        CHECK_EQ(talk_send(pair->there, i, MOIRAI_NEVER), 0);
        CHECK_EQ(talk_recv(pair->back, MOIRAI_NEVER), i + 1);
    }
    CHECK_EQ(moirai_chan_close(pair->there), 0);
    return 0;
}

TEST(stress, tasks_of_two_runtimes_talk)
{
    for (size_t capacity = 0; capacity < 2; capacity++) {
        struct moirai_runtime *a = with_workers(1);
        struct moirai_runtime *b = with_workers(2);
        struct pair pair = { talk_ring_of_ints(a, capacity),
                             talk_ring_of_ints(b, capacity) };
        struct moirai_scope of_a;
        struct moirai_scope of_b;

        CHECK_EQ(moirai_scope_begin(&of_a, a, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_scope_begin(&of_b, b, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_spawn(&of_a, echo, &pair), 0);
        CHECK_EQ(moirai_spawn(&of_b, echo, &pair), 0);
        CHECK_EQ(moirai_spawn(&of_b, call, &pair), 0);
        CHECK_EQ(moirai_scope_end(&of_b), 0);
        CHECK_EQ(moirai_scope_end(&of_a), 0);
        moirai_chan_put(pair.there);
        moirai_chan_put(pair.back);
        with_end(a);
        with_end(b);
    }
}
