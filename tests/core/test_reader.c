/* SPDX-License-Identifier: MIT */
/*
 * test_reader.c - lines, files, and what is moved from one descriptor to
 * another.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "pipes.h"
#include "with.h"

/* --- lines ---------------------------------------------------------------- */

static int write_lines(void *arg)
{
    static const char text[] = "one\r\ntwo\r\n\r\nlonger than the memory is"
                               "\r\nrest";
    const int *ends = arg;

    for (size_t i = 0; i < sizeof text - 1; i++) {
        CHECK_EQ(moirai_write(ends[1], text + i, 1, MOIRAI_NEVER), 1);
        if (i % 3 == 0)
            moirai_yield();
    }
    CHECK_EQ(moirai_close(ends[1]), 0);
    return 0;
}

static void expect(struct moirai_reader *reader, int rc, const char *wanted)
{
    char *text = NULL;
    size_t n = 0;

    CHECK_EQ(moirai_reader_until(reader, "\r\n", 2, &text, &n, MOIRAI_NEVER),
             rc);
    CHECK_EQ(n, strlen(wanted));
    CHECK(n == 0 || memcmp(text, wanted, n) == 0);
}

static int read_lines(void *arg)
{
    struct moirai_reader reader;
    struct moirai_scope scope;
    char memory[16], skipped[23];
    int ends[2];

    (void)arg;
    open_pipe(ends);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, write_lines, ends), 0);
    moirai_reader_init(&reader, ends[0], memory, sizeof memory);
    expect(&reader, 0, "one\r\n");
    expect(&reader, 0, "two\r\n");
    expect(&reader, 0, "\r\n");
    expect(&reader, -EMSGSIZE, "");
    expect(&reader, -EMSGSIZE, "");
    CHECK_EQ(moirai_reader_all(&reader, skipped, sizeof skipped, NULL,
                               MOIRAI_NEVER), 0);
    CHECK(memcmp(skipped, "longer than the memory ", 23) == 0);
    expect(&reader, 0, "is\r\n");
    CHECK_EQ(moirai_reader_read(&reader, skipped, 1, MOIRAI_NEVER), 1);
    CHECK_EQ(skipped[0], 'r');
    expect(&reader, -EPIPE, "est");
    expect(&reader, -EPIPE, "");
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(moirai_close(ends[0]), 0);
    return 0;
}

TEST(io, is_read_line_by_line)
{
    with_each(read_lines, NULL);
    with_seeds(30, read_lines, NULL);
}

/* --- files ---------------------------------------------------------------- */

static int use_files(void *arg)
{
    char folder[] = "/tmp/moirai-io-XXXXXX";
    char path[64], other[64], text[16] = "";
    struct stat stat;
    int fd;

    (void)arg;
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/a", folder);
    snprintf(other, sizeof other, "%s/b", folder);
    CHECK_EQ(moirai_open(path, O_RDONLY, 0), -ENOENT);
    fd = moirai_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0);
    CHECK_EQ(moirai_pwrite(fd, "file", 4, 3), 4);
    CHECK_EQ(moirai_write(fd, "its", 3, MOIRAI_NEVER), 3);
    CHECK_EQ(moirai_read(fd, text, 4, MOIRAI_NEVER), 4);
    CHECK_STR(text, "file");
    CHECK_EQ(moirai_pread(fd, text, sizeof text, 0), 7);
    CHECK(memcmp(text, "itsfile", 7) == 0);
    CHECK_EQ(moirai_pread(fd, text, 1, -1), -EINVAL);
    CHECK_EQ(moirai_fd_wait(fd, POLLIN, MOIRAI_NEVER), POLLIN);
    CHECK_EQ(moirai_fsync(fd), 0);
    CHECK_EQ(moirai_fdatasync(fd), 0);
    CHECK_EQ(moirai_ftruncate(fd, 5), 0);
    CHECK_EQ(moirai_fstat(fd, &stat), 0);
    CHECK_EQ(stat.st_size, 5);
    CHECK_EQ(moirai_close(fd), 0);
    CHECK_EQ(moirai_rename(path, other), 0);
    CHECK_EQ(moirai_stat(path, &stat), -ENOENT);
    CHECK_EQ(moirai_stat(other, &stat), 0);
    CHECK_EQ(moirai_unlink(other), 0);
    CHECK_EQ(moirai_mkdir(path, 0700), 0);
    CHECK_EQ(moirai_mkdir(path, 0700), -EEXIST);
    CHECK_EQ(moirai_rmdir(path), 0);
    CHECK_EQ(moirai_rmdir(folder), 0);
    return 0;
}

TEST(io, of_files_keeps_no_worker)
{
    with_each(use_files, NULL);
    with_seeds(5, use_files, NULL);
    use_files(NULL);
}

static int move_on(void *arg)
{
    char text[8] = "";
    int in[2], out[2], sockets[2], file;

    (void)arg;
    open_pipe(in);
    open_pipe(out);
    CHECK_EQ(moirai_socket_pair(SOCK_STREAM, sockets), 0);
    file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    CHECK(file >= 0);
    CHECK_EQ(moirai_write(in[1], "moved", 5, MOIRAI_NEVER), 5);
    CHECK_EQ(moirai_fd_move(in[0], file, 5, MOIRAI_NEVER), 5);
    CHECK_EQ(lseek(file, 0, SEEK_SET), 0);
    CHECK_EQ(moirai_fd_move(file, sockets[0], 100, MOIRAI_NEVER), 5);
    CHECK_EQ(moirai_fd_move(sockets[1], out[1], 5, MOIRAI_NEVER), 5);
    CHECK_EQ(moirai_read(out[0], text, 7, MOIRAI_NEVER), 5);
    CHECK_STR(text, "moved");
    CHECK_EQ(moirai_fd_move(in[0], out[1], 1, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_fd_move(in[0], out[1], 1, moirai_after(MOIRAI_MS)),
             -ETIMEDOUT);
    CHECK_EQ(moirai_close(file), 0);
    close_pipe(in);
    close_pipe(out);
    close_pipe(sockets);
    return 0;
}

TEST(io, moves_from_one_descriptor_to_another)
{
    with_each(move_on, NULL);
    with_seeds(5, move_on, NULL);
}

static int move_all(void *arg)
{
    const int *ends = arg;

    CHECK_EQ(moirai_fd_move(ends[0], ends[1], BULK, MOIRAI_NEVER), BULK);
    CHECK_EQ(moirai_close(ends[1]), 0);
    return 0;
}

/* Either side of it may be the one to wait. */
static int move_bulk(void *arg)
{
    struct moirai_scope scope;
    int in[2], out[2], between[2];

    (void)arg;
    open_pipe(in);
    open_pipe(out);
    between[0] = in[0];
    between[1] = out[1];
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, move_all, between), 0);
    CHECK_EQ(moirai_spawn(&scope, pour, in), 0);
    CHECK_EQ(moirai_spawn(&scope, drink, out), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(moirai_close(in[0]), 0);
    return 0;
}

TEST(io, moves_in_bulk)
{
    with_each(move_bulk, NULL);
}
