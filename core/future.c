/* SPDX-License-Identifier: MIT */
/*
 * future.c - completed once, waited for by many.
 *
 * Who moves the state from EMPTY fills it in, without a lock; COMPLETE is what
 * others look at before they read. The gate is for those who have to wait: it
 * is opened after that, while the completer still has his reference.
 */
#include "future.h"

#include <errno.h>
#include <string.h>

#include "gate.h"
#include "mem.h"
#include "worker.h"

int moirai_future_make(size_t size, void (*destroy)(void *value),
                       struct moirai_future **future)
{
    struct moirai_future *f = NULL;

    if (size <= SIZE_MAX - sizeof *f)
        f = mo_mem_alloc(sizeof *f + size, _Alignof(struct moirai_future));
    if (f == NULL)
        return -ENOMEM;
    memset(f, 0, sizeof *f);
    f->references = 2;
    f->size = size;
    f->destroy = destroy;
    *future = f;
    return 0;
}

struct moirai_future *moirai_future_get(struct moirai_future *future)
{
    mo_add(&future->references, 1);
    return future;
}

void moirai_future_put(struct moirai_future *future)
{
    if (future == NULL)
        return;
    mo_race_release(&future->references);
    if (mo_sub(&future->references, 1) != 1)
        return;
    mo_race_acquire(&future->references);
    if (future->destroy != NULL && moirai_future_value(future) != NULL)
        future->destroy(future->value);
    mo_mem_free(future);
}

static int complete(struct moirai_future *future, const void *value, int error)
{
    uint32_t state = MO_FUTURE_EMPTY;
    int rc = -EALREADY;

    if (mo_cas(&future->state, &state, MO_FUTURE_FILLING)) {
        future->error = error;
        if (value != NULL && future->size > 0)
            memcpy(future->value, value, future->size);
        else
            memset(future->value, 0, future->size);
        mo_race_release(&future->state);
        mo_store(&future->state, MO_FUTURE_COMPLETE);
        mo_gate_open(&future->gate);
        rc = 0;
    }
    moirai_future_put(future);
    return rc;
}

int moirai_future_set(struct moirai_future *future, const void *value)
{
    return complete(future, value, 0);
}

int moirai_future_fail(struct moirai_future *future, int error)
{
    if (error >= 0)
        error = error > 0 ? -error : -ECANCELED;
    return complete(future, NULL, error);
}

static bool is_complete(struct moirai_future *future)
{
    if (mo_load(&future->state) != MO_FUTURE_COMPLETE)
        return false;
    mo_race_acquire(&future->state);
    return true;
}

int moirai_future_wait(struct moirai_future *future, int64_t deadline_ns,
                       void *value)
{
    int rc = 0;

    if (!is_complete(future))
        rc = mo_gate_wait(&future->gate, MO_WAIT_FUTURE, future, deadline_ns);
    if (rc == 0)
        rc = future->error;
    if (rc == 0 && value != NULL && future->size > 0)
        memcpy(value, future->value, future->size);
    return rc;
}

void *moirai_future_value(struct moirai_future *future)
{
    return is_complete(future) && future->error == 0 ? future->value : NULL;
}
