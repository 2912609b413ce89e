/* SPDX-License-Identifier: MIT */
/*
 * moirai/io_ops.h - asking the kernel, and hearing when it is done.
 *
 * An I/O plugin submits operations and reports how each ended; an idle worker
 * waits in it instead of sleeping. The core keeps everything that a task sees:
 * deadlines, cancellation, which task to wake, buffers' lifetimes, and the
 * blocking pool for what a backend cannot do.
 *
 * Parts:   a backend (state) per runtime and a ring (ring) per worker, both
 *          the core's memory, zeroed, of the sizes below, 128-byte aligned.
 * Thread:  submit, cancel, wait and flush on a ring are its worker's, one at a
 *          time; wake from any thread. init and fini while no worker runs.
 * Locks:   the core holds none. Only wait may block, and only as told.
 * Owner:   a request is the backend's from a submit that returned 0 until its
 *          `done` was called, exactly once. Its descriptor, buffers and
 *          address are lent for as long: after a cancel too. This is what lets
 *          a task's frame be read into. A request's memory is the core's and
 *          never moves; links and marks inside it spare the backend any
 *          allocation.
 * Order:   requests on one descriptor and direction end in any order, unless
 *          linked. What the kernel wrote is visible to `done`.
 * Errors:  `result` is what the system call would return, negative errno for
 *          a failure, never -EAGAIN: the backend then waits and tries again.
 *          -ECANCELED: cancelled before it had an effect; a request that had
 *          one says so by its count. -ENOSYS or -EOPNOTSUPP from submit: this
 *          backend cannot; the core takes the blocking pool.
 */
#ifndef MOIRAI_IO_OPS_H
#define MOIRAI_IO_OPS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <moirai/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOIRAI_IO_ABI 0             /* a draft: moves without notice */

/* The numbers are part of the ABI; new operations are appended. */
enum moirai_io_op {
    MOIRAI_IO_POLL = 1,             /* fd, events; result: events that are */
    MOIRAI_IO_READ = 2,             /* fd, parts, offset (-1: where it is) */
    MOIRAI_IO_WRITE = 3,
    MOIRAI_IO_RECV = 4,             /* fd, parts, flags; address if wanted */
    MOIRAI_IO_SEND = 5,
    MOIRAI_IO_ACCEPT = 6,           /* fd; result: the new descriptor, close-
                                     * on-exec and nonblocking */
    MOIRAI_IO_CONNECT = 7,          /* fd, address */
    MOIRAI_IO_FSYNC = 8,            /* fd, flags: 1 data only */
    MOIRAI_IO_SPLICE = 9,           /* fd to other_fd, length */
    MOIRAI_IO_OPEN = 10,            /* fd (directory), path, flags, mode */
    MOIRAI_IO_CLOSE = 11,           /* fd; requests on it end -ECANCELED */
    MOIRAI_IO_STAT = 12             /* fd or path; into parts[0] */
};

/* What a backend can do, beyond MOIRAI_IO_POLL, which each must. */
#define MOIRAI_IO_SOCKETS 1u        /* RECV, SEND, ACCEPT, CONNECT */
#define MOIRAI_IO_FILES 2u          /* READ, WRITE on files without blocking */
#define MOIRAI_IO_PATHS 4u          /* OPEN, CLOSE, STAT, FSYNC */
#define MOIRAI_IO_MULTISHOT 8u      /* MOIRAI_IO_AGAIN */
#define MOIRAI_IO_BUFFERS 16u       /* buffers_set; MOIRAI_IO_PICK */
#define MOIRAI_IO_LINKS 32u         /* MOIRAI_IO_LINK */
#define MOIRAI_IO_SIM 64u           /* runs on the simulator's clock */

/* Marks of a request. */
#define MOIRAI_IO_AGAIN 1u          /* go on: `done` is called for each result,
                                     * `more` set in all but the last */
#define MOIRAI_IO_PICK 2u           /* the backend picks one of its buffers */
#define MOIRAI_IO_LINK 4u           /* the next submitted starts when this one
                                     * has succeeded, else ends -ECANCELED */

