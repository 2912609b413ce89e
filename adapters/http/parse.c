/* SPDX-License-Identifier: MIT */
/*
 * parse.c - heads, read by llhttp, after a look at what it lets pass.
 *
 * llhttp sees a head once all of it is there, so what it points at lies in one
 * piece and strings can be made of it in place. Whoever stands before or behind
 * us may read the same bytes; what could be read differently is refused:
 *
 *     by http_scan    lines not ended by CR LF; CR, LF, NUL within one; lines
 *                     that continue the one before
 *     by llhttp       characters of names, values, targets; blanks before the
 *                     colon; more than one length; a length and a coding
 *     here            more than one blank in the first line; other versions;
 *                     codings besides chunked, or of HTTP/1.0; headers without
 *                     a name; no host, or two
 */
#include "parse.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define LINE 256                    /* bytes between two chunks, at most */

static struct http_parser *of(llhttp_t *machine)
{
    return machine->data;
}

/* --- lines ---------------------------------------------------------------- */

/* The line ends with the LF at `end`: NULL, or what is wrong. */
static const char *line_fault(const struct http_scan *scan, const char *bytes,
                              size_t end)
{
    const char *line = bytes + scan->line;
    size_t n = end - scan->line;

    if (n == 0 || line[n - 1] != '\r')
        return "a line feed without a carriage return";
    n--;
    if (memchr(line, '\r', n) != NULL)
        return "a carriage return within a line";
    if (memchr(line, '\0', n) != NULL)
        return "a byte 0";
    if (n == 0 && scan->lines == 0)
        return "no first line";
    if (n > 0 && scan->lines > 0 && (line[0] == ' ' || line[0] == '\t'))
        return "a line that continues the one before";
    return NULL;
}

int64_t http_scan(struct http_scan *scan, const char *bytes, size_t n,
                  const char **fault)
{
    const char *found;

    while ((found = memchr(bytes + scan->at, '\n', n - scan->at)) != NULL) {
        size_t end = (size_t)(found - bytes);

        *fault = line_fault(scan, bytes, end);
        if (*fault != NULL)
            return -EBADMSG;
        if (end - scan->line == 1)
            return (int64_t)end + 1;
        scan->line = scan->at = end + 1;
        if (scan->lines++ == 0)
            scan->first = end;
    }
    scan->at = n;
    return 0;
}

/* --- what llhttp says ----------------------------------------------------- */

static int on_method(llhttp_t *machine, const char *at, size_t n)
{
    of(machine)->message.method = at;
    of(machine)->method_size = n;
    return 0;
}

static int on_target(llhttp_t *machine, const char *at, size_t n)
{
    of(machine)->message.target = at;
    of(machine)->target_size = n;
    return 0;
}

static int on_reason(llhttp_t *machine, const char *at, size_t n)
{
    of(machine)->message.reason = at;
    of(machine)->target_size = n;
    return 0;
}

/* Once the name is known, nobody needs the colon behind it. */
static int on_name(llhttp_t *machine, const char *at, size_t n)
{
    struct http_parser *parser = of(machine);
    uint32_t i = parser->message.n_headers;

    if (i == parser->most || n == 0) {
        parser->crowded = i == parser->most;
        llhttp_set_error_reason(machine, i == parser->most
                                ? "too many headers"
                                : "a header without a name");
        return HPE_USER;
    }
    parser->headers[i].name = at;
    parser->headers[i].value = at + n;      /* of which n is the length */
    parser->message.n_headers = i + 1;
    return 0;
}

static int on_head(llhttp_t *machine)
{
    machine->upgrade = 0;           /* is the caller's decision */
    return HPE_PAUSED;
}

static int on_chunk(llhttp_t *machine)
{
    (void)machine;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *machine, const char *at, size_t n)
{
    struct http_parser *parser = of(machine);

    memmove(parser->to + parser->put, at, n);
    parser->put += n;
    return 0;
}

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_url = on_target,
    .on_status = on_reason,
    .on_header_field = on_name,
    .on_headers_complete = on_head,
    .on_chunk_header = on_chunk,
    .on_body = on_body,
};

