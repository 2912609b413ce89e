/* SPDX-License-Identifier: MIT */
/*
 * file.c - files, which make nobody wait but for the disk.
 *
 * What the backend does not take runs in the blocking pool.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <moirai/io.h>
#include <moirai/task.h>

#include "backend.h"

int moirai_open(const char *path, int flags, unsigned mode)
{
    struct mo_io_call call = MO_IO_CALL(MOIRAI_IO_OPEN, AT_FDCWD);
    int64_t fd;

    call.request.path = path;
    call.request.flags = (uint32_t)(flags | O_NONBLOCK);
    call.request.mode = mode;
    fd = mo_io_run(&call, MOIRAI_NEVER);
    if (fd >= 0)
        mo_io_forget((int)fd, false);
    return (int)fd;
}

/* Disks do not keep anybody waiting for as long as a cancellation would be in
 * time: a ring, as the pool, gets nothing of who is cancelled before. */
static int64_t transfer(int fd, uint32_t operation, struct iovec part,
                        int64_t offset)
{
    struct mo_io_call call = MO_IO_CALL(operation, fd);

    if (offset < 0)
        return -EINVAL;
    if (moirai_cancelled())
        return -ECANCELED;
    call.request.parts = &part;
    call.request.count = 1;
    call.request.offset = offset;
    return mo_io_run(&call, MOIRAI_NEVER);
}

int64_t moirai_pread(int fd, void *buffer, size_t size, int64_t offset)
{
    return transfer(fd, MOIRAI_IO_READ, (struct iovec){ buffer, size },
                    offset);
}

int64_t moirai_pwrite(int fd, const void *buffer, size_t size, int64_t offset)
{
    return transfer(fd, MOIRAI_IO_WRITE,
                    (struct iovec){ (void *)buffer, size }, offset);
}

static int sync_file(int fd, uint32_t flags)
{
    struct mo_io_call call = MO_IO_CALL(MOIRAI_IO_FSYNC, fd);

    call.request.flags = flags;
    return (int)mo_io_run(&call, MOIRAI_NEVER);
}

int moirai_fsync(int fd)
{
    return sync_file(fd, 0);
}

int moirai_fdatasync(int fd)
{
    return sync_file(fd, 1);
}

static int state_of(int fd, const char *path, struct stat *out)
{
    struct mo_io_call call = MO_IO_CALL(MOIRAI_IO_STAT, fd);
    struct iovec part = { out, sizeof *out };

    call.request.path = path;
    call.request.parts = &part;
    call.request.count = 1;
    return (int)mo_io_run(&call, MOIRAI_NEVER);
}

int moirai_fstat(int fd, struct stat *out)
{
    return state_of(fd, NULL, out);
}

int moirai_stat(const char *path, struct stat *out)
{
    return state_of(AT_FDCWD, path, out);
}

/* --- those of which no backend knows -------------------------------------- */

struct on_path {
    const char *path, *other;
    unsigned mode;
    int fd;
    int64_t size;
};

static int told(int rc)
{
    return rc == 0 ? 0 : -errno;
}

static int do_rename(void *arg)
{
    const struct on_path *job = arg;

    return told(rename(job->path, job->other));
}

int moirai_rename(const char *from, const char *to)
{
    struct on_path job = { .path = from, .other = to };

    return moirai_block(do_rename, &job);
}

static int do_unlink(void *arg)
{
    const struct on_path *job = arg;

    return told(unlink(job->path));
}

int moirai_unlink(const char *path)
{
    struct on_path job = { .path = path };

    return moirai_block(do_unlink, &job);
}

static int do_mkdir(void *arg)
{
    const struct on_path *job = arg;

    return told(mkdir(job->path, (mode_t)job->mode));
}

int moirai_mkdir(const char *path, unsigned mode)
{
    struct on_path job = { .path = path, .mode = mode };

    return moirai_block(do_mkdir, &job);
}

static int do_rmdir(void *arg)
{
    const struct on_path *job = arg;

    return told(rmdir(job->path));
}

int moirai_rmdir(const char *path)
{
    struct on_path job = { .path = path };

    return moirai_block(do_rmdir, &job);
}

static int do_truncate(void *arg)
{
    const struct on_path *job = arg;

    return told(ftruncate(job->fd, job->size));
}

int moirai_ftruncate(int fd, int64_t size)
{
    struct on_path job = { .fd = fd, .size = size };

    return moirai_block(do_truncate, &job);
}
