/* SPDX-License-Identifier: MIT */
/*
 * local.c - task-local storage: an array per task that uses any.
 */
#include "local.h"

#include <errno.h>

#include "mem.h"
#include "worker.h"

#define ROUNDS 4                    /* PTHREAD_DESTRUCTOR_ITERATIONS */

/* drops[i] belongs to the local with index i + 1. */
static void (*drops[MO_LOCALS])(void *);
static MO_ATOMIC(uint32_t) last;

/* The local's place, giving it one if it has none; 0: there are no more. */
static uint32_t place(struct moirai_local *local)
{
    static struct mo_lock lock;
    uint32_t index = mo_load(&local->index);

    if (index != 0)
        return index;
    mo_lock_take(&lock);
    index = mo_load(&local->index);
    if (index == 0 && last < MO_LOCALS) {
        index = last + 1;
        drops[last] = local->drop;
        mo_store(&last, index);
        mo_store(&local->index, index);
    }
    mo_lock_drop(&lock);
    return index;
}

int moirai_local_set(struct moirai_local *local, void *value)
{
    struct mo_worker *w = mo_self();
    uint32_t index;

    if (w == NULL || w->task == NULL)
        return -EPERM;
    index = place(local);
    if (index == 0)
        return -ENOSPC;
    if (w->fiber->locals == NULL) {
        w->fiber->locals = mo_mem_alloc(MO_LOCALS * sizeof(void *), 16);
        if (w->fiber->locals == NULL)
            return -ENOMEM;
    }
    w->fiber->locals[index - 1] = value;
    w->fiber->used = 1;
    return 0;
}

void *moirai_local_get(const struct moirai_local *local)
{
    struct mo_worker *w = mo_self();
    uint32_t index = mo_load(&local->index);

    if (w == NULL || w->task == NULL || w->fiber->locals == NULL
        || index == 0)
        return NULL;
    return w->fiber->locals[index - 1];
}

static bool drop_round(struct mo_fiber *fiber)
{
    bool any = false;

    for (uint32_t i = 0; i < MO_LOCALS; i++) {
        void *value = fiber->locals[i];

        if (value == NULL || drops[i] == NULL)
            continue;
        fiber->locals[i] = NULL;
        drops[i](value);
        any = true;
    }
    return any;
}

void mo_local_drop(struct mo_fiber *fiber)
{
    for (int round = 0; round < ROUNDS && drop_round(fiber); round++)
        continue;
    mo_mem_free(fiber->locals);
    fiber->locals = NULL;
}
