/* SPDX-License-Identifier: MIT */
/*
 * spread.c - sinks that lead to several channels: those of a fan, or a fan of
 * the stream's own that leads to those that it was given.
 */
#include "flow/flow.h"

#include <errno.h>

#include "flow/fan.h"

static int check_bytes(struct mo_flow *flow, struct mo_flow_stage *stage,
                       size_t bytes)
{
    if (stage->given.flags == MOIRAI_SPREAD_KEY && stage->given.fn.key == NULL)
        return mo_flow_refuse(flow, stage, -EINVAL, "has no function");
    if (bytes == stage->in.bytes)
        return 0;
    return mo_flow_refuse(flow, stage, -EINVAL, "leads to a channel of %zu "
                          "bytes each, and gets messages of %zu", bytes,
                          stage->in.bytes);
}

static int plan_spread(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    const struct moirai_stage *given = &stage->given;

    if (given->chans == NULL || given->n == 0 || given->n > 65536)
        return mo_flow_refuse(flow, stage, -EINVAL, "is to send to %zu "
                              "channels", given->n);
    if (given->flags > MOIRAI_SPREAD_RANDOM)
        return mo_flow_refuse(flow, stage, -EINVAL, "cannot spread in the way "
                              "of %u", given->flags);
    for (size_t i = 0; i < given->n; i++) {
        struct moirai_elem elem;
        int rc = mo_flow_element(flow, stage, given->chans[i], MOIRAI_SEND,
                                 &elem);

        if (rc == 0)
            rc = check_bytes(flow, stage, elem.bytes);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* The op has its own, for as long as it is there. */
static int make_spread(struct mo_flow *flow, struct mo_flow_op *op)
{
    const struct moirai_stage *given = &op->stage->given;
    struct moirai_fan *fan;
    int rc = moirai_fan_open(&fan, (enum moirai_spread)given->flags,
                             op->stage->in.bytes);

    (void)flow;
    if (rc != 0)
        return rc;
    op->held = fan;
    return mo_fan_fill(fan, given->chans, given->n);
}

static void drop_spread(struct mo_flow_op *op)
{
    moirai_fan_close(op->held);
    op->held = NULL;
}

static uint64_t key_of(const struct moirai_stage *given, const void *message)
{
    return given->fn.key != NULL ? given->fn.key(message, given->arg) : 0;
}

/* What came of a message; it is ours if it was not sent. */
static int settle(struct mo_flow_op *op, void *message, int rc)
{
    if (rc == 0) {
        op->lane->delivered++;
        return 0;
    }
    mo_flow_drop(&op->stage->in, message);
    return rc == -EPIPE ? mo_flow_end(op) : mo_flow_error(op, rc);
}

static int push_spread(struct mo_flow_op *op, void *message)
{
    uint64_t key = key_of(&op->stage->given, message);

    return settle(op, message,
                  mo_fan_try(op->held, key, message, MOIRAI_NEVER));
}

const struct mo_flow_kind mo_flow_spread = {
    .name = "spread", .flags = MO_FLOW_SINK, .plan = plan_spread,
    .make = make_spread, .push = push_spread, .drop = drop_spread,
};

static int plan_fan(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    if (stage->given.memory == NULL)
        return mo_flow_refuse(flow, stage, -EINVAL, "has no fan");
    return check_bytes(flow, stage, mo_fan_bytes(stage->given.memory));
}

static int push_fan(struct mo_flow_op *op, void *message)
{
    const struct moirai_stage *given = &op->stage->given;

    return settle(op, message,
                  moirai_fan_send(given->memory, key_of(given, message),
                                  message, MOIRAI_NEVER));
}

const struct mo_flow_kind mo_flow_fan = {
    .name = "fan", .flags = MO_FLOW_SINK, .plan = plan_fan, .push = push_fan,
};
