/* SPDX-License-Identifier: MIT */
/*
 * io_end.c - the promises of include/moirai/io_ops.h: cancelling requests and
 * forgetting descriptors.
 */
#include "io_rig.h"

#include <fcntl.h>

#define MANY 20

static void check_cancelled(struct call *call, const char *what)
{
    int64_t n = io_finish(call, what);

    HOLDS(n == -ECANCELED, "%s was told %lld", what, (long long)n);
}

PROMISE(io_cancels_what_waits,
        "A cancelled request is told -ECANCELED, those around it go on, and no "
        "byte is lost.")
{
    struct call calls[MANY];
    char bytes[MANY];
    struct io_rig rig;
    int pair[2];

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 2);
    pair_tcp(pair);
    io_begin_receives(&rig, 1, pair[0], calls, bytes, MANY);
    io_settle(&rig);
    for (int i = 0; i < MANY; i += 2)
        io_cancel(&rig, (uint32_t)i / 2 % 2, &calls[i]);
    for (int i = 0; i < MANY; i += 2)
        check_cancelled(&calls[i], "a receive that was cancelled");
    NEEDS(write(pair[1], "abcdefghij", MANY / 2) == MANY / 2,
          "a socket takes no bytes");
    for (int i = 1; i < MANY; i += 2) {
        int64_t n = io_finish(&calls[i], "a receive behind a cancelled one");

        HOLDS(n == 1 && bytes[i] == 'a' + i / 2, "behind a cancelled receive "
              "one was told %lld, and has '%c'", (long long)n, bytes[i]);
    }
    io_forget(&rig, 0, pair[0], true);
    close(pair[1]);
    io_close(&rig);
}

PROMISE(io_cancels_polls,
        "A cancelled poll is told -ECANCELED, others wait on.")
{
    struct call calls[3];
    struct io_rig rig;
    int pair[2];
    int64_t n;

    io_open(&rig, subject, 1);
    pair_local(pair);
    for (int i = 0; i < 3; i++) {
        call_poll(&calls[i], pair[0], POLLIN);
        io_begin(&rig, 0, &calls[i]);
    }
    io_cancel(&rig, 0, &calls[1]);
    check_cancelled(&calls[1], "a poll that was cancelled");
    HOLDS(!is_told(&calls[0]) && !is_told(&calls[2]), "a cancel ended another "
          "request");
    NEEDS(write(pair[1], "x", 1) == 1, "a socket takes no byte");
    for (int i = 0; i < 3; i += 2) {
        n = io_finish(&calls[i], "a poll beside a cancelled one");
        HOLDS(n > 0 && (n & POLLIN) != 0, "a poll beside a cancelled one was "
              "told %lld", (long long)n);
    }
    io_forget(&rig, 0, pair[0], true);
    close(pair[1]);
    io_close(&rig);
}

PROMISE(io_cancel_after_the_end, "A cancel that is too late does nothing.")
{
    struct io_rig rig;
    struct call call;
    char byte;
    int pair[2];

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    pair_local(pair);
    for (int round = 0; round < 20; round++) {
        int64_t n;

        call_move(&call, MOIRAI_IO_RECV, pair[0], &byte, 1);
        io_begin(&rig, 0, &call);
        NEEDS(write(pair[1], "x", 1) == 1, "a socket takes no byte");
        n = io_finish(&call, "a receive");
        io_cancel(&rig, 0, &call);
        io_settle(&rig);
        HOLDS(n == 1 && atomic_load(&call.told) == 1, "a receive was told "
              "%lld, and %d times with a late cancel", (long long)n,
              atomic_load(&call.told));
    }
    io_forget(&rig, 0, pair[0], true);
    close(pair[1]);
    io_close(&rig);
}

/* --- forgetting ----------------------------------------------------------- */

struct crowd {                      /* of requests on one descriptor */
    struct call calls[4];
    char bytes[2];
};

static void crowd_begin(struct crowd *crowd, struct io_rig *rig, int fd)
{
    call_poll(&crowd->calls[0], fd, POLLIN);
    call_poll(&crowd->calls[1], fd, POLLRDHUP);
    call_move(&crowd->calls[2], MOIRAI_IO_RECV, fd, &crowd->bytes[0], 1);
    call_move(&crowd->calls[3], MOIRAI_IO_RECV, fd, &crowd->bytes[1], 1);
    for (uint32_t i = 0; i < 4; i++)
        io_begin(rig, i % rig->workers, &crowd->calls[i]);
}

static void crowd_end(struct crowd *crowd)
{
    for (int i = 0; i < 4; i++)
        check_cancelled(&crowd->calls[i], "a request whose descriptor was "
                        "forgotten");
}

