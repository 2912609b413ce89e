/* SPDX-License-Identifier: MIT */
/*
 * fuzz_http.c - requests and answers as a peer might send them.
 *
 * However the bytes are cut, the same is made of them; what is taken keeps its
 * promises: strings without control characters, one way to end the body.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "parse.h"

const char fuzz_name[] = "http";

#define HEADERS 16

static void check_strings(const struct http_parser *parser)
{
    for (uint32_t i = 0; i < parser->message.n_headers; i++) {
        const struct moirai_http_header *header = &parser->headers[i];

        FUZZ_CHECK(http_is_token(header->name, strlen(header->name)),
                   "name %u: %s", i, header->name);
        FUZZ_CHECK(http_is_value(header->value), "value %u: %s", i,
                   header->value);
    }
}

/* A body has one end. */
static void check_framing(const struct http_parser *parser)
{
    const struct moirai_http_message *message = &parser->message;
    uint32_t sizes = http_count(message, "Content-Length");
    uint32_t codings = http_count(message, "Transfer-Encoding");

    FUZZ_CHECK(sizes + codings <= 1, "%u sizes, %u codings", sizes, codings);
    if (parser->framing == HTTP_SIZED)
        FUZZ_CHECK(sizes == 1 && message->length > 0, "length %lld",
                   (long long)message->length);
    if (parser->framing == HTTP_CHUNKED)
        FUZZ_CHECK(codings == 1 && message->minor == 1, "HTTP/1.%u",
                   message->minor);
}

static void check_request(const struct http_parser *parser)
{
    const struct moirai_http_message *message = &parser->message;

    FUZZ_CHECK(http_is_token(message->method, strlen(message->method)),
               "method %s", message->method);
    FUZZ_CHECK(*message->target != '\0'
               && strpbrk(message->target, " \t\r\n#") == NULL, "target %s",
               message->target);
    FUZZ_CHECK(http_count(message, "Host") == 1 || message->minor == 0,
               "%u hosts", http_count(message, "Host"));
    FUZZ_CHECK(parser->framing != HTTP_TO_END, "%s", message->method);
}

/* The end of the head, looked for with `step` bytes more each time. */
static int64_t scan(const char *bytes, size_t size, size_t step)
{
    struct http_scan state = { 0 };
    const char *fault = NULL;
    int64_t n = 0;

    for (size_t at = step < size ? step : size; n == 0;
         at = size - at < step ? size : at + step) {
        n = http_scan(&state, bytes, at, &fault);
        if (at == size)
            break;
    }
    FUZZ_CHECK((n < 0) == (fault != NULL), "%lld", (long long)n);
    return n;
}

static void try_head(const uint8_t *data, size_t size, bool request)
{
    static struct moirai_http_header headers[HEADERS];
    struct http_parser parser = { .headers = headers, .most = HEADERS };
    int64_t n = scan((const char *)data, size, size);
    char *bytes;
    bool taken;

    FUZZ_CHECK(scan((const char *)data, size, 1) == n, "by one: not %lld",
               (long long)n);
    FUZZ_CHECK(scan((const char *)data, size, 7) == n, "by 7: not %lld",
               (long long)n);
    if (n <= 0)
        return;
    bytes = malloc((size_t)n);
    if (bytes == NULL)
        abort();
    memcpy(bytes, data, (size_t)n);
    taken = request ? http_parse_request(&parser, bytes, (size_t)n) == 0
        : http_parse_answer(&parser, bytes, (size_t)n, "GET") == 0;
    FUZZ_CHECK(taken == (parser.fault == NULL), "fault %s",
               parser.fault != NULL ? parser.fault : "none");
    if (taken) {
        check_strings(&parser);
        check_framing(&parser);
        if (request)
            check_request(&parser);
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    try_head(data, size, true);
    try_head(data, size, false);
    return 0;
}
