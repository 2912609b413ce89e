/* SPDX-License-Identifier: MIT */
/*
 * test_solo.c - a runtime's only worker leaves tasks, and ends their waits,
 * without locked instructions: whoever cancels them or looks at them from
 * another thread meanwhile finds each where it should be.
 */
#include <moirai/moirai.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "with.h"

#define MOST_PAUSE 20000            /* turns of a loop, before a thread comes */

struct talk {
    struct moirai_chan *to, *back;
    int stop;                       /* flag */
    int ended;                      /* tasks, all with -ECANCELED */
};

static struct moirai_chan *make(struct moirai_runtime *rt, const char *capacity,
                                size_t bytes)
{
    const char *const options[] = { capacity, NULL };
    struct moirai_elem element = MOIRAI_ELEM(char);
    struct moirai_chan *chan;

    element.bytes = bytes;
    CHECK_EQ(moirai_chan_make(rt, NULL, options, &element, &chan, NULL), 0);
    return chan;
}

static void open_talk(struct talk *talk, struct moirai_runtime *rt)
{
    talk->to = make(rt, "capacity=0", sizeof(uint64_t));
    talk->back = make(rt, "capacity=0", sizeof(uint64_t));
    talk->stop = talk->ended = 0;
}

static void close_talk(struct talk *talk)
{
    moirai_chan_put(talk->to);
    moirai_chan_put(talk->back);
}

static void pause_a_little(void)
{
    uint32_t turns = (uint32_t)rand() % MOST_PAUSE;

    for (volatile uint32_t i = 0; i < turns; i++)
        continue;
}

/* --- cancelling ----------------------------------------------------------- */

static int ended(struct talk *talk, int rc)
{
    if (rc == -ECANCELED)
        with_add(&talk->ended, 1);
    return rc;
}

static int ping(void *arg)
{
    struct talk *talk = arg;
    uint64_t message = 0;
    int rc = 0;

    while (rc == 0) {
        rc = moirai_chan_send(talk->to, &message, MOIRAI_NEVER);
        if (rc == 0)
            rc = moirai_chan_recv(talk->back, &message, MOIRAI_NEVER);
    }
    return ended(talk, rc);
}

static int pong(void *arg)
{
    struct talk *talk = arg;
    uint64_t message;
    int rc = 0;

    while (rc == 0) {
        rc = moirai_chan_recv(talk->to, &message, MOIRAI_NEVER);
        if (rc == 0)
            rc = moirai_chan_send(talk->back, &message, MOIRAI_NEVER);
    }
    return ended(talk, rc);
}

static int yield_on(void *arg)
{
    int rc = 0;

    while (rc == 0)
        rc = moirai_yield();
    return ended(arg, rc);
}

static void cancel_one(struct moirai_runtime *rt)
{
    struct moirai_scope scope;
    struct talk talk;

    open_talk(&talk, rt);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, ping, &talk), 0);
    CHECK_EQ(moirai_spawn(&scope, pong, &talk), 0);
    CHECK_EQ(moirai_spawn(&scope, yield_on, &talk), 0);
    pause_a_little();
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(talk.ended, 3);
    close_talk(&talk);
}

TEST(solo, a_thread_that_cancels_a_scope_misses_nobody)
{
    struct moirai_runtime *rt = with_workers(1);

    srand(1);
    for (unsigned i = 0; i < with_times(400); i++)
        cancel_one(rt);
    with_end(rt);
}

static void cancel_each(struct moirai_runtime *rt)
{
    struct moirai_handle *handles[2];
    struct moirai_scope scope;
    struct talk talk;

    open_talk(&talk, rt);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn_with(&scope, ping, &talk, NULL, &handles[0]), 0);
    CHECK_EQ(moirai_spawn_with(&scope, pong, &talk, NULL, &handles[1]), 0);
    pause_a_little();
    for (int i = 0; i < 2; i++)
        moirai_handle_cancel(handles[i]);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(moirai_handle_join(handles[i], MOIRAI_NEVER, NULL), 0);
        moirai_handle_put(handles[i]);
    }
    moirai_scope_end(&scope);
    CHECK_EQ(talk.ended, 2);
    close_talk(&talk);
}

TEST(solo, a_thread_that_cancels_a_task_does_not_miss_it)
{
    struct moirai_runtime *rt = with_workers(1);

    srand(2);
    for (unsigned i = 0; i < with_times(400); i++)
        cancel_each(rt);
    with_end(rt);
}

/* --- looking -------------------------------------------------------------- */

