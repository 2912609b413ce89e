/* SPDX-License-Identifier: MIT */
/*
 * test_signals.c - signals that the program has a use for, too.
 *
 * The runtime's handlers stand between the kernel and the program's: those must
 * not notice. And a dump may not hurt, whoever has the signal by then.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "with.h"

#define DUMPED "tasks that have begun"

static volatile sig_atomic_t calls;
static jmp_buf after_fault;
static struct sigaction below;
static volatile int *nowhere;       /* NULL, for all the compiler knows not */

static void count_call(int signo)
{
    (void)signo;
    calls++;
}

static void count_and_jump(int signo)
{
    (void)signo;
    calls++;
    longjmp(after_fault, 1);
}

/* It must not come back. */
static void count_once(int signo)
{
    (void)signo;
    if (++calls > 1)
        _exit(1);
}

static void count_and_lead_on(int signo, siginfo_t *info, void *context)
{
    if (++calls > 1)
        _exit(1);
    below.sa_sigaction(signo, info, context);
}

static void handle(int signo, void (*handler)(int), int flags)
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

    CHECK_EQ(sigaction(signo, &action, NULL), 0);
}

/* Does body, in a process of its own, end by SIGSEGV? */
static bool faults(void (*body)(void))
{
    pid_t child = fork();
    int status = 0;

    CHECK(child >= 0);
    if (child == 0) {
        alarm(20);
        body();
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

/* --- faults that are not ours --------------------------------------------- */

static void fault_under_handler_for_once(void)
{
    handle(SIGSEGV, count_once, (int)SA_RESETHAND);
    with_workers(1);
    *nowhere = 1;
}

TEST(signals, of_faults_call_a_handler_that_is_for_once_only_once)
{
#if defined(MO_SANITIZE_ADDRESS) || defined(MO_SANITIZE_THREAD)
    SKIP("sanitizers handle faults themselves");
#endif
    CHECK(faults(fault_under_handler_for_once));
}

TEST(signals, of_faults_can_be_left_by_jumps_where_they_are_not_blocked)
{
    struct moirai_runtime *rt;

#if defined(MO_SANITIZE_ADDRESS) || defined(MO_SANITIZE_THREAD)
    SKIP("sanitizers handle faults themselves");
#endif
    handle(SIGSEGV, count_and_jump, SA_NODEFER);
    rt = with_workers(1);
    for (volatile int i = 0; i < 3; i++)
        if (setjmp(after_fault) == 0)
            *nowhere = 1;
    CHECK_EQ(calls, 3);
    with_end(rt);
}

static bool blocked_in_handler;

static void look_what_is_blocked(int signo)
{
    sigset_t set;

    (void)signo;
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    blocked_in_handler = sigismember(&set, SIGUSR1)
                      && sigismember(&set, SIGSEGV);
}

TEST(signals, of_faults_block_in_a_handler_what_it_wants_blocked)
{
    struct sigaction action = { .sa_handler = look_what_is_blocked };
    struct moirai_runtime *rt;
    sigset_t set;

    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGUSR1);
    CHECK_EQ(sigaction(SIGSEGV, &action, NULL), 0);
    rt = with_workers(1);
    raise(SIGSEGV);
    CHECK(blocked_in_handler);
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    CHECK(!sigismember(&set, SIGUSR1));
    with_end(rt);
}

/* A handler above ours that leads to it stays when the runtime is stopped; the
 * next one's is above it. */
static void fault_in_a_circle(void)
{
    struct sigaction action = { .sa_sigaction = count_and_lead_on,
                                .sa_flags = SA_SIGINFO | SA_ONSTACK };

    with_end(with_workers(1));
    signal(SIGSEGV, SIG_DFL);
    for (int i = 0; i < 2; i++) {
        struct moirai_runtime *rt = with_workers(1);

        if (i == 0)
            sigaction(SIGSEGV, &action, &below);
        with_end(rt);
    }
    with_workers(1);
    *nowhere = 1;
}

TEST(signals, of_faults_do_not_go_round_in_a_circle)
{
#if defined(MO_SANITIZE_ADDRESS) || defined(MO_SANITIZE_THREAD)
    SKIP("sanitizers handle faults themselves");
#endif
    CHECK(faults(fault_in_a_circle));
}

/* --- dumps ---------------------------------------------------------------- */

static int stop_spinning;

static int spin(void *arg)
{
    with_set((int *)arg, 1);
    while (!with_get(&stop_spinning))
        continue;
    return 0;
}

TEST(signals, of_dumps_are_not_sent_once_the_program_has_taken_them)
{
    struct moirai_runtime *rt = with_workers(1);
    int fd = open("/dev/null", O_WRONLY);
    int begun = 0;

    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), spin, &begun), 0);
    with_wait(&begun);
    handle(SIGQUIT, count_call, 0);
    moirai_dump(rt, fd);
    handle(SIGQUIT, SIG_DFL, 0);
    moirai_dump(rt, fd);
    CHECK_EQ(calls, 0);
    with_set(&stop_spinning, 1);
    with_end(rt);
    close(fd);
}

