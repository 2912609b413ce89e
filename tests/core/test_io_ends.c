/* SPDX-License-Identifier: MIT */
/*
 * test_io_ends.c - every call of io.h and net.h that waits ends as it is told:
 * cancelled before and during its wait, by a deadline that has passed or that
 * passes, by who closes what it waits for; and has moved nothing then.
 *
 * The calls are a table. A function of the headers that is not in it fails the
 * last test, which reads them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"
#include "listen.h"
#include "with.h"

/* --- what makes a call wait ----------------------------------------------- */

struct place {
    int fd;                         /* that is waited for */
    int other;                      /* its other end, or -1 */
    int64_t moved;                  /* through fd, to fill it */
    int kept[2];                    /* connections that fill a queue */
    char where[MOIRAI_ADDRESS_SIZE];
    struct sockaddr_storage address;
    struct moirai_reader reader;
    char memory[64];
    int64_t (*call)(struct place *place, int64_t deadline_ns);
    int64_t deadline_ns;
    bool late;                      /* called when it is cancelled already */
    int begun;
    int64_t result;
};

static void pair(struct place *p, int type)
{
    int ends[2];

    CHECK_EQ(moirai_socket_pair(type, ends), 0);
    p->fd = ends[0];
    p->other = ends[1];
}

static void make_empty(struct place *p)
{
    pair(p, SOCK_STREAM);
    moirai_reader_init(&p->reader, p->fd, p->memory, sizeof p->memory);
}

static void make_full(struct place *p)
{
    static char bytes[4096];
    int64_t n;

    pair(p, SOCK_STREAM);
    while ((n = moirai_send(p->fd, bytes, sizeof bytes, 0, MOIRAI_NOW)) > 0)
        p->moved += n;
    CHECK_EQ(n, -EAGAIN);
}

/* Datagrams to a name, as many as it takes. */
static void make_post(struct place *p)
{
    snprintf(p->where, sizeof p->where, "unix:@ends-%d", getpid());
    p->other = moirai_datagram(p->where, NULL, NULL);
    CHECK(p->other >= 0);
    CHECK_EQ(moirai_address_read(p->where, &p->address), 0);
    strcat(p->where, "-from");
    p->fd = moirai_datagram(p->where, NULL, NULL);
    CHECK(p->fd >= 0);
    while (moirai_send_to(p->fd, "x", 1, &p->address, MOIRAI_NOW) == 1)
        p->moved++;
}

static void make_listener(struct place *p)
{
    p->fd = listen_here(p->where);
}

/* With a queue of two, which is full. */
static void make_crowd(struct place *p, const char *address)
{
    struct moirai_net_attr attr = MOIRAI_NET_ATTR_INIT;

    attr.backlog = 1;
    p->fd = moirai_listen(address, &attr);
    CHECK(p->fd >= 0);
    CHECK_EQ(moirai_socket_name(p->fd, p->where, sizeof p->where), 0);
    for (int i = 0; i < 2; i++) {
        p->kept[i] = moirai_connect(p->where, NULL, MOIRAI_NEVER);
        CHECK(p->kept[i] >= 0);
    }
}

static void make_tcp_crowd(struct place *p)
{
    make_crowd(p, LOCAL);
}

static void make_unix_crowd(struct place *p)
{
    char address[64];

    snprintf(address, sizeof address, "unix:@crowd-%d", getpid());
    make_crowd(p, address);
}

static void close_place(struct place *p)
{
    for (int i = 0; i < 2; i++)
        if (p->kept[i] >= 0)
            CHECK_EQ(moirai_close(p->kept[i]), 0);
    if (p->other >= 0)
        CHECK_EQ(moirai_close(p->other), 0);
    if (p->fd >= 0)
        CHECK_EQ(moirai_close(p->fd), 0);
}

/* --- the calls ------------------------------------------------------------ */

