/* SPDX-License-Identifier: MIT */
/*
 * trial.c - doing something dangerous in a child process first.
 */
#include "trial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SURVIVED 42                 /* no crash handler exits with this */
#define SECONDS_MAX 10

/* No word, no core file, no hanging about. */
static void be_quiet(void)
{
    struct rlimit none = { 0, 0 };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
    }
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGALRM, SIG_DFL);
    alarm(SECONDS_MAX);
}

int mo_trial_run(void (*fn)(void *arg), void *arg, char *why, size_t n)
{
    pid_t child = fork();
    int status = 0;

    if (child < 0)
        return -errno;
    if (child == 0) {
        be_quiet();
        fn(arg);
        exit(SURVIVED);             /* a module's destructors are its own */
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == SURVIVED)
        return 0;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        snprintf(why, n, "loading it does not come to an end");
    else if (WIFSIGNALED(status))
        snprintf(why, n, "corrupted or faulty: loading it ends the process "
                 "(%s)", strsignal(WTERMSIG(status)));
    else
        snprintf(why, n, "corrupted or faulty: loading it ends the process");
    return -ENOEXEC;
}
