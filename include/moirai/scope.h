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
    struct moirai_binding *values;  /* atomic; newest first */
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

/* Opens a scope inside `outer`, which is open and must not end before it: so
 * that a function which is given a scope can have one of its own there, with
 * its deadline, its cancellation and its values. Otherwise as above, with the
 * runtime of `outer`. */
int moirai_scope_begin_in(struct moirai_scope *scope,
                          struct moirai_scope *outer, int64_t deadline_ns);

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

/* --- values -------------------------------------------------------------- */

/* What values are asked for by: the key's address. Constant, and one for the
 * whole program. */
struct moirai_key {
    const char *name;               /* for people */
};

/* One value of a scope, in memory that is lent to it. The core's. */
struct moirai_binding {
    const struct moirai_key *key;
    void *value;
    struct moirai_binding *outer;   /* bound before it, in the same scope */
};

/* Gives the scope a value, for its tasks and all in scopes below it, until it
 * ends; there it hides an older one of the same key, which itself stays as it
 * is. `binding` and `value` are kept until the scope has ended. Tasks that were
 * spawned before may see it or not. Only who began the scope; does not wait. */
void moirai_scope_bind(struct moirai_scope *scope,
                       struct moirai_binding *binding,
                       const struct moirai_key *key, void *value);

/* The value that the scope has for the key, or the nearest one around it that
 * has any; NULL: none has. `scope` NULL: the scope that the calling task
 * belongs to; a plain thread belongs to none. Takes time by the number of
 * scopes and values on the way. Any thread; does not wait. */
void *moirai_scope_value(const struct moirai_scope *scope,
                         const struct moirai_key *key);

/* Declares a key whose values are of one type, and the two functions above with
 * that type, NAME_bind and NAME_value. One file of the program also says
 * MOIRAI_KEY_DEFINE(NAME). */
#define MOIRAI_KEY(name, type)                                                \
    extern const struct moirai_key name;                                      \
    __attribute__((unused))                                                   \
    static inline void name##_bind(struct moirai_scope *scope,                \
                                   struct moirai_binding *binding,            \
                                   type *value)                               \
    {                                                                         \
        moirai_scope_bind(scope, binding, &name, (void *)(uintptr_t)value);   \
    }                                                                         \
    __attribute__((unused))                                                   \
    static inline type *name##_value(const struct moirai_scope *scope)        \
    {                                                                         \
        return (type *)moirai_scope_value(scope, &name);                      \
    }                                                                         \
    struct moirai_key

/* The key itself; see above. */
#define MOIRAI_KEY_DEFINE(name) const struct moirai_key name = { #name }

#ifdef __cplusplus
}
#endif

#endif
