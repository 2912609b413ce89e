/* SPDX-License-Identifier: MIT */
/*
 * test_panic.c - a program that breaks a rule of the interface ends at once,
 * with a line that says which.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "log.h"
#include "os/os.h"
#include "os/sim.h"
#include "with.h"

/* Starts anew in a child process; *text is what that says. Its wait status. */
static int end_of(void (*body)(void), char *text, size_t n)
{
    int ends[2];
    size_t used = 0;
    ssize_t got;
    int status;
    pid_t child;

    CHECK_EQ(pipe(ends), 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct rlimit none = { 0, 0 };

        setrlimit(RLIMIT_CORE, &none);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        alarm(20);
        body();
        _exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], text + used, n - 1 - used)) > 0)
        used += (size_t)got;
    text[used] = '\0';
    close(ends[0]);
    CHECK_EQ(waitpid(child, &status, 0), child);
    return status;
}

/* It aborts, having said `words`. */
static void panics(void (*body)(void), const char *words)
{
    char text[4000];
    int status = end_of(body, text, sizeof text);

    CHECK_FMT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
              "wait status %d, \"%s\"", status, text);
    CHECK_FMT(strstr(text, words) != NULL, "\"%s\" is not in \"%s\"", words,
              text);
}

static void run_alone(moirai_fn *fn)
{
    moirai_run(with_workers(1), fn, NULL);
}

/* --- from the wrong place ------------------------------------------------ */

static void fail_outside(void)
{
    moirai_fail(-EIO, NULL);
}

static void push_outside(void)
{
    struct moirai_cleanup cleanup;

    moirai_cleanup_push(&cleanup, NULL, NULL);
}

TEST(panic, tells_what_only_a_task_may_call)
{
    panics(fail_outside, "panic: moirai_fail: not called from a task");
    panics(push_outside, "panic: moirai_cleanup_push: not called from a task");
}

/* --- in the wrong order -------------------------------------------------- */

static void nothing(void *arg)
{
    (void)arg;
}

static int pop_the_older(void *arg)
{
    struct moirai_cleanup older, newer;

    moirai_cleanup_push(&older, nothing, arg);
    moirai_cleanup_push(&newer, nothing, arg);
    moirai_cleanup_pop(&older, false);
    return 0;
}

static void pop_out_of_order(void)
{
    run_alone(pop_the_older);
}

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int join_the_older(void *arg)
{
    struct moirai_frame older, newer;

    memset(&older, 0, sizeof older);
    moirai_fork(&older, do_nothing, arg);
    moirai_fork(&newer, do_nothing, arg);
    return moirai_join(&older);
}

static void join_out_of_order(void)
{
    run_alone(join_the_older);
}

TEST(panic, tells_what_is_taken_back_out_of_order)
{
    panics(pop_out_of_order, "moirai_cleanup_pop: not the newest handler");
    panics(join_out_of_order, "moirai_join: not the newest fork");
}

/* --- not at all ---------------------------------------------------------- */

static struct moirai_frame left_over;

static int forget_a_fork(void *arg)
{
    moirai_fork(&left_over, do_nothing, arg);
    return 0;
}

static void end_without_joining(void)
{
    run_alone(forget_a_fork);
}

/* The handler between the two hides the scope from a quick look. */
static int forget_a_scope(void *arg)
{
    static struct moirai_scope scope;
    static struct moirai_cleanup cleanup;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    moirai_cleanup_push(&cleanup, nothing, arg);
    return 0;
}

static void end_without_ending(void)
{
    run_alone(forget_a_scope);
}

/* Under an ordered scheduler every fork is a task of its own. */
static int fork_one_that_forgets(void *arg)
{
    struct moirai_frame frame;

    moirai_fork(&frame, forget_a_fork, arg);
    return moirai_join(&frame);
}

static void end_a_fork_without_joining(void)
{
    static const char *const set[] = { "runtime.workers=1",
                                       "scheduler.plugin=fifo", NULL };

    moirai_run(with_settings(set), fork_one_that_forgets, NULL);
}

static int return_with_a_lock(void *arg)
{
    struct moirai_hold hold;

    return moirai_rwlock_read(arg, &hold, MOIRAI_NEVER);
}

static void end_without_unlocking(void)
{
    static struct moirai_rwlock lock = MOIRAI_RWLOCK_INIT;

    moirai_run(with_workers(1), return_with_a_lock, &lock);
}

TEST(panic, tells_that_a_hold_was_left_on_a_stack)
{
    panics(end_without_unlocking, "without unlocking a reader-writer lock");
}

TEST(panic, tells_whose_forks_and_scopes_were_left)
{
    panics(end_without_joining, "ended without joining its forks");
    panics(end_without_ending, "ended without ending its scope");
    panics(end_a_fork_without_joining, "ended without joining its own");
}

/* --- without an end ------------------------------------------------------ */

static void fail_again(void *arg)
{
    struct moirai_cleanup cleanup;

    moirai_cleanup_push(&cleanup, fail_again, arg);
    moirai_fail(-EIO, "once more");
}

static int keep_failing(void *arg)
{
    fail_again(arg);
    return 0;
}

static void fail_without_end(void)
{
    run_alone(keep_failing);
}

TEST(panic, ends_handlers_that_keep_failing)
{
    panics(fail_without_end, "cleanup handlers of a failing task keep "
                             "failing");
}

static int receive_for_ever(void *arg)
{
    struct moirai_elem elem = MOIRAI_ELEM(int);
    struct moirai_chan *chan;
    int message;

    (void)arg;
    CHECK_EQ(moirai_chan_make(NULL, NULL, NULL, &elem, &chan, NULL), 0);
    return moirai_chan_recv(chan, &message, MOIRAI_NEVER);
}

static void wait_for_ever(void)
{
    moirai_run(with_seed(41), receive_for_ever, NULL);
}

static void add_a_word(void *arg)
{
    fprintf(stderr, "%s\n", (const char *)arg);
}

static void wait_for_ever_and_say_so(void)
{
    static char word[] = "and that was all";
    struct moirai_runtime *rt = with_seed(41);

    mo_sim_on_stuck(mo_os_here(), add_a_word, word);
    moirai_run(rt, receive_for_ever, NULL);
}

TEST(panic, tells_the_seed_under_which_everything_waits_for_ever)
{
    panics(wait_for_ever, "everything waits for ever (scheduler.seed=41,");
    panics(wait_for_ever_and_say_so, "and that was all");
}

/* --- the line ------------------------------------------------------------ */

static void panic_with_a_new_line(void)
{
    mo_panic("two\nlines, and %s", "\x1b[31mred");
}

TEST(panic, stays_on_its_line)
{
    panics(panic_with_a_new_line,
           "moirai: panic: two\\x0alines, and \\x1b[31mred\n");
}