/* --- heads ---------------------------------------------------------------- */

bool http_is_token(const char *text, size_t n)
{
    static const char more[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < n; i++) {
        char c = text[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || (c != '\0' && strchr(more, c) != NULL)))
            return false;
    }
    return n > 0;
}

bool http_is_value(const char *text)
{
    for (; *text != '\0'; text++)
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
            return false;
    return true;
}

/* Ends a line's text, which begins at `at`, without blanks around it. */
static const char *trim(char *at, char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
    return at;
}

/* What llhttp pointed at, as strings. */
static void make_strings(struct http_parser *parser, char *bytes)
{
    for (uint32_t i = 0; i < parser->message.n_headers; i++) {
        struct moirai_http_header *header = &parser->headers[i];
        char *colon = bytes + (header->value - bytes);
        char *end = strchr(colon, '\r');

        *colon = '\0';
        header->value = trim(colon + 1, end);
    }
}

const char *moirai_http_find(const struct moirai_http_message *message,
                             const char *name)
{
    for (uint32_t i = 0; i < message->n_headers; i++)
        if (strcasecmp(message->headers[i].name, name) == 0)
            return message->headers[i].value;
    return NULL;
}

uint32_t http_count(const struct moirai_http_message *message,
                    const char *name)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < message->n_headers; i++)
        n += strcasecmp(message->headers[i].name, name) == 0;
    return n;
}

static unsigned refuse(struct http_parser *parser, unsigned status,
                       const char *fault)
{
    parser->fault = fault;
    return status;
}

/* Fills framing and length from what llhttp made of the headers. */
static unsigned find_framing(struct http_parser *parser)
{
    struct moirai_http_message *message = &parser->message;
    const char *coding = moirai_http_find(message, "Transfer-Encoding");

    parser->framing = HTTP_EMPTY;
    message->length = 0;
    if (coding != NULL) {
        if (message->minor == 0)
            return refuse(parser, 400, "a transfer coding in HTTP/1.0");
        if (http_count(message, "Transfer-Encoding") > 1 || *coding == '\0')
            return refuse(parser, 400, "unclear transfer codings");
        if (strcasecmp(coding, "chunked") != 0)
            return refuse(parser, 501, "a transfer coding besides chunked");
        parser->framing = HTTP_CHUNKED;
        message->length = -1;
    } else if ((parser->machine.flags & F_CONTENT_LENGTH) != 0) {
        if (parser->machine.content_length > INT64_MAX)
            return refuse(parser, 400, "a length beyond all bounds");
        message->length = (int64_t)parser->machine.content_length;
        if (message->length > 0)
            parser->framing = HTTP_SIZED;
    }
    return 0;
}

static void begin(struct http_parser *parser, llhttp_type_t type)
{
    llhttp_init(&parser->machine, type, &settings);
    parser->machine.data = parser;
    parser->message = (struct moirai_http_message){
        .headers = parser->headers,
    };
    parser->crowded = parser->expects = false;
    parser->fault = NULL;
    parser->method_size = parser->target_size = 0;
    parser->tail = HTTP_TAIL_NONE;
    parser->line = 0;
}

/* Has llhttp read it all. 0 or llhttp's reason, which is an error of HPE_. */
static int read_head(struct http_parser *parser, char *bytes, size_t n)
{
    llhttp_errno_t rc = llhttp_execute(&parser->machine, bytes, n);

    if (rc == HPE_PAUSED
        && llhttp_get_error_pos(&parser->machine) == bytes + n) {
        uint16_t flags = parser->machine.flags;

        parser->message.minor = parser->machine.http_minor;
        parser->keep = parser->message.minor > 0
            ? (flags & F_CONNECTION_CLOSE) == 0
            : (flags & F_CONNECTION_KEEP_ALIVE) != 0;
        llhttp_resume(&parser->machine);
        return 0;
    }
    parser->fault = rc == HPE_OK || rc == HPE_PAUSED
        ? "a head that ends before its end"
        : llhttp_get_error_reason(&parser->machine);
    return rc == HPE_OK || rc == HPE_PAUSED ? HPE_INTERNAL : (int)rc;
}

