/* SPDX-License-Identifier: MIT */
/*
 * coverage.c - counts of lines survive the ways in which tests end.
 *
 * gcc writes its counts where a process returns from main or calls exit. Tests
 * also end by _exit, and by the abort that they are about. Only in a build with
 * --enable-coverage.
 */
#ifdef MO_COVERAGE

#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

void __gcov_dump(void);

__attribute__((visibility("default"))) _Noreturn void _exit(int status)
{
    __gcov_dump();
    for (;;)
        syscall(SYS_exit_group, status);
}

__attribute__((visibility("default"))) _Noreturn void abort(void)
{
    sigset_t set;

    __gcov_dump();
    signal(SIGABRT, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGABRT);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(SIGABRT);
    for (;;)
        syscall(SYS_exit_group, 134);
}

#else

typedef int coverage_is_off;        /* C wants something in every file */

#endif
