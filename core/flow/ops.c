/* SPDX-License-Identifier: MIT */
/*
 * ops.c - the stages without a state, and what they do about errors.
 *
 * A function borrows its message; the op drops it when the function has
 * returned, or passes it on. mo_flow_failed may have given it away instead,
 * into the channel of those that failed: that is what MO_GONE says.
 */
#include "flow/flow.h"

#include <errno.h>
#include <string.h>

/* After the first try, then twice as long each time. */
static int wait_to_retry(const struct moirai_stage *stage, uint32_t tried)
{
    int64_t ns = stage->retry_ns;

    if (ns <= 0)
        return moirai_yield();
    for (; tried > 0 && ns <= INT64_MAX / 2; tried--)
        ns *= 2;
    return moirai_sleep_until(moirai_after(ns));
}

/* Where the message is behind its struct moirai_failed. */
static size_t failed_offset(const struct moirai_elem *elem)
{
    return elem->align > sizeof(struct moirai_failed)
         ? elem->align : sizeof(struct moirai_failed);
}

static int divert(struct mo_flow_op *op, const void *message, int error,
                  uint32_t tries)
{
    const struct mo_flow_stage *stage = op->stage;
    struct moirai_failed failed = { error, stage->number, tries };
    char *record = op->held;

    memcpy(record, &failed, sizeof failed);
    memcpy(record + failed_offset(&stage->in), message, stage->in.bytes);
    return moirai_chan_send(stage->given.divert, record, MOIRAI_NEVER);
}

int mo_flow_failed(struct mo_flow_op *op, void *message, int rc,
                   int (*again)(struct mo_flow_op *op, void *message))
{
    const struct moirai_stage *given = &op->stage->given;
    struct mo_flow *flow = op->lane->part->flow;
    uint32_t tries = 0;

    while (rc < 0 && again != NULL && op->left == 0
           && tries < given->retries) {
        int waited = wait_to_retry(given, tries);

        if (waited != 0)
            return waited;
        tries++;
        mo_add(&flow->retried, 1);
        rc = again(op, message);
    }
    if (rc >= 0 || op->said != 0 || (rc == -ECANCELED && moirai_cancelled()))
        return rc;
    if (given->divert != NULL) {
        int sent = divert(op, message, rc, tries + 1);

        if (sent != 0)
            return sent;
        mo_add(&flow->diverted, 1);
        return MO_GONE;
    }
    if (!given->skip)
        return rc;
    mo_add(&flow->skipped, 1);
    return MO_SKIP;
}

int mo_flow_verdict(struct mo_flow_op *op, int rc)
{
    if (rc == MO_END)
        return mo_flow_end(op);
    if (rc < 0)
        return mo_flow_error(op, rc);
    return 0;
}

/* --- functions of the program's ------------------------------------------ */

/* Also the element of a channel of those that failed. */
static int plan_fn(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    const struct moirai_stage *given = &stage->given;
    size_t least = failed_offset(&stage->in) + stage->in.bytes;
    struct moirai_elem elem;
    int rc;

    if (given->fn.act == NULL)
        return mo_flow_refuse(flow, stage, -EINVAL, "has no function");
    if (given->divert != NULL) {
        rc = mo_flow_element(flow, stage, given->divert, MOIRAI_SEND, &elem);
        if (rc != 0)
            return rc;
        if (elem.bytes < least)
            return mo_flow_refuse(flow, stage, -EINVAL, "diverts %zu bytes, "
                                  "to a channel of %zu", least, elem.bytes);
    }
    if (given->retry_ns < 0)
        return mo_flow_refuse(flow, stage, -EINVAL, "cannot wait %lld ns",
                              (long long)given->retry_ns);
    return 0;
}

static int plan_map(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    stage->out = stage->given.elem;
    return plan_fn(flow, stage);
}

/* Room for what it makes, and for what it diverts. */
static int make_fn(struct mo_flow *flow, struct mo_flow_op *op)
{
    const struct mo_flow_stage *stage = op->stage;

    if (stage->given.divert != NULL) {
        struct moirai_elem elem;
        int rc = mo_flow_element(flow, stage, stage->given.divert, MOIRAI_SEND,
                                 &elem);

        if (rc != 0)
            return rc;
        op->held = mo_flow_room(flow, &elem, 1);
        if (op->held == NULL)
            return -ENOMEM;
    }
    op->out = mo_flow_room(flow, &stage->out, 1);
    return op->out != NULL ? 0 : -ENOMEM;
}

