/* SPDX-License-Identifier: MIT */
/*
 * worker.h - the structures at the centre: worker, fiber, runtime.
 *
 * A worker is a place: queues, pools, counters. A thread brings it to life. A
 * fiber is a stack and what goes with it. The worker's loop runs on a deep
 * fiber, and calls fresh tasks right there; a task that waits in the middle
 * keeps the fiber it is on, and the worker's loop goes on on another.
 */
#ifndef MO_WORKER_H
#define MO_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include <moirai/fork.h>
#include <moirai/runtime.h>
#include <moirai/scope.h>
#include <moirai/sched.h>
#include <moirai/stack.h>
#include <moirai/sync.h>

#include "arch/cpu.h"
#include "arch/sanitize.h"
#include "arch/self.h"
#include "backend.h"
#include "workers.h"
#include "idle.h"
#include "inject.h"
#include "lock.h"
#include "os/os.h"
#include "roster.h"
#include "seat.h"
#include "setup.h"
#include "slab.h"
#include "solo.h"
#include "timer.h"
#include "wait.h"

/* What a thread's signal handlers run on. */
struct mo_signal_stack {
    void *memory;                   /* NULL: it has none of ours */
    size_t size;
};

#define MO_FORK_SLOTS 4096          /* forks a stack can have outstanding */
#define MO_SITES 1024               /* spawn sites counted one by one */
#define MO_LOCALS 64

#define MO_FETCH_TASK 16            /* turns before it is needed */
#define MO_FETCH_FIBER 10
#define MO_FETCH_STACK 5

/* moirai_task.kind */
enum mo_task_kind {
    MO_TASK_PLAIN,                  /* from the slab, ours to free */
    MO_TASK_FRAME                   /* in a forker's frame */
};

/* moirai_task.flags */
enum mo_task_flag {
    MO_TASK_DEEP = 1,               /* wants a stack as deep as a loop's */
    MO_TASK_OWN = 2,                /* wants a stack of its own at once */
    MO_TASK_PLACED = 4,             /* starts on the worker its handle names */
    MO_TASK_WATCHED = 8,            /* its end matters to a handle, or to what
                                     * mo_worker.noted says */
    MO_TASK_MEASURED = 16,          /* how deep it goes is to be seen */
    MO_TASK_EXTRA = 32              /* its own stack is to be of that class */
};

struct mo_depth;
struct mo_forks;
struct moirai_handle;
struct mo_near;
struct mo_worker;

/* A stack, and what belongs to the code that runs on it. The record lies at the
 * top of that stack (fiber.c), and is as clean when that is fresh. What a
 * switch and a wait touch comes first. */
struct mo_fiber {
    /* A line that has all that a turn needs: where there are many stacks, each
     * further one would have to come from far. */
    void *sp;                       /* while it is not running */
    struct moirai_task *task;       /* whose it is; NULL: a loop's, pooled */
    char *base;                     /* the stack's; constant, as is: */
    uint16_t deep;                  /* it is of the loop's class */
    uint16_t waited;                /* it parked since it got this task */
    uint32_t overflown;             /* it runs on part of its guard */
    struct mo_worker *pinned;       /* the only one to resume it; or NULL */
    void *cxx[MO_CXX_GLOBALS];      /* libstdc++'s exception globals */
    int saved_errno;

    struct mo_waiter waiter;
    struct mo_node node;            /* for waits on a single object */

    /* Of the code on this stack; only who runs it touches these. */
    uint64_t *mark;                 /* see mo_fiber_is_soiled; constant */
    struct moirai_frame *lent;      /* forks not in the split queue */
    uint32_t pins;
    uint32_t soiled;                /* waits that found it so, of late */
    char *low;                      /* nobody wrote below it, but those; see */
    const struct moirai_site *depth_site;   /* depth.c */
    uint64_t measured;              /* it is of one task alone: not 0 */
    struct moirai_cleanup *cleanup;
    struct moirai_mutex *held;
    struct moirai_hold *holds;      /* of reader-writer locks */
    struct mo_lien *liens;          /* by inherit.c's lock, as are: */
    struct mo_donor *donor;
    uint32_t raised_from;           /* 1 + its own priority; 0: not raised */
    void **locals;                  /* MO_LOCALS of them, or NULL */
    void (*then)(void *);           /* what clean() is to call after that */
    void *then_arg;
    uint32_t failing;               /* moirai_fail is on its way */
    uint32_t used;                  /* 0: none of what is above, but for waits,
                                     * was touched since a task left it */

