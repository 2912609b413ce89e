/* SPDX-License-Identifier: MIT */
/*
 * leave.h - from one stack to the next: what every switch does.
 *
 * All of it is inline, so that a wait is one function from the call to the
 * switch: each return behind a switch goes where the processor does not expect
 * it, unless the stack before was left from the same place.
 *
 * Whoever switches leaves word in `w->after`, which is called on arrival: that
 * is how a stack is given back, or a wait committed, from another stack.
 *
 * After every switch the worker may be another one: nothing read before it is
 * used after it.
 */
#ifndef MO_LEAVE_H
#define MO_LEAVE_H

#include <errno.h>

#include "arch/switch.h"
#include "fault.h"
#include "fiber.h"
#include "frame.h"
#include "os/sim.h"
#include "scope.h"
#include "task.h"
#include "timer.h"
#include "trace.h"
#include "wait.h"
#include "worker.h"

/* Out of the way of who is not watched by a sanitizer. */
static __attribute__((unused)) MO_APART
void mo_arrive_watched(struct mo_fiber *fiber)
{
    mo_sanitize_arrive(&fiber->sanitize);
    mo_sim_moved(&fiber->sanitize);
}

static __attribute__((unused)) MO_APART
void mo_leave_watched(struct mo_fiber *from, struct mo_fiber *to, bool dying)
{
    mo_sanitize_leave(&from->sanitize, &to->sanitize, dying);
}

/* First thing on any stack that was switched to. */
static inline void mo_arrive(void)
{
    struct mo_worker *w = mo_here();
    void (*after)(void *) = w->after;

    if (__builtin_expect(mo_watched(), 0))
        mo_arrive_watched(w->fiber);
    if (after != NULL) {
        w->after = NULL;
        after(w->after_arg);
        w = mo_here();
    }
    if (__builtin_expect(mo_load_relaxed(&w->inside) != 0, 0))
        mo_store(&w->inside, 0);    /* pairs with the loads of who waits for
                                     * that: see mo_solo_leave */
}

static inline void mo_go(struct mo_worker *w, struct mo_fiber *to, bool dying)
{
    struct mo_fiber *from = w->fiber;

    w->fiber = to;
    mo_count(&w->count.switches, 1);
    if (__builtin_expect(mo_watched(), 0))
        mo_leave_watched(from, to, dying);
    mo_switch_here(&from->sp, to->sp);
    mo_arrive();
}

/* Where inline forks may go on the stack that is about to run, whose queue is
 * empty. On a small stack, and under an ordered scheduler, each takes the slow
 * path, as if there was no room. */
static inline void mo_limit_forks(struct mo_worker *w,
                                  const struct mo_fiber *to)
{
    bool fast = to->deep && !w->runtime->ordered && !mo_race_on();

    w->hot.fork_base = fast ? w->slots : w->slots + MO_FORK_SLOTS;
    w->hot.fork_top = w->hot.fork_base;
    mo_store_relaxed(&w->slots[0], 0);  /* for mo_frame_note; it is empty */
}

/* The task that is about to run is this worker's current one. */
static inline void mo_take_up(struct mo_worker *w, struct moirai_task *task)
{
    if (__builtin_expect(task->scope != w->owed_scope
                         && w->owed_scope != NULL, 0))
        mo_scope_settle(w);
    w->task = task;
}

/* What forks may do there has been seen to. */
static inline void mo_resume(struct mo_worker *w, struct moirai_task *task)
{
    struct mo_fiber *to = task->fiber;

    mo_take_up(w, task);
    mo_trace(w, MO_TRACE_RESUME, task->id, 0);
    mo_go(w, to, false);
}

/* Is it time for the loop to look around? */
static inline bool mo_look_is_due(struct mo_worker *w)
{
    return mo_load_relaxed(&w->quick) == 0
        || mo_load_relaxed(&w->inbox) != NULL;
}

static inline void mo_take_turn(struct mo_worker *w)
{
    mo_store_relaxed(&w->quick, mo_load_relaxed(&w->quick) - 1);
}

/* Leaves the running fiber, which is its task's, for `task` (NULL: whatever
 * the scheduler says: now if `ask`, or else after after(arg)), and returns when
 * the task that left is resumed, perhaps by another worker. after(arg) is
 * called from the next stack. */
