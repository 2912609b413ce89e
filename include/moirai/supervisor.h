/* SPDX-License-Identifier: MIT */
/*
 * moirai/supervisor.h - children that are started again when they fail.
 *
 *     static struct moirai_child children[] = {
 *         { .name = "store", .fn = store, .arg = &shop },
 *         { .name = "front", .fn = front, .arg = &shop, .stop = close_front },
 *     };
 *     struct moirai_supervisor s;
 *     moirai_supervisor_init(&s, children, 2, NULL);
 *     int rc = moirai_supervisor_run(&s, runtime);
 *
 * A child is a function that runs as a task in a scope of its own: it has ended
 * when that function and every task that it spawned have, and what the scope's
 * error is, is its result. Whether it is started again is its `restart`; who is
 * started again with it is the supervisor's policy. Restarts are limited per
 * time, and each waits longer than the one before: who passes the limit ends
 * the supervisor with his error, which is for who started that to deal with, a
 * supervisor perhaps.
 */
#ifndef MOIRAI_SUPERVISOR_H
#define MOIRAI_SUPERVISOR_H

#include <moirai/scope.h>

#ifdef __cplusplus
extern "C" {
#endif

/* When a child that has ended is started again. */
enum moirai_restart {
    MOIRAI_PERMANENT = 0,           /* always */
    MOIRAI_TRANSIENT = 1,           /* if its result is an error */
    MOIRAI_TEMPORARY = 2            /* never */
};

/* Who else is stopped, and started again, when a child is. */
enum moirai_supervision {
    MOIRAI_ONE_FOR_ONE = 0,         /* nobody */
    MOIRAI_ONE_FOR_ALL = 1,         /* all */
    MOIRAI_REST_FOR_ONE = 2         /* those behind it in the table */
};

struct moirai_supervisor;

/* A row of the table: in the order in which they are started. The caller's
 * memory; what is below `restart` is the core's, zeroed at first. */
struct moirai_child {
    const char *name;               /* kept: must outlive the runtime */
    moirai_fn *fn;
    void *arg;
    /* Asks it to end, e.g. by closing a channel that it reads; called by the
     * supervisor. NULL: it is cancelled at once. */
    void (*stop)(void *arg);
    int64_t stop_ns;                /* how long that may take before it is
                                     * cancelled; 0: the supervisor's */
    uint32_t restart;               /* enum moirai_restart */

    uint32_t state;
    int32_t result;
    uint32_t again;
    uint64_t end;                   /* when, among all ends */
    struct moirai_supervisor *supervisor;
    struct moirai_handle *handle;
    char text[MOIRAI_SCOPE_TEXT];   /* what moirai_fail said, if it did */
};

#define MOIRAI_RESTARTS_MOST 64

/* How to supervise. Zeroed fields mean the preset. */
struct moirai_supervisor_attr {
    uint32_t size;                  /* sizeof(struct moirai_supervisor_attr) */
    uint32_t policy;                /* enum moirai_supervision; ONE_FOR_ONE */
    int32_t restarts;               /* at most so many within window_ns; 3, no
                                     * more than MOIRAI_RESTARTS_MOST; -1: not
                                     * one */
    uint32_t reserved;
    int64_t window_ns;              /* 5 s */
    int64_t backoff_ns;             /* before the first restart within the
                                     * window, doubled for each further one;
                                     * 10 ms; -1: none */
    int64_t backoff_most_ns;        /* 1 s */
    int64_t stop_ns;                /* 5 s */
};

#define MOIRAI_SUPERVISOR_ATTR_INIT                                           \
    { sizeof(struct moirai_supervisor_attr), 0, 0, 0, 0, 0, 0, 0 }

/* Caller's memory. Every field is the core's. */
struct moirai_supervisor {
    struct moirai_child *children;
    struct moirai_supervisor_attr attr;     /* constant: presets filled in */
    uint32_t n;                     /* constant */
    uint32_t lock;
    void *waiter;                   /* by lock, as are: */
    uint64_t ends;
    uint32_t stopping;
    uint32_t running;
    uint32_t started;
    uint32_t restarted;
    uint32_t failed;
    uint32_t overdue;
    uint32_t recent;                /* restarts in `times`; its own task's */
    uint32_t reserved;
    int64_t times[MOIRAI_RESTARTS_MOST];
    struct moirai_scope scope;      /* of all that it starts */
    char text[2 * MOIRAI_SCOPE_TEXT];
};

/* What it counted so far. */
struct moirai_supervisor_stats {
    uint32_t size;                  /* sizeof(struct moirai_supervisor_stats)
                                     */
    uint32_t running;               /* children, now */
    uint32_t started;               /* children, first and again */
    uint32_t restarted;             /* times that it dealt with an end so */
    uint32_t failed;                /* children that ended with an error, and
                                     * were not asked to */
    uint32_t overdue;               /* that were asked to stop, and did not */
};

/* Fills the supervisor for a table of n children, which it keeps, as it does
 * what they point to, until moirai_supervisor_run has returned. `attr` is
 * borrowed; NULL: presets. 0, or -EINVAL: a row without a function, or numbers
 * that make no sense. Any thread; does not wait. */
int moirai_supervisor_init(struct moirai_supervisor *supervisor,
                           struct moirai_child *children, uint32_t n,
                           const struct moirai_supervisor_attr *attr);

/* Starts the children in order and looks after them, until none is left, or it
 * is told to stop (0), until the limit of restarts is passed (the error of the
 * last that failed; -ENOTRECOVERABLE if its result was none), or until the
 * caller is cancelled (-ECANCELED) or out of time (-ETIMEDOUT). Before it
 * returns it stops those that run, one after another, the last in the table
 * first: asks the child to end, waits until its time is over, cancels it, and
 * waits for as long as it takes. If the caller's scope is cancelled, all of
 * them are at once. In a task `runtime` may be NULL. -EINVAL, -ECHILD as
 * moirai_scope_begin. Once per init. Can wait. */
int moirai_supervisor_run(struct moirai_supervisor *supervisor,
                          struct moirai_runtime *runtime);

/* Tells it to stop, also before it runs. Any thread; does not wait. */
void moirai_supervisor_stop(struct moirai_supervisor *supervisor);

/* Fills *stats, whose `size` the caller has set. 0; -EINVAL: no such size. Any
 * thread; does not wait. */
int moirai_supervisor_read(struct moirai_supervisor *supervisor,
                           struct moirai_supervisor_stats *stats);

/* A sentence about the last child whose end it had to deal with: its name, its
 * result, what it said in moirai_fail; "": there was none. To be read when
 * moirai_supervisor_run has returned; the supervisor's. */
const char *moirai_supervisor_text(const struct moirai_supervisor *supervisor);

#ifdef __cplusplus
}
#endif

#endif
