/* SPDX-License-Identifier: MIT */
/*
 * test_http_client.c - clients of moirai/http.h, with our own server and with
 * peers who answer oddly.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <moirai/net.h>

#include "check.h"
#include "site.h"
#include "with.h"

static struct moirai_http *open_client(int fd, const char *host)
{
    const struct moirai_http_stream stream = MOIRAI_HTTP_SOCKET(fd);
    struct moirai_http_attr attr = MOIRAI_HTTP_ATTR_INIT;
    struct moirai_http *http;

    attr.flags = MOIRAI_HTTP_CLIENT;
    attr.host = host;
    attr.idle_ns = attr.head_ns = attr.body_ns = 20 * MOIRAI_S;
    CHECK_EQ(moirai_http_open(&http, &stream, &attr), 0);
    return http;
}

/* The answer to the last request is a 200 with that body. */
static void hears(struct moirai_http *http, const char *wanted)
{
    const struct moirai_http_message *answer;
    char body[4096];
    size_t n = 0;

    CHECK_EQ(moirai_http_next(http, &answer), 1);
    CHECK_EQ(answer->status, 200);
    CHECK_STR(answer->reason, "OK");
    CHECK_STR(moirai_http_find(answer, "server"), "test");
    CHECK_EQ(moirai_http_read_all(http, body, sizeof body - 1, &n), 0);
    body[n] = '\0';
    CHECK_STR(body, wanted);
}

static int converse(void *arg)
{
    const struct moirai_http_message *answer;
    struct moirai_scope scope;
    struct moirai_http *http;
    struct site site;

    (void)arg;
    site_init(&site);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, site_serve, &site), 0);
    http = open_client(site.fds[1], "here");
    CHECK_EQ(moirai_http_ask(http, "GET", "/a", NULL, 0, NULL, 0), 0);
    hears(http, "GET /a ");
    CHECK_EQ(moirai_http_ask(http, "POST", "/b", NULL, 0, "hello", 5), 0);
    hears(http, "POST /b hello");
    CHECK_EQ(moirai_http_ask_begin(http, "PUT", "/chunked", NULL, 0, -1), 0);
    CHECK_EQ(moirai_http_write(http, "hel", 3), 0);
    CHECK_EQ(moirai_http_write(http, "lo", 2), 0);
    CHECK_EQ(moirai_http_end(http), 0);
    hears(http, "PUT /chunked hello");
    CHECK_EQ(moirai_http_ask(http, "HEAD", "/c", NULL, 0, NULL, 0), 0);
    hears(http, "");
    CHECK_EQ(moirai_http_ask(http, "GET", "/d", NULL, 0, NULL, 0), 0);
    CHECK_EQ(moirai_http_next(http, &answer), 1);
    CHECK_EQ(moirai_http_ask(http, "GET", "/e", NULL, 0, NULL, 0), 0);
    hears(http, "GET /e ");
    CHECK_EQ(moirai_http_close(http), 0);
    CHECK_EQ(moirai_close(site.fds[1]), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(site.served, 6);
    CHECK_EQ(site.result, 0);
    return 0;
}

TEST(http_client, asks_again_over_one_connection)
{
    with_each(converse, NULL);
    with_seeds(20, converse, NULL);
}

/* --- odd answers ---------------------------------------------------------- */

/* Asks one who answers with `text`, and goes; what the body was, or *rc what
 * went wrong. */
static int odd(const char *text, const char *method, const char *wanted)
{
    const struct moirai_http_message *answer;
    struct moirai_http *http;
    char body[256];
    size_t n = 0;
    int fds[2];
    int rc;

    CHECK_EQ(moirai_socket_pair(SOCK_STREAM, fds), 0);
    CHECK_EQ(moirai_write_all(fds[1], text, strlen(text), NULL, MOIRAI_NEVER),
             0);
    CHECK_EQ(moirai_socket_shutdown(fds[1], SHUT_WR), 0);
    http = open_client(fds[0], "here");
    CHECK_EQ(moirai_http_ask(http, method, "/", NULL, 0, NULL, 0), 0);
    rc = moirai_http_next(http, &answer);
    if (rc == 1) {
        rc = moirai_http_read_all(http, body, sizeof body - 1, &n);
        body[n] = '\0';
        if (rc == 0)
            CHECK_STR(body, wanted);
        rc = rc == 0 ? (int)answer->status : rc;
    }
    moirai_http_close(http);
    CHECK_EQ(moirai_close(fds[0]), 0);
    CHECK_EQ(moirai_close(fds[1]), 0);
    return rc;
}

