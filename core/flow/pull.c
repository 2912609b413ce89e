/* SPDX-License-Identifier: MIT */
/*
 * pull.c - where messages come from: sources, and the channel behind a cut.
 *
 * A channel of the program's is received from one message at a time, so that
 * what the stream does not get to remains there. Behind a cut a lane receives
 * a chunk, if the cut says so; before it waits for one, it sends on what it has
 * gathered itself.
 */
#include "flow/flow.h"

#include <errno.h>
#include <string.h>

static int plan_from(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    return mo_flow_element(flow, stage, stage->given.chan, MOIRAI_RECV,
                           &stage->out);
}

static int plan_generate(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    stage->out = stage->given.elem;
    if (stage->given.fn.next == NULL)
        return mo_flow_refuse(flow, stage, -EINVAL, "has no function");
    return 0;
}

static int plan_array(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    stage->out = stage->given.elem;
    if (stage->given.memory == NULL && stage->given.n != 0)
        return mo_flow_refuse(flow, stage, -EINVAL, "has no array");
    return 0;
}

const struct mo_flow_kind mo_flow_from = {
    .name = "from", .flags = MO_FLOW_SOURCE | MO_FLOW_SHARED,
    .plan = plan_from,
};

const struct mo_flow_kind mo_flow_generate = {
    .name = "generate", .flags = MO_FLOW_SOURCE, .plan = plan_generate,
};

const struct mo_flow_kind mo_flow_array = {
    .name = "array", .flags = MO_FLOW_SOURCE, .plan = plan_array,
};

static int64_t receive_now(struct mo_flow_lane *lane)
{
    return moirai_chan_recv_batch(lane->from, lane->buffer, 0,
                                  lane->part->chunk_in, MOIRAI_NOW);
}

/* Before a lane waits, it says so to those who adapt to that. More is never
 * said than there are lanes, or nearly: a lane may find a message at once. */
int64_t mo_flow_receive(struct mo_flow_lane *lane, int64_t due)
{
    struct mo_flow_part *part = lane->part;
    bool told = part->from != NULL && part[-1].adaptive;
    int64_t n = told ? receive_now(lane) : 0;

    if (n != 0)
        return n;
    if (told && mo_load(&part->hungry) < part->lanes_n)
        mo_add(&part->hungry, 1);
    return moirai_chan_recv_batch(lane->from, lane->buffer, 1, part->chunk_in,
                                  due);
}

/* A chunk into the empty buffer; what is gathered does not wait for it. */
static int receive(struct mo_flow_lane *lane, int64_t due, int64_t *n)
{
    int rc;

    if (lane->part->ordered) {
        rc = mo_flow_pass(lane);
        return rc != 0 ? rc : mo_flow_gate(lane, due, n);
    }
    *n = 0;
    if (lane->gathered != 0) {
        *n = receive_now(lane);
        rc = *n == 0 ? mo_flow_flush(lane) : 0;
        if (rc != 0)
            return rc;
    }
    if (*n == 0)
        *n = mo_flow_receive(lane, due);
    return 0;
}

/* As receive; a lane that may go does so when it has waited for too long. */
static int receive_or_leave(struct mo_flow_lane *lane, int64_t *n)
{
    struct mo_flow_part *part = lane->part;
    int64_t due;
    int rc;

    do {
        due = part->idle_ns == MOIRAI_NEVER ? MOIRAI_NEVER
                                            : moirai_after(part->idle_ns);
        rc = receive(lane, due, n);
        if (rc == 0 && *n == -ETIMEDOUT)
            rc = -ETIMEDOUT;
        if (rc != -ETIMEDOUT || moirai_now() < due)
            return rc;
    } while (!mo_flow_leave(part));
    return MO_LEFT;
}

static int refill(struct mo_flow_lane *lane, int64_t due)
{
    int64_t n = 0;
    int rc;

    mo_flow_settle(lane->part, lane->filled);
    lane->at = lane->filled = 0;
    rc = lane->part->least != 0 ? receive_or_leave(lane, &n)
                                : receive(lane, due, &n);
    if (rc != 0)
        return rc;
    if (n < 0)
        return n == -EPIPE ? MO_DONE : (int)n;
    lane->filled = (size_t)n;
    return 0;
}

static int pull_chan(struct mo_flow_lane *lane, void **message, int64_t due)
{
    const struct mo_flow_part *part = lane->part;
    int rc;

    if (part->chunk_in == 1 && lane->outgoing == NULL && part->least == 0) {
        *message = lane->buffer;
        rc = moirai_chan_recv(lane->from, lane->buffer, due);
        return rc == -EPIPE ? MO_DONE : rc;
    }
    if (lane->at == lane->filled) {
        rc = refill(lane, due);
        if (rc != 0)
            return rc;
    }
    *message = lane->buffer + lane->at++ * lane->in->bytes;
    return 0;
}

/* An array's elements go into the lane's own memory: they may be changed. */
static int next_of_array(struct mo_flow_lane *lane)
{
    const struct mo_flow_part *part = lane->part;
    const struct moirai_stage *given = &part->first->given;

    if (lane->done == given->n)
        return MO_DONE;
    memcpy(lane->buffer, (const char *)given->memory
           + lane->done++ * part->in.bytes, part->in.bytes);
    return 0;
}

static int next_made(struct mo_flow_lane *lane)
{
    const struct moirai_stage *given = &lane->part->first->given;
    int rc;

    for (;;) {
        rc = lane->rooms != NULL ? mo_flow_zip(lane)
                                 : given->fn.next(lane->buffer, given->arg);
        if (rc != MO_SKIP)
            return rc == MO_END ? MO_DONE : rc;
        rc = moirai_yield();
        if (rc != 0)
            return rc;
    }
}

int mo_flow_pull(struct mo_flow_lane *lane, void **message, int64_t due)
{
    int rc;

    if (lane->from != NULL)
        return pull_chan(lane, message, due);
    *message = lane->buffer;
    if (lane->part->first->kind == &mo_flow_array)
        return next_of_array(lane);
    rc = lane->gathered != 0 ? mo_flow_flush(lane) : 0;
    if (rc != 0)
        return rc;
    rc = next_made(lane);
    return rc < 0 ? mo_flow_note(lane, lane->part->first, rc) : rc;
}

void mo_flow_pull_drop(struct mo_flow_lane *lane)
{
    while (lane->at < lane->filled)
        mo_flow_drop(lane->in, lane->buffer + lane->at++ * lane->in->bytes);
}
