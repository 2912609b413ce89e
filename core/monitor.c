/* SPDX-License-Identifier: MIT */
/*
 * monitor.c - the thread that notices workers that are stuck in a task.
 *
 * A task that computes for long, or calls something that blocks, keeps its
 * worker from all others. This thread looks twice in options.stuck whether each
 * worker that is awake has taken a turn, or slept, since it looked last. Of one
 * that has not, for as long as that, it asks the system what the thread does:
 *
 *   blocked     Nobody uses the processor that this worker was meant for. From
 *               now on one more worker may work, until this one goes on.
 *   computing   If there are tasks that nobody takes, one more may work, but it
 *               goes as soon as it finds nothing to do: as many threads compute
 *               as there should be workers, if that is enough for all.
 *   neither     It has hardly run yet: it waits for a processor itself. One
 *               more thread would, too.
 *
 * What is lent is not the place, but the right to work beside it (staff.c). The
 * stuck thread keeps its place with the task it runs, and forks of that task
 * that it has not published. Everything else there can be had by others, as
 * always: they steal from its queue, and fire its timers. So nothing is to be
 * done when the task goes on: it finds all as it left it, and when it waits
 * next, whoever of the workers keeps house first and finds that there are too
 * many of them sits down. Only tasks that are pinned to a stuck worker wait for
 * it.
 *
 * Why that, and not the place itself: a running task has its worker's address
 * in registers, in fork and join even in the program's own code, and goes on at
 * any moment, without asking. Two threads would then push to one end of a deque
 * that is built for one. To make them ask, each operation would need a store
 * that the other sees, or the other would have to stop the thread by a signal,
 * which ends some system calls early, and find out that it is not just in the
 * middle of such an operation.
 *
 * To look costs nobody else anything: `turns`, `quick` and `sleeps` are written
 * in any case. What the stuck task is called is read from memory that its
 * worker may write meanwhile, through the system, so that nothing worse can
 * come of it than a mistake; and if it has taken no turn after that either, it
 * is none. (Its stores to `task` and those to `turns`, behind which each new
 * task is, are far more than a system call apart.)
 *
 * While every worker sleeps there is nothing to look at: the monitor sleeps,
 * too, and the first worker that goes back to work wakes it. It says that it
 * sleeps, then looks whether all of them do; a worker that was woken is off the
 * list first, then it looks whether the monitor sleeps.
 */
#include "monitor.h"

#include <errno.h>

#include "follow.h"
#include "handle.h"
#include "line.h"
#include "log.h"
#include "mem.h"
#include "os/symbol.h"
#include "os/thread.h"
#include "search.h"
#include "staff.h"

#define LOOKS 2                     /* in options.stuck */
#define EVERY_NS MOIRAI_S           /* between two looks at masks */
#define LEAST (MOIRAI_MS / 2)       /* between two of them */
#define SHARE 4                     /* of options.stuck, a task that computes
                                     * has had one in so many */

/* A place, as it was when it was looked at last. */
struct mo_monitor_seen {
    uint64_t events;
    int64_t since;                  /* of them; 0: it was not at work */
    int64_t used;                   /* then, by its thread */
    enum mo_stuck how;
};

static uint64_t events_of(const struct mo_worker *w)
{
    return mo_turns_of(w) + (mo_load_relaxed(&w->count.sleeps) << 32);
}

/* --- what it says --------------------------------------------------------- */

struct told {                       /* of a task */
    struct moirai_task task;
    const char *name;
};

/* What the worker runs, with no site where that cannot be read. False: nothing,
 * or something else by now. */
static bool read_task(const struct mo_worker *w, uint64_t events,
                      struct told *told)
{
    const struct moirai_task *task = NULL;
    const struct moirai_handle *handle;
    bool known = mo_thread_peek(&task, &w->task, sizeof task);

    *told = (struct told){ .name = NULL };
    if (known && (task == NULL
                  || !mo_thread_peek(&told->task, task, sizeof told->task)))
        return false;
    handle = told->task.handle;
    if (handle != NULL)
        mo_thread_peek(&told->name, &handle->name, sizeof told->name);
    return events_of(w) == events;
}

