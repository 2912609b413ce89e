/* SPDX-License-Identifier: MIT */
/*
 * attempt.c - doing something in a process of its own that may not survive it.
 *
 * The child is the head of a process group, which is killed when it has ended,
 * and is killed itself if its parent is.
 */
#include "attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

void *attempt_share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory != MAP_FAILED ? memory : NULL;
}

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void direct(enum attempt_output output)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    dup2(nothing, STDIN_FILENO);
    if (output == ATTEMPT_SILENT)
        dup2(nothing, STDERR_FILENO);
    if (output != ATTEMPT_SPEAKS)
        dup2(STDERR_FILENO, STDOUT_FILENO);
}

static _Noreturn void be_child(void (*fn)(void *arg), void *arg,
                               enum attempt_output output, pid_t parent)
{
    struct rlimit none = { 0, 0 };

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    setpgid(0, 0);
    setrlimit(RLIMIT_CORE, &none);
    direct(output);
    fn(arg);
    fflush(NULL);
    _exit(EXIT_SUCCESS);
}

/* Returns whether the child ended by itself; then it can be waited for. */
static bool ends(pid_t child, const sigset_t *chld, unsigned seconds)
{
    int64_t end = now() + (int64_t)seconds * NS_PER_S;

    for (;;) {
        siginfo_t info = { .si_pid = 0 };
        int64_t left = end - now();
        struct timespec wait = { left / NS_PER_S, left % NS_PER_S };

        if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0
            && info.si_pid == child)
            return true;
        if (left <= 0)
            return false;
        sigtimedwait(chld, NULL, &wait);
    }
}

/* What is said of a child that said nothing. */
static void judge(struct verdict *verdict, bool ended, unsigned seconds,
                  int status)
{
    const char *at = verdict->at;
    const char *call = at != NULL ? at : "it";
    char *text = verdict->text;
    size_t n = sizeof verdict->text;

    verdict->kind = VERDICT_BROKEN;
    verdict->where[0] = '\0';
    if (!ended && at != NULL)
        snprintf(text, n, "%s did not return, until %u seconds had passed", at,
                 seconds);
    else if (!ended)
        snprintf(text, n, "it was not done when %u seconds had passed",
                 seconds);
    else if (WIFSIGNALED(status))
        snprintf(text, n, "%s ended the process by a signal: %s", call,
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, n, "%s ended the process, with status %d", call,
                 WEXITSTATUS(status));
}

void attempt(void (*fn)(void *arg), void *arg, unsigned seconds,
             enum attempt_output output, struct verdict *verdict)
{
    pid_t parent = getpid();
    sigset_t chld, before;
    bool ended;
    int status;
    pid_t child;

    memset(verdict, 0, sizeof *verdict);
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    fflush(NULL);
    signal(SIGCHLD, SIG_DFL);       /* ignored, it would eat the status */
    sigprocmask(SIG_BLOCK, &chld, &before);
    child = fork();
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        be_child(fn, arg, output, parent);
    }
    if (child < 0) {
        conformance_verdict(verdict);
        conformance_say(VERDICT_FAILED, strerror(errno));
        sigprocmask(SIG_SETMASK, &before, NULL);
        return;
    }
    setpgid(child, child);          /* whoever of the two is first */
    ended = ends(child, &chld, seconds);
    kill(-child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (verdict->kind == VERDICT_NONE)
        judge(verdict, ended, seconds, status);
}
