/* SPDX-License-Identifier: MIT */
/*
 * site.c - a server for tests.
 */
#include "site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <moirai/net.h>

#include "check.h"
#include "with.h"

#define ROOM 65536

static int64_t read_slowly(struct moirai_http *http, char *body, size_t size)
{
    size_t at = 0;
    int64_t n;

    while ((n = moirai_http_read(http, body + at, 3)) > 0) {
        at += (size_t)n;
        CHECK(at + 3 <= size);
    }
    return n < 0 ? n : (int64_t)at;
}

static int echo(struct site *site, struct moirai_http *http,
                const struct moirai_http_message *request)
{
    static const struct moirai_http_header header = { "Server", "test" };
    char body[4096], text[8192];
    size_t n = 0;
    int64_t rc = 0;

    if (site->slow_reader) {
        rc = read_slowly(http, body, sizeof body);
        n = rc > 0 ? (size_t)rc : 0;
    } else if (!site->ignores) {
        rc = moirai_http_read_all(http, body, sizeof body, &n);
    }
    if (rc < 0)
        return (int)rc;
    snprintf(text, sizeof text, "%s %s %.*s", request->method,
             request->target, (int)n, body);
    if (strcmp(request->target, "/chunked") != 0)
        return moirai_http_answer(http, 200, &header, 1, text, strlen(text));
    rc = moirai_http_answer_begin(http, 200, &header, 1, -1);
    if (rc == 0)
        rc = moirai_http_write(http, text, 4);
    if (rc == 0)
        rc = moirai_http_write(http, text + 4, strlen(text) - 4);
    return rc == 0 ? moirai_http_end(http) : (int)rc;
}

int site_serve(void *arg)
{
    struct site *site = arg;
    const struct moirai_http_stream stream =
        MOIRAI_HTTP_SOCKET(site->fds[0]);
    const struct moirai_http_message *request;
    struct moirai_http *http;

    CHECK_EQ(moirai_http_open(&http, &stream, &site->attr), 0);
    while ((site->result = moirai_http_next(http, &request)) > 0) {
        int rc = echo(site, http, request);

        site->served++;
        if (rc != 0) {
            site->result = rc;
            break;
        }
    }
    site->status = moirai_http_status(http);
    snprintf(site->fault, sizeof site->fault, "%s",
             moirai_http_fault(http) != NULL ? moirai_http_fault(http) : "");
    moirai_http_close(http);
    CHECK_EQ(moirai_close(site->fds[0]), 0);
    return 0;
}

void site_init(struct site *site)
{
    *site = (struct site){ .attr = MOIRAI_HTTP_ATTR_INIT };
    CHECK_EQ(moirai_socket_pair(SOCK_STREAM, site->fds), 0);
}

char *site_talk(struct site *site, const char *bytes, size_t size,
                  size_t step)
{
    struct moirai_scope scope;
    char *answer = malloc(ROOM);
    size_t n = 0;

    CHECK(answer != NULL);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, site_serve, site), 0);
    for (size_t at = 0; at < size; at += step) {
        size_t piece = step < size - at ? step : size - at;

        if (moirai_send(site->fds[1], bytes + at, piece, 0, MOIRAI_NEVER) < 0)
            break;
        if (step < size)
            moirai_yield();
    }
    moirai_socket_shutdown(site->fds[1], SHUT_WR);
    moirai_read_all(site->fds[1], answer, ROOM - 1, &n, MOIRAI_NEVER);
    answer[n] = '\0';
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(moirai_close(site->fds[1]), 0);
    return answer;
}

char *site_ask(struct site *site, const char *text)
{
    site_init(site);
    return site_talk(site, text, strlen(text), strlen(text) + 1);
}

void site_drop_dates(char *text)
{
    char *date;

    while ((date = strstr(text, "Date: ")) != NULL) {
        char *end = strstr(date, "\r\n") + 2;

        CHECK_EQ(end - date, 37);
        memmove(date, end, strlen(end) + 1);
    }
}
