/* SPDX-License-Identifier: MIT */
/*
 * test_http.c - what servers answer, and what they refuse.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <moirai/net.h>

#include "check.h"
#include "site.h"
#include "with.h"

static void answers(const char *request, const char *wanted)
{
    struct site site;
    char *answer = site_ask(&site, request);

    site_drop_dates(answer);
    CHECK_STR(answer, wanted);
    CHECK_EQ(site.result, 0);
    free(answer);
}


static int requests(void *arg)
{
    (void)arg;
    answers("", "");
    answers("GET / HTTP/1.1\r\n" HOST "\r\n", HEAD("6") "\r\nGET / ");
    answers("\r\nGET / HTTP/1.1\r\n" HOST "\r\n", HEAD("6") "\r\nGET / ");
    answers("GET / HTTP/1.0\r\n\r\n",
            HEAD("6") "Connection: close\r\n\r\nGET / ");
    answers("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            HEAD("6") "Connection: keep-alive\r\n\r\nGET / ");
    answers("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
            "GET /not HTTP/1.1\r\n" HOST "\r\n",
            HEAD("6") "Connection: close\r\n\r\nGET / ");
    answers("HEAD / HTTP/1.1\r\n" HOST "\r\n", HEAD("7") "\r\n");
    answers("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
            "GET /b HTTP/1.1\r\n" HOST "\r\n",
            HEAD("12") "\r\nPOST / hello" HEAD("7") "\r\nGET /b ");
    answers("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
            "3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\nA: b\r\n\r\n"
            "GET /b HTTP/1.1\r\n" HOST "\r\n",
            HEAD("12") "\r\nPOST / hello" HEAD("7") "\r\nGET /b ");
    answers("GET /chunked HTTP/1.1\r\n" HOST "\r\n",
            CHUNKED "\r\n4\r\nGET \r\n9\r\n/chunked \r\n0\r\n\r\n");
    answers("GET /chunked HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nServer: test"
            "\r\nConnection: close\r\n\r\nGET /chunked ");
    answers("HEAD /chunked HTTP/1.1\r\n" HOST "\r\n", CHUNKED "\r\n");
    return 0;
}

TEST(http, serves)
{
    with_each(requests, NULL);
}

TEST(http, serves_in_every_order)
{
    with_seeds(20, requests, NULL);
}

TEST(http, serves_plain_threads)
{
    struct site site;
    const char request[] = "GET / HTTP/1.1\r\n" HOST "\r\n";
    char answer[512];
    size_t n;

    site_init(&site);
    CHECK_EQ(write(site.fds[1], request, sizeof request - 1),
             sizeof request - 1);
    moirai_socket_shutdown(site.fds[1], SHUT_WR);
    site_serve(&site);
    CHECK_EQ(site.served, 1);
    CHECK_EQ(moirai_read_all(site.fds[1], answer, sizeof answer, &n,
                             MOIRAI_NEVER), -EPIPE);
    CHECK(n > 0);
    CHECK_EQ(moirai_close(site.fds[1]), 0);
}

/* --- however it comes ----------------------------------------------------- */

static int split(void *arg)
{
    static const char text[] =
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
        "3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\nA: b\r\n\r\n\r\n"
        "POST /c HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nworld"
        "GET /b HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
    static const char wanted[] = HEAD("12") "\r\nPOST / hello" HEAD("13")
        "\r\nPOST /c world" HEAD("7") "Connection: close\r\n\r\nGET /b ";

    (void)arg;
    for (size_t step = 1; step < sizeof text; step += step < 40 ? 1 : 13) {
        struct site site;
        char *answer;

        site_init(&site);
        site.slow_reader = step % 2 != 0;
        answer = site_talk(&site, text, sizeof text - 1, step);
        site_drop_dates(answer);
        CHECK_STR(answer, wanted);
        CHECK_EQ(site.result, 0);
        free(answer);
    }
    return 0;
}

TEST(http, serves_what_comes_in_pieces)
{
    with_one(1, split, NULL);
    with_one(2, split, NULL);
    with_seeds(3, split, NULL);
}

