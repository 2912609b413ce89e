/* SPDX-License-Identifier: MIT */
/*
 * pthread.h - winpthreads, and what it leaves out.
 *
 * The headers of this folder come before the compiler's when the host is
 * mingw-w64. Each is one of POSIX, and adds what core, plugins, tools and
 * examples need of it, as far as Windows can do it at all.
 */
#ifndef MO_WINDOWS_PTHREAD_H
#define MO_WINDOWS_PTHREAD_H

#include_next <pthread.h>

#include <errno.h>
#include <signal.h>

#undef pthread_sigmask

/* No signal interrupts another thread, so there is nothing to mask. */
static inline int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    (void)how;
    (void)set;
    if (old != NULL)
        sigemptyset(old);
    return 0;
}

static inline int pthread_getattr_np(pthread_t thread, pthread_attr_t *attr)
{
    (void)thread;
    (void)attr;
    return ENOSYS;
}

#endif
