/* SPDX-License-Identifier: MIT */
/*
 * worker.c - the loop: take a task, run it, go on somewhere else if it waits.
 *
 * Which stack is what. `w->fiber` is the stack the worker is on. `w->loop` is
 * where its loop lives; the loop keeps nothing there between two tasks. A
 * fresh task is called by the loop, on the loop's own stack. If it waits, that
 * stack becomes the task's, and the loop goes on on `w->spare`; when such a
 * task later returns into the loop frame beneath it, the worker it is on by
 * then has its loop elsewhere, so the stack is given back and control goes
 * there. A task that starts on a stack of its own is switched to, and switches
 * back to `w->loop` when it ends. A task that waits goes straight to the next
 * task where it can, without passing the loop.
 *
 * Whoever switches leaves word in `w->after`, which is called on arrival: that
 * is how a stack is given back, or a wait committed, from another stack.
 *
 * After every switch the worker may be another one: nothing read before it is
 * used after it. Functions that switch re-read mo_self().
 *
 * A fresh task is only called while there is a spare, so that it can always
 * wait; if no stack can be had, the loop waits a little and tries again.
 */
#include "worker.h"

#include <errno.h>

#include "arch/switch.h"
#include "fault.h"
#include "fiber.h"
#include "frame.h"
#include "idle.h"
#include "log.h"
#include "os/sim.h"
#include "runtime.h"
#include "scope.h"
#include "task.h"
#include "trace.h"

#define NO_STACK_NS (1 * MOIRAI_MS) /* until another try */
#define TURNS 16                    /* tasks run between two housekeepings */

/* Out of the way of who is not watched by a sanitizer. */
static MO_APART void tell_arrival(struct mo_fiber *fiber)
{
    mo_sanitize_arrive(&fiber->sanitize);
    mo_sim_moved(&fiber->sanitize);
}

static MO_APART void tell_leaving(struct mo_fiber *from, struct mo_fiber *to,
                                  bool dying)
{
    mo_sanitize_leave(&from->sanitize, &to->sanitize, dying);
}

/* First thing on any stack that was switched to. */
static inline void arrive(void)
{
    struct mo_worker *w = mo_here();
    void (*after)(void *) = w->after;

    if (__builtin_expect(mo_watched(), 0))
        tell_arrival(w->fiber);
    if (after != NULL) {
        w->after = NULL;
        after(w->after_arg);
    }
}

static void go(struct mo_worker *w, struct mo_fiber *to, bool dying)
{
    struct mo_fiber *from = w->fiber;

    w->fiber = to;
    mo_count(&w->count.switches, 1);
    if (__builtin_expect(mo_watched(), 0))
        tell_leaving(from, to, dying);
    mo_switch(&from->sp, to->sp);
    arrive();
}

static void put_back(void *fiber)
{
    mo_fiber_put(mo_here(), fiber);
}

/* Leaves the running stack for the loop's, and gives it back from there. */
static _Noreturn void retire(struct mo_worker *w)
{
    mo_race_release(w->fiber->stack.base);  /* who runs here next is later */
    w->after = put_back;
    w->after_arg = w->fiber;
    w->task = NULL;
    go(w, w->loop, true);
    __builtin_unreachable();
}

/* How far inline forks may go on the stack that is about to run. On a small
 * stack, and under an ordered scheduler, the first fork takes the slow path. */
static void limit_forks(struct mo_worker *w, const struct mo_fiber *to)
{
    bool fast = !w->runtime->ordered && !mo_race_on()
             && to->stack.stack_class == MOIRAI_STACK_LOOP;

    w->hot.fork_end = fast ? w->slots + MO_FORK_SLOTS : w->hot.fork_base;
    mo_store_relaxed(&w->slots[0], 0);  /* for mo_frame_note; it is empty */
}

/* The task that is about to run is this worker's current one. */
static void take_up(struct mo_worker *w, struct moirai_task *task)
{
    if (task->scope != w->done_scope && w->done_count != 0)
        mo_scope_settle(w);
    w->task = task;
}

static void resume(struct mo_worker *w, struct moirai_task *task)
{
    struct mo_fiber *to = task->fiber;

    take_up(w, task);
    limit_forks(w, to);
    mo_trace(w, MO_TRACE_RESUME, task->id, 0);
    go(w, to, false);
}

