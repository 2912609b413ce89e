/* SPDX-License-Identifier: MIT */
/*
 * unistd.h - the machine, and becoming another program.
 */
#ifndef MO_WINDOWS_UNISTD_H
#define MO_WINDOWS_UNISTD_H

#include_next <unistd.h>

#include <errno.h>
#include <process.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#define _SC_NPROCESSORS_ONLN 1

static inline long sysconf(int name)
{
    if (name == _SC_NPROCESSORS_ONLN)
        return pthread_num_processors_np();
    errno = EINVAL;
    return -1;
}

/* Whoever waits for a program that calls _execvp sees it end at once. So we
 * stay until the other has ended, and end with its status. Returns as execvp
 * does, if it cannot be started. */
static inline int mo_windows_execvp(const char *file, char *const *argv)
{
    intptr_t status = _spawnvp(_P_WAIT, file, (const char *const *)argv);

    if (status == -1)
        return -1;
    exit((int)status);
}

#define execvp mo_windows_execvp

#endif
