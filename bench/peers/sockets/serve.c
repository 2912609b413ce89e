/* SPDX-License-Identifier: MIT */
/*
 * serve.c - arguments, listener, protocols.
 */
#include "serve.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define NO_ANSWER 77

static const char page[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                           "Content-Length: 13\r\n\r\nHello, world\n";

struct serve serve_start(int argc, char **argv)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    struct serve serve;

    if (argc != 3 || strcmp(argv[2], "1") != 0
        || strncmp(argv[1], "serve-", 6) != 0)
        exit(NO_ANSWER);
    serve.http = strcmp(argv[1], "serve-http") == 0;
    serve.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (serve.listener < 0
        || bind(serve.listener, (struct sockaddr *)&at, sizeof at) != 0
        || listen(serve.listener, SOMAXCONN) != 0
        || getsockname(serve.listener, (struct sockaddr *)&at, &size) != 0) {
        perror("listen");
        exit(1);
    }
    printf("port %d\n", ntohs(at.sin_port));
    fflush(stdout);
    return serve;
}

size_t serve_answer(const struct serve *serve, const char *bytes, size_t n,
                    const char **answer, size_t *length)
{
    const char *end;

    *answer = serve->http ? page : bytes;
    *length = serve->http ? sizeof page - 1 : n;
    if (!serve->http)
        return n;
    end = memmem(bytes, n, "\r\n\r\n", 4);
    return end != NULL ? (size_t)(end - bytes) + 4 : 0;
}
