/* SPDX-License-Identifier: MIT */
/*
 * main_criterion.c - runs a test program's tests by Criterion, one at a time,
 * with TAP on standard output.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/output.h>

static pid_t test_process;          /* while its test runs, else 0 */

/* Criterion would take a test that calls exit(0) for one that passed. */
static void on_exit_in_test(void)
{
    if (getpid() != test_process)
        return;
    fprintf(stderr, "check failed: the test called exit\n");
    _exit(1);
}

void check_begin(void)
{
    test_process = getpid();
    if (atexit(on_exit_in_test) != 0)
        abort();
}

void check_end(void)
{
    test_process = 0;
}

/* Turns `suite/name` into Criterion's `--filter suite/name`. */
static char **criterion_args(int *argc, char **argv)
{
    char **args = calloc(2 * (size_t)*argc + 1, sizeof *args);
    static char filter[] = "--filter";
    int n = 0;

    if (args == NULL)
        abort();
    for (int i = 0; i < *argc; i++) {
        if (i > 0 && argv[i][0] != '-')
            args[n++] = filter;
        args[n++] = argv[i];
    }
    *argc = n;
    return args;
}

/* Visible: Criterion finds it by name to start a test's process. */
__attribute__((visibility("default")))
int main(int argc, char **argv)
{
    struct criterion_test_set *tests = criterion_initialize();
    char **args = criterion_args(&argc, argv);
    int failed = 0;

    criterion_options.jobs = 1;
    criterion_options.logging_threshold = CRITERION_IMPORTANT + 1;
    if (criterion_handle_args(argc, args, true)) {
        criterion_add_output("tap", "-");
        failed = !criterion_run_all_tests(tests);
    }
    criterion_finalize(tests);
    free(args);
    return failed;
}
