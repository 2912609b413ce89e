/* SPDX-License-Identifier: MIT */
/*
 * test_net.c - sockets, by real ones on this machine: addresses, connections
 * that come about and do not, peers that go away, too many descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "listen.h"
#include "with.h"

/* --- addresses ------------------------------------------------------------ */

static void reads_as(const char *text, const char *wanted)
{
    struct sockaddr_storage address;
    char again[MOIRAI_ADDRESS_SIZE];
    int rc = moirai_address_read(text, &address);

    CHECK_FMT(rc == 0, "%s: %s", text, strerror(-rc));
    CHECK_EQ(moirai_address_write(&address, again, sizeof again), 0);
    CHECK_STR(again, wanted);
}

TEST(net, reads_addresses_and_writes_them)
{
    struct sockaddr_storage address;
    char small[8];

    reads_as("127.0.0.1:80", "127.0.0.1:80");
    reads_as("[::1]:65535", "[::1]:65535");
    reads_as("[2001:db8::7]:0", "[2001:db8::7]:0");
    reads_as("[fe80::1%1]:9", "[fe80::1%1]:9");
    reads_as("unix:/tmp/a b", "unix:/tmp/a b");
    reads_as("unix:@hidden", "unix:@hidden");
    CHECK_EQ(moirai_address_read("127.0.0.1:80", &address), 0);
    CHECK_EQ(moirai_address_write(&address, small, sizeof small), -ENOSPC);
}

TEST(net, refuses_what_is_no_address)
{
    static const char *const bad[] = {
        "", ":", "80", "127.0.0.1", "127.0.0.1:", "::1:80", "[::1]80", "[::1",
        "[::1:80", "]:80", "unix:", "unix:@", "[]x:1", "127.0.0.1:65536",
        "127.0.0.1:-1", "[::1]:100000",
    };
    char path[256] = "unix:/";
    struct sockaddr_storage address;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int rc = moirai_address_read(bad[i], &address);

        CHECK_FMT(rc < 0, "%s", bad[i]);
    }
    CHECK_EQ(moirai_address_read("127.0.0.1:no service", &address), -ENOENT);
    memset(path + 6, 'x', 108);
    CHECK_EQ(moirai_address_read(path, &address), -ENAMETOOLONG);
    CHECK_EQ(moirai_listen(path, NULL), -ENAMETOOLONG);
    CHECK_EQ(moirai_connect("nonsense", NULL, MOIRAI_NEVER), -EINVAL);
}

TEST(net, refuses_attributes_that_make_no_sense)
{
    struct moirai_net_attr attr = MOIRAI_NET_ATTR_INIT;

    attr.size--;
    CHECK_EQ(moirai_listen(LOCAL, &attr), -EINVAL);
    attr.size++;
    attr.flags = 1u << 31;
    CHECK_EQ(moirai_listen(LOCAL, &attr), -EINVAL);
    attr.flags = 0;
    attr.backlog = -1;
    CHECK_EQ(moirai_listen(LOCAL, &attr), -EINVAL);
    attr.backlog = 0;
    attr.mode = 01777;
    CHECK_EQ(moirai_connect(LOCAL, &attr, MOIRAI_NEVER), -EINVAL);
}

/* --- streams -------------------------------------------------------------- */

#define CLIENTS 50
#define ROUNDS 20

static int echo(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char buffer[256];
    int64_t n;

    while ((n = moirai_recv(fd, buffer, sizeof buffer, 0, MOIRAI_NEVER)) > 0)
        for (int64_t done = 0, put; done < n; done += put) {
            put = moirai_send(fd, buffer + done, (size_t)(n - done), 0,
                              MOIRAI_NEVER);
            CHECK(put > 0);
        }
    CHECK_EQ(n, 0);
    CHECK_EQ(moirai_close(fd), 0);
    return 0;
}

struct server {
    int fd, clients;
    char where[MOIRAI_ADDRESS_SIZE];
};

