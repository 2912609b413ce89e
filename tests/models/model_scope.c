/* SPDX-License-Identifier: MIT */
/*
 * model_scope.c - a scope is over when its last task is, and goes then.
 *
 * About: core/scope.c.
 */
#include "tasks.h"

#include "scope.c"
#include "timer.c"
#include "wait.c"

static struct moirai_scope scope;
static uint32_t written[2];         /* by its tasks; plain */

static void begin(void)
{
    model_tasks_begin();
    mo_scope_init(&scope, &model_runtime, NULL);
    scope.live = 2;                 /* one task and the owner */
    memset(written, 0, sizeof written);
    model_tasks[0].apart = true;
}

static void begin_two(void)
{
    begin();
    scope.live = 3;
}

static void end_scope(void)
{
    model_task();
    moirai_scope_end(&scope);
    model_gone(&scope, sizeof scope);
    model_gone(written, sizeof written);
    model_never_left();
}

/* The same by a plain thread. */
static void end_outside(void)
{
    moirai_scope_end(&scope);
    model_gone(&scope, sizeof scope);
    model_gone(written, sizeof written);
}

static void leave_first(void)
{
    model_task();
    written[0] = 1;
    mo_scope_leave(&scope, 1);
}

static void leave_second(void)
{
    model_task();
    written[1] = 1;
    mo_scope_leave(&scope, 1);
}

const struct model models[] = {
    { "one task", begin, { end_scope, model_loop, leave_first }, NULL },
    { "two tasks", begin_two,
      { end_scope, model_loop, leave_first, leave_second }, NULL, 3 },
    { "of a thread", begin_two,
      { end_outside, leave_first, leave_second }, NULL },
    { NULL, NULL, { NULL }, NULL }
};