#define PIPELINED 100

static int pipeline(void *arg)
{
    char text[PIPELINED * 64], wanted[PIPELINED * 128];
    size_t n = 0, m = 0;
    struct site site;
    char *answer;

    (void)arg;
    for (unsigned i = 0; i < PIPELINED; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "GET /%03u HTTP/1.1\r\n" HOST "\r\n", i);
        m += (size_t)snprintf(wanted + m, sizeof wanted - m,
                              HEAD("9") "\r\nGET /%03u ", i);
    }
    site_init(&site);
    answer = site_talk(&site, text, n, n);
    site_drop_dates(answer);
    CHECK_STR(answer, wanted);
    CHECK_EQ(site.served, PIPELINED);
    free(answer);
    return 0;
}

TEST(http, serves_a_hundred_at_once_in_order)
{
    with_each(pipeline, NULL);
}

/* --- what is refused ------------------------------------------------------ */

static void refuses(const char *request, unsigned status, int rc)
{
    struct site site;
    char *answer = site_ask(&site, request);
    char head[32];
    size_t ends = 0;

    snprintf(head, sizeof head, "HTTP/1.1 %u ", status);
    CHECK_FMT(strncmp(answer, head, strlen(head)) == 0, "%s: %s", request,
              answer);
    CHECK(strstr(answer, "\r\nConnection: close\r\n") != NULL);
    CHECK(strstr(answer, site.fault) != NULL && site.fault[0] != '\0');
    for (const char *at = answer; (at = strstr(at, "HTTP/1.1 ")) != NULL; at++)
        ends++;
    CHECK_EQ(ends, 1);
    CHECK_EQ(site.result, rc);
    CHECK_EQ(site.status, status);
    free(answer);
}

