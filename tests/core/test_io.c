/* SPDX-License-Identifier: MIT */
/*
 * test_io.c - tasks that wait for descriptors give up their worker, hear of
 * what comes, of its end, of deadlines, and of those who close what they wait
 * for.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "pipes.h"
#include "with.h"

/* --- reading and writing -------------------------------------------------- */

struct talk {
    int in[2], out[2];              /* what one writes, the other reads */
    int rounds;
};

static int answer(void *arg)
{
    struct talk *t = arg;
    char byte;

    while (moirai_read(t->in[0], &byte, 1, MOIRAI_NEVER) == 1)
        CHECK_EQ(moirai_write(t->out[1], &byte, 1, MOIRAI_NEVER), 1);
    CHECK_EQ(moirai_close(t->out[1]), 0);
    return 0;
}

static int ask(void *arg)
{
    struct talk *t = arg;
    struct moirai_scope scope;
    char byte = 0;

    open_pipe(t->in);
    open_pipe(t->out);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, answer, t), 0);
    for (int i = 0; i < t->rounds; i++) {
        char sent = (char)i;

        CHECK_EQ(moirai_write(t->in[1], &sent, 1, MOIRAI_NEVER), 1);
        CHECK_EQ(moirai_read(t->out[0], &byte, 1, MOIRAI_NEVER), 1);
        CHECK_EQ(byte, sent);
    }
    CHECK_EQ(moirai_close(t->in[1]), 0);
    CHECK_EQ(moirai_read(t->out[0], &byte, 1, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(moirai_close(t->in[0]), 0);
    CHECK_EQ(moirai_close(t->out[0]), 0);
    return 0;
}

TEST(io, goes_to_and_fro)
{
    struct talk t = { .rounds = 300 };

    with_each(ask, &t);
    t.rounds = 10;
    with_seeds(20, ask, &t);
}

#define PAIRS 200

static int ask_many(void *arg)
{
    static struct talk talks[PAIRS];
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < PAIRS; i++) {
        talks[i].rounds = 10;
        CHECK_EQ(moirai_spawn(&scope, ask, &talks[i]), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

TEST(io, of_many_is_kept_apart)
{
    with_each(ask_many, NULL);
}

static int pour_and_drink(void *arg)
{
    struct moirai_scope scope;
    int ends[2];

    (void)arg;
    open_pipe(ends);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, pour, ends), 0);
    CHECK_EQ(moirai_spawn(&scope, drink, ends), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

TEST(io, in_bulk_is_whole)
{
    with_each(pour_and_drink, NULL);
    with_seeds(5, pour_and_drink, NULL);
}

static void *pour_on_thread(void *ends)
{
    pour(ends);
    return NULL;
}

static int drink_from_thread(void *arg)
{
    pthread_t thread;
    int ends[2];

    (void)arg;
    open_pipe(ends);
    CHECK_EQ(pthread_create(&thread, NULL, pour_on_thread, ends), 0);
    drink(ends);
    pthread_join(thread, NULL);
    return 0;
}

TEST(io, of_a_plain_thread_is_the_same)
{
    with_each(drink_from_thread, NULL);
}

TEST(io, needs_no_runtime)
{
    char byte;
    int ends[2];

    open_pipe(ends);
    CHECK_EQ(moirai_read(ends[0], &byte, 1, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_read(ends[0], &byte, 1, moirai_after(MOIRAI_MS)),
             -ETIMEDOUT);
    CHECK_EQ(moirai_fd_wait(ends[1], POLLOUT, MOIRAI_NOW), POLLOUT);
    CHECK_EQ(moirai_write(ends[1], "x", 1, MOIRAI_NOW), 1);
    CHECK_EQ(moirai_read(ends[0], &byte, 1, MOIRAI_NEVER), 1);
    close_pipe(ends);
    CHECK_EQ(moirai_read(ends[0], &byte, 1, MOIRAI_NOW), -EBADF);
    CHECK_EQ(moirai_close(ends[0]), -EBADF);
}

/* --- time, cancellation, closing ------------------------------------------ */

static int too_late(void *arg)
{
    char byte;
    int ends[2];

    (void)arg;
    open_pipe(ends);
    CHECK_EQ(moirai_read(ends[0], &byte, 1, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_read(ends[0], &byte, 1, 1), -ETIMEDOUT);
    CHECK_EQ(moirai_read(ends[0], &byte, 1, moirai_after(2 * MOIRAI_MS)),
             -ETIMEDOUT);
    CHECK_EQ(moirai_fd_wait(ends[0], POLLIN, moirai_after(MOIRAI_MS)),
             -ETIMEDOUT);
    CHECK_EQ(moirai_write(ends[1], "y", 1, MOIRAI_NEVER), 1);
    CHECK_EQ(moirai_read(ends[0], &byte, 1, moirai_after(MOIRAI_MS)), 1);
    CHECK_EQ(byte, 'y');
    close_pipe(ends);
    return 0;
}

TEST(io, keeps_deadlines)
{
    with_each(too_late, NULL);
    with_seeds(20, too_late, NULL);
}

struct lone {
    int ends[2];
    int begun;
    int64_t result;
};

static int read_alone(void *arg)
{
    struct lone *lone = arg;
    char byte;

    with_set(&lone->begun, 1);
    lone->result = moirai_read(lone->ends[0], &byte, 1, MOIRAI_NEVER);
    return 0;
}

/* It may or may not have begun to wait by then: both must be right. */
static int cancel_reader(void *arg)
{
    struct lone lone = { .begun = 0 };
    struct moirai_scope scope;
    char byte;

    (void)arg;
    open_pipe(lone.ends);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, read_alone, &lone), 0);
    while (!with_get(&lone.begun))
        moirai_yield();
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(lone.result, -ECANCELED);
    CHECK_EQ(moirai_write(lone.ends[1], "z", 1, MOIRAI_NEVER), 1);
    CHECK_EQ(moirai_read(lone.ends[0], &byte, 1, MOIRAI_NEVER), 1);
    CHECK_EQ(byte, 'z');
    close_pipe(lone.ends);
    return 0;
}

TEST(io, of_who_is_cancelled_takes_nothing_away)
{
    with_each(cancel_reader, NULL);
    with_seeds(50, cancel_reader, NULL);
}

/* Each byte is read by the one or the other, whoever is cancelled. */
static int race_with_cancel(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++) {
        struct lone lone = { .begun = 0 };
        struct moirai_scope scope;
        char byte;
        int rc;

        open_pipe(lone.ends);
        CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_spawn(&scope, read_alone, &lone), 0);
        moirai_yield();
        CHECK_EQ(moirai_write(lone.ends[1], "z", 1, MOIRAI_NEVER), 1);
        moirai_scope_cancel(&scope);
        moirai_scope_end(&scope);
        rc = (int)moirai_read(lone.ends[0], &byte, 1, MOIRAI_NOW);
        CHECK(lone.begun == 0 || lone.result == 1
              || lone.result == -ECANCELED);
        CHECK_EQ(rc, lone.begun && lone.result == 1 ? -EAGAIN : 1);
        close_pipe(lone.ends);
    }
    return 0;
}

TEST(io, that_is_cancelled_as_it_comes_is_done_or_not)
{
    with_each(race_with_cancel, NULL);
}

static int close_under_reader(void *arg)
{
    (void)arg;
    too_late(NULL);                 /* so that the backend has its descriptors,
                                     * and will not get the number */
    for (int i = 0; i < 20; i++) {
        struct lone lone = { .begun = 0 };
        struct moirai_scope scope;
        int other[2];
        char byte;

        open_pipe(lone.ends);
        CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_spawn(&scope, read_alone, &lone), 0);
        while (!with_get(&lone.begun))
            moirai_yield();
        moirai_sleep_until(moirai_after(MOIRAI_MS / 4));
        CHECK_EQ(moirai_close(lone.ends[0]), 0);
        CHECK_EQ(moirai_scope_end(&scope), 0);
        CHECK(lone.result == -ECANCELED || lone.result == -EBADF);
        open_pipe(other);           /* of the same number, and it works */
        CHECK_EQ(moirai_write(other[1], "n", 1, MOIRAI_NEVER), 1);
        CHECK_EQ(moirai_read(other[0], &byte, 1, MOIRAI_NEVER), 1);
        close_pipe(other);
        CHECK_EQ(moirai_close(lone.ends[1]), 0);
    }
    return 0;
}