static inline void mo_worker_leave(struct mo_worker *w,
                                   struct moirai_task *task, bool ask,
                                   void (*after)(void *), void *arg)
{
    bool at_once = (ask || task != NULL) && !mo_look_is_due(w);

    if (w->fiber == w->loop) {
        w->loop = w->spare;
        w->spare = NULL;
    }
    w->after = after;
    w->after_arg = arg;
    if (__builtin_expect(at_once, 1)) {
        mo_take_turn(w);
        if (task == NULL)
            task = mo_worker_pop(w);
        if (task != NULL && task->fiber != NULL) {
            const struct mo_fiber *to = task->fiber;

            if (__builtin_expect(w->fiber->deep != to->deep, 0))
                mo_limit_forks(w, to);
            mo_resume(w, task);
            return;
        }
    }
    w->given = task;
    w->task = NULL;
    mo_go(w, w->loop, false);
}

/* Where contexts are threads, each has its errno and exceptions. */
#ifdef MO_SWITCH_THREADS
#define MO_SWITCH_KEEPS_LOCALS true
#else
#define MO_SWITCH_KEEPS_LOCALS false
#endif

/* libstdc++'s count of uncaught exceptions and stack of caught ones are the
 * thread's; a task that waits inside a handler takes its own along. */
static inline void mo_swap_exceptions(struct mo_worker *w,
                                      struct mo_fiber *fiber)
{
    void **globals = w->cxx_at;

    if (globals == NULL)
        return;
    for (int i = 0; i < MO_CXX_GLOBALS; i++) {
        void *mine = globals[i];

        globals[i] = fiber->cxx[i];
        fiber->cxx[i] = mine;
    }
}

/* errno is the thread's, and in turn that of each stack which runs on it: in an
 * order that TSan is not told of. */
#if defined(MO_SANITIZE_THREAD)
static __attribute__((no_sanitize("thread"), noinline, unused))
#else
static inline
#endif
void mo_copy_unseen(int *to, const int *from)
{
    *to = *from;
}

/* What is the thread's and goes with the task. errno's address is the
 * worker's to know: compilers keep one that they found before a switch. */
static inline void mo_take_along(struct mo_worker *w, struct mo_fiber *fiber)
{
    if (MO_SWITCH_KEEPS_LOCALS)
        return;
    mo_copy_unseen(&fiber->saved_errno, w->errno_at);
    mo_swap_exceptions(w, fiber);
}

static inline void mo_put_down(struct mo_worker *w, struct mo_fiber *fiber)
{
    if (MO_SWITCH_KEEPS_LOCALS)
        return;
    mo_swap_exceptions(w, fiber);
    mo_copy_unseen(w->errno_at, &fiber->saved_errno);
}

/* The task waits for the first time since it got this stack. */
static MO_APART void mo_first_wait(struct mo_worker *w,
                                   struct mo_fiber *fiber,
                                   enum mo_wait_kind kind)
{
    if (fiber->task == NULL)
        mo_task_adopt(w, fiber, w->task);
    mo_task_waits(fiber, kind);
}

/* The part of a wait that yielding shares: saves what is the task's, makes its
 * forks ordinary tasks, leaves for `next` (NULL: any, see mo_worker_leave),
 * calls after(arg) from there, and restores. */
static inline void mo_wait_leave(struct mo_worker *w, enum mo_wait_kind kind,
                                 struct moirai_task *next, bool ask,
                                 void (*after)(void *), void *arg)
{
    struct mo_fiber *fiber = w->fiber;

    if (__builtin_expect((char *)__builtin_frame_address(0)
                         < fiber->base && !fiber->overflown, 0))
        mo_fault_jumped(w);
    mo_take_along(w, fiber);
    if (__builtin_expect(mo_frame_pending(w), 0)) {
        mo_frame_note(w);
        mo_frame_export(w);
        mo_limit_forks(w, fiber);
    }
    if (__builtin_expect(!fiber->waited, 0))
        mo_first_wait(w, fiber, kind);
    if (kind > MO_WAIT_FRAME && mo_fiber_is_soiled(fiber))
        mo_fiber_clean_after(fiber, &after, &arg);  /* others are short */
    mo_trace(w, MO_TRACE_PARK, fiber->task->id, kind);
    mo_worker_leave(w, next, ask, after, arg);
    mo_put_down(mo_here(), fiber);
}

