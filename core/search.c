/* SPDX-License-Identifier: MIT */
/*
 * search.c - a worker that has nothing to do looks for something.
 *
 * It looks at what only it may run, at timers, at its own queue again, and at
 * what others have forked or queued; first over and over, for options.spin, or
 * after a fork for longer, then it sleeps (idle.c).
 *
 * To look is not free for those looked at. Each line that a searcher has read
 * has to be fetched back by its owner, some 100 ns, and a worker whose tasks
 * wake one another writes such a line several times in each turn. So a searcher
 * that finds a queue empty comes back after a while, which doubles up to
 * GAP_MOST; forks, whose lines are seldom written, it looks at all the time.
 *
 * Nor is it always good to take what is there. Two tasks that talk to each
 * other run three to ten times as fast on one worker as on two: the one that
 * is queued there now will run in a moment, and everything it needs is in that
 * core's cache. So the only task in a queue is left there if its worker has
 * proved to be quick: if for PATIENCE it has taken turns, sent, or received at
 * least once every EVENT_NS. Whoever computes for longer between two turns than
 * that loses its queued task to the searcher, PATIENCE after it has been seen.
 * A worker that sends for ever to a channel that never makes it wait is quick
 * too, and never comes to the receiver: one time in ABANDON the task is taken
 * nevertheless.
 *
 * Tasks that lock one mutex again and again are worse on two workers, too, and
 * do not show in what their worker does. They show in what becomes of those who
 * are stolen: each comes to the mutex, waits, and is woken over there. A thief
 * to which that happens stays away from queues, at last for FUTILE_NS doubled
 * FUTILE_MOST times. (Eight tasks, two workers: 65 and 37 ns an operation.)
 *
 * Only where the core can see into the queue (MOIRAI_SCHED_DEQUE); others'
 * `steal` decides by itself. In a simulation there is no such time, and the
 * searcher looks at everything.
 *
 * Rejected: never to take the newest task (tokio's LIFO slot): if its worker
 * computes for a second, it waits for a second. To leave it alone for a fixed
 * time, whatever its worker does (Go: 3 us): too short for a burst of messages,
 * and of no use to tasks that are woken by one that computes.
 */
#include "search.h"

#include "attend.h"
#include "frame.h"
#include "monitor.h"
#include "near.h"
#include "runtime.h"
#include "scope.h"
#include "staff.h"
#include "task.h"
#include "trace.h"
#include "victim.h"

#define GAP_FIRST 100               /* ns between two looks at queues, */
#define GAP_MOST (2 * MOIRAI_US)    /* at first and in the end */
#define PATIENCE (2 * MOIRAI_US)
#define EVENT_NS (1 * MOIRAI_US)
#define ABANDON 256
#define USEFUL_NS (3 * MOIRAI_US)   /* that a stolen task ran for */
#define FUTILE_NS 500
#define FUTILE_MOST 6
#define FORKED 4                    /* times options.spin, at most, more */
#define AGAIN 32                    /* pauses: half a microsecond or two */
#define HOLD 16                     /* pauses: half of that */

void mo_run_timers(struct mo_worker *w, struct mo_worker *place)
{
    uint32_t fired;

    if (mo_load_relaxed(&place->timers.earliest) == MOIRAI_NEVER)
        return;
    fired = mo_timers_run(place, mo_runtime_now(w->runtime));
    if (fired != 0)
        mo_count(&w->count.timers_fired, fired);
}

static void note_theft(struct mo_worker *w, int64_t now)
{
    w->theft.since = now;
    w->theft.finished = mo_load_relaxed(&w->count.finished);
    w->theft.contended = w->contended;
}

/* Was it of use to steal? Not if what was stolen only came to a mutex that
 * others hold, and waits. Then the thief stays away for a while, longer each
 * time: two workers that take one mutex from each other all the time get less
 * done than one. */
