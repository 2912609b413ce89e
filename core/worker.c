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
 * After every switch the worker may be another one: nothing read before it is
 * used after it. Functions that switch re-read mo_self().
 *
 * A fresh task is only called while there is a spare, so that it can always
 * wait; if no stack can be had, the loop waits a little and tries again.
 */
#include "worker.h"

#include <errno.h>

#include "attend.h"
#include "depth.h"
#include "embed.h"
#include "fault.h"
#include "fiber.h"
#include "frame.h"
#include "leave.h"
#include "log.h"
#include "near.h"
#include "runtime.h"
#include "scope.h"
#include "search.h"
#include "staff.h"
#include "task.h"
#include "trace.h"

#define NO_STACK_NS (1 * MOIRAI_MS) /* until another try */
#define LOOK_EVERY (50 * MOIRAI_US) /* between two housekeepings; and so many */
#define MOST_TURNS 64               /* tasks run meanwhile at most; this many */
#define TIMELESS_TURNS 16           /* where there is no such time */

static void put_back(void *fiber)
{
    mo_fiber_put(mo_here(), fiber);
}

/* Leaves the running stack for the loop's, and gives it back from there. */
static MO_APART _Noreturn void retire(struct mo_worker *w)
{
    mo_race_release(w->fiber->stack.base);  /* who runs here next is later */
    w->after = put_back;
    w->after_arg = w->fiber;
    w->task = NULL;
    mo_go(w, w->loop, true);
    __builtin_unreachable();
}

/* A task's function has returned; it was called on the running stack. */
static MO_APART void ended(struct moirai_task *task, int rc)
{
    struct mo_worker *w = mo_here();

    if (__builtin_expect(w->task != task, 0))
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
    mo_arrive();
    task = mo_here()->task;
    mo_race_acquire_last(mo_here()->fiber->stack.base);
    mo_race_acquire_last(task);
    ended(task, task->fn(task->arg));
    retire(mo_here());
}

static void start_own(struct mo_worker *w, struct moirai_task *task,
                      struct mo_fiber *fiber)
{
    mo_take_up(w, task);
    mo_task_adopt(w, fiber, task);
    if (w->depths != NULL)
        mo_depth_start(w, fiber, task->site);
    mo_limit_forks(w, fiber);
    mo_trace(w, MO_TRACE_START, task->id, 1);
    mo_go(w, fiber, false);
}

static MO_COLD void start_noted(struct mo_worker *w, struct moirai_task *task)
{
    struct mo_fiber *measured = NULL;

    mo_take_up(w, task);
    mo_trace(w, MO_TRACE_START, task->id, 0);
    mo_race_acquire_last(task);
    if (w->depths != NULL)
        measured = mo_depth_start_here(w, task->site);
    ended(task, task->fn(task->arg));
    if (measured != NULL)
        mo_depth_end_here(measured);
}

/* Most tasks are spawned by nobody who wants to hear of their end, where few
 * wait, */
static inline bool is_plain(const struct mo_worker *w,
                            const struct moirai_task *task)
{
    return task->fiber == NULL && (task->flags | task->kind) == MO_TASK_PLAIN
        && mo_load_relaxed(&task->site->own_stack) != MO_SITE_WAITS
        && w->spare != NULL;
}

/* and leave nothing behind: then true, and it is still this worker. */
static inline bool run_plain(struct mo_worker *w, struct moirai_task *task)
{
    int rc;

    mo_take_up(w, task);
    rc = task->fn(task->arg);
    w = mo_here();
    if (__builtin_expect(w->task != task || rc < 0
                         || !mo_task_is_clean(w, task), 0)) {
        ended(task, rc);
        return false;
    }
    mo_task_free(w, task, task->scope);
    return true;
}

static void loop_entry(void *arg);

/* The loop is on its stack (again), where it calls fresh tasks. */
static void settle_in(void)
{
    struct mo_worker *w = mo_here();

    mo_limit_forks(w, w->fiber);
}

/* There is a stack (again). */
static void sated(struct mo_worker *w)
{
    if (!w->starved)
        return;
    w->starved = false;
    mo_sub(&w->runtime->starving, 1);
}

/* On a stack of its own, if there is one. */
static MO_COLD bool start_apart(struct mo_worker *w, struct moirai_task *task,
                                enum moirai_stack_class stack_class)
{
    struct mo_fiber *fiber = mo_fiber_get(w, stack_class, own_entry);