static int serve(void *arg)
{
    const struct server *server = arg;

    for (int i = 0; i < server->clients; i++) {
        int fd = moirai_accept(server->fd, MOIRAI_NEVER);

        CHECK(fd >= 0);
        CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
        CHECK_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        CHECK_EQ(moirai_spawn(NULL, echo, (void *)(intptr_t)fd), 0);
    }
    return 0;
}

static int call(void *arg)
{
    const struct server *server = arg;
    char sent[64], got[64];
    int fd = moirai_connect(server->where, NULL, MOIRAI_NEVER);

    CHECK(fd >= 0);
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(sent, sizeof sent, "round %d of descriptor %d", i, fd);
        CHECK_EQ(moirai_write_all(fd, sent, sizeof sent, NULL, MOIRAI_NEVER),
                 0);
        CHECK_EQ(moirai_read_all(fd, got, sizeof got, NULL, MOIRAI_NEVER), 0);
        CHECK_STR(got, sent);
    }
    CHECK_EQ(moirai_socket_shutdown(fd, SHUT_WR), 0);
    CHECK_EQ(moirai_recv(fd, got, 1, 0, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_close(fd), 0);
    return 0;
}

static void call_all(struct server *server)
{
    struct moirai_scope scope;

    CHECK(server->fd >= 0);
    CHECK_EQ(moirai_socket_name(server->fd, server->where,
                                sizeof server->where), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, serve, server), 0);
    for (int i = 0; i < server->clients; i++)
        CHECK_EQ(moirai_spawn(&scope, call, server), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(moirai_close(server->fd), 0);
}

static int echo_tcp(void *arg)
{
    struct server server = { .fd = moirai_listen(LOCAL, NULL),
                             .clients = CLIENTS };

    (void)arg;
    call_all(&server);
    return 0;
}

static int echo_unix(void *arg)
{
    struct moirai_net_attr attr = MOIRAI_NET_ATTR_INIT;
    struct server server = { .clients = 4 };
    char path[64], text[80];
    struct stat stat;

    (void)arg;
    snprintf(path, sizeof path, "/tmp/moirai-net-%d", getpid());
    snprintf(text, sizeof text, "unix:%s", path);
    attr.mode = 0640;
    for (int i = 0; i < 2; i++) {
        server.fd = moirai_listen(text, &attr);
        CHECK_EQ(lstat(path, &stat), 0);
        CHECK_EQ(stat.st_mode & 0777, 0640);
        if (i == 0) {               /* in use, and then left behind */
            attr.flags = MOIRAI_NET_REPLACE;
            CHECK_EQ(moirai_listen(text, &attr), -EADDRINUSE);
            CHECK_EQ(moirai_close(server.fd), 0);
            attr.flags = 0;
            CHECK_EQ(moirai_listen(text, &attr), -EADDRINUSE);
            attr.flags = MOIRAI_NET_REPLACE;
        }
    }
    call_all(&server);
    CHECK_EQ(unlink(path), 0);
    return 0;
}

static int echo_hidden(void *arg)
{
    struct server server = { .clients = 4 };
    char text[80];

    (void)arg;
    snprintf(text, sizeof text, "unix:@moirai-net-%d", getpid());
    server.fd = moirai_listen(text, NULL);
    call_all(&server);
    return 0;
}

TEST(net, echoes)
{
    with_each(echo_tcp, NULL);
    with_seeds(5, echo_tcp, NULL);
}

TEST(net, echoes_over_unix_sockets)
{
    with_one(2, echo_unix, NULL);
    with_one(2, echo_hidden, NULL);
}

/* --- connections that do not come about ----------------------------------- */