/* The first line begins with a word that could be a method. */
static bool has_method(const char *bytes, size_t n)
{
    const char *blank = memchr(bytes, ' ', n);

    return blank != NULL && http_is_token(bytes, (size_t)(blank - bytes));
}

/* "METHOD target HTTP/1.x", one blank each. */
static unsigned check_line(struct http_parser *parser, char *bytes)
{
    const struct moirai_http_message *message = &parser->message;
    char *method = bytes + parser->method_size;
    char *target = method + 1 + parser->target_size;

    if (message->method != bytes || message->target != method + 1
        || *target != ' ' || target[9] != '\r')
        return refuse(parser, 400, "the first line is no request");
    if (strncmp(target + 1, "HTTP/1.", 7) != 0)
        return refuse(parser, 505, "another version than HTTP/1.x");
    *method = *target = '\0';
    if (strchr(message->target, '#') != NULL)
        return refuse(parser, 400, "a target with a fragment");
    if (message->target[0] == '*'
        && (strcmp(bytes, "OPTIONS") != 0 || message->target[1] != '\0'))
        return refuse(parser, 400, "a target that is none");
    return 0;
}

static unsigned check_headers(struct http_parser *parser)
{
    const struct moirai_http_message *message = &parser->message;
    const char *host = moirai_http_find(message, "Host");
    const char *expect = moirai_http_find(message, "Expect");
    uint32_t hosts = http_count(message, "Host");

    if (hosts > 1 || (hosts == 0 && message->minor > 0)
        || (host != NULL && strpbrk(host, " \t,/@\\") != NULL))
        return refuse(parser, 400, "a request needs one host");
    if (expect != NULL && message->minor > 0) {
        if (strcasecmp(expect, "100-continue") != 0)
            return refuse(parser, 417, "an expectation besides 100-continue");
        parser->expects = true;
    }
    return find_framing(parser);
}

unsigned http_parse_request(struct http_parser *parser, char *bytes, size_t n)
{
    unsigned status;
    int rc;

    begin(parser, HTTP_REQUEST);
    rc = read_head(parser, bytes, n);
    if (parser->crowded)
        return 431;
    if (rc == HPE_INVALID_METHOD && has_method(bytes, n))
        return refuse(parser, 501, "an unknown method");
    if (rc == HPE_INVALID_VERSION)
        return 505;
    if (rc != 0)
        return 400;
    status = check_line(parser, bytes);
    if (status != 0)
        return status;
    make_strings(parser, bytes);
    return check_headers(parser);
}

/* "HTTP/1.x 200 Reason", where the reason, and the blank before it, may be
 * missing. */
static unsigned check_status(struct http_parser *parser, char *bytes)
{
    struct moirai_http_message *message = &parser->message;
    char *end = strchr(bytes, '\r');

    if (strncmp(bytes, "HTTP/1.", 7) != 0 || bytes[8] != ' '
        || (bytes[12] != ' ' && bytes[12] != '\r')
        || parser->machine.status_code < 100
        || parser->machine.status_code > 599)
        return refuse(parser, 400, "the first line is no answer");
    message->status = parser->machine.status_code;
    *end = '\0';
    message->reason = end > bytes + 13 ? bytes + 13 : end;
    return 0;
}

/* An answer to `method` has no body, whatever its headers say. */
static bool has_none(const struct moirai_http_message *message,
                     const char *method)
{
    return message->status < 200 || message->status == 204
        || message->status == 304 || strcmp(method, "HEAD") == 0
        || (strcmp(method, "CONNECT") == 0 && message->status < 300);
}

