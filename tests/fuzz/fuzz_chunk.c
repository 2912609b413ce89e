/* SPDX-License-Identifier: MIT */
/*
 * fuzz_chunk.c - chunked bodies as a peer might send them.
 *
 * However the bytes are cut, and also in place, the same comes out; and it is
 * what a plain reading of the rules gives, which takes nothing that has two
 * meanings. llhttp takes no more than one extension; that is all it may refuse
 * beyond the rules.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "parse.h"

const char fuzz_name[] = "chunk";

static const char head[] =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/* What became of an input. */
struct outcome {
    int rc;                         /* 1: whole; 0: not yet; -EBADMSG */
    size_t used, put;
};

static struct outcome decode(const char *bytes, size_t size, size_t step,
                             char *to)
{
    static struct moirai_http_header headers[4];
    struct http_parser parser = { .headers = headers, .most = 4 };
    struct outcome outcome = { 0 };
    char copy[sizeof head];

    memcpy(copy, head, sizeof head);
    if (http_parse_request(&parser, copy, sizeof head - 1) != 0)
        abort();
    while (outcome.used < size && parser.tail != HTTP_TAIL_DONE) {
        size_t n = size - outcome.used < step ? size - outcome.used : step;
        size_t given = n;
        int64_t put = http_parse_chunks(&parser, bytes + outcome.used, &n,
                                        to + outcome.put);

        if (put < 0) {
            outcome.rc = (int)put;
            FUZZ_CHECK(parser.fault != NULL, "%d", outcome.rc);
            return outcome;
        }
        FUZZ_CHECK(n <= given && (size_t)put <= n && n > 0, "%zu of %zu", n,
                   given);
        outcome.used += n;
        outcome.put += (size_t)put;
    }
    outcome.rc = parser.tail == HTTP_TAIL_DONE;
    return outcome;
}

/* Whether that is the size of a chunk that is told to be one. */
static bool follows_rules(const char *bytes, size_t size)
{
    size_t at = 0;

    for (;;) {
        char digits[300] = "";
        size_t n = 0;
        unsigned long long chunk;

        while (at + n < size && n < sizeof digits - 1
               && strchr("0123456789abcdefABCDEF", bytes[at + n]) != NULL
               && bytes[at + n] != '\0') {
            digits[n] = bytes[at + n];
            n++;
        }
        at += n;
        if (n == 0 || at >= size || (bytes[at] != ';' && bytes[at] != '\r'))
            return false;
        while (at < size && bytes[at] != '\r' && bytes[at] != '\n')
            at++;
        if (size - at < 2 || bytes[at] != '\r' || bytes[at + 1] != '\n')
            return false;
        at += 2;
        chunk = strtoull(digits, NULL, 16);
        if (chunk == 0)
            return true;
        if (chunk > size - at || size - at - chunk < 2
            || memcmp(bytes + at + chunk, "\r\n", 2) != 0)
            return false;
        at += chunk + 2;
    }
}

static bool same(const struct outcome *a, const struct outcome *b)
{
    return a->rc == b->rc
        && (a->rc < 0 || (a->used == b->used && a->put == b->put));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    char *whole = malloc(size + 1);
    char *other = malloc(size + 1);
    struct outcome all, parts;

    if (whole == NULL || other == NULL)
        abort();
    all = decode(bytes, size, size + 1, whole);
    for (size_t step = 1; step < 8; step += 3) {
        parts = decode(bytes, size, step, other);
        FUZZ_CHECK(same(&all, &parts), "by %zu: %d, %d", step, all.rc,
                   parts.rc);
        FUZZ_CHECK(all.rc < 0 || memcmp(whole, other, all.put) == 0,
                   "by %zu", step);
    }
    if (size > 0)
        memcpy(other, data, size);
    parts = decode(other, size, size + 1, other);
    FUZZ_CHECK(same(&all, &parts), "in place: %d, %d", all.rc, parts.rc);
    if (all.rc == 1)
        FUZZ_CHECK(follows_rules(bytes, all.used), "%zu bytes", all.used);
    free(whole);
    free(other);
    return 0;
}