TEST(io, ends_for_all_when_it_is_closed)
{
    with_each(close_under_reader, NULL);
}

/* A number that another library closed and opened again. */
static int reuse_number(void *arg)
{
    char byte;
    int ends[2];

    (void)arg;
    for (int i = 0; i < 20; i++) {
        open_pipe(ends);
        CHECK_EQ(moirai_fd_wait(ends[0], POLLIN, moirai_after(MOIRAI_US)),
                 -ETIMEDOUT);
        close(ends[0]);
        close(ends[1]);
        CHECK_EQ(pipe(ends), 0);
        CHECK_EQ(moirai_fd_wait(ends[1], POLLOUT, MOIRAI_NEVER), POLLOUT);
        CHECK_EQ(write(ends[1], "m", 1), 1);
        CHECK_EQ(moirai_fd_wait(ends[0], POLLIN, MOIRAI_NEVER), POLLIN);
        CHECK_EQ(read(ends[0], &byte, 1), 1);
        CHECK_EQ(moirai_fd_wait(ends[0], POLLIN, moirai_after(MOIRAI_US)),
                 -ETIMEDOUT);
        close(ends[0]);
        close(ends[1]);
    }
    return 0;
}

TEST(io, of_a_foreign_descriptor_is_not_mixed_up_with_an_older_one)
{
    with_each(reuse_number, NULL);
}