    if (fiber == NULL)
        return false;
    sated(w);
    start_own(w, task, fiber);
    settle_in();
    return true;
}

/* Gets the stack to go on if the next task waits. */
static MO_COLD bool get_spare(struct mo_worker *w)
{
    w->spare = mo_fiber_get(w, MOIRAI_STACK_LOOP, loop_entry);
    if (w->spare == NULL)
        return false;
    sated(w);
    return true;
}

/* May it have a small stack where there is no deep one? Better than none, if
 * nobody said or saw that it needs more. */
static bool is_modest(const struct moirai_task *task)
{
    return task->kind == MO_TASK_PLAIN
        && (task->flags & (MO_TASK_DEEP | MO_TASK_EXTRA)) == 0
        && mo_load_relaxed(&task->site->own_stack) != MO_SITE_FORKS;
}

/* False: not now, there is no stack to go on if it waits. */
static MO_COLD bool run_special(struct mo_worker *w, struct moirai_task *task)
{
    if (mo_task_wants_stack(task) && start_apart(w, task, mo_task_class(task)))
        return true;
    if (w->spare == NULL && !get_spare(w))
        return is_modest(task) && start_apart(w, task, MOIRAI_STACK_TASK);
    start_noted(w, task);
    return true;
}

struct moirai_task *mo_worker_take_inbox(struct mo_worker *w)
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
    mo_staff_notify(w);
}

/* As many turns as would pass in LOOK_EVERY, had each taken as long as the last
 * ones, but no more than twice as many as those: one short turn among long ones
 * says little. Timers that are due wait for the next look. A simulated clock
 * does not pass by itself, and what is counted in valgrind must not depend on
 * it. */
static void give_turns(struct mo_worker *w)
{
    struct mo_os *os = w->runtime->os;
    int64_t now = os->sim == NULL ? os->now(os) : os->coarse(os);
    int64_t took = now - w->clock_ns;
    int64_t used = (int64_t)w->turns_given - w->turns_left;
    int64_t turns = took > 0 ? used * LOOK_EVERY / took : MOST_TURNS;

    if (turns > 2 * used)
        turns = 2 * used;
    if (os->sim != NULL || mo_valgrind())
        turns = TIMELESS_TURNS;
    w->turns_left = w->turns_given = turns < 1 ? 1
        : turns < MOST_TURNS ? (uint32_t)turns : MOST_TURNS;
    w->clock_ns = now;
}

/* Nothing is due for so many turns, neither here nor in the scheduler, and they
 * are accounted for at once. 0: one turn is, in which it wants to be asked. */
static uint32_t prepay(struct mo_worker *w)
{
    struct moirai_sched_local *local = w->queue.local;
    uint32_t n = w->turns_left;

    if (local != NULL && local->pops <= n)
        n = local->pops != 0 ? (uint32_t)local->pops - 1 : 0;
    if (local != NULL)
        local->pops -= n;
    w->turns_left -= n != 0 ? n : 1;
    mo_store_relaxed(&w->turns, mo_load_relaxed(&w->turns) + (n != 0 ? n : 1));
    mo_store_relaxed(&w->quick, n);
    return n;
}

/* A worker that always has work of its own still looks into the I/O backend and
 * at one other, round and round: runs its timers, and takes from its queue if
 * it has not taken a turn since the last look, since then it is stuck in a long
 * task. */
static struct moirai_task *keep_house(struct mo_worker *w)
{
    struct moirai_runtime *rt = w->runtime;
    uint32_t n = mo_load_relaxed(&rt->worker_count);
    struct mo_worker *other = rt->workers[w->watched % n];
    uint32_t turn = mo_turns_of(other);

    give_turns(w);
    if (mo_load_relaxed(&rt->starving) != 0)
        mo_fiber_drain(w);
    mo_run_timers(w, w);
    if (mo_io_is_open(&rt->io) && (int32_t)(mo_turns_of(w) - w->heard) >= 0)
        mo_io_flush(w);
    if (other == w || turn != w->watched_turn) {
        other = rt->workers[++w->watched % n];
        w->watched_turn = mo_turns_of(other);
        return NULL;
    }
    mo_run_timers(w, other);
    return mo_steal(w, other);
}

