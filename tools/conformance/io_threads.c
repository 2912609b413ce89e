/* SPDX-License-Identifier: MIT */
/*
 * io_threads.c - the promises of include/moirai/io_ops.h, with several threads.
 */
#include "io_rig.h"

#include <pthread.h>

#define TEAM 4

struct team {
    struct io_rig rig;
    bool shared;                    /* one waits for all */
    pthread_mutex_t waiter;
    int pairs[TEAM][2];
    int rounds;
    atomic_bool over;
};

struct member {
    struct team *team;
    pthread_t thread;
    uint32_t index;                 /* its ring, too */
};

static void team_open(struct team *team, const struct subject *subject)
{
    const struct moirai_io_ops *ops = subject->plugin->ops;

    memset(team, 0, sizeof *team);
    io_open(&team->rig, subject, TEAM);
    team->shared = (ops->flags & MOIRAI_IO_SHARED) != 0;
    pthread_mutex_init(&team->waiter, NULL);
}

static void team_close(struct team *team)
{
    pthread_mutex_destroy(&team->waiter);
    io_close(&team->rig);
}

static void start(struct member *member, struct team *team, uint32_t index,
                  void *(*body)(void *))
{
    *member = (struct member){ .team = team, .index = index };
    NEEDS(pthread_create(&member->thread, NULL, body, member) == 0,
          "no thread for the test itself");
}

/* As idle workers do. */
static void idle(struct team *team, uint32_t ring)
{
    if (!team->shared) {
        io_wait(&team->rig, ring, 0.002);
    } else if (pthread_mutex_trylock(&team->waiter) == 0) {
        io_wait(&team->rig, ring, 0.002);
        pthread_mutex_unlock(&team->waiter);
    } else {
        io_flush(&team->rig, ring);
    }
}

static int64_t finish(struct team *team, struct call *call, const char *what)
{
    double end = conformance_seconds() + conformance_wait();

    while (!is_told(call)) {
        HOLDS(conformance_seconds() < end, "%s is not told that it ended",
              what);
        idle(team, call->ring);
    }
    return call->result;
}

/* --- each on its own ring ------------------------------------------------- */

/* Receives from the one before, and sends to the next. */
static void *pass_on(void *arg)
{
    struct member *self = arg;
    struct team *team = self->team;
    int to = team->pairs[(self->index + 1) % TEAM][1];

    for (int i = 0; i < team->rounds; i++) {
        struct call in, out;
        int sent = i, got = -1;

        call_move(&in, MOIRAI_IO_RECV, team->pairs[self->index][0], &got,
                  sizeof got);
        call_move(&out, MOIRAI_IO_SEND, to, &sent, sizeof sent);
        io_begin(&team->rig, self->index, &in);
        io_begin(&team->rig, self->index, &out);
        finish(team, &out, "a send");
        HOLDS(finish(team, &in, "a receive") == sizeof got && got == i,
              "message %d was told %lld, and says %d", i,
              (long long)in.result, got);
    }
    return NULL;
}

PROMISE(io_threads_pass_messages,
        "Four threads with a ring each pass messages on, and lose none.")
{
    struct member members[TEAM];
    struct team team;

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    team_open(&team, subject);
    team.rounds = (int)conformance_times(2000);
    for (int i = 0; i < TEAM; i++)
        (i % 2 == 0 ? pair_tcp : pair_local)(team.pairs[i]);
    for (uint32_t i = 0; i < TEAM; i++)
        start(&members[i], &team, i, pass_on);
    for (uint32_t i = 0; i < TEAM; i++)
        pthread_join(members[i].thread, NULL);
    for (int i = 0; i < TEAM; i++) {
        io_forget(&team.rig, 0, team.pairs[i][0], true);
        io_forget(&team.rig, 0, team.pairs[i][1], true);
    }
    team_close(&team);
}

/* --- cancelling what just ends -------------------------------------------- */

/* Another worker, which also flushes for one that is stuck. */
static void *look_around(void *arg)
{
    struct member *self = arg;

    while (!atomic_load(&self->team->over)) {
        idle(self->team, self->index);
        io_flush(&self->team->rig, 0);
    }
    return NULL;
}

