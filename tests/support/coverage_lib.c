/* SPDX-License-Identifier: MIT */
/*
 * coverage_lib.c - counts of libmoirai's lines survive a program's bad end.
 *
 * A shared library has counts of its own, and writes them when the program
 * exits; the programs of tests/faults end by a signal. Part of libmoirai in a
 * build with --enable-coverage only. The handler is there before any of the
 * runtime's, which passes what is not its own on to it.
 */
#include <signal.h>
#include <stddef.h>

void __gcov_dump(void);

static void on_end(int signo)
{
    __gcov_dump();
    signal(signo, SIG_DFL);         /* and now as without this */
}

__attribute__((constructor)) static void begin(void)
{
    static const int ends[] = { SIGSEGV, SIGBUS, SIGABRT };
    struct sigaction action = { .sa_handler = on_end, .sa_flags = SA_ONSTACK };

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        sigaction(ends[i], &action, NULL);
}
