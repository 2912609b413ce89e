/* SPDX-License-Identifier: MIT */
/*
 * bench_progress.h - saying on standard error how far it is.
 *
 * On a terminal one line that is rewritten before every run; elsewhere a line
 * for each match that is done.
 */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "bench.h"

struct bench_progress {
    bool terminal;
    size_t done;                    /* runs */
    double begin_s;                 /* on the monotonic clock */
    double match_s;                 /* when the match began */
    int width;                      /* of what stands on the line */
};

void bench_progress_init(struct bench_progress *p);
void bench_progress_match(struct bench_progress *p);

/* The entry runs next. */
void bench_progress_run(struct bench_progress *p, const struct bench *b,
                        const struct bench_match *m,
                        const struct bench_entry *e, unsigned round);

/* The match is over. */
void bench_progress_done(struct bench_progress *p,
                         const struct bench_match *m);

/* Leaves the line empty. */
void bench_progress_fini(struct bench_progress *p);

#endif
