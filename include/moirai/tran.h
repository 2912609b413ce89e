/* SPDX-License-Identifier: MIT */
/*
 * moirai/tran.h - moving frames between processes.
 *
 * A transport plugin carries frames from one process to another and says what
 * it already guarantees. The core puts the rest on top: naming, hello and
 * authentication by key, sequence numbers, acknowledgement, credit, resending,
 * duplicate suppression, heartbeats. So a transport need not be reliable; it
 * must only be honest about what it is.
 *
 * Parts:   a transport (state) per entry of `transports:`; a listener per
 *          address listened on; a pipe per connection. All three are the
 *          core's memory, zeroed, of the sizes below, aligned to 128 bytes.
 * Events:  what happens is told through the table of callbacks handed to
 *          init, from any thread but never from inside a call the core makes
 *          on the same pipe or listener: the core may hold its own locks then.
 *          Callbacks do not block and may call back into the transport.
 * Thread:  any, several at once, on different pipes; for one pipe the core
 *          makes one send, one reserve..commit and any number of releases at
 *          a time. init, start, stop and fini on one plain thread.
 * Waiting: only stop may block. Everything else starts something and returns:
 *          a task that has to wait does so in the core.
 * Owner:   bytes handed to send are borrowed until it returns; a delivered
 *          frame is lent until release. A pipe or listener is the transport's
 *          from connect or listen until its `closed` was told, and nothing is
 *          told about it after that; only then is its memory taken back.
 * Frames:  1 to max_frame bytes, opaque, delivered whole or not at all. A
 *          frame longer than max_frame from the other side closes the pipe
 *          with -EMSGSIZE before memory for it is taken.
 */
#ifndef MOIRAI_TRAN_H
#define MOIRAI_TRAN_H

#include <sys/uio.h>

#include <moirai/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOIRAI_TRAN_ABI 0           /* a draft: moves without notice */

/* What a transport promises of every pipe while both ends live. What it does
 * not promise the core adds. */
#define MOIRAI_TRAN_ORDERED 1u      /* frames arrive in the order of send */
#define MOIRAI_TRAN_LOSSLESS 2u     /* none is missing in between */
#define MOIRAI_TRAN_UNIQUE 4u       /* none arrives twice */
#define MOIRAI_TRAN_CHECKED 8u      /* bytes are protected against change */
/* Whom it reaches, and who may listen in. */
#define MOIRAI_TRAN_IN_PROCESS 16u  /* this process only */
#define MOIRAI_TRAN_SAME_HOST 32u   /* this machine only */
#define MOIRAI_TRAN_SECRET 64u      /* encrypted, or never leaves the host */
#define MOIRAI_TRAN_PEER_KNOWN 128u /* peer() tells who was authenticated */
/* What it can do. */
#define MOIRAI_TRAN_LOANS 256u      /* has reserve, commit, abort */
#define MOIRAI_TRAN_ADDRESSES 512u  /* a frame in shared memory can be handed
                                     * on by the receiver without a copy */
#define MOIRAI_TRAN_SIM 1024u       /* runs on the simulator's clock */

/* Who is at the other end, as the transport itself has established; whatever
 * is not known is NULL or -1. Strings live as long as the pipe. */
struct moirai_tran_peer {
    uint32_t size;                  /* sizeof(struct moirai_tran_peer) */
    int32_t authenticated;          /* 0: anyone could have said this */
    const char *address;            /* for people and logs */
    const char *name;               /* from its certificate, verified */
    const char *cipher;             /* in force; NULL: none */
    int64_t pid, uid, gid;          /* given by the kernel */
};

/* A frame as it arrived. */
struct moirai_tran_frame {
    const void *bytes;              /* 8-byte aligned */
    size_t n;
    void *handle;                   /* for release */
};

/* What the core wants to hear; constant until fini returned. `owner` is what
 * the core passed to listen or connect, or answered in `accepted`. */
struct moirai_tran_events {
    uint32_t size;                  /* sizeof(struct moirai_tran_events) */
    uint32_t reserved;

    /* Somebody connected to a listener. Returns memory for a pipe, zeroed, of
     * pipe_size, and sets *pipe_owner, or NULL to turn the caller away; the
     * pipe's `opened` follows. */
    void *(*accepted)(void *listener_owner, void **pipe_owner);

    /* The pipe can send. Once, before any other event of the pipe. */
    void (*opened)(void *pipe_owner);

