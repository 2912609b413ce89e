/* SPDX-License-Identifier: MIT */
/*
 * connection.h - what the files of a connection share.
 *
 * Everything is used by the one task whose turn it is, but for `state`, which
 * moirai_http_drain sets from others.
 */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include <stdatomic.h>

#include "parse.h"

#define HTTP_DATE_SIZE 96
#define HTTP_METHOD_SIZE 24

/* What a message that is sent has come to. */
enum http_turn {
    HTTP_QUIET,                     /* server: no request; client: none sent */
    HTTP_DUE,                       /* server: a request waits for its answer */
    HTTP_OPEN,                      /* begun, and not ended */
    HTTP_SENT,
};

/* Bits of `state`. */
#define HTTP_IDLE 1u                /* waits for the first byte of a request */
#define HTTP_DRAIN 2u               /* no request after this one */

struct moirai_http {
    struct moirai_http_stream stream;
    struct moirai_http_attr attr;
    struct http_parser parser;
    atomic_uint state;
    int broken;                     /* why it is of no use any more, or 0 */
    bool last;                      /* nothing follows the current message */
    bool ended;                     /* the peer will send nothing more */
    bool unheard;                   /* the peer may be sending, to nobody */
    unsigned status;                /* last sent, or come */
    const char *fault;

    /* what came */
    char *in;
    size_t in_size;
    size_t base;                    /* before is the head, which is in use */
    size_t from, to;                /* unread */
    uint64_t left;                  /* of a body whose size is known */
    uint64_t got;                   /* of a body */
    int64_t waited_ns;              /* for a body */
    bool whole;                     /* all of it was read */

    /* what goes */
    char *out;
    size_t held;                    /* bytes not sent yet */
    enum http_turn turn;
    enum http_framing framing;
    bool bare;                      /* its body is not to be sent */
    uint64_t due;                   /* of a body whose size was said */
    int64_t date_s;                 /* when `date` is right */
    char date[HTTP_DATE_SIZE];
    char method[HTTP_METHOD_SIZE];  /* client: of the last request */
    char *host;                     /* client: NULL: none */
};

/* Bytes of what is kept before it is sent. */
#define HTTP_OUT_SIZE 4096

/* Says that the connection is of no use, and why: rc, a negative errno. */
int http_break(struct moirai_http *http, int rc);

/* Reads what comes next into the caller's memory, or, with no more than is
 * there, out of what was read ahead. How many bytes; 0: the stream has ended;
 * or broken. Sends first what was kept. Can wait. */
int64_t http_get(struct moirai_http *http, void *buffer, size_t size,
                 int64_t deadline_ns);

/* Reads more behind what there is. As above. */
int64_t http_fill(struct moirai_http *http, int64_t deadline_ns);

/* Keeps, or sends. 0 or broken. Can wait. */
int http_put(struct moirai_http *http, const void *bytes, size_t size);
int http_put_text(struct moirai_http *http, const char *text);
int http_put_number(struct moirai_http *http, uint64_t number, unsigned base);

/* Sends all that is kept; more: it will be followed at once. 0 or broken. */
int http_send(struct moirai_http *http, bool more);

/* When sending so much has to be done. */
int64_t http_write_until(const struct moirai_http *http, uint64_t size);

/* Whether these can be headers, and leave those alone that are not the
 * caller's. */
bool http_may_send(const struct moirai_http_header *headers, size_t n);

int http_put_headers(struct moirai_http *http,
                     const struct moirai_http_header *headers, size_t n);

/* The headers that say how the body goes (length: -1: chunked) and how the
 * connection goes on, and the end of the head. */
int http_put_framing(struct moirai_http *http, int64_t length);

/* Server: answers what was wrong with the request, as the last one, if it has
 * not been answered. Then rc. */
int http_refuse(struct moirai_http *http, unsigned status, int rc);

/* Passes over what was not read of the body: 1; 0: it is too much; or
 * broken. */
int http_pass_over(struct moirai_http *http);

#endif
