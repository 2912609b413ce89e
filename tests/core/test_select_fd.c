/* SPDX-License-Identifier: MIT */
/*
 * test_select_fd.c - descriptors beside channels, clocks and events.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "pipes.h"
#include "talk.h"

#define IN(fd, come) MOIRAI_ON_FD((fd), POLLIN, (come))

static int64_t select_now(struct moirai_case *cases, size_t n)
{
    return moirai_select(cases, n, MOIRAI_NOW);
}

/* --- what a case says ----------------------------------------------------- */

static int tell_events(void *arg)
{
    int ends[2], come = 0;
    char byte = 1;

    (void)arg;
    open_pipe(ends);
    struct moirai_case cases[] = {
        IN(ends[0], &come), IN(-1, NULL),
        MOIRAI_ON_TIME(moirai_after(MOIRAI_MS)),
    };

    CHECK_EQ(select_now(cases, 2), -EAGAIN);
    CHECK_EQ(moirai_select(cases, 2, moirai_after(MOIRAI_MS)), -ETIMEDOUT);
    CHECK_EQ(moirai_select(cases, 3, MOIRAI_NEVER), 2);
    CHECK_EQ(moirai_write(ends[1], &byte, 1, MOIRAI_NEVER), 1);
    CHECK_EQ(moirai_select(cases, 2, MOIRAI_NEVER), 0);
    CHECK_EQ(cases[0].result, 0);
    CHECK_EQ(come, POLLIN);
    CHECK_EQ(moirai_read(ends[0], &byte, 1, MOIRAI_NEVER), 1);
    CHECK_EQ(select_now(cases, 2), -EAGAIN);
    CHECK_EQ(moirai_close(ends[1]), 0);
    CHECK_EQ(moirai_select(cases, 2, MOIRAI_NEVER), 0);
    CHECK_EQ(come, POLLHUP);
    CHECK_EQ(moirai_close(ends[0]), 0);
    CHECK_EQ(moirai_select(cases, 2, MOIRAI_NEVER), 0);
    CHECK_EQ(cases[0].result, -EBADF);
    return 0;
}

TEST(select_fd, says_which_events_have_come)
{
    with_each(tell_events, NULL);
    with_seeds(20, tell_events, NULL);
    CHECK_EQ(tell_events(NULL), 0);
}

static int write_room(void *arg)
{
    char bytes[4096] = "";
    int ends[2], come = 0;
    ssize_t n;

    (void)arg;
    open_pipe(ends);
    struct moirai_case cases[] = {
        MOIRAI_ON_FD(ends[1], POLLOUT, &come), IN(ends[0], NULL),
    };

    CHECK_EQ(select_now(cases, 1), 0);
    CHECK_EQ(come, POLLOUT);
    do
        n = write(ends[1], bytes, sizeof bytes);
    while (n > 0);
    CHECK_EQ(select_now(cases, 1), -EAGAIN);
    CHECK_EQ(select_now(cases, 2), 1);
    while (moirai_read(ends[0], bytes, sizeof bytes, MOIRAI_NOW) > 0)
        continue;
    CHECK_EQ(moirai_select(cases, 2, MOIRAI_NEVER), 0);
    close_pipe(ends);
    return 0;
}

TEST(select_fd, tells_one_way_from_the_other)
{
    with_one(2, write_room, NULL);
}

static int look_at_file(void *arg)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int come = 0;
    struct moirai_case cases[] = { IN(fd, &come) };

    (void)arg;
    CHECK_EQ(moirai_select(cases, 1, MOIRAI_NEVER), 0);
    CHECK(come & POLLIN);
    CHECK_EQ(moirai_close(fd), 0);
    return 0;
}

TEST(select_fd, finds_files_ready)
{
    with_one(1, look_at_file, NULL);
}

/* --- how a wait ends ------------------------------------------------------ */

struct ends {
    int pipe[2], other[2];
    int come;
    int done;
    int64_t told;
};

static int wait_for_pipes(void *arg)
{
    struct ends *e = arg;
    struct moirai_case cases[] = { IN(e->pipe[0], &e->come),
                                   IN(e->other[0], NULL),
                                   IN(e->pipe[0], NULL) };
    int64_t which = moirai_select(cases, 3, MOIRAI_NEVER);

    e->told = which < 0 ? which : cases[which].result;
    with_set(&e->done, 1);
    return 0;
}

/* The backend is there before: when it comes, it opens descriptors, which could
 * be of the number that has just been closed. */
static int close_awaited(void *arg)
{
    struct ends e = { .done = 0 };
    struct moirai_scope scope;

    (void)arg;
    open_pipe(e.pipe);
    open_pipe(e.other);
    CHECK_EQ(moirai_fd_wait(e.pipe[0], POLLIN, moirai_after(1)), -ETIMEDOUT);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, wait_for_pipes, &e), 0);
    moirai_sleep_until(moirai_after(2 * MOIRAI_MS));
    CHECK_EQ(moirai_close(e.pipe[0]), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_FMT(e.told == -ECANCELED || e.told == -EBADF, "told %d",
              (int)e.told);
    CHECK_EQ(moirai_close(e.pipe[1]), 0);
    close_pipe(e.other);
    return 0;
}

