/* SPDX-License-Identifier: MIT */
/*
 * model_gate.c - what opens, and wakes all: the gate may go with who was woken.
 * And a select on two of them, which goes on with one.
 *
 * About: core/gate.c, core/select.c, core/wait.c, core/wait.h.
 */
#include "tasks.h"

#include "event.c"
#include "gate.c"
#include "timer.c"
#include "wait.c"
#include "select.c"

static struct moirai_event event[2];
static uint32_t told[2];            /* before it was set; plain */
static struct moirai_case cases[2];

void mo_idle_deadline(struct moirai_runtime *rt, int64_t deadline_ns)
{
    (void)rt;
    (void)deadline_ns;
}

static void begin(void)
{
    model_tasks_begin();
    memset(event, 0, sizeof event);
    memset(told, 0, sizeof told);
    memset(cases, 0, sizeof cases);
    cases[0] = (struct moirai_case)MOIRAI_ON_EVENT(&event[0]);
    cases[1] = (struct moirai_case)MOIRAI_ON_EVENT(&event[1]);
}

static void begin_apart(void)
{
    begin();
    model_tasks[0].apart = true;
}

static void set(uint32_t i)
{
    told[i] = 1;
    moirai_event_set(&event[i]);
}

static void set_first(void)
{
    model_task();
    set(0);
}

static void set_second(void)
{
    model_task();
    set(1);
}

static void await_and_free(void)
{
    model_task();
    MODEL_CHECK(moirai_event_wait(&event[0], MOIRAI_NEVER) == 0);
    MODEL_CHECK(told[0] == 1);
    model_gone(&event[0], sizeof event[0]);
    model_never_left();
}

static void await(void)
{
    model_task();
    MODEL_CHECK(moirai_event_wait(&event[0], MOIRAI_NEVER) == 0);
    MODEL_CHECK(told[0] == 1);
}

/* A plain thread, whose time may come at any moment. */
static void await_or_not(void)
{
    int rc = moirai_event_wait(&event[0], 1);

    MODEL_CHECK(rc == -ETIMEDOUT || (rc == 0 && told[0] == 1));
}

static void selected(int64_t which)
{
    MODEL_CHECK(which == 0 || which == 1);
    MODEL_CHECK(told[which] == 1);
    model_gone(cases, sizeof cases);
    model_never_left();
}

static void select_both(void)
{
    struct moirai_order order = { .size = sizeof order,
                                  .kind = MOIRAI_IN_ORDER };

    model_task();
    selected(moirai_select_by(&order, cases, 2, MOIRAI_NEVER));
}

/* The same by a plain thread. */
static void select_both_outside(void)
{
    struct moirai_order order = { .size = sizeof order,
                                  .kind = MOIRAI_IN_ORDER };
    int64_t which = moirai_select_by(&order, cases, 2, MOIRAI_NEVER);

    MODEL_CHECK(which >= 0 && told[which] == 1);
    model_gone(cases, sizeof cases);
}

const struct model models[] = {
    { "set, and gone", begin_apart,
      { await_and_free, model_loop, set_first }, NULL },
    { "two who wait", begin, { await, await, set_first }, NULL, 3 },
    { "for a time", begin, { await_or_not, set_first }, NULL },
    { "a select of two", begin_apart,
      { select_both, model_loop, set_first, set_second }, NULL, 2 },
    { "a thread's select of two", begin,
      { select_both_outside, set_first, set_second }, NULL, 3 },
    { NULL, NULL, { NULL }, NULL }
};