static int ping_until_stopped(void *arg)
{
    struct talk *talk = arg;
    uint64_t message = 0;

    while (!with_get(&talk->stop)) {
        CHECK_EQ(moirai_chan_send(talk->to, &message, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_chan_recv(talk->back, &message, MOIRAI_NEVER), 0);
        message++;
    }
    return moirai_chan_close(talk->to);
}

static int pong_until_closed(void *arg)
{
    struct talk *talk = arg;
    uint64_t message;
    uint64_t expected = 0;
    int rc;

    while ((rc = moirai_chan_recv(talk->to, &message, MOIRAI_NEVER)) == 0) {
        CHECK_EQ(message, expected++);
        CHECK_EQ(moirai_chan_send(talk->back, &message, MOIRAI_NEVER), 0);
    }
    CHECK_EQ(rc, -EPIPE);
    return 0;
}

TEST(solo, a_thread_may_write_down_what_tasks_do)
{
    struct moirai_runtime *rt = with_workers(1);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct moirai_scope scope;
    struct talk talk;

    srand(3);
    open_talk(&talk, rt);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, ping_until_stopped, &talk), 0);
    CHECK_EQ(moirai_spawn(&scope, pong_until_closed, &talk), 0);
    for (unsigned i = 0; i < with_times(50); i++) {
        pause_a_little();
        moirai_dump(rt, null);
    }
    with_set(&talk.stop, 1);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    close_talk(&talk);
    close(null);
    with_end(rt);
}

/* --- messages ------------------------------------------------------------- */

#define MESSAGES 300
#define LARGEST 100

struct flow {
    struct moirai_chan *chan;
    size_t bytes;
    uint64_t sum;                   /* of the first byte of each message */
};

static int send_all(void *arg)
{
    struct flow *flow = arg;
    unsigned char message[LARGEST];

    for (int i = 0; i < MESSAGES; i++) {
        memset(message, i % 251, sizeof message);
        CHECK_EQ(moirai_chan_send(flow->chan, message, MOIRAI_NEVER), 0);
        if (i % 7 == 0)
            moirai_yield();
    }
    return 0;
}

static int send_all_pinned(void *arg)
{
    moirai_pin();
    send_all(arg);
    moirai_unpin();
    return 0;
}

static void receive_one(struct flow *flow)
{
    unsigned char message[LARGEST] = { 0 };

    CHECK_EQ(moirai_chan_recv(flow->chan, message, MOIRAI_NEVER), 0);
    for (size_t i = 1; i < flow->bytes; i++)
        CHECK_EQ(message[i], message[0]);
    for (size_t i = flow->bytes; i < sizeof message; i++)
        CHECK_EQ(message[i], 0);
    flow->sum += message[0];
}

static int receive_some(void *arg)
{
    for (int i = 0; i < MESSAGES; i++)
        receive_one(arg);
    return 0;
}

static int receive_batches(void *arg)
{
    struct flow *flow = arg;
    unsigned char messages[3 * LARGEST];

    for (int i = 0; i < MESSAGES; i += 3) {
        CHECK_EQ(moirai_chan_recv_batch(flow->chan, messages, 3, 3,
                                        MOIRAI_NEVER), 3);
        for (size_t j = 0; j < 3 && flow->bytes != 0; j++)
            flow->sum += messages[j * flow->bytes];
    }
    return 0;
}

static void let_flow(struct moirai_runtime *rt, const char *capacity,
                     size_t bytes)
{
    struct flow flow = { make(rt, capacity, bytes), bytes, 0 };
    struct moirai_scope scope;
    uint64_t sum = 0;

    for (int i = 0; i < MESSAGES && bytes != 0; i++)
        sum += (uint64_t)i % 251;
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, receive_some, &flow), 0);
    CHECK_EQ(moirai_spawn(&scope, receive_batches, &flow), 0);
    CHECK_EQ(moirai_spawn(&scope, receive_some, &flow), 0);
    CHECK_EQ(moirai_spawn(&scope, send_all, &flow), 0);
    CHECK_EQ(moirai_spawn(&scope, send_all_pinned, &flow), 0);
    CHECK_EQ(moirai_spawn(&scope, send_all, &flow), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(flow.sum, 3 * sum);
    moirai_chan_put(flow.chan);
}

TEST(solo, messages_of_all_sizes_arrive_once)
{
    static const size_t sizes[] = { 0, 1, 4, 8, 12, 16, LARGEST };
    struct moirai_runtime *rt = with_workers(1);

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        let_flow(rt, "capacity=0", sizes[i]);
        let_flow(rt, "capacity=1", sizes[i]);
        let_flow(rt, "capacity=64", sizes[i]);
    }
    with_end(rt);
}

/* --- taking turns --------------------------------------------------------- */

#define TASKS 3
#define TURNS 200

static int take_turns(void *arg)
{
    int *taken = arg;

    for (int i = 0; i < TURNS; i++) {
        CHECK_EQ(moirai_yield(), 0);
        ++*taken;
    }
    return 0;
}

/* The last one has nobody to yield to for a while. */
TEST(solo, all_who_yield_come_to_their_end)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_scope scope;
    int taken[TASKS] = { -TURNS, 0, 0 };

    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&scope, take_turns, &taken[i]), 0);
    CHECK_EQ(moirai_spawn(&scope, take_turns, &taken[0]), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(taken[i], TURNS);
    with_end(rt);
}
