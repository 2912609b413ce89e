/* SPDX-License-Identifier: MIT */
/*
 * moirai/sync.h - locks for tasks.
 *
 * A moirai mutex makes the task wait, not the worker, and may be held across
 * waits. Tasks and plain threads may share it.
 */
#ifndef MOIRAI_SYNC_H
#define MOIRAI_SYNC_H

#include <stdint.h>

#include <moirai/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Caller's memory; zeroed means unlocked. Every field is the core's. */
struct moirai_mutex {
    uint32_t lock;                  /* guards everything below */
    uint32_t owner_died;            /* the next owner is told */
    void *owner;                    /* NULL: free */
    void *first;                    /* who waits, oldest first */
    void *last;
    struct moirai_mutex *held_next; /* what the same owner holds */
    struct moirai_mutex *held_prev;
};

#define MOIRAI_MUTEX_INIT { 0, 0, NULL, NULL, NULL, NULL, NULL }

/* Waits until the mutex is the caller's. 0; -EOWNERDEAD: it is the caller's,
 * and the task that held it failed, so what it guards may be inconsistent;
 * -ECHILD: this is a forked child, and the owner is not in it;
 * -EDEADLK: the caller has it already; -EAGAIN for MOIRAI_NOW, -ETIMEDOUT,
 * -ECANCELED: not locked. Waiters get it in the order they came. Can wait. */
int moirai_mutex_lock(struct moirai_mutex *mutex, int64_t deadline_ns);

/* 0, or -EPERM if the caller does not hold it. Does not wait. */
int moirai_mutex_unlock(struct moirai_mutex *mutex);

#ifdef __cplusplus
}
#endif

#endif
