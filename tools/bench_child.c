/* SPDX-License-Identifier: MIT */
/*
 * bench_child.c - running a program for its answer, within a time.
 *
 * One thread waits in poll() for what the program writes, for its end and for
 * signals, which all come as descriptors. The program has a process group of
 * its own, so that what it started dies with it: at its end, after the timeout,
 * and when the user has had enough. If this process is killed, so is it.
 */
#include "bench_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "signals.h"

enum { OUT, ERR, SIGNALS, SOURCES };

struct running {
    struct bench_child *c;
    pid_t pid;
    int ends[2];                    /* OUT, ERR; -1: at its end */
    size_t out, complaint;          /* bytes so far */
    bool line_done;
};

/* --- in the child -------------------------------------------------------- */

/* To the last of the CPUs that there are: the first ones have most of the
 * interrupts. */
static void stay_on_one_cpu(void)
{
    cpu_set_t all, one;

    if (sched_getaffinity(0, sizeof all, &all) != 0)
        return;
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) {
        if (CPU_ISSET(cpu, &all)) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            sched_setaffinity(0, sizeof one, &one);
            return;
        }
    }
}

static void become(const struct bench_child *c, pid_t parent,
                   const int *writes, int report)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int code;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    setpgid(0, 0);
    dup2(nothing, STDIN_FILENO);
    dup2(writes[OUT], STDOUT_FILENO);
    dup2(writes[ERR], STDERR_FILENO);
    for (char **entry = c->environment; *entry != NULL; entry++)
        putenv(*entry);
    if (c->one_cpu)
        stay_on_one_cpu();
    signals_restore();
    execv(c->arguments[0], c->arguments);
    code = errno;
    if (write(report, &code, sizeof code) < 0)
        _exit(126);
    _exit(127);
}

/* --- in the parent ------------------------------------------------------- */

static void close_pair(const int *pair)
{
    close(pair[0]);
    close(pair[1]);
}

/* Starts it: 0, or an errno value. */
static int start(struct running *r)
{
    pid_t self = getpid();
    int out[2], err[2], report[2];
    int code = 0;

    if (pipe2(out, O_CLOEXEC) != 0)
        return errno;
    if (pipe2(err, O_CLOEXEC) != 0) {
        code = errno;
        goto close_out;
    }
    if (pipe2(report, O_CLOEXEC) != 0) {
        code = errno;
        goto close_err;
    }
    r->pid = fork();
    if (r->pid == 0) {
        const int writes[] = { out[1], err[1] };

        become(r->c, self, writes, report[1]);
    }
    if (r->pid < 0) {
        code = errno;
        close_pair(report);
        goto close_err;
    }
    setpgid(r->pid, r->pid);        /* whoever of the two is first */
    close(out[1]);
    close(err[1]);
    close(report[1]);
    if (read(report[0], &code, sizeof code) != (ssize_t)sizeof code)
        code = 0;
    close(report[0]);
    r->ends[OUT] = out[0];
    r->ends[ERR] = err[0];
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(err[0], F_SETFL, O_NONBLOCK);
    r->c->code = code;
    return 0;
close_err:
    close_pair(err);
close_out:
    close_pair(out);
    return code;
}

/* Keeps what there is room for; of complaints the first line. */
static void keep(struct running *r, int source, const char *bytes, size_t n)
{
    struct bench_child *c = r->c;

    for (size_t i = 0; i < n; i++) {
        if (source == OUT && r->out < BENCH_OUT - 1) {
            c->out[r->out++] = bytes[i];
        } else if (source == ERR && !r->line_done) {
            if (bytes[i] == '\n')
                r->line_done = r->complaint > 0;
            else if (r->complaint < BENCH_LINE - 1)
                c->complaint[r->complaint++] = bytes[i];
        }
    }
}

/* Takes what is there now. */
static void drain(struct running *r, int source)
{
    char bytes[4096];
    ssize_t n = 1;

    while (r->ends[source] >= 0 && n > 0) {
        n = read(r->ends[source], bytes, sizeof bytes);
        if (n > 0)
            keep(r, source, bytes, (size_t)n);
    }
    if (r->ends[source] >= 0 && (n == 0 || errno != EAGAIN)) {
        close(r->ends[source]);
        r->ends[source] = -1;
    }
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Has it? It stays to be waited for, so that its number, and that of its group,
 * go to nobody else. */
static bool has_ended(const struct running *r)
{
    siginfo_t info = { .si_pid = 0 };

    return waitid(P_PID, (id_t)r->pid, &info,
                  WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == r->pid;
}

static void take_status(struct running *r)
{
    int status = 0;

    waitpid(r->pid, &status, 0);
    r->c->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
                                       : WEXITSTATUS(status);
}

/* Until it ends, or must. */
static void attend(struct running *r)
{
    int64_t end = now_ms() + (int64_t)r->c->timeout_s * 1000;

    while (!has_ended(r) && r->c->signal == 0) {
        struct pollfd polled[SOURCES] = {
            { .fd = r->ends[OUT], .events = POLLIN },
            { .fd = r->ends[ERR], .events = POLLIN },
            { .fd = signals_fd(), .events = POLLIN },
        };
        int64_t left = end - now_ms();

        if (left <= 0) {
            r->c->late = true;
            return;
        }
        poll(polled, SOURCES, (int)left);
        drain(r, OUT);
        drain(r, ERR);
        r->c->signal = signals_take();
    }
}

void bench_child_run(struct bench_child *c)
{
    struct running r = { .c = c, .ends = { -1, -1 } };

    memset(c->out, 0, sizeof c->out);
    memset(c->complaint, 0, sizeof c->complaint);
    c->status = 0;
    c->late = false;
    c->code = 0;
    c->signal = signals_take();
    if (c->signal != 0)
        return;
    c->code = start(&r);
    if (c->code != 0 && r.pid <= 0)
        return;
    attend(&r);
    kill(-r.pid, SIGKILL);          /* the rest of the group, too */
    take_status(&r);
    for (int source = OUT; source <= ERR; source++) {
        drain(&r, source);
        if (r.ends[source] >= 0)
            close(r.ends[source]);
    }
}
