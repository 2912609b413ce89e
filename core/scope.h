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

#define MO_SCOPE_DEBT 256           /* tasks a worker owes at most */

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
 * can wait for its end (and pays first), or nothing does. */
void mo_scope_settle(struct mo_worker *w);

/* A task that is about to be spawned counts; `w` NULL: by no worker. */
void mo_scope_count(struct mo_worker *w, struct moirai_scope *scope);

static inline void mo_scope_enter(struct mo_worker *w,
                                  struct moirai_scope *scope)
{
    if (__builtin_expect(w != NULL && w->owed_scope == scope && w->owed > 0,
                         1))
        w->owed--;
    else
        mo_scope_count(w, scope);
}

/* One more has ended. */
void mo_scope_owe(struct mo_worker *w, struct moirai_scope *scope);

static inline void mo_scope_left(struct mo_worker *w,
                                 struct moirai_scope *scope)
{
    if (__builtin_expect(w->owed_scope == scope && w->owed < MO_SCOPE_DEBT, 1))
        w->owed++;
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
