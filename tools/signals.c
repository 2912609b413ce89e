/* SPDX-License-Identifier: MIT */
/*
 * signals.c - signals as something to read, for commands that run programs.
 */
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tool.h"

static struct {
    int fd;                         /* -1: none */
    sigset_t taken, before;
} signals = { .fd = -1 };

bool signals_open(const char *command)
{
    static const int taken[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD };

    sigemptyset(&signals.taken);
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        sigaddset(&signals.taken, taken[i]);
    sigprocmask(SIG_BLOCK, &signals.taken, &signals.before);
    signal(SIGCHLD, SIG_DFL);       /* ignored, it would eat the status */
    signals.fd = signalfd(-1, &signals.taken, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals.fd < 0)
        tool_failure(command, "cannot wait for signals: %s", strerror(errno));
    return signals.fd >= 0;
}

void signals_close(void)
{
    if (signals.fd >= 0)
        close(signals.fd);
    signals.fd = -1;
    sigprocmask(SIG_SETMASK, &signals.before, NULL);
}

int signals_fd(void)
{
    return signals.fd;
}

int signals_take(void)
{
    struct signalfd_siginfo info;
    int found = 0;

    while (read(signals.fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != (uint32_t)SIGCHLD)
            found = (int)info.ssi_signo;
    }
    return found;
}

void signals_restore(void)
{
    sigprocmask(SIG_SETMASK, &signals.before, NULL);
}
