/* SPDX-License-Identifier: MIT */
/*
 * attend.c - shares of the workers for tasks that wait and tasks that compute.
 *
 * A task that was woken by a timer or from outside is *due*: it has used less
 * than its share, and is mostly done in some microseconds. Due tasks are in one
 * list, oldest first, which each worker looks at whenever it keeps house or
 * searches, before its own queue, but for one task in MO_ATTEND_ROW.
 *
 * That is as good as turns are short. Where tasks compute for ms, every worker
 * may be in one of them. So there is a place for one more, the *attendant*.
 * With `on` it has a thread from the start; with `auto` it is called when a
 * worker finds at the end of a turn that this was long, and somebody waits for
 * time. It takes due tasks, and what these wake and spawn, but never steals; so
 * it has nothing to do most of the time, and whenever it has, the system lets
 * it run at once, since it is behind with its share of the processors
 * (mo_thread.prompt asks for that). What the waiting half takes, as long as it
 * is less than one processor's part, it gets; the rest is left to those who
 * compute. It rests for REST_NS at least: a thread that sleeps for less than it
 * has run is behind with nothing, and the system may let it wait until the next
 * tick of its clock, some ms; and each time that it wakes costs the others some
 * us.
 *
 * When does it come? All workers are *pressed* if none sleeps, and their turns
 * since the last look took longer than PRESSED_NS each. Then it sleeps until
 * the next deadline. Else it looks every ms, then less and less often,
 * whether some timer is overdue by GRACE_NS, for which nobody has come. While
 * all workers sleep it does, too: they see to timers by themselves (idle.c).
 *
 * Whose tasks may go ahead is a matter of history (history.h): who computes for
 * long after it was woken, or is found doing so on a worker, is queued as
 * everybody else from then on, and tried again later. If the attendant itself
 * is in a long turn, due tasks wait for a worker's next turn.
 *
 * No due task is left lying. It is put into the list, then a fence, then the
 * sleepers are looked at, as with every push (idle.c): a worker looks at the
 * list after it has said that it sleeps. The attendant needs no such care, as
 * all workers come by the list; it only makes it sooner. Of its own queue
 * nobody else may know: it rests only when that is empty, and only it pushes
 * there; others may steal from it.
 *
 * Rejected: threads for each half, as of a program that is made of two runtimes
 * (the cores are shared by who is awake, not by who has work; and what a task
 * does decides, not where its author put it). Preemption by signals (system
 * calls end early; code of others that is not made for it). To leave it to the
 * monitor (decision 19): it takes a ms and more to find somebody stuck, each
 * time anew.
 */
#include "attend.h"

#include <errno.h>

#include "fiber.h"
#include "idle.h"
#include "log.h"
#include "mem.h"
#include "os/thread.h"
#include "scope.h"
#include "search.h"
#include "staff.h"
#include "task.h"
#include "trace.h"

#define PRESSED_NS (200 * MOIRAI_US)
#define GRACE_NS (200 * MOIRAI_US)
#define REST_NS (200 * MOIRAI_US)   /* at least, between two wakes */
#define WINDOW_NS (500 * MOIRAI_US) /* between two looks at turns */
#define GAP_FIRST (1 * MOIRAI_MS)
#define GAP_MOST (8 * MOIRAI_MS)

static struct mo_history *history_of(struct mo_attend *a,
                                     const struct moirai_site *site)
{
    uint32_t index = mo_load_relaxed(&site->index);

    return &a->sites[index < MO_SITES ? index : 0];
}

/* --- the list ------------------------------------------------------------- */

static void put(struct mo_attend *a, struct moirai_task *task)
{
    task->next = NULL;
    mo_lock_take(&a->lock);
    if (a->first == NULL)
        mo_store(&a->first, task);
    else
        a->last->next = task;
    a->last = task;
    mo_lock_drop(&a->lock);
}

/* How late the timer came that woke it; -1: none did. */
static int64_t lateness(const struct moirai_task *task, int64_t now)
{
    const struct mo_fiber *fiber = task->fiber;
    int64_t due = fiber->waiter.deadline_ns;

    if (fiber->waiter.result != -ETIMEDOUT)
        return -1;
    return now > due ? now - due : 0;
}

