/* SPDX-License-Identifier: MIT */
/*
 * fail.c - ending one task in the middle, and keeping one in place.
 *
 * Nothing is unwound: cleanup handlers are what the task registered, and the
 * stack is given back whole. Before that, everything that others may still
 * reach on it has to be over: forks that nobody took are dropped unrun, forks
 * that somebody stole are waited for; then handlers run, newest first, and
 * open scopes, which stand among them, are cancelled and waited for in their
 * turn; then C++ exceptions that it was handling are destroyed, and locks pass
 * on.
 */
#include <errno.h>

#include <moirai/task.h>

#include "frame.h"
#include "log.h"
#include "runtime.h"
#include "scope.h"
#include "task.h"
#include "trace.h"

#define FAIL_DEPTH 100              /* failures inside cleanup handlers */

/* The code that is running, as a task; a plain thread may not be here. */
static struct mo_worker *running(const char *what)
{
    struct mo_worker *w = mo_self();

    if (w == NULL && mo_runtime_orphan())
        mo_runtime_orphaned();
    if (w == NULL || w->task == NULL)
        mo_panic("%s: not called from a task", what);
    return w;
}

static void run_cleanups(struct mo_fiber *fiber)
{
    while (fiber->cleanup != NULL) {
        struct moirai_cleanup *cleanup = fiber->cleanup;

        fiber->cleanup = cleanup->outer;
        cleanup->fn(cleanup->arg);
    }
}

static void finish_failed(struct mo_worker *w, struct moirai_task *task,
                          int code, const char *text)
{
    mo_count(&w->count.failed, 1);
    mo_trace(w, MO_TRACE_FAIL, task->id, 0);
    mo_scope_fail(task->scope, code, text);
    if (task->kind == MO_TASK_FRAME)
        mo_frame_finish(w, (struct moirai_frame *)task, code, 1);
    else
        mo_task_finish(w, task, code);
}

void moirai_fail(int code, const char *text)
{
    struct mo_worker *w = running("moirai_fail");
    struct moirai_task *task = w->task;
    struct mo_fiber *fiber = w->fiber;
    char kept[MOIRAI_SCOPE_TEXT] = "";

    if (code >= 0)
        code = code > 0 ? -code : -ECANCELED;
    if (text != NULL)
        for (size_t i = 0; i + 1 < sizeof kept && text[i] != '\0'; i++)
            kept[i] = text[i];
    fiber->used = 1;
    if (fiber->failing++ > FAIL_DEPTH)
        mo_panic("cleanup handlers of a failing task keep failing");
    mo_frame_drop();
    run_cleanups(fiber);
    mo_wait_drop_exceptions();
    finish_failed(mo_here(), task, code, text != NULL ? kept : NULL);
    mo_worker_abandon(mo_here());
}

void moirai_cleanup_push(struct moirai_cleanup *cleanup, void (*fn)(void *),
                         void *arg)
{
    struct mo_worker *w = running("moirai_cleanup_push");

    cleanup->fn = fn;
    cleanup->arg = arg;
    cleanup->outer = w->fiber->cleanup;
    w->fiber->cleanup = cleanup;
    w->fiber->used = 1;
}

void moirai_cleanup_pop(struct moirai_cleanup *cleanup, bool run)
{
    struct mo_worker *w = running("moirai_cleanup_pop");

    if (w->fiber->cleanup != cleanup)
        mo_panic("moirai_cleanup_pop: not the newest handler");
    w->fiber->cleanup = cleanup->outer;
    if (run)
        cleanup->fn(cleanup->arg);
}

/* A task that is placed by its attributes is pinned all its life. */
void moirai_pin(void)
{
    struct mo_worker *w = mo_self();

    if (w == NULL || w->task == NULL)
        return;
    w->fiber->pins++;
    w->fiber->pinned = w;
    w->fiber->used = 1;
}

void moirai_unpin(void)
{
    struct mo_worker *w = mo_self();

    if (w == NULL || w->task == NULL || w->fiber->pins == 0)
        return;
    if (--w->fiber->pins == 0
        && (w->task->flags & MO_TASK_PLACED) == 0)
        w->fiber->pinned = NULL;
}