/* --- who waits for what --------------------------------------------------- */

struct watch {
    int fd;
    uint32_t events;
    int begun, got;
};

static int watch_one(void *arg)
{
    struct watch *watch = arg;

    with_add(&watch->begun, 1);
    with_set(&watch->got, moirai_fd_wait(watch->fd, watch->events,
                                         MOIRAI_NEVER));
    return 0;
}

/* Readers and writers of one socket, several each. */
static int watch_both_ways(void *arg)
{
    char full[4096] = { 0 };
    struct watch watches[6];
    struct moirai_scope scope;
    int ends[2];

    (void)arg;
    CHECK_EQ(moirai_socket_pair(SOCK_STREAM, ends), 0);
    while (moirai_send(ends[0], full, sizeof full, 0, MOIRAI_NOW) > 0)
        continue;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 6; i++) {
        watches[i] = (struct watch){ ends[0], i & 1 ? POLLIN : POLLOUT, 0, 0 };
        CHECK_EQ(moirai_spawn(&scope, watch_one, &watches[i]), 0);
    }
    for (int i = 0; i < 6; i++)
        while (!with_get(&watches[i].begun))
            moirai_yield();
    CHECK_EQ(moirai_send(ends[1], "r", 1, 0, MOIRAI_NEVER), 1);
    for (int i = 1; i < 6; i += 2)
        while (with_get(&watches[i].got) == 0)
            moirai_yield();
    for (int i = 0; i < 6; i += 2)
        CHECK_EQ(with_get(&watches[i].got), 0);
    while (moirai_recv(ends[1], full, sizeof full, 0, MOIRAI_NOW) > 0)
        continue;
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < 6; i++)
        CHECK_EQ(watches[i].got, i & 1 ? POLLIN : POLLOUT);
    close_pipe(ends);
    return 0;
}

TEST(io, of_several_each_way_all_hear)
{
    with_each(watch_both_ways, NULL);
    with_seeds(10, watch_both_ways, NULL);
}

static int sleep_often(void *arg)
{
    int *left = arg;

    while (with_add(left, -1) > 0)
        moirai_sleep_until(moirai_after(MOIRAI_MS / 8));
    return 0;
}

