/* SPDX-License-Identifier: MIT */
/*
 * connection.c - opening and closing, heads that come, bytes in and out.
 *
 * All memory is taken when the connection is opened. What came lies in `in`:
 *
 *     0 .. [head, strings are made of it] base .. from [unread] to .. in_size
 *
 * A head moves to the beginning before it is read, if there would be too little
 * room behind it. What follows it may be its body or the next request.
 */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <moirai/net.h>

#define ROOM 2048                   /* behind a head, at least */
#define INTERIM 16                  /* answers of 1xx before the one */
#define LINGER (2 * MOIRAI_S)
#define HEAD_MOST (1u << 20)
#define HEADERS_MOST 10000u

/* --- opening -------------------------------------------------------------- */

static int64_t preset(int64_t value, int64_t otherwise)
{
    return value != 0 ? value : otherwise;
}

static int fill_in(struct moirai_http_attr *own,
                   const struct moirai_http_attr *given)
{
    *own = (struct moirai_http_attr)MOIRAI_HTTP_ATTR_INIT;
    if (given != NULL)
        *own = *given;
    if (own->size != sizeof *own || (own->flags & ~MOIRAI_HTTP_CLIENT) != 0
        || own->head_size > HEAD_MOST || own->headers > HEADERS_MOST
        || own->idle_ns < 0 || own->head_ns < 0 || own->body_ns < 0
        || own->write_ns < 0 || own->reserved != 0
        || (own->host != NULL && !http_is_value(own->host)))
        return -EINVAL;
    own->head_size = (uint32_t)preset(own->head_size, 8192);
    own->headers = (uint32_t)preset(own->headers, 64);
    own->pace = (uint32_t)preset(own->pace, 500);
    own->body_size = own->body_size != 0 ? own->body_size : UINT64_MAX;
    own->idle_ns = preset(own->idle_ns, 60 * MOIRAI_S);
    own->head_ns = preset(own->head_ns, 10 * MOIRAI_S);
    own->body_ns = preset(own->body_ns, 20 * MOIRAI_S);
    own->write_ns = preset(own->write_ns, 20 * MOIRAI_S);
    return 0;
}

int moirai_http_open(struct moirai_http **http,
                     const struct moirai_http_stream *stream,
                     const struct moirai_http_attr *attr)
{
    struct moirai_http_attr own;
    struct moirai_http *made;
    size_t host;
    int rc = fill_in(&own, attr);

    if (rc != 0 || (stream->read == NULL) != (stream->write == NULL)
        || (stream->read == NULL && stream->fd < 0))
        return -EINVAL;
    host = own.host != NULL ? strlen(own.host) + 1 : 0;
    made = calloc(1, sizeof *made + own.headers * sizeof *made->parser.headers
                  + own.head_size + ROOM + HTTP_OUT_SIZE + host);
    if (made == NULL)
        return -ENOMEM;
    made->stream = *stream;
    made->attr = own;
    made->parser.most = own.headers;
    made->parser.headers = (struct moirai_http_header *)(made + 1);
    made->in = (char *)(made->parser.headers + own.headers);
    made->in_size = own.head_size + ROOM;
    made->out = made->in + made->in_size;
    if (host != 0)
        made->host = memcpy(made->out + HTTP_OUT_SIZE, own.host, host);
    made->whole = true;
    *http = made;
    return 0;
}

/* --- bytes that go -------------------------------------------------------- */

int http_break(struct moirai_http *http, int rc)
{
    if (http->broken == 0)
        http->broken = rc;
    return http->broken;
}

int64_t http_write_until(const struct moirai_http *http, uint64_t size)
{
    return moirai_after(http->attr.write_ns
                        + (int64_t)(size / http->attr.pace) * MOIRAI_S);
}

