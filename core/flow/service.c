/* SPDX-License-Identifier: MIT */
/*
 * service.c - a call through layers.
 *
 * Each layer gets a copy of the call, in the frame of the one outside of it: so
 * what one changes is seen by those inside only, and a layer that calls on
 * several times calls the same each time.
 */
#include <moirai/service.h>

#include <errno.h>

#include <moirai/scope.h>

#include "worker.h"

static int call_on(void *call)
{
    return moirai_call_on(call);
}

static void narrow(struct moirai_call *call, int64_t ns)
{
    int64_t deadline = moirai_after(ns);

    if (deadline < call->deadline_ns)
        call->deadline_ns = deadline;
}

/* --- layers -------------------------------------------------------------- */

struct apart {
    struct moirai_call *call;
    int rc;
};

static int call_apart(void *arg)
{
    struct apart *apart = arg;

    apart->rc = moirai_call_on(apart->call);
    return 0;
}

/* A task can be given a deadline only when it begins, so it takes another. If
 * it fails, or never begins, the scope's error says so. */
static int time_out(struct moirai_call *call)
{
    struct apart apart = { call, 0 };
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_scope scope;
    int ended;
    int rc;

    if (mo_self() == NULL)
        return moirai_call_on(call);
    rc = moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    if (rc != 0)
        return rc;
    attr.name = "service";
    attr.deadline_ns = call->deadline_ns;
    rc = moirai_spawn_with(&scope, call_apart, &apart, &attr, NULL);
    ended = moirai_scope_end(&scope);
    return rc != 0 ? rc : apart.rc != 0 ? apart.rc : ended;
}

static int try_again(const struct moirai_call *call,
                     const struct moirai_retry_policy *policy)
{
    struct moirai_retry retry;
    int rc = moirai_retry_begin(&retry, policy, call->deadline_ns);

    if (rc != 0)
        return rc;
    do {
        rc = moirai_call_on(call);
    } while (moirai_retry_again(&retry, &rc));
    return rc;
}

static void release(void *limit)
{
    moirai_limit_release(limit, 1);
}

/* What is not held is not given back: that is nothing to other limits. */
static int take_turn(const struct moirai_call *call,
                     struct moirai_limit *limit)
{
    bool task = mo_self() != NULL;
    struct moirai_cleanup cleanup;
    int rc = moirai_limit_acquire(limit, 1, call->deadline_ns);

    if (rc != 0)
        return rc;
    if (task)
        moirai_cleanup_push(&cleanup, release, limit);
    rc = moirai_call_on(call);
    if (task)
        moirai_cleanup_pop(&cleanup, false);
    release(limit);
    return rc;
}

static int tell(const struct moirai_call *call,
                const struct moirai_layer *layer)
{
    int64_t since = moirai_now();
    int rc = moirai_call_on(call);

    layer->does.trace(call, rc, moirai_now() - since, layer->with);
    return rc;
}

static int do_layer(struct moirai_call *call, const struct moirai_layer *layer)
{
    switch (layer->kind) {
    case MOIRAI_LAYER_FN:
        return layer->does.fn(call, layer->with);
    case MOIRAI_LAYER_DEADLINE:
        narrow(call, layer->ns);
        return moirai_call_on(call);
    case MOIRAI_LAYER_TIMEOUT:
        narrow(call, layer->ns);
        return time_out(call);
    case MOIRAI_LAYER_RETRY:
        return try_again(call, layer->with);
    case MOIRAI_LAYER_LIMIT:
        return take_turn(call, layer->with);
    case MOIRAI_LAYER_BREAKER:
        return moirai_breaker_run(layer->with, call_on, call);
    default:
        return tell(call, layer);
    }
}

/* --- calls --------------------------------------------------------------- */

static bool is_whole(const struct moirai_layer *layer)
{
    if (layer->size != sizeof *layer)
        return false;
    switch (layer->kind) {
    case MOIRAI_LAYER_FN:
        return layer->does.fn != NULL;
    case MOIRAI_LAYER_TRACE:
        return layer->does.trace != NULL;
    case MOIRAI_LAYER_DEADLINE:
    case MOIRAI_LAYER_TIMEOUT:
        return layer->ns >= 0;
    case MOIRAI_LAYER_RETRY:
        return true;
    case MOIRAI_LAYER_LIMIT:
    case MOIRAI_LAYER_BREAKER:
        return layer->with != NULL;
    default:
        return false;
    }
}

int moirai_call_on(const struct moirai_call *call)
{
    const struct moirai_service *service = call->service;
    struct moirai_call inner = *call;

    if (call->layer == service->n)
        return service->fn(call->request, call->reply, call->deadline_ns,
                           service->arg);
    inner.layer++;
    return do_layer(&inner, &service->layers[call->layer]);
}

int moirai_service_call(const struct moirai_service *service,
                        const void *request, void *reply, int64_t deadline_ns)
{
    struct moirai_call call = { request, reply, deadline_ns, service, 0 };

    if (service->fn == NULL || (service->layers == NULL && service->n != 0))
        return -EINVAL;
    for (size_t i = 0; i < service->n; i++)
        if (!is_whole(&service->layers[i]))
            return -EINVAL;
    return moirai_call_on(&call);
}
