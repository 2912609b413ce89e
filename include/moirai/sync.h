/* SPDX-License-Identifier: MIT */
/*
 * moirai/sync.h - locks, conditions, semaphores, barriers.
 *
 * They make the task wait, not the worker, and may be held across waits. Tasks
 * and plain threads may share them. Every field is the core's.
 */
#ifndef MOIRAI_SYNC_H
#define MOIRAI_SYNC_H

#include <stdint.h>

#include <moirai/event.h>
#include <moirai/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- mutex --------------------------------------------------------------- */

/* Caller's memory; zeroed means unlocked. Every field is the core's. */
struct moirai_mutex {
    uint32_t lock;                  /* guards the queue, and what is said of
                                     * those who were in it: */
    uint16_t waking;                /* one is on its way to try again */
    uint16_t hand;                  /* one has done so in vain */
    uintptr_t word;                 /* atomic: the owner, and some bits */
    void *first;                    /* who waits, oldest first */
    void *last;
    struct moirai_mutex *held_next; /* what the same owner holds */
    struct moirai_mutex *held_prev;
};

#define MOIRAI_MUTEX_INIT { 0, 0, 0, 0, NULL, NULL, NULL, NULL }

/* Waits until the mutex is the caller's. 0; -EOWNERDEAD: it is the caller's,
 * and the task that held it failed, so what it guards may be inconsistent;
 * -ECHILD: this is a forked child, and the owner is not in it;
 * -EDEADLK: the caller has it already; -EAGAIN for MOIRAI_NOW, -ETIMEDOUT,
 * -ECANCELED: not locked. Waiters get it in the order they came; others may
 * overtake each of them once. Can wait. Under a scheduler that knows priorities
 * the owner has the highest of those who wait. */
int moirai_mutex_lock(struct moirai_mutex *mutex, int64_t deadline_ns);

/* 0, or -EPERM if the caller does not hold it. Does not wait. */
int moirai_mutex_unlock(struct moirai_mutex *mutex);

/* --- reader-writer lock -------------------------------------------------- */

/* Held by any number of readers, or by one writer. Caller's memory; zeroed
 * means free. */
struct moirai_rwlock {
    struct moirai_gate gate;
    uint32_t writing;               /* the one who holds it is a writer */
    uint32_t owner_died;            /* a writer; until the next one has it */
    struct moirai_hold *holds;      /* of who holds it, newest first */
};

#define MOIRAI_RWLOCK_INIT { MOIRAI_GATE_INIT, 0, 0, NULL }

/* That one holds a lock: caller's memory, as on his stack, in use from when the
 * lock is asked for until it is unlocked. Needs no initialising. A task may
 * fail with one on its stack, but not return. */
struct moirai_hold {
    struct moirai_rwlock *rwlock;
    void *owner;
    uint32_t writes;
    struct moirai_hold *next, *prev;    /* of the same lock */
    struct moirai_hold *more, *less;    /* of the same task or thread */
};

/* Waits until the caller may read; with others who read. Who comes first has it
 * first, also if it is a writer: neither kind starves. 0; -EOWNERDEAD: it is
 * the caller's, and a task that held it as a writer failed, so what it guards
 * may be inconsistent; readers are told until a writer has been told. -EDEADLK:
 * the caller holds it already; -EAGAIN for MOIRAI_NOW, -ETIMEDOUT, -ECANCELED:
 * not locked; -ECHILD: this is a forked child. Can wait. */
int moirai_rwlock_read(struct moirai_rwlock *rwlock, struct moirai_hold *hold,
                       int64_t deadline_ns);

/* The same until the caller may write; alone. */
int moirai_rwlock_write(struct moirai_rwlock *rwlock, struct moirai_hold *hold,
                        int64_t deadline_ns);

/* Makes the writer a reader, with no other writer in between; readers who are
 * next go on. 0; -EPERM: the hold is not the caller's, or not a writer's. Does
 * not wait. */
int moirai_rwlock_downgrade(struct moirai_rwlock *rwlock,
                            struct moirai_hold *hold);