static int call_map(struct mo_flow_op *op, void *message)
{
    return op->stage->given.fn.map(message, op->out, op->stage->given.arg);
}

static int push_map(struct mo_flow_op *op, void *message)
{
    int rc = call_map(op, message);

    if (rc < 0)
        rc = mo_flow_failed(op, message, rc, call_map);
    if (rc != MO_GONE)
        mo_flow_drop(&op->stage->in, message);
    if (rc != 0)
        return mo_flow_verdict(op, rc);
    return op->next->push(op->next, op->out);
}

/* 0: it is wanted. */
static int call_filter(struct mo_flow_op *op, void *message)
{
    int rc = op->stage->given.fn.keep(message, op->stage->given.arg);

    return rc < 0 ? rc : rc > 0 ? 0 : MO_SKIP;
}

static int call_act(struct mo_flow_op *op, void *message)
{
    return op->stage->given.fn.act(message, op->stage->given.arg);
}

static inline int push_if(struct mo_flow_op *op, void *message,
                          int (*call)(struct mo_flow_op *op, void *message))
{
    int rc = call(op, message);

    if (rc < 0)
        rc = mo_flow_failed(op, message, rc, call);
    if (rc == 0)
        return op->next->push(op->next, message);
    if (rc != MO_GONE)
        mo_flow_drop(&op->stage->in, message);
    return mo_flow_verdict(op, rc);
}

static int push_filter(struct mo_flow_op *op, void *message)
{
    return push_if(op, message, call_filter);
}

static int push_apply(struct mo_flow_op *op, void *message)
{
    return push_if(op, message, call_act);
}

/* What it emits goes on at once; `left` counts it, since a message of which
 * something has gone on cannot be tried again. */
static int call_expand(struct mo_flow_op *op, void *message)
{
    return op->stage->given.fn.expand(message, (struct moirai_stream *)op,
                                      op->stage->given.arg);
}

/* What an op further down has said of what was emitted, comes first. */
static int push_expand(struct mo_flow_op *op, void *message)
{
    int rc;

    op->left = 0;
    op->said = 0;
    rc = call_expand(op, message);
    if (rc < 0 && op->said == 0)
        rc = mo_flow_failed(op, message, rc, call_expand);
    if (rc != MO_GONE)
        mo_flow_drop(&op->stage->in, message);
    return op->said != 0 ? op->said : mo_flow_verdict(op, rc);
}

int moirai_stream_emit(struct moirai_stream *out, void *message)
{
    struct mo_flow_op *op = (struct mo_flow_op *)out;

    op->left++;
    if (op->said != 0)
        mo_flow_drop(&op->stage->out, message);
    else
        op->said = op->next->push(op->next, message);
    return op->said;
}

const struct mo_flow_kind mo_flow_map = {
    .name = "map", .flags = MO_FLOW_SHARED, .plan = plan_map, .make = make_fn,
    .push = push_map,
};

const struct mo_flow_kind mo_flow_filter = {
    .name = "filter", .flags = MO_FLOW_SHARED, .plan = plan_fn,
    .make = make_fn, .push = push_filter,
};

const struct mo_flow_kind mo_flow_apply = {
    .name = "apply", .flags = MO_FLOW_SHARED, .plan = plan_fn,
    .make = make_fn, .push = push_apply,
};

const struct mo_flow_kind mo_flow_expand = {
    .name = "expand", .flags = MO_FLOW_SHARED, .plan = plan_map,
    .make = make_fn, .push = push_expand,
};

/* --- a sink -------------------------------------------------------------- */

static int push_each(struct mo_flow_op *op, void *message)
{
    int rc = call_act(op, message);

    if (rc < 0)
        rc = mo_flow_failed(op, message, rc, call_act);
    if (rc != MO_GONE)
        mo_flow_drop(&op->stage->in, message);
    if (rc != 0)
        return mo_flow_verdict(op, rc);
    op->lane->delivered++;
    return 0;
}

const struct mo_flow_kind mo_flow_each = {
    .name = "each", .flags = MO_FLOW_SINK, .plan = plan_fn, .make = make_fn,
    .push = push_each,
};