static char buffer[256];            /* nothing is ever read into it */
static struct iovec parts[2] = { { buffer, 8 }, { buffer + 8, 8 } };

#define CALL(name, ...)                                                       \
    static int64_t do_##name(struct place *p, int64_t deadline_ns)            \
    {                                                                         \
        return moirai_##name(__VA_ARGS__, deadline_ns);                       \
    }

CALL(fd_wait, p->fd, POLLIN)
CALL(read, p->fd, buffer, 1)
CALL(readv, p->fd, parts, 2)
CALL(read_all, p->fd, buffer, 9, NULL)
CALL(write, p->fd, buffer, 1)
CALL(writev, p->fd, parts, 2)
CALL(write_all, p->fd, buffer, 9, NULL)
CALL(fd_move, p->kept[0], p->other, 9)
CALL(reader_read, &p->reader, buffer, 9)
CALL(reader_all, &p->reader, buffer, 9, NULL)
CALL(accept, p->fd)
CALL(connect, p->where, NULL)
CALL(recv, p->fd, buffer, 9, 0)
CALL(send, p->fd, buffer, 9, 0)
CALL(recv_from, p->fd, buffer, 9, NULL)
CALL(send_to, p->fd, buffer, 9, &p->address)
CALL(send_descriptor, p->fd, p->fd)
CALL(recv_descriptor, p->fd)

static int64_t do_reader_until(struct place *p, int64_t deadline_ns)
{
    char *text;
    size_t n;

    return moirai_reader_until(&p->reader, "\n", 1, &text, &n, deadline_ns);
}

static int64_t do_recv_message(struct place *p, int64_t deadline_ns)
{
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

    return moirai_recv_message(p->fd, &message, 0, deadline_ns);
}

static int64_t do_send_message(struct place *p, int64_t deadline_ns)
{
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

    return moirai_send_message(p->fd, &message, 0, deadline_ns);
}

/* From a pipe in which there is nothing; its other end is in kept[1]. */
static void make_move(struct place *p)
{
    pair(p, SOCK_STREAM);
    CHECK_EQ(moirai_pipe(p->kept), 0);
}

/* Of several addresses one refuses, and one does not answer. */
static int64_t do_connect_by_name(struct place *p, int64_t deadline_ns)
{
    char name[MOIRAI_ADDRESS_SIZE];

    snprintf(name, sizeof name, "localhost%s", strrchr(p->where, ':'));
    return moirai_connect(name, NULL, deadline_ns);
}

static const struct row {
    const char *name;
    void (*make)(struct place *place);
    int64_t (*call)(struct place *place, int64_t deadline_ns);
    bool lone;                      /* nobody can close what it waits for */
} rows[] = {
    { "fd_wait", make_empty, do_fd_wait, false },
    { "read", make_empty, do_read, false },
    { "readv", make_empty, do_readv, false },
    { "read_all", make_empty, do_read_all, false },
    { "write", make_full, do_write, false },
    { "writev", make_full, do_writev, false },
    { "write_all", make_full, do_write_all, false },
    { "fd_move", make_move, do_fd_move, true },
    { "reader_until", make_empty, do_reader_until, false },
    { "reader_read", make_empty, do_reader_read, false },
    { "reader_all", make_empty, do_reader_all, false },
    { "accept", make_listener, do_accept, false },
    { "connect", make_tcp_crowd, do_connect, true },
    { "connect", make_unix_crowd, do_connect, true },
    { "connect", make_tcp_crowd, do_connect_by_name, true },
    { "recv", make_empty, do_recv, false },
    { "send", make_full, do_send, false },
    { "recv_message", make_empty, do_recv_message, false },
    { "send_message", make_full, do_send_message, false },
    { "recv_from", make_empty, do_recv_from, false },
    { "send_to", make_post, do_send_to, false },
    { "send_descriptor", make_full, do_send_descriptor, false },
    { "recv_descriptor", make_empty, do_recv_descriptor, false },
};

