/* SPDX-License-Identifier: MIT */
/*
 * inject.h - what may go wrong, goes wrong: on purpose, in simulations.
 *
 * A simulation may be asked to refuse memory, to wake those who wait for a
 * condition for nothing, to let timers come late, and to cancel tasks: one in
 * so many occasions, chosen by its seed, `limit` in all. Nowhere else is there
 * anything to be seen of it but one test of a word that is 0.
 */
#ifndef MO_INJECT_H
#define MO_INJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "atomic.h"

struct moirai_runtime;
struct moirai_sim_config;
struct moirai_site;
struct moirai_task;
struct mo_wait;

enum mo_inject_kind {               /* names in inject.c, for traces */
    MO_INJECT_MEMORY,
    MO_INJECT_WAKE,
    MO_INJECT_TIMER,
    MO_INJECT_CANCEL,
    MO_INJECT_KINDS
};

struct mo_inject {                  /* of a runtime; who plays it alone */
    bool on;                        /* it has faults; constant */
    uint64_t seed;
    uint64_t every[MO_INJECT_KINDS];    /* one in so many; 0: none */
    uint64_t occasions[MO_INJECT_KINDS];    /* so far */
    uint64_t left;                  /* faults that there may still be */
    int64_t delay_ns;               /* a timer is late by that, at most */
    const struct moirai_site *spared;   /* of the task of moirai_run */
};

/* Simulations with faults. Relaxed: each is opened and played on one thread,
 * and others find out that the faults are not theirs. */
extern MO_ATOMIC(uint32_t) mo_injecting;

#ifdef MO_MODEL
#define mo_injects() false
#else
#define mo_injects()                                                          \
    __builtin_expect(mo_load_relaxed(&mo_injecting) != 0, 0)
#endif

/* Prepares what the config asks for; close is called for each open. */
void mo_inject_open(struct moirai_runtime *rt,
                    const struct moirai_sim_config *config);
void mo_inject_close(struct moirai_runtime *rt);

/* An occasion of the running task's: is it one? Then it is traced. On threads
 * without a task of such a simulation it never is. Only if mo_injects(). */
__attribute__((cold)) bool mo_inject_here(enum mo_inject_kind kind);

/* The running task, which has just met one, lets others have some turns, or
 * none. */
__attribute__((cold)) void mo_inject_turns(void);

/* When a timer fires that this task waits for. Only if mo_injects(). */
__attribute__((cold)) int64_t mo_inject_late(const struct moirai_task *task,
                                             int64_t deadline_ns);

/* The running task, which has a handle, is about to wait: cancels it, or does
 * not. Only if mo_injects(). */
__attribute__((cold)) void mo_inject_cancel(const struct moirai_task *task,
                                            const struct mo_wait *how);

const char *mo_inject_name(uint32_t kind);

#endif
