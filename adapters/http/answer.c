/* SPDX-License-Identifier: MIT */
/*
 * answer.c - heads and bodies that go: a server's answers, and the body of
 * either side.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <moirai/io.h>

#include "connection.h"

#define PIECE ((uint64_t)262144)    /* of a file, with a time to send it */
#define PASSED 65536                /* as in body.c: what is read for nothing */

static const char *reason_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } rows[] = {
        { 101, "Switching Protocols" }, { 200, "OK" }, { 201, "Created" },
        { 202, "Accepted" }, { 204, "No Content" }, { 205, "Reset Content" },
        { 206, "Partial Content" }, { 301, "Moved Permanently" },
        { 302, "Found" }, { 303, "See Other" }, { 304, "Not Modified" },
        { 307, "Temporary Redirect" }, { 308, "Permanent Redirect" },
        { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" },
        { 404, "Not Found" }, { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" }, { 408, "Request Timeout" },
        { 409, "Conflict" }, { 410, "Gone" }, { 411, "Length Required" },
        { 412, "Precondition Failed" }, { 413, "Content Too Large" },
        { 414, "URI Too Long" }, { 415, "Unsupported Media Type" },
        { 416, "Range Not Satisfiable" }, { 417, "Expectation Failed" },
        { 422, "Unprocessable Content" }, { 426, "Upgrade Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" }, { 501, "Not Implemented" },
        { 502, "Bad Gateway" }, { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].status == status)
            return rows[i].reason;
    return "";
}

/* --- heads ---------------------------------------------------------------- */

bool http_may_send(const struct moirai_http_header *headers, size_t n)
{
    static const char *const ours[] = {
        "Content-Length", "Transfer-Encoding", "Connection",
    };

    for (size_t i = 0; i < n; i++) {
        const char *name = headers[i].name;

        if (name == NULL || !http_is_token(name, strlen(name))
            || headers[i].value == NULL || !http_is_value(headers[i].value))
            return false;
        for (size_t k = 0; k < sizeof ours / sizeof *ours; k++)
            if (strcasecmp(name, ours[k]) == 0)
                return false;
    }
    return true;
}

int http_put_headers(struct moirai_http *http,
                     const struct moirai_http_header *headers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        http_put_text(http, headers[i].name);
        http_put(http, ": ", 2);
        http_put_text(http, headers[i].value);
        http_put(http, "\r\n", 2);
    }
    return http->broken;
}

int http_put_framing(struct moirai_http *http, int64_t length)
{
    if (http->framing == HTTP_CHUNKED) {
        http_put_text(http, "Transfer-Encoding: chunked\r\n");
    } else if (length >= 0) {
        http_put_text(http, "Content-Length: ");
        http_put_number(http, (uint64_t)length, 10);
        http_put(http, "\r\n", 2);
    }
    if (http->last)
        http_put_text(http, "Connection: close\r\n");
    else if (http->parser.message.minor == 0
             && (http->attr.flags & MOIRAI_HTTP_CLIENT) == 0)
        http_put_text(http, "Connection: keep-alive\r\n");
    return http_put(http, "\r\n", 2);
}

static void put_line(struct moirai_http *http, unsigned status)
{
    http_put_text(http, "HTTP/1.1 ");
    http_put_number(http, status, 10);
    http_put(http, " ", 1);
    http_put_text(http, reason_of(status));
    http_put(http, "\r\n", 2);
}

/* Made anew once a second; not by strftime, which asks the locale. */
static void put_date(struct moirai_http *http)
{
    time_t now = time(NULL);
    struct tm tm;

    if (http->date_s != (int64_t)now && gmtime_r(&now, &tm) != NULL) {
        snprintf(http->date, sizeof http->date,
                 "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
                 &"SunMonTueWedThuFriSat"[3 * tm.tm_wday], tm.tm_mday,
                 &"JanFebMarAprMayJunJulAugSepOctNovDec"[3 * tm.tm_mon],
                 tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
        http->date_s = (int64_t)now;
    }
    http_put_text(http, http->date);
}

static bool has_date(const struct moirai_http_header *headers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(headers[i].name, "Date") == 0)
            return true;
    return false;
}

/* What of the request's body has not come is not waited for if it is much, or
 * if the client was not told to send it. */
static bool leaves_much(const struct moirai_http *http)
{
    return !http->whole && (http->parser.expects || http->left > PASSED);
}

/* Where the body of the answer ends. */
static void choose_framing(struct moirai_http *http, unsigned status,
                           int64_t length)
{
    const char *method = http->parser.message.method;

    http->bare = status == 204 || status == 304
        || (method != NULL && strcmp(method, "HEAD") == 0);
    http->due = length > 0 ? (uint64_t)length : 0;
    http->framing = length >= 0 ? HTTP_SIZED : HTTP_CHUNKED;
    if (length < 0 && http->parser.message.minor == 0) {
        http->framing = HTTP_TO_END;
        http->last = true;
    }
    if (leaves_much(http))
        http->last = http->unheard = true;
    if (atomic_load(&http->state) == HTTP_DRAIN)
        http->last = true;
}

