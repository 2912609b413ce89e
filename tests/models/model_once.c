/* SPDX-License-Identifier: MIT */
/*
 * model_once.c - done by the first, or by the next if he gives up; and a value
 * that is set once, waited for, and gone with who puts it last.
 *
 * About: core/once.c, core/future.c.
 */
#include "tasks.h"

#include "future.c"
#include "gate.c"
#include "wait.c"

#undef YOURS
#define await await_once
#define pass_on pass_on_once
#include "once.c"
#undef await

static struct moirai_once once;
static uint32_t done;               /* plain: by whom it was done, + 1 */
static uint32_t tries;
static _Alignas(16) char memory[256];

void *mo_owner_self(void)
{
    return mo_here()->fiber;
}

void moirai_cleanup_push(struct moirai_cleanup *cleanup, void (*fn)(void *),
                         void *arg)
{
    (void)cleanup;
    (void)fn;
    (void)arg;
}

void moirai_cleanup_pop(struct moirai_cleanup *cleanup, bool run)
{
    (void)cleanup;
    (void)run;
}

void *mo_mem_alloc(size_t size, size_t align)
{
    (void)align;
    MODEL_CHECK(size <= sizeof memory);
    return memory;
}

void mo_mem_free(void *p)
{
    model_gone(p, sizeof memory);
}

static void begin(void)
{
    model_tasks_begin();
    memset(&once, 0, sizeof once);
    done = tries = 0;
}

static int do_it_well(void *arg)
{
    (void)arg;
    MODEL_CHECK(done == 0);
    done = 1 + model_self();
    return 0;
}

/* The first gives up. */
static int try_it(void *arg)
{
    (void)arg;
    return tries++ == 0 ? -EINVAL : do_it_well(arg);
}

static void need(void)
{
    model_task();
    MODEL_CHECK(moirai_once_do(&once, do_it_well, NULL, MOIRAI_NEVER) == 0);
    MODEL_CHECK(done != 0);
}

static void need_or_not(void)
{
    int rc;

    model_task();
    rc = moirai_once_do(&once, try_it, NULL, MOIRAI_NEVER);
    if (rc == 0)
        MODEL_CHECK(done != 0);
    else
        MODEL_CHECK(rc == -EINVAL);
}

static struct moirai_future *future;

static void begin_future(void)
{
    model_tasks_begin();
    memset(memory, 0, sizeof memory);
    moirai_future_make(sizeof(uint64_t), NULL, &future);
}

static void set(void)
{
    uint64_t value = 5;

    model_task();
    MODEL_CHECK(moirai_future_set(future, &value) == 0);
}

static void wait_and_put(void)
{
    uint64_t value = 0;

    model_task();
    MODEL_CHECK(moirai_future_wait(future, MOIRAI_NEVER, &value) == 0);
    MODEL_CHECK(value == 5);
    moirai_future_put(future);
}

static void begin_two(void)
{
    begin_future();
    moirai_future_get(future);
}

static void look_and_put(void)
{
    const uint64_t *value = moirai_future_value(future);

    MODEL_CHECK(value == NULL || *value == 5);
    moirai_future_put(future);
}

const struct model models[] = {
    { "done once", begin, { need, need }, NULL },
    { "for three", begin, { need, need, need }, NULL, 2 },
    { "given up", begin, { need_or_not, need_or_not }, NULL },
    { "a future", begin_future, { wait_and_put, set }, NULL },
    { "a future for two", begin_two, { wait_and_put, set, look_and_put },
      NULL, 3 },
    { NULL, NULL, { NULL }, NULL }
};
