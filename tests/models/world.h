/* SPDX-License-Identifier: MIT */
/*
 * world.h - what the core asks of the world, in a model.
 *
 * Includes lock.h; then taking a lock is one step that waits until it is free,
 * since spinning only adds runs: model_lock.c has the real one. Whatever else
 * of the core a model needs it defines; what it does not need may be missing.
 */
#ifndef MODEL_WORLD_H
#define MODEL_WORLD_H

#include <string.h>

#include "model.h"

#include "lock.h"

#define mo_word_lock(word) model_take((word), 0, 1)
#define mo_lock_take(lock) model_take(&(lock)->word, 0, 1)

#include "worker.h"

struct moirai_worker mo_outside[8];
static struct moirai_worker *model_worker[MODEL_THREADS + 1];

/* Who it is, unless the model says otherwise: outside. */
__attribute__((no_sanitize("thread")))
struct moirai_worker *moirai_self(void)
{
    struct moirai_worker *worker = model_worker[model_self()];

    return worker != NULL ? worker : mo_outside;
}

/* `mo_self` and `mo_here` are that worker from now on, for this thread. */
static __attribute__((unused, no_sanitize("thread")))
void model_be(struct mo_worker *worker)
{
    model_worker[model_self()] = worker != NULL ? &worker->hot : NULL;
}

static __attribute__((unused, no_sanitize("thread")))
void model_be_outside(void)
{
    memset(model_worker, 0, sizeof model_worker);
}

void mo_relax(uint32_t round)
{
    (void)round;
    model_relax();
}

void mo_os_barrier(void)
{
    model_barrier();
}

/* model_parker.c has the real ones. A time may come at any moment. */
bool mo_park(struct mo_parker *parker, int64_t until)
{
    if (until != MOIRAI_NEVER)
        return model_may_take(&parker->token, 1, 0);
    model_take(&parker->token, 1, 0);
    return true;
}

void mo_unpark(struct mo_parker *parker)
{
    mo_swap(&parker->token, 1);
}

static void parker_init(struct mo_os *os, struct mo_parker *parker)
{
    (void)os;
    mo_store_relaxed(&parker->token, 0);
}

static uint32_t choose_first(struct mo_os *os, uint32_t n)
{
    (void)os;
    (void)n;
    return 0;
}

static struct mo_os model_os = { .parker_init = parker_init,
                                 .choose = choose_first };

struct mo_os *mo_os_here(void)
{
    return &model_os;
}

/* No runtime is embedded. */
struct mo_parker *mo_embed_parker(void)
{
    return NULL;
}

bool mo_runtime_bereft(void)
{
    return false;
}

#endif