/* Those who were woken go first, but not for ever. */
static MO_COLD struct moirai_task *take_due(struct mo_worker *w)
{
    struct moirai_task *task = NULL;

    if (w->due_row++ < MO_ATTEND_ROW)
        task = mo_attend_take(w, w->clock_ns);
    if (task == NULL)
        w->due_row = 0;
    return task;
}

/* Where tasks that were woken go first: one of them, after which all else is
 * still due; unless there is something that was stolen. Looked for again after
 * so long, and for a turn that is expected to be long, too, the worker was kept
 * by one. */
static MO_COLD struct moirai_task *look_ahead(struct mo_worker *w,
                                              const struct moirai_task *stolen,
                                              const struct moirai_task *given)
{
    if (w->attends)
        return mo_attend_next(w, given);
    if (w->clock_ns - w->looked_ns > MO_HISTORY_LONG && w->turns_given == 1)
        mo_attend_call(w->runtime);
    w->looked_ns = w->clock_ns;
    if (stolen != NULL || !mo_attend_is_due(w->runtime))
        return NULL;
    return take_due(w);
}

/* The quick turns are over. What came of it, or NULL. */
static struct moirai_task *ask(struct mo_worker *w,
                               const struct moirai_task *given)
{
    struct moirai_task *task = NULL;

    if (w->turns_left == 0)
        task = keep_house(w);
    if (__builtin_expect(w->attend != NULL, 0)) {
        struct moirai_task *ahead = look_ahead(w, task, given);

        if (ahead != NULL || w->attends)
            return ahead;
    }
    if (prepay(w) != 0)
        mo_take_turn(w);
    else if (task == NULL)
        task = w->queue.pop(w->queue.state, w->queue.worker);
    return task;
}

/* There are more workers than should be: this one leaves all that it has to
 * others, what it was given, too. */
static MO_COLD void make_room(struct mo_worker *w, struct moirai_task *given)
{
    if (given != NULL)
        mo_worker_ready(w->runtime, given);
    mo_staff_sit(w, false);
}

/* Whoever ran last may have given the next task; it goes first unless it is
 * time to look around, lest two tasks that give each other their turn keep all
 * others waiting. */
static MO_COLD struct moirai_task *look(struct mo_worker *w)
{
    struct moirai_runtime *rt = w->runtime;
    struct moirai_task *given = w->given;
    struct moirai_task *task = NULL;

    w->given = NULL;
    if (given != NULL && !mo_look_is_due(w))
        return given;
    if (mo_load_relaxed(&w->quick) == 0) {
        if (rt->embed != NULL)
            mo_embed_pause(w);
        if (mo_staff_has_too_many(&rt->staff, false)) {
            make_room(w, given);
            given = NULL;
        }
        task = ask(w, given);
    } else {
        mo_take_turn(w);
    }
    w->inbox_first = !w->inbox_first;   /* two pinned tasks that give each */
    if (task == NULL && w->inbox_first) /* other the turn are not all */
        task = mo_worker_take_inbox(w);
    if (given != NULL && task != NULL)
        mo_worker_ready(rt, given);
    else if (given != NULL)
        task = given;
    if (task == NULL)
        task = mo_worker_pop(w);
    if (task == NULL)
        task = mo_search(w);            /* the inbox again, to begin with */
    if (w->depths != NULL && task != NULL && task->fiber == NULL
        && mo_depth_due(w))
        task->flags |= MO_TASK_MEASURED;    /* no short cuts for it */
    return task;
}

static inline struct moirai_task *next(struct mo_worker *w)
{
    struct moirai_task *task;

    if (w->given != NULL || mo_look_is_due(w))
        return look(w);
    mo_take_turn(w);
    task = mo_worker_pop(w);
    return __builtin_expect(task != NULL, 1) ? task : mo_search(w);
}

/* The stack plugin has nothing left: has the others give back what they have in
 * reserve, and lets them end. Said once. */
static MO_COLD void wait_for_stack(struct mo_worker *w,
                                   struct moirai_task *task)
{
    struct moirai_runtime *rt = w->runtime;