struct moirai_task *mo_attend_take(struct mo_worker *w, int64_t now)
{
    struct mo_attend *a = w->runtime->attend;
    struct moirai_task *task;

    mo_lock_take(&a->lock);
    task = a->first;
    if (task != NULL) {
        mo_store(&a->first, task->next);
        mo_history_woke(history_of(a, task->site), lateness(task, now));
    }
    mo_lock_drop(&a->lock);
    return task;
}

/* The attendant may come at once, if the workers cannot. */
static void press(struct mo_attend *a)
{
    struct mo_worker *w = mo_load(&a->worker);

    if (mo_load_relaxed(&a->pressed) != 0 && w != NULL && w != mo_self())
        mo_staff_notify(w);
}

bool mo_attend_put(struct moirai_runtime *rt, struct moirai_task *task)
{
    struct mo_attend *a = rt->attend;
    struct mo_worker *w = mo_self_in(rt);

    if (!mo_history_admits(history_of(a, task->site)))
        return false;
    if (w != NULL)
        mo_trace(w, MO_TRACE_READY, task->id, 0);
    put(a, task);
    mo_idle_notify(rt);             /* with a fence */
    press(a);
    return true;
}

void mo_attend_ready(struct moirai_runtime *rt, struct moirai_task *task)
{
    if (rt->attend == NULL || mo_task_place(task) != NULL
        || !mo_attend_put(rt, task))
        mo_worker_ready(rt, task);
}

/* --- what it sees --------------------------------------------------------- */

/* What the worker computes, if that has not changed in between. */
static void note_busy(struct mo_attend *a, const struct mo_worker *w)
{
    const struct moirai_task *task = NULL;
    struct moirai_task copy;

    if (mo_thread_peek(&task, &w->task, sizeof task) && task != NULL
        && mo_thread_peek(&copy, task, sizeof copy)
        && mo_turns_of(w) == a->turns[w->hot.index]
        && copy.site != NULL)
        mo_history_found_busy(history_of(a, copy.site));
}

/* Has this worker been in long turns since the last look? */
static bool is_slow(struct mo_attend *a, struct mo_worker *w, int64_t passed)
{
    uint32_t *seen = &a->turns[w->hot.index];
    uint32_t turns = mo_turns_of(w);
    uint32_t taken = turns - *seen;

    *seen = turns;
    if (taken == 0)
        note_busy(a, w);
    return (int64_t)taken * PRESSED_NS <= passed;
}

/* Some look, at most once in WINDOW_NS. */
static void look_at_workers(struct mo_worker *w, int64_t now)
{
    struct moirai_runtime *rt = w->runtime;
    struct mo_attend *a = rt->attend;
    int64_t passed = now - a->looked;
    bool pressed = mo_load_seq(&rt->idle.sleepers) == 0;

    if (passed < WINDOW_NS && pressed)
        return;
    a->looked = now;
    for (uint32_t i = 0; i < mo_load(&rt->staff.started) && pressed; i++) {
        struct mo_worker *other = rt->workers[i];

        if (other != w && !mo_load_relaxed(&other->benched))
            pressed = is_slow(a, other, passed);
    }
    mo_store_relaxed(&a->pressed, pressed);
}

/* Fires what the workers should have. */
static void run_timers(struct mo_worker *w, int64_t now)
{
    struct moirai_runtime *rt = w->runtime;
    bool pressed = mo_load_relaxed(&rt->attend->pressed) != 0;
    int64_t before = pressed ? now : now - GRACE_NS;

    for (uint32_t i = 0; i < mo_load_relaxed(&rt->worker_count); i++)
        if (mo_load(&rt->workers[i]->timers.earliest) <= before)
            mo_run_timers(w, rt->workers[i]);
}

/* --- what it does --------------------------------------------------------- */

/* The task that it ran last has left. Time in which others had the processor
 * does not count. */
