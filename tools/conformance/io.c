/* SPDX-License-Identifier: MIT */
/*
 * io.c - the promises of include/moirai/io_ops.h: starting, and the operations
 * on descriptors that can be polled.
 */
#include "io_rig.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>

PROMISE(io_starts, "With memory it starts, and `fini` gives all back.")
{
    conformance_starts(subject, io_start);
}

PROMISE(io_init_fails_cleanly,
        "`init` without memory says so, and leaves nothing.")
{
    conformance_fails_cleanly(subject, io_start);
}

/* --- polls ---------------------------------------------------------------- */

static void check_events(int64_t told, uint32_t wanted, const char *what)
{
    HOLDS(told > 0 && ((uint64_t)told & wanted) == wanted, "%s, and a poll is "
          "told %#llx", what, (unsigned long long)told);
}

PROMISE(io_poll_tells_readiness,
        "A poll ends when its event is there, not before, and at once if it "
        "is.")
{
    struct io_rig rig;
    struct call call;
    char byte;
    int pair[2];

    io_open(&rig, subject, 1);
    pair_local(pair);
    for (int round = 0; round < 3; round++) {
        call_poll(&call, pair[0], POLLIN);
        io_begin(&rig, 0, &call);
        io_settle(&rig);
        HOLDS(!is_told(&call), "a poll for input ended without any");
        NEEDS(write(pair[1], "x", 1) == 1, "a socket takes no byte");
        check_events(io_finish(&call, "a poll for input"), POLLIN,
                     "there is input");
        call_poll(&call, pair[0], POLLIN | POLLOUT);
        check_events(io_do(&rig, &call, "a poll for all that is there"),
                     POLLIN | POLLOUT, "there is input and room");
        NEEDS(read(pair[0], &byte, 1) == 1, "a socket gives no byte");
    }
    io_forget(&rig, 0, pair[0], true);
    close(pair[1]);
    io_close(&rig);
}

#define POLLS 20

PROMISE(io_poll_has_many_waiters,
        "Any number of polls wait on one descriptor, for either direction.")
{
    struct call in[POLLS], out[POLLS];
    char bytes[4096] = { 0 };
    struct io_rig rig;
    int pair[2];

    io_open(&rig, subject, 1);
    pair_local(pair);
    while (write(pair[0], bytes, sizeof bytes) > 0)
        continue;
    for (int i = 0; i < POLLS; i++) {
        call_poll(&in[i], pair[0], POLLIN);
        call_poll(&out[i], pair[0], POLLOUT);
        io_begin(&rig, 0, &in[i]);
        io_begin(&rig, 0, &out[i]);
    }
    NEEDS(write(pair[1], "x", 1) == 1, "a socket takes no byte");
    for (int i = 0; i < POLLS; i++) {
        check_events(io_finish(&in[i], "a poll for input"), POLLIN,
                     "there is input");
        HOLDS(!is_told(&out[i]), "a poll for room ended without any");
    }
    while (read(pair[1], bytes, sizeof bytes) > 0)
        continue;
    for (int i = 0; i < POLLS; i++)
        check_events(io_finish(&out[i], "a poll for room"), POLLOUT,
                     "there is room");
    io_forget(&rig, 0, pair[0], true);
    close(pair[1]);
    io_close(&rig);
}

PROMISE(io_poll_tells_the_end,
        "Polls end when the peer hangs up, whatever they wait for.")
{
    const uint32_t events[] = { 0, POLLRDHUP, POLLIN };
    struct call calls[3];
    struct io_rig rig;
    int pair[2];

    io_open(&rig, subject, 1);
    pair_local(pair);
    for (int i = 0; i < 3; i++) {
        call_poll(&calls[i], pair[0], events[i]);
        io_begin(&rig, 0, &calls[i]);
    }
    io_settle(&rig);
    for (int i = 0; i < 3; i++)
        HOLDS(!is_told(&calls[i]), "a poll ended while nothing had happened");
    close(pair[1]);
    for (int i = 0; i < 3; i++)
        check_events(io_finish(&calls[i], "a poll whose peer hangs up"),
                     events[i], "the peer hung up");
    check_events(calls[0].result, POLLHUP, "the peer hung up");
    io_forget(&rig, 0, pair[0], true);
    io_close(&rig);
}

/* --- reading and writing -------------------------------------------------- */