/* Can the only worker leave the running task, whose fiber this is, for `next`
 * by nothing but a switch? (NULL: no.) That is the usual case: it has waited
 * before, it has not forked since, and nothing else is due. */
static inline bool mo_solo_can_leave(struct mo_worker *w,
                                     const struct mo_fiber *fiber,
                                     const struct moirai_task *next)
{
    return next != NULL && next->fiber != NULL
        && (next->scope == w->owed_scope || w->owed_scope == NULL)
        && fiber->waited && !mo_frame_pending(w) && !mo_look_is_due(w)
        && (char *)__builtin_frame_address(0) >= fiber->base;
}

/* Does it. As nobody else could resume the task, there is nothing to be done
 * from the next stack. But if others must not take it for parked as long as it
 * is not, the worker is inside, until it has arrived. */
static inline __attribute__((always_inline))
void mo_solo_leave(struct mo_worker *w, struct mo_fiber *fiber,
                   struct moirai_task *next)
{
    struct mo_fiber *to = next->fiber;
    void (*after)(void *);

    mo_take_turn(w);
    mo_take_along(w, fiber);
    if (__builtin_expect(to->deep != fiber->deep, 0))
        mo_limit_forks(w, to);
    mo_count(&w->count.switches, 1);
    w->task = next;
    w->fiber = to;
    mo_switch_here(&fiber->sp, to->sp);
    w = mo_here();
    after = w->after;
    if (__builtin_expect(after != NULL, 0)) {
        w->after = NULL;
        after(w->after_arg);
        w = mo_here();
    }
    mo_store(&w->inside, 0);        /* as in mo_arrive */
    mo_put_down(w, fiber);
}

/* The ways to commit a wait; see wait.c. */
void mo_commit_locked(void *waiter);
void mo_commit_timed(void *waiter);
void mo_commit_select(void *waiter);
void mo_commit_published(void *waiter);

/* A task may have a deadline of its own, for everything it waits for that it
 * can give up. */
int64_t mo_wait_sooner(const struct moirai_task *task,
                       const struct mo_wait *how);

static inline void mo_wait_describe(const struct mo_wait *how)
{
    struct mo_waiter *waiter = how->waiter;

    mo_store_relaxed(&waiter->kind, how->kind);
    waiter->masked = how->masked;
    waiter->object = how->object;
    waiter->lock = how->lock;
    waiter->publish = how->publish;
    waiter->deadline_ns = how->deadline_ns;
}

static inline void (*mo_commit_of(const struct mo_wait *how,
                                  int64_t deadline_ns))(void *)
{
    if (how->publish != NULL)
        return mo_commit_published;
    if (how->kind == MO_WAIT_SELECT)
        return mo_commit_select;
    if (deadline_ns == MOIRAI_NEVER && how->lock != NULL)
        return mo_commit_locked;
    return mo_commit_timed;
}

/* mo_wait for a task. */
static inline __attribute__((always_inline))
int mo_wait_task(const struct mo_wait *how)
{
    struct mo_waiter *waiter = how->waiter;
    struct mo_worker *w = mo_here();
    int64_t deadline = how->deadline_ns;

    mo_wait_describe(how);
    waiter->since_ns = w->clock_ns;
    if (__builtin_expect(w->task->handle != NULL, 0))
        waiter->deadline_ns = deadline = mo_wait_sooner(w->task, how);
    mo_count(&w->count.parked, 1);
    mo_wait_leave(w, how->kind, NULL, true, mo_commit_of(how, deadline),
                  waiter);
    /* Not armed any more: pairs with the last store in timer.c's take_out. */
    if (__builtin_expect(mo_load(&waiter->timer.place) != NULL, 0))
        mo_timer_disarm(&waiter->timer);
    mo_store_relaxed(&waiter->kind, MO_WAIT_NONE);
    mo_store_relaxed(&waiter->claim, MO_CLAIM_IDLE);
    mo_race_acquire_last(waiter);
    if (__builtin_expect(waiter->result == -ECANCELED, 0))
        mo_task_saw_cancel(waiter->fiber->task);
    return waiter->result;
}

#endif
