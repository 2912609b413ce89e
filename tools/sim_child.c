/* SPDX-License-Identifier: MIT */
/*
 * sim_child.c - one run of a program that may fail.
 *
 * Each has a process group of its own, so that what it started dies with it,
 * and is killed if this process is. What it writes to standard error is kept as
 * far as there is room, and read on, lest it blocks; the rest goes nowhere.
 */
#include "sim_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "signals.h"

int64_t sim_child_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- in the child -------------------------------------------------------- */

struct ends {                       /* of pipes, for the child */
    int error;                      /* -1: it writes where we do */
    int report;
    bool to_error;
};

static _Noreturn void become(char **program, const char *settings,
                             const struct ends *ends, pid_t parent)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    int code;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    setpgid(0, 0);
    dup2(nothing, STDIN_FILENO);
    if (ends->error >= 0) {
        dup2(nothing, STDOUT_FILENO);
        dup2(ends->error, STDERR_FILENO);
    } else if (ends->to_error) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
    }
    signals_restore();
    if (setenv("MOIRAI_SET", settings, 1) == 0)
        execvp(program[0], program);
    code = errno;
    if (write(ends->report, &code, sizeof code) < 0)
        _exit(EXIT_FAILURE);
    _exit(EXIT_FAILURE);
}

/* --- in the parent ------------------------------------------------------- */

static void close_pair(const int *pair)
{
    close(pair[0]);
    close(pair[1]);
}

int sim_child_start(struct sim_child *c, char **program, const char *settings,
                    unsigned timeout_s, bool shown, bool to_error)
{
    pid_t self = getpid();
    int error[2], report[2];

    *c = (struct sim_child){ .error = -1 };
    if (pipe2(error, O_CLOEXEC) != 0)
        return errno;
    if (pipe2(report, O_CLOEXEC) != 0) {
        close_pair(error);
        return EMFILE;
    }
    c->pid = fork();
    if (c->pid == 0) {
        struct ends ends = { shown ? -1 : error[1], report[1], to_error };

        become(program, settings, &ends, self);
    }
    close(error[1]);
    close(report[1]);
    if (c->pid > 0) {
        setpgid(c->pid, c->pid);    /* whoever of the two is first */
        if (read(report[0], &c->exec_errno, sizeof c->exec_errno) <= 0)
            c->exec_errno = 0;
    }
    close(report[0]);
    c->error = error[0];
    fcntl(c->error, F_SETFL, O_NONBLOCK);
    c->end_ms = sim_child_now_ms() + (int64_t)timeout_s * 1000;
    if (c->pid > 0)
        return 0;
    c->pid = 0;
    close(c->error);
    return EAGAIN;
}

/* Takes what is there now. */
static void drain(struct sim_child *c)
{
    char bytes[4096];
    ssize_t n = 1;

    while (c->error >= 0 && n > 0) {
        n = read(c->error, bytes, sizeof bytes);
        if (n > 0) {
            size_t room = SIM_TEXT - 1 - c->used;
            size_t kept = (size_t)n < room ? (size_t)n : room;

            memcpy(c->text + c->used, bytes, kept);
            c->used += kept;
        }
    }
    if (c->error >= 0 && (n == 0 || errno != EAGAIN)) {
        close(c->error);
        c->error = -1;
    }
}

/* Copies the line that `at` is in. */
static void take_line(char *said, const char *text, const char *at)
{
    size_t n;

    while (at > text && at[-1] != '\n')
        at--;
    n = strcspn(at, "\n");
    snprintf(said, SIM_LINE, "%.*s", (int)(n < SIM_LINE ? n : SIM_LINE - 1),
             at);
}

/* What a sanitizer or the runtime said, or else the last line. */
static void find_line(const struct sim_child *c, char *said)
{
    static const char *const telling[] = { "Sanitizer: ", "moirai: ", NULL };
    const char *end = c->text + c->used;

    said[0] = '\0';
    for (const char *const *word = telling; *word != NULL; word++) {
        const char *at = strstr(c->text, *word);

        if (at != NULL) {
            take_line(said, c->text, at);
            return;
        }
    }
    while (end > c->text && end[-1] == '\n')
        end--;
    if (end > c->text)
        take_line(said, c->text, end - 1);
}

static void end_group(struct sim_child *c, int *status)
{
    kill(-c->pid, SIGKILL);         /* the rest of the group, too */
    waitpid(c->pid, status, 0);
    drain(c);
    if (c->error >= 0)
        close(c->error);
    c->error = -1;
    c->pid = 0;
}

void sim_child_kill(struct sim_child *c)
{
    int status;

    if (c->pid > 0)
        end_group(c, &status);
}

/* It stays to be waited for, so that its number, and that of its group, go to
 * nobody else. */
static bool has_ended(const struct sim_child *c)
{
    siginfo_t info = { .si_pid = 0 };

    return waitid(P_PID, (id_t)c->pid, &info,
                  WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == c->pid;
}

bool sim_child_ended(struct sim_child *c, struct sim_outcome *outcome)
{
    bool ended = has_ended(c);
    bool late = !ended && sim_child_now_ms() >= c->end_ms;
    int status = 0;

    drain(c);
    if (!ended && !late)
        return false;
    end_group(c, &status);
    *outcome = (struct sim_outcome){ .end = SIM_FINE };
    if (late)
        outcome->end = SIM_LATE;
    else if (c->exec_errno != 0)
        *outcome = (struct sim_outcome){ SIM_UNSTARTED, c->exec_errno, "" };
    else if (WIFSIGNALED(status))
        *outcome = (struct sim_outcome){ SIM_SIGNAL, WTERMSIG(status), "" };
    else if (WEXITSTATUS(status) != 0)
        *outcome = (struct sim_outcome){ SIM_STATUS, WEXITSTATUS(status), "" };
    if (outcome->end != SIM_FINE)
        find_line(c, outcome->said);
    return true;
}
