/* SPDX-License-Identifier: MIT */
/*
 * near.h - what is near a worker: other workers, stacks, sleepers.
 *
 * All of it is for runtimes whose workers are on several nodes and whose
 * scheduler goes by them (rt->near is set); see near.c.
 */
#ifndef MO_NEAR_H
#define MO_NEAR_H

#include "os/affinity.h"
#include "worker.h"

#define MO_NEAR_RINGS 8             /* distances that are told apart */

/* A node, as those on it see the others. */
struct mo_near {
    uint32_t *order;                /* all places, nearest first; constant */
    uint32_t end[MO_NEAR_RINGS];    /* of each ring in it; constant */
    uint8_t *ring;                  /* of each node; constant */

    struct mo_lock lock;            /* guards the stacks, which are this node's
                                     * and were left elsewhere */
    MO_ATOMIC(struct mo_fiber *) stacks[MOIRAI_STACK_CLASSES];
    uint32_t kept[MOIRAI_STACK_CLASSES];    /* how many those are */
};

/* Are workers with these seats, under that scheduler, told apart by nodes? */
bool mo_near_matters(const struct mo_seats *seats,
                     const struct moirai_sched_ops *sched);

/* Which ring of those around node `from` has node `to`: less than
 * MO_NEAR_RINGS; 0 is the node itself. */
uint32_t mo_near_ring(const struct mo_machine *machine, uint32_t from,
                      uint32_t to);

/* If workers are on several nodes and the scheduler wants to know, sets
 * rt->near; and fills in what `env` says of nodes. 0 or -ENOMEM. */
int mo_near_open(struct moirai_runtime *rt, struct moirai_sched_env *env);
void mo_near_close(struct moirai_runtime *rt);

/* What the calling thread touches first, until mo_os_restore, is for worker
 * `index`. False: it does not matter, and there is nothing to restore. */
bool mo_near_prefer(const struct moirai_runtime *rt, uint32_t index,
                    struct mo_os_policy *before);

/* Tells a worker, which is being made, where it is. */
void mo_near_place(struct mo_worker *w);

/* A task that is ready again, from `w`, or NULL from outside: to the scheduler,
 * which is told if its stack is on another node. */
void mo_near_ready(struct moirai_runtime *rt, struct mo_worker *w,
                   struct moirai_task *task);

/* Counts that something of the victim's was taken. */
void mo_near_count(struct mo_worker *w, const struct mo_worker *victim);

/* A stack that `w` has no use for, and whose home is elsewhere: sends it.
 * False: there are enough. */
bool mo_near_send(struct mo_worker *w, struct mo_fiber *fiber);

/* All stacks of a class that were sent to the node of `w`, linked by `next`;
 * NULL: none. */
struct mo_fiber *mo_near_fetch(struct mo_worker *w, uint32_t stack_class);

#endif