    struct moirai_stack stack;      /* constant */
    struct mo_fiber *next;          /* in a pool; in the scope's list */
    struct mo_fiber *prev;
    struct mo_fiber *handle_next;   /* in its handle's list */
    struct mo_fiber *handle_prev;
    struct mo_roster_place *place;  /* constant */
    uint32_t home;                  /* the node its memory is of; constant */

    /* What dumps show, as long as there is a task: the task itself may be in
     * memory that goes away. */
    MO_ATOMIC(uint32_t) shown_id;
    MO_ATOMIC(const struct moirai_site *) shown_site;
    MO_ATOMIC(const char *) shown_name;
    MO_ATOMIC(size_t) shown_size;   /* of the stack */
    struct mo_sanitize sanitize;
};

/* The last theft of a task from another's queue, and what became of it. */
struct mo_theft {
    int64_t since;                  /* 0: it has been judged */
    int64_t until;                  /* leave queues alone for so long */
    uint64_t finished, contended;   /* the thief's, then */
    uint32_t futile;                /* so many in a row */
};

/* A worker whose only queued task a searcher would like to have. */
struct mo_observed {
    struct mo_worker *victim;       /* NULL: none */
    uint64_t events;                /* what it had done, and */
    int64_t since;                  /* when that was */
};

struct mo_counters {                /* written by one worker, read by any */
    MO_ATOMIC(uint64_t) spawned, finished, failed, parked, woken, yielded;
    MO_ATOMIC(uint64_t) stolen, forks_stolen, forks_exported, sleeps, wakes;
    MO_ATOMIC(uint64_t) timers_fired, switches, stacks_made, stacks_reused;
    MO_ATOMIC(uint64_t) stacks_cleaned;
    MO_ATOMIC(uint64_t) blocking_calls, sent, received, dropped;
    MO_ATOMIC(uint64_t) deadlines_missed;
    MO_ATOMIC(uint64_t) stolen_on_node, stolen_next, stolen_far;
    MO_ATOMIC(uint64_t) sent_home, stacks_sent;
    MO_ATOMIC(uint64_t) io_calls, attended;
};

struct mo_site_counters {           /* likewise */
    MO_ATOMIC(uint64_t) spawned;
    MO_ATOMIC(uint64_t) adopted;    /* it, or a fork of it, got a stack */
};

/* The scheduler plugin, as this worker calls it. */
struct mo_queue_ops {
    void *state;                    /* the plugin's */
    void *worker;                   /* its part of this worker */
    void (*push)(void *state, void *worker, struct moirai_task *task);
    struct moirai_task *(*pop)(void *state, void *worker);
    struct moirai_task *(*pop_oldest)(void *state, void *worker);
    struct moirai_sched_local *local;   /* to take from; NULL: it has none */
    struct moirai_sched_local *onto;    /* to push to; NULL: it has none, or
                                         * what was woken may have to go home */
    bool alone;                     /* there are no other workers to wake */
    struct moirai_deque *deque;     /* for others to look at; or NULL */
};

/* How a worker is stuck in a task; see monitor.c. */
enum mo_stuck {
    MO_STUCK_NOT,
    MO_STUCK_BUSY,                  /* it computes, and nobody waits for it */
    MO_STUCK_BLOCKED,
    MO_STUCK_COMPUTES,
    MO_STUCK_KINDS
};