    if (!w->starved) {
        if (mo_swap(&rt->starved_before, 1) == 0)
            mo_log(MOIRAI_LOG_WARN, "no stack for task %u: trying again; "
                   "further tasks that wait for one are not told of",
                   task->id);
        w->starved = true;
        mo_add(&rt->starving, 1);
        mo_idle_wake_all(rt);
    }
    mo_fiber_drain(w);              /* of the other class */
    mo_scope_settle(w);
    mo_worker_ready(rt, task);
    mo_park(&w->parker, mo_runtime_now(rt) + NO_STACK_NS);
    for (uint32_t i = 0; i < mo_load_relaxed(&rt->worker_count); i++)
        mo_run_timers(w, rt->workers[i]);   /* who is woken may give one */
}

static inline void run_other(struct mo_worker *w, struct moirai_task *task)
{
    if (task->fiber != NULL) {
        mo_limit_forks(w, task->fiber);
        mo_resume(w, task);
        settle_in();
    } else if (!run_special(w, task)) {
        wait_for_stack(w, task);
    }
}

/* Compilers take what ends in a call that does not return for cold. */
static __attribute__((hot)) void loop_entry(void *arg)
{
    struct mo_worker *w;
    struct moirai_task *task;

    (void)arg;
    mo_arrive();
    settle_in();
    w = mo_here();
    while ((task = next(w)) != NULL) {
        if (!is_plain(w, task))
            run_other(w, task);
        else if (run_plain(w, task))
            continue;
        w = mo_here();
        if (w->fiber != w->loop)
            retire(w);              /* a task that waited ended on it */
    }
    mo_here()->loop = &mo_here()->native;
    retire(mo_here());
}

/* From a thread that is no worker of the runtime. */
static MO_COLD void ready_from_outside(struct moirai_runtime *rt,
                                       struct mo_worker *place,
                                       struct moirai_task *task)
{
    mo_add(&rt->visitors, 1);
    if (place != NULL) {
        put_inbox(place, task);
    } else if (rt->attend == NULL || task->fiber == NULL
               || !mo_attend_put(rt, task)) {
        if (rt->near != NULL)
            mo_near_ready(rt, NULL, task);
        else
            rt->sched->push(rt->sched_state, NULL, task);
        mo_idle_notify(rt);
    }
    mo_sub(&rt->visitors, 1);
}

void mo_worker_ready(struct moirai_runtime *rt, struct moirai_task *task)
{
    struct mo_worker *w = mo_self_in(rt);
    struct mo_worker *place = mo_task_place(task);

    if (w == NULL) {
        ready_from_outside(rt, place, task);
        return;
    }
    mo_trace(w, MO_TRACE_READY, task->id, 0);
    if (__builtin_expect(place == NULL, 1))
        mo_worker_push(w, task);
    else
        put_inbox(place, task);
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

    if (mo_load(&rt->exiting) != 0 || mo_load(&w->inbox) != NULL
        || mo_attend_is_due(rt))
        return true;
    for (uint32_t i = 0; i < mo_load_relaxed(&rt->worker_count); i++)
        if (mo_frame_stealable(rt->workers[i]))
            return true;
    return !rt->sched->empty(w->queue.state, w->queue.worker);
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
    w->deep_guard = w->loop->stack.guard;
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

/* What spares it most of what others have to do; see leave.h. */
static struct moirai_deque *solo_of(const struct mo_worker *w)
{
    struct moirai_sched_local *local = w->queue.local;
    bool solo = w->runtime->owning && local != NULL && local->alone
             && w->trace == NULL && !mo_watched() && !MO_SWITCH_KEEPS_LOCALS;

    return solo ? &local->deque : NULL;
}

void mo_worker_begin(struct mo_worker *w)
{
    w->solo = solo_of(w);
    moirai_self_worker = &w->hot;
    w->errno_at = &errno;
    if (__cxa_get_globals != NULL)
        w->cxx_at = __cxa_get_globals();
    mo_sanitize_native(&w->native.sanitize);
    w->fiber = &w->native;
    w->runtime->os->parker_init(w->runtime->os, &w->parker);
    if (w->runtime->os->sim == NULL)
        begin_signals(w);
}

void mo_worker_end(struct mo_worker *w)
{
    mo_fault_stack_fini(&w->signal_stack);
    if (w->spare != NULL)
        mo_fiber_put(w, w->spare);
    w->spare = NULL;
    moirai_self_worker = mo_outside;
}

void mo_worker_main(void *arg)
{
    struct mo_worker *w = arg;

    mo_worker_begin(w);
    mo_go(w, w->loop, false);
    mo_worker_end(mo_here());
}
