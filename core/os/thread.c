/* SPDX-License-Identifier: MIT */
/*
 * thread.c - what another thread of this process does, by what /proc says.
 *
 * Nothing here disturbs the thread: a signal would end some of its system calls
 * early.
 */
#include "os/thread.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <moirai/time.h>

#include "os/os.h"

bool mo_thread_can_look(void)
{
#ifdef MO_SWITCH_THREADS
    return false;
#else
    return true;
#endif
}

/* One of the thread's files: how much of it is in `text` now, and ended. */
static size_t read_file(const struct mo_thread *thread, const char *name,
                        char *text, size_t size)
{
    char path[64];
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "/proc/self/task/%d/%s",
             (int)mo_load(&thread->id), name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    n = read(fd, text, size - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

/* "number argument... stack-pointer program-counter", or "running". */
static uintptr_t called_at(const struct mo_thread *thread)
{
    char text[256];
    const char *last;

    if (read_file(thread, "syscall", text, sizeof text) == 0)
        return 0;
    last = strrchr(text, ' ');
    return last != NULL ? (uintptr_t)strtoull(last, NULL, 16) : 0;
}

/* "id (name) state ...", where the name may have anything in it. */
bool mo_thread_look(const struct mo_thread *thread,
                    struct mo_thread_look *look)
{
    char text[512];
    const char *state;

    if (mo_load(&thread->id) == 0
        || read_file(thread, "stat", text, sizeof text) == 0)
        return false;
    state = strrchr(text, ')');
    if (state == NULL || state[1] != ' ' || strchr("RSD", state[2]) == NULL)
        return false;
    look->blocked = state[2] != 'R';
    look->pc = look->blocked ? called_at(thread) : 0;
    return true;
}

int64_t mo_thread_used(const struct mo_thread *thread)
{
    struct timespec used;
    clockid_t clock;

    if (pthread_getcpuclockid(thread->real, &clock) != 0
        || clock_gettime(clock, &used) != 0)
        return -1;
    return (int64_t)used.tv_sec * MOIRAI_S + used.tv_nsec;
}

bool mo_thread_peek(void *to, const void *from, size_t n)
{
    struct iovec here = { to, n };
    struct iovec there = { (void *)(uintptr_t)from, n };

    return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)n;
}
