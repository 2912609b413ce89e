/* SPDX-License-Identifier: MIT */
/*
 * tasks.h - model threads that are tasks, each on a worker of its own.
 *
 * A task that waits leaves its stack, and the wait is committed from the next
 * one. Here a thread of the model runs that other stack (model_loop), so that
 * the commit's last steps and what the task does next are played against each
 * other; or, where that does not matter, the task's own thread does it first.
 * All else is the core's.
 */
#ifndef MODEL_TASKS_H
#define MODEL_TASKS_H

#include "world.h"

#include "arch/switch.h"

static void model_switch(struct mo_fiber *from);

#include "fiber.h"
#include "frame.h"

#define mo_fiber_is_soiled(fiber) false
#undef mo_switch_here
#define mo_switch_here(save, to)                                              \
    model_switch((struct mo_fiber *)((char *)(save)                           \
                                     - offsetof(struct mo_fiber, sp)))
#include "handle.h"
#include "leave.h"

struct model_task {
    struct mo_worker worker;
    struct mo_fiber fiber, loop;
    struct moirai_task task;
    struct mo_forks forks;
    int error;
    uint32_t ready;                 /* it may go on */
    uint32_t left;                  /* a commit is to be done */
    bool apart;                     /* by model_loop */
};

static struct model_task model_tasks[MODEL_THREADS];
static struct moirai_runtime model_runtime;
static struct moirai_scope model_scope;
static struct moirai_site model_site;
static struct mo_worker *model_workers[MODEL_THREADS];

static __attribute__((no_sanitize("thread")))
void model_switch(struct mo_fiber *from)
{
    struct model_task *task = (struct model_task *)
        ((char *)from - offsetof(struct model_task, fiber));
    struct mo_worker *w = &task->worker;

    if (task->apart) {
        model_may_take(&task->left, 0, 1);
    } else {
        void (*after)(void *) = w->after;

        w->after = NULL;
        after(w->after_arg);
    }
    model_take(&task->ready, 1, 0);
    w->after = NULL;
    w->fiber = from;
    w->task = from->task;
}

/* The worker of the task of thread 0, when the task has left its stack. */
static __attribute__((unused, no_sanitize("thread"))) void model_loop(void)
{
    struct model_task *task = &model_tasks[0];
    void (*after)(void *);

    model_be(&task->worker);
    model_take(&task->left, 1, 0);
    after = task->worker.after;
    task->worker.after = NULL;
    after(task->worker.after_arg);
}

/* Lets it go, where it never waited: the thread of a model has to end. */
static __attribute__((unused)) void nothing(void *arg)
{
    (void)arg;
}

static __attribute__((unused, no_sanitize("thread")))
void model_never_left(void)
{
    model_tasks[0].worker.after = nothing;
    model_may_take(&model_tasks[0].left, 0, 1);
}

void mo_worker_ready(struct moirai_runtime *rt, struct moirai_task *task)
{
    struct model_task *it = (struct model_task *)
        ((char *)task - offsetof(struct model_task, task));

    (void)rt;
    mo_swap(&it->ready, 1);
}

/* Nobody who waited goes first. */
void mo_attend_ready(struct moirai_runtime *rt, struct moirai_task *task)
{
    mo_worker_ready(rt, task);
}

void mo_task_saw_cancel(const struct moirai_task *task)
{
    (void)task;
}

bool mo_task_handle_cancelled(const struct moirai_task *task)
{
    struct moirai_handle *handle = task->handle;

    return mo_load_seq(&handle->cancelled) != 0;
}

static __attribute__((unused)) void model_tasks_begin(void)
{
    model_be_outside();
    memset(&model_runtime, 0, sizeof model_runtime);
    memset(&model_scope, 0, sizeof model_scope);
    model_scope.runtime = &model_runtime;
    model_runtime.os = &model_os;
    model_runtime.worker_count = MODEL_THREADS;
    model_runtime.workers = model_workers;
    for (uint32_t i = 0; i < MODEL_THREADS; i++) {
        struct model_task *it = &model_tasks[i];

        memset(it, 0, offsetof(struct model_task, forks.slots[16]));
        it->ready = it->left = 0;
        it->apart = false;
        model_workers[i] = &it->worker;
        it->worker.runtime = &model_runtime;
        it->worker.fiber = &it->fiber;
        it->worker.loop = &it->loop;
        it->worker.task = it->fiber.task = &it->task;
        it->worker.errno_at = &it->error;
        it->worker.queue.alone = true;
        it->worker.timers.earliest = MOIRAI_NEVER;
        it->worker.forks = &it->forks;
        it->worker.slots = it->forks.slots;
        it->worker.hot.fork_top = it->worker.hot.fork_base = it->forks.slots;
        it->worker.hot.fork_limit = it->forks.slots + MO_FORK_SLOTS;
        it->fiber.waiter.fiber = &it->fiber;
        it->fiber.node.waiter = &it->fiber.waiter;
        it->fiber.waited = 1;
        it->task.scope = &model_scope;
        it->task.fiber = &it->fiber;
        it->task.site = &model_site;
    }
}

/* The calling thread is that task. */
static __attribute__((unused)) struct model_task *model_task(void)
{
    struct model_task *it = &model_tasks[model_self()];

    model_be(&it->worker);
    return it;
}

#endif