/* Nobody listens on a port that is bound. */
static int nobody_there(void *arg)
{
    char where[MOIRAI_ADDRESS_SIZE];
    int fd = moirai_datagram(LOCAL, NULL, NULL);

    (void)arg;
    CHECK(fd >= 0);
    CHECK_EQ(moirai_socket_name(fd, where, sizeof where), 0);
    CHECK_EQ(moirai_connect(where, NULL, MOIRAI_NEVER), -ECONNREFUSED);
    CHECK_EQ(moirai_close(fd), 0);
    CHECK_EQ(moirai_connect("unix:/nowhere/at/all", NULL, MOIRAI_NEVER),
             -ENOENT);
    return 0;
}

TEST(net, says_why_there_is_no_connection)
{
    with_each(nobody_there, NULL);
    with_seeds(5, nobody_there, NULL);
    nobody_there(NULL);
}

struct stuck {
    char where[MOIRAI_ADDRESS_SIZE];
    int begun, result;
};

static int connect_in_vain(void *arg)
{
    struct stuck *stuck = arg;

    with_set(&stuck->begun, 1);
    stuck->result = moirai_connect(stuck->where, NULL, MOIRAI_NEVER);
    return 0;
}

/* A listener that takes nobody: its queue is full after two, and whoever comes
 * then waits for an answer. */
static int queue_is_full(void *arg)
{
    struct moirai_net_attr attr = MOIRAI_NET_ATTR_INIT;
    struct stuck stuck = { .begun = 0 };
    struct moirai_scope scope;
    int fd, fds[8], n = 0, rc;

    (void)arg;
    attr.backlog = 1;
    fd = moirai_listen(LOCAL, &attr);
    CHECK(fd >= 0);
    CHECK_EQ(moirai_socket_name(fd, stuck.where, sizeof stuck.where), 0);
    while ((rc = moirai_connect(stuck.where, NULL,
                                moirai_after(50 * MOIRAI_MS))) >= 0 && n < 8)
        fds[n++] = rc;
    CHECK_EQ(rc, -ETIMEDOUT);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, connect_in_vain, &stuck), 0);
    while (!with_get(&stuck.begun))
        moirai_yield();
    moirai_sleep_until(moirai_after(2 * MOIRAI_MS));
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(stuck.result, -ECANCELED);
    while (n > 0)
        CHECK_EQ(moirai_close(fds[--n]), 0);
    CHECK_EQ(moirai_close(fd), 0);
    return 0;
}

TEST(net, gives_up_connecting_when_told_to)
{
    with_one(2, queue_is_full, NULL);
}

/* A name with two addresses; at most one of them answers. */
static int by_name(void *arg)
{
    char where[MOIRAI_ADDRESS_SIZE], name[MOIRAI_ADDRESS_SIZE];
    int fd = listen_here(where);
    int to;

    (void)arg;
    snprintf(name, sizeof name, "localhost%s", strrchr(where, ':'));
    to = moirai_connect(name, NULL, MOIRAI_NEVER);
    CHECK(to >= 0);
    CHECK_EQ(moirai_socket_peer(to, name, sizeof name), 0);
    CHECK_STR(name, where);
    CHECK_EQ(moirai_close(to), 0);
    CHECK_EQ(moirai_close(fd), 0);
    CHECK_EQ(moirai_connect("no such name.invalid:1", NULL, MOIRAI_NEVER),
             -ENOENT);
    return 0;
}

TEST(net, connects_by_name)
{
    with_each(by_name, NULL);
    by_name(NULL);
}

static int on_any_address(void *arg)
{
    char where[MOIRAI_ADDRESS_SIZE], at[MOIRAI_ADDRESS_SIZE];
    int fd = moirai_listen(":0", NULL);
    int to, from;

    (void)arg;
    CHECK(fd >= 0);
    CHECK_EQ(moirai_socket_name(fd, where, sizeof where), 0);
    snprintf(at, sizeof at, "127.0.0.1%s", strrchr(where, ':'));
    to = moirai_connect(at, NULL, MOIRAI_NEVER);
    CHECK(to >= 0);
    from = moirai_accept(fd, MOIRAI_NEVER);
    CHECK(from >= 0);
    CHECK_EQ(moirai_close(to), 0);
    CHECK_EQ(moirai_close(from), 0);
    CHECK_EQ(moirai_close(fd), 0);
    return 0;
}