static void say_task(struct mo_line *line, const struct told *told)
{
    struct mo_symbol symbol;

    if (told->task.site == NULL) {
        mo_line_text(line, "a task");
        return;
    }
    mo_line_text(line, "task ");
    mo_line_number(line, told->task.id);
    if (told->name != NULL) {
        mo_line_text(line, " \"");
        mo_line_text(line, told->name);
        mo_line_text(line, "\"");
    }
    mo_symbol_find((uintptr_t)told->task.fn, &symbol);
    if (symbol.name[0] != '\0') {
        mo_line_text(line, " (");
        mo_line_text(line, symbol.name);
        mo_line_text(line, ")");
    }
    mo_line_text(line, ", spawned at ");
    mo_line_text(line, told->task.site->file);
    mo_line_text(line, ":");
    mo_line_number(line, told->task.site->line);
}

static void say_state(struct mo_line *line, const struct mo_thread_look *look)
{
    struct mo_symbol symbol = { .name = "" };

    if (!look->blocked) {
        mo_line_text(line, ", has been computing for ");
        return;
    }
    if (look->pc != 0)
        mo_symbol_find(look->pc, &symbol);
    mo_line_text(line, ", has been blocked");
    if (symbol.name[0] != '\0') {
        mo_line_text(line, " in ");
        mo_line_text(line, symbol.name);
    }
    mo_line_text(line, " for ");
}

/* Once for each place where tasks are spawned, in a run. */
static void report(struct moirai_runtime *rt, const struct mo_worker *w,
                   const struct told *told, const struct mo_thread_look *look,
                   int64_t span)
{
    const struct moirai_site *site = told->task.site;
    uint32_t index = site != NULL ? mo_load_relaxed(&site->index) : 0;
    char text[512];
    struct mo_line line = { text, sizeof text - 1, 0, -1 };

    if (rt->monitor.told[index % MO_SITES])
        return;
    rt->monitor.told[index % MO_SITES] = true;
    mo_line_text(&line, "worker ");
    mo_line_number(&line, w->hot.index);
    mo_line_text(&line, " is stuck: ");
    say_task(&line, told);
    say_state(&line, look);
    mo_line_span(&line, span);
    text[line.used] = '\0';
    mo_log(MOIRAI_LOG_WARN, "%s; %s (moirai_block is for what blocks)", text,
           mo_load(&rt->staff.allowed) < rt->staff.most
               ? "another worker stands in"
               : "nobody is left to stand in, see runtime.spares");
}

/* --- what it sees --------------------------------------------------------- */

static bool has_queued(struct mo_worker *w)
{
    return !w->runtime->sched->empty(w->queue.state, w->queue.worker);
}

/* Is there something to do that nobody comes to? */
static bool is_needed(struct moirai_runtime *rt, int64_t now)
{
    if (mo_load_seq(&rt->idle.sleepers) != 0)
        return false;
    for (uint32_t i = 0; i < mo_load_relaxed(&rt->worker_count); i++)
        if (mo_load(&rt->workers[i]->timers.earliest) < now)
            return true;
    return mo_staff_ask(rt, has_queued);
}

/* The worker has done nothing for options.stuck, but run a task. */
static enum mo_stuck judge(struct moirai_runtime *rt, struct mo_worker *w,
                           const struct mo_monitor_seen *seen, int64_t now)
{
    struct mo_thread_look look;
    int64_t used = mo_thread_used(&w->thread);
    int64_t span = now - seen->since;
    struct told told;
    enum mo_stuck how;

    if (!mo_thread_look(&w->thread, &look)
        || !read_task(w, seen->events, &told))
        return MO_STUCK_NOT;
    if (!look.blocked && (used - seen->used) * SHARE < rt->options.stuck)
        return seen->how;
    how = look.blocked ? MO_STUCK_BLOCKED : MO_STUCK_COMPUTES;
    if (how == MO_STUCK_COMPUTES && seen->how != how && !is_needed(rt, now))
        return MO_STUCK_BUSY;
    if (seen->how == MO_STUCK_NOT || seen->how == MO_STUCK_BUSY) {
        mo_count(&rt->monitor.stuck, 1);
        report(rt, w, &told, &look, span);
    }
    return how;
}

static void look_at(struct moirai_runtime *rt, struct mo_worker *w,
                    struct mo_monitor_seen *seen, int64_t now)
{
    uint64_t events = events_of(w);
    bool works = !mo_load_relaxed(&w->idle) && !mo_load_relaxed(&w->benched);

    if (!works || events != seen->events || seen->since == 0) {
        *seen = (struct mo_monitor_seen){ events, works ? now : 0, 0,
                                          MO_STUCK_NOT };
        if (works)
            seen->used = mo_thread_used(&w->thread);
    } else if (now - seen->since >= rt->options.stuck) {
        seen->how = judge(rt, w, seen, now);
    }
    mo_store_relaxed(&w->stuck_since, seen->since);
    mo_store_relaxed(&w->stuck, seen->how);
}

