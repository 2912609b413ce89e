/* SPDX-License-Identifier: MIT */
/*
 * serve.c - moirai's server for load.c: `serve serve-echo WORKERS`, or
 * serve-http. A task for each connection; it prints its port and serves until
 * it is killed.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <moirai/moirai.h>
#include <moirai/net.h>

#include "task.h"

#define ROOM 4096                   /* bytes of a request */

static const char page[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                           "Content-Length: 13\r\n\r\nHello, world\n";

static int serve_echo(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char bytes[ROOM];
    int64_t n;

    while ((n = moirai_recv(fd, bytes, sizeof bytes, 0, MOIRAI_NEVER)) > 0)
        if (moirai_send(fd, bytes, (size_t)n, 0, MOIRAI_NEVER) != n)
            break;
    return moirai_close(fd);
}

static int serve_http(void *arg)
{
    int fd = (int)(intptr_t)arg;
    struct moirai_reader reader;
    char bytes[ROOM], *text;
    size_t n;

    moirai_reader_init(&reader, fd, bytes, sizeof bytes);
    while (moirai_reader_until(&reader, "\r\n\r\n", 4, &text, &n,
                               MOIRAI_NEVER) == 0)
        if (moirai_send(fd, page, sizeof page - 1, 0, MOIRAI_NEVER)
            <= 0)
            break;
    return moirai_close(fd);
}

static void print_port(int listener)
{
    char name[MOIRAI_ADDRESS_SIZE];

    bench_need(moirai_socket_name(listener, name, sizeof name), "its name");
    printf("port %s\n", strrchr(name, ':') + 1);
    fflush(stdout);
}

static int serve(void *arg)
{
    moirai_fn *one = *(moirai_fn **)arg;
    int listener = moirai_listen("127.0.0.1:0", NULL);
    struct moirai_scope scope;

    if (listener < 0)
        bench_fail_with(listener, "listen");
    print_port(listener);
    bench_need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), "scope");
    for (;;) {
        int fd = moirai_accept(listener, MOIRAI_NEVER);

        if (fd < 0)
            bench_fail_with(fd, "accept");
        bench_need(moirai_spawn(&scope, one, (void *)(intptr_t)fd), "spawn");
    }
}

int main(int argc, char **argv)
{
    struct bench bench = { .scale = 1 };
    moirai_fn *one = serve_echo;

    if (argc != 3 || atoi(argv[2]) < 1) {
        fprintf(stderr, "usage: %s serve-echo|serve-http WORKERS\n", argv[0]);
        return 2;
    }
    bench.workers = (unsigned)atoi(argv[2]);
    if (strcmp(argv[1], "serve-http") == 0)
        one = serve_http;
    bench_task(&bench, serve, &one);
    return 0;
}
