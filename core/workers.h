/* SPDX-License-Identifier: MIT */
/*
 * workers.h - the runtime's account of its workers: who sleeps, how many there
 * are, who watches them.
 */
#ifndef MO_WORKERS_H
#define MO_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/cpu.h"
#include "lock.h"
#include "os/os.h"

struct mo_worker;
struct moirai_error;
struct moirai_runtime;

/* Who sleeps, who looks for work; see idle.c. */
struct mo_idle {
    struct mo_lock lock;            /* guards the list and the keeper */
    struct mo_worker *first;
    struct mo_worker *keeper;       /* watches everybody's timers */
    struct mo_worker *poller;       /* sleeps in the I/O backend; or NULL */
    MO_ATOMIC(int64_t) keeper_until;    /* -1: there is no keeper */
    MO_ATOMIC(uint32_t) sleepers;   /* read by whoever makes a task ready; so
                                     * what is written more often is apart */
    uint32_t most_searchers;        /* constant */
    _Alignas(MO_CACHE_LINE) MO_ATOMIC(uint32_t) searchers;
};

/* How many workers there are; see staff.c. */
struct mo_staff {
    struct mo_lock lock;            /* guards the bench and the numbers below,
                                     * which anybody may read */
    struct mo_worker *bench;
    uint32_t lent;                  /* that stand in for others */
    MO_ATOMIC(uint32_t) wanted;     /* without those */
    MO_ATOMIC(uint32_t) allowed;    /* with them */
    MO_ATOMIC(uint32_t) brief;      /* of them, who go when there is no work */
    MO_ATOMIC(uint32_t) working;    /* neither on the bench nor not started */
    MO_ATOMIC(uint32_t) started;    /* who fills writes it, and that */
    MO_ATOMIC(uint32_t) attending;  /* so many of the attendants are */
    MO_ATOMIC(uint32_t) filling;    /* somebody does */
    MO_ATOMIC(uint32_t) told;       /* the program said what is wanted */
    uint32_t limit;                 /* most that may be wanted; constant, as
                                     * is */
    uint32_t most;                  /* places, and of these, */
    uint32_t attendants;            /* for one who attends; see attend.c */
};

struct mo_monitor_seen;

struct mo_monitor {
    struct mo_monitor_seen *seen;   /* of each place; NULL: there is none */
    bool *told;                     /* of each site, that a task was stuck */
    struct mo_thread thread;
    struct mo_parker parker;
    MO_ATOMIC(uint32_t) asleep;     /* until a worker goes back to work */
    MO_ATOMIC(uint32_t) ending;
    MO_ATOMIC(uint64_t) stuck;      /* tasks, so far */
    MO_ATOMIC(int64_t) every_ns;    /* between two looks at masks */
    int64_t looked_ns;              /* when it did last */
};

/* Makes the runtime's places, complete but for the stacks of their loops. 0, or
 * a negative errno with *err filled. */
int mo_workers_open(struct moirai_runtime *rt, struct moirai_error *err);

/* No worker runs any more. */
void mo_workers_close(struct moirai_runtime *rt);

#endif
