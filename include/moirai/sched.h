/* SPDX-License-Identifier: MIT */
/*
 * moirai/sched.h - deciding which task a worker runs next.
 *
 * A scheduler plugin holds tasks that are ready and gives them out: order and
 * placement are its business. The core keeps everything else: the worker's
 * loop, parking and waking workers, the split queue of forks, timers.
 *
 * Thread:  `worker` is the plugin's state of the calling worker; push with a
 *          NULL worker comes from any other thread, possibly several at once.
 *          init, fini, worker_init and worker_fini while no worker runs.
 * Locks:   the core holds none. No function here may block, wait, call back
 *          into the runtime, or allocate after init (use what init reserved;
 *          growing a queue through the host table is the one exception).
 * Stack:   push, pop, steal and empty may be called on a task's stack, which
 *          may be small: frames of some hundred bytes, no recursion.
 * Memory:  zeroed, of the two sizes below, aligned to 128 bytes; the core
 *          allocates it and takes it back.
 * Owner:   a pushed task is the scheduler's until pop or steal gives it back,
 *          once. push cannot fail: the link inside the task is there so that
 *          no memory is needed. fini is called once all have been taken.
 * Fair:    each task has its turn after a bounded number of pops, however many
 *          newer ones are pushed meanwhile, whether a worker pushed it or
 *          another thread; and after a bounded number of pop_oldest. Where
 *          MOIRAI_SCHED_RANKED is set, among tasks of the same rank.
 * Order:   what the pusher did before push happens before what the taker does
 *          after pop or steal. `empty` may be wrong while others push, but
 *          must see a push that happened before the call.
 */
#ifndef MOIRAI_SCHED_H
#define MOIRAI_SCHED_H

#include <moirai/deque.h>
#include <moirai/plugin.h>
#include <moirai/task.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOIRAI_SCHED_ABI 1

/* Every fork goes through push as an ordinary task, and nothing is run out of
 * the scheduler's order. */
#define MOIRAI_SCHED_ORDERED 1u
/* Runs on the simulator: one thread, virtual clock, seeded choices. Its config
 * struct begins with a struct moirai_sim_config, which the core reads. */
#define MOIRAI_SCHED_SIM 2u
/* Tasks have ranks, by their priority or deadline, and one of a lower rank may
 * wait for as long as others come. A task that yields is pushed before the
 * next one is popped, which may be itself; there is no pop_oldest. */
#define MOIRAI_SCHED_RANKED 8u

/* A bit of a task's `flags` that is the scheduler's as long as it holds the
 * task, and otherwise clear. */
#define MOIRAI_TASK_QUEUED 0x8000u

/* The worker state begins with a struct moirai_sched_local: the core pushes to
 * its deque, and takes from it, without a call. */
#define MOIRAI_SCHED_DEQUE 4u

/* Goes by memory nodes: where there are several, each worker is bound to one
 * unless runtime.bind says otherwise. */
#define MOIRAI_SCHED_NODES 16u

struct moirai_sched_local {
    struct moirai_deque deque;      /* of what this worker pushed */
    /* Pops until the plugin wants to be asked. Its pop counts it down, and
     * sets it anew from 1. The core may take off as many as leave 1, ahead, and
     * go by the deque alone for so many turns; pop is called after them, and
     * when the deque is empty. If it is 0 after worker_init, it stays 0, and
     * the core only pushes: it takes by pop and pop_oldest. */
    MOIRAI_DEQUE_ALIGNED uint64_t pops;
    bool alone;                     /* constant: there are no thieves */
};

/* How a simulation makes its choices: by chance; by ranks, of which some fall
 * at some time; or as a list has it. */
enum moirai_sim_strategy {
    MOIRAI_SIM_RANDOM,
    MOIRAI_SIM_PCT,
    MOIRAI_SIM_GIVEN
};

#define MOIRAI_SIM_DEPTH 64         /* most that `depth` may be */

