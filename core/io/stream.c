/* SPDX-License-Identifier: MIT */
/*
 * stream.c - reading and writing what has no end, or none yet.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include <moirai/io.h>

#include "backend.h"
#include "os/fd.h"

int moirai_fd_adopt(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    int rc = flags < 0 ? -errno : 0;

    if (rc == 0 && (flags & O_NONBLOCK) == 0
        && fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        rc = -errno;
    if (rc != 0)
        return rc;
    mo_io_forget(fd, false);
    return fd;
}

int moirai_fd_forget(int fd)
{
    return mo_io_forget(fd, false);
}

int moirai_close(int fd)
{
    return mo_io_forget(fd, true);
}

int moirai_fd_wait(int fd, uint32_t events, int64_t deadline_ns)
{
    struct mo_io_call call = MO_IO_CALL(MOIRAI_IO_POLL, fd);

    call.request.events = events;
    return (int)mo_io_run(&call, deadline_ns);
}

static int64_t transfer(int fd, uint32_t operation, const struct iovec *parts,
                        int count, int64_t deadline_ns)
{
    struct mo_io_call call = MO_IO_CALL(operation, fd);

    if (count < 0)
        return -EINVAL;
    call.request.parts = parts;
    call.request.count = (uint32_t)count;
    return mo_io_run(&call, deadline_ns);
}

int64_t moirai_readv(int fd, const struct iovec *parts, int count,
                     int64_t deadline_ns)
{
    return transfer(fd, MOIRAI_IO_READ, parts, count, deadline_ns);
}

int64_t moirai_writev(int fd, const struct iovec *parts, int count,
                      int64_t deadline_ns)
{
    return transfer(fd, MOIRAI_IO_WRITE, parts, count, deadline_ns);
}

int64_t moirai_read(int fd, void *buffer, size_t size, int64_t deadline_ns)
{
    struct iovec part = { buffer, size };

    return transfer(fd, MOIRAI_IO_READ, &part, 1, deadline_ns);
}

int64_t moirai_write(int fd, const void *buffer, size_t size,
                     int64_t deadline_ns)
{
    struct iovec part = { (void *)buffer, size };

    return transfer(fd, MOIRAI_IO_WRITE, &part, 1, deadline_ns);
}

/* Reads or writes until all is done, or an error. Nothing more: the stream has
 * ended. */
static int transfer_all(int fd, uint32_t operation, struct iovec rest,
                        size_t *done, int64_t deadline_ns)
{
    size_t size = rest.iov_len;
    int64_t n = 1;

    while (rest.iov_len > 0 && n > 0) {
        n = transfer(fd, operation, &rest, 1, deadline_ns);
        if (n > 0) {
            rest.iov_base = (char *)rest.iov_base + n;
            rest.iov_len -= (size_t)n;
        }
    }
    if (done != NULL)
        *done = size - rest.iov_len;
    return n > 0 ? 0 : n == 0 ? -EPIPE : (int)n;
}

int moirai_read_all(int fd, void *buffer, size_t size, size_t *done,
                    int64_t deadline_ns)
{
    return transfer_all(fd, MOIRAI_IO_READ, (struct iovec){ buffer, size },
                        done, deadline_ns);
}

int moirai_write_all(int fd, const void *buffer, size_t size, size_t *done,
                     int64_t deadline_ns)
{
    return transfer_all(fd, MOIRAI_IO_WRITE,
                        (struct iovec){ (void *)buffer, size }, done,
                        deadline_ns);
}

int moirai_pipe(int ends[2])
{
    int rc = pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0 ? 0 : -errno;

    for (int i = 0; i < 2 && rc == 0; i++)
        mo_io_forget(ends[i], false);
    return rc;
}

/* --- within the kernel ---------------------------------------------------- */

/* Neither call waits; which of the two makes it, they do not say. */
static int64_t move_some(int from, int to, size_t size, bool *spliced)
{
    ssize_t n = -1;

    if (*spliced) {
        n = splice(from, NULL, to, NULL, size,
                   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
        *spliced = n >= 0 || errno != EINVAL;
    }
    if (!*spliced)
        n = sendfile(to, from, NULL, size);
    if (n < 0)
        n = -errno;
    return n;
}

/* Until there is something to be read, and room to write it. */
static int wait_for_both(int from, int to, int64_t deadline_ns)
{
    int rc = moirai_fd_wait(from, POLLIN, deadline_ns);

    return rc > 0 ? moirai_fd_wait(to, POLLOUT, deadline_ns) : rc;
}

int64_t moirai_fd_move(int from, int to, size_t size, int64_t deadline_ns)
{
    bool spliced = true;
    size_t moved = 0;
    int64_t n = 0;

    while (moved < size) {
        n = move_some(from, to, size - moved, &spliced);
        if (n == -EAGAIN && deadline_ns != MOIRAI_NOW)
            n = wait_for_both(from, to, deadline_ns);
        else if (n > 0)
            moved += (size_t)n;
        else if (n == 0)
            break;
        if (n < 0 && n != -EINTR)
            break;
    }
    return moved != 0 || n >= 0 ? (int64_t)moved : n;
}