static void judge(struct mo_worker *w, int64_t now)
{
    struct mo_attend *a = w->runtime->attend;
    int64_t ran = now - a->since;
    int64_t used;

    if (a->site == NULL)
        return;
    if (ran > MO_HISTORY_LONG && w->runtime->os->sim == NULL) {
        used = mo_thread_used(&w->thread);
        ran = used - a->used < ran ? used - a->used : ran;
        a->used = used;
    }
    mo_history_judge(history_of(a, a->site), ran);
    a->site = NULL;
}

/* A task that computes is for others. */
static bool admits(struct mo_attend *a, const struct moirai_task *task)
{
    return task->kind == MO_TASK_FRAME
        || mo_history_admits(history_of(a, task->site));
}

/* The newest that its tasks have made ready and that it should run. */
static struct moirai_task *take_own(struct mo_worker *w)
{
    struct moirai_runtime *rt = w->runtime;
    struct moirai_sched_local *local = w->queue.local;
    struct moirai_task *task;

    if (local == NULL)              /* simulated, where nobody is slow */
        return w->queue.pop(w->queue.state, w->queue.worker);
    while ((task = moirai_deque_take(&local->deque)) != NULL
           && !admits(rt->attend, task)) {
        rt->sched->push(rt->sched_state, NULL, task);
        mo_idle_notify(rt);
    }
    return task;
}

static struct moirai_task *find(struct mo_worker *w, int64_t now)
{
    struct moirai_task *task = mo_worker_take_inbox(w);

    if (task == NULL) {
        run_timers(w, now);
        if (mo_io_is_open(&w->runtime->io))
            mo_io_flush(w);
        if (mo_attend_is_due(w->runtime))
            task = mo_attend_take(w, now);
    }
    return task != NULL ? task : take_own(w);
}

static bool all_sleep(const struct moirai_runtime *rt)
{
    return mo_load_seq(&rt->idle.sleepers)
           >= mo_load_seq(&rt->staff.working);
}

/* Until when there is nothing for it, as far as it knows. */
static int64_t until_when(struct mo_worker *w, int64_t now)
{
    struct moirai_runtime *rt = w->runtime;
    struct mo_attend *a = rt->attend;
    int64_t until = now + a->gap;
    int64_t first = mo_idle_first_deadline(rt);

    if (mo_load_relaxed(&a->pressed) == 0)
        first = first < MOIRAI_NEVER - GRACE_NS ? first + GRACE_NS : first;
    if (first < until)
        until = first > now + REST_NS ? first : now + REST_NS;
    a->gap = 2 * a->gap < GAP_MOST ? 2 * a->gap : GAP_MOST;
    if (all_sleep(rt)) {
        mo_swap(&a->asleep, 1);     /* pairs with mo_attend_woken */
        if (all_sleep(rt))
            until = MOIRAI_NEVER;
    }
    return until;
}

/* In the I/O backend, if no worker may be there. With a ring of its own it has
 * to hear always what became of what its tasks have begun. */
static void nap(struct mo_worker *w, int64_t until)
{
    const struct moirai_runtime *rt = w->runtime;

    if (mo_io_is_open(&rt->io)
        && (!rt->io.shared || mo_load_relaxed(&rt->attend->pressed) != 0))
        mo_io_sleep(w, until);
    else
        mo_park(&w->parker, until);
}

/* It says that it rests as one on the bench does: who has something for it
 * alone looks at that. */
static void rest(struct mo_worker *w, int64_t now)
{
    struct moirai_runtime *rt = w->runtime;
    int64_t until = until_when(w, now);

    mo_scope_settle(w);
    if (mo_load_relaxed(&rt->starving) != 0)
        mo_fiber_drain(w);
    mo_store(&w->benched, true);
    mo_fence();                     /* pairs with that in mo_idle_notify */
    if (mo_load(&w->inbox) == NULL && mo_load(&rt->exiting) == 0
        && !mo_attend_is_due(rt))
        nap(w, until);
    mo_store(&w->benched, false);
    mo_io_release(w);
    mo_store(&rt->attend->asleep, 0);
    if (rt->os->sim == NULL)
        rt->attend->used = mo_thread_used(&w->thread);
}

