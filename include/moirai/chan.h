/* SPDX-License-Identifier: MIT */
/*
 * moirai/chan.h - typed queues between tasks, wherever they are.
 *
 * A program holds endpoints. An endpoint sends, receives, or both; several
 * may lead to the same channel. Where the channel lives, how much it holds and
 * in which order it gives messages out is configuration.
 *
 * Rules (Go's): sends and receives block until they can go on; a message is
 * received once, in the order the discipline promises; a send happens before
 * the receive that gets it. Closing says "no more messages": what is stored is
 * still received, then receivers get -EPIPE, and senders get -EPIPE at once. A
 * channel is also closed when its last sending endpoint has been put.
 *
 * Messages are bytes, copied in and out (or not at all: moirai/loan.h). A send
 * that returned 0 has taken its message; on an error the caller still owns it.
 * What nobody received when the channel goes is given to the element's `drop`.
 *
 * Who has waited longest is served first. A deadline that is past does not
 * keep an operation from going on at once if it can. A cancelled task gets
 * -ECANCELED even where it would not have to wait, so that every loop over a
 * channel ends; only with MOIRAI_NOW it may go on.
 *
 * Thread: any function may be called from tasks and plain threads, and one
 * endpoint may be used by several at once; none from a signal handler, since
 * they take locks. NULL in place of an endpoint is -EBADF.
 *
 * A channel that is full makes senders wait, unless its option `overflow` says
 * otherwise: drop-oldest (what would have been received next goes), drop-newest
 * (what is being sent goes) or error (-ENOBUFS). What is dropped counts as sent
 * and is given to the element's `drop`. A channel that drops messages which
 * have a destructor may find no memory to do so: -ENOMEM, nothing sent.
 */
#ifndef MOIRAI_CHAN_H
#define MOIRAI_CHAN_H

#include <stddef.h>
#include <stdint.h>

#include <moirai/error.h>
#include <moirai/time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct moirai_event;
struct moirai_runtime;
struct moirai_chan;                 /* an endpoint */

/* What a channel carries. */
struct moirai_elem {
    uint32_t size;                  /* sizeof(struct moirai_elem) */
    uint32_t align;                 /* of one message; 0: 16 */
    size_t bytes;                   /* of one message; 0: only the event */
    size_t limit;                   /* 0: copies are stored. Else messages are
                                     * `bytes` to `limit` long, and stored by
                                     * reference: see moirai/loan.h */
    void (*drop)(void *message, void *ctx);     /* NULL: nothing to free. May
                                     * wait; must not end its task */
    void *ctx;
    const char *codec;              /* for the wire; NULL: raw bytes */
    uint64_t schema;                /* must agree on both ends; 0: any */
};

/* The descriptor of messages of a C type without a destructor. */
#define MOIRAI_ELEM(type)                                                     \
    { sizeof(struct moirai_elem), (uint32_t)__alignof__(type), sizeof(type),  \
      0, NULL, NULL, NULL, 0 }

/* That of messages of a C type which are not copied: moirai/loan.h. */
#define MOIRAI_ELEM_LOANED(type)                                              \
    { sizeof(struct moirai_elem), (uint32_t)__alignof__(type), sizeof(type),  \
      sizeof(type), NULL, NULL, NULL, 0 }

/* That of messages of `least` to `most` (not 0) bytes. */
#define MOIRAI_ELEM_BYTES(least, most)                                        \
    { sizeof(struct moirai_elem), 0, (least), (most), NULL, NULL, NULL, 0 }

#define MOIRAI_SEND 1u
#define MOIRAI_RECV 2u
#define MOIRAI_BOTH 3u

/* What travels with a message that is loaned: moirai_loan_meta. */
struct moirai_meta {
    uint32_t size;                  /* sizeof(struct moirai_meta) */
    uint32_t flags;                 /* MOIRAI_META_..: which of these say so */
    uint64_t id;                    /* per channel, from 1 */
    int64_t sent_ns;                /* on the runtime's clock */
    uint8_t trace_id[16];           /* W3C trace context */
    uint8_t span_id[8];
};

#define MOIRAI_META_SENT 1u         /* id and sent_ns */
#define MOIRAI_META_TRACED 2u       /* trace_id and span_id */

/* Opens an endpoint of the channel that the configuration calls `name`; the
 * first to open it creates it. Endpoints must agree on the element. `mode` is
 * MOIRAI_SEND, _RECV or _BOTH. In a task `runtime` may be NULL. On 0 *chan is
 * the caller's, put it back. -ENOENT: no such channel; -EINVAL: the element
 * does not fit (of its destructor one end alone may tell); -ENOMEM; -ENOTSUP:
 * an address, which this version cannot reach; -ECHILD in a forked child.
 * `elem` is copied, `err` may be NULL. The channel lasts until its last
 * endpoint is put; who opens the name after that gets a fresh one. */
int moirai_chan_open(struct moirai_runtime *runtime, const char *name,
                     uint32_t mode, const struct moirai_elem *elem,
                     struct moirai_chan **chan, struct moirai_error *err);

/* Makes an unnamed channel. `plugin` names the discipline (NULL: ring) and
 * `options` its settings as "capacity=64" texts, NULL-terminated (NULL: their
 * presets), "overflow=..." among them. A ring of capacity 0 is a rendezvous:
 * each send waits for its receiver. The endpoint does both; narrow it with
 * moirai_chan_dup. In a task `runtime` may be NULL. 0; -EINVAL; -ENOMEM;
 * -ECHILD. */