int http_parse_answer(struct http_parser *parser, char *bytes, size_t n,
                      const char *method)
{
    struct moirai_http_message *message = &parser->message;

    begin(parser, HTTP_RESPONSE);
    if (read_head(parser, bytes, n) != 0
        || check_status(parser, bytes) != 0)
        return -EBADMSG;
    make_strings(parser, bytes);
    if (find_framing(parser) != 0)
        return -EBADMSG;
    if (has_none(message, method)) {
        parser->framing = HTTP_EMPTY;
        message->length = 0;
    } else if (parser->framing == HTTP_EMPTY
               && (parser->machine.flags & F_CONTENT_LENGTH) == 0) {
        parser->framing = HTTP_TO_END;
        parser->keep = false;
        message->length = -1;
    }
    return 0;
}

/* --- chunks --------------------------------------------------------------- */

/* The next state of the end of a chunked body, after the last chunk: headers,
 * which nobody gets to see, and an empty line. HTTP_TAIL_NONE: wrong. */
static enum http_tail follow(enum http_tail tail, char c)
{
    switch (tail) {
    case HTTP_TAIL_BEGIN:
        if (c == '\r')
            return HTTP_TAIL_LAST;
        return http_is_token(&c, 1) ? HTTP_TAIL_NAME : HTTP_TAIL_NONE;
    case HTTP_TAIL_NAME:
        if (c == ':')
            return HTTP_TAIL_VALUE;
        return http_is_token(&c, 1) ? HTTP_TAIL_NAME : HTTP_TAIL_NONE;
    case HTTP_TAIL_VALUE:
        if (c == '\r')
            return HTTP_TAIL_LF;
        return (unsigned char)c >= ' ' || c == '\t' ? HTTP_TAIL_VALUE
                                                    : HTTP_TAIL_NONE;
    case HTTP_TAIL_LF:
        return c == '\n' ? HTTP_TAIL_BEGIN : HTTP_TAIL_NONE;
    case HTTP_TAIL_LAST:
        return c == '\n' ? HTTP_TAIL_DONE : HTTP_TAIL_NONE;
    default:
        return HTTP_TAIL_NONE;
    }
}

static int64_t take_tail(struct http_parser *parser, const char *from,
                         size_t *n)
{
    size_t i = 0;

    while (i < *n && parser->tail != HTTP_TAIL_DONE) {
        parser->tail = follow(parser->tail, from[i++]);
        if (parser->tail == HTTP_TAIL_NONE || parser->line++ == 16 * LINE) {
            parser->fault = "wrong headers after the last chunk";
            return -EBADMSG;
        }
    }
    *n = i;
    return 0;
}

/* At the beginning of a chunk: of the last one, if it is empty. */
static void begin_chunk(struct http_parser *parser)
{
    parser->line = 0;
    if (parser->machine.content_length == 0)
        parser->tail = HTTP_TAIL_BEGIN;
    else
        llhttp_resume(&parser->machine);
}

int64_t http_parse_chunks(struct http_parser *parser, const char *from,
                          size_t *n, char *to)
{
    llhttp_errno_t rc;

    if (parser->tail != HTTP_TAIL_NONE)
        return take_tail(parser, from, n);
    parser->to = to;
    parser->put = 0;
    rc = llhttp_execute(&parser->machine, from, *n);
    if (rc == HPE_PAUSED)
        *n = (size_t)(llhttp_get_error_pos(&parser->machine) - from);
    parser->line = (parser->put > 0 ? 0 : parser->line)
        + (uint32_t)(*n - parser->put);
    if ((rc != HPE_OK && rc != HPE_PAUSED) || parser->line > LINE) {
        parser->fault = parser->line > LINE ? "too much between two chunks"
            : llhttp_get_error_reason(&parser->machine);
        return -EBADMSG;
    }
    if (rc == HPE_PAUSED)
        begin_chunk(parser);
    return (int64_t)parser->put;
}