static int odd_answers(void *arg)
{
    (void)arg;
    CHECK_EQ(odd("", "GET", ""), 0);
    CHECK_EQ(odd("HTTP/1.1 200 OK\r\n\r\nto the end", "GET", "to the end"),
             200);
    CHECK_EQ(odd("HTTP/1.0 404\r\n\r\n", "GET", ""), 404);
    CHECK_EQ(odd("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n"
                 "\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "GET",
                 "a"), 200);
    CHECK_EQ(odd("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD", ""),
             200);
    CHECK_EQ(odd("HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", "GET", ""),
             304);
    CHECK_EQ(odd("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "GET",
                 ""), -EPIPE);
    CHECK_EQ(odd("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "5\r\nhello\r\n0\r\n", "GET", ""), -EPIPE);
    CHECK_EQ(odd("HTTP/1.1 200 O", "GET", ""), -EPIPE);
    CHECK_EQ(odd("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx",
                 "GET", ""), -EBADMSG);
    CHECK_EQ(odd("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                 "Content-Length: 5\r\n\r\n", "GET", ""), -EBADMSG);
    CHECK_EQ(odd("220 mail.example.org ESMTP\r\n", "GET", ""), -EPIPE);
    CHECK_EQ(odd("220 mail.example.org ESMTP\r\n\r\n", "GET", ""), -EBADMSG);
    return 0;
}

TEST(http_client, takes_answers_that_are_clear)
{
    with_each(odd_answers, NULL);
    odd_answers(NULL);
}

static void floods(const char *begin, const char *piece, size_t n, int rc)
{
    char *text = malloc(strlen(begin) + n * strlen(piece) + 1);
    char *at = text;

    CHECK(text != NULL);
    at = stpcpy(at, begin);
    while (n-- > 0)
        at = stpcpy(at, piece);
    CHECK_EQ(odd(text, "GET", ""), rc);
    free(text);
}

static int too_much(void *arg)
{
    (void)arg;
    floods("HTTP/1.1 200 ", "a", 20000, -EMSGSIZE);
    floods("HTTP/1.1 200 OK\r\n", "A: b\r\n", 3000, -EMSGSIZE);
    floods("HTTP/1.1 200 OK\r\nA: b", "\r\nA: b", 63, -EPIPE);
    floods("", "HTTP/1.1 100 Continue\r\n\r\n", 100, -EBADMSG);
    floods("HTTP/1.1 200 OK\r\n\r\n", "a", 5000, -EMSGSIZE);
    return 0;
}

TEST(http_client, takes_only_so_much)
{
    with_one(2, too_much, NULL);
}

TEST(http_client, refuses_requests_that_cannot_be)
{
    static const struct moirai_http_header host = { "Host", "a" };
    static const struct moirai_http_header length = { "Content-Length", "1" };
    struct moirai_http *http;
    int fds[2];

    CHECK_EQ(moirai_socket_pair(SOCK_STREAM, fds), 0);
    http = open_client(fds[0], "here");
    CHECK_EQ(moirai_http_ask(http, "", "/", NULL, 0, NULL, 0), -EINVAL);
    CHECK_EQ(moirai_http_ask(http, "G T", "/", NULL, 0, NULL, 0), -EINVAL);
    CHECK_EQ(moirai_http_ask(http, "GET", "", NULL, 0, NULL, 0), -EINVAL);
    CHECK_EQ(moirai_http_ask(http, "GET", "/ b", NULL, 0, NULL, 0), -EINVAL);
    CHECK_EQ(moirai_http_ask(http, "GET", "/\r\nA: b", NULL, 0, NULL, 0),
             -EINVAL);
    CHECK_EQ(moirai_http_ask(http, "GET", "/", &host, 1, NULL, 0), -EINVAL);
    CHECK_EQ(moirai_http_ask(http, "GET", "/", &length, 1, NULL, 0),
             -EINVAL);
    CHECK_EQ(moirai_http_answer(http, 200, NULL, 0, NULL, 0), -EINVAL);
    CHECK_EQ(moirai_http_ask(http, "GET", "/", NULL, 0, NULL, 0), 0);
    CHECK_EQ(moirai_http_ask(http, "GET", "/", NULL, 0, NULL, 0), -EINVAL);
    CHECK_EQ(moirai_http_close(http), 0);
    http = open_client(fds[0], NULL);
    CHECK_EQ(moirai_http_ask(http, "GET", "/", NULL, 0, NULL, 0), -EINVAL);
    CHECK_EQ(moirai_http_ask(http, "GET", "/", &host, 1, NULL, 0), 0);
    CHECK_EQ(moirai_http_close(http), 0);
    CHECK_EQ(moirai_close(fds[0]), 0);
    CHECK_EQ(moirai_close(fds[1]), 0);
}