/* --- how it ends ---------------------------------------------------------- */

/* What the other end has for fd arrives there, and nothing that was not sent
 * before arrives at the other end. */
static void check_nothing_moved(const struct row *row, struct place *p)
{
    char bytes[4096];
    int64_t n;

    if (row->make == make_empty) {
        CHECK_EQ(moirai_send(p->other, "z", 1, 0, MOIRAI_NEVER), 1);
        CHECK_EQ(moirai_recv(p->fd, bytes, 2, 0, MOIRAI_NEVER), 1);
        CHECK_EQ(bytes[0], 'z');
    } else if (row->make == make_full || row->make == make_post) {
        while ((n = moirai_recv(p->other, bytes, sizeof bytes, 0,
                                MOIRAI_NOW)) > 0)
            p->moved -= n;
        CHECK_EQ(p->moved, 0);
    } else if (row->make == make_listener) {
        p->kept[0] = moirai_connect(p->where, NULL, MOIRAI_NEVER);
        CHECK(p->kept[0] >= 0);
        p->kept[1] = moirai_accept(p->fd, MOIRAI_NEVER);
        CHECK(p->kept[1] >= 0);
    }
}

static void open_place(const struct row *row, struct place *p)
{
    *p = (struct place){ .fd = -1, .other = -1, .kept = { -1, -1 },
                         .call = row->call, .deadline_ns = MOIRAI_NEVER };
    row->make(p);
}

static void expect(const struct row *row, const char *how, int64_t result,
                   int64_t wanted)
{
    CHECK_FMT(result == wanted, "moirai_%s, %s: %lld, not %lld", row->name,
              how, (long long)result, (long long)wanted);
}

/* On the calling task, or plain thread. */
static void end_by_time(const struct row *row, const char *how,
                        int64_t deadline_ns, int64_t wanted)
{
    struct place p;

    open_place(row, &p);
    if (deadline_ns == MOIRAI_MS)
        deadline_ns = moirai_after(MOIRAI_MS);
    expect(row, how, row->call(&p, deadline_ns), wanted);
    check_nothing_moved(row, &p);
    close_place(&p);
}

static int end_all_by_time(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        end_by_time(&rows[i], "now", MOIRAI_NOW, -EAGAIN);
        end_by_time(&rows[i], "too late", 1, -ETIMEDOUT);
        end_by_time(&rows[i], "in time", MOIRAI_MS, -ETIMEDOUT);
    }
    return 0;
}

static int call_it(void *arg)
{
    struct place *p = arg;

    with_set(&p->begun, 1);
    while (p->late && !moirai_cancelled())
        moirai_yield();
    p->result = p->call(p, p->deadline_ns);
    return 0;
}

/* One worker goes on with this task only when the other waits. */
static void begin_call(struct moirai_scope *scope, struct place *p)
{
    CHECK_EQ(moirai_scope_begin(scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(scope, call_it, p), 0);
    while (!with_get(&p->begun))
        moirai_yield();
}

static void end_by_cancel(const struct row *row, bool late)
{
    struct moirai_scope scope;
    struct place p;

    open_place(row, &p);
    p.late = late;
    begin_call(&scope, &p);
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    expect(row, late ? "cancelled before" : "cancelled", p.result, -ECANCELED);
    check_nothing_moved(row, &p);
    close_place(&p);
}

static int end_all_by_cancel(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        end_by_cancel(&rows[i], true);
        end_by_cancel(&rows[i], false);
    }
    return 0;
}

/* Of who has not begun to wait it is no descriptor. The first wait opens the
 * backend, whose own descriptors will not get the number then. */