static int tell_to_file(void)
{
    int told = memfd_create("told", 0);

    CHECK(told >= 0 && dup2(told, STDERR_FILENO) >= 0);
    return told;
}

static int times_in(int fd, const char *text)
{
    static char all[1 << 20];
    ssize_t size = pread(fd, all, sizeof all - 1, 0);
    int n = 0;

    CHECK(size >= 0);
    all[size] = '\0';
    for (const char *at = strstr(all, text); at != NULL;
         at = strstr(at + 1, text))
        n++;
    return n;
}

static void pass_ms(long ms)
{
    struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

    nanosleep(&time, NULL);
}

/* Longer than a dump waits for an answer. */
static int do_not_listen(void *arg)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGQUIT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    with_set((int *)arg, 1);
    pass_ms(600);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    return 0;
}

TEST(signals, of_dumps_that_are_answered_late_ask_for_no_other)
{
    struct moirai_runtime *rt = with_workers(1);
    int told = tell_to_file();
    int begun = 0;

    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), do_not_listen, &begun), 0);
    with_wait(&begun);
    kill(getpid(), SIGQUIT);
    pass_ms(1000);
    CHECK_EQ(times_in(told, DUMPED), 1);
    with_end(rt);
}

/* The first may have begun before the last is sent. */
TEST(signals, of_dumps_that_come_while_one_is_due_are_one)
{
    struct moirai_runtime *rt = with_workers(1);
    int told = tell_to_file();
    int begun = 0;

    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), do_not_listen, &begun), 0);
    with_wait(&begun);
    for (int i = 0; i < 20; i++) {
        kill(getpid(), SIGQUIT);
        pass_ms(2);
    }
    pass_ms(1000);
    CHECK(times_in(told, DUMPED) >= 1);
    CHECK(times_in(told, DUMPED) <= 3);
    with_end(rt);
}

#if defined(__x86_64__) && !defined(MO_SANITIZE_ADDRESS) \
    && !defined(MO_SANITIZE_THREAD)
#define LOST 1

/* Its table says that the caller's frame is where no memory is. */
__attribute__((noinline)) static void spin_lost(const int *until)
{
    __asm__ volatile(".cfi_remember_state\n\t"
                     ".cfi_def_cfa rax, 8\n"
                     "1:\tmovq $16, %%rax\n\t"
                     "cmpl $0, (%0)\n\t"
                     "je 1b\n\t"
                     ".cfi_restore_state"
                     : : "r"(until) : "rax", "memory", "cc");
}

static int get_lost(void *arg)
{
    with_set((int *)arg, 1);
    spin_lost(&stop_spinning);
    return 0;
}
#endif

TEST(signals, of_dumps_live_through_code_that_cannot_be_unwound)
{
#ifndef LOST
    SKIP("needs a wrong table, and faults that are ours to handle");
#else
    struct moirai_runtime *rt = with_workers(1);
    int told = memfd_create("told", 0);
    int begun = 0;

    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), get_lost, &begun), 0);
    with_wait(&begun);
    pass_ms(20);                    /* it is where it cannot be followed */
    moirai_dump(rt, told);
    CHECK_EQ(times_in(told, "running on worker 0"), 1);
    CHECK_EQ(times_in(told, "    spin_lost"), 1);
    with_set(&stop_spinning, 1);
    with_end(rt);
#endif
}

/* Frames of forks that were stolen go as soon as their thief has said that it
 * is done. */
static int count_forks(void *arg)
{
    intptr_t n = (intptr_t)arg;
    struct moirai_frame frame;

    if (n < 2)
        return (int)n;
    moirai_fork(&frame, count_forks, (void *)(n - 1));
    n = count_forks((void *)(n - 2));
    return (int)n + moirai_join(&frame);
}

static int fork_often(void *arg)
{
    for (unsigned i = with_times(1000); i > 0; i--)
        CHECK_EQ(count_forks((void *)12), 144);
    with_set((int *)arg, 1);
    return 0;
}

TEST(signals, of_dumps_do_not_look_at_forks_that_have_ended)
{
    struct moirai_runtime *rt = with_workers(2);
    int fd = open("/dev/null", O_WRONLY);
    int over = 0;

    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), fork_often, &over), 0);
    while (!with_get(&over))
        moirai_dump(rt, fd);
    with_end(rt);
    close(fd);
}
