/* SPDX-License-Identifier: MIT */
/*
 * loops.c - tasks of every kind in a foreign loop.
 */
#include "loops.h"

#include "check.h"

#include <pthread.h>
#include <sys/socket.h>

#define SLEEPERS 200
#define TALKERS 20
#define ROUNDS 50
#define TICKS 10
#define THREADS 5

static const struct loops_ops *loop;
static struct moirai_chan *there, *back;
static int said, heard;

static int snooze(void *arg)
{
    int64_t ns = (int64_t)((intptr_t)arg % 5) * MOIRAI_MS / 2;

    return moirai_sleep_until(moirai_after(ns));
}

static int echo(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char byte;

    while (moirai_read(fd, &byte, 1, MOIRAI_NEVER) == 1)
        CHECK_EQ(moirai_write(fd, &byte, 1, MOIRAI_NEVER), 1);
    return moirai_close(fd);
}

static int talk(void *arg)
{
    int ends[2];

    (void)arg;
    CHECK_EQ(moirai_socket_pair(SOCK_STREAM, ends), 0);
    CHECK_EQ(moirai_spawn(NULL, echo, (void *)(intptr_t)ends[1]), 0);
    for (int i = 0; i < ROUNDS; i++) {
        char byte = (char)i;

        CHECK_EQ(moirai_write(ends[0], &byte, 1, MOIRAI_NEVER), 1);
        byte = 0;
        CHECK_EQ(moirai_read(ends[0], &byte, 1,
                             moirai_after(30 * MOIRAI_S)), 1);
        CHECK_EQ(byte, (char)i);
    }
    return moirai_close(ends[0]);
}

static void *complete(void *future)
{
    int value = 1;

    moirai_future_set(future, &value);
    return NULL;
}

/* A thread that the runtime knows nothing of ends the wait. */
static int await(void *arg)
{
    struct moirai_future *future;
    pthread_t thread;
    int value = 0;

    (void)arg;
    CHECK_EQ(moirai_future_make(sizeof value, NULL, &future), 0);
    CHECK_EQ(pthread_create(&thread, NULL, complete, future), 0);
    CHECK_EQ(moirai_future_wait(future, MOIRAI_NEVER, &value), 0);
    CHECK_EQ(value, 1);
    moirai_future_put(future);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    return 0;
}

static int answer(void *arg)
{
    int n = 0;

    (void)arg;
    for (int i = 0; i < TICKS; i++) {
        CHECK_EQ(moirai_chan_recv(there, &n, MOIRAI_NEVER), 0);
        CHECK_EQ(n, i);
        CHECK_EQ(moirai_chan_send(back, &n, MOIRAI_NEVER), 0);
    }
    return 0;
}

/* A callback of the loop; neither send nor receive may wait there. */
static void tick(void)
{
    int n;

    if (said < TICKS && moirai_chan_send(there, &said, MOIRAI_NOW) == 0)
        said++;
    while (moirai_chan_recv(back, &n, MOIRAI_NOW) == 0)
        CHECK_EQ(n, heard++);
    if (heard == TICKS)
        moirai_chan_close(back);
}

static int all(void *arg)
{
    struct moirai_scope scope;
    int n;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (intptr_t i = 0; i < SLEEPERS; i++)
        CHECK_EQ(moirai_spawn(&scope, snooze, (void *)i), 0);
    for (int i = 0; i < TALKERS; i++)
        CHECK_EQ(moirai_spawn(&scope, talk, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(moirai_spawn(&scope, await, NULL), 0);
    CHECK_EQ(moirai_spawn(&scope, answer, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    while (heard < TICKS)
        CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    CHECK(moirai_chan_recv(back, &n, MOIRAI_NEVER) < 0);
    loop->stop();
    return 0;
}

void loops_try(const struct loops_ops *ops)
{
    const struct moirai_elem elem = MOIRAI_ELEM(int);
    struct moirai_config config = { .size = sizeof config,
                                    .flags = MOIRAI_CONFIG_EMBEDDED };
    struct moirai_runtime *rt;

    loop = ops;
    said = heard = 0;
    CHECK_EQ(moirai_start(&rt, &config, NULL), 0);
    CHECK_EQ(moirai_chan_make(rt, NULL, NULL, &elem, &there, NULL), 0);
    CHECK_EQ(moirai_chan_make(rt, NULL, NULL, &elem, &back, NULL), 0);
    ops->open(rt, tick);
    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), all, NULL), 0);
    ops->run();
    ops->close();
    moirai_chan_put(there);
    moirai_chan_put(back);
    CHECK_EQ(moirai_stop(rt, MOIRAI_NEVER, NULL), 0);
}