/* Workers sleep for timers and for descriptors at the same time. */
static int read_and_sleep(void *arg)
{
    struct moirai_scope scope;
    struct talk talks[4];
    int left = 200;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, sleep_often, &left), 0);
    for (int i = 0; i < 4; i++) {
        talks[i].rounds = 100;
        CHECK_EQ(moirai_spawn(&scope, ask, &talks[i]), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

TEST(io, and_timers_come_beside_each_other)
{
    with_each(read_and_sleep, NULL);
}

struct outside {
    struct moirai_chan *chan;
    int pipe;
};

static void *send_from_outside(void *arg)
{
    struct outside *out = arg;

    for (int i = 0; i < 200; i++) {
        CHECK_EQ(moirai_chan_send(out->chan, &i, MOIRAI_NEVER), 0);
        CHECK_EQ(write(out->pipe, &i, sizeof i), sizeof i);
    }
    return NULL;
}

/* A worker that sleeps in the backend is woken by threads, too. */
static int hear_both(void *arg)
{
    static const char *const one[] = { "capacity=1", NULL };
    static const struct moirai_elem elem = MOIRAI_ELEM(int);
    struct outside out;
    pthread_t thread;
    int ends[2];

    (void)arg;
    open_pipe(ends);
    CHECK_EQ(moirai_chan_make(NULL, "ring", one, &elem, &out.chan, NULL), 0);
    out.pipe = ends[1];
    CHECK_EQ(pthread_create(&thread, NULL, send_from_outside, &out), 0);
    for (int i = 0; i < 200; i++) {
        int got = -1;

        CHECK_EQ(moirai_chan_recv(out.chan, &got, MOIRAI_NEVER), 0);
        CHECK_EQ(got, i);
        CHECK_EQ(moirai_read_all(ends[0], &got, sizeof got, NULL,
                                 MOIRAI_NEVER), 0);
        CHECK_EQ(got, i);
    }
    pthread_join(thread, NULL);
    moirai_chan_put(out.chan);
    close_pipe(ends);
    return 0;
}

TEST(io, leaves_a_worker_that_waits_for_it_awake_to_others)
{
    with_each(hear_both, NULL);
}

/* --- in a dump ------------------------------------------------------------ */

struct ends {
    int empty[2], full[2];
};

static int read_empty(void *arg)
{
    char byte;

    return (int)moirai_read(((struct ends *)arg)->empty[0], &byte, 1,
                            MOIRAI_NEVER);
}

static int write_full(void *arg)
{
    return (int)moirai_write(((struct ends *)arg)->full[1], "", 1,
                             moirai_after(60 * MOIRAI_S));
}

static int poll_empty(void *arg)
{
    return moirai_fd_wait(((struct ends *)arg)->empty[0], POLLIN,
                          MOIRAI_NEVER);
}

/* What is locked at the moment is left out of a dump: so it is asked again. */
static void appears(struct moirai_runtime *rt, const char *format, int fd)
{
    static char text[1 << 16];
    char words[64];

    snprintf(words, sizeof words, format, fd);
    for (int i = 0; i < 100000; i++) {
        int file = memfd_create("dump", 0);
        ssize_t n;

        CHECK(file >= 0);
        moirai_dump(rt, file);
        n = pread(file, text, sizeof text - 1, 0);
        CHECK(n > 0);
        text[n] = '\0';
        close(file);
        if (strstr(text, words) != NULL)
            return;
        sched_yield();
    }
    check_fail(__FILE__, __LINE__, "\"%s\" is not in\n%s", words, text);
}

TEST(io, is_named_in_a_dump)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_scope scope;
    char bytes[4096] = "";
    struct ends e;

    open_pipe(e.empty);
    open_pipe(e.full);
    while (write(e.full[1], bytes, sizeof bytes) > 0)
        ;
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, read_empty, &e), 0);
    CHECK_EQ(moirai_spawn(&scope, write_full, &e), 0);
    CHECK_EQ(moirai_spawn(&scope, poll_empty, &e), 0);
    appears(rt, ": input: read of descriptor %d for ", e.empty[0]);
    appears(rt, ": output: write to descriptor %d for ", e.full[1]);
    appears(rt, ": input: event of descriptor %d for ", e.empty[0]);
    appears(rt, "the other end of it, or who closes it; or its deadline", 0);
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    close_pipe(e.empty);
    close_pipe(e.full);
    with_end(rt);
}
