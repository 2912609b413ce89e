/* SPDX-License-Identifier: MIT */
/*
 * site.h - a server at one end of a pair of sockets, bytes at the other.
 */
#ifndef SITE_H
#define SITE_H

#include <stdbool.h>
#include <stddef.h>

#include <moirai/http.h>

#define HEAD(length)                                                          \
    "HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: " length "\r\n"
#define CHUNKED "HTTP/1.1 200 OK\r\nServer: test\r\n"                          \
    "Transfer-Encoding: chunked\r\n"
#define HOST "Host: a\r\n"
#define POST "POST / HTTP/1.1\r\n" HOST

struct site {
    int fds[2];                     /* server, peer */
    struct moirai_http_attr attr;
    int result;                     /* of the last moirai_http_next */
    unsigned served;
    unsigned status;
    char fault[128];
    bool slow_reader;               /* of bodies: in pieces of 3 bytes */
    bool ignores;                   /* bodies */
    int enough;                     /* the peer has heard all */
};

/* A pair of sockets, and the presets. */
void site_init(struct site *site);

/* Serves until the end: answers with "METHOD TARGET BODY", in two chunks if the
 * target is /chunked. A task's body; 0. */
int site_serve(void *arg);

/* Sends the bytes, `step` at a time, says that that was all, and returns the
 * whole answer (malloc'ed). */
char *site_talk(struct site *site, const char *bytes, size_t size,
                size_t step);

/* The same with a site of its own, and all at once. */
char *site_ask(struct site *site, const char *text);

/* Leaves the lines out that say when. */
void site_drop_dates(char *text);

#endif
