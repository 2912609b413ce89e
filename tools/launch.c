/* SPDX-License-Identifier: MIT */
/*
 * launch.c - running a program as a child, and ending as it does.
 *
 * The launcher has one thread and no handlers: all signals it cares for are
 * blocked, and it takes them one by one. A signal that the terminal sends
 * goes to the whole foreground group, the program included, so only what
 * somebody sent to the launcher itself is passed on.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool.h"

struct launch {
    char **program;                 /* NULL-terminated */
    sigset_t taken;                 /* by the launcher */
    sigset_t before;                /* what was blocked at the start */
};

static void take_signals(struct launch *l)
{
    static const int passed[] = {
        SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD,
    };

    sigemptyset(&l->taken);
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++)
        sigaddset(&l->taken, passed[i]);
    sigprocmask(SIG_BLOCK, &l->taken, &l->before);
    signal(SIGCHLD, SIG_DFL);       /* ignored, it would eat the status */
}

/* In the child. Writes errno to `report` if the program does not start. */
static void become(const struct launch *l, pid_t launcher, int report)
{
    int code;

    /* Killed with the launcher; if that went before this took effect, now. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != launcher)
        _exit(STATUS_CANNOT_START);
    sigprocmask(SIG_SETMASK, &l->before, NULL);
    execvp(l->program[0], l->program);
    code = errno;
    if (write(report, &code, sizeof code) < 0)
        _exit(STATUS_CANNOT_START);
    _exit(code == ENOENT ? STATUS_NO_PROGRAM : STATUS_CANNOT_START);
}

/* Starts the program. Its process, or a negative errno. */
static pid_t start(const struct launch *l, int *exec_error)
{
    pid_t launcher = getpid();
    int ends[2];
    pid_t child;

    *exec_error = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    child = fork();
    if (child < 0) {
        child = -errno;
    } else if (child == 0) {
        close(ends[0]);
        become(l, launcher, ends[1]);
    }
    close(ends[1]);
    if (child > 0 && read(ends[0], exec_error, sizeof *exec_error) < 0)
        *exec_error = 0;
    close(ends[0]);
    return child;
}

static void pass_on(pid_t child, const siginfo_t *info)
{
    if (info->si_code == SI_KERNEL)
        return;                     /* the terminal told the program too */
    kill(child, info->si_signo);
}

static int join(const struct launch *l, pid_t child)
{
    siginfo_t info;
    int status;

    for (;;) {
        if (waitpid(child, &status, WNOHANG) == child)
            break;
        if (sigwaitinfo(&l->taken, &info) > 0 && info.si_signo != SIGCHLD)
            pass_on(child, &info);
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int launch(char **program)
{
    struct launch state = { .program = program };
    struct launch *l = &state;
    int exec_error;
    pid_t child;
    int status;

    take_signals(l);
    child = start(l, &exec_error);
    if (child < 0)
        return tool_failure("run", "cannot start a process: %s",
                            strerror((int)-child));
    status = join(l, child);
    if (exec_error != 0)
        tool_failure("run", "%s: %s", l->program[0], strerror(exec_error));
    return status;
}
