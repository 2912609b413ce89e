/* SPDX-License-Identifier: MIT */
/*
 * io_rig.h - an I/O backend at work, for those that try it.
 *
 * The rig is the core of the backend: it submits, waits, and sees that each
 * request is told about once. A call is a request with what came of it; it
 * lives until it was told.
 */
#ifndef IO_RIG_H
#define IO_RIG_H

#include "conformance.h"

#include <moirai/io_ops.h>

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct io_rig {
    const struct moirai_io_ops *ops;
    void *state;
    void *rings[CONFORMANCE_WORKERS];
    uint32_t workers;
    size_t files;                   /* open when it was opened */
};

struct call {
    struct moirai_io_request request;
    struct iovec part;
    struct io_rig *rig;
    uint32_t ring;                  /* that it was submitted to */
    atomic_int told;
    int64_t result;
};

/* Starts the plugin with a ring for each worker, and ends it. Whoever has
 * descriptors open by then than at first is to blame. */
void io_open(struct io_rig *rig, const struct subject *subject,
             uint32_t workers);
void io_close(struct io_rig *rig);

/* With `grants` pieces of memory; for conformance_starts and the like. */
int io_start(const struct subject *subject, int64_t grants,
              struct moirai_error *err);

/* Does it have the flag? If not, the promise is waived. */
bool io_has(const struct subject *subject, uint32_t flag);

/* Calls of an operation on a descriptor; the rest is zero. */
void call_poll(struct call *call, int fd, uint32_t events);
void call_move(struct call *call, uint32_t op, int fd, void *bytes, size_t n);
void call_plain(struct call *call, uint32_t op, int fd);

/* Gives it to a ring. What submit returned, but 0 also if it ended at once. */
int io_submit(struct io_rig *rig, uint32_t ring, struct call *call);

/* The same, which has to be taken. */
void io_begin(struct io_rig *rig, uint32_t ring, struct call *call);

static inline bool is_told(struct call *call)
{
    return atomic_load_explicit(&call->told, memory_order_acquire) != 0;
}

/* Waits until it was told; what it was told. `what` it is, for the verdict. */
int64_t io_finish(struct call *call, const char *what);

/* Begins `count` receives of one byte each, on the rings below `rings` in turn.
 */
void io_begin_receives(struct io_rig *rig, uint32_t rings, int fd,
                       struct call *calls, void *bytes, int count);

/* Begin and finish, on ring 0. */
int64_t io_do(struct io_rig *rig, struct call *call, const char *what);

/* The same for one of these operations. */
int64_t io_recv(struct io_rig *rig, int fd, void *bytes, size_t n);
int64_t io_send(struct io_rig *rig, int fd, const void *bytes, size_t n);

void io_cancel(struct io_rig *rig, uint32_t ring, struct call *call);
int io_forget(struct io_rig *rig, uint32_t ring, int fd, bool closing);
size_t io_flush(struct io_rig *rig, uint32_t ring);
size_t io_wait(struct io_rig *rig, uint32_t ring, double seconds);

/* Flushes all rings some times: what has ended was told then. */
void io_settle(struct io_rig *rig);

/* Two connected sockets that do not block: local stream ones, or TCP. */
void pair_local(int pair[2]);
void pair_tcp(int pair[2]);

/* A TCP socket that listens on the loopback, and where. */
int tcp_listen(struct sockaddr_storage *address, socklen_t *size, int backlog);
int tcp_socket(void);

/* A pipe whose ends do not block. */
void pipe_open(int ends[2]);

void nonblocking(int fd);

#endif
