/* SPDX-License-Identifier: MIT */
/*
 * sched_rig.h - a scheduler with its workers, and tasks to give it.
 *
 * Tasks are records with the public head; "running" one counts its run, which
 * must be its only one. Payloads are plain memory, so that ThreadSanitizer
 * sees whether push happens before pop.
 */
#ifndef SCHED_RIG_H
#define SCHED_RIG_H

#include "conformance.h"

#include <moirai/sched.h>

#include <stdatomic.h>

struct job {
    struct moirai_task task;        /* stays first */
    uint64_t payload;               /* its index + 1, written by the pusher */
    atomic_uint runs;
    uint32_t children;
    uint32_t first_child;
};

struct rig {
    const struct moirai_sched_ops *ops;
    bool lent;                      /* it lends its deques, and we use them */
    struct moirai_sched_env env;
    void *state;
    void *workers[CONFORMANCE_WORKERS];
    struct job *jobs;
    uint32_t job_count;
    atomic_uint_least64_t done;     /* by threads, as is what follows */
    atomic_uint pushing;            /* threads that are no workers */
    atomic_uint in_vain[CONFORMANCE_WORKERS];   /* looks of each worker since
                                     * its last task */
};

/* What schedulers are told: all tasks have the same deadline, as ranks are not
 * what is looked at here. */
int64_t rig_deadline(const struct moirai_task *task);

void rig_open(struct rig *rig, const struct subject *subject, uint32_t workers,
              uint32_t jobs);

/* After all tasks are out again. */
void rig_close(struct rig *rig);

/* As the core does, for a worker (NULL, of push: another thread): by the deque
 * that its state begins with, if the plugin lends it, or by a call. */
void rig_put(struct rig *rig, void *worker, struct moirai_task *task);
struct moirai_task *rig_pop(struct rig *rig, void *worker);
struct moirai_task *rig_pop_oldest(struct rig *rig, void *worker);

/* Pushes the task of that index. */
void rig_push(struct rig *rig, void *worker, uint32_t i);

/* The index of a task that was given out. */
uint32_t rig_which(const struct rig *rig, const struct moirai_task *task);

/* Counts its run; returns its index. */
uint32_t rig_run(struct rig *rig, struct moirai_task *task);

/* What the core does for a worker: pop, then ask the others. */
struct moirai_task *rig_next(struct rig *rig, uint32_t w);

/* Takes everything out, all workers by turns. Returns how many. */
uint32_t rig_drain(struct rig *rig);

bool rig_empty(struct rig *rig, uint32_t w);

/* Fails unless `length`, if there is one, says so. */
void rig_length(struct rig *rig, uint64_t wanted);

#endif
