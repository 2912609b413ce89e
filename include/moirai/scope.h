/* SPDX-License-Identifier: MIT */
/*
 * moirai/scope.h - who owns which tasks.
 *
 * Every task belongs to a scope, and a scope ends only when all its tasks
 * have ended: no task outlives the block that started it. A scope carries
 * cancellation, a deadline and the first error downwards and upwards: the
 * first task that returns a negative value cancels its siblings, and
 * moirai_scope_end returns that value.
 *
 *     struct moirai_scope scope;
 *     moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
 *     moirai_spawn(&scope, fetch, &a);
 *     moirai_spawn(&scope, fetch, &b);
 *     int rc = moirai_scope_end(&scope);
 */
#ifndef MOIRAI_SCOPE_H
#define MOIRAI_SCOPE_H

#include <moirai/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct moirai_runtime;

#define MOIRAI_SCOPE_TEXT 128

/* Caller's memory, usually a local variable. Every field is the core's. */
struct moirai_scope {
    struct moirai_runtime *runtime;
    struct moirai_scope *parent;    /* guarded by the parent's lock: */
    struct moirai_scope *sibling_next;
    struct moirai_scope *sibling_prev;
    struct moirai_scope *children;  /* guarded by lock */
    void *fibers;                   /* tasks that own a stack; fibers_lock */
    void *waiter;                   /* who waits for the end; by lock */
    struct moirai_timer timer;      /* armed while a deadline is set */
    struct moirai_cleanup cleanup;  /* among the owner's, while it is open */
    intptr_t live;                  /* atomic: tasks not yet ended, plus one
                                     * for the scope until it is ended */
    uint32_t lock;
    uint32_t fibers_lock;           /* taken after lock */
    uint32_t cancelled;             /* atomic, sticky */
    int32_t error;                  /* the first; 0: none; by lock */
    uint32_t flags;                 /* by lock */
    uint32_t reserved;
    char text[MOIRAI_SCOPE_TEXT];   /* what moirai_fail said, if it did */
};

/* Opens a scope inside the calling task's scope. A plain thread names the
 * runtime; in a task `runtime` may be NULL. When the deadline comes, the scope
 * is cancelled and its error is -ETIMEDOUT. Returns 0; -EINVAL without a
 * runtime; -ECHILD in a forked child. If the enclosing scope is cancelled, so
 * is the new one. Must be ended by the task that began it; if that task fails,
 * the scope is cancelled and waited for, in turn with its cleanup handlers. */
int moirai_scope_begin(struct moirai_scope *scope,
                       struct moirai_runtime *runtime, int64_t deadline_ns);

/* Waits until every task of the scope has ended, then closes it. Returns the
 * scope's first error, or 0. If the caller is cancelled meanwhile, the scope
 * is cancelled too, and still waited for: its tasks may use the caller's
 * memory. Can wait. */
int moirai_scope_end(struct moirai_scope *scope);

/* Cancels every task in the scope and in scopes below it: their current and
 * later waits return -ECANCELED. If the scope has no error yet, -ECANCELED is
 * its error, also if no task was left to notice. Sticky. Any thread; does not
 * wait. The scope must not end before the call returns. */
void moirai_scope_cancel(struct moirai_scope *scope);

/* The first error so far; 0: none. After moirai_scope_end it is final. Any
 * thread; does not wait. */
int moirai_scope_error(const struct moirai_scope *scope);

/* Its sentence, which is the scope's; "" if none was given. To be read after
 * moirai_scope_end. */
const char *moirai_scope_text(const struct moirai_scope *scope);

#ifdef __cplusplus
}
#endif

#endif