int moirai_http_answer_begin(struct moirai_http *http, unsigned status,
                             const struct moirai_http_header *headers,
                             size_t n, int64_t length)
{
    if (http->broken != 0)
        return http->broken;
    if (http->turn != HTTP_DUE || status < 200 || status > 599 || length < -1
        || !http_may_send(headers, n))
        return -EINVAL;
    choose_framing(http, status, length);
    http->status = status;
    http->turn = HTTP_OPEN;
    put_line(http, status);
    if (!has_date(headers, n))
        put_date(http);
    http_put_headers(http, headers, n);
    return http_put_framing(http, status == 204 ? -1 : length);
}

int moirai_http_answer(struct moirai_http *http, unsigned status,
                       const struct moirai_http_header *headers, size_t n,
                       const void *body, size_t size)
{
    int rc = moirai_http_answer_begin(http, status, headers, n,
                                      (int64_t)size);

    if (rc == 0)
        rc = moirai_http_write(http, body, size);
    return rc == 0 ? moirai_http_end(http) : rc;
}

int http_refuse(struct moirai_http *http, unsigned status, int rc)
{
    static const struct moirai_http_header plain = {
        "Content-Type", "text/plain",
    };
    const char *reason = reason_of(status);
    size_t size = 6 + strlen(reason)
        + (http->fault != NULL ? 2 + strlen(http->fault) : 0);

    if ((http->attr.flags & MOIRAI_HTTP_CLIENT) == 0
        && (http->turn == HTTP_QUIET || http->turn == HTTP_DUE)) {
        http->turn = HTTP_DUE;
        http->last = http->unheard = true;
        moirai_http_answer_begin(http, status, &plain, 1,
                                 (int64_t)size - 1);
        if (!http->bare) {
            http_put_number(http, status, 10);
            http_put(http, " ", 1);
            http_put_text(http, reason);
            if (http->fault != NULL) {
                http_put_text(http, ": ");
                http_put_text(http, http->fault);
            }
            http_put(http, "\n", 1);
        }
        http->turn = HTTP_SENT;
        http_send(http, false);
    }
    return http_break(http, rc);
}

/* --- bodies --------------------------------------------------------------- */

/* Before `size` bytes of a body: whether they may come now. */
static int begin_part(struct moirai_http *http, uint64_t size)
{
    if (http->broken != 0)
        return http->broken;
    if (http->turn != HTTP_OPEN
        || (http->framing == HTTP_SIZED && size > http->due))
        return -EINVAL;
    if (http->framing == HTTP_SIZED)
        http->due -= size;
    if (http->framing == HTTP_CHUNKED && !http->bare && size > 0) {
        http_put_number(http, size, 16);
        http_put(http, "\r\n", 2);
    }
    return http->broken;
}

static int end_part(struct moirai_http *http, uint64_t size)
{
    if (http->framing == HTTP_CHUNKED && !http->bare && size > 0)
        http_put(http, "\r\n", 2);
    return http->broken;
}

int moirai_http_write(struct moirai_http *http, const void *bytes,
                      size_t size)
{
    int rc = begin_part(http, size);

    if (rc != 0 || http->bare || size == 0)
        return rc;
    http_put(http, bytes, size);
    return end_part(http, size);
}

/* Through memory, where the kernel cannot do it. */
static int copy_file(struct moirai_http *http, int file, int64_t offset,
                     uint64_t size)
{
    char buffer[HTTP_OUT_SIZE];

    while (size > 0 && http->broken == 0) {
        size_t most = size < sizeof buffer ? (size_t)size : sizeof buffer;
        int64_t n = moirai_pread(file, buffer, most, offset);

        if (n <= 0)
            return http_break(http, n == 0 ? -EPIPE : (int)n);
        http_put(http, buffer, (size_t)n);
        offset += n;
        size -= (uint64_t)n;
    }
    return http->broken;
}

static int move_file(struct moirai_http *http, int file, int64_t offset,
                     uint64_t size)
{
    if (lseek(file, (off_t)offset, SEEK_SET) < 0)
        return http_break(http, -ESPIPE);
    if (http_send(http, true) != 0)
        return http->broken;
    while (size > 0) {
        uint64_t piece = size < PIECE ? size : PIECE;
        int64_t n = moirai_fd_move(file, http->stream.fd, (size_t)piece,
                                   http_write_until(http, piece));

        if (n <= 0)
            return http_break(http, n == 0 ? -EPIPE : (int)n);
        size -= (uint64_t)n;
    }
    return 0;
}

int moirai_http_send_file(struct moirai_http *http, int file, int64_t offset,
                          uint64_t size)
{
    int rc = begin_part(http, size);

    if (rc != 0 || http->bare || size == 0)
        return rc;
    if (http->stream.write == NULL && size > HTTP_OUT_SIZE)
        move_file(http, file, offset, size);
    else
        copy_file(http, file, offset, size);
    return end_part(http, size);
}

int moirai_http_end(struct moirai_http *http)
{
    if (http->broken != 0)
        return http->broken;
    if (http->turn != HTTP_OPEN)
        return -EINVAL;
    http->turn = HTTP_SENT;
    if (http->framing == HTTP_SIZED && http->due != 0 && !http->bare)
        return http_break(http, -EINVAL);
    if (http->framing == HTTP_CHUNKED && !http->bare)
        http_put(http, "0\r\n\r\n", 5);
    return http->broken;
}
