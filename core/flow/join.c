/* SPDX-License-Identifier: MIT */
/*
 * join.c - sources that receive from several channels.
 *
 * merge and latest have a lane for each channel, which waits there; so nobody
 * has to wait for several at once. The lanes of latest share what came last
 * from each channel, under the part's gate, and push what they make of it while
 * they hold that: so it leaves in the order in which it was made. zip is one
 * lane, which receives from one channel after the other: it needs them all.
 */
#include "flow/flow.h"

#include <errno.h>
#include <string.h>

static int plan_chans(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    const struct moirai_stage *given = &stage->given;

    if (given->chans == NULL || given->n == 0 || given->n > 65536)
        return mo_flow_refuse(flow, stage, -EINVAL, "is to receive from %zu "
                              "channels", given->n);
    stage->elems = mo_arena_alloc(&flow->arena,
                                  given->n * sizeof *stage->elems);
    if (stage->elems == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < given->n; i++) {
        int rc = mo_flow_element(flow, stage, given->chans[i], MOIRAI_RECV,
                                 &stage->elems[i]);

        if (rc != 0)
            return rc;
    }
    return 0;
}

/* --- merge --------------------------------------------------------------- */

static int plan_merge(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    int rc = plan_chans(flow, stage);

    for (size_t i = 1; rc == 0 && i < stage->given.n; i++)
        if (stage->elems[i].bytes != stage->elems[0].bytes)
            rc = mo_flow_refuse(flow, stage, -EINVAL, "has channels of %zu "
                                "bytes each, and of %zu",
                                stage->elems[0].bytes, stage->elems[i].bytes);
    for (size_t i = 1; rc == 0 && i < stage->given.n; i++)
        if (stage->elems[i].drop != stage->elems[0].drop
            || stage->elems[i].ctx != stage->elems[0].ctx)
            rc = mo_flow_refuse(flow, stage, -EINVAL, "has channels whose "
                                "messages are dropped in different ways");
    if (rc != 0)
        return rc;
    stage->out = stage->elems[0];
    for (size_t i = 1; i < stage->given.n; i++)
        if (stage->elems[i].align > stage->out.align)
            stage->out.align = stage->elems[i].align;
    return 0;
}

const struct mo_flow_kind mo_flow_merge = {
    .name = "merge", .plan = plan_merge,
    .flags = MO_FLOW_SOURCE | MO_FLOW_SHARED | MO_FLOW_MANY,
};

/* --- zip ----------------------------------------------------------------- */

static int plan_join(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    stage->out = stage->given.elem;
    if (stage->given.fn.join == NULL)
        return mo_flow_refuse(flow, stage, -EINVAL, "has no function");
    return plan_chans(flow, stage);
}

/* A message of each channel. */
static void **make_rooms(struct mo_flow *flow,
                         const struct mo_flow_stage *stage)
{
    size_t n = stage->given.n;
    void **rooms = mo_arena_alloc(&flow->arena, n * sizeof *rooms);

    for (size_t i = 0; rooms != NULL && i < n; i++) {
        rooms[i] = mo_flow_room(flow, &stage->elems[i], 1);
        if (rooms[i] == NULL)
            rooms = NULL;
    }
    return rooms;
}

static int make_zip(struct mo_flow *flow, struct mo_flow_lane *lane)
{
    lane->rooms = make_rooms(flow, lane->part->first);
    return lane->rooms != NULL ? 0 : -ENOMEM;
}

int mo_flow_zip(struct mo_flow_lane *lane)
{
    const struct mo_flow_stage *stage = lane->part->first;
    const struct moirai_stage *given = &stage->given;
    size_t n = 0;
    int rc = 0;

    while (rc == 0 && n < given->n) {
        rc = moirai_chan_recv(given->chans[n], lane->rooms[n], MOIRAI_NEVER);
        n += rc == 0;
    }
    if (rc == 0)
        rc = given->fn.join(lane->rooms, n, lane->buffer, given->arg);
    else if (rc == -EPIPE)
        rc = MO_DONE;
    while (n-- > 0)
        mo_flow_drop(&stage->elems[n], lane->rooms[n]);
    return rc;
}

const struct mo_flow_kind mo_flow_zipped = {
    .name = "zip", .flags = MO_FLOW_SOURCE, .plan = plan_join,
    .make_lane = make_zip,
};

/* --- latest -------------------------------------------------------------- */

/* The first lane makes what they share. */
static int make_latest(struct mo_flow *flow, struct mo_flow_op *op)
{
    struct mo_flow_part *part = op->lane->part;
    size_t n = op->stage->given.n;

    if (part->latest == NULL)
        part->latest = make_rooms(flow, op->stage);
    if (part->present == NULL)
        part->present = mo_arena_alloc(&flow->arena, n);
    op->out = mo_flow_room(flow, &op->stage->out, 1);
    return part->latest != NULL && part->present != NULL && op->out != NULL
         ? 0 : -ENOMEM;
}

static void drop_latest(struct mo_flow_op *op)
{
    struct mo_flow_part *part = op->lane->part;
    size_t at = (size_t)(op->lane - part->lanes);

    if (part->present == NULL || !part->present[at])
        return;
    part->present[at] = 0;
    mo_flow_drop(op->lane->in, part->latest[at]);
}

/* The gate is held. */
static int renew(struct mo_flow_op *op, void *message)
{
    struct mo_flow_part *part = op->lane->part;
    const struct moirai_stage *given = &op->stage->given;
    size_t at = (size_t)(op->lane - part->lanes);
    int rc;

    drop_latest(op);
    memcpy(part->latest[at], message, op->lane->in->bytes);
    part->present[at] = 1;
    if (memchr(part->present, 0, given->n) != NULL)
        return 0;
    rc = given->fn.join(part->latest, given->n, op->out, given->arg);
    if (rc != 0)
        return mo_flow_verdict(op, rc);
    return op->next->push(op->next, op->out);
}

static int push_latest(struct mo_flow_op *op, void *message)
{
    struct moirai_mutex *gate = &op->lane->part->gate;
    int rc = moirai_mutex_lock(gate, MOIRAI_NEVER);

    if (rc != 0 && rc != -EOWNERDEAD) {
        mo_flow_drop(op->lane->in, message);
        return rc;
    }
    rc = renew(op, message);
    if (rc == 0)
        rc = mo_flow_flush(op->lane);   /* each lane gathers its own */
    moirai_mutex_unlock(gate);
    return rc;
}

const struct mo_flow_kind mo_flow_latest = {
    .name = "latest", .plan = plan_join, .make = make_latest,
    .push = push_latest, .drop = drop_latest,
    .flags = MO_FLOW_SOURCE | MO_FLOW_SHARED | MO_FLOW_MANY,
};
