/* SPDX-License-Identifier: MIT */
/*
 * model_idle.c - workers that go to sleep, and who gives them something: no
 * task is left lying while all sleep, and no deadline is missed.
 *
 * About: core/idle.c.
 */
#include "tasks.h"

/* A time that is waited for comes, if nobody comes before. */
static int64_t model_time;

static bool park_until(struct mo_parker *parker, int64_t until)
{
    bool came = mo_park(parker, until);

    if (!came)
        model_time = until;
    return came;
}

#define mo_park park_until
#include "idle.c"
#include "timer.c"

static uint32_t queued;             /* tasks anybody may take; atomic */
static uint32_t taken;
static uint32_t fired;              /* plain; guarded by the timers' lock */
static struct moirai_timer timer;
static struct moirai_timer other;   /* that comes earlier, if at all */

/* As a scheduler's. */
bool mo_worker_sees_work(struct mo_worker *w)
{
    (void)w;
    return mo_load(&queued) != 0;
}

uint32_t mo_topo_workers(void)
{
    return 2;
}

/* There is nothing to tidy up. */
int64_t mo_tidy_due(const struct mo_worker *w)
{
    (void)w;
    return MOIRAI_NEVER;
}

void mo_tidy(struct mo_worker *w)
{
    (void)w;
}

/* No backend is open. */
void mo_io_sleep(struct mo_worker *w, int64_t until)
{
    (void)w;
    (void)until;
}

size_t mo_io_release(struct mo_worker *w)
{
    (void)w;
    return 0;
}

static int64_t now(struct mo_os *os)
{
    (void)os;
    return model_time;
}

static void begin(void)
{
    model_tasks_begin();
    model_os.now = now;
    queued = taken = fired = 0;
    model_time = 0;
    memset(&timer, 0, sizeof timer);
    memset(&other, 0, sizeof other);
    mo_idle_init(&model_runtime);
    model_runtime.worker_count = 2;
}

/* Takes one of those queued, as thieves do. */
static bool take(void)
{
    uint32_t n = mo_load(&queued);

    while (n != 0)
        if (mo_cas(&queued, &n, n - 1))
            return true;
    return false;
}

/* A worker, until it has got something to do. */
static void work(void)
{
    struct mo_worker *w = &model_task()->worker;

    while (!take()) {
        if (mo_idle_search(w) && take())
            break;
        mo_idle_sleep(w);
    }
    mo_idle_found(w);
}

static void push(void)
{
    mo_add(&queued, 1);
    mo_idle_notify(&model_runtime);
}

static void push_two(void)
{
    push();
    push();
}

static void fire(struct moirai_timer *it)
{
    fired += it == &timer;
}

static void begin_timers(void)
{
    begin();
    mo_lock_take(&model_workers[1]->timers.lock);
    mo_timer_insert(&model_workers[1]->timers, &other, 3, fire);
    mo_lock_drop(&model_workers[1]->timers.lock);
}

/* A worker that has nothing to do, until the timer has fired. */
static void sleep_until_fired(void)
{
    struct mo_worker *w = &model_task()->worker;

    while (fired == 0)
        mo_idle_sleep(w);
}

/* By another worker, which is busy. */
static void arm(void)
{
    model_task();
    mo_timer_arm(model_workers[1], &timer, 5, fire);
}

static void disarm_and_arm(void)
{
    model_task();
    mo_timer_disarm(&other);
    mo_timer_arm(model_workers[1], &timer, 5, fire);
}

static void end(void)
{
    MODEL_CHECK(queued == 0);
}

const struct model models[] = {
    { "one task, one worker", begin, { work, push }, end },
    { "two tasks, two workers", begin, { work, work, push_two }, end, 1 },
    { "two who push", begin, { work, work, push, push }, end, 1 },
    { "a timer", begin, { sleep_until_fired, arm }, NULL },
    { "an earlier timer that goes", begin_timers,
      { sleep_until_fired, disarm_and_arm }, NULL, 2 },
    { NULL, NULL, { NULL }, NULL }
};
