/* SPDX-License-Identifier: MIT */
/*
 * io_connect.c - the promises of include/moirai/io_ops.h: accepting and
 * connecting.
 */
#include "io_rig.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>

struct listener {
    struct sockaddr_storage address;
    socklen_t size;
    int fd;
};

static void listener_open(struct listener *l, int backlog)
{
    l->fd = tcp_listen(&l->address, &l->size, backlog);
}

static void call_connect(struct call *call, int fd, struct listener *l)
{
    call_plain(call, MOIRAI_IO_CONNECT, fd);
    call->request.address = (struct sockaddr *)&l->address;
    call->request.address_size = &l->size;
}

static void check_connected(int64_t told)
{
    HOLDS(told == 0, "a connect was told %lld", (long long)told);
}

static void check_accepted(int64_t told)
{
    int fd = (int)told;

    HOLDS(told >= 0, "an accept was told %lld", (long long)told);
    HOLDS((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, "an accepted descriptor "
          "blocks");
    HOLDS((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "an accepted descriptor "
          "would be inherited by other programs");
}

static void greet(struct io_rig *rig, int a, int b)
{
    char bytes[4];

    HOLDS(io_send(rig, a, "ping", 4) == 4 && io_recv(rig, b, bytes, 4) == 4
          && memcmp(bytes, "ping", 4) == 0, "what was connected does not "
          "speak with what was accepted");
}

#define ACCEPTS 30

PROMISE(io_accepts_and_connects,
        "Each connect meets an accept; what that gives does not block, and "
        "knows its peer.")
{
    struct call accepts[ACCEPTS], connects[ACCEPTS];
    struct sockaddr_in peers[ACCEPTS];
    socklen_t sizes[ACCEPTS];
    struct listener l;
    struct io_rig rig;

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    listener_open(&l, ACCEPTS);
    for (int i = 0; i < ACCEPTS; i++) {
        sizes[i] = sizeof peers[i];
        call_plain(&accepts[i], MOIRAI_IO_ACCEPT, l.fd);
        accepts[i].request.address = (struct sockaddr *)&peers[i];
        accepts[i].request.address_size = &sizes[i];
        io_begin(&rig, 0, &accepts[i]);
    }
    io_settle(&rig);
    for (int i = 0; i < ACCEPTS; i++) {
        struct sockaddr_in own;
        socklen_t size = sizeof own;
        int fd = tcp_socket();

        HOLDS(!is_told(&accepts[i]), "an accept ended before a connect began");
        call_connect(&connects[i], fd, &l);
        check_connected(io_do(&rig, &connects[i], "a connect"));
        check_accepted(io_finish(&accepts[i], "an accept"));
        getsockname(fd, (struct sockaddr *)&own, &size);
        HOLDS(sizes[i] == size && peers[i].sin_port == own.sin_port,
              "accept does not say who connects");
        greet(&rig, fd, (int)accepts[i].result);
        io_forget(&rig, 0, fd, true);
        io_forget(&rig, 0, (int)accepts[i].result, true);
    }
    io_forget(&rig, 0, l.fd, true);
    io_close(&rig);
}

PROMISE(io_tells_refusals,
        "A connect to where nobody listens is told -ECONNREFUSED.")
{
    struct listener l;
    struct io_rig rig;

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    listener_open(&l, 1);
    close(l.fd);
    for (int i = 0; i < 5; i++) {
        int fd = tcp_socket();
        struct call call;
        int64_t n;

        call_connect(&call, fd, &l);
        n = io_do(&rig, &call, "a connect that is refused");
        HOLDS(n == -ECONNREFUSED, "a connect that is refused was told %lld",
              (long long)n);
        io_forget(&rig, 0, fd, true);
    }
    io_close(&rig);
}

/* Sockets whose connect waits, as there are enough in the listener's queue. */
static int stall(struct io_rig *rig, struct listener *l, struct call *calls,
                 int n)
{
    int waiting = 0;

    for (int i = 0; i < n; i++) {
        call_connect(&calls[i], tcp_socket(), l);
        io_begin(rig, 0, &calls[i]);
    }
    for (int i = 0; i < 10; i++)
        io_wait(rig, 0, 0.005);
    for (int i = 0; i < n; i++)
        waiting += !is_told(&calls[i]);
    return waiting;
}

#define STALLED 8

PROMISE(io_cancels_connects,
        "A connect that nobody answers is cancelled, or ends when its "
        "descriptor is forgotten.")
{
    struct call calls[STALLED];
    struct listener l;
    struct io_rig rig;
    int waiting;

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    listener_open(&l, 0);
    waiting = stall(&rig, &l, calls, STALLED);
    for (int i = 0; i < STALLED; i++) {
        bool waits = !is_told(&calls[i]);
        int64_t n;

        if (waits && i % 2 == 0)
            io_cancel(&rig, 0, &calls[i]);
        io_forget(&rig, 0, calls[i].request.fd, true);
        n = io_finish(&calls[i], "a connect that is cancelled");
        HOLDS(n == 0 || n == -ECANCELED, "a connect that is cancelled was told "
              "%lld", (long long)n);
    }
    io_forget(&rig, 0, l.fd, true);
    io_close(&rig);
    if (waiting == 0)
        conformance_waive("here every connect is answered");
}

/* From now on no descriptor can be had; returns the limit that there was. */
static struct rlimit use_up(void)
{
    struct rlimit before, none;
    int next = dup(0);

    NEEDS(next >= 0 && getrlimit(RLIMIT_NOFILE, &before) == 0,
          "no descriptor: %s", strerror(errno));
    close(next);
    none = (struct rlimit){ (rlim_t)next, before.rlim_max };
    NEEDS(setrlimit(RLIMIT_NOFILE, &none) == 0, "no limit: %s",
          strerror(errno));
    return before;
}

PROMISE(io_survives_too_many_descriptors,
        "Without a descriptor left accept is told -EMFILE; later it goes on.")
{
    struct call call, connected;
    struct rlimit before;
    struct listener l;
    struct io_rig rig;
    int64_t n;
    int fd;

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    listener_open(&l, 8);
    fd = tcp_socket();
    before = use_up();
    call_plain(&call, MOIRAI_IO_ACCEPT, l.fd);
    io_begin(&rig, 0, &call);
    io_settle(&rig);
    call_connect(&connected, fd, &l);
    check_connected(io_do(&rig, &connected, "a connect"));
    n = io_finish(&call, "an accept");
    setrlimit(RLIMIT_NOFILE, &before);
    HOLDS(n == -EMFILE, "without a descriptor left accept was told %lld",
          (long long)n);
    call_plain(&call, MOIRAI_IO_ACCEPT, l.fd);
    n = io_do(&rig, &call, "an accept after descriptors had run out");
    check_accepted(n);
    greet(&rig, fd, (int)n);
    io_forget(&rig, 0, (int)n, true);
    io_forget(&rig, 0, fd, true);
    io_forget(&rig, 0, l.fd, true);
    io_close(&rig);
}
