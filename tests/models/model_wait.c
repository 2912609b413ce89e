/* SPDX-License-Identifier: MIT */
/*
 * model_wait.c - one wait, and all who may end it: who makes it true, a
 * cancellation, the time; and who only looks. One of them does, and nobody
 * touches what the task had lent once it has gone on.
 *
 * About: core/wait.c, core/timer.c, core/task.h, core/leave.h, core/scope.c.
 */
#include "tasks.h"

#include "scope.c"
#include "timer.c"
#include "wait.c"

static struct {                     /* what is waited for */
    uint32_t lock;
    bool done;
    struct mo_queue queue;
} object;

void mo_idle_deadline(struct moirai_runtime *rt, int64_t deadline_ns)
{
    (void)rt;
    (void)deadline_ns;
}

static void begin(void)
{
    model_tasks_begin();
    memset(&object, 0, sizeof object);
    model_tasks[0].apart = true;
    mo_scope_link(&model_scope, &model_tasks[0].fiber);
}

/* It would wait again; then its memory is somebody else's. */
static void end_task(struct model_task *task)
{
    task->fiber.waiter.object = NULL;
    mo_scope_unlink(&model_scope, &task->fiber);
    model_gone(&task->fiber.waiter, sizeof task->fiber.waiter);
    model_gone(&task->fiber.node, sizeof task->fiber.node);
}

static int await(bool masked, int64_t deadline_ns)
{
    struct model_task *task = model_task();
    struct mo_node *node = &task->fiber.node;
    struct mo_wait how = { .waiter = node->waiter, .kind = MO_WAIT_EVENT,
                           .masked = masked, .object = &object,
                           .deadline_ns = deadline_ns, .lock = &object.lock };
    int rc = 0;

    mo_word_lock(&object.lock);
    if (object.done) {
        mo_word_unlock(&object.lock);
        model_never_left();
    } else {
        mo_queue_add(&object.queue, node);
        rc = mo_wait(&how);
        mo_word_lock(&object.lock);
        if (mo_queue_holds(&object.queue, node))
            mo_queue_remove(&object.queue, node);
        mo_word_unlock(&object.lock);
    }
    end_task(task);
    return rc;
}

static void await_for_ever(void)
{
    int rc = await(false, MOIRAI_NEVER);

    MODEL_CHECK(rc == 0 || rc == -ECANCELED);
}

static void await_masked(void)
{
    MODEL_CHECK(await(true, MOIRAI_NEVER) == 0);
}

static void await_timed(void)
{
    int rc = await(false, 1);

    MODEL_CHECK(rc == 0 || rc == -ETIMEDOUT);
}

static void await_time_or_cancel(void)
{
    int rc = await(false, 1);

    MODEL_CHECK(rc == -ECANCELED || rc == -ETIMEDOUT);
}

static void make_true(void)
{
    struct mo_node *node;
    struct mo_waiter *waiter = NULL;

    model_task();
    mo_word_lock(&object.lock);
    object.done = true;
    node = object.queue.first;
    if (node != NULL) {
        mo_queue_remove_first(&object.queue);
        if (mo_wait_claim(node->waiter))
            waiter = node->waiter;
    }
    mo_word_unlock(&object.lock);
    if (waiter != NULL)
        mo_wait_end(waiter, 0);
}

static void cancel_it(void)
{
    model_task();
    moirai_scope_cancel(&model_scope);
}

/* A worker that looks after the timers, once. */
static void time_comes(void)
{
    model_task();
    mo_timers_run(&model_tasks[0].worker, 2);
}

/* As a dump does; what keeps the task there is the scope's lock. */
static void look_at_it(void)
{
    struct mo_waiter *waiter = &model_tasks[0].fiber.waiter;

    mo_word_lock(&model_scope.fibers_lock);
    if (model_scope.fibers != NULL && mo_wait_hold(waiter)) {
        MODEL_CHECK(waiter->object == &object);
        mo_wait_release(waiter);
    }
    mo_word_unlock(&model_scope.fibers_lock);
}

const struct model models[] = {
    { "made true", begin, { await_for_ever, model_loop, make_true }, NULL },
    { "made true or cancelled", begin,
      { await_for_ever, model_loop, make_true, cancel_it }, NULL, 3 },
    { "cancelled", begin, { await_for_ever, model_loop, cancel_it }, NULL },
    { "cancelled, and looked at", begin,
      { await_for_ever, model_loop, cancel_it, look_at_it }, NULL, 2 },
    { "masked", begin, { await_masked, model_loop, make_true, cancel_it }, NULL,
      2 },
    { "made true in time or not", begin,
      { await_timed, model_loop, make_true, time_comes }, NULL, 2 },
    { "timed and cancelled", begin,
      { await_time_or_cancel, model_loop, cancel_it, time_comes }, NULL, 2 },
    { NULL, NULL, { NULL }, NULL }
};
