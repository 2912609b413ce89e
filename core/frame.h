/* SPDX-License-Identifier: MIT */
/*
 * frame.h - forks that left the inline path; see moirai/fork.h.
 */
#ifndef MO_FRAME_H
#define MO_FRAME_H

#include "worker.h"

/* What thieves look at, and the slots beside it: so who takes the fork of a
 * shallow stack, which most loops are begun on, finds all in one line. */
struct mo_forks {
    MO_ATOMIC(uint64_t) tail;       /* era, index; see frame.c */
    MO_ATOMIC(uint32_t) end;        /* slots below it may be public */
    MO_ATOMIC(uint32_t) wanted;     /* asked for; fork_limit is NULL */
    MO_ATOMIC(uint32_t) brief;      /* a hint: who offers a part is done with
                                     * its own before another has come */
    MO_ATOMIC(uintptr_t) before;    /* 0, as is the one behind all slots */
    MO_ATOMIC(uintptr_t) slots[MO_FORK_SLOTS + 1];
};

/* Gives the worker its queue, all zeros. */
void mo_frame_init(struct mo_worker *w, struct mo_forks *forks);

/* A fork of `victim` that the calling worker now has to run, or NULL. */
struct moirai_frame *mo_frame_steal(struct mo_worker *w,
                                    struct mo_worker *victim);

/* The same, but does not ask for any if there is none. */
struct moirai_frame *mo_frame_take(struct mo_worker *w,
                                   struct mo_worker *victim);

/* Is there one? */
bool mo_frame_stealable(struct mo_worker *victim);

/* If the running task has forked since it began or went on: its site learns. */
void mo_frame_note(struct mo_worker *w);

/* Turns the forks of the running stack that nobody stole into ordinary tasks,
 * before the stack is left. */
void mo_frame_export(struct mo_worker *w);

/* The running stack's task fails: drops the forks that nobody took up, and
 * waits for the others. Can wait. */
void mo_frame_drop(void);

/* The function of a stolen or exported fork has ended. */
void mo_frame_finish(struct mo_worker *w, struct moirai_frame *frame,
                     int result, uint32_t failed);

/* Whether joins are missing when a task ends. */
bool mo_frame_missing(struct mo_worker *w);

/* Gives thieves all forks of the running stack, unasked: what it does next may
 * take long without forking. */
void mo_frame_offer(void);

/* Do forks take the inline path? Otherwise they become ordinary tasks. */
static inline bool mo_frame_open(const struct mo_worker *w)
{
    return w->hot.fork_base == w->slots;
}

/* Is somebody looking for a fork to steal, so that one would soon be taken?
 * Never so on a plain thread. */
static inline bool mo_frame_asked(const struct moirai_worker *self)
{
    return mo_load_relaxed(&self->fork_limit) == NULL
        && mo_frame_open((const struct mo_worker *)self);
}

/* Has the running stack forked since it began or went on? If not, it has
 * nothing to export. */
static inline bool mo_frame_pending(const struct mo_worker *w)
{
    const uintptr_t *base = w->hot.fork_base;

    return w->hot.fork_top != base || mo_load_relaxed(base) != 0;
}

#endif