/* Where a write may raise SIGPIPE, the core has it blocked. */
static void block_sigpipe(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int64_t move(struct io_rig *rig, uint32_t op, int fd, void *bytes,
                    size_t n)
{
    struct call call;

    call_move(&call, op, fd, bytes, n);
    return io_do(rig, &call, op == MOIRAI_IO_READ ? "a read" : "a write");
}

/* Writes until a write waits, then reads all of it. */
static void fill_and_drain(struct io_rig *rig, const int ends[2], char *bytes,
                           size_t size)
{
    struct call call;
    int64_t n = 0;

    for (;;) {
        call_move(&call, MOIRAI_IO_WRITE, ends[1], bytes, size);
        io_begin(rig, 0, &call);
        io_settle(rig);
        if (!is_told(&call))
            break;
        HOLDS(call.result > 0 && n < (1 << 24), "a write to a pipe with %lld "
              "bytes in it was told %lld", (long long)n,
              (long long)call.result);
        n += call.result;
    }
    while (n > 0) {
        int64_t moved = move(rig, MOIRAI_IO_READ, ends[0], bytes, size);

        HOLDS(moved > 0, "a read of a pipe was told %lld", (long long)moved);
        n -= moved;
        if (n == 0 && call.rig != NULL) {
            n = io_finish(&call, "a write to a pipe that was full");
            HOLDS(n > 0, "a write to a pipe that was full was told %lld",
                  (long long)n);
            call.rig = NULL;
        }
    }
}

static void try_pipe(struct io_rig *rig, int ends[2])
{
    char bytes[70000] = { 0 };
    struct call call;
    int64_t moved;

    call_move(&call, MOIRAI_IO_READ, ends[0], bytes, 10);
    io_begin(rig, 0, &call);
    io_settle(rig);
    HOLDS(!is_told(&call), "a read of an empty pipe ended");
    moved = move(rig, MOIRAI_IO_WRITE, ends[1], "hello", 5);
    HOLDS(moved == 5, "a write of 5 bytes to an empty pipe was told %lld",
          (long long)moved);
    moved = io_finish(&call, "a read of a pipe");
    HOLDS(moved == 5 && memcmp(bytes, "hello", 5) == 0,
          "a read of 5 bytes was told %lld", (long long)moved);
    fill_and_drain(rig, ends, bytes, sizeof bytes);
}

PROMISE(io_reads_and_writes_pipes,
        "Reads and writes of pipes wait, end in parts, and hear of the end.")
{
    struct io_rig rig;
    char byte;
    int ends[2];
    int64_t n;

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    block_sigpipe();
    io_open(&rig, subject, 1);
    pipe_open(ends);
    try_pipe(&rig, ends);
    io_forget(&rig, 0, ends[1], true);
    for (int i = 0; i < 2; i++) {
        n = move(&rig, MOIRAI_IO_READ, ends[0], &byte, 1);
        HOLDS(n == 0, "at the end of a pipe a read was told %lld",
              (long long)n);
    }
    io_forget(&rig, 0, ends[0], true);
    pipe_open(ends);
    io_forget(&rig, 0, ends[0], true);
    n = move(&rig, MOIRAI_IO_WRITE, ends[1], "x", 1);
    HOLDS(n == -EPIPE, "a write that nobody can read was told %lld",
          (long long)n);
    io_forget(&rig, 0, ends[1], true);
    io_close(&rig);
}

static int open_terminal(int *master)
{
    int slave;

    *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    NEEDS(*master >= 0 && grantpt(*master) == 0 && unlockpt(*master) == 0,
          "no terminal: %s", strerror(errno));
    slave = open(ptsname(*master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    NEEDS(slave >= 0, "no terminal: %s", strerror(errno));
    nonblocking(*master);
    nonblocking(slave);
    return slave;
}

PROMISE(io_reads_terminals, "A terminal is read line by line.")
{
    const char text[] = "one\ntwo\nthree\n";
    struct io_rig rig;
    struct call call;
    char line[100];
    int64_t n;
    int master, slave;

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    slave = open_terminal(&master);
    call_move(&call, MOIRAI_IO_READ, slave, line, sizeof line);
    io_begin(&rig, 0, &call);
    io_settle(&rig);
    HOLDS(!is_told(&call), "a read ended before a line was there");
    n = move(&rig, MOIRAI_IO_WRITE, master, (char *)text, strlen(text));
    HOLDS(n == (int64_t)strlen(text), "a write to a terminal was told %lld",
          (long long)n);
    n = io_finish(&call, "a read of a terminal");
    HOLDS(n == 4, "a line of 4 bytes was told %lld", (long long)n);
    n = move(&rig, MOIRAI_IO_READ, slave, line, sizeof line);
    HOLDS(n == 4, "a line of 4 bytes was told %lld", (long long)n);
    n = move(&rig, MOIRAI_IO_READ, slave, line, sizeof line);
    HOLDS(n == 6, "a line of 6 bytes was told %lld", (long long)n);
    io_forget(&rig, 0, slave, true);
    io_forget(&rig, 0, master, true);
    io_close(&rig);
}

/* --- files ---------------------------------------------------------------- */

static int temporary(void)
{
    char path[] = "/tmp/moirai-io-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);

    NEEDS(fd >= 0, "no file in /tmp: %s", strerror(errno));
    unlink(path);
    return fd;
}

static void check_refusal(struct io_rig *rig, struct call *call)
{
    int rc = io_submit(rig, 0, call);

    if (rc == 0)
        io_finish(call, "what is not refused");
    HOLDS(rc == -EOPNOTSUPP || rc == -ENOSYS || is_told(call),
          "of operation %u on a file submit says %d",
          (unsigned)call->request.op, rc);
}

PROMISE(io_refuses_what_it_cannot,
        "What it cannot do submit answers with -EOPNOTSUPP or -ENOSYS.")
{
    struct io_rig rig;
    struct call call;
    char byte = 'x';
    int fd;
    int rc;

    io_open(&rig, subject, 1);
    fd = temporary();
    call_plain(&call, 10000, fd);
    rc = io_submit(&rig, 0, &call);
    HOLDS(rc == -EOPNOTSUPP || rc == -ENOSYS, "of an operation that nobody "
          "knows submit says %d", rc);
    call_move(&call, MOIRAI_IO_WRITE, fd, &byte, 1);
    check_refusal(&rig, &call);
    call_move(&call, MOIRAI_IO_READ, fd, &byte, 1);
    check_refusal(&rig, &call);
    call_plain(&call, MOIRAI_IO_FSYNC, fd);
    check_refusal(&rig, &call);
    io_forget(&rig, 0, fd, true);
    io_close(&rig);
}

PROMISE(io_refuses_no_descriptor,
        "A number that is no descriptor is -EBADF, of any operation.")
{
    const uint32_t ops[] = { MOIRAI_IO_POLL, MOIRAI_IO_READ, MOIRAI_IO_RECV,
                             MOIRAI_IO_SEND, MOIRAI_IO_ACCEPT };
    const int numbers[] = { -1, 1000 };
    struct io_rig rig;
    char byte;

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    for (int i = 0; i < 10; i++) {
        struct call call;
        int64_t n;

        call_move(&call, ops[i % 5], numbers[i / 5], &byte, 1);
        n = io_submit(&rig, 0, &call);
        if (n == 0)
            n = io_finish(&call, "a request on no descriptor");
        HOLDS(n == -EBADF, "operation %u on no descriptor: %lld",
              (unsigned)ops[i % 5], (long long)n);
    }
    io_close(&rig);
}

static void read_and_write(struct io_rig *rig, int fd)
{
    char bytes[10] = { 0 };
    struct call call;
    int64_t n = move(rig, MOIRAI_IO_WRITE, fd, "0123456789", 10);

    HOLDS(n == 10, "a write to a file was told %lld", (long long)n);
    n = move(rig, MOIRAI_IO_READ, fd, bytes, 10);
    HOLDS(n == 0, "a read at the end of a file was told %lld", (long long)n);
    call_move(&call, MOIRAI_IO_READ, fd, bytes, 4);
    call.request.offset = 3;
    n = io_do(rig, &call, "a read of a file");
    HOLDS(n == 4 && memcmp(bytes, "3456", 4) == 0, "a read of 4 bytes at 3 was "
          "told %lld: \"%.4s\"", (long long)n, bytes);
    call_move(&call, MOIRAI_IO_WRITE, fd, "xy", 2);
    call.request.offset = 8;
    n = io_do(rig, &call, "a write to a file");
    HOLDS(n == 2 && pread(fd, bytes, 10, 0) == 10
          && memcmp(bytes, "01234567xy", 10) == 0, "a write of 2 bytes at 8 "
          "was told %lld: \"%.10s\"", (long long)n, bytes);
}

PROMISE(io_reads_and_writes_files,
        "Files are read and written, at an offset or where they are.")
{
    struct io_rig rig;
    int fd;

    if (!io_has(subject, MOIRAI_IO_FILES))
        return;
    io_open(&rig, subject, 1);
    fd = temporary();
    read_and_write(&rig, fd);
    io_forget(&rig, 0, fd, true);
    io_close(&rig);
}
