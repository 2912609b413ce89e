/* SPDX-License-Identifier: MIT */
/*
 * depth.h - how deep tasks go in their stacks: `stacks.watermark`.
 *
 * All of it is off where a worker has no table (mo_worker.depths is NULL).
 */
#ifndef MO_DEPTH_H
#define MO_DEPTH_H

#include "worker.h"

#define MO_DEPTH_STEPS 40           /* of sizes, two to a doubling */

struct mo_depths {                  /* of a spawn site; written by one worker */
    MO_ATOMIC(uint64_t) deepest[MOIRAI_STACK_CLASSES];  /* bytes */
    MO_ATOMIC(uint64_t) measured;   /* tasks that were, one by one, and */
    MO_ATOMIC(uint64_t) steps[MO_DEPTH_STEPS];  /* how deep they went */
};

/* What was measured of a spawn site by all workers. */
struct mo_depth_sum {
    uint64_t deepest[MOIRAI_STACK_CLASSES];     /* 0: no task was seen there */
    uint64_t measured;
    uint64_t p99;                   /* of the measured ones, rounded up; or 0 */
};

/* Gives a new worker its table if it is asked for. False: no memory. */
bool mo_depth_init(struct mo_worker *w);
void mo_depth_fini(struct mo_worker *w);

/* A task of this site is about to start on a stack of its own. */
void mo_depth_start(struct mo_worker *w, struct mo_fiber *fiber,
                    const struct moirai_site *site);

/* Is the next task to be measured that starts on a borrowed stack? */
bool mo_depth_due(const struct mo_worker *w);

/* The same for a task that is about to start on the running stack; what has to
 * be given to mo_depth_end_here when it has ended, or NULL: it is not
 * measured. */
struct mo_fiber *mo_depth_start_here(struct mo_worker *w,
                                     const struct moirai_site *site);
void mo_depth_end_here(struct mo_fiber *fiber);

/* Nobody runs on the stack any more; called from another one. */
void mo_depth_end(struct mo_worker *w, struct mo_fiber *fiber);

/* The pages below `low` are about to be given back; and were. */
void mo_depth_trim(struct mo_worker *w, struct mo_fiber *fiber, char *low);

/* The last of what is to be seen: the workers have ended, their stacks are
 * still there. Says and writes what the options ask for. */
void mo_depth_report(struct moirai_runtime *rt);

/* `index` is that of mo_task_site; MO_SITES: stacks that tasks of several sites
 * had used before they were looked at. */
void mo_depth_read(const struct moirai_runtime *rt, uint32_t index,
                   struct mo_depth_sum *sum);

#endif