static int smuggle(void *arg)
{
    (void)arg;
    refuses(POST "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
            "0\r\n\r\nGET /x HTTP/1.1\r\n" HOST "\r\n", 400, -EBADMSG);
    refuses(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400,
            -EBADMSG);
    refuses(POST "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
            400, -EBADMSG);
    refuses(POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\nGET / HTTP/1.1\r\n"
            HOST "\r\n", 400, -EBADMSG);
    refuses(POST "Transfer-Encoding: gzip\r\n\r\n", 501, -EBADMSG);
    refuses("GET / HTTP/1.1\n" HOST "\n", 400, -EBADMSG);
    refuses("GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n", 400, -EBADMSG);
    refuses("HEAD / HTTP/1.1\r\n\r\n", 400, -EBADMSG);
    refuses("BREW / HTTP/1.1\r\n" HOST "\r\n", 501, -EBADMSG);
    refuses("GET / HTTP/3.0\r\n" HOST "\r\n", 505, -EBADMSG);
    refuses(POST "Expect: the worst\r\n\r\n", 417, -EBADMSG);
    refuses("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400, -EBADMSG);
    refuses("\x16\x03\x01\x02\n", 400, -EBADMSG);
    return 0;
}

TEST(http, refuses_what_could_be_read_in_two_ways)
{
    with_each(smuggle, NULL);
}

/* A request whose n-th part is `piece` many times. */
static char *repeat(const char *begin, const char *piece, size_t n,
                    const char *end)
{
    char *text = malloc(strlen(begin) + n * strlen(piece) + strlen(end) + 1);
    char *at = text;

    CHECK(text != NULL);
    at = stpcpy(at, begin);
    while (n-- > 0)
        at = stpcpy(at, piece);
    stpcpy(at, end);
    return text;
}

static void refuses_many(const char *begin, const char *piece, size_t n,
                         unsigned status)
{
    char *text = repeat(begin, piece, n, "\r\n\r\n");

    refuses(text, status, -EMSGSIZE);
    free(text);
}

static int too_much(void *arg)
{
    char *text;

    (void)arg;
    refuses_many("GET /", "a", 9000, 414);
    refuses_many("GET /", "a", 100000, 414);
    refuses_many("GET / HTTP/1.1\r\n" HOST "A: ", "a", 9000, 431);
    refuses_many("GET / HTTP/1.1\r\n" HOST "A: ", "a", 100000, 431);
    refuses_many("GET / HTTP/1.1\r\nHost: a", "\r\nA: b", 64, 431);
    text = repeat(POST "Content-Length: 5000\r\n\r\n", "a", 5000, "");
    refuses(text, 413, -EMSGSIZE);
    free(text);
    text = repeat(POST "Transfer-Encoding: chunked\r\n\r\n",
                  "3\r\naaa\r\n", 3000, "0\r\n\r\n");
    refuses(text, 413, -EMSGSIZE);
    free(text);
    return 0;
}

TEST(http, refuses_too_much)
{
    with_one(2, too_much, NULL);
}

static int limited(void *arg)
{
    struct site site;
    char *answer;

    (void)arg;
    for (int i = 0; i < 2; i++) {
        static const char *const texts[] = {
            POST "Content-Length: 11\r\n\r\nhello world",
            POST "Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n"
            "\r\n",
        };

        site_init(&site);
        site.attr.body_size = 10;
        answer = site_talk(&site, texts[i], strlen(texts[i]), 1000);
        CHECK(strncmp(answer, "HTTP/1.1 413 ", 13) == 0);
        CHECK_EQ(site.result, -EMSGSIZE);
        free(answer);
    }
    return 0;
}

TEST(http, limits_bodies)
{
    with_one(1, limited, NULL);
}

/* --- bodies that are not read, or not wanted ------------------------------ */

static int unread(void *arg)
{
    static const char text[] =
        POST "Content-Length: 5\r\n\r\nhello"
        POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        POST "Content-Length: 100000\r\n\r\n";
    struct site site;
    char *answer;

    (void)arg;
    site_init(&site);
    site.ignores = true;
    answer = site_talk(&site, text, sizeof text - 1, sizeof text);
    site_drop_dates(answer);
    CHECK_STR(answer, HEAD("7") "\r\nPOST / " HEAD("7") "\r\nPOST / "
              HEAD("7") "Connection: close\r\n\r\nPOST / ");
    CHECK_EQ(site.result, 0);
    free(answer);
    return 0;
}

TEST(http, passes_over_what_is_not_read)
{
    with_each(unread, NULL);
}

static int expecting(void *arg)
{
    static const char text[] = POST "Expect: 100-continue\r\n"
        "Content-Length: 5\r\n\r\n";
    struct moirai_scope scope;
    struct site site;
    char answer[1024];
    size_t n;

    (void)arg;
    site_init(&site);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, site_serve, &site), 0);
    CHECK_EQ(moirai_write_all(site.fds[1], text, sizeof text - 1, NULL,
                              MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_read_all(site.fds[1], answer, 25, &n, MOIRAI_NEVER), 0);
    CHECK(memcmp(answer, "HTTP/1.1 100 Continue\r\n\r\n", 25) == 0);
    CHECK_EQ(moirai_write_all(site.fds[1], "hello", 5, NULL, MOIRAI_NEVER),
             0);
    moirai_socket_shutdown(site.fds[1], SHUT_WR);
    moirai_read_all(site.fds[1], answer, sizeof answer - 1, &n, MOIRAI_NEVER);
    answer[n] = '\0';
    site_drop_dates(answer);
    CHECK_STR(answer, HEAD("12") "\r\nPOST / hello");
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(moirai_close(site.fds[1]), 0);
    return 0;
}

/* Who is not invited sends nothing; and is not asked for anything else. */
static int uninvited(void *arg)
{
    static const char text[] = POST "Expect: 100-continue\r\n"
        "Content-Length: 5\r\n\r\n";
    struct site site;
    char *answer;

    (void)arg;
    site_init(&site);
    site.ignores = true;
    answer = site_talk(&site, text, sizeof text - 1, sizeof text);
    site_drop_dates(answer);
    CHECK_STR(answer, HEAD("7") "Connection: close\r\n\r\nPOST / ");
    free(answer);
    return 0;
}

