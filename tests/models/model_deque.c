/* SPDX-License-Identifier: MIT */
/*
 * model_deque.c - the deque of moirai/deque.h: each task is taken once, by
 * somebody who sees all that its pusher did.
 *
 * About: include/moirai/deque.h.
 */
#include "model.h"

#include <string.h>

#include <moirai/deque.h>

#define TASKS 4

static struct moirai_deque deque;
static struct moirai_task tasks[TASKS];
static _Alignas(MOIRAI_DEQUE_LINE) char memory[4][512];
static uint32_t allocated;
static uint32_t pushed;
static uint32_t taken[TASKS];       /* how often */

static void *alloc(void *ctx, size_t size, size_t align)
{
    (void)ctx;
    (void)align;
    MODEL_CHECK(size <= sizeof memory[0] && allocated < 4);
    return memory[allocated++];
}

static struct moirai_host host = { .alloc = alloc };

static void begin_with(int64_t slots)
{
    memset(&deque, 0, sizeof deque);
    memset(memory, 0, sizeof memory);
    memset(taken, 0, sizeof taken);
    memset(tasks, 0, sizeof tasks);
    allocated = pushed = 0;
    moirai_deque_init(&deque, &host, slots);
}

static void begin_small(void)
{
    begin_with(1);
}

static void begin(void)
{
    begin_with(2);
}

static void push(void)
{
    struct moirai_task *task = &tasks[pushed++];

    task->arg = task;
    MODEL_CHECK(moirai_deque_push(&deque, task));
}

static void run(struct moirai_task *task)
{
    if (task == NULL)
        return;
    MODEL_CHECK(task->arg == task);
    MODEL_CHECK(taken[task - tasks]++ == 0);
}

static void take(void)
{
    run(moirai_deque_take(&deque));
}

static void steal(void)
{
    struct moirai_task *task;

    if (moirai_deque_steal(&deque, &task))
        run(task);
}

static void end(void)
{
    struct moirai_task *task;

    while ((task = moirai_deque_take(&deque)) != NULL)
        run(task);
    for (uint32_t i = 0; i < pushed; i++)
        MODEL_CHECK(taken[i] == 1);
}

static void push_take_push_take(void)
{
    push();
    take();
    push();
    take();
}

static void push_two_take_two(void)
{
    push();
    push();
    take();
    take();
}

static void push_two_take_one(void)
{
    push();
    push();
    take();
}

static void push_three(void)
{
    push();
    push();
    push();
}

static void push_and_take_oldest(void)
{
    push();
    push();
    run(moirai_deque_take_oldest(&deque));
}

static void push_again_where_one_was(void)
{
    push();
    take();
    push();
    push();
}

static void steal_two(void)
{
    steal();
    steal();
}

const struct model models[] = {
    { "the last one, again and again", begin,
      { push_take_push_take, steal }, end },
    { "the last two, for two thieves", begin,
      { push_two_take_one, steal, steal }, end },
    { "the last two", begin, { push_two_take_two, steal_two }, end },
    { "growing", begin_small, { push_three, steal_two }, end },
    { "a slot that is used again", begin_small,
      { push_again_where_one_was, steal_two }, end },
    { "the oldest", begin, { push_and_take_oldest, steal }, end },
    { NULL, NULL, { NULL }, NULL }
};