struct mo_worker {
    struct moirai_worker hot;       /* first: inline paths point here */
    struct moirai_runtime *runtime;
    struct mo_fiber *fiber;         /* running now */
    struct moirai_task *task;       /* running now; NULL in the loop */
    struct mo_fiber *loop;          /* where the loop is, or was left */
    struct mo_fiber *spare;         /* where it goes on if a task keeps that */
    void (*after)(void *arg);       /* to be called on arrival elsewhere */
    void *after_arg;
    struct moirai_task *given;      /* the loop is to run this one next */
    struct moirai_deque *solo;      /* its scheduler's, if nobody else takes
                                     * from it, and nobody watches: neither
                                     * traces nor sanitizers; or NULL */

    /* What is owed to a scope's count, and spawns that need no other; see
     * scope.h. */
    MO_ATOMIC(struct moirai_site *) ticket; /* spawns there are counted by */
    MO_ATOMIC(uint32_t) next_id;    /* this alone, up to */
    uint32_t ticket_end;
    uint32_t id_step;
    MO_ATOMIC(uint32_t) id_mark;    /* next_id when they were counted last */
    MO_ATOMIC(uint32_t) counting;   /* odd while that is changed; see scope.h */
    struct moirai_scope *owed_scope;    /* counted this many tasks too many */
    int64_t owed;                       /* then: ended, or not spawned yet */
    uint64_t ended_mark;            /* count.finished then */
    uint64_t ended_end;             /* when that is enough */

    MO_ATOMIC(uint32_t) quick;      /* turns for which nobody need be asked */
    MO_ATOMIC(uint32_t) turns;      /* taken so far, and those */
    uint32_t turns_left;            /* after those, before housekeeping */
    MO_ATOMIC(uint32_t) inside;     /* it holds a channel that it owns, or is
                                     * on its way from there to the next task */
    MO_ATOMIC(uint32_t) frozen;     /* threads that must not find it so; see
                                     * mo_wait_freeze */
    uint64_t *trace;                /* ring of events; NULL: off */
    bool noted;                     /* tasks are limited, traced, or watched
                                     * by TSan: no short cuts */
    struct mo_queue_ops queue;
    struct mo_site_counters *sites; /* MO_SITES of them */
    struct mo_depth *depths;        /* how deep tasks go; NULL: not asked */
    struct mo_site_counters *ticket_count;  /* of that site */
    int *errno_at;                  /* the thread's errno, and what libstdc++ */
    void **cxx_at;                  /* keeps for it; NULL: is not there */
    struct mo_counters count;
    struct mo_magazine tasks;

    int64_t clock_ns;               /* when it last looked at the clock */
    uint32_t turns_given;           /* turns_left after the last one */
    uint32_t watched, watched_turn; /* another worker, and its turns then */
    uint32_t fork_split;            /* slots below it were made public */
    uint64_t random;
    struct mo_observed observed;    /* while it searches */
    struct mo_theft theft;
    uint64_t contended;             /* waits of its tasks for mutexes */
    struct mo_near *near;           /* its node; NULL: they are all the same */
    uint32_t node;
    uint32_t gave;                  /* the worker it took something from last */
    const uint32_t *rings;          /* others, by how near they are; NULL: all
                                     * are the same; constant, as is */
    const uint32_t *ring_ends;      /* of each ring in there; and */
    uint32_t *own_rings;            /* the memory of both, if it has its own */
    int64_t forked_ns;              /* when it last found something, if that
                                     * was a fork; 0: it was none */
    struct mo_worker *robbed;       /* whose fork it took last, or NULL */
    uint32_t probes;                /* parts of loops; see loop.c */
    bool searching;                 /* counted in idle.searchers */
    bool inbox_first;               /* may it be looked into before the rest */
    bool attends;                   /* to those who wait: see attend.c */
    struct mo_attend *attend;       /* the runtime's; constant; NULL: none */
    uint32_t due_row;               /* due tasks it took in a row */
    int64_t looked_ns;              /* clock_ns when it looked for some */
    bool starved;                   /* there was no stack for its last task */
    bool asking;                    /* it is in the I/O backend; meanwhile what
                                     * becomes ready is gathered: */
    bool by_io;                     /* so it got the last of what it has */
    struct moirai_task *told, *told_last;
    uint32_t heard;                 /* its turns, when all that was to run */
    void *ring;                     /* its part of the backend */
    uint64_t trace_at, trace_mask;
    struct mo_magazine handles;
    struct mo_fiber *pool[MOIRAI_STACK_CLASSES];
    struct mo_fiber *batch[MOIRAI_STACK_CLASSES];   /* a full pool, or NULL */
    uint32_t pooled[MOIRAI_STACK_CLASSES];  /* in the pool */
    uint32_t batched[MOIRAI_STACK_CLASSES]; /* in the batch */
    uint32_t asked_for[MOIRAI_STACK_CLASSES];   /* of the plugin, last time */
    uintptr_t *slots;               /* those of its split queue; constant, as */
    struct mo_forks *forks;         /* is the queue */
    struct mo_fiber native;         /* the thread's own stack */
    struct mo_thread thread;
    size_t guard_size;              /* the least of its first stacks */
    size_t deep_guard;              /* of the deep one of them */
    struct mo_signal_stack signal_stack;    /* its thread's */

