/* SPDX-License-Identifier: MIT */
/*
 * test_http_parse.c - heads and chunks that are read, and those that two
 * programs could read in two ways, which are not.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "parse.h"

#define HEADERS 8

static struct moirai_http_header headers[HEADERS];
static char memory[4096];
static struct http_parser parser;

/* What becomes of a request's head: 0, or the status. */
static unsigned judge(const char *text)
{
    struct http_scan scan = { 0 };
    size_t n = strlen(text);
    int64_t end;

    memcpy(memory, text, n);
    parser = (struct http_parser){ .headers = headers, .most = HEADERS };
    end = http_scan(&scan, memory, n, &parser.fault);
    if (end < 0)
        return 400;
    CHECK_FMT(end == (int64_t)n, "no end: %s", text);
    return http_parse_request(&parser, memory, n);
}

static void refuses(const char *text, unsigned status)
{
    unsigned got = judge(text);

    CHECK_FMT(got == status, "%s: %u, not %u", text, got, status);
    CHECK(parser.fault != NULL);
}

static void takes(const char *text, enum http_framing framing,
                  int64_t length)
{
    unsigned got = judge(text);

    CHECK_FMT(got == 0, "%s: %u, %s", text, got, parser.fault);
    CHECK_EQ(parser.framing, framing);
    CHECK_EQ(parser.message.length, length);
}

TEST(http_parse, makes_strings_of_a_head)
{
    takes("GET /a?b HTTP/1.1\r\nHost:here:80 \t\r\nA-b: \t c d\r\nEmpty:\r\n"
          "\r\n", HTTP_EMPTY, 0);
    CHECK_STR(parser.message.method, "GET");
    CHECK_STR(parser.message.target, "/a?b");
    CHECK_EQ(parser.message.minor, 1);
    CHECK_EQ(parser.message.n_headers, 3);
    CHECK_STR(headers[0].name, "Host");
    CHECK_STR(headers[0].value, "here:80");
    CHECK_STR(moirai_http_find(&parser.message, "a-B"), "c d");
    CHECK_STR(moirai_http_find(&parser.message, "empty"), "");
    CHECK(moirai_http_find(&parser.message, "A") == NULL);
    CHECK(parser.keep);
    CHECK(!parser.expects);
}

#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

