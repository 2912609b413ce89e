/* SPDX-License-Identifier: MIT */
/*
 * moirai/http.h - HTTP/1.1 over a stream.
 *
 * In a library of its own, libmoirai-http. llhttp reads the heads; waiting is
 * moirai's, so the calls are plain blocking ones, in tasks and on plain
 * threads. A connection is used by one task at a time, which takes turns:
 *
 *     client: moirai_http_ask, moirai_http_next, moirai_http_read...
 *     server: moirai_http_next, moirai_http_read..., moirai_http_answer
 *
 * What two programs could read in two ways is refused (RFC 9112, 11.2): both a
 * length and a coding, two lengths, codings other than chunked, lines folded
 * or not ended by CR LF, blanks around a name, NUL, and more. A server answers
 * such a request itself, 400 or what fits better, and so it does for what is
 * too large (413, 414, 431), too slow (408), or not known (417, 501, 505); its
 * caller hears of it by an error and has only to close.
 *
 * What is sent is kept until there is enough of it, or until the connection is
 * about to wait for the peer; moirai_http_flush sends it at once.
 *
 * Errors of all calls that can wait: -ETIMEDOUT: a time of the attributes was
 * over; -ECANCELED; -EPIPE: the peer ended in the middle, or the connection
 * has come to its end; -ECONNRESET and others of the stream. The connection
 * is of no use afterwards: it is to be closed.
 */
#ifndef MOIRAI_HTTP_H
#define MOIRAI_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moirai/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A connection. */
struct moirai_http;

/* What its bytes go over: a socket, if `read` is NULL; else whatever these two
 * do, which behave as moirai_read and moirai_write do: those of TLS, say. */
struct moirai_http_stream {
    int fd;                         /* a connected socket, or -1 */
    void *self;                     /* what read and write are given */
    int64_t (*read)(void *self, void *buffer, size_t size,
                    int64_t deadline_ns);
    int64_t (*write)(void *self, const void *buffer, size_t size,
                     int64_t deadline_ns);
};

#define MOIRAI_HTTP_SOCKET(fd) { (fd), NULL, NULL, NULL }

/* What a connection may cost. Zeroed fields mean the preset. */
struct moirai_http_attr {
    uint32_t size;                  /* sizeof(struct moirai_http_attr) */
    uint32_t flags;                 /* MOIRAI_HTTP_CLIENT */
    uint32_t head_size;             /* bytes of a head, at most (8192) */
    uint32_t headers;               /* of a message, at most (64) */
    uint64_t body_size;             /* bytes of a body, at most (no limit) */
    int64_t idle_ns;                /* from one request to the next (60 s) */
    int64_t head_ns;                /* for a head, since it began (10 s) */
    int64_t body_ns;                /* for a body, besides its pace (20 s) */
    int64_t write_ns;               /* to send, besides its pace (20 s) */
    uint32_t pace;                  /* bytes a second at least (500) */
    uint32_t reserved;
    const char *host;               /* client: for the header Host, copied;
                                     * NULL: the requests bring their own */
};

#define MOIRAI_HTTP_ATTR_INIT                                                 \
    { sizeof(struct moirai_http_attr), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL }

#define MOIRAI_HTTP_CLIENT 1u       /* asks; else a server */

struct moirai_http_header {
    const char *name;
    const char *value;
};

/* A message that came: the connection's, until its next moirai_http_next. */
struct moirai_http_message {
    const char *method;             /* "GET"; NULL in an answer */
    const char *target;             /* as it was sent; NULL in an answer */
    const char *reason;             /* NULL in a request */
    const struct moirai_http_header *headers;
    uint32_t n_headers;
    uint16_t status;                /* 0 in a request */
    uint16_t minor;                 /* of HTTP/1.x: 0 or 1 */
    int64_t length;                 /* of the body; -1: not known yet */
};

/* Makes a connection of a stream (copied; what it refers to is kept, and stays
 * the caller's to close afterwards). attr may be NULL: a server. On 0 *http is
 * the caller's. -EINVAL; -ENOMEM: nothing has happened. Any thread; does not
 * wait. */
int moirai_http_open(struct moirai_http **http,
                     const struct moirai_http_stream *stream,
                     const struct moirai_http_attr *attr);

