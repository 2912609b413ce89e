/* SPDX-License-Identifier: MIT */
/*
 * moirai/runtime.h - one running instance: start, stop, look at.
 *
 * A process may run several runtimes at once. In a child made by fork(2)
 * none of them exists any more: every call that needs one returns -ECHILD. What
 * needs none (the clock, sleeping, starting a runtime of the child's own) works
 * as on any plain thread.
 */
#ifndef MOIRAI_RUNTIME_H
#define MOIRAI_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#include <moirai/error.h>
#include <moirai/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct moirai_runtime;

/* What a runtime is to be. Borrowed until moirai_start returns; zeroed fields
 * mean: as the environment and the presets say. Later sources win: presets,
 * file or text, environment, what `moirai -s` says, `set`. */
struct moirai_config {
    uint32_t size;                  /* sizeof(struct moirai_config) */
    uint32_t flags;
    const char *file;               /* YAML; NULL: $MOIRAI_CONFIG, or none */
    const char *text;               /* YAML text in place of a file */
    const char *const *set;         /* "scheduler.plugin=fifo", ..., NULL */
};

/* Of `flags`: the runtime is to be run by a foreign loop, in the thread that
 * starts it, and that alone can stop it (-EPERM): see moirai/embed.h. It has
 * one worker, whatever runtime.workers says. Besides, then: -EBUSY, another one
 * is embedded in this thread; -EINVAL: a simulation; -ENOSYS: this system lacks
 * what it takes. */
#define MOIRAI_CONFIG_EMBEDDED 1u

/* Starts a runtime; NULL for `config` means environment and presets. On 0
 * *runtime is the caller's, to be stopped with moirai_stop. -EINVAL: a
 * mistake in the configuration; *err (may be NULL) lists them all. -ENOMEM;
 * -EAGAIN: no more threads. Any plain thread; loads plugins, so calls are made
 * one after the other inside. */
int moirai_start(struct moirai_runtime **runtime,
                 const struct moirai_config *config, struct moirai_error *err);

/* A task that was still there when a stop ran out of patience. */
struct moirai_waiting {
    uint32_t id;
    uint32_t line;
    const char *file;               /* where it was spawned */
    const char *name;               /* from its attributes; or NULL */
    const char *waits_on;           /* "channel receive", ..., or "running" */
};

#define MOIRAI_REPORT_TASKS 16

struct moirai_stop_report {
    uint32_t size;                  /* sizeof(struct moirai_stop_report) */
    uint32_t listed;                /* entries of `tasks` that are filled */
    uint64_t waiting;               /* tasks left when the deadline came */
    uint64_t left;                  /* still there after cancelling */
    struct moirai_waiting tasks[MOIRAI_REPORT_TASKS];
};

/* Stops a runtime. Waits until all tasks have ended; those still there at the
 * deadline are reported (report may be NULL) and cancelled, and waited for
 * again for runtime.stop_grace. Returns 0: all had ended by themselves, the
 * runtime is gone; -ECANCELED: gone, but tasks had to be cancelled; -EBUSY:
 * some never ended, the runtime is still there and moirai_stop may be called
 * again; -EDEADLK from one of its tasks, or inside a moirai_block of one;
 * -ECHILD in a forked child. Plain thread; blocks. All its endpoints and
 * handles must have been put, all scopes ended. */
int moirai_stop(struct moirai_runtime *runtime, int64_t deadline_ns,
                struct moirai_stop_report *report);

/* Runs fn(arg) as a task and waits for it; returns what it returned. The task
 * starts on a deep stack. Plain thread. Also -ENOMEM, -ECHILD. */
#define moirai_run(runtime, fn, arg)                                          \
    __extension__({                                                           \
        static struct moirai_site moirai_site_ = MOIRAI_SITE_INIT;            \
        moirai_run_at(&moirai_site_, (runtime), (fn), (arg));                 \
    })

/* What the macro calls; see moirai_spawn_at. */
int moirai_run_at(struct moirai_site *site, struct moirai_runtime *runtime,
                  moirai_fn *fn, void *arg);

/* The scope that tasks spawned from plain threads can belong to; it ends when
 * the runtime stops. */
struct moirai_scope *moirai_runtime_scope(struct moirai_runtime *runtime);

/* The runtime of the calling task; NULL on a plain thread. */
struct moirai_runtime *moirai_runtime_self(void);

