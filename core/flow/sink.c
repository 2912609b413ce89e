/* SPDX-License-Identifier: MIT */
/*
 * sink.c - where streams end: collect, into, drain; and each, in ops.c.
 */
#include "flow/flow.h"

#include <errno.h>
#include <string.h>

static int plan_collect(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    const struct moirai_stage *given = &stage->given;

    if ((given->memory == NULL && given->n != 0) || given->count == NULL)
        return mo_flow_refuse(flow, stage, -EINVAL, "has no array, or no "
                              "count");
    if (given->elem.bytes != stage->in.bytes)
        return mo_flow_refuse(flow, stage, -EINVAL, "has an array of %zu "
                              "bytes each, and gets messages of %zu",
                              given->elem.bytes, stage->in.bytes);
    return 0;
}

static int make_collect(struct mo_flow *flow, struct mo_flow_op *op)
{
    (void)flow;
    op->left = op->stage->given.n;
    *op->stage->given.count = 0;
    return 0;
}

static int push_collect(struct mo_flow_op *op, void *message)
{
    const struct mo_flow_stage *stage = op->stage;
    size_t at = stage->given.n - op->left;

    if (op->left == 0) {
        mo_flow_drop(&stage->in, message);
        return mo_flow_error(op, -ENOSPC);
    }
    memcpy((char *)stage->given.memory + at * stage->in.bytes, message,
           stage->in.bytes);
    op->left--;
    *stage->given.count = at + 1;
    op->lane->delivered++;
    return 0;
}

const struct mo_flow_kind mo_flow_collect = {
    .name = "collect", .flags = MO_FLOW_SINK, .plan = plan_collect,
    .make = make_collect, .push = push_collect,
};

static int plan_into(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    struct moirai_elem elem;
    int rc = mo_flow_element(flow, stage, stage->given.chan, MOIRAI_SEND,
                             &elem);

    if (rc == 0 && elem.bytes != stage->in.bytes)
        rc = mo_flow_refuse(flow, stage, -EINVAL, "leads to a channel of %zu "
                            "bytes each, and gets messages of %zu",
                            elem.bytes, stage->in.bytes);
    return rc;
}

static int push_into(struct mo_flow_op *op, void *message)
{
    int rc = moirai_chan_send(op->stage->given.chan, message, MOIRAI_NEVER);

    if (rc == 0) {
        op->lane->delivered++;
        return 0;
    }
    mo_flow_drop(&op->stage->in, message);
    return rc == -EPIPE ? mo_flow_end(op) : mo_flow_error(op, rc);
}

const struct mo_flow_kind mo_flow_into = {
    .name = "into", .flags = MO_FLOW_SINK, .plan = plan_into,
    .push = push_into,
};

static int push_drain(struct mo_flow_op *op, void *message)
{
    mo_flow_drop(&op->stage->in, message);
    op->lane->delivered++;
    return 0;
}

const struct mo_flow_kind mo_flow_drain = {
    .name = "drain", .flags = MO_FLOW_SINK | MO_FLOW_SHARED,
    .push = push_drain,
};
