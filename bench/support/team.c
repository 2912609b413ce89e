/* SPDX-License-Identifier: MIT */
/*
 * team.c - threads that spin for their next job.
 *
 * `round` says which job it is, and each member says in a line of its own up to
 * which it is done. Both are written with release order and read with acquire
 * order, so a job sees what came before it, and the caller what it did.
 */
#include "team.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "bench.h"

#define LINE 64
#define TRIES 2000                  /* before others may have the processor */

struct member {
    _Alignas(LINE) uint64_t done;   /* atomic: rounds that it has done */
    struct team *team;
    unsigned index;
    pthread_t thread;
};

struct team {
    _Alignas(LINE) uint64_t round;  /* atomic */
    team_job *job;                  /* NULL: go home */
    void *arg;
    unsigned n;
    _Alignas(LINE) struct member members[];
};

void team_relax(unsigned *tries)
{
    if (++*tries % TRIES == 0)
        sched_yield();
}

static void *work(void *arg)
{
    struct member *member = arg;
    struct team *team = member->team;

    for (uint64_t round = 1;; round++) {
        unsigned tries = 0;

        while (__atomic_load_n(&team->round, __ATOMIC_ACQUIRE) < round)
            team_relax(&tries);
        if (team->job == NULL)
            return NULL;
        team->job(team->arg, member->index);
        __atomic_store_n(&member->done, round, __ATOMIC_RELEASE);
    }
}

struct team *team_start(unsigned n)
{
    struct team *team = bench_alloc(sizeof *team
                                    + n * sizeof team->members[0]);

    team->n = n;
    for (unsigned i = 1; i < n; i++) {
        struct member *member = &team->members[i];

        member->team = team;
        member->index = i;
        bench_need(pthread_create(&member->thread, NULL, work, member),
                   "a thread");
    }
    return team;
}

void team_run(struct team *team, team_job *job, void *arg)
{
    uint64_t round = team->round + 1;

    team->job = job;
    team->arg = arg;
    __atomic_store_n(&team->round, round, __ATOMIC_RELEASE);
    job(arg, 0);
    for (unsigned i = 1; i < team->n; i++) {
        unsigned tries = 0;

        while (__atomic_load_n(&team->members[i].done, __ATOMIC_ACQUIRE)
               < round)
            team_relax(&tries);
    }
}

void team_stop(struct team *team)
{
    team->job = NULL;
    __atomic_store_n(&team->round, team->round + 1, __ATOMIC_RELEASE);
    for (unsigned i = 1; i < team->n; i++)
        pthread_join(team->members[i].thread, NULL);
    free(team);
}