/* From soon on that many workers run tasks, where at the start it was what
 * runtime.workers says: 1 to runtime.workers_max. Workers that are too many end
 * the task they are in up to its next wait, leave all others to the rest, and
 * sleep; only tasks that are pinned to such a worker it runs itself, as ever.
 * 0; -EINVAL: too few or too many; -ENOMEM, -EAGAIN: there are fewer now, as no
 * thread could be started; -ECHILD. Tasks and plain threads. */
int moirai_runtime_resize(struct moirai_runtime *runtime, uint32_t workers);

/* Counters since the start; each only grows. Sums over workers that go on
 * counting, so two fields need not belong to the same instant. What plain
 * threads do is counted where it says so. */
struct moirai_stats {
    uint32_t size;                  /* sizeof(struct moirai_stats) */
    uint32_t workers;               /* there should be; not a counter */
    uint64_t spawned;               /* tasks, by threads too; forks are none */
    uint64_t finished;              /* of these, however they ended */
    uint64_t failed;                /* ended by moirai_fail; forks too */
    uint64_t parked;                /* waits that gave up the worker */
    uint64_t woken;                 /* waits that a task or worker ended */
    uint64_t yielded;               /* moirai_yield, not counted as parked */
    uint64_t stolen;                /* tasks one worker took from another */
    uint64_t forks_stolen;          /* forks, likewise */
    uint64_t forks_exported;        /* became ordinary tasks */
    uint64_t sleeps;                /* a worker went to sleep */
    uint64_t wakes;                 /* a sleeping worker was woken */
    uint64_t timers_fired;          /* deadlines that came, sleeps included */
    uint64_t switches;              /* from one stack to another */
    uint64_t stacks_made;           /* got from the stack plugin */
    uint64_t stacks_reused;         /* kept by the worker that needed one */
    uint64_t blocking_calls;        /* moirai_block, of tasks */
    uint64_t sent;                  /* messages, by threads too */
    uint64_t received;              /* likewise */
    uint64_t stacks_cleaned;        /* of pages that a wait has no use for */
    uint64_t dropped;               /* messages that channels gave up */
    uint64_t deadlines_missed;      /* tasks that ended after the deadline of
                                     * their attributes; scopes that were
                                     * open when theirs came */
    uint64_t stuck;                 /* tasks, for runtime.stuck or longer */

    /* Where the scheduler goes by nodes. Of what was stolen, forks too: */
    uint64_t stolen_on_node;        /* from a worker on the same node */
    uint64_t stolen_next;           /* from one on the nearest other node */
    uint64_t stolen_far;            /* from further away */
    uint64_t sent_home;             /* woken by a worker on another node, and
                                     * queued where their stack is */
    uint64_t stacks_sent;           /* left on another node, and sent back */

    uint64_t io_calls;              /* of tasks, to the I/O backend */
    uint64_t attended;              /* turns that tasks which wait had with the
                                     * attendant, see scheduler.hybrid */
};

/* Fills the first stats->size bytes. 0 or -EINVAL. Any thread. */
int moirai_stats_read(struct moirai_runtime *runtime,
                      struct moirai_stats *stats);

/* Writes a line per task that owns a stack, and per worker, to a file
 * descriptor: state, what it waits on, since when, where it was spawned. Takes
 * no lock of the runtime. Any thread. */
void moirai_dump(struct moirai_runtime *runtime, int fd);

/* Writes the recorded events as text, a line each, worker by worker, oldest
 * first. Nothing unless runtime.trace is set. Any thread; exact only while
 * nothing runs. */
void moirai_trace_dump(struct moirai_runtime *runtime, int fd);

/* The library's version, e.g. "0.1.0". */
const char *moirai_version(void);

/* Where the library gets its memory. alloc gives zeroed bytes on a boundary
 * of `align` (a power of two), or NULL. Both are called from any thread. */
struct moirai_allocator {
    void *(*alloc)(void *ctx, size_t size, size_t align);
    void (*release)(void *ctx, void *memory);
    void *ctx;
};

/* Sets it (borrowed for good; NULL: the C library's) for the whole process. 0,
 * or -EBUSY once the library has allocated. */
int moirai_allocator_set(const struct moirai_allocator *allocator);

#ifdef __cplusplus
}
#endif

#endif
