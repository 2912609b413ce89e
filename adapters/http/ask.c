/* SPDX-License-Identifier: MIT */
/*
 * ask.c - a client's requests.
 */
#include <errno.h>
#include <string.h>

#include "connection.h"

static bool is_target(const char *target)
{
    for (const char *at = target; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f || *at == '#')
            return false;
    return *target != '\0';
}

/* A request says exactly once whom it is for. */
static bool has_host(const struct moirai_http *http,
                     const struct moirai_http_header *headers, size_t n)
{
    const struct moirai_http_message message = {
        .headers = headers, .n_headers = (uint32_t)n,
    };

    return http_count(&message, "Host") == (http->host == NULL ? 1u : 0u);
}

/* Whether it can be asked that now: 0 or a negative errno. */
static int may_ask(const struct moirai_http *http, const char *method,
                   const char *target,
                   const struct moirai_http_header *headers, size_t n)
{
    if (http->broken != 0)
        return http->broken;
    if ((http->attr.flags & MOIRAI_HTTP_CLIENT) == 0
        || http->turn != HTTP_QUIET || !is_target(target)
        || strlen(method) >= HTTP_METHOD_SIZE
        || !http_is_token(method, strlen(method)) || n > UINT32_MAX
        || !http_may_send(headers, n) || !has_host(http, headers, n))
        return -EINVAL;
    return http->last ? -EPIPE : 0;
}

/* Who would not expect a body of these is not told that there is none. */
static bool may_have_body(const char *method)
{
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0
        || strcmp(method, "PATCH") == 0;
}

int moirai_http_ask_begin(struct moirai_http *http, const char *method,
                          const char *target,
                          const struct moirai_http_header *headers, size_t n,
                          int64_t length)
{
    int rc = length < -1 ? -EINVAL : may_ask(http, method, target, headers, n);

    if (rc != 0)
        return rc;
    rc = http_pass_over(http);
    if (rc <= 0)
        return rc == 0 ? http_break(http, -EPIPE) : rc;
    http->turn = HTTP_OPEN;
    http->status = 0;
    http->bare = false;
    http->framing = length < 0 ? HTTP_CHUNKED : HTTP_SIZED;
    http->due = length > 0 ? (uint64_t)length : 0;
    memcpy(http->method, method, strlen(method) + 1);
    http_put_text(http, method);
    http_put(http, " ", 1);
    http_put_text(http, target);
    http_put_text(http, " HTTP/1.1\r\n");
    if (http->host != NULL) {
        http_put_text(http, "Host: ");
        http_put_text(http, http->host);
        http_put(http, "\r\n", 2);
    }
    http_put_headers(http, headers, n);
    return http_put_framing(http, length == 0 && !may_have_body(method)
                            ? -1 : length);
}

int moirai_http_ask(struct moirai_http *http, const char *method,
                    const char *target,
                    const struct moirai_http_header *headers, size_t n,
                    const void *body, size_t size)
{
    int rc = moirai_http_ask_begin(http, method, target, headers, n,
                                   (int64_t)size);

    if (rc == 0)
        rc = moirai_http_write(http, body, size);
    return rc == 0 ? moirai_http_end(http) : rc;
}