static void *write_now_and_then(void *arg)
{
    struct member *self = arg;
    struct team *team = self->team;
    unsigned char byte = 0;

    for (int i = 0; i < team->rounds; byte++, i++) {
        while (write(team->pairs[0][1], &byte, 1) != 1)
            sched_yield();
        for (int spin = 0; spin < i % 7 * 300; spin++)
            __asm__ volatile("");
        if (i % 5 == 0)
            sched_yield();
    }
    return NULL;
}

/* Receives a byte, cancelling each time; how many came. */
static int receive_or_not(struct team *team, int i, unsigned char expected)
{
    struct call call;
    unsigned char byte;
    int64_t n;

    call_move(&call, MOIRAI_IO_RECV, team->pairs[0][0], &byte, 1);
    io_begin(&team->rig, 0, &call);
    for (int spin = 0; spin < i % 11 * 200; spin++)
        __asm__ volatile("");
    if (!is_told(&call))
        io_cancel(&team->rig, 0, &call);
    n = finish(team, &call, "a receive that was cancelled");
    HOLDS(n == -ECANCELED || n == 1, "a receive that was cancelled was told "
          "%lld", (long long)n);
    HOLDS(n != 1 || byte == expected, "when receives are cancelled, byte %d "
          "comes where %d should", byte, expected);
    return n == 1;
}

PROMISE(io_cancel_races_lose_nothing,
        "Cancelling receives that are about to end loses no byte.")
{
    struct member members[2];
    struct team team;
    int got = 0;

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    team_open(&team, subject);
    team.rounds = (int)conformance_times(2000);
    pair_tcp(team.pairs[0]);
    start(&members[0], &team, 1, look_around);
    start(&members[1], &team, 2, write_now_and_then);
    for (int i = 0; got < team.rounds; i++)
        got += receive_or_not(&team, i, (unsigned char)got);
    pthread_join(members[1].thread, NULL);
    atomic_store(&team.over, true);
    pthread_join(members[0].thread, NULL);
    io_forget(&team.rig, 0, team.pairs[0][0], true);
    close(team.pairs[0][1]);
    team_close(&team);
}

/* --- closing what just ends ----------------------------------------------- */

static void forget_one(struct team *team, int round)
{
    struct call calls[3];
    char bytes[3] = { 0 };
    char mark = (char)(1 + round % 100);
    int pair[2];

    (round % 2 == 0 ? pair_tcp : pair_local)(pair);
    call_poll(&calls[2], pair[0], POLLIN);
    for (int i = 0; i < 2; i++)
        call_move(&calls[i], MOIRAI_IO_RECV, pair[0], &bytes[i], 1);
    for (int i = 0; i < 3; i++)
        io_begin(&team->rig, 0, &calls[i]);
    NEEDS(write(pair[1], &mark, 1) == 1, "a socket takes no byte");
    for (int spin = 0; spin < round % 17 * 100; spin++)
        __asm__ volatile("");
    io_forget(&team->rig, 0, pair[0], true);
    for (int i = 0; i < 3; i++) {
        int64_t n = finish(team, &calls[i], "a request that was forgotten");

        HOLDS(n == -ECANCELED || n > 0, "a request that was forgotten was told "
              "%lld", (long long)n);
        HOLDS(i == 2 || n != 1 || bytes[i] == mark, "a receive has a byte of "
              "another descriptor, which had the same number");
    }
    close(pair[1]);
}

PROMISE(io_forget_races_end_all,
        "Forgetting what is about to end ends each request, once.")
{
    struct member members[2];
    struct team team;
    int rounds = (int)conformance_times(1000);

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    team_open(&team, subject);
    start(&members[0], &team, 1, look_around);
    start(&members[1], &team, 2, look_around);
    for (int i = 0; i < rounds; i++)
        forget_one(&team, i);
    atomic_store(&team.over, true);
    pthread_join(members[0].thread, NULL);
    pthread_join(members[1].thread, NULL);
    team_close(&team);
}