    /* A frame is there. The core gives it back by release, perhaps later and
     * on another thread. A transport stops reading from the peer while more
     * than the credit set by `credit` is out. */
    void (*delivered)(void *pipe_owner, const struct moirai_tran_frame *frame);

    /* After send or reserve said -EAGAIN: there is room again. */
    void (*writable)(void *pipe_owner);

    /* It is over, last event of a pipe (or listener); code is 0 after close,
     * else a negative errno: -ECONNREFUSED, -ECONNRESET, -ETIMEDOUT, -EACCES
     * (authentication), -EPROTO, -EMSGSIZE, -EHOSTUNREACH. text (borrowed) is
     * a sentence for the log, or NULL. */
    void (*closed)(void *owner, int code, const char *text);
};

struct moirai_tran_env {
    uint32_t size;                  /* sizeof(struct moirai_tran_env) */
    uint32_t max_frame;             /* bytes; set before anything listens */
    const char *name;               /* the key under `transports:` */
    const char *node;               /* this process */
    const char *cluster;            /* separates deployments; may be "" */
    const struct moirai_host *host;
    const struct moirai_tran_events *events;
};

struct moirai_tran_ops {
    uint32_t flags;                 /* MOIRAI_TRAN_... */
    uint32_t reserved;
    size_t state_size, listener_size, pipe_size;

    /* URL schemes it understands, NULL-terminated: "tcp", "tls+tcp". Lets an
     * address be opened without naming the transport. */
    const char *const *schemes;

    /* Required. Checks the configuration; opens nothing. 0, or a negative
     * errno with *err filled, leaving nothing. */
    int (*init)(void *state, const void *config,
                const struct moirai_tran_env *env, struct moirai_error *err);
    void (*fini)(void *state);      /* required; after stop */

    /* Optional. Threads, devices, shared segments. stop returns when no event
     * will be told any more; it closes what is open, and may take as long as
     * a close may, which is bounded: a peer that does not answer is cut off. */
    int (*start)(void *state, struct moirai_error *err);
    void (*stop)(void *state);

    /* Required. The address under which others on `address`'s network reach
     * this listener is written into `bound` (n bytes), which matters when a
     * port was left open; connect takes it as it is. address NULL: what the
     * configuration says. 0, -EADDRINUSE, -EACCES, -EINVAL, ... */
    int (*listen)(void *state, void *listener, void *owner,
                  const char *address, char *bound, size_t n,
                  struct moirai_error *err);
    void (*close_listener)(void *state, void *listener);

    /* Required. Begins to connect; `opened` or `closed` tells how it ended.
     * One attempt: trying again, with backoff, is the core's. */
    int (*connect)(void *state, void *pipe, void *owner, const char *address,
                   struct moirai_error *err);

    /* Required. Ends a pipe. hard: at once, what is queued is dropped; else
     * what send has taken is sent first, for a bounded time. `closed` follows
     * in either case. */
    void (*close)(void *state, void *pipe, int hard);

    /* Required. Takes one frame, gathered from n parts, whole. 0; -EAGAIN: no
     * room, wait for `writable`; -EMSGSIZE; -EPIPE: over or not yet open. */
    int (*send)(void *state, void *pipe, const struct iovec *parts, size_t n);

    /* Required. Gives a delivered frame back. */
    void (*release)(void *state, void *pipe, void *handle);

    /* Required. How many bytes of frames may be delivered and not released;
     * may be called again at any time. */
    void (*credit)(void *state, void *pipe, size_t bytes);

    /* Optional, all three or none; needed for MOIRAI_TRAN_LOANS. Room for a
     * frame of n bytes where the transport wants it, 8-byte aligned; commit
     * sends the first n bytes of it, abort drops it. reserve: 0, or as
     * send. A process that dies in between blocks nobody. */
    int (*reserve)(void *state, void *pipe, size_t n, void **bytes);
    int (*commit)(void *state, void *pipe, void *bytes, size_t n);
    void (*abort)(void *state, void *pipe, void *bytes);

    /* Optional; needed for MOIRAI_TRAN_PEER_KNOWN. Fills the first peer->size
     * bytes. 0, or -ENOTCONN before `opened`. */
    int (*peer)(void *state, void *pipe, struct moirai_tran_peer *peer);

    /* Optional. Looks for frames for up to spin_ns without sleeping, for a
     * worker that has nothing else to do. How many were delivered. */
    size_t (*poll)(void *state, int64_t spin_ns);
};

#ifdef __cplusplus
}
#endif

#endif