/* 0; -EPERM: the hold is not the caller's. Does not wait. */
int moirai_rwlock_unlock(struct moirai_rwlock *rwlock,
                         struct moirai_hold *hold);

/* --- condition ----------------------------------------------------------- */

/* What is awaited by those who look at what a mutex guards. Caller's memory;
 * zeroed means that nobody waits. */
struct moirai_cond {
    struct moirai_gate gate;
};

#define MOIRAI_COND_INIT { MOIRAI_GATE_INIT }

/* Unlocks the mutex, which is the caller's, waits to be woken, and locks it
 * again, as long as that takes: it is the caller's whatever is returned. Who
 * locks it and calls signal or broadcast after that is not missed. What was
 * awaited may be over again on return, or not have come, as a wait may end for
 * no reason, so it is looked at in a loop. 0; -EAGAIN
 * for MOIRAI_NOW, -ETIMEDOUT, -ECANCELED: not woken; -EOWNERDEAD: woken or not,
 * and who had the mutex meanwhile failed; -ECHILD: this is a forked child;
 * -EPERM: the mutex is not the caller's. Can wait. */
int moirai_cond_wait(struct moirai_cond *cond, struct moirai_mutex *mutex,
                     int64_t deadline_ns);

/* Wakes the one who has waited longest, if anybody waits. Any thread, with the
 * mutex or without; does not wait. */
void moirai_cond_signal(struct moirai_cond *cond);

/* Wakes all who wait. */
void moirai_cond_broadcast(struct moirai_cond *cond);

/* --- semaphore ----------------------------------------------------------- */

/* A number of equal things to be had. Caller's memory; zeroed means none. */
struct moirai_semaphore {
    struct moirai_gate gate;
    uint32_t count;                 /* to be had */
};

#define MOIRAI_SEMAPHORE_INIT(n) { MOIRAI_GATE_INIT, (n) }

/* `n` more are to be had, by whoever has waited longest. 0; -EOVERFLOW: so many
 * cannot be counted, and nothing was changed. Any thread; does not wait. */
int moirai_semaphore_post(struct moirai_semaphore *semaphore, uint32_t n);

/* Takes `n`, all at once, when they are to be had and nobody has waited longer,
 * be it for fewer. 0; -EAGAIN for MOIRAI_NOW, -ETIMEDOUT, -ECANCELED: took
 * none; -ECHILD: this is a forked child, where nobody posts. Can wait. */
int moirai_semaphore_wait(struct moirai_semaphore *semaphore, uint32_t n,
                          int64_t deadline_ns);

/* --- barrier ------------------------------------------------------------- */

/* Where as many as it is made for wait for one another, again and again.
 * Caller's memory. */
struct moirai_barrier {
    struct moirai_gate gate;
    uint32_t parties;
    uint32_t arrived;
    uint32_t broken;
};

#define MOIRAI_BARRIER_INIT(parties) { MOIRAI_GATE_INIT, (parties), 0, 0 }

#define MOIRAI_BARRIER_LAST 1

/* Waits until all parties have come. 0; to the one who came last
 * MOIRAI_BARRIER_LAST, at once; -EPIPE: it is broken. -EAGAIN: for MOIRAI_NOW,
 * the caller would have had to wait, and does not count as come. -ETIMEDOUT,
 * -ECANCELED: the caller goes, and all parties cannot come any more: so it is
 * broken, for those who wait and those who come, until it is reset. -ECHILD:
 * this is a forked child. Can wait. */
int moirai_barrier_wait(struct moirai_barrier *barrier, int64_t deadline_ns);

/* Breaks it, for a party that will not come. Any thread; does not wait. */
void moirai_barrier_break(struct moirai_barrier *barrier);

/* Makes it as new, whatever it was; to those who wait it is broken. Any thread;
 * does not wait. */
void moirai_barrier_reset(struct moirai_barrier *barrier);

#ifdef __cplusplus
}
#endif

#endif