int moirai_chan_make(struct moirai_runtime *runtime, const char *plugin,
                     const char *const *options,
                     const struct moirai_elem *elem, struct moirai_chan **chan,
                     struct moirai_error *err);

/* Another endpoint of the same channel, for `mode`, which must be part of what
 * `chan` can do. 0, -EINVAL, -ENOMEM, -ECHILD. */
int moirai_chan_dup(struct moirai_chan *chan, uint32_t mode,
                    struct moirai_chan **copy);

/* One more reference to the same endpoint, which is what it returns. NULL is
 * allowed. Any thread; does not wait. */
struct moirai_chan *moirai_chan_get(struct moirai_chan *chan);

/* One reference less. The last gives the endpoint back; destructors run in here
 * if it was the channel's last, or if messages went that were kept for it alone
 * (broadcast). NULL is allowed. Any thread; does not wait, if they do not. */
void moirai_chan_put(struct moirai_chan *chan);

/* No more messages. Either end may say so. 0, or -EPIPE if it was closed
 * already. Does not wait. */
int moirai_chan_close(struct moirai_chan *chan);

/* Sends one message (borrowed, copied). 0; -EPIPE: closed; -EAGAIN for
 * MOIRAI_NOW, -ETIMEDOUT, -ECANCELED, -ECHILD: not sent; -EBADF: the endpoint
 * does not send; -ENOBUFS: full, and its overflow is error. Can wait. */
int moirai_chan_send(struct moirai_chan *chan, const void *message,
                     int64_t deadline_ns);

/* Receives one message into `message` (the caller's, of the element's size).
 * 0; -EPIPE: closed and nothing is left; -EOVERFLOW: this subscriber was too
 * slow, and gets nothing any more; else as send. Can wait. */
int moirai_chan_recv(struct moirai_chan *chan, void *message,
                     int64_t deadline_ns);

/* Sends an array of n messages in order; waits for room as often as needed.
 * Returns how many were sent, which is less than n only when the channel was
 * closed, the deadline came or the caller was cancelled in between; if none
 * was sent, the error; for n = 0, 0. Can wait. */
int64_t moirai_chan_send_batch(struct moirai_chan *chan, const void *messages,
                               size_t n, int64_t deadline_ns);

/* Receives at least `min` and at most `max` messages into an array; waits
 * until min (0: takes what is there, perhaps nothing) have come. Returns how
 * many, less than min only as above; if none, the error; -EINVAL if min is
 * more than max. Can wait. */
int64_t moirai_chan_recv_batch(struct moirai_chan *chan, void *messages,
                               size_t min, size_t max, int64_t deadline_ns);

/* Sends a message of so many bytes, for channels whose messages vary in length.
 * As moirai_chan_send, and -EMSGSIZE: the element does not allow that length;
 * -ENOMEM. Can wait. */
int moirai_chan_send_bytes(struct moirai_chan *chan, const void *message,
                           size_t bytes, int64_t deadline_ns);

/* Receives one into memory for `room` bytes. Its length; else as
 * moirai_chan_recv; -EMSGSIZE: there may be longer ones than that, and nothing
 * was received. Can wait. */
int64_t moirai_chan_recv_bytes(struct moirai_chan *chan, void *message,
                               size_t room, int64_t deadline_ns);

/* Copies the first `room` bytes of the message that would be received next, and
 * leaves it where it is; another receiver may get it meanwhile. Its length;
 * -EAGAIN: there is none now; -EPIPE, -EOVERFLOW, -EBADF, -ECHILD as
 * moirai_chan_recv; -ENOTSUP: the discipline cannot tell. What a message points
 * to is only its receiver's to look at. Does not wait. */
int64_t moirai_chan_peek(struct moirai_chan *chan, void *message, size_t room);

/* Messages stored now. Any thread; does not wait. */
size_t moirai_chan_length(struct moirai_chan *chan);

/* How many messages can be stored (SIZE_MAX: unbounded). Any thread; does not
 * wait. */
size_t moirai_chan_capacity(struct moirai_chan *chan);

/* Messages that this channel has dropped so far: what its discipline replaced
 * or its overflow policy gave up. Each was destroyed. */
uint64_t moirai_chan_dropped(struct moirai_chan *chan);

/* From now on `event` (kept; NULL: none) is set whenever this channel drops a
 * message: so those who send, or make what others send, learn that it is too
 * much, and clear the event. One for each endpoint, until another is given, or
 * the endpoint's last reference put; the same may be given to several channels,
 * as of a chain. 0; -EBADF; -ECHILD. Any thread; does not wait. */
int moirai_chan_tell_drops(struct moirai_chan *chan,
                           struct moirai_event *event);

/* Messages that this endpoint missed since it was last asked, because it was
 * too slow; 0 for disciplines in which each message goes to one receiver. */
uint64_t moirai_chan_missed(struct moirai_chan *chan);

/* for each message until the channel is closed and empty, or the caller is
 * cancelled:  MOIRAI_RECV_EACH(chan, &word) { use(word); } */
#define MOIRAI_RECV_EACH(chan, message)                                       \
    MOIRAI_RECV_EACH_UNTIL((chan), (message), MOIRAI_NEVER)

/* The same, but no longer than until `deadline_ns`, which is looked at anew for
 * each message; MOIRAI_NOW: for those that are there. */
#define MOIRAI_RECV_EACH_UNTIL(chan, message, deadline_ns)                    \
    while (moirai_chan_recv((chan), (message), (deadline_ns)) == 0)

#ifdef __cplusplus
}
#endif

#endif
