/* SPDX-License-Identifier: MIT */
/*
 * chooser.h - who decides what a simulation does next.
 *
 * `random` draws every choice. `pct` (Burckhardt, Kothari, Musuvathi,
 * Nagarakatte: A Randomized Scheduler with Probabilistic Guarantees of Finding
 * Bugs, ASPLOS 2010) gives each task, and each thread, a rank by chance; the
 * highest goes on, and at depth - 1 steps chosen by chance the one that would
 * falls below all others. Of n that run k steps, a fault that needs `depth`
 * steps in a certain order shows with a probability of 1/(n k^(depth-1)) or
 * more. `given` takes the choices that a list names, then the first of all.
 *
 * One thread only.
 */
#ifndef MO_CHOOSER_H
#define MO_CHOOSER_H

#include <stdbool.h>
#include <stdint.h>

#include <moirai/sched.h>

struct mo_pct {                     /* of tasks, or of threads */
    uint64_t steps;                 /* so far */
    uint64_t change[MOIRAI_SIM_DEPTH];      /* at which the highest falls */
    uint32_t fallen[MOIRAI_SIM_DEPTH];      /* who did, the lowest last */
    uint32_t falls;
};

struct mo_chooser {
    struct moirai_sim_config config;
    uint64_t random;
    struct mo_pct tasks, threads;
    const char *list;               /* what is left of config.choices */
    uint64_t made;                  /* choices from the list, or past it */
    int record;                     /* a file; -1: none */
    bool drawn;                     /* chance made one that is not listed */
};

/* 0, or a negative errno: there is no such file to write to. */
int mo_chooser_open(struct mo_chooser *c,
                    const struct moirai_sim_config *config);
void mo_chooser_close(struct mo_chooser *c);

/* A number in [0, n), n > 0. */
uint32_t mo_chooser_number(struct mo_chooser *c, uint32_t n);

/* Which of `n` > 0 tasks is next; ids are theirs. */
uint32_t mo_chooser_task(struct mo_chooser *c, const uint32_t *ids,
                         uint32_t n);

/* Under pct: the rank of a new thread; that of one that falls below all; and
 * whether the next step is one at which the highest thread falls. */
uint64_t mo_chooser_rank(struct mo_chooser *c);
uint64_t mo_chooser_lowest(struct mo_chooser *c);
bool mo_chooser_step(struct mo_chooser *c);

#endif