static void begin(struct mo_worker *w, const struct moirai_task *task,
                  int64_t now)
{
    struct mo_attend *a = w->attend;

    mo_store_relaxed(&w->turns, mo_load_relaxed(&w->turns) + 1);
    mo_count(&w->count.attended, 1);
    mo_history_attended(history_of(a, task->site));
    a->gap = GAP_FIRST;
    a->site = task->site;
    a->since = now;
    w->clock_ns = now;
}

struct moirai_task *mo_attend_next(struct mo_worker *w,
                                   const struct moirai_task *given)
{
    struct moirai_runtime *rt = w->runtime;
    int64_t now = mo_runtime_now(rt);
    struct moirai_task *task;

    judge(w, now);
    while ((task = find(w, now)) == NULL && given == NULL) {
        if (mo_load(&rt->exiting) != 0)
            return NULL;
        look_at_workers(w, now);
        rest(w, now);
        now = mo_runtime_now(rt);
    }
    begin(w, task != NULL ? task : given, now);
    return task;
}

void mo_attend_woken(struct mo_worker *w)
{
    struct mo_attend *a = w->attend;
    struct mo_worker *attendant = mo_load(&a->worker);

    w->looked_ns = w->runtime->os->coarse(w->runtime->os);
    if (mo_load_seq(&a->asleep) == 0 || attendant == NULL)
        return;                     /* pairs with until_when */
    if (mo_swap(&a->asleep, 0) != 0)
        mo_unpark(&attendant->parker);
}

/* --- its beginning and end ------------------------------------------------ */

/* If somebody starts other workers just now, the next call does it. */
static int start(struct moirai_runtime *rt)
{
    int rc = mo_staff_attend(rt);

    if (rc != -EBUSY)
        return rc;
    mo_store(&rt->attend->called, 0);
    return 0;
}

int mo_attend_begin(struct moirai_runtime *rt)
{
    if (rt->attend == NULL || rt->options.hybrid != MO_HYBRID_ON)
        return 0;
    mo_store(&rt->attend->called, 1);
    return start(rt);
}

bool mo_attend_wanted(const struct moirai_runtime *rt, uint32_t workers)
{
    bool simulated = (rt->sched->flags & MOIRAI_SCHED_SIM) != 0;

    if (rt->options.hybrid == MO_HYBRID_OFF || rt->embed != NULL
        || (rt->options.hybrid == MO_HYBRID_AUTO
            && (workers == 1 || simulated)))
        return false;
    return simulated || (rt->sched->flags & MOIRAI_SCHED_DEQUE) != 0;
}

int mo_attend_open(struct moirai_runtime *rt, struct moirai_error *err)
{
    struct mo_attend *a;

    if (rt->staff.attendants == 0 || rt->near != NULL)
        return 0;
    a = mo_mem_alloc(sizeof *a, MO_CACHE_LINE);
    if (a != NULL)
        a->turns = mo_mem_alloc(rt->staff.most * sizeof *a->turns, 64);
    if (a == NULL || a->turns == NULL) {
        mo_mem_free(a);
        return moirai_error_set(err, -ENOMEM, "out of memory");
    }
    a->gap = GAP_FIRST;
    a->begun = mo_runtime_now(rt);
    rt->attend = a;
    return 0;
}

void mo_attend_close(struct moirai_runtime *rt)
{
    if (rt->attend == NULL)
        return;
    mo_mem_free(rt->attend->turns);
    mo_mem_free(rt->attend);
    rt->attend = NULL;
}

void mo_attend_call(struct moirai_runtime *rt)
{
    struct mo_attend *a = rt->attend;

    if (mo_load_relaxed(&a->called) != 0
        || (mo_idle_first_deadline(rt) == MOIRAI_NEVER
            && !mo_attend_is_due(rt))
        || mo_swap(&a->called, 1) != 0)
        return;
    if (start(rt) != 0)
        mo_log(MOIRAI_LOG_WARN, "scheduler.hybrid: no thread can be started "
               "for tasks that wait; they wait for those that compute");
}