TEST(http_parse, finds_out_where_the_body_ends)
{
    takes("GET / HTTP/1.0\r\n\r\n", HTTP_EMPTY, 0);
    CHECK(!parser.keep);
    takes("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", HTTP_EMPTY, 0);
    CHECK(parser.keep);
    takes(POST "Connection: x, close\r\n\r\n", HTTP_EMPTY, 0);
    CHECK(!parser.keep);
    takes(POST "Content-Length: 0\r\n\r\n", HTTP_EMPTY, 0);
    takes(POST "content-length: 12\r\n\r\n", HTTP_SIZED, 12);
    takes(POST "Transfer-Encoding: Chunked\r\n\r\n", HTTP_CHUNKED, -1);
    takes(POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n",
          HTTP_SIZED, 1);
    CHECK(parser.expects);
    takes(POST "Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n"
          "\r\n", HTTP_SIZED, 3);
    takes("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", HTTP_EMPTY, 0);
    takes("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_EMPTY, 0);
    takes("GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_EMPTY, 0);
}

TEST(http_parse, refuses_two_ways_to_end_a_body)
{
    static const char *const bad[] = {
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n", "Content-Length: 5,6\r\n",
        "Content-Length: +5\r\n", "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n", "Content-Length: 5 6\r\n",
        "Content-Length: 5a\r\n", "Content-Length:\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length: 18446744073709551615\r\n",
        "Content-Length: 9223372036854775808\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding : chunked\r\n", "Content-Length : 5\r\n",
        " Transfer-Encoding: chunked\r\n", "A: b\r\n Content-Length: 5\r\n",
        "Transfer-Encoding:\x0b" "chunked\r\n",
        "Transfer-Encoding: \x80" "chunked\r\n",
    };
    char text[512];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, POST "%s\r\n", bad[i]);
        if (strchr(bad[i], '\x80') != NULL)
            refuses(text, 501);
        else
            refuses(text, 400);
    }
    refuses(POST "Transfer-Encoding: gzip\r\n\r\n", 501);
    refuses(POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501);
    refuses(POST "Transfer-Encoding: xchunked\r\n\r\n", 501);
    refuses("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
}

TEST(http_parse, refuses_what_is_no_head)
{
    static const char *const bad[] = {
        "\r\n", "\r\r\n", "\n", "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n", "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nA: b\rc\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\rA: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nA\t: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nA\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nA: \x01\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nA: \x7f\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nA\x80: b\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\n",
        "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / a HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\r\n\r\n",
        "GET /\r\nHost: a\r\n\r\n", "GET\r\n\r\n", " \r\n\r\n",
        "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
        "(GET) / HTTP/1.1\r\nHost: a\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(bad[i], 400);
}

TEST(http_parse, says_what_it_does_not_know)
{
    refuses("FOO / HTTP/1.1\r\nHost: a\r\n\r\n", 501);
    refuses("get / HTTP/1.1\r\nHost: a\r\n\r\n", 501);
    refuses("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
    refuses("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505);
    refuses("GET / RTSP/1.0\r\nHost: a\r\n\r\n", 505);
    refuses("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 505);
    refuses(POST "Expect: 200-ok\r\n\r\n", 417);
    refuses(POST "a: b\r\na: b\r\na: b\r\na: b\r\na: b\r\na: b\r\na: b\r\n"
            "a: b\r\n\r\n", 431);
}

TEST(http_parse, refuses_a_byte_0)
{
    static const char at_target[] = "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char at_value[] = "GET / HTTP/1.1\r\nHost: \0a\r\n\r\n";
    struct http_scan scan = { 0 };

    CHECK_EQ(http_scan(&scan, at_target, sizeof at_target - 1, &parser.fault),
             -EBADMSG);
    scan = (struct http_scan){ 0 };
    CHECK_EQ(http_scan(&scan, at_value, sizeof at_value - 1, &parser.fault),
             -EBADMSG);
}

TEST(http_parse, finds_the_end_however_a_head_comes)
{
    static const char text[] = POST "A: b\r\n\r\nmore\r\n\r\n";
    const size_t end = sizeof POST - 1 + 8;

    for (size_t i = 1; i < sizeof text; i++) {
        struct http_scan scan = { 0 };
        int64_t n = 0;

        for (size_t at = i; n == 0 && at < sizeof text; at += i)
            n = http_scan(&scan, text, at, &parser.fault);
        if (n == 0)
            n = http_scan(&scan, text, sizeof text - 1, &parser.fault);
        CHECK_EQ(n, end);
    }
}

/* --- answers -------------------------------------------------------------- */

static int judge_answer(const char *text, const char *method)
{
    struct http_scan scan = { 0 };
    size_t n = strlen(text);

    memcpy(memory, text, n);
    parser = (struct http_parser){ .headers = headers, .most = HEADERS };
    if (http_scan(&scan, memory, n, &parser.fault) != (int64_t)n)
        return -EBADMSG;
    return http_parse_answer(&parser, memory, n, method);
}

static void answers(const char *text, const char *method,
                    enum http_framing framing, int64_t length)
{
    CHECK_FMT(judge_answer(text, method) == 0, "%s: %s", text, parser.fault);
    CHECK_EQ(parser.framing, framing);
    CHECK_EQ(parser.message.length, length);
}

TEST(http_parse, reads_answers)
{
    answers("HTTP/1.1 200 All is well\r\nContent-Length: 5\r\n\r\n", "GET",
            HTTP_SIZED, 5);
    CHECK_EQ(parser.message.status, 200);
    CHECK_STR(parser.message.reason, "All is well");
    CHECK(parser.keep);
    answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD",
            HTTP_EMPTY, 0);
    answers("HTTP/1.1 204 \r\n\r\n", "GET", HTTP_EMPTY, 0);
    CHECK_STR(parser.message.reason, "");
    answers("HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", "GET",
            HTTP_EMPTY, 0);
    answers("HTTP/1.1 200\r\n\r\n", "GET", HTTP_TO_END, -1);
    CHECK(!parser.keep);
    answers("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "GET",
            HTTP_EMPTY, 0);
    CHECK(!parser.keep);
    answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "GET",
            HTTP_CHUNKED, -1);
    answers("HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n",
            "GET", HTTP_EMPTY, 0);
}

TEST(http_parse, refuses_answers_that_are_unclear)
{
    static const char *const bad[] = {
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
         "Transfer-Encoding: chunked\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\nA: b\n\n", "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 600 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1\r\n\r\n", "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200 O\rK\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FMT(judge_answer(bad[i], "GET") == -EBADMSG, "%s", bad[i]);
}

/* --- chunks --------------------------------------------------------------- */

/* Decodes it in pieces of `step` bytes: 1: whole, *body and *left say what it
 * was and what follows; 0: it is not complete; or -EBADMSG. */
static int decode(const char *text, size_t step, char *body,
                  const char **left)
{
    static const char head[] = POST "Transfer-Encoding: chunked\r\n\r\n";
    size_t size = strlen(text);
    size_t at = 0;

    CHECK_EQ(judge(head), 0);
    while (at < size && parser.tail != HTTP_TAIL_DONE) {
        size_t n = step < size - at ? step : size - at;
        int64_t put = http_parse_chunks(&parser, text + at, &n, body);

        if (put < 0)
            return (int)put;
        body += put;
        at += n;
    }
    *body = '\0';
    *left = text + at;
    return parser.tail == HTTP_TAIL_DONE;
}

static void decodes(const char *text, const char *wanted, const char *rest)
{
    char body[4096];
    const char *left;

    for (size_t step = 1; step <= strlen(text); step++) {
        int rc = decode(text, step, body, &left);

        CHECK_FMT(rc == 1, "%s by %zu: %d, %s", text, step, rc,
                  parser.fault != NULL ? parser.fault : "");
        CHECK_STR(body, wanted);
        CHECK_STR(left, rest);
    }
}

TEST(http_parse, joins_chunks_however_they_come)
{
    decodes("5\r\nhello\r\n0\r\n\r\n", "hello", "");
    decodes("5\r\nhello\r\n1\r\n,\r\nA\r\n0123456789\r\n0\r\n\r\nGET",
            "hello,0123456789", "GET");
    decodes("0\r\n\r\n", "", "");
    decodes("5;a=\"b;c\"\r\nhello\r\n0;e\r\n\r\n", "hello", "");
    decodes("1\r\na\r\n0\r\nSum: 1\r\nB:\r\n\r\nleft", "a", "left");
    decodes("00001\r\n0\r\n000\r\n\r\n", "0", "");
}

static void bad_chunks(const char *text)
{
    char body[4096];
    const char *left;

    for (size_t step = 1; step <= strlen(text); step++)
        CHECK_FMT(decode(text, step, body, &left) == -EBADMSG, "%s by %zu",
                  text, step);
    CHECK(parser.fault != NULL);
}

TEST(http_parse, refuses_chunks_that_are_unclear)
{
    static const char *const bad[] = {
        "5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\r\n", "5\r\nhello\r\n0\r\n\n",
        "5 \r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello", "+5\r\nhello", "-5\r\nhello", "\r\n5\r\nhello",
        ";a\r\n", "5;a\nhello", "5;a\rb\r\nhello", "5\r\rhello",
        "ffffffffffffffffff\r\nhello", "10000000000000000\r\na",
        "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n",
        "0\r\nA: b\n\r\n", "0\r\n A: b\r\n\r\n", "0\r\nA: b\r\n c\r\n\r\n",
        "0\r\nA : b\r\n\r\n", "0\r\n: b\r\n\r\n", "0\r\nA\r\n\r\n",
        "0\r\nA: b\rc\r\n\r\n", "0\r\n\rA: b\r\n\r\n", "0\r\nA: \x01\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        bad_chunks(bad[i]);
}

TEST(http_parse, refuses_much_between_chunks)
{
    char text[6000];

    snprintf(text, sizeof text, "5;a=%0300d\r\nhello\r\n0\r\n\r\n", 1);
    bad_chunks(text);
    snprintf(text, sizeof text, "%0300d\r\nhello\r\n0\r\n\r\n", 5);
    bad_chunks(text);
    snprintf(text, sizeof text, "0\r\nA: %05000d\r\n\r\n", 5);
    bad_chunks(text);
}
