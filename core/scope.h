/* SPDX-License-Identifier: MIT */
/*
 * scope.h - scopes, for the rest of the core.
 */
#ifndef MO_SCOPE_H
#define MO_SCOPE_H

#include "worker.h"

/* moirai_scope.flags */
#define MO_SCOPE_ROOT 1u            /* an error does not cancel the others */
#define MO_SCOPE_ENDED 2u           /* the last task has said so */

#define MO_SCOPE_DEBT 512           /* tasks a worker owes at most */

/* Fills a scope of `rt` below `parent` (NULL: none). */
void mo_scope_init(struct moirai_scope *scope, struct moirai_runtime *rt,
                   struct moirai_scope *parent);

/* Notes an error; the first one cancels the scope, unless it is the root. */
void mo_scope_fail(struct moirai_scope *scope, int code, const char *text);

/* n tasks of the scope have ended (or were never started). The scope may be
 * gone on return. */
void mo_scope_leave(struct moirai_scope *scope, int64_t n);

/* A worker pays its debts to a scope's count late and at once: tasks of it that
 * ended on this worker, and, ahead, tasks that will be spawned from here. It
 * pays before it turns to another scope or has nothing to do. That is soon
 * enough: until then a task of this scope runs here, or its owner, who alone
 * can wait for its end (and pays first), or nothing does.
 *
 * Each spawn and each end moves one number, which has to be moved anyway: the
 * id that is given next, and the tasks that this worker has finished. What that
 * comes to in debts, in spawns counted by worker and by site, is worked out
 * when somebody asks, or when a bound is reached. Ids tell spawns of one site
 * only, into the scope that is owed to: the ticket says which, and how many
 * there may be until others are to be counted (it is used up, or NULL). */
void mo_scope_settle(struct mo_worker *w);

/* Works it out: `owed` and all counters are right then. */
void mo_scope_balance(struct mo_worker *w);

/* Spawns of the ticket's site that are not in its counters yet. Its worker, or
 * between two calls of mo_scope_counting that give the same even number. */
static inline uint32_t mo_scope_uncounted(const struct mo_worker *w)
{
    return (mo_load_relaxed(&w->next_id) - mo_load_relaxed(&w->id_mark))
           / w->id_step;
}

/* Around what moves spawns from here to there, so that nobody sees them twice,
 * or not at all. (A sequence lock; the odd number is seen before the changes,
 * the even one after them.) */
static inline void mo_scope_count_begin(struct mo_worker *w)
{
    mo_store_relaxed(&w->counting, mo_load_relaxed(&w->counting) + 1);
    mo_release_fence();
}

static inline void mo_scope_count_end(struct mo_worker *w)
{
    mo_store(&w->counting, mo_load_relaxed(&w->counting) + 1);
}

/* For readers, before and after. */
static inline uint32_t mo_scope_counting(const struct mo_worker *w)
{
    uint32_t n;

    mo_fence();
    n = mo_load(&w->counting);
    mo_fence();
    return n;
}

/* A task that is about to be spawned counts; `w` NULL: by no worker. */
void mo_scope_enter_slowly(struct mo_worker *w, struct moirai_scope *scope);

static inline void mo_scope_enter(struct mo_worker *w,
                                  struct moirai_scope *scope)
{
    if (w != NULL && w->owed_scope == scope && w->owed > 0
        && mo_load_relaxed(&w->ticket) == NULL)
        w->owed--;                  /* at least that: some may have ended */
    else
        mo_scope_enter_slowly(w, scope);
}

/* Issues a ticket; false: not for this scope. `count` is the site's. */
bool mo_scope_ticket(struct mo_worker *w, struct moirai_scope *scope,
                     struct moirai_site *site, struct mo_site_counters *count);

/* One more has ended, and counts as finished by this worker. */
void mo_scope_owe(struct mo_worker *w, struct moirai_scope *scope);

static inline void mo_scope_left(struct mo_worker *w,
                                 struct moirai_scope *scope)
{
    uint64_t finished = mo_load_relaxed(&w->count.finished);

    if (__builtin_expect(w->owed_scope == scope && finished != w->ended_end,
                         1))
        mo_store_relaxed(&w->count.finished, finished + 1);
    else
        mo_scope_owe(w, scope);
}

/* The scope's list of tasks that own a stack, for cancellation. */
void mo_scope_link(struct moirai_scope *scope, struct mo_fiber *fiber);
void mo_scope_unlink(struct moirai_scope *scope, struct mo_fiber *fiber);

/* Does the code on this stack have a scope open? */
bool mo_scope_open(const struct mo_fiber *fiber);

/* Waits until all tasks have ended, or until the deadline. -ETIMEDOUT: the
 * deadline came first. Otherwise 0, and the scope is empty. Masked unless the
 * result can be -ECANCELED, which leaves the scope as it is. */
int mo_scope_wait(struct moirai_scope *scope, bool masked,
                  int64_t deadline_ns);

#endif