static int end_all_by_close(void *arg)
{
    const bool *alone = arg;

    end_by_time(&rows[0], "in time", MOIRAI_MS, -ETIMEDOUT);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct moirai_scope scope;
        struct place p;

        if (rows[i].lone)
            continue;
        open_place(&rows[i], &p);
        begin_call(&scope, &p);
        CHECK_EQ(moirai_close(p.fd), 0);
        p.fd = -1;
        CHECK_EQ(moirai_scope_end(&scope), 0);
        if (*alone || p.result != -EBADF)
            expect(&rows[i], "closed", p.result, -ECANCELED);
        close_place(&p);
    }
    return 0;
}

TEST(ends, come_by_deadlines)
{
    with_each(end_all_by_time, NULL);
    with_seeds(10, end_all_by_time, NULL);
    end_all_by_time(NULL);
}

TEST(ends, come_by_cancellation)
{
    with_each(end_all_by_cancel, NULL);
    with_seeds(20, end_all_by_cancel, NULL);
}

TEST(ends, come_by_closing)
{
    bool alone = true;

    with_one(1, end_all_by_close, &alone);
    alone = false;
    with_each(end_all_by_close, &alone);
}

/* --- what has no deadline ------------------------------------------------- */

static const char *const names[] = { "/tmp/moirai-ends-%d",
                                     "/tmp/moirai-ends-%d-other" };

struct disk {
    char path[64], other[64];
    int fd;
    struct stat stat;
};

static int begun;                   /* tasks that are about to be cancelled */

static void await_cancel(void)
{
    with_add(&begun, 1);
    while (!moirai_cancelled())
        moirai_yield();
}

/* Each returns -ECANCELED, and has done nothing. */
static int use_disk(void *arg)
{
    struct disk *d = arg;

    await_cancel();
    CHECK_EQ(moirai_open(d->other, O_RDWR | O_CREAT, 0600), -ECANCELED);
    CHECK_EQ(moirai_pread(d->fd, buffer, 1, 0), -ECANCELED);
    CHECK_EQ(moirai_pwrite(d->fd, buffer, 1, 0), -ECANCELED);
    CHECK_EQ(moirai_fsync(d->fd), -ECANCELED);
    CHECK_EQ(moirai_fdatasync(d->fd), -ECANCELED);
    CHECK_EQ(moirai_ftruncate(d->fd, 0), -ECANCELED);
    CHECK_EQ(moirai_fstat(d->fd, &d->stat), -ECANCELED);
    CHECK_EQ(moirai_stat(d->path, &d->stat), -ECANCELED);
    CHECK_EQ(moirai_rename(d->path, d->other), -ECANCELED);
    CHECK_EQ(moirai_unlink(d->path), -ECANCELED);
    CHECK_EQ(moirai_mkdir(d->other, 0700), -ECANCELED);
    CHECK_EQ(moirai_rmdir("/tmp"), -ECANCELED);
    return 0;
}

/* Names are looked up in the blocking pool. */
static int use_names(void *arg)
{
    struct sockaddr_storage address;

    (void)arg;
    await_cancel();
    CHECK_EQ(moirai_listen("localhost:0", NULL), -ECANCELED);
    CHECK_EQ(moirai_datagram("localhost:0", NULL, NULL), -ECANCELED);
    CHECK_EQ(moirai_datagram(NULL, "localhost:1", NULL), -ECANCELED);
    CHECK_EQ(moirai_address_read("localhost:1", &address), -ECANCELED);
    CHECK_EQ(moirai_connect("localhost:1", NULL, MOIRAI_NEVER), -ECANCELED);
    return 0;
}

