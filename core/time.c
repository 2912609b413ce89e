/* SPDX-License-Identifier: MIT */
/*
 * time.c - the clock, sleeping, and giving way.
 */
#include <moirai/time.h>

#include <errno.h>

#include "leave.h"
#include "task.h"
#include "trace.h"
#include "worker.h"

int64_t moirai_now(void)
{
    struct mo_worker *w = mo_self();
    struct mo_os *os = w != NULL ? w->runtime->os : mo_os_here();

    return os->now(os);
}

int64_t moirai_after(int64_t ns)
{
    int64_t now = moirai_now();

    return ns >= MOIRAI_NEVER - now ? MOIRAI_NEVER : now + ns;
}

int moirai_sleep_until(int64_t deadline_ns)
{
    struct mo_native native;
    struct mo_wait how = { .kind = MO_WAIT_SLEEP,
                           .deadline_ns = deadline_ns };
    int rc;

    if (deadline_ns <= MOIRAI_NOW)
        return moirai_cancelled() ? -ECANCELED : 0;
    how.waiter = mo_node_self(&native)->waiter;
    rc = mo_wait(&how);
    /* Unless it was the task's own deadline that came. */
    return rc == -ETIMEDOUT && how.waiter->deadline_ns == deadline_ns ? 0 : rc;
}

static void ready_again(void *arg)
{
    struct moirai_task *task = arg;
    struct mo_worker *w = mo_here();

    mo_trace(w, MO_TRACE_READY, task->id, 0);
    if (__builtin_expect(mo_task_place(task) == NULL, 1))
        mo_worker_push(w, task);
    else
        mo_worker_ready(w->runtime, task);
}

/* Where nobody else could resume it, a task may be ready while it still is on
 * its stack. True: it has yielded. */
static inline bool yield_solo(struct mo_worker *w)
{
    struct moirai_deque *deque = w->solo;
    struct mo_fiber *fiber = w->fiber;
    struct moirai_task *next;
    struct mo_solo seen;

    if (deque == NULL || fiber->pinned != NULL)
        return false;
    seen = mo_solo_look(deque);
    next = mo_solo_oldest(&seen);
    if (!mo_solo_can_leave(w, fiber, next))
        return false;
    mo_solo_exchange(deque, &seen, w->task);
    mo_fetch_coming(&seen);
    mo_count(&w->count.yielded, 1);
    mo_solo_leave(w, fiber, next);
    return true;
}

/* The task becomes ready on the next stack, and behind the one that runs
 * there, which is taken out first; unless there is none, or tasks have ranks:
 * then it is asked for after that. */
int moirai_yield(void)
{
    struct mo_worker *w = mo_here();
    struct moirai_task *next;

    if (__builtin_expect(w->task == NULL, 0)) {
        mo_os_yield();
        return 0;
    }
    if (__builtin_expect(mo_task_cancelled(w->task), 0)) {
        mo_task_saw_cancel(w->task);
        return -ECANCELED;
    }
    if (__builtin_expect(yield_solo(w), 1))
        return 0;
    next = mo_worker_pop_oldest(w);
    mo_count(&w->count.yielded, 1);
    mo_trace(w, MO_TRACE_YIELD, w->task->id, 0);
    mo_wait_leave(w, MO_WAIT_YIELD, next, false, ready_again, w->task);
    return 0;
}
