/* SPDX-License-Identifier: MIT */
/*
 * moirai/task.h - the unit of work: spawn, join, yield, cancel, fail.
 *
 * A task is a call of a function that some worker makes soon. It is 64 bytes
 * until it first waits; only then does it own a stack. Its body is plain
 * blocking C. The int it returns is its result: negative means failure and is
 * reported to the scope that owns the task.
 *
 * Who may call: "task" means from inside a task only; everything else may be
 * called from tasks and from plain threads, which then block. Functions that
 * can wait say so; in a task they may continue on another thread.
 *
 * Floating-point modes (rounding, exception masks) are the thread's and not a
 * task's: a task that changes them restores them before it waits.
 */
#ifndef MOIRAI_TASK_H
#define MOIRAI_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moirai/time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct moirai_allocator;
struct moirai_handle;
struct moirai_scope;

/* The body of a task. */
typedef int moirai_fn(void *arg);

/* Where tasks are spawned: one static record behind each use of the spawn
 * macros. The core counts there and learns whether the site's tasks wait. */
struct moirai_site {
    const char *file;
    const char *function;
    const char *name;               /* NULL: the body's address names it */
    uint32_t line;
    uint32_t index;                 /* core: slot of its counters; 0: none */
    uint32_t own_stack;             /* core: start tasks on their own stack */
    uint32_t calm_runs;             /* core: own stacks in a row unused */
};

#define MOIRAI_SITE_INIT                                                      \
    { __FILE__, __func__, NULL, __LINE__, 0, 0, 0 }

/* The head that schedulers link through. A scheduler may read `priority`,
 * `id` and `site`, and uses `next`, and a bit of `flags`, while it holds the
 * task; the rest is the core's. */
struct moirai_task {
    struct moirai_task *next;
    moirai_fn *fn;
    void *arg;
    struct moirai_site *site;
    struct moirai_scope *scope;
    void *fiber;                    /* NULL until it has a stack */
    void *handle;                   /* NULL: nobody joins it */
    uint32_t id;                    /* unique among those alive, per runtime */
    uint16_t flags;
    uint8_t kind;
    uint8_t priority;               /* 0 lowest; MOIRAI_PRIORITY_NORMAL */
};

#define MOIRAI_PRIORITY_NORMAL 128

/* How a task is to be spawned. Zeroed fields mean the preset. */
struct moirai_attr {
    uint32_t size;                  /* sizeof(struct moirai_attr) */
    uint32_t flags;                 /* MOIRAI_PINNED */
    const char *name;               /* kept: must outlive the runtime */
    int64_t deadline_ns;            /* its waits end then; 0: none */
    uint64_t stack_size;            /* bytes it needs; 0: learned */
    uint64_t guard_size;            /* bytes it needs below its stack */
    uint32_t priority;              /* 1..255; 0: normal */
    uint32_t worker;                /* 1 + index of a worker to run on */
    const struct moirai_allocator *allocator;   /* NULL */
};

#define MOIRAI_ATTR_INIT                                                      \
    { sizeof(struct moirai_attr), 0, NULL, 0, 0, 0, 0, 0, NULL }

#define MOIRAI_PINNED 1u            /* stays on the worker it starts on */

/* Spawns a task that calls fn(arg) in `scope` (borrowed; it must not end
 * before the call returns). NULL means the scope that the calling task belongs
 * to, and is -EINVAL from a plain thread. `arg` is the task's from now on.
 * Returns 0; -EAGAIN at the admission limit; -ENOMEM; -EINVAL or -ENOTSUP:
 * attributes that make no sense, or more than this runtime has; -ECANCELED:
 * the scope is cancelled; -ECHILD in a forked child. On an error nothing
 * happened. Any thread; does not wait. */
#define moirai_spawn(scope, fn, arg)                                          \
    __extension__({                                                           \
        static struct moirai_site moirai_site_ = MOIRAI_SITE_INIT;            \
        moirai_spawn_at(&moirai_site_, (scope), (fn), (arg), NULL, NULL);     \
    })

/* The same with attributes (borrowed, may be NULL) and, if `handle` is not
 * NULL, a handle given to the caller, who puts it back. */
