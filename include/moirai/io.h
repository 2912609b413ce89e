/* SPDX-License-Identifier: MIT */
/*
 * moirai/io.h - reading and writing without keeping a worker.
 *
 * A task that has to wait for a descriptor gives up its worker, which runs
 * others or sleeps in the kernel until one of them can go on (`io:` in YAML
 * says how). On a plain thread the same calls block that thread, and nobody
 * else. In a simulation descriptors are asked again and again, in simulated
 * time.
 *
 * Descriptors are the system's own numbers. Those that moirai makes are
 * nonblocking and closed on exec. One that comes from elsewhere goes through
 * moirai_fd_adopt first; only moirai_fd_wait takes it as it is. All are given
 * back by moirai_close, so that nobody goes on waiting for a number that means
 * another file by then. A descriptor may be used by any number of tasks at
 * once; what they read and write is served in the order in which they came.
 *
 * Results: what the system call says, or a negative errno; besides, of every
 * call that takes a deadline: -EAGAIN (MOIRAI_NOW: it would have had to wait),
 * -ETIMEDOUT, -ECANCELED (the task was cancelled, or another closed the
 * descriptor). After these nothing has been read or written.
 */
#ifndef MOIRAI_IO_H
#define MOIRAI_IO_H

#include <stddef.h>
#include <stdint.h>

#include <moirai/time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iovec;
struct stat;

/* --- descriptors ---------------------------------------------------------- */

/* Makes a descriptor that comes from elsewhere nonblocking, for all who share
 * it, and says that it is a new one. The same descriptor, or -EBADF. Any
 * thread; does not wait. */
int moirai_fd_adopt(int fd);

/* Says that the descriptor will be closed by other means than moirai_close:
 * whoever waits for it gets -ECANCELED. 0. Any thread; does not wait. */
int moirai_fd_forget(int fd);

/* Closes it; whoever waits for it gets -ECANCELED. What close(2) says; the
 * descriptor is gone in any case. Any thread; does not wait. */
int moirai_close(int fd);

/* Waits until one of `events` (POLLIN, POLLOUT, POLLPRI, POLLRDHUP) has come,
 * or POLLERR or POLLHUP. Which have come, or a negative errno. A file is always
 * ready. Can wait. */
int moirai_fd_wait(int fd, uint32_t events, int64_t deadline_ns);

/* --- streams: sockets, pipes, terminals ----------------------------------- */

/* Reads at most `size` bytes into `buffer`, or as much as there is; waits only
 * if there is nothing. How many; 0: the stream has ended. `buffer` is lent
 * until the call returns. Can wait. Of a file, without a deadline, from where
 * it is. */
int64_t moirai_read(int fd, void *buffer, size_t size, int64_t deadline_ns);

/* As moirai_read, into `count` parts, one after another (readv(2)). The parts
 * and what describes them are lent until the call returns. -EINVAL: count is
 * less than 0, or more than IOV_MAX. Can wait. */
int64_t moirai_readv(int fd, const struct iovec *parts, int count,
                     int64_t deadline_ns);

/* Writes as much of it as the other end takes just now; waits only if that is
 * nothing. How many; -EPIPE: nobody reads any more. A plain thread gets the
 * signal of write(2) then, tasks do not. `buffer` is lent until the call
 * returns. Can wait. */
int64_t moirai_write(int fd, const void *buffer, size_t size,
                     int64_t deadline_ns);

/* As moirai_write, out of `count` parts, one after another (writev(2)). The
 * parts and what describes them are lent until the call returns. -EINVAL: count
 * is less than 0, or more than IOV_MAX. Can wait. */
int64_t moirai_writev(int fd, const struct iovec *parts, int count,
                      int64_t deadline_ns);

/* Reads `size` bytes into `buffer`: 0; -EPIPE: the stream ended before; or as
 * moirai_read, and then a part may have been read. *done (or NULL) says in any
 * case how much. `buffer` is lent until the call returns. Can wait. */
int moirai_read_all(int fd, void *buffer, size_t size, size_t *done,
                    int64_t deadline_ns);

/* Writes all of `buffer`: 0; or as moirai_write, and then a part may have been
 * written. *done (or NULL) says in any case how much. `buffer` is lent until
 * the call returns. Can wait. */
int moirai_write_all(int fd, const void *buffer, size_t size, size_t *done,
                     int64_t deadline_ns);