TEST(select_fd, ends_for_who_waits_when_it_is_closed)
{
    with_each(close_awaited, NULL);
    with_seeds(20, close_awaited, NULL);
}

static int cancel_waiting(void *arg)
{
    struct ends e = { .done = 0 };
    struct moirai_scope scope;

    (void)arg;
    open_pipe(e.pipe);
    open_pipe(e.other);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, wait_for_pipes, &e), 0);
    moirai_sleep_until(moirai_after(MOIRAI_MS));
    moirai_scope_cancel(&scope);
    moirai_scope_end(&scope);
    CHECK_EQ(e.done == 0 || e.told == -ECANCELED, 1);
    close_pipe(e.pipe);
    close_pipe(e.other);
    return 0;
}

TEST(select_fd, is_cancelled)
{
    with_each(cancel_waiting, NULL);
    with_seeds(50, cancel_waiting, NULL);
}

/* --- many, and mixed ------------------------------------------------------ */

#define PIPES 10                    /* more than a select has room for */
#define BYTES 50                    /* through each */

struct many {
    int ends[PIPES][2];
    int next;
};

static int write_some(void *arg)
{
    struct many *m = arg;
    int own = __atomic_fetch_add(&m->next, 1, __ATOMIC_RELAXED);
    char byte = (char)own;

    for (int i = 0; i < BYTES; i++) {
        CHECK_EQ(moirai_write(m->ends[own][1], &byte, 1, MOIRAI_NEVER), 1);
        if (i % 7 == 0)
            moirai_yield();
    }
    return moirai_close(m->ends[own][1]);
}

static int read_from_all(void *arg)
{
    struct many m = { .next = 0 };
    struct moirai_case cases[PIPES];
    struct moirai_scope scope;
    int left = PIPES, bytes = 0;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < PIPES; i++)
        open_pipe(m.ends[i]);
    for (int i = 0; i < PIPES; i++) {
        cases[i] = (struct moirai_case)IN(m.ends[i][0], NULL);
        CHECK_EQ(moirai_spawn(&scope, write_some, &m), 0);
    }
    while (left > 0) {
        int64_t i = moirai_select(cases, PIPES, MOIRAI_NEVER);
        char byte = -1;

        CHECK(i >= 0 && cases[i].result == 0);
        if (moirai_read(m.ends[i][0], &byte, 1, MOIRAI_NOW) == 1) {
            CHECK_EQ(byte, (char)i);
            bytes++;
            continue;
        }
        CHECK_EQ(moirai_close(m.ends[i][0]), 0);
        cases[i].kind = MOIRAI_CASE_OFF;
        left--;
    }
    CHECK_EQ(bytes, PIPES * BYTES);
    return moirai_scope_end(&scope);
}

TEST(select_fd, hears_of_many)
{
    with_each(read_from_all, NULL);
    with_seeds(5, read_from_all, NULL);
}

#define ROUNDS 300

struct mixed {
    struct moirai_chan *chan;
    int ends[2];
};

static int send_all(void *arg)
{
    struct mixed *m = arg;

    for (int i = 0; i < ROUNDS; i++)
        CHECK_EQ(talk_send(m->chan, i, MOIRAI_NEVER), 0);
    return 0;
}

static int write_all(void *arg)
{
    struct mixed *m = arg;
    char byte = 0;

    for (int i = 0; i < ROUNDS; i++) {
        CHECK_EQ(moirai_write(m->ends[1], &byte, 1, MOIRAI_NEVER), 1);
        moirai_yield();
    }
    return 0;
}

/* Neither takes what is the other's, and none is lost. */
static int hear_both(void *arg)
{
    struct mixed m = { .chan = talk_ring_of_ints(NULL, 1) };
    struct moirai_scope scope;
    int64_t value, expected = 0;
    int bytes = 0;
    char byte;

    (void)arg;
    open_pipe(m.ends);
    struct moirai_case cases[] = { MOIRAI_ON_RECV(m.chan, &value),
                                   IN(m.ends[0], NULL) };

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, send_all, &m), 0);
    CHECK_EQ(moirai_spawn(&scope, write_all, &m), 0);
    while (expected + bytes < 2 * ROUNDS) {
        int64_t which = moirai_select(cases, 2, MOIRAI_NEVER);

        CHECK(which >= 0 && cases[which].result == 0);
        if (which == 0)
            CHECK_EQ(value, expected++);
        else
            bytes += (int)moirai_read(m.ends[0], &byte, 1, MOIRAI_NOW);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(expected, ROUNDS);
    CHECK_EQ(bytes, ROUNDS);
    close_pipe(m.ends);
    CHECK_EQ(moirai_chan_close(m.chan), 0);
    moirai_chan_put(m.chan);
    return 0;
}

TEST(select_fd, goes_with_channels)
{
    with_each(hear_both, NULL);
    with_seeds(10, hear_both, NULL);
}
