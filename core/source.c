/* SPDX-License-Identifier: MIT */
/*
 * source.c - the bytes of a configuration file, whatever kind of file it is.
 *
 * Pipes are welcome: `moirai check /dev/stdin`, or a shell's <(command). One
 * that nobody writes into would block its reader in open(2) or read(2), so it
 * is opened without blocking and waited for with a deadline.
 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until there is something to read, or the end. */
static int wait_for(int fd, int64_t deadline_ms)
{
    struct pollfd wanted = { .fd = fd, .events = POLLIN };
    int64_t left = deadline_ms - now_ms();
    int n = poll(&wanted, 1, left > 0 ? (int)left : 0);

    if (n == 0)
        return -ETIMEDOUT;
    return n > 0 || errno == EINTR ? 0 : -errno;
}

static int read_all(int fd, char *bytes, size_t room, size_t *n)
{
    int64_t deadline_ms = now_ms() + MO_SOURCE_SECONDS * 1000;
    int rc = 0;

    *n = 0;
    while (rc == 0 && *n < room) {
        ssize_t got;

        rc = wait_for(fd, deadline_ms);
        if (rc != 0)
            break;
        got = read(fd, bytes + *n, room - *n);
        if (got == 0)
            break;
        if (got > 0)
            *n += (size_t)got;
        else if (errno != EINTR && errno != EAGAIN)
            rc = -errno;
    }
    return rc;
}

int mo_source_read(const char *path, char *bytes, size_t room, size_t *n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int rc;

    if (fd < 0)
        return -errno;
    rc = read_all(fd, bytes, room, n);
    close(fd);
    return rc;
}