static void judge_theft(struct mo_worker *w, int64_t now)
{
    struct mo_theft *theft = &w->theft;

    if (theft->since == 0)
        return;
    if (w->contended == theft->contended || now - theft->since > USEFUL_NS
        || mo_load_relaxed(&w->count.finished) != theft->finished)
        theft->futile = 0;
    else if (theft->futile < FUTILE_MOST)
        theft->futile++;
    theft->since = 0;
    theft->until = theft->futile == 0 ? 0 : now + (FUTILE_NS << theft->futile);
}

static struct moirai_task *steal_task(struct mo_worker *w,
                                      struct mo_worker *victim)
{
    const struct moirai_sched_ops *sched = w->runtime->sched;
    struct moirai_task *task;

    if (sched->steal == NULL)
        return NULL;
    task = sched->steal(w->queue.state, w->queue.worker,
                        victim->queue.worker);
    if (task != NULL) {
        mo_count(&w->count.stolen, 1);
        mo_trace(w, MO_TRACE_STEAL, task->id, victim->hot.index);
    }
    return task;
}

struct moirai_task *mo_steal(struct mo_worker *w, struct mo_worker *victim)
{
    struct moirai_frame *frame = mo_frame_steal(w, victim);
    struct moirai_task *task = frame != NULL ? &frame->task
                                             : steal_task(w, victim);

    if (task != NULL && w->near != NULL)
        mo_near_count(w, victim);
    return task;
}

/* What a worker does again and again if its tasks talk to one another. */
static uint64_t events_of(const struct mo_worker *w)
{
    return mo_turns_of(w) + mo_load_relaxed(&w->count.sent)
        + mo_load_relaxed(&w->count.received);
}

/* Is the only task in the victim's queue better off there? `now` is the time of
 * this look. A searcher observes one victim at a time, and leaves the only
 * tasks of others to other searchers meanwhile. */
static bool leave(struct mo_worker *w, struct mo_worker *victim, int64_t now)
{
    struct moirai_deque *deque = victim->queue.deque;
    struct mo_observed *seen = &w->observed;
    int64_t since = seen->since;
    uint64_t events = seen->events;

    if (deque == NULL || moirai_deque_length(deque) != 1) {
        if (seen->victim == victim)
            seen->victim = NULL;
        return false;
    }
    if (seen->victim != NULL
        && (seen->victim != victim || now - since < PATIENCE))
        return true;
    seen->events = events_of(victim);
    seen->since = now;
    if (seen->victim == NULL) {
        seen->victim = victim;
        return true;
    }
    seen->victim = NULL;
    return (int64_t)(seen->events - events) * EVENT_NS >= now - since
        && mo_worker_random(w, ABANDON) != 0;
}

/* At one worker, if it is another: at its queue only if `now` is not 0. */
static struct moirai_task *look_at(struct mo_worker *w,
                                   struct mo_worker *victim, int64_t now,
                                   bool simulated)
{
    struct moirai_task *task = NULL;
    struct moirai_frame *frame;

    if (victim == w)
        return NULL;
    frame = mo_frame_steal(w, victim);
    if (frame != NULL) {
        w->robbed = victim;
        return &frame->task;
    }
    if (simulated || (now != 0 && !leave(w, victim, now)))
        task = steal_task(w, victim);
    if (task != NULL && !simulated)
        note_theft(w, now);
    return task;
}

/* One look everywhere, at queues only if `now` is not 0. */
static struct moirai_task *look_around(struct mo_worker *w, int64_t now,
                                       bool simulated)
{
    struct moirai_runtime *rt = w->runtime;
    struct moirai_task *task = mo_worker_take_inbox(w);
    struct mo_worker *victim;
    struct mo_victims victims;

    for (uint32_t i = 0; i < mo_load_relaxed(&rt->worker_count); i++)
        mo_run_timers(w, rt->workers[i]);
    if (now != 0 && !w->by_io && mo_io_is_open(&rt->io))
        w->by_io = mo_io_flush(w) != 0;
    if (w->attend != NULL && task == NULL && mo_attend_is_due(rt))
        task = mo_attend_take(w, now != 0 ? now : w->clock_ns);
    if (task == NULL)
        task = mo_worker_pop(w);
    if (task != NULL)
        return task;
    mo_victims_begin(w, &victims);
    while ((victim = mo_victims_next(&victims)) != NULL) {
        task = look_at(w, victim, now, simulated);
        if (task == NULL)
            continue;
        w->gave = victim->hot.index;
        if (w->near != NULL)
            mo_near_count(w, victim);
        return task;
    }
    return NULL;
}

