/* SPDX-License-Identifier: MIT */
/*
 * parse.h - heads and chunks: bytes in memory, nothing of where they are from.
 */
#ifndef HTTP_PARSE_H
#define HTTP_PARSE_H

#include <llhttp.h>

#include <moirai/http.h>

/* Where the body ends. */
enum http_framing {
    HTTP_EMPTY,                     /* at once: there is none */
    HTTP_SIZED,                     /* after so many bytes */
    HTTP_CHUNKED,
    HTTP_TO_END,                    /* with the stream; answers only */
};

/* How far the end of a head has been looked for. */
struct http_scan {
    size_t line;                    /* where the current line begins */
    size_t at;                      /* before here is no more line end */
    size_t lines;                   /* complete ones */
    size_t first;                   /* where the first one ended, if it did */
};

/* The parts of a chunked body that llhttp is not asked about. */
enum http_tail {
    HTTP_TAIL_NONE,                 /* not there yet */
    HTTP_TAIL_BEGIN,                /* at the beginning of a line */
    HTTP_TAIL_NAME, HTTP_TAIL_VALUE,
    HTTP_TAIL_LF,                   /* has to come: a line ends */
    HTTP_TAIL_LAST,                 /* has to come: the body ends */
    HTTP_TAIL_DONE,
};

struct http_parser {
    llhttp_t machine;
    struct moirai_http_message message;
    struct moirai_http_header *headers;
    uint32_t most;                  /* headers, that there is room for */
    bool crowded;                   /* there were more */
    bool keep;                      /* the peer lets the connection go on */
    bool expects;                   /* to be told to send the body */
    enum http_framing framing;
    const char *fault;              /* what was wrong, or NULL */
    size_t method_size, target_size;    /* as llhttp saw them */
    /* of a chunked body */
    enum http_tail tail;
    uint32_t line;                  /* bytes since the last one of a body */
    char *to;                       /* where bytes of the body go */
    size_t put;                     /* how many did */
};

/* Looks for the end of the head that begins at `bytes`, of which there are n so
 * far: its length; 0: not yet; -EBADMSG, and *fault: it cannot become one. */
int64_t http_scan(struct http_scan *scan, const char *bytes, size_t n,
                  const char **fault);

/* Reads a head, n bytes in which http_scan found nothing wrong, and makes
 * strings of its parts. 0, or the status that it deserves; then fault says
 * why. */
unsigned http_parse_request(struct http_parser *parser, char *bytes, size_t n);

/* The same of an answer to a request of that method: 0 or -EBADMSG. */
int http_parse_answer(struct http_parser *parser, char *bytes, size_t n,
                      const char *method);

/* Takes some of the *n bytes at `from`, and puts what of them is the body to
 * `to`, which has room for as many, or is `from` itself. How many of the body,
 * and *n: how many were taken; -EBADMSG, and fault. tail is HTTP_TAIL_DONE when
 * the body is complete. */
int64_t http_parse_chunks(struct http_parser *parser, const char *from,
                          size_t *n, char *to);

/* How many headers have that name, in whatever case. */
uint32_t http_count(const struct moirai_http_message *message,
                    const char *name);

/* Of what names of headers and methods are made. */
bool http_is_token(const char *text, size_t n);

/* Whether it can be the value of a header. */
bool http_is_value(const char *text);

#endif