/* A task's function has returned; it was called on the running stack. */
static void ended(struct moirai_task *task, int rc)
{
    struct mo_worker *w = mo_self();

    if (w == NULL)
        mo_runtime_orphaned();      /* the body forked, and returned twice */
    if (task->kind == MO_TASK_FRAME)
        mo_frame_finish(w, (struct moirai_frame *)task, rc, 0);
    else
        mo_task_finish(w, task, rc);
}

/* Where a task that has a stack of its own from the start begins. */
static void own_entry(void *arg)
{
    struct moirai_task *task;

    (void)arg;
    arrive();
    task = mo_here()->task;
    mo_race_acquire_last(mo_here()->fiber->stack.base);
    mo_race_acquire_last(task);
    ended(task, task->fn(task->arg));
    retire(mo_here());
}

static void start_own(struct mo_worker *w, struct moirai_task *task,
                      struct mo_fiber *fiber)
{
    take_up(w, task);
    mo_task_adopt(w, fiber, task);
    limit_forks(w, fiber);
    mo_trace(w, MO_TRACE_START, task->id, 1);
    go(w, fiber, false);
}

static void start_here(struct mo_worker *w, struct moirai_task *task)
{
    take_up(w, task);
    limit_forks(w, w->fiber);
    mo_trace(w, MO_TRACE_START, task->id, 0);
    mo_race_acquire_last(task);
    ended(task, task->fn(task->arg));
}

static void loop_entry(void *arg);

/* False: not now, there is no stack to go on if it waits. */
static bool run_fresh(struct mo_worker *w, struct moirai_task *task)
{
    if (mo_task_wants_stack(task)) {
        enum moirai_stack_class c = mo_task_class(task);
        struct mo_fiber *fiber = mo_fiber_get(w, c, own_entry);

        if (fiber != NULL) {
            w->starved = false;
            start_own(w, task, fiber);
            return true;
        }
    }
    if (w->spare == NULL) {
        w->spare = mo_fiber_get(w, MOIRAI_STACK_LOOP, loop_entry);
        if (w->spare == NULL)
            return false;
        w->starved = false;
    }
    start_here(w, task);
    return true;
}

/* Tasks that only this worker may run. Oldest first. */
static struct moirai_task *take_inbox(struct mo_worker *w)
{
    struct moirai_task *task;

    if (mo_load_relaxed(&w->inbox) == NULL)
        return NULL;
    mo_lock_take(&w->inbox_lock);
    task = w->inbox;
    if (task != NULL)
        mo_store_relaxed(&w->inbox, task->next);
    mo_lock_drop(&w->inbox_lock);
    return task;
}

static void put_inbox(struct mo_worker *w, struct moirai_task *task)
{
    task->next = NULL;
    mo_lock_take(&w->inbox_lock);
    if (w->inbox == NULL)
        mo_store_relaxed(&w->inbox, task);
    else
        w->inbox_last->next = task;
    w->inbox_last = task;
    mo_lock_drop(&w->inbox_lock);
    mo_idle_notify_one(w);
}

static void run_timers(struct mo_worker *w, struct mo_worker *place)
{
    uint32_t fired;

    if (mo_load_relaxed(&place->timers.earliest) == MOIRAI_NEVER)
        return;
    fired = mo_timers_run(place, mo_runtime_now(w->runtime));
    if (fired != 0)
        mo_count(&w->count.timers_fired, fired);
}

static struct moirai_task *steal_from(struct mo_worker *w,
                                      struct mo_worker *victim)
{
    struct moirai_runtime *rt = w->runtime;
    struct moirai_frame *frame = mo_frame_steal(w, victim);
    struct moirai_task *task;

    if (frame != NULL)
        return &frame->task;
    if (rt->sched->steal == NULL)
        return NULL;
    task = rt->sched->steal(rt->sched_state, w->sched, victim->sched);
    if (task != NULL) {
        mo_count(&w->count.stolen, 1);
        mo_trace(w, MO_TRACE_STEAL, task->id, victim->hot.index);
    }
    return task;
}

/* One look everywhere. */
static struct moirai_task *look_around(struct mo_worker *w)
{
    struct moirai_runtime *rt = w->runtime;
    uint32_t n = rt->worker_count;
    uint32_t first = mo_worker_random(w, n);
    struct moirai_task *task = take_inbox(w);