struct moirai_sim_config {
    uint64_t seed;                  /* the same seed, the same run */
    uint32_t strategy;              /* enum moirai_sim_strategy */
    uint32_t reserved;
    uint64_t depth;                 /* of pct: 1 + how often one falls */
    uint64_t steps;                 /* of pct: of a run; 0: not known */
    const char *choices;            /* of given: "0.2.1", or NULL */
    uint64_t bound;                 /* of given: so many, others by chance */
    const char *record;             /* of given: a file for "n taken" lines,
                                     * one for each choice, and "0 0" when the
                                     * first is left to chance; or NULL */
    /* Faults, chosen by the seed: one in so many occasions; 0: none. */
    uint64_t inject_memory;         /* allocations for tasks fail */
    uint64_t inject_wakes;          /* waits for conditions end for nothing */
    uint64_t inject_timers;         /* deadlines are noticed late: */
    uint64_t inject_cancels;        /* tasks that have handles are cancelled */
    uint64_t inject_limit;          /* of all together; 0: any number */
    int64_t inject_delay;           /* ... by so many ns, at most */
};

/* What a scheduler may know about the runtime; constant. */
struct moirai_sched_env {
    uint32_t size;
    uint32_t workers;               /* how many there will be */
    const struct moirai_host *host;

    /* By when the task should have ended: the deadline of its attributes, or
     * that of a scope it is in, if that is sooner; MOIRAI_NEVER: whenever.
     * Constant. Of a task that is queued, or about to be. */
    int64_t (*deadline)(const struct moirai_task *task);

    /* With MOIRAI_SCHED_NODES: the memory nodes that workers are bound to; less
     * than 2: they need not be told apart. */
    uint32_t nodes;
    uint32_t started;               /* workers that run from the start on, the
                                     * first ones */
    const uint32_t *node_of;        /* of worker i: below `nodes` */
};

struct moirai_sched_ops {
    uint32_t flags;                 /* MOIRAI_SCHED_... */
    uint32_t reserved;
    size_t state_size, worker_size;

    /* Required. 0, or a negative errno with *err filled, leaving nothing. */
    int (*init)(void *state, const void *config,
                const struct moirai_sched_env *env, struct moirai_error *err);
    void (*fini)(void *state);      /* required */

    /* Required. Per worker, after init, in order of `index`. */
    int (*worker_init)(void *state, void *worker, uint32_t index,
                       struct moirai_error *err);
    void (*worker_fini)(void *state, void *worker);     /* optional */

    /* Required. Takes one task that is ready. */
    void (*push)(void *state, void *worker, struct moirai_task *task);

    /* Required. What this worker should run next; NULL: nothing is queued
     * for it. Need not look at what other workers hold. */
    struct moirai_task *(*pop)(void *state, void *worker);

    /* Optional. Like pop, but the one that has waited longest: used when a
     * task yields and to keep old tasks from starving. NULL: pop. */
    struct moirai_task *(*pop_oldest)(void *state, void *worker);

    /* Optional. Takes work from `victim`, another worker's state, for
     * `worker`, which has none. May move several. */
    struct moirai_task *(*steal)(void *state, void *worker, void *victim);

    /* Required. Is there nothing that this worker could pop or steal? Asked
     * before a worker goes to sleep. */
    bool (*empty)(void *state, void *worker);

    /* Optional. Tasks queued now, roughly, for statistics. */
    uint64_t (*length)(void *state);

    /* Optional. The priority of a task has changed: stores it in the task,
     * and moves that, if it is queued. Any thread, while others push and pop;
     * the task may be queued, run, or wait, and does not end meanwhile; never
     * twice at a time for one task. With it, a task that holds a mutex has
     * the highest priority of those that wait for it, until it unlocks. */
    void (*reprioritise)(void *state, struct moirai_task *task,
                         uint32_t priority);

    /* Optional. Like push, of a task that was run before and whose stack is on
     * `node`, where `worker` is not, or which is NULL. NULL: push. */
    void (*push_home)(void *state, void *worker, struct moirai_task *task,
                      uint32_t node);
};

#ifdef __cplusplus
}
#endif

#endif