struct moirai_io_request {
    /* The core's; constant while the backend owns the request. */
    uint32_t op;                    /* enum moirai_io_op */
    uint32_t marks;                 /* MOIRAI_IO_AGAIN, ... */
    int32_t fd;
    int32_t other_fd;
    uint32_t events;                /* POLLIN, POLLOUT, POLLRDHUP, POLLPRI */
    uint32_t flags;                 /* MSG_..., O_..., as the operation takes */
    uint32_t mode;
    uint32_t count;                 /* of parts */
    const struct iovec *parts;
    int64_t offset;
    uint64_t length;
    const char *path;
    struct sockaddr *address;       /* connect, send: read; others: filled */
    socklen_t *address_size;

    /* Told once per result, on the thread and from inside the wait, flush or
     * cancel of the ring that took the request. Must not block; may submit.
     * buffer: with MOIRAI_IO_PICK the number of the buffer that was filled,
     * given back by buffer_put; else 0. */
    void (*done)(struct moirai_io_request *request, int64_t result,
                 uint32_t buffer, bool more);
    void *owner;                    /* the core's */

    /* The backend's while it owns the request; zeroed at submit. */
    void *link[2];
    uint64_t mark[2];
};

struct moirai_io_env {
    uint32_t size;                  /* sizeof(struct moirai_io_env) */
    uint32_t workers;               /* how many rings there will be */
    const struct moirai_host *host;
};

struct moirai_io_ops {
    uint32_t flags;                 /* MOIRAI_IO_SOCKETS, ...; what this
                                     * machine lacks is found by `probe` or
                                     * answered by submit */
    uint32_t reserved;
    size_t state_size, ring_size;

    /* Required. 0, or a negative errno with *err filled, leaving nothing. */
    int (*init)(void *state, const void *config,
                const struct moirai_io_env *env, struct moirai_error *err);
    void (*fini)(void *state);

    /* Required. Per worker, after init, in order of index. ring_fini is
     * called when all requests of the ring have ended. */
    int (*ring_init)(void *state, void *ring, uint32_t index,
                     struct moirai_error *err);
    void (*ring_fini)(void *state, void *ring);

    /* Required. Takes a request; it may start at once or with the next flush
     * or wait. 0, -ENOSYS, -EOPNOTSUPP, -EBADF, -ENOMEM. */
    int (*submit)(void *state, void *ring, struct moirai_io_request *request);

    /* Required. Asks that a request of this ring end soon; `done` tells how it
     * ended. Not an error if it has just ended. */
    void (*cancel)(void *state, void *ring,
                   struct moirai_io_request *request);

    /* Required. Starts what was submitted and reports what has ended, without
     * waiting. Called now and then by a worker that has other work. How many
     * results were reported. */
    size_t (*flush)(void *state, void *ring);

    /* Required. As flush, but if nothing has ended, waits for it until
     * deadline_ns on the host's clock (INT64_MAX: without end) or until wake.
     * A wake that came before counts. How many results were reported. */
    size_t (*wait)(void *state, void *ring, int64_t deadline_ns);

    /* Required. Ends the ring's wait, or its next one. Any thread; does not
     * block; several wakes may count as one. */
    void (*wake)(void *state, void *ring);

    /* Required. The descriptor is about to be closed by somebody: every
     * request on it, on any ring, ends with -ECANCELED, and a later descriptor
     * of the same number is a different one. Any worker. */
    void (*forget)(void *state, int fd);

    /* Optional; needed for MOIRAI_IO_BUFFERS. Lends n buffers of `size` bytes
     * each, from `first` on, until ring_fini; and gives one back. */
    int (*buffers_set)(void *state, void *ring, void *first, size_t size,
                       uint32_t n);
    void (*buffer_put)(void *state, void *ring, uint32_t buffer);

    /* Optional. A descriptor that is readable when some ring has something to
     * report, so that a foreign event loop can drive the runtime. -1: none. */
    int (*pollable)(void *state, void *ring);
};

#ifdef __cplusplus
}
#endif

#endif
