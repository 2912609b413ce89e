/* SPDX-License-Identifier: MIT */
/*
 * signal.h - sets of signals, and names of signals that are never sent.
 */
#ifndef MO_WINDOWS_SIGNAL_H
#define MO_WINDOWS_SIGNAL_H

#include_next <signal.h>

#include <sys/types.h>

#ifndef SIGQUIT
#define SIGQUIT 3
#define SIGUSR1 10
#define SIGUSR2 12
#endif

#ifndef SIG_SETMASK
#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2
#endif

#ifndef _POSIX
typedef _sigset_t sigset_t;
#endif

static inline int sigemptyset(sigset_t *set)
{
    *set = 0;
    return 0;
}

static inline int sigfillset(sigset_t *set)
{
    *set = ~(sigset_t)0;
    return 0;
}

static inline int sigaddset(sigset_t *set, int signo)
{
    *set |= (sigset_t)1 << signo;
    return 0;
}

static inline int sigdelset(sigset_t *set, int signo)
{
    *set &= ~((sigset_t)1 << signo);
    return 0;
}

#endif