    /* What other threads touch. */
    _Alignas(MO_CACHE_LINE) struct mo_timers timers;
    struct mo_lock inbox_lock;      /* guards the list of pinned tasks */
    MO_ATOMIC(struct moirai_task *) inbox;  /* newest last */
    struct moirai_task *inbox_last;
    MO_ATOMIC(uint32_t) asked;      /* by a dump, what it is doing */
    struct mo_parker parker;
    struct mo_worker *idle_next;    /* guarded by the idle lock, as is */
    MO_ATOMIC(bool) idle;
    struct mo_worker *bench_next;   /* guarded by the staff's lock, as is */
    MO_ATOMIC(bool) benched;
    MO_ATOMIC(uint32_t) stuck;      /* enum mo_stuck, by the monitor, and */
    MO_ATOMIC(int64_t) stuck_since; /* since when */
    MO_ATOMIC(uint32_t) sits_on_node, sits_at;  /* for dumps; follow.c */
};

struct mo_attend;
struct mo_embed;
struct mo_pool;

struct moirai_runtime {
    struct mo_setup *setup;
    struct mo_runtime_options options;
    struct mo_os *os;
    struct moirai_host host;
    const struct moirai_sched_ops *sched;
    void *sched_state;
    const struct moirai_stack_ops *stack;
    void *stack_state;
    bool ordered;                   /* the scheduler's flag */
    int trace_fd;                   /* for each event as it happens; -1 */
    MO_ATOMIC(uint32_t) trace_broken;   /* it was said that some are missing */
    MO_ATOMIC(uint32_t) worker_count;   /* places looked at */
    struct mo_near *near;           /* by node; see near.c; NULL: one node */
    uint32_t *node_of;              /* by worker; constant */
    struct mo_seats seats;          /* what its workers are held to */
    struct mo_attend *attend;       /* NULL: who wakes goes behind others */
    bool biased;                    /* its workers may own channels */
    bool owning;                    /* and it has one only */
    struct mo_worker **workers;
    struct mo_slab tasks, handles;
    struct mo_roster roster;        /* of all fibers */
    struct moirai_scope root;
    struct mo_pool *pool;
    struct mo_io io;
    struct mo_embed *embed;         /* NULL: it has threads; constant */
    struct mo_names *names;         /* channels by name */
    struct moirai_runtime *next;    /* every runtime of the process */
    uint32_t dead;                  /* we are a forked child */
    bool stopping;                  /* the root scope was let go */
    size_t guard_size;              /* of every stack; constant, as is */
    size_t deep_guard;              /* of deep ones; no less */
    size_t stack_sizes[MOIRAI_STACK_CLASSES];   /* constant; 0: none */
    struct mo_signal_stack signal_stack;    /* of who plays a simulation */
    char *advice[MOIRAI_STACK_CLASSES];     /* how to get larger stacks */
    int dump_signal;                /* 0: none; constant, as is */
    enum mo_overflow on_overflow;
    struct mo_inject inject;        /* of who plays a simulation */