#define moirai_spawn_with(scope, fn, arg, attr, handle)                       \
    __extension__({                                                           \
        static struct moirai_site moirai_site_ = MOIRAI_SITE_INIT;            \
        moirai_spawn_at(&moirai_site_, (scope), (fn), (arg), (attr),          \
                        (handle));                                            \
    })

/* What the macros call, for language bindings that keep their own sites.
 * `site` must live as long as the process. */
int moirai_spawn_at(struct moirai_site *site, struct moirai_scope *scope,
                    moirai_fn *fn, void *arg, const struct moirai_attr *attr,
                    struct moirai_handle **handle);

/* Waits until the task has ended; *result (may be NULL) is then what it
 * returned, or the code it failed with. Returns 0, -ETIMEDOUT, -EAGAIN for
 * MOIRAI_NOW, -ECANCELED when the caller is cancelled, -EDEADLK for a task
 * that joins itself. May be called again and by several. Can wait. */
int moirai_handle_join(struct moirai_handle *handle, int64_t deadline_ns,
                       int *result);

/* Cancels one task: its current and later waits return -ECANCELED. Scopes it
 * has open are cancelled when it next waits. Any thread; does not wait. */
void moirai_handle_cancel(struct moirai_handle *handle);

/* Gives the handle back. The task itself goes on. NULL is allowed. */
void moirai_handle_put(struct moirai_handle *handle);

/* Lets other ready tasks run first. Returns 0, or -ECANCELED. From a plain
 * thread: sched_yield. Can wait. */
int moirai_yield(void);

/* True once the calling task, or a scope it belongs to, is cancelled: for
 * loops that compute without waiting. False on a plain thread. */
bool moirai_cancelled(void);

/* Ends the calling task with `code` (negative errno) and a sentence (copied,
 * may be NULL): its cleanup handlers run, newest first; its locks pass on as
 * failed; its forks are waited for; its scope sees the error. A forked task
 * that its parent was running inline takes the parent with it. Task only. */
void moirai_fail(int code, const char *text) __attribute__((noreturn));

/* A function to run if the task fails between push and pop. In the caller's
 * frame; pushes and pops nest. */
struct moirai_cleanup {
    void (*fn)(void *arg);
    void *arg;
    struct moirai_cleanup *outer;   /* the core's */
};

/* Puts a handler before those that there are. Task only. */
void moirai_cleanup_push(struct moirai_cleanup *cleanup, void (*fn)(void *),
                         void *arg);

/* Takes off the newest handler, which must be `cleanup`, and calls it if `run`.
 * Task only. */
void moirai_cleanup_pop(struct moirai_cleanup *cleanup, bool run);

/* Keeps the task on the thread it is on, for libraries that use thread-local
 * state across a wait. Calls nest. Task only; no effect on a plain thread. */
void moirai_pin(void);

/* Ends what the last moirai_pin began. Task only; as that. */
void moirai_unpin(void);

/* One value per task, e.g. static struct moirai_local user = { drop_user }.
 * `drop` (may be NULL) gets the value when its task ends. */
struct moirai_local {
    void (*drop)(void *value);
    uint32_t index;                 /* the core's; 0 until first set */
};

/* Sets the calling task's value: 0, -ENOMEM, -EPERM on a plain thread,
 * -ENOSPC with more than 64 locals in the program. A forked task run inline
 * shares its parent's values. */
int moirai_local_set(struct moirai_local *local, void *value);

/* The calling task's value; NULL if it is unset, and on a plain thread. */
void *moirai_local_get(const struct moirai_local *local);

/* Calls fn(arg) on a thread that may block, and waits for it: for system
 * calls and libraries that would hold up a worker. Returns what fn returned.
 * When the caller is cancelled, or is so before a thread took the call up, it
 * is withdrawn: -ECANCELED. Otherwise this returns only when fn has, because
 * `arg` may be lent. A plain thread calls fn itself. -ENOMEM, -EAGAIN if no
 * thread can be started. Can wait. Such threads leave signals that are not
 * about themselves to the program's others, and programs started from there
 * inherit that: unblock what those should hear. */
int moirai_block(moirai_fn *fn, void *arg);

/* Number of the calling task; 0 on plain threads. */
uint32_t moirai_task_id(void);

/* Number of the calling task's worker; -1 on plain threads. */
int moirai_worker_index(void);

#ifdef __cplusplus
}
#endif

#endif
