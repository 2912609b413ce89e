/* SPDX-License-Identifier: MIT */
/*
 * model_frame.c - forks, their thieves and their joins: each fork is run once,
 * and a join sees all that it did.
 *
 * About: core/frame.c, include/moirai/fork.h.
 */
#include "tasks.h"

#include "frame.c"
#define announce announce_wait
#include "wait.c"
#undef announce

#define FORKS 3

static struct {
    struct moirai_frame frame;
    uint32_t ran;                   /* plain */
    uint32_t input;
} forks[FORKS];
static struct mo_sim *const some_sim = (struct mo_sim *)&forks;

void mo_idle_notify(struct moirai_runtime *rt)
{
    (void)rt;
}

void mo_task_forks(struct moirai_task *task)
{
    (void)task;
}

void mo_task_leave_fiber(struct mo_worker *w, struct moirai_task *task)
{
    (void)w;
    (void)task;
}

static void begin(void)
{
    model_tasks_begin();
    memset(forks, 0, sizeof forks);
    model_runtime.worker_count = 2;
    model_os.sim = some_sim;        /* a join does not spin first */
    for (uint32_t i = 0; i < MODEL_THREADS; i++)
        mo_frame_init(&model_tasks[i].worker, &model_tasks[i].forks);
}

static void begin_apart(void)
{
    begin();
    model_tasks[0].apart = true;
}

static int body(void *arg)
{
    uint32_t i = (uint32_t)(uintptr_t)arg;

    MODEL_CHECK(forks[i].input == i + 1);
    MODEL_CHECK(forks[i].ran++ == 0);
    return (int)i;
}

static void fork_one(uint32_t i)
{
    forks[i].input = i + 1;
    moirai_fork(&forks[i].frame, body, (void *)(uintptr_t)i);
}

static void join_one(uint32_t i)
{
    MODEL_CHECK(moirai_join(&forks[i].frame) == (int)i);
    MODEL_CHECK(forks[i].ran == 1);
    model_gone(&forks[i], sizeof forks[i]);
}

static void fork_and_join(void)
{
    model_task();
    fork_one(0);
    join_one(0);
    model_never_left();
}

static void fork_two(void)
{
    model_task();
    fork_one(0);
    fork_one(1);
    join_one(1);
    join_one(0);
    model_never_left();
}

/* The slot of the second is used again. */
static void fork_again(void)
{
    model_task();
    fork_one(0);
    join_one(0);
    fork_one(1);
    join_one(1);
}

static void run(struct mo_worker *w, struct moirai_frame *frame)
{
    mo_frame_finish(w, frame, frame->task.fn(frame->task.arg), 0);
}

static void steal(void)
{
    struct model_task *task = model_task();
    struct moirai_frame *frame = mo_frame_steal(&task->worker,
                                                &model_tasks[0].worker);

    if (frame != NULL)
        run(&task->worker, frame);
}

const struct model models[] = {
    { "one fork", begin_apart, { fork_and_join, model_loop, steal }, NULL },
    { "two forks", begin, { fork_two, steal }, NULL },
    { "a slot that is used again", begin, { fork_again, steal }, NULL },
    { "one fork, two thieves", begin, { fork_and_join, steal, steal }, NULL,
      1 },
    { NULL, NULL, { NULL }, NULL }
};