    _Alignas(MO_CACHE_LINE) struct mo_idle idle;
    _Alignas(MO_CACHE_LINE) struct mo_staff staff;
    _Alignas(MO_CACHE_LINE) struct mo_monitor monitor;
    _Alignas(MO_CACHE_LINE) MO_ATOMIC(uint32_t) exiting;
    MO_ATOMIC(uint32_t) outside_id; /* ids of tasks spawned by threads */
    MO_ATOMIC(uint32_t) visitors;   /* other threads making tasks ready, or
                                     * freezing the worker: the task may
                                     * end, and the runtime be stopped, before
                                     * they are out again */
    MO_ATOMIC(int64_t) admitted;    /* live tasks, if there is a limit */
    MO_ATOMIC(uint32_t) starving;   /* workers that are `starved`: meanwhile
                                     * nobody keeps stacks in reserve */
    MO_ATOMIC(uint32_t) starved_before; /* it was said that one is */
    struct mo_lock outside_lock;    /* guards the counters below */
    struct mo_counters outside;     /* of plain threads, as are */
    struct mo_site_counters *outside_sites;     /* MO_SITES of them */
};

/* The worker this thread runs; NULL on a plain thread. */
static inline struct mo_worker *mo_self(void)
{
    struct moirai_worker *self = moirai_self();

    return self != mo_outside ? (struct mo_worker *)self : NULL;
}

/* The same where it is known that there is one, or for who asks for its task
 * next: outside there is none. */
static inline struct mo_worker *mo_here(void)
{
    return (struct mo_worker *)moirai_self();
}

_Static_assert(offsetof(struct mo_worker, task) + sizeof(void *)
               <= sizeof mo_outside
               && offsetof(struct mo_worker, solo) + sizeof(void *)
               <= sizeof mo_outside
               && offsetof(struct mo_worker, ticket) + sizeof(void *)
               <= sizeof mo_outside, "outside, these are NULL");

/* Is this a task (or loop) of that runtime? */
static inline struct mo_worker *mo_self_in(const struct moirai_runtime *rt)
{
    struct mo_worker *w = mo_here();    /* outside, there is none */

    return w->runtime == rt ? w : NULL;
}

static inline int64_t mo_runtime_now(const struct moirai_runtime *rt)
{
    return rt->os->now(rt->os);
}

/* xorshift64*: where to steal first, and the like. */
static inline uint32_t mo_worker_random(struct mo_worker *w, uint32_t n)
{
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return (uint32_t)((((w->random * UINT64_C(0x2545f4914f6cdd1d)) >> 32) * n)
                      >> 32);
}

/* Is there room in the owner's deque, for certain? */
static inline bool mo_deque_has_room(const struct moirai_deque *deque)
{
    int64_t b = MOIRAI_DEQUE_LOAD(&deque->bottom, RELAXED);
    struct moirai_deque_array *a = MOIRAI_DEQUE_LOAD(&deque->array, RELAXED);

    return __builtin_expect(b - deque->top_seen <= a->mask, 1);
}

/* moirai_deque_push where there is. */
static inline void mo_deque_add(struct moirai_deque *deque,
                                struct moirai_task *task)
{
    int64_t b = MOIRAI_DEQUE_LOAD(&deque->bottom, RELAXED);
    struct moirai_deque_array *a = MOIRAI_DEQUE_LOAD(&deque->array, RELAXED);

    MOIRAI_DEQUE_STORE(moirai_deque_at(a, b), task, RELAXED);
    MOIRAI_DEQUE_STORE(&deque->bottom, b + 1, RELEASE);
}

/* Both, with each word read once; false: there was none. */
static inline bool mo_deque_put(struct moirai_deque *deque,
                                struct moirai_task *task)
{
    int64_t b = MOIRAI_DEQUE_LOAD(&deque->bottom, RELAXED);
    struct moirai_deque_array *a = MOIRAI_DEQUE_LOAD(&deque->array, RELAXED);

    if (__builtin_expect(b - deque->top_seen > a->mask, 0))
        return false;
    MOIRAI_DEQUE_STORE(moirai_deque_at(a, b), task, RELAXED);
    MOIRAI_DEQUE_STORE(&deque->bottom, b + 1, RELEASE);
    return true;
}