/* Moves up to `size` bytes from one descriptor to another, within the kernel
 * where it can: one of them is a pipe, or `from` is a file and `to` is not.
 * How many, less than `size` at the end of `from`; an error only if nothing was
 * moved. -EINVAL: it cannot. Can wait. */
int64_t moirai_fd_move(int from, int to, size_t size, int64_t deadline_ns);

/* A pipe: ends[0] to read from, ends[1] to write to, both the caller's. 0 or a
 * negative errno. Any thread; does not wait. */
int moirai_pipe(int ends[2]);

/* --- reading up to a mark ------------------------------------------------- */

/* Bytes that were read ahead of a descriptor, in the caller's memory. Used by
 * one at a time. Every field is the core's. */
struct moirai_reader {
    int fd;
    char *memory;
    size_t size;
    size_t from, to;                /* unread, in `memory` */
    size_t searched;                /* of them: there is no mark */
};

/* Reads from `fd`, at most `size` bytes ahead, into `memory`; both are kept
 * until the reader is not used any more. */
void moirai_reader_init(struct moirai_reader *reader, int fd, void *memory,
                        size_t size);

/* Reads up to and including the next `mark` (n bytes, 1 at least). *text is in
 * the reader's memory until its next use, *length has the mark in it. 0;
 * -EMSGSIZE: there is none in as much as the memory holds; -EPIPE: the stream
 * ended, and *text is what was left, if anything. Can wait. */
int moirai_reader_until(struct moirai_reader *reader, const char *mark,
                        size_t n, char **text, size_t *length,
                        int64_t deadline_ns);

/* As moirai_read, with what was read ahead first: if there is any, only that,
 * without waiting. Can wait. */
int64_t moirai_reader_read(struct moirai_reader *reader, void *buffer,
                           size_t size, int64_t deadline_ns);

/* As moirai_read_all, with what was read ahead first. Can wait. */
int moirai_reader_all(struct moirai_reader *reader, void *buffer, size_t size,
                      size_t *done, int64_t deadline_ns);

/* --- files ---------------------------------------------------------------- */

/* These never wait for other tasks, and for the disk without keeping the
 * worker. They have no deadline: a disk cannot be hurried. Cancelled before it
 * began, such a call returns -ECANCELED. Paths and buffers are lent until the
 * call returns; a path that is not absolute begins at the working directory.
 * All can wait. */

/* Opens a file as open(2), with O_CLOEXEC and O_NONBLOCK; `mode` is for
 * O_CREAT. The descriptor, the caller's, or a negative errno. */
int moirai_open(const char *path, int flags, unsigned mode);

/* Reads at most `size` bytes from `offset` on, and moves nobody's place in the
 * file. How many, 0 at its end, or as of pread(2) with negative errno. */
int64_t moirai_pread(int fd, void *buffer, size_t size, int64_t offset);

/* Writes at `offset`, and moves nobody's place in the file. How many, perhaps
 * fewer than `size` (the disk is full), or as of pwrite(2) with negative
 * errno. */
int64_t moirai_pwrite(int fd, const void *buffer, size_t size,
                      int64_t offset);

/* Has what was written to the file, and what is known of it, on the disk. 0, or
 * as of fsync(2): -EIO, -ENOSPC, ... then some of it is lost. */
int moirai_fsync(int fd);

/* The same, without what is not needed to read it again, such as times. */
int moirai_fdatasync(int fd);

/* Makes the file that long, by cutting it or by zeros. 0, or as of ftruncate(2)
 * with negative errno. */
int moirai_ftruncate(int fd, int64_t size);

/* What there is to know of an open file. 0 with *out filled, or as of fstat(2)
 * with negative errno. */
int moirai_fstat(int fd, struct stat *out);

/* The same of a path, through links. 0 with *out filled, or as of stat(2) with
 * negative errno. */
int moirai_stat(const char *path, struct stat *out);

/* Gives a file or directory another path, in place of what has that path. 0, or
 * as of rename(2) with negative errno. */
int moirai_rename(const char *from, const char *to);

/* Removes a path that is no directory. 0, or as of unlink(2) with negative
 * errno. */
int moirai_unlink(const char *path);

/* Makes a directory. 0, or as of mkdir(2) with negative errno. */
int moirai_mkdir(const char *path, unsigned mode);

/* Removes an empty directory. 0, or as of rmdir(2) with negative errno. */
int moirai_rmdir(const char *path);

#ifdef __cplusplus
}
#endif

#endif