/* The next request of a server, after its last one has been answered, or the
 * answer that a client waits for. What was not read of the body before is
 * passed over; a server ends the connection if that is much. 1: *message is
 * there. 0: there will be none: the peer has gone, was idle for too long, or
 * either side had said that this is the end. -EBADMSG: what came is wrong;
 * -EMSGSIZE: too large; or as said above. Can wait. */
int moirai_http_next(struct moirai_http *http,
                     const struct moirai_http_message **message);

/* The value of the first header of that name, in whatever case; NULL: there is
 * none. Any thread; does not wait. */
const char *moirai_http_find(const struct moirai_http_message *message,
                             const char *name);

/* Up to `size` bytes of the body. How many; 0: that was all. -EBADMSG: wrongly
 * chunked; -EMSGSIZE: more than attr.body_size. Can wait. */
int64_t moirai_http_read(struct moirai_http *http, void *buffer, size_t size);

/* All of the body, into memory: 0, and *n says how much. -EMSGSIZE: it is more
 * than `size`; otherwise as above. Can wait. */
int moirai_http_read_all(struct moirai_http *http, void *buffer, size_t size,
                         size_t *n);

/* --- a server's answer ---------------------------------------------------- */

/* Answers the request: status, headers (n of them, may be NULL), body. Those
 * that say where the body ends and how the connection goes on are not the
 * caller's: Content-Length, Transfer-Encoding, Connection. For HEAD the body
 * stays away by itself. 0; -EINVAL: a header or status that cannot be, or the
 * request has been answered; otherwise as said above. Can wait. */
int moirai_http_answer(struct moirai_http *http, unsigned status,
                       const struct moirai_http_header *headers, size_t n,
                       const void *body, size_t size);

/* Begins an answer whose body, of `length` bytes or, with -1, as many as will
 * be, follows by moirai_http_write or moirai_http_send_file, and then
 * moirai_http_end. As above. */
int moirai_http_answer_begin(struct moirai_http *http, unsigned status,
                             const struct moirai_http_header *headers,
                             size_t n, int64_t length);

/* A part of the body. -EINVAL: more than was said. Can wait. */
int moirai_http_write(struct moirai_http *http, const void *bytes,
                      size_t size);

/* A part of the body, from a file (borrowed), within the kernel where there is
 * a socket; it may move the file's position. -EPIPE: it has not as much. Can
 * wait. */
int moirai_http_send_file(struct moirai_http *http, int file, int64_t offset,
                          uint64_t size);

/* The body is complete. -EINVAL: less than was said; the connection ends then.
 * Can wait. */
int moirai_http_end(struct moirai_http *http);

/* Sends what was kept. Can wait. */
int moirai_http_flush(struct moirai_http *http);

/* The next answer is the last one, and says so; a connection that is waiting
 * for a request ends at once, if it is over a socket. Any thread, while the
 * connection is open; does not wait. */
void moirai_http_drain(struct moirai_http *http);

/* --- a client's requests -------------------------------------------------- */

/* Asks: method, target ("/path?query"), headers and body as of an answer; a
 * header Host only if attr.host is not there, and then once. What was not read
 * of the last answer is passed over. 0; -EINVAL: a request that cannot be, or
 * the last one has no answer yet; -EPIPE: the last answer was the end: another
 * connection is needed; otherwise as said above. Can wait. */
int moirai_http_ask(struct moirai_http *http, const char *method,
                    const char *target,
                    const struct moirai_http_header *headers, size_t n,
                    const void *body, size_t size);

/* Begins a request whose body follows, as moirai_http_answer_begin does. */
int moirai_http_ask_begin(struct moirai_http *http, const char *method,
                          const char *target,
                          const struct moirai_http_header *headers, size_t n,
                          int64_t length);

/* --- both ----------------------------------------------------------------- */

/* The status that was last sent or came; 0: none. Own task; does not wait. */
unsigned moirai_http_status(const struct moirai_http *http);

/* What was wrong with what came, as a text that is constant; NULL: nothing. Own
 * task; does not wait. */
const char *moirai_http_fault(const struct moirai_http *http);

/* Sends what is left, hears a peer out that has not been (else it might never
 * see its answer), and gives the connection back; NULL is allowed. Nobody uses
 * it any more; the stream is the caller's to close. What sending came to. Can
 * wait, for two seconds besides the time to send. */
int moirai_http_close(struct moirai_http *http);

#ifdef __cplusplus
}
#endif

#endif
