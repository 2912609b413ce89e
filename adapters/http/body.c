/* SPDX-License-Identifier: MIT */
/*
 * body.c - bodies that come.
 *
 * A body may take body_ns, and besides as long as it takes at the pace that is
 * asked for. Only the time that was spent waiting for it counts: not the
 * caller's.
 */
#include <errno.h>

#include "connection.h"

#define PASSED ((uint64_t)65536)    /* of what nobody reads, at most */

static int64_t body_until(const struct moirai_http *http, int64_t now)
{
    uint64_t earned = http->got / http->attr.pace;
    int64_t most = INT64_MAX / 4;
    int64_t may = earned > (uint64_t)(most / MOIRAI_S) ? most
        : (int64_t)earned * MOIRAI_S;

    return now + http->attr.body_ns + may - http->waited_ns;
}

/* The same as http_get and http_fill, with the time that is left. */
static int64_t get_some(struct moirai_http *http, void *buffer, size_t size)
{
    int64_t now;
    int64_t n;

    if (http->from != http->to)
        return http_get(http, buffer, size, MOIRAI_NOW);
    now = moirai_now();
    n = buffer != NULL
        ? http_get(http, buffer, size, body_until(http, now))
        : http_fill(http, body_until(http, now));
    http->waited_ns += moirai_now() - now;
    return n;
}

/* What went wrong, told to the peer if it is still to have an answer. */
static int64_t fail(struct moirai_http *http, int rc, const char *fault)
{
    unsigned status = rc == -ETIMEDOUT ? 408 : rc == -EMSGSIZE ? 413 : 400;

    if (fault != NULL)
        http->fault = fault;
    if (rc != -ETIMEDOUT && rc != -EMSGSIZE && rc != -EBADMSG)
        return http_break(http, rc);
    return http_refuse(http, status, rc);
}

static int64_t read_sized(struct moirai_http *http, void *buffer, size_t size)
{
    size_t most = size < http->left ? size : (size_t)http->left;
    int64_t n = get_some(http, buffer, most);

    if (n <= 0)
        return n == 0 ? -EPIPE : n;
    http->left -= (uint64_t)n;
    http->whole = http->left == 0;
    return n;
}

static int64_t read_to_end(struct moirai_http *http, void *buffer, size_t size)
{
    int64_t n = get_some(http, buffer, size);

    http->whole = n == 0;
    return n;
}

static int64_t read_chunked(struct moirai_http *http, void *buffer,
                            size_t size)
{
    int64_t put = 0;

    while (put == 0 && !http->whole) {
        size_t n = http->to - http->from;

        if (n == 0) {
            put = get_some(http, NULL, 0);
            if (put <= 0)
                return put == 0 ? -EPIPE : put;
            n = (size_t)put;
        }
        if (n > size)
            n = size;
        put = http_parse_chunks(&http->parser, http->in + http->from, &n,
                                buffer);
        if (put < 0)
            return put;
        http->from += n;
        http->whole = http->parser.tail == HTTP_TAIL_DONE;
    }
    return put;
}

/* Tells who waits for it that the body is welcome. */
static int invite(struct moirai_http *http)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

    if (!http->parser.expects)
        return 0;
    http->parser.expects = false;
    if (http->turn != HTTP_DUE || http->from != http->to)
        return 0;
    return http_put(http, text, sizeof text - 1);
}

int64_t moirai_http_read(struct moirai_http *http, void *buffer, size_t size)
{
    int64_t n;

    if (http->broken != 0)
        return http->broken;
    if (http->whole || size == 0)
        return 0;
    n = invite(http);
    if (n != 0)
        return n;
    switch (http->parser.framing) {
    case HTTP_SIZED:
        n = read_sized(http, buffer, size);
        break;
    case HTTP_CHUNKED:
        n = read_chunked(http, buffer, size);
        break;
    default:
        n = read_to_end(http, buffer, size);
    }
    if (n < 0)
        return fail(http, (int)n, n == -ETIMEDOUT
                    ? "a body that did not come in time"
                    : http->parser.fault);
    http->got += (uint64_t)n;
    if (http->got > http->attr.body_size)
        return fail(http, -EMSGSIZE, "a body that is too large");
    return n;
}

int moirai_http_read_all(struct moirai_http *http, void *buffer, size_t size,
                         size_t *n)
{
    size_t got = 0;
    int64_t rc = 0;
    char more;

    if (!http->whole && http->parser.framing == HTTP_SIZED
        && http->left > size)
        return (int)fail(http, -EMSGSIZE, "a body that is too large");
    while (got < size
           && (rc = moirai_http_read(http, (char *)buffer + got, size - got))
              > 0)
        got += (size_t)rc;
    if (rc >= 0 && got == size)
        rc = moirai_http_read(http, &more, 1);
    if (rc > 0)
        return (int)fail(http, -EMSGSIZE, "a body that is too large");
    if (rc == 0)
        *n = got;
    return (int)rc;
}

int http_pass_over(struct moirai_http *http)
{
    uint64_t passed = 0;
    char buffer[2048];
    int64_t n = 1;

    if (!http->whole && http->parser.framing == HTTP_SIZED
        && http->left > PASSED)
        passed = PASSED;
    while (!http->whole && passed < PASSED && n > 0) {
        n = moirai_http_read(http, buffer, sizeof buffer);
        if (n > 0)
            passed += (uint64_t)n;
    }
    if (n < 0)
        return (int)n;
    if (http->whole)
        return 1;
    http->last = http->unheard = true;
    return 0;
}