/* These do not wait, and are of use to who cleans up. */
static int clean_up(void *arg)
{
    char text[MOIRAI_ADDRESS_SIZE];
    int ends[2];

    (void)arg;
    await_cancel();
    CHECK_EQ(moirai_pipe(ends), 0);
    CHECK_EQ(moirai_fd_adopt(ends[0]), ends[0]);
    CHECK_EQ(moirai_fd_forget(ends[0]), 0);
    CHECK_EQ(moirai_close(ends[0]), 0);
    CHECK_EQ(moirai_close(ends[1]), 0);
    CHECK_EQ(moirai_socket_pair(SOCK_STREAM, ends), 0);
    CHECK_EQ(moirai_socket_name(ends[0], text, sizeof text), 0);
    CHECK_EQ(moirai_socket_peer(ends[0], text, sizeof text), 0);
    CHECK_EQ(moirai_socket_shutdown(ends[0], SHUT_WR), 0);
    CHECK_EQ(moirai_write(ends[1], "x", 1, MOIRAI_NEVER), 1);
    CHECK_EQ(moirai_read(ends[0], text, 1, MOIRAI_NEVER), 1);
    CHECK_EQ(moirai_close(ends[0]), 0);
    CHECK_EQ(moirai_close(ends[1]), 0);
    return 0;
}

static int cancelled_at_once(void *arg)
{
    static moirai_fn *const bodies[] = { use_disk, use_names, clean_up };
    struct moirai_scope scope;

    with_set(&begun, 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        CHECK_EQ(moirai_spawn(&scope, bodies[i], arg), 0);
    while (with_get(&begun) < 3)
        moirai_yield();
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    return 0;
}

TEST(ends, of_what_only_waits_for_a_disk_or_a_name_come_before_it_began)
{
    struct disk disk;

    snprintf(disk.path, sizeof disk.path, names[0], getpid());
    snprintf(disk.other, sizeof disk.other, names[1], getpid());
    disk.fd = moirai_open(disk.path, O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(disk.fd >= 0);
    CHECK_EQ(moirai_pwrite(disk.fd, "text", 4, 0), 4);
    with_each(cancelled_at_once, &disk);
    with_seeds(20, cancelled_at_once, &disk);
    CHECK_EQ(moirai_stat(disk.other, &disk.stat), -ENOENT);
    CHECK_EQ(moirai_fstat(disk.fd, &disk.stat), 0);
    CHECK_EQ(disk.stat.st_size, 4);
    CHECK_EQ(moirai_pread(disk.fd, buffer, 8, 0), 4);
    CHECK_EQ(memcmp(buffer, "text", 4), 0);
    CHECK_EQ(moirai_close(disk.fd), 0);
    CHECK_EQ(moirai_unlink(disk.path), 0);
}

/* --- that none is missing ------------------------------------------------- */

/* Every function that takes a deadline is a row. */
static void look_for(const char *declaration)
{
    const char *at = strstr(declaration, "moirai_");
    size_t n = strcspn(at, "(");

    if (strstr(declaration, "int64_t deadline_ns);") == NULL)
        return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strlen(rows[i].name) + 7 == n
            && strncmp(at + 7, rows[i].name, n - 7) == 0)
            return;
    check_fail(__FILE__, __LINE__, "%.*s has no row here", (int)n, at);
}

/* A declaration begins with its type, and ends at the first semicolon. */
static unsigned read_header(const char *name)
{
    const char *srcdir = getenv("srcdir");
    char path[512], line[200], text[1000] = "";
    unsigned found = 0;
    FILE *file;

    snprintf(path, sizeof path, "%s/include/moirai/%s",
             srcdir != NULL ? srcdir : ".", name);
    file = fopen(path, "r");
    CHECK_FMT(file != NULL, "%s: %s", path, strerror(errno));
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "int", 3) == 0)
            text[0] = '\0';
        CHECK(strlen(text) + strlen(line) < sizeof text);
        strcat(text, line);
        if (strchr(line, ';') == NULL)
            continue;
        if (strncmp(text, "int", 3) == 0 && strstr(text, "moirai_") != NULL) {
            look_for(text);
            found++;
        }
        text[0] = '\0';
    }
    fclose(file);
    return found;
}

TEST(ends, are_tried_of_every_call)
{
    CHECK(read_header("io.h") > 20);
    CHECK(read_header("net.h") > 10);
}
