/* SPDX-License-Identifier: MIT */
/*
 * moirai/service.h - a call with layers around it: deadlines, retries, limits,
 * breakers, traces.
 *
 *     const struct moirai_layer layers[] = {
 *         moirai_layer_trace(note, NULL),
 *         moirai_layer_retry(&policy),
 *         moirai_layer_limit(&per_second),
 *         moirai_layer_breaker(&breaker),
 *         moirai_layer_deadline(200 * MOIRAI_MS),
 *     };
 *     const struct moirai_service service = { layers, 5, ask, &connection };
 *     rc = moirai_service_call(&service, &request, &reply, deadline_ns);
 *
 * The first layer is the outermost. Each calls what is inside of it once,
 * several times, or not at all, and passes on what that returns, or something
 * else. So the order says what is meant: a deadline inside a retry is that of
 * each attempt, one outside is that of all.
 *
 * Nothing is allocated for a call, and no layer has a state of its own beyond
 * what it is given. A service is constant: tasks and plain threads may share
 * it.
 */
#ifndef MOIRAI_SERVICE_H
#define MOIRAI_SERVICE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <moirai/breaker.h>
#include <moirai/limit.h>
#include <moirai/retry.h>

#ifdef __cplusplus
extern "C" {
#endif

struct moirai_service;

/* A call on its way inwards. A layer of the program's may change what those
 * inside of it get; those outside have their own. */
struct moirai_call {
    const void *request;
    void *reply;
    int64_t deadline_ns;
    const struct moirai_service *service;   /* the core's, as is: */
    size_t layer;
};

/* What it is all about: fills *reply of *request, until the deadline. 0, or a
 * negative errno. */
typedef int moirai_service_fn(const void *request, void *reply,
                              int64_t deadline_ns, void *arg);

/* A layer of the program's: calls moirai_call_on, or does not. */
typedef int moirai_layer_fn(struct moirai_call *call, void *arg);

/* Is told that a call has ended in `rc`, and how long it took. */
typedef void moirai_trace_fn(const struct moirai_call *call, int rc,
                             int64_t ns, void *arg);

enum moirai_layer_kind {
    MOIRAI_LAYER_FN = 1, MOIRAI_LAYER_DEADLINE, MOIRAI_LAYER_TIMEOUT,
    MOIRAI_LAYER_RETRY, MOIRAI_LAYER_LIMIT, MOIRAI_LAYER_BREAKER,
    MOIRAI_LAYER_TRACE
};

/* What the function of a layer is, by its kind. */
union moirai_layer_does {
    moirai_layer_fn *fn;
    moirai_trace_fn *trace;
};

/* One layer. Made by the functions below, which borrow what they are given for
 * as long as there are calls. */
struct moirai_layer {
    uint32_t size;                  /* sizeof(struct moirai_layer) */
    uint32_t kind;                  /* enum moirai_layer_kind */
    union moirai_layer_does does;
    void *with;                     /* a limit, a breaker, a policy, an arg */
    int64_t ns;
};

/* A function, and what is around it: outermost first. */
struct moirai_service {
    const struct moirai_layer *layers;
    size_t n;
    moirai_service_fn *fn;
    void *arg;
};

/* Calls fn(request, reply, deadline, arg) through all layers. What comes out of
 * the first; -EINVAL: there is no function, or a layer is none that this
 * version knows. Can wait. */
int moirai_service_call(const struct moirai_service *service,
                        const void *request, void *reply, int64_t deadline_ns);

/* What is inside of the layer that was given this call. Can wait. */
int moirai_call_on(const struct moirai_call *call);

/* One of a kind. */
static inline struct moirai_layer moirai_layer_of(uint32_t kind, void *with,
                                                  int64_t ns)
{
    struct moirai_layer layer;

    memset(&layer, 0, sizeof layer);
    layer.size = sizeof layer;
    layer.kind = kind;
    layer.with = with;
    layer.ns = ns;
    return layer;
}

/* What the program does there. */
static inline struct moirai_layer moirai_layer_fn_of(moirai_layer_fn *fn,
                                                     void *arg)
{
    struct moirai_layer layer = moirai_layer_of(MOIRAI_LAYER_FN, arg, 0);

    layer.does.fn = fn;
    return layer;
}

/* The deadline is ns from now, if it was later: for functions that heed it. */
static inline struct moirai_layer moirai_layer_deadline(int64_t ns)
{
    return moirai_layer_of(MOIRAI_LAYER_DEADLINE, NULL, ns);
}

/* The same, and all waits in there end then, for functions that do not: the
 * call is made in a task of its own. On a plain thread it is only the same. */
static inline struct moirai_layer moirai_layer_timeout(int64_t ns)
{
    return moirai_layer_of(MOIRAI_LAYER_TIMEOUT, NULL, ns);
}

/* As moirai_retry_run. */
static inline struct moirai_layer
moirai_layer_retry(const struct moirai_retry_policy *policy)
{
    return moirai_layer_of(MOIRAI_LAYER_RETRY, (void *)(uintptr_t)policy, 0);
}

/* Waits for its turn under the limit; one of moirai_limit_concurrent has its
 * place back when the call has ended, however that was. */
static inline struct moirai_layer
moirai_layer_limit(struct moirai_limit *limit)
{
    return moirai_layer_of(MOIRAI_LAYER_LIMIT, limit, 0);
}

/* As moirai_breaker_run. */
static inline struct moirai_layer
moirai_layer_breaker(struct moirai_breaker *breaker)
{
    return moirai_layer_of(MOIRAI_LAYER_BREAKER, breaker, 0);
}

/* Calls trace after each call. */
static inline struct moirai_layer moirai_layer_trace(moirai_trace_fn *trace,
                                                     void *arg)
{
    struct moirai_layer layer = moirai_layer_of(MOIRAI_LAYER_TRACE, arg, 0);

    layer.does.trace = trace;
    return layer;
}

#ifdef __cplusplus
}
#endif

#endif
