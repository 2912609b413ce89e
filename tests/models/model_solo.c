/* SPDX-License-Identifier: MIT */
/*
 * model_solo.c - the only worker ends a wait of its own channel as if it was
 * alone, while another thread, which has frozen it, may cancel that: one of the
 * two ends it.
 *
 * About: core/single.c, core/wait.c.
 */
#include "tasks.h"

#include "single.c"
#include "wait.c"

static struct mo_chan channel;
static struct moirai_deque deque;
static struct {
    struct moirai_deque_array head;
    moirai_deque_slot slots[8];
} array;
static struct mo_lent lent;
static uint64_t from, to;
static bool met, cancelled;         /* who has ended it; plain */

#define WAITING (&model_tasks[2])

static void begin(void)
{
    struct mo_fiber *fiber = &WAITING->fiber;

    model_tasks_begin();
    memset(&channel, 0, sizeof channel);
    memset(&deque, 0, sizeof deque);
    memset(&array, 0, sizeof array);
    array.head.mask = 7;
    deque.array = &array.head;
    model_runtime.owning = true;
    channel.owner = model_workers[0];
    channel.bytes = sizeof from;
    model_workers[0]->solo = &deque;
    to = 0;
    from = 7;
    met = cancelled = false;
    lent = (struct mo_lent){ .at = (char *)&to, .left = 1, .least = 1 };
    fiber->node.message = &lent;
    mo_queue_add(&channel.receivers, &fiber->node);
    fiber->waiter.solo = true;
    fiber->waiter.claim = MO_CLAIM_OPEN;
}

/* What send_meets does with the oldest receiver. */
static void meet_it(void)
{
    struct mo_worker *w = &model_task()->worker;
    struct mo_waiter *waiter = &WAITING->fiber.waiter;

    MODEL_CHECK(mo_chan_enter(&channel, w));
    if (is_solo(w, &channel.receivers)) {
        meet_solo(w, &channel, &channel.receivers, NULL, &from);
        met = true;
        return;
    }
    met = mo_wait_claim_quick(waiter);
    if (met)
        waiter->result = 0;
    mo_store(&w->inside, 0);
}

/* A thread, as moirai_scope_cancel does. */
static void cancel_it(void)
{
    mo_wait_freeze(&model_runtime);
    cancelled = mo_wait_cancel(&WAITING->fiber.waiter);
    mo_wait_thaw(&model_runtime);
}

static void end(void)
{
    MODEL_CHECK(met != cancelled);
    MODEL_CHECK(WAITING->fiber.waiter.result == (met ? 0 : -ECANCELED));
}

const struct model models[] = {
    { "met or cancelled", begin, { meet_it, cancel_it }, end },
    { NULL, NULL, { NULL }, NULL }
};
