/* SPDX-License-Identifier: MIT */
/*
 * model_mutex.c - a mutex: one owner at a time, nobody forgotten, and its
 * memory goes with whoever unlocks it last.
 *
 * About: core/sync.c.
 */
#include "tasks.h"

#include "sync.c"
#include "wait.c"

/* Its tasks have no priorities. */
static const struct moirai_sched_ops unranked;

bool mo_inherit_awaited(const struct moirai_mutex *mutex)
{
    (void)mutex;
    return false;
}

void mo_inherit_drop(const struct mo_waiter *waiter)
{
    (void)waiter;
}

static struct {
    struct moirai_mutex mutex;
    uint32_t left;                  /* guarded by it */
} shared;

static void begin_with(uint32_t n)
{
    model_tasks_begin();
    model_runtime.sched = &unranked;
    memset(&shared, 0, sizeof shared);
    shared.left = n;
}

static void begin_two(void)
{
    begin_with(2);
}

/* The first has it already. */
static void begin_held(void)
{
    begin_with(3);
    model_be(&model_tasks[0].worker);
    moirai_mutex_lock(&shared.mutex, MOIRAI_NEVER);
}

/* The same, after somebody waited and gave up. */
static void begin_waited(void)
{
    begin_held();
    shared.left = 2;
    shared.mutex.word |= WAITED;
}

static void finish(void)
{
    bool last = --shared.left == 0;

    MODEL_CHECK(moirai_mutex_unlock(&shared.mutex) == 0);
    if (last)
        model_gone(&shared, sizeof shared);
}

static void use(void)
{
    model_task();
    MODEL_CHECK(moirai_mutex_lock(&shared.mutex, MOIRAI_NEVER) == 0);
    finish();
}

static void finish_it(void)
{
    model_task();
    finish();
}

/* It fails holding the mutex. */
static void fail(void)
{
    struct model_task *task = model_task();
    int rc = moirai_mutex_lock(&shared.mutex, MOIRAI_NEVER);

    MODEL_CHECK(rc == 0);
    shared.left--;
    mo_mutex_pass_on(&task->fiber);
}

static void use_after_failure(void)
{
    int rc;

    model_task();
    rc = moirai_mutex_lock(&shared.mutex, MOIRAI_NEVER);
    MODEL_CHECK(rc == 0 || rc == -EOWNERDEAD);
    MODEL_CHECK((rc == -EOWNERDEAD) == (shared.left == 1));
    MODEL_CHECK(moirai_mutex_unlock(&shared.mutex) == 0);
}

static void try(void)
{
    model_task();
    if (moirai_mutex_lock(&shared.mutex, MOIRAI_NOW) == 0) {
        shared.left++;
        shared.left--;
        moirai_mutex_unlock(&shared.mutex);
    }
}

const struct model models[] = {
    { "two users, and it goes", begin_two, { use, use }, NULL },
    { "two who wait for one", begin_held, { finish_it, use, use }, NULL, 2 },
    { "an owner that fails", begin_two, { fail, use_after_failure }, NULL },
    { "one who tries", begin_held, { finish_it, try }, NULL },
    { "one gave up, and it goes", begin_waited, { finish_it, use }, NULL },
    { NULL, NULL, { NULL }, NULL }
};
