/* SPDX-License-Identifier: MIT */
/*
 * epoll.c - a loop over epoll, level-triggered: one recv, one send and a share
 * of an epoll_wait for each request.
 */
#include "serve.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256

struct connection {
    int fd;
    size_t got;                     /* bytes of a request that is not whole */
    char bytes[SERVE_ROOM];
};

static void add(int epoll, int fd, void *what)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        exit(1);
}

static void accept_all(const struct serve *serve, int epoll)
{
    int fd, yes = 1;

    while ((fd = accept4(serve->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);

        if (c == NULL)
            exit(1);
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        add(epoll, fd, c);
    }
}

static void finish(struct connection *c)
{
    close(c->fd);
    free(c);
}

/* Whose answers do not fit into the socket is given up. */
static void hear(const struct serve *serve, struct connection *c)
{
    ssize_t n = recv(c->fd, c->bytes + c->got, sizeof c->bytes - c->got, 0);
    const char *answer;
    size_t length, used, from = 0;

    if (n <= 0) {
        finish(c);
        return;
    }
    c->got += (size_t)n;
    while (c->got > 0) {
        used = serve_answer(serve, c->bytes + from, c->got, &answer, &length);
        if (used == 0)
            break;
        if (send(c->fd, answer, length, MSG_NOSIGNAL) != (ssize_t)length) {
            finish(c);
            return;
        }
        from += used;
        c->got -= used;
    }
    if (from != 0 && c->got != 0)
        memmove(c->bytes, c->bytes + from, c->got);
}

int main(int argc, char **argv)
{
    struct serve serve = serve_start(argc, argv);
    int epoll = epoll_create1(0);
    struct epoll_event events[EVENTS];

    add(epoll, serve.listener, NULL);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(&serve, epoll);
            else
                hear(&serve, events[i].data.ptr);
        }
    }
}
