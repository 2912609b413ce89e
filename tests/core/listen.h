/* SPDX-License-Identifier: MIT */
/*
 * listen.h - a listener for tests.
 */
#ifndef LISTEN_H
#define LISTEN_H

#include "check.h"
#include "with.h"

#define LOCAL "127.0.0.1:0"

/* Listens somewhere on this machine, and says where. */
static inline int listen_here(char *where)
{
    int fd = moirai_listen(LOCAL, NULL);

    CHECK(fd >= 0);
    CHECK_EQ(moirai_socket_name(fd, where, MOIRAI_ADDRESS_SIZE), 0);
    return fd;
}

/* A connection both ends of which are ours. */
static inline void connected(int ends[2])
{
    char where[MOIRAI_ADDRESS_SIZE];
    int fd = listen_here(where);

    ends[0] = moirai_connect(where, NULL, MOIRAI_NEVER);
    CHECK(ends[0] >= 0);
    ends[1] = moirai_accept(fd, MOIRAI_NEVER);
    CHECK(ends[1] >= 0);
    CHECK_EQ(moirai_close(fd), 0);
}

#endif
