/* SPDX-License-Identifier: MIT */
/*
 * main_plain.c - runs a test program's tests where Criterion cannot: each in a
 * forked child, killed at its deadline, with TAP on standard output.
 *
 * The parent never starts a thread, so that forking is safe. A child reports
 * through a pipe, so that one that exits in mid-test has not passed.
 */
#include "check.h"

#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DONE "done"                 /* what a child reports, or why it skips */

static struct check_test *tests;
static struct check_test **tests_end = &tests;

static int report_fd = -1;          /* a child's end of the pipe */

static volatile sig_atomic_t running;   /* process group of the test, or 0 */
static volatile sig_atomic_t timed_out;

void check_add(struct check_test *test)
{
    *tests_end = test;
    tests_end = &test->next;
}

__attribute__((noreturn)) static void leave(const char *report)
{
    fflush(NULL);
    if (write(report_fd, report, strlen(report)) < 0)
        _exit(1);
    _exit(0);
}

void check_skip(const char *reason)
{
    leave(reason);
}

static void on_alarm(int sig)
{
    (void)sig;
    timed_out = 1;
    if (running != 0)
        kill(-running, SIGKILL);
}

__attribute__((noreturn)) static void run_child(const struct check_test *test)
{
    setpgid(0, 0);
    test->body();
    check_leaks();
    leave(DONE);
}

/* Waits for the test's process; its report is in `report`, empty if it made
 * none. Returns its wait status. */
static int await(pid_t pid, int fd, unsigned seconds, char *report, size_t n)
{
    ssize_t got;
    int status;

    running = pid;
    timed_out = 0;
    alarm(seconds);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            abort();
    }
    alarm(0);
    running = 0;
    kill(-pid, SIGKILL);            /* what the test left running */
    got = read(fd, report, n - 1);
    report[got > 0 ? got : 0] = '\0';
    return status;
}

/* Returns whether the test passed or was skipped. */
static bool run(const struct check_test *test, int number)
{
    char report[200];
    int ends[2];
    int status;
    pid_t pid;

    fflush(NULL);
    if (pipe(ends) != 0 || (pid = fork()) < 0) {
        perror("check");
        exit(1);
    }
    if (pid == 0) {
        close(ends[0]);
        report_fd = ends[1];
        run_child(test);
    }
    setpgid(pid, pid);
    close(ends[1]);
    status = await(pid, ends[0], test->seconds, report, sizeof report);
    close(ends[0]);

    bool passed = status == 0 && report[0] != '\0';

    printf("%sok %d - %s::%s", passed ? "" : "not ", number, test->suite,
           test->name);
    if (timed_out)
        printf(" timed out after %u s", test->seconds);
    else if (WIFSIGNALED(status))
        printf(" died of %s", strsignal(WTERMSIG(status)));
    else if (passed && strcmp(report, DONE) != 0)
        printf(" # SKIP %s", report);
    printf("\n");
    return passed;
}

static bool is_wanted(const struct check_test *test, int argc, char **argv)
{
    char name[200];

    snprintf(name, sizeof name, "%s/%s", test->suite, test->name);
    for (int i = 1; i < argc; i++) {
        if (fnmatch(argv[i], name, 0) == 0)
            return true;
    }
    return argc == 1;
}

int main(int argc, char **argv)
{
    struct sigaction action = { .sa_handler = on_alarm };
    int failed = 0;
    int n = 0;

    sigaction(SIGALRM, &action, NULL);
    for (const struct check_test *t = tests; t != NULL; t = t->next)
        n += is_wanted(t, argc, argv);
    printf("TAP version 13\n1..%d\n", n);
    n = 0;
    for (const struct check_test *t = tests; t != NULL; t = t->next) {
        if (is_wanted(t, argc, argv))
            failed += !run(t, ++n);
    }
    return failed != 0;
}