TEST(net, listens_on_every_address)
{
    with_one(2, on_any_address, NULL);
}

/* --- peers ---------------------------------------------------------------- */

static int reset(void *arg)
{
    static const struct linger at_once = { 1, 0 };
    char byte[2];
    int64_t n;
    int ends[2];

    (void)arg;
    connected(ends);
    CHECK_EQ(moirai_send(ends[0], "hi", 2, 0, MOIRAI_NEVER), 2);
    CHECK_EQ(moirai_recv(ends[1], byte, 1, MSG_PEEK, MOIRAI_NEVER), 1);
    CHECK_EQ(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &at_once,
                        sizeof at_once), 0);
    CHECK_EQ(moirai_close(ends[0]), 0);
    CHECK_EQ(moirai_fd_wait(ends[1], POLLRDHUP, MOIRAI_NEVER) & POLLERR,
             POLLERR);
    do                              /* first what came before */
        n = moirai_recv(ends[1], byte, 1, 0, MOIRAI_NEVER);
    while (n > 0);
    CHECK_EQ(n, -ECONNRESET);
    CHECK_EQ(moirai_send(ends[1], byte, 1, 0, MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(moirai_close(ends[1]), 0);
    return 0;
}

static int half_closed(void *arg)
{
    char text[8] = "";
    int ends[2];

    (void)arg;
    connected(ends);
    CHECK_EQ(moirai_send(ends[0], "last", 4, 0, MOIRAI_NEVER), 4);
    CHECK_EQ(moirai_socket_shutdown(ends[0], SHUT_WR), 0);
    CHECK_EQ(moirai_read_all(ends[1], text, 4, NULL, MOIRAI_NEVER), 0);
    CHECK_STR(text, "last");
    CHECK_EQ(moirai_recv(ends[1], text, 1, 0, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_send(ends[1], "more", 4, 0, MOIRAI_NEVER), 4);
    CHECK_EQ(moirai_close(ends[1]), 0);
    CHECK_EQ(moirai_read_all(ends[0], text, 4, NULL, MOIRAI_NEVER), 0);
    CHECK_STR(text, "more");
    CHECK_EQ(moirai_recv(ends[0], text, 1, 0, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_close(ends[0]), 0);
    return 0;
}

/* It reads nothing: who writes waits, until the deadline. */
static int stalled(void *arg)
{
    static char bytes[1 << 16];
    size_t done = 0;
    int64_t n;
    int ends[2];

    (void)arg;
    connected(ends);
    CHECK_EQ(moirai_write_all(ends[0], bytes, sizeof bytes, &done,
                              MOIRAI_NEVER), 0);
    while (moirai_write_all(ends[0], bytes, sizeof bytes, &done,
                            moirai_after(20 * MOIRAI_MS)) == 0)
        continue;
    do                              /* the kernel may be late to pass it on */
        n = moirai_send(ends[0], bytes, sizeof bytes, 0, MOIRAI_NOW);
    while (n > 0);
    CHECK_EQ(n, -EAGAIN);
    CHECK_EQ(moirai_recv(ends[0], bytes, 1, 0, moirai_after(MOIRAI_MS)),
             -ETIMEDOUT);
    CHECK_EQ(moirai_close(ends[0]), 0);
    CHECK_EQ(moirai_close(ends[1]), 0);
    return 0;
}

TEST(net, hears_of_a_peer_that_is_gone)
{
    with_each(reset, NULL);
    reset(NULL);
}

TEST(net, is_closed_one_way_at_a_time)
{
    with_each(half_closed, NULL);
    with_seeds(5, half_closed, NULL);
}

TEST(net, waits_for_a_stalled_peer_no_longer_than_told)
{
    with_one(1, stalled, NULL);
    with_one(2, stalled, NULL);
}