/* Makes a task ready: gives it to the scheduler, or to the inbox of the one
 * worker that may run it, and sees to it that somebody is awake. */
void mo_worker_ready(struct moirai_runtime *rt, struct moirai_task *task);

/* The same by `w`, for a task that any worker may run. */
static inline __attribute__((always_inline))
void mo_worker_push(struct mo_worker *w, struct moirai_task *task)
{
    struct moirai_sched_local *local = w->queue.onto;

    if (__builtin_expect(local == NULL
                         || !moirai_deque_push(&local->deque, task), 0))
        w->queue.push(w->queue.state, w->queue.worker, task);
    if (!w->queue.alone)
        mo_idle_notify(w->runtime);
}

/* What the scheduler says that `w`, which has taken a turn, should run next, or
 * NULL. */
static inline __attribute__((always_inline))
struct moirai_task *mo_worker_pop(struct mo_worker *w)
{
    struct moirai_sched_local *local = w->queue.local;
    struct moirai_task *task = NULL;

    if (local != NULL)
        task = local->alone ? moirai_deque_take_alone(&local->deque)
                            : moirai_deque_take(&local->deque);
    if (__builtin_expect(task == NULL, 0))
        return w->queue.pop(w->queue.state, w->queue.worker);
    return task;
}

/* Many tasks that take turns are each cold when theirs comes. So what the
 * oldest ones need is fetched ahead: the task, then its fiber, then the top of
 * its stack. Only where nobody else takes from the deque, as what a thief took
 * may be gone. */
static inline void mo_fetch_coming(const struct mo_solo *seen)
{
    struct moirai_deque_array *a = seen->array;
    int64_t top = seen->top;
    struct mo_fiber *fiber;

    if (seen->bottom - top <= MO_FETCH_TASK)
        return;
    moirai_deque_prefetch(a, top + MO_FETCH_TASK);
    fiber = moirai_deque_peek(a, top + MO_FETCH_FIBER)->fiber;
    if (fiber != NULL)
        __builtin_prefetch(fiber, 1);
    fiber = moirai_deque_peek(a, top + MO_FETCH_STACK)->fiber;
    if (fiber != NULL) {
        __builtin_prefetch(fiber->sp, 1);
        __builtin_prefetch((char *)fiber->sp + 64, 1);
        __builtin_prefetch((char *)fiber->sp + 128, 1);
    }
}

/* The same when a task gives up its turn: before the next one is taken. */
static inline struct moirai_task *mo_worker_pop_oldest(struct mo_worker *w)
{
    struct moirai_sched_local *local = w->queue.local;
    struct moirai_task *task = NULL;

    if (local != NULL && mo_load_relaxed(&w->quick) != 0) {
        if (local->alone) {
            struct mo_solo seen;

            task = moirai_deque_take_oldest_alone(&local->deque);
            seen = mo_solo_look(&local->deque);
            mo_fetch_coming(&seen);
        } else {
            task = moirai_deque_take_oldest(&local->deque);
        }
    }
    if (__builtin_expect(task == NULL, 0))
        return w->queue.pop_oldest(w->queue.state, w->queue.worker);
    return task;
}

/* The oldest task that only `w` may run; NULL: there is none. By `w`. */
struct moirai_task *mo_worker_take_inbox(struct mo_worker *w);

/* Ends the running task without returning through its frames. */
_Noreturn void mo_worker_abandon(struct mo_worker *w);

/* Is there anything that this worker could run? Asked before it sleeps. */
bool mo_worker_sees_work(struct mo_worker *w);

/* Gets the stack that the loop begins on, and one of a task's. 0 or -ENOMEM. */
int mo_worker_prepare(struct mo_worker *w);

/* Of libstdc++, if it is there. */
void *__cxa_get_globals(void) __attribute__((weak));

/* What a worker thread does from start to exit; its beginning, and its end once
 * the loop has ended. */
void mo_worker_main(void *worker);
void mo_worker_begin(struct mo_worker *w);
void mo_worker_end(struct mo_worker *w);

#endif