static void look_around(struct moirai_runtime *rt)
{
    uint32_t n = mo_load(&rt->staff.started);
    uint32_t lent[MO_STUCK_KINDS] = { 0 };
    int64_t now = mo_runtime_now(rt);
    uint32_t sum;

    for (uint32_t i = 0; i < n; i++) {
        struct mo_monitor_seen *seen = &rt->monitor.seen[i];

        if (rt->workers[i]->attends)
            continue;               /* it is no worker's place that it has */
        look_at(rt, rt->workers[i], seen, now);
        lent[seen->how]++;
    }
    sum = lent[MO_STUCK_BLOCKED] + lent[MO_STUCK_COMPUTES];
    mo_staff_lend(rt, sum, lent[MO_STUCK_COMPUTES]);
    if (sum == 0 || mo_load_seq(&rt->idle.sleepers) != 0)
        return;
    if (lent[MO_STUCK_BLOCKED] != 0 || is_needed(rt, now))
        mo_staff_fill(rt);
}

/* Masks and quotas of containers change as a program runs. */
static void look_at_system(struct moirai_runtime *rt)
{
    struct mo_monitor *m = &rt->monitor;
    int64_t now = mo_runtime_now(rt);

    if (now - m->looked_ns < mo_load(&m->every_ns))
        return;
    m->looked_ns = now;
    mo_follow(rt);
}

/* --- the thread ----------------------------------------------------------- */

static bool all_sleep(const struct moirai_runtime *rt)
{
    return mo_load_seq(&rt->idle.sleepers)
           >= mo_load_seq(&rt->staff.working);
}

static void rest(struct moirai_runtime *rt)
{
    struct mo_monitor *m = &rt->monitor;
    int64_t pause = rt->options.stuck / LOOKS;
    int64_t until = mo_runtime_now(rt) + (pause > LEAST ? pause : LEAST);

    if (all_sleep(rt)) {
        mo_swap(&m->asleep, 1);     /* pairs with mo_monitor_notify */
        if (all_sleep(rt))
            until = MOIRAI_NEVER;
    }
    mo_park(&m->parker, until);
    mo_store(&m->asleep, 0);
}

void mo_monitor_wake(struct moirai_runtime *rt)
{
    if (mo_swap(&rt->monitor.asleep, 0) != 0)
        mo_unpark(&rt->monitor.parker);
}

static void monitor_main(void *arg)
{
    struct moirai_runtime *rt = arg;

    while (mo_load(&rt->monitor.ending) == 0) {
        rest(rt);
        look_around(rt);
        look_at_system(rt);
    }
}

int mo_monitor_open(struct moirai_runtime *rt)
{
    struct mo_monitor *m = &rt->monitor;
    int rc = -ENOMEM;

    if (rt->options.stuck != 0 && !mo_thread_can_look())
        mo_log(MOIRAI_LOG_WARN, "runtime.stuck: what workers do cannot be "
               "seen here; nobody looks");
    if (rt->staff.most == rt->staff.limit + rt->staff.attendants)
        return 0;                   /* nobody could stand in */
    m->every_ns = EVERY_NS;
    m->looked_ns = mo_runtime_now(rt);
    m->seen = mo_mem_alloc(rt->staff.most * sizeof *m->seen, 64);
    m->told = mo_mem_alloc(MO_SITES * sizeof *m->told, 64);
    if (m->seen != NULL && m->told != NULL) {
        rt->os->parker_init(rt->os, &m->parker);
        m->thread.body = monitor_main;
        m->thread.arg = rt;
        m->thread.name = "moirai/monitor";
        rc = rt->os->start(rt->os, &m->thread);
    }
    if (rc == 0)
        return 0;
    mo_mem_free(m->told);
    mo_mem_free(m->seen);
    m->seen = NULL;
    return rc;
}

void mo_monitor_close(struct moirai_runtime *rt)
{
    struct mo_monitor *m = &rt->monitor;

    if (m->seen == NULL)
        return;
    mo_store(&m->ending, 1);
    mo_unpark(&m->parker);
    rt->os->join(rt->os, &m->thread);
    mo_mem_free(m->told);
    mo_mem_free(m->seen);
    m->seen = NULL;
}