    for (uint32_t i = 0; i < n; i++)
        run_timers(w, rt->workers[i]);
    if (task == NULL)
        task = rt->sched->pop(rt->sched_state, w->sched);
    for (uint32_t i = 0; task == NULL && i < n; i++) {
        struct mo_worker *victim = rt->workers[(first + i) % n];

        if (victim != w)
            task = steal_from(w, victim);
    }
    return task;
}

/* Spins a little, then sleeps, until there is something. NULL: the runtime
 * exits. */
static struct moirai_task *look_harder(struct mo_worker *w)
{
    struct moirai_runtime *rt = w->runtime;
    bool simulated = rt->os->sim != NULL;
    int64_t until = 0;

    mo_scope_settle(w);
    for (uint32_t round = 0;; round++) {
        struct moirai_task *task = look_around(w);

        if (task != NULL) {
            w->clock_ns = rt->os->coarse(rt->os);
            mo_idle_found(w);
            return task;
        }
        if (mo_load(&rt->exiting) != 0)
            return NULL;
        if (until == 0 && !simulated)
            until = mo_runtime_now(rt) + rt->options.spin;
        if (mo_idle_search(w) && !simulated && mo_runtime_now(rt) < until) {
            mo_relax(round);
            continue;
        }
        mo_idle_sleep(w);
        until = 0;
    }
}

static bool look_is_due(struct mo_worker *w)
{
    return w->turns_left == 0 || mo_load_relaxed(&w->inbox) != NULL;
}

/* A worker that always has work of its own still looks at one other, round and
 * round: runs its timers, and takes from its queue if it has not taken a turn
 * since the last look, since then it is stuck in a long task. */
static struct moirai_task *keep_house(struct mo_worker *w)
{
    struct moirai_runtime *rt = w->runtime;
    struct mo_worker *other = rt->workers[w->watched % rt->worker_count];
    uint32_t turn = mo_load_relaxed(&other->turns);

    w->turns_left = TURNS;
    w->clock_ns = rt->os->coarse(rt->os);
    run_timers(w, w);
    if (other == w || turn != w->watched_turn) {
        other = rt->workers[++w->watched % rt->worker_count];
        w->watched_turn = mo_load_relaxed(&other->turns);
        return NULL;
    }
    run_timers(w, other);
    return steal_from(w, other);
}

/* Whoever ran last may have given the next task; it goes first unless it is
 * time to look around, lest two tasks that give each other their turn keep all
 * others waiting. */
static struct moirai_task *next(struct mo_worker *w)
{
    struct moirai_runtime *rt = w->runtime;
    struct moirai_task *given = w->given;
    struct moirai_task *task = NULL;

    w->given = NULL;
    if (given != NULL && !look_is_due(w))
        return given;
    mo_count(&w->turns, 1);
    if (w->turns_left-- == 0)
        task = keep_house(w);
    w->inbox_first = !w->inbox_first;   /* two pinned tasks that give each */
    if (task == NULL && w->inbox_first) /* other the turn are not all */
        task = take_inbox(w);
    if (given != NULL && task != NULL)
        mo_worker_ready(rt, given);
    else if (given != NULL)
        task = given;
    if (task == NULL)
        task = rt->sched->pop(rt->sched_state, w->sched);
    if (task == NULL)
        task = look_harder(w);          /* the inbox again, to begin with */
    return task;
}

/* The stack plugin has nothing left: lets others end and give some back. Said
 * once, until there is one again. */
static void wait_for_stack(struct mo_worker *w, struct moirai_task *task)
{
    struct moirai_runtime *rt = w->runtime;

    if (!w->starved)
        mo_log(MOIRAI_LOG_WARN, "no stack for task %u: trying again",
               task->id);
    w->starved = true;
    mo_scope_settle(w);
    mo_worker_ready(rt, task);
    mo_park(&w->parker, mo_runtime_now(rt) + NO_STACK_NS);
}

