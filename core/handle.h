/* SPDX-License-Identifier: MIT */
/*
 * handle.h - the part of a task that somebody else may hold.
 */
#ifndef MO_HANDLE_H
#define MO_HANDLE_H

#include "worker.h"

/* What a task needs beyond its 64 bytes: somebody joins it, or it was given
 * attributes. One reference is the task's, one the user's. */
struct moirai_handle {
    struct moirai_runtime *runtime;
    MO_ATOMIC(uint32_t) references;
    uint32_t lock;                  /* guards the queue, done and result */
    struct mo_queue joiners;
    bool done;
    int32_t result;
    MO_ATOMIC(uint32_t) cancelled;
    struct mo_lock fiber_lock;      /* guards `fibers`; taken inside others */
    struct mo_fiber *fibers;        /* stacks of the task and of its forks */
    const char *name;
    int64_t deadline_ns;            /* MOIRAI_NEVER: none */
    struct mo_worker *place;        /* where it has to start; or NULL */
};

/* A handle as `attr` (may be NULL) says; `shared`: the user gets a reference.
 * `w` is the calling worker or NULL. NULL: out of memory. */
struct moirai_handle *mo_handle_make(struct moirai_runtime *rt,
                                     struct mo_worker *w,
                                     const struct moirai_attr *attr,
                                     bool shared);

/* The fiber is the task's, or one of its forks'; and is no more. */
void mo_handle_link(struct moirai_handle *handle, struct mo_fiber *fiber);
void mo_handle_unlink(struct moirai_handle *handle, struct mo_fiber *fiber);

/* The task has ended with this result; takes the task's reference. */
void mo_handle_finish(struct mo_worker *w, struct moirai_handle *handle,
                      int rc);

#endif