static int send_all(struct moirai_http *http, const char *bytes, size_t size,
                    bool more)
{
    int64_t until = http_write_until(http, size);
    int flags = more ? MSG_MORE : 0;

    while (size > 0) {
        int64_t n = http->stream.write != NULL
            ? http->stream.write(http->stream.self, bytes, size, until)
            : moirai_send(http->stream.fd, bytes, size, flags, until);

        if (n < 0) {
            http->ended = true;
            return http_break(http, (int)n);
        }
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

int http_send(struct moirai_http *http, bool more)
{
    size_t held = http->held;

    if (http->broken != 0 || held == 0)
        return http->broken;
    http->held = 0;
    return send_all(http, http->out, held, more);
}

int http_put(struct moirai_http *http, const void *bytes, size_t size)
{
    if (http->broken != 0)
        return http->broken;
    if (size > HTTP_OUT_SIZE - http->held) {
        size_t fits = HTTP_OUT_SIZE - http->held;

        memcpy(http->out + http->held, bytes, fits);
        http->held = HTTP_OUT_SIZE;
        bytes = (const char *)bytes + fits;
        size -= fits;
        if (http_send(http, true) != 0)
            return http->broken;
        if (size >= HTTP_OUT_SIZE)
            return send_all(http, bytes, size, false);
    }
    if (size > 0)
        memcpy(http->out + http->held, bytes, size);
    http->held += size;
    return 0;
}

int http_put_text(struct moirai_http *http, const char *text)
{
    return http_put(http, text, strlen(text));
}

int http_put_number(struct moirai_http *http, uint64_t number, unsigned base)
{
    char text[24];
    char *at = text + sizeof text;

    do {
        *--at = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    return http_put(http, at, (size_t)(text + sizeof text - at));
}

int moirai_http_flush(struct moirai_http *http)
{
    return http_send(http, false);
}

/* --- bytes that come ------------------------------------------------------ */

static int64_t receive(struct moirai_http *http, void *buffer, size_t size,
                       int64_t deadline_ns)
{
    int64_t n;

    if (http->held != 0 && http_send(http, false) != 0)
        return http->broken;
    n = http->stream.read != NULL
        ? http->stream.read(http->stream.self, buffer, size, deadline_ns)
        : moirai_recv(http->stream.fd, buffer, size, 0, deadline_ns);
    http->ended = n == 0 || (n < 0 && n != -ETIMEDOUT && n != -ECANCELED);
    return n;
}

int64_t http_fill(struct moirai_http *http, int64_t deadline_ns)
{
    int64_t n;

    if (http->from == http->to) {
        http->from = http->to = http->base;
    } else if (http->to == http->in_size) {
        memmove(http->in + http->base, http->in + http->from,
                http->to - http->from);
        http->to -= http->from - http->base;
        http->from = http->base;
    }
    n = receive(http, http->in + http->to, http->in_size - http->to,
                deadline_ns);
    if (n > 0)
        http->to += (size_t)n;
    return n;
}

int64_t http_get(struct moirai_http *http, void *buffer, size_t size,
                 int64_t deadline_ns)
{
    size_t n = http->to - http->from;

    if (n == 0)
        return receive(http, buffer, size, deadline_ns);
    if (n > size)
        n = size;
    memcpy(buffer, http->in + http->from, n);
    http->from += n;
    return (int64_t)n;
}

/* --- heads that come ------------------------------------------------------ */

/* Waits for the first byte. 1; 0: there will be none; or a negative errno. */
static int64_t wait_idle(struct moirai_http *http)
{
    bool client = (http->attr.flags & MOIRAI_HTTP_CLIENT) != 0;
    int64_t n;

    if (http->from != http->to)
        return 1;
    /* Pairs with moirai_http_drain: it sees IDLE, and ends the wait; or we see
     * DRAIN. */
    if (atomic_fetch_or(&http->state, HTTP_IDLE) == HTTP_DRAIN)
        return 0;
    n = http_fill(http, moirai_after(http->attr.idle_ns));
    atomic_fetch_and(&http->state, ~HTTP_IDLE);
    if (n == -ETIMEDOUT && !client && http->broken == 0)
        return 0;
    return n;
}

void moirai_http_drain(struct moirai_http *http)
{
    if (atomic_fetch_or(&http->state, HTTP_DRAIN) == HTTP_IDLE
        && http->stream.read == NULL)
        moirai_socket_shutdown(http->stream.fd, SHUT_RD);
}

/* An empty line between two requests is passed over. False: it cannot be told
 * yet whether there is one. */
static bool pass_empty_line(struct moirai_http *http)
{
    const char *at = http->in + http->from;
    size_t n = http->to - http->from;

    if (n == 1 && at[0] == '\r')
        return false;
    if (n >= 2 && at[0] == '\r' && at[1] == '\n')
        http->from += 2;
    return true;
}

static int too_long(struct moirai_http *http, bool first)
{
    http->fault = first ? "a first line that is too long"
                        : "a head that is too long";
    return first ? -ENAMETOOLONG : -EMSGSIZE;
}

/* Waits until a head is there, and takes it: its length, *at: where it is; 0:
 * the stream ended before it began; -ENAMETOOLONG: its first line is it;
 * -EMSGSIZE, -EBADMSG, ... */
static int64_t take_head(struct moirai_http *http, char **at)
{
    struct http_scan scan = { 0 };
    bool begun = false;
    int64_t until;
    int64_t n;

    http->base = 0;
    n = wait_idle(http);
    if (n <= 0)
        return n;
    until = moirai_after(http->attr.head_ns);
    for (;;) {
        begun = begun || pass_empty_line(http);
        n = begun ? http_scan(&scan, http->in + http->from,
                              http->to - http->from, &http->fault) : 0;
        if (n > (int64_t)http->attr.head_size
            || (n == 0 && http->to - http->from >= http->attr.head_size))
            return too_long(http, scan.lines == 0
                            || scan.first >= http->attr.head_size);
        if (n != 0)
            break;
        n = http_fill(http, until);
        if (n <= 0)
            return n == 0 ? -EPIPE : n;
    }
    if (n < 0)
        return n;
    if (http->from + (size_t)n > http->in_size - ROOM) {
        memmove(http->in, http->in + http->from, http->to - http->from);
        http->to -= http->from;
        http->from = 0;
    }
    *at = http->in + http->from;
    http->from += (size_t)n;
    http->base = http->from;
    return n;
}

static void expect_body(struct moirai_http *http)
{
    const struct http_parser *parser = &http->parser;

    http->whole = parser->framing == HTTP_EMPTY;
    http->left = parser->framing == HTTP_SIZED
        ? (uint64_t)parser->message.length : 0;
    http->got = 0;
    http->waited_ns = 0;
    if (!parser->keep)
        http->last = true;
}

/* What a head that could not be taken means to the peer. */
static int refuse_head(struct moirai_http *http, int rc)
{
    switch (rc) {
    case -EBADMSG:
        return http_refuse(http, 400, rc);
    case -ENAMETOOLONG:
        return http_refuse(http, 414, -EMSGSIZE);
    case -EMSGSIZE:
        return http_refuse(http, 431, rc);
    case -ETIMEDOUT:
        http->fault = "a head that did not come in time";
        return http_refuse(http, 408, rc);
    default:
        return http_break(http, rc);
    }
}

/* There is no message whose head, or body, could matter. */
static void forget(struct moirai_http *http)
{
    http->parser.message = (struct moirai_http_message){ .minor = 1 };
    http->parser.expects = false;
    http->whole = true;
    http->left = 0;
    http->fault = NULL;
}

static int next_request(struct moirai_http *http)
{
    char *head;
    int64_t n;
    unsigned status;

    forget(http);
    n = take_head(http, &head);
    if (n == 0)
        http->last = true;
    if (n <= 0)
        return n == 0 ? 0 : refuse_head(http, (int)n);
    status = http_parse_request(&http->parser, head, (size_t)n);
    if (status != 0) {
        forget(http);
        http->fault = http->parser.fault;
        return http_refuse(http, status, status == 431 ? -EMSGSIZE
                                                       : -EBADMSG);
    }
    expect_body(http);
    http->turn = HTTP_DUE;
    if (http->left > http->attr.body_size) {
        http->fault = "a body that is too large";
        return http_refuse(http, 413, -EMSGSIZE);
    }
    return 1;
}

static int next_answer(struct moirai_http *http)
{
    char *head;
    int64_t n;

    for (int i = 0; i < INTERIM; i++) {
        forget(http);
        n = take_head(http, &head);
        if (n == 0)
            http->last = true;
        if (n <= 0)
            return n == 0 ? 0 : http_break(http, n == -ENAMETOOLONG
                                           ? -EMSGSIZE : (int)n);
        if (http_parse_answer(&http->parser, head, (size_t)n, http->method)
            != 0) {
            http->fault = http->parser.fault;
            return http_break(http, http->parser.crowded ? -EMSGSIZE
                                                         : -EBADMSG);
        }
        http->status = http->parser.message.status;
        if (http->status >= 200 || http->status == 101)
            break;
    }
    expect_body(http);
    http->turn = HTTP_QUIET;
    if (http->left > http->attr.body_size)
        return http_break(http, -EMSGSIZE);
    return http->status >= 200 || http->status == 101 ? 1
        : http_break(http, -EBADMSG);
}

int moirai_http_next(struct moirai_http *http,
                     const struct moirai_http_message **message)
{
    bool client = (http->attr.flags & MOIRAI_HTTP_CLIENT) != 0;
    int rc;

    if (http->broken != 0)
        return http->broken;
    if (http->turn == HTTP_OPEN || http->turn == (client ? HTTP_QUIET
                                                         : HTTP_DUE))
        return -EINVAL;
    if (!client) {
        rc = http->last ? 0 : http_pass_over(http);
        if (rc <= 0)
            return rc;
        http->turn = HTTP_QUIET;
    }
    rc = client ? next_answer(http) : next_request(http);
    if (rc == 1)
        *message = &http->parser.message;
    return rc;
}

/* --- closing -------------------------------------------------------------- */

/* To close a socket while there are bytes to be read would throw away what the
 * peer has not received yet (RFC 9112, 9.6). */
static void linger(struct moirai_http *http)
{
    int64_t until = moirai_after(LINGER);

    if (http->stream.read != NULL || http->ended)
        return;
    moirai_socket_shutdown(http->stream.fd, SHUT_WR);
    while (moirai_recv(http->stream.fd, http->in, http->in_size, 0, until) > 0)
        ;
}

int moirai_http_close(struct moirai_http *http)
{
    int rc;

    if (http == NULL)
        return 0;
    rc = http_send(http, false);
    if ((http->last || http->unheard)
        && (http->attr.flags & MOIRAI_HTTP_CLIENT) == 0)
        linger(http);
    free(http);
    return rc;
}

unsigned moirai_http_status(const struct moirai_http *http)
{
    return http->status;
}

const char *moirai_http_fault(const struct moirai_http *http)
{
    return http->fault;
}