PROMISE(io_forget_ends_requests,
        "When a descriptor is forgotten its requests end -ECANCELED, and it "
        "stays open.")
{
    struct crowd crowd;
    struct io_rig rig;
    int pair[2];
    char byte;
    int rc;

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 2);
    pair_tcp(pair);
    crowd_begin(&crowd, &rig, pair[0]);
    io_settle(&rig);
    rc = io_forget(&rig, 0, pair[0], false);
    HOLDS(rc == 0, "forget returned %d", rc);
    crowd_end(&crowd);
    HOLDS(fcntl(pair[0], F_GETFD) >= 0, "forget closed a descriptor that it "
          "was not to close");
    NEEDS(write(pair[1], "x", 1) == 1, "a socket takes no byte");
    HOLDS(io_recv(&rig, pair[0], &byte, 1) == 1, "what was forgotten cannot "
          "be used again");
    io_forget(&rig, 0, pair[0], false);
    close(pair[0]);
    close(pair[1]);
    io_close(&rig);
}

PROMISE(io_forget_closes,
        "If asked to, forget closes, and says what close said.")
{
    struct crowd crowd;
    struct io_rig rig;
    int pair[2];
    int rc;

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 2);
    pair_tcp(pair);
    crowd_begin(&crowd, &rig, pair[0]);
    io_settle(&rig);
    rc = io_forget(&rig, 1, pair[0], true);
    HOLDS(rc == 0, "forget, which was to close, returned %d", rc);
    crowd_end(&crowd);
    io_settle(&rig);
    HOLDS(fcntl(pair[0], F_GETFD) < 0, "forget did not close");
    rc = io_forget(&rig, 1, pair[1], true);     /* that it never saw */
    HOLDS(rc == 0 && fcntl(pair[1], F_GETFD) < 0,
          "forget did not close a descriptor that it had never seen: %d", rc);
    rc = io_forget(&rig, 0, pair[1], true);
    HOLDS(rc == -EBADF, "forget of a descriptor that is closed returned %d",
          rc);
    io_close(&rig);
}

/* Nothing of the descriptor that had the number before reaches the new one. */
static void check_fresh(struct io_rig *rig, int fd, int peer)
{
    struct call poll, recv;
    char byte = 0;

    call_poll(&poll, fd, POLLIN | POLLRDHUP);
    call_move(&recv, MOIRAI_IO_RECV, fd, &byte, 1);
    io_begin(rig, 0, &poll);
    io_begin(rig, 0, &recv);
    io_settle(rig);
    HOLDS(!is_told(&poll) && !is_told(&recv), "what the descriptor reported "
          "that had this number before ended a request of the new one");
    NEEDS(write(peer, "y", 1) == 1, "a socket takes no byte");
    HOLDS(io_finish(&recv, "a receive on a number that was used before") == 1
          && byte == 'y', "a receive on a number that was used before has "
          "other bytes");
    HOLDS(io_finish(&poll, "a poll on a number that was used before") > 0,
          "a poll on a number that was used before was told %lld",
          (long long)poll.result);
}

PROMISE(io_numbers_are_used_again,
        "A descriptor that gets the number of a closed one has nothing of it.")
{
    struct io_rig rig;

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    for (int round = 0; round < 50; round++) {
        struct crowd crowd;
        int before[2], pair[2];

        (round % 2 == 0 ? pair_tcp : pair_local)(before);
        crowd_begin(&crowd, &rig, before[0]);
        io_settle(&rig);
        if (round % 3 == 0) {       /* has something to report, not yet said */
            NEEDS(write(before[1], "x", 1) == 1, "a socket takes no byte");
            close(before[1]);
        }
        io_forget(&rig, 0, before[0], true);
        (round % 2 == 0 ? pair_local : pair_tcp)(pair);
        check_fresh(&rig, pair[0], pair[1]);
        for (int i = 0; i < 4; i++)
            io_finish(&crowd.calls[i], "a request that was forgotten");
        io_forget(&rig, 0, pair[0], true);
        close(pair[1]);
        if (round % 3 != 0)
            close(before[1]);
    }
    io_close(&rig);
}

PROMISE(io_copies_report_nothing,
        "A forgotten descriptor reports nothing any more, though a copy of it "
        "is open.")
{
    struct io_rig rig;
    struct call call;
    int pair[2];
    int copy;

    io_open(&rig, subject, 1);
    pair_local(pair);
    call_poll(&call, pair[0], POLLIN);
    io_begin(&rig, 0, &call);
    io_settle(&rig);
    copy = dup(pair[0]);
    io_forget(&rig, 0, pair[0], true);
    check_cancelled(&call, "a request whose descriptor was forgotten");
    NEEDS(write(pair[1], "x", 1) == 1, "a socket takes no byte");
    io_settle(&rig);
    call_poll(&call, copy, POLLIN);
    HOLDS(io_do(&rig, &call, "a poll on a copy") > 0, "a poll on a copy was "
          "told %lld", (long long)call.result);
    io_forget(&rig, 0, copy, true);
    close(pair[1]);
    io_close(&rig);
}
