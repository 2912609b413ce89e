/* SPDX-License-Identifier: MIT */
/*
 * moirai/io_ops.h - asking the kernel, and hearing when it is done.
 *
 * An I/O plugin takes requests and reports how each ended; an idle worker waits
 * in it instead of sleeping. The core keeps everything that a task sees:
 * deadlines, cancellation, which task to wake, buffers' lifetimes, and the
 * blocking pool for what a backend cannot do.
 *
 * Parts:   a backend (state) per runtime and a ring (ring) per place of a
 *          worker, both the core's memory, zeroed, of the sizes below,
 *          128-byte aligned. A place is brought to life by one thread after
 *          another, so a ring must not be tied to a thread.
 * Thread:  every function gets the ring of the worker that calls it; any number
 *          of workers may be in any of them at once, on the same descriptor
 *          too. A ring's own submit, cancel, forget and wait are called by one
 *          thread at a time; its flush also by others (see flush). wake from
 *          any thread. init and fini while no worker runs.
 * Locks:   the core holds none. Only wait may block, and only as told.
 * Owner:   a request is the backend's from a submit that returned 0 until its
 *          `done` was called, exactly once. Its descriptor, buffers and
 *          address are lent for as long: after a cancel too. This is what lets
 *          a task's frame be read into. A request's memory is the core's and
 *          never moves; links and marks inside it spare the backend any
 *          allocation.
 * Order:   requests on one descriptor and direction are served in the order in
 *          which they were submitted, each as a whole; the two directions do
 *          not wait for one another. What the kernel wrote is visible to
 *          `done`.
 * Errors:  `result` is what the system call would return, negative errno for
 *          a failure, never -EAGAIN: the backend then waits and tries again.
 *          (But for a connect to a local socket whose queue is full: nobody
 *          tells when it has room again, so the core has to ask later.)
 *          Sends raise no SIGPIPE; for writes the core keeps it blocked.
 *          -ECANCELED: cancelled before it had an effect; a request that had
 *          one says so by its count. A part of what was asked for is a result
 *          as any other: the core asks for the rest.
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
    MOIRAI_IO_POLL = 1,             /* fd, events; result: events that are; the
                                     * descriptor may be another library's,
                                     * which closed one of the same number
                                     * without a word */
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
#define MOIRAI_IO_SOCKETS 1u        /* RECV, SEND, ACCEPT, CONNECT; READ and
                                     * WRITE of what can be polled */
#define MOIRAI_IO_FILES 2u          /* READ, WRITE on files without blocking */
#define MOIRAI_IO_PATHS 4u          /* OPEN, CLOSE, STAT, FSYNC */
#define MOIRAI_IO_SHARED 8u         /* results of all rings come out of any
                                     * ring's flush and wait: one waits for
                                     * all, other idle workers sleep elsewhere.
                                     * Without: each ring's come out of its
                                     * own, and every idle worker waits in it */
#define MOIRAI_IO_SIM 64u           /* runs on the simulator's clock */

struct moirai_io_request {
    /* The core's; constant while the backend owns the request. */
    uint32_t op;                    /* enum moirai_io_op */
    int32_t fd;                     /* nonblocking, unless it is a file */
    int32_t other_fd;
    uint32_t events;                /* POLLIN, POLLOUT, POLLRDHUP, POLLPRI; all
                                     * report POLLERR and POLLHUP */
    uint32_t flags;                 /* MSG_..., O_..., as the operation takes */
    uint32_t mode;
    uint32_t count;                 /* of parts */
    const struct iovec *parts;
    int64_t offset;
    uint64_t length;
    const char *path;
    struct msghdr *message;         /* RECV, SEND: instead of parts; or NULL */
    struct sockaddr *address;       /* connect: read; accept: filled */
    socklen_t *address_size;

    /* Tells the result, once, on the thread of a worker, from inside its wait,
     * flush, cancel or forget, with none of the backend's locks held: the
     * memory of the request may be gone when it returns. Does not block. */
    void (*done)(struct moirai_io_request *request, int64_t result);
    void *owner;                    /* the core's */

    /* The backend's while it owns the request; zeroed by the core. */
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
     * or wait. 0: `done` will tell. 1: it has ended at once, *result says how,
     * and `done` is not called. -ENOSYS or -EOPNOTSUPP: this backend cannot do
     * that (with that descriptor); the core takes the blocking pool. -EBADF,
     * -ENOMEM, -EMFILE: it failed. */
    int (*submit)(void *state, void *ring, struct moirai_io_request *request,
                  int64_t *result);

    /* Required. Asks that a request, of whichever ring, end soon; `done` tells
     * how it ended, perhaps in here. Another worker may be telling it just now
     * or may have told it: the request's memory stays until this returns. */
    void (*cancel)(void *state, void *ring,
                   struct moirai_io_request *request);

    /* Required. Starts what was submitted and reports what has ended, without
     * waiting. Called now and then by a worker that has other work. Another
     * worker may call it for a ring whose own is stuck in a task, also at the
     * same time as that; whoever finds it busy returns 0. How many results
     * were reported. */
    size_t (*flush)(void *state, void *ring);

    /* Required. As flush, but if nothing has ended, waits for it until
     * deadline_ns on the host's clock (INT64_MAX: without end) or until wake.
     * A wake that came before counts. May return early. With
     * MOIRAI_IO_SHARED one worker at a time. How many results were reported. */
    size_t (*wait)(void *state, void *ring, int64_t deadline_ns);

    /* Required. Ends the ring's wait, or its next one. Any thread; does not
     * block; several wakes may count as one. */
    void (*wake)(void *state, void *ring);

    /* Required. The descriptor is about to be closed, by the caller or, if
     * `closing` is set, in here; or it is a new one: every request on it, of
     * any ring, ends with -ECANCELED soon, unless it had an effect, and a later
     * descriptor of the same number is a different one. `ring` is NULL if the
     * caller is no worker. What close said, or 0. */
    int (*forget)(void *state, void *ring, int fd, bool closing);

    /* Optional. A descriptor that is readable when some ring has something to
     * report, so that a foreign event loop can drive the runtime. -1: none. */
    int (*pollable)(void *state, void *ring);
};

#ifdef __cplusplus
}
#endif

#endif