/* For how long to look. Who was woken by I/O goes back to it: the kernel wakes
 * it again, and others may need the processor. Who was busy with a fork did a
 * part of something, and others may not be done with theirs: of a loop that is
 * run again and again, the next round begins when the last of them is. To wait
 * for as long as one has worked is not to waste more than that. Who is inside
 * another loop keeps that from its own work. */
static int64_t how_long(const struct mo_worker *w, int64_t now)
{
    int64_t spin = w->runtime->options.spin;
    int64_t busy = w->forked_ns != 0 ? now - w->forked_ns : 0;

    if (w->by_io || w->runtime->embed != NULL)
        return 0;
    return spin + (busy < FORKED * spin ? busy : FORKED * spin);
}

/* Who offers a part of something brief has it back in a moment. */
static void hold_back(const struct mo_worker *victim)
{
    uint32_t pauses = mo_load_relaxed(&victim->forks->brief) != 0 ? HOLD : 0;

    for (; pauses != 0; pauses--)
        mo_relax(0);
}

/* Loops follow one another closely: who has done its part of one looks for the
 * next at nothing else for a moment, and disturbs nobody by asking. */
static struct moirai_task *look_again(struct mo_worker *w)
{
    for (int i = 0; w->robbed != NULL && i < AGAIN; i++) {
        struct moirai_frame *frame;

        hold_back(w->robbed);
        frame = mo_frame_take(w, w->robbed);
        if (frame != NULL) {
            if (w->near != NULL)
                mo_near_count(w, w->robbed);
            return &frame->task;
        }
        mo_relax(0);
    }
    return NULL;
}

/* Looks around until `until`, or until it finds something; see idle.c for who
 * may. */
static struct moirai_task *spin(struct mo_worker *w)
{
    struct moirai_runtime *rt = w->runtime;
    bool simulated = rt->os->sim != NULL;
    int64_t now = mo_runtime_now(rt);
    int64_t until = now + how_long(w, now);
    int64_t gap = GAP_FIRST;
    int64_t next;
    struct moirai_task *task;

    judge_theft(w, now);
    next = now > w->theft.until ? now : w->theft.until;
    w->observed.victim = NULL;
    for (;;) {
        task = w->forked_ns != 0 && !simulated ? look_again(w) : NULL;
        if (task == NULL)
            task = look_around(w, now >= next ? now : 0, simulated);
        w->forked_ns = task != NULL && task->kind == MO_TASK_FRAME ? now : 0;
        w->clock_ns = now;
        if (task != NULL || mo_load(&rt->exiting) != 0
            || !mo_idle_search(w) || simulated || now >= until)
            return task;
        if (now >= next) {
            next = now + gap;
            gap = 2 * gap < GAP_MOST ? 2 * gap : GAP_MOST;
        }
        mo_relax(0);                /* never yields: whoever queues a task */
        now = mo_runtime_now(rt);   /* counts on searchers being awake */
    }
}

/* Who does not sleep still looks at all that a sleeper is woken for. Simulated
 * time passes while all sleep. */
static void rest(struct mo_worker *w)
{
    const struct moirai_runtime *rt = w->runtime;

    if (rt->options.idle == MO_IDLE_PARK || rt->os->sim != NULL
        || rt->embed != NULL)
        mo_idle_sleep(w);
    else if (rt->options.idle == MO_IDLE_YIELD)
        mo_os_yield();
}

struct moirai_task *mo_search(struct mo_worker *w)
{
    struct moirai_runtime *rt = w->runtime;
    struct moirai_task *task;

    mo_scope_settle(w);
    while ((task = spin(w)) == NULL) {
        if (mo_load(&rt->exiting) != 0)
            return NULL;
        if (!mo_staff_sit(w, true))
            rest(w);
        mo_monitor_notify(rt);
        mo_attend_notify(w);
    }
    mo_idle_found(w);
    return task;
}