TEST(http, invites_bodies_that_are_read)
{
    with_each(expecting, NULL);
    with_one(2, uninvited, NULL);
}

/* --- answers -------------------------------------------------------------- */

static int answer_wrongly(void *arg)
{
    struct site *site = arg;
    const struct moirai_http_stream stream =
        MOIRAI_HTTP_SOCKET(site->fds[0]);
    static const struct moirai_http_header bad[] = {
        { "A", "b\r\nC: d" }, { "A", "b\nC: d" }, { "A", "\x7f" },
        { "A b", "c" }, { "A:", "b" }, { "", "b" }, { NULL, "b" },
        { "A", NULL }, { "content-length", "5" }, { "Connection", "close" },
        { "Transfer-Encoding", "chunked" },
    };
    const struct moirai_http_message *request;
    struct moirai_http *http;

    CHECK_EQ(moirai_http_open(&http, &stream, &site->attr), 0);
    CHECK_EQ(moirai_http_write(http, "a", 1), -EINVAL);
    CHECK_EQ(moirai_http_answer(http, 200, NULL, 0, "", 0), -EINVAL);
    CHECK_EQ(moirai_http_next(http, &request), 1);
    CHECK_EQ(moirai_http_next(http, &request), -EINVAL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_EQ(moirai_http_answer(http, 200, &bad[i], 1, "", 0), -EINVAL);
    CHECK_EQ(moirai_http_answer(http, 199, NULL, 0, "", 0), -EINVAL);
    CHECK_EQ(moirai_http_answer(http, 600, NULL, 0, "", 0), -EINVAL);
    CHECK_EQ(moirai_http_answer_begin(http, 200, NULL, 0, -2), -EINVAL);
    CHECK_EQ(moirai_http_end(http), -EINVAL);
    CHECK_EQ(moirai_http_answer_begin(http, 299, NULL, 0, 3), 0);
    CHECK_EQ(moirai_http_answer_begin(http, 299, NULL, 0, 3), -EINVAL);
    CHECK_EQ(moirai_http_write(http, "abcd", 4), -EINVAL);
    CHECK_EQ(moirai_http_write(http, "ab", 2), 0);
    CHECK_EQ(moirai_http_end(http), -EINVAL);
    CHECK_EQ(moirai_http_close(http), -EINVAL);
    CHECK_EQ(moirai_close(site->fds[0]), 0);
    return 0;
}

TEST(http, refuses_answers_that_cannot_be)
{
    static const char text[] = "GET / HTTP/1.1\r\n" HOST "\r\n";
    struct site site;

    site_init(&site);
    CHECK_EQ(write(site.fds[1], text, sizeof text - 1), sizeof text - 1);
    answer_wrongly(&site);
    close(site.fds[1]);
}

TEST(http, refuses_attributes_that_make_no_sense)
{
    struct moirai_http_stream stream = MOIRAI_HTTP_SOCKET(-1);
    struct moirai_http_attr attr = MOIRAI_HTTP_ATTR_INIT;
    struct moirai_http *http;

    CHECK_EQ(moirai_http_open(&http, &stream, NULL), -EINVAL);
    stream.fd = 0;
    attr.size = 1;
    CHECK_EQ(moirai_http_open(&http, &stream, &attr), -EINVAL);
    attr = (struct moirai_http_attr)MOIRAI_HTTP_ATTR_INIT;
    attr.flags = 128;
    CHECK_EQ(moirai_http_open(&http, &stream, &attr), -EINVAL);
    attr.flags = 0;
    attr.idle_ns = -1;
    CHECK_EQ(moirai_http_open(&http, &stream, &attr), -EINVAL);
    attr.idle_ns = 0;
    attr.host = "a\r\nb";
    CHECK_EQ(moirai_http_open(&http, &stream, &attr), -EINVAL);
    CHECK_EQ(moirai_http_close(NULL), 0);
}
