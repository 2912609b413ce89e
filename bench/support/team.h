/* SPDX-License-Identifier: MIT */
/*
 * team.h - threads that spin for their next job, which is the fastest way there
 * is to put several processors to work.
 */
#ifndef BENCH_TEAM_H
#define BENCH_TEAM_H

#include <stdint.h>

struct team;

/* What each member is to do; `member` counts from 0, which is the caller. */
typedef void team_job(void *arg, unsigned member);

/* A team of n threads, of which n - 1 are started. */
struct team *team_start(unsigned n);

/* All members do the job; returns when all have. */
void team_run(struct team *team, team_job *job, void *arg);

/* Ends the threads and frees the team. */
void team_stop(struct team *team);

/* Waits for a short while; `tries` counts from 0 while waiting for one thing.
 * Lets others have the processor when it takes long. */
void team_relax(unsigned *tries);

/* Where member m of n begins in an array of `total`; m = n: the end. */
static inline int64_t team_from(int64_t total, unsigned m, unsigned n)
{
    return total * m / n;
}

#endif
