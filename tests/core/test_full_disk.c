/* SPDX-License-Identifier: MIT */
/*
 * test_full_disk.c - a disk that fills: who writes hears of it, what was
 * written is counted and there, and when there is room again all goes on.
 *
 * The disk is a small tmpfs in a mount namespace of the test's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "with.h"

#define ROOM ((size_t)256 << 10)    /* of the disk, in bytes */
#define FILES 16                    /* and in files and directories */
#define TEXT (4 * ROOM)

static char disk[64];               /* where it is */
static unsigned char text[TEXT], again[TEXT];

static char *name(char *path, const char *file)
{
    stpcpy(stpcpy(stpcpy(path, disk), "/"), file);
    return path;
}

static char *number(char *path, int n)
{
    char file[12];

    snprintf(file, sizeof file, "%d", n);
    return name(path, file);
}

static bool note(const char *path, const char *format, unsigned id)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool noted = fd >= 0 && dprintf(fd, format, id) > 0;

    if (fd >= 0)
        close(fd);
    return noted;
}

/* Root may mount; others may in a namespace where they are root. */
static bool unshare_mounts(void)
{
    unsigned user = geteuid(), group = getegid();

    if (user == 0)
        return unshare(CLONE_NEWNS) == 0;
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0
        && note("/proc/self/setgroups", "deny", 0)
        && note("/proc/self/uid_map", "0 %u 1", user)
        && note("/proc/self/gid_map", "0 %u 1", group);
}

/* NULL, or what is not to be had. */
static const char *mount_disk(void)
{
    char options[64];

    if (!unshare_mounts())
        return "no namespace of one's own is allowed";
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return "mounts cannot be kept to oneself";
    snprintf(disk, sizeof disk, "/tmp/moirai-disk-XXXXXX");
    CHECK(mkdtemp(disk) != NULL);
    snprintf(options, sizeof options, "size=%zu,nr_inodes=%d", ROOM, FILES);
    if (mount("none", disk, "tmpfs", 0, options) == 0)
        return NULL;
    rmdir(disk);
    return "no tmpfs may be mounted";
}

static void unmount_disk(void)
{
    CHECK_EQ(umount(disk), 0);      /* nobody has kept a file open */
    CHECK_EQ(rmdir(disk), 0);
}

static int create(const char *file)
{
    char path[96];
    int fd;

    fd = moirai_open(name(path, file), O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0);
    return fd;
}

static void erase(const char *file)
{
    char path[96];

    CHECK_EQ(moirai_unlink(name(path, file)), 0);
}

/* The file has the first `n` bytes of the text, and no more; closes it. */
static void check_file(int fd, size_t n)
{
    struct stat stat;
    int64_t got = 1;

    CHECK_EQ(moirai_fsync(fd), 0);
    CHECK_EQ(moirai_fstat(fd, &stat), 0);
    CHECK_EQ(stat.st_size, n);
    for (size_t at = 0; got > 0; at += (size_t)got)
        got = moirai_pread(fd, again + at, TEXT - at, (int64_t)at);
    CHECK_EQ(got, 0);
    CHECK_EQ(memcmp(text, again, n), 0);
    CHECK_EQ(moirai_close(fd), 0);
}

/* --- the ways to write ---------------------------------------------------- */

/* Each writes the text until there is no room; how much of it is there. */
static size_t write_on(int fd)
{
    size_t done = 0;

    CHECK_EQ(moirai_write_all(fd, text, TEXT, &done, MOIRAI_NEVER), -ENOSPC);
    return done;
}

static size_t write_parts(int fd)
{
    size_t done = 0;
    int64_t n;

    for (;;) {
        struct iovec parts[2] = { { text + done, 3000 },
                                  { text + done + 3000, 5000 } };

        n = moirai_writev(fd, parts, 2, MOIRAI_NEVER);
        if (n < 0)
            break;
        done += (size_t)n;
    }
    CHECK_EQ(n, -ENOSPC);
    return done;
}

static size_t write_at(int fd)
{
    size_t done = 0;
    int64_t n;

    while ((n = moirai_pwrite(fd, text + done, 7000, (int64_t)done)) > 0)
        done += (size_t)n;
    CHECK_EQ(n, -ENOSPC);
    return done;
}

#define FED 4096

/* What did not go to the disk is in the pipe still. */
static size_t move_there(int fd)
{
    size_t fed = 0, done = 0;
    int64_t n = 0;
    int ends[2];

    CHECK_EQ(moirai_pipe(ends), 0);
    while (n >= 0) {
        if (fed == done) {
            CHECK_EQ(moirai_write(ends[1], text + fed, FED, MOIRAI_NEVER),
                     FED);
            fed += FED;
        }
        n = moirai_fd_move(ends[0], fd, fed - done, MOIRAI_NEVER);
        CHECK(n != 0);
        done += n > 0 ? (size_t)n : 0;
    }
    CHECK_EQ(n, -ENOSPC);
    CHECK_EQ(moirai_close(ends[1]), 0);
    CHECK_EQ(moirai_read_all(ends[0], again, fed - done, NULL, MOIRAI_NEVER),
             0);
    CHECK_EQ(memcmp(again, text + done, fed - done), 0);
    CHECK_EQ(moirai_read(ends[0], again, 1, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_close(ends[0]), 0);
    return done;
}

/* It is full to the last page; with the file gone there is room again. */
static int fill_it(void *arg)
{
    static size_t (*const ways[])(int) = { write_on, write_parts, write_at,
                                           move_there };

    (void)arg;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        int fd = create("text");
        size_t done = ways[i](fd);

        CHECK(done > ROOM / 2 && done <= ROOM);
        CHECK_EQ(moirai_pwrite(fd, text, 1, (int64_t)ROOM), -ENOSPC);
        check_file(fd, done);
        erase("text");
    }
    return 0;
}

/* Neither a file nor a directory more; what there is can be renamed. */
static int fill_with_files(void *arg)
{
    char path[96], other[96];
    int n = 0, rc;

    (void)arg;
    while ((rc = moirai_mkdir(number(path, n), 0700)) == 0)
        n++;
    CHECK_EQ(rc, -ENOSPC);
    CHECK_EQ(moirai_open(path, O_WRONLY | O_CREAT, 0600), -ENOSPC);
    CHECK_EQ(moirai_rename(number(other, 0), path), 0);
    CHECK_EQ(moirai_rename(path, other), 0);
    while (n > 0)
        CHECK_EQ(moirai_rmdir(number(path, --n)), 0);
    return 0;
}

static int fill_all(void *arg)
{
    return fill_it(arg) != 0 || fill_with_files(arg) != 0;
}

static const char *fill_each_way(void)
{
    const char *missing = mount_disk();

    if (missing != NULL)
        return missing;
    for (size_t i = 0; i < TEXT; i++)
        text[i] = (unsigned char)(i * 2654435761u >> 13);
    with_each(fill_all, NULL);
    with_seeds(3, fill_all, NULL);
    CHECK_EQ(fill_all(NULL), 0);
    unmount_disk();
    return NULL;
}

/* Only a process of one thread may have users of its own, and the runner has
 * more. */
static const char *fill_in_child(void)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(fill_each_way() != NULL ? 77 : 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(status == 0 || WEXITSTATUS(status) == 77);
    return status != 0 ? "no mounts of one's own are allowed" : NULL;
}

TEST(disk, that_is_full_says_so_and_loses_nothing)
{
    const char *missing = geteuid() == 0 ? fill_each_way() : fill_in_child();

    if (missing != NULL)
        SKIP(missing);
}
