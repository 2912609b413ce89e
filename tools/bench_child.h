/* SPDX-License-Identifier: MIT */
/*
 * bench_child.h - running a program for its answer, within a time.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>

#define BENCH_OUT 4096              /* of standard output that is kept */
#define BENCH_LINE 200              /* of the first line of complaints */

struct bench_child {
    /* The caller's. */
    char **environment;             /* "NAME=VALUE" besides ours */
    char **arguments;               /* the program first */
    bool one_cpu;                   /* it may use a single one */
    int timeout_s;
    /* What came of it. */
    char out[BENCH_OUT];
    char complaint[BENCH_LINE];     /* first line of standard error */
    int status;                     /* exit status; 128 + N: by signal N */
    bool late;                      /* killed after the timeout */
    int signal;                     /* ended this process' patience; 0: none */
    int code;                       /* errno, if it could not be started */
};

/* Runs the program, in a process group of its own that is gone afterwards.
 * Between signals_open and signals_close. */
void bench_child_run(struct bench_child *c);

#endif
