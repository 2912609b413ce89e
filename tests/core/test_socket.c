/* SPDX-License-Identifier: MIT */
/*
 * test_socket.c - datagrams, descriptors that are handed on, and too many of
 * them.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "listen.h"
#include "with.h"

/* --- datagrams, descriptors ----------------------------------------------- */

static int datagrams(void *arg)
{
    struct sockaddr_storage from;
    char where[MOIRAI_ADDRESS_SIZE], sender[MOIRAI_ADDRESS_SIZE];
    char own[MOIRAI_ADDRESS_SIZE], text[8] = "";
    int a = moirai_datagram(LOCAL, NULL, NULL), b;

    (void)arg;
    CHECK(a >= 0);
    CHECK_EQ(moirai_socket_name(a, where, sizeof where), 0);
    b = moirai_datagram(NULL, where, NULL);
    CHECK(b >= 0);
    CHECK_EQ(moirai_send(b, "", 0, 0, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_send(b, "two", 3, 0, MOIRAI_NEVER), 3);
    CHECK_EQ(moirai_recv_from(a, text, sizeof text, &from, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_recv_from(a, text, sizeof text, &from, MOIRAI_NEVER), 3);
    CHECK_STR(text, "two");
    CHECK_EQ(moirai_address_write(&from, sender, sizeof sender), 0);
    CHECK_EQ(moirai_socket_name(b, own, sizeof own), 0);
    CHECK_STR(sender, own);
    CHECK_EQ(moirai_send_to(a, "back", 4, &from, MOIRAI_NEVER), 4);
    CHECK_EQ(moirai_recv(b, text, sizeof text, 0, MOIRAI_NEVER), 4);
    CHECK_EQ(moirai_recv(b, text, sizeof text, 0, moirai_after(MOIRAI_MS)),
             -ETIMEDOUT);
    CHECK_EQ(moirai_close(a), 0);
    CHECK_EQ(moirai_send(b, "lost", 4, 0, MOIRAI_NEVER), 4);
    CHECK_EQ(moirai_recv(b, text, sizeof text, 0, MOIRAI_NEVER),
             -ECONNREFUSED);
    CHECK_EQ(moirai_close(b), 0);
    return 0;
}

TEST(net, carries_datagrams)
{
    with_each(datagrams, NULL);
    with_seeds(5, datagrams, NULL);
}

static int pass_descriptor(void *arg)
{
    char byte;
    int sockets[2], ends[2], got;

    (void)arg;
    CHECK_EQ(moirai_socket_pair(SOCK_STREAM, sockets), 0);
    CHECK_EQ(moirai_pipe(ends), 0);
    CHECK_EQ(moirai_send_descriptor(sockets[0], ends[0], MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_close(ends[0]), 0);
    got = moirai_recv_descriptor(sockets[1], MOIRAI_NEVER);
    CHECK(got >= 0);
    CHECK_EQ(moirai_write(ends[1], "p", 1, MOIRAI_NEVER), 1);
    CHECK_EQ(moirai_read(got, &byte, 1, MOIRAI_NEVER), 1);
    CHECK_EQ(moirai_send(sockets[0], "p", 1, 0, MOIRAI_NEVER), 1);
    CHECK_EQ(moirai_recv_descriptor(sockets[1], MOIRAI_NEVER), -EPROTO);
    CHECK_EQ(moirai_close(sockets[0]), 0);
    CHECK_EQ(moirai_recv_descriptor(sockets[1], MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(moirai_close(sockets[1]), 0);
    CHECK_EQ(moirai_close(ends[1]), 0);
    CHECK_EQ(moirai_close(got), 0);
    return 0;
}

TEST(net, hands_on_descriptors)
{
    with_each(pass_descriptor, NULL);
    pass_descriptor(NULL);
}

/* --- too many ------------------------------------------------------------- */

static int use_up(void *arg)
{
    struct rlimit limit, few;
    char where[MOIRAI_ADDRESS_SIZE];
    int fd = listen_here(where);
    int fds[64], n = 0, to, from;

    (void)arg;
    to = moirai_connect(where, NULL, MOIRAI_NEVER);
    CHECK(to >= 0);
    CHECK_EQ(moirai_fd_wait(fd, POLLIN, MOIRAI_NEVER), POLLIN);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    few = limit;
    few.rlim_cur = (rlim_t)to + 20;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (n < 64 && (fds[n] = dup(to)) >= 0)
        n++;
    CHECK_EQ(moirai_accept(fd, MOIRAI_NEVER), -EMFILE);
    CHECK_EQ(moirai_accept(fd, MOIRAI_NEVER), -EMFILE);
    CHECK_EQ(moirai_connect(where, NULL, MOIRAI_NEVER), -EMFILE);
    while (n > 0)
        CHECK_EQ(moirai_close(fds[--n]), 0);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    from = moirai_accept(fd, MOIRAI_NEVER);
    CHECK(from >= 0);
    CHECK_EQ(moirai_close(from), 0);
    CHECK_EQ(moirai_close(to), 0);
    CHECK_EQ(moirai_close(fd), 0);
    return 0;
}

TEST(net, goes_on_when_there_are_descriptors_again)
{
    with_each(use_up, NULL);
}