static void loop_entry(void *arg)
{
    (void)arg;
    arrive();
    for (;;) {
        struct mo_worker *w = mo_here();
        struct moirai_task *task;

        if (w->fiber != w->loop)
            retire(w);              /* a task that waited ended on it */
        task = next(w);
        if (task == NULL)
            break;
        if (task->fiber != NULL)
            resume(w, task);
        else if (!run_fresh(w, task))
            wait_for_stack(w, task);
    }
    mo_here()->loop = &mo_here()->native;
    retire(mo_here());
}

void mo_worker_ready(struct moirai_runtime *rt, struct moirai_task *task)
{
    struct mo_worker *w = mo_self_in(rt);
    struct mo_worker *place = mo_task_place(rt, task);

    if (w != NULL)
        mo_trace(w, MO_TRACE_READY, task->id, 0);
    else
        mo_add(&rt->visitors, 1);
    if (place != NULL) {
        put_inbox(place, task);
    } else {
        rt->sched->push(rt->sched_state, w != NULL ? w->sched : NULL, task);
        if (w == NULL || rt->worker_count > 1)
            mo_idle_notify(rt);
    }
    if (w == NULL)
        mo_sub(&rt->visitors, 1);
}

/* May the next task be switched to at once, or should the loop have a look? */
static bool take_turn(struct mo_worker *w)
{
    if (look_is_due(w))
        return false;
    w->turns_left--;
    mo_count(&w->turns, 1);
    return true;
}

void mo_worker_leave(struct mo_worker *w, struct moirai_task *task,
                     void (*after)(void *), void *arg)
{
    struct moirai_runtime *rt = w->runtime;
    bool at_once = take_turn(w);

    if (w->fiber == w->loop) {
        w->loop = w->spare;
        w->spare = NULL;
    }
    w->after = after;
    w->after_arg = arg;
    if (task == NULL && at_once)
        task = rt->sched->pop(rt->sched_state, w->sched);
    if (task != NULL && at_once && task->fiber != NULL) {
        resume(w, task);
        return;
    }
    w->given = task;
    w->task = NULL;
    go(w, w->loop, false);
}

/* A borrowed stack cannot be unwound to the loop beneath it, so it is given
 * back whole and the loop goes on on the spare, which is there as long as the
 * task has not waited. */
_Noreturn void mo_worker_abandon(struct mo_worker *w)
{
    if (w->fiber == w->loop) {
        w->loop = w->spare;
        w->spare = NULL;
    }
    retire(w);
}

bool mo_worker_sees_work(struct mo_worker *w)
{
    struct moirai_runtime *rt = w->runtime;

    if (mo_load(&rt->exiting) != 0 || mo_load(&w->inbox) != NULL)
        return true;
    for (uint32_t i = 0; i < rt->worker_count; i++)
        if (mo_frame_stealable(rt->workers[i]))
            return true;
    return !rt->sched->empty(rt->sched_state, w->sched);
}

int mo_worker_prepare(struct mo_worker *w)
{
    struct mo_fiber *own = mo_fiber_get(w, MOIRAI_STACK_TASK, own_entry);

    if (own == NULL)
        return -ENOMEM;
    w->guard_size = own->stack.guard;
    mo_fiber_put(w, own);           /* the first of its pool */
    w->loop = mo_fiber_get(w, MOIRAI_STACK_LOOP, loop_entry);
    if (w->loop == NULL)
        return -ENOMEM;
    if (w->loop->stack.guard < w->guard_size)
        w->guard_size = w->loop->stack.guard;
    return 0;
}

/* A worker handles its own faults, and lets a dump ask what it is doing. */
static void begin_signals(struct mo_worker *w)
{
    sigset_t set;

    mo_fault_stack_init(&w->signal_stack);
    sigemptyset(&set);
    if (w->runtime->dump_signal != 0)
        sigaddset(&set, w->runtime->dump_signal);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void mo_worker_main(void *arg)
{
    struct mo_worker *w = arg;

    moirai_self_worker = &w->hot;
    mo_sanitize_native(&w->native.sanitize);
    w->fiber = &w->native;
    w->runtime->os->parker_init(w->runtime->os, &w->parker);
    if (w->runtime->os->sim == NULL)
        begin_signals(w);
    go(w, w->loop, false);
    w = mo_here();
    mo_fault_stack_fini(&w->signal_stack);
    if (w->spare != NULL)
        mo_fiber_put(w, w->spare);
    w->spare = NULL;
    moirai_self_worker = &mo_outside;
}
