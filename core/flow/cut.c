/* SPDX-License-Identifier: MIT */
/*
 * cut.c - from one part to the next: what ends a part, and the order of many.
 *
 * The lanes of an ordered part receive one after the other, under `gate`, and
 * draw a ticket with each chunk. They work at the same time, and send one after
 * the other: whoever has ticket t waits for a token in turns[t % lanes], sends,
 * and leaves the token for ticket t + 1. There are never more tickets about
 * than lanes, so a channel of `turns` serves one of them at a time.
 *
 * A channel that is closed by those behind it says that they have had enough;
 * a closed channel of `turns` that the lane before this one has said so.
 *
 * Rejected: numbers on messages and a buffer that sorts them. A filter leaves
 * gaps in it, an expansion has no number, and one slow message fills it.
 */
#include "flow/flow.h"

#include <errno.h>
#include <string.h>

#define FLAGS (MOIRAI_STREAM_ORDERED | MOIRAI_STREAM_ADAPTIVE)

static int no_more(struct mo_flow_lane *lane)
{
    return mo_flow_end(lane->last);
}

static struct moirai_chan *turn_of(const struct mo_flow_lane *lane,
                                   uint64_t ticket)
{
    return lane->part->turns[ticket % lane->part->lanes_n];
}

static int take_turn(struct mo_flow_lane *lane)
{
    char token;
    int rc;

    if (!lane->part->ordered || lane->turn)
        return 0;
    rc = moirai_chan_recv(turn_of(lane, lane->ticket), &token, MOIRAI_NEVER);
    if (rc == 0)
        lane->turn = true;
    return rc == -EPIPE ? no_more(lane) : rc;
}

int mo_flow_pass(struct mo_flow_lane *lane)
{
    char token = 0;
    int rc;

    if (!lane->drawn)
        return 0;
    rc = mo_flow_flush(lane);
    if (rc == 0)
        rc = take_turn(lane);
    if (rc != 0)
        return rc;
    lane->turn = lane->drawn = false;
    rc = moirai_chan_send(turn_of(lane, lane->ticket + 1), &token,
                          MOIRAI_NEVER);
    return rc == -EPIPE ? no_more(lane) : rc;
}

/* Who failed with the gate shut has ended the stream. */
int mo_flow_gate(struct mo_flow_lane *lane, int64_t due, int64_t *n)
{
    struct mo_flow_part *part = lane->part;
    int rc = moirai_mutex_lock(&part->gate, due);

    if (rc != 0 && rc != -EOWNERDEAD)
        return rc;
    *n = mo_flow_receive(lane, due);
    if (*n > 0) {
        lane->ticket = part->tickets++;
        lane->drawn = true;
    }
    moirai_mutex_unlock(&part->gate);
    return 0;
}

/* The one that it sends to. */
static struct mo_flow_part *next_part(const struct mo_flow_lane *lane)
{
    return lane->part + 1;
}

/* n messages are on their way: so many of those who wait will have some. */
static void expect(const struct mo_flow_lane *lane, size_t n)
{
    struct mo_flow_part *next = next_part(lane);
    uint32_t hungry = lane->part->adaptive ? mo_load(&next->hungry) : 0;

    while (hungry != 0
           && !mo_cas(&next->hungry, &hungry, hungry > n ? hungry - n : 0))
        continue;
    mo_flow_expect(next, n);
}

/* One by itself, as most are behind a source that might wait for the next, is
 * sent at half the price. How many were sent, or an error. */
static int64_t send_some(const struct mo_flow_part *part, const void *first,
                         size_t n)
{
    int rc;

    if (n != 1)
        return moirai_chan_send_batch(part->to, first, n, MOIRAI_NEVER);
    rc = moirai_chan_send(part->to, first, MOIRAI_NEVER);
    return rc == 0 ? 1 : rc;
}

int mo_flow_flush(struct mo_flow_lane *lane)
{
    const struct mo_flow_part *part = lane->part;
    size_t sent = 0;
    int64_t n = 0;
    int rc;

    if (lane->gathered == 0)
        return 0;
    rc = take_turn(lane);
    if (rc == 0)
        expect(lane, lane->gathered);
    while (rc == 0 && sent < lane->gathered && n >= 0) {
        n = send_some(part, lane->outgoing + sent * part->out.bytes,
                      lane->gathered - sent);
        sent += n > 0 ? (size_t)n : 0;
    }
    if (rc == 0)
        mo_flow_settle(next_part(lane), lane->gathered - sent);
    for (; sent < lane->gathered; sent++)
        mo_flow_drop(&part->out, lane->outgoing + sent * part->out.bytes);
    lane->gathered = 0;
    return rc != 0 ? rc : n == -EPIPE ? no_more(lane) : n < 0 ? (int)n : 0;
}

static int make_send(struct mo_flow *flow, struct mo_flow_op *op)
{
    struct mo_flow_lane *lane = op->lane;
    const struct mo_flow_part *part = lane->part;

    if (part->chunk_out == 1 && !part->ordered)
        return 0;
    lane->outgoing = mo_flow_room(flow, &part->out, part->chunk_out);
    return lane->outgoing != NULL ? 0 : -ENOMEM;
}

/* Is what is gathered to go? */
static bool is_due(const struct mo_flow_lane *lane)
{
    const struct mo_flow_part *part = lane->part;

    return lane->gathered == part->chunk_out
        || (part->adaptive && mo_load_relaxed(&next_part(lane)->hungry) != 0);
}

static int push_send(struct mo_flow_op *op, void *message)
{
    struct mo_flow_lane *lane = op->lane;
    const struct mo_flow_part *part = lane->part;
    int rc;

    if (lane->outgoing != NULL) {
        memcpy(lane->outgoing + lane->gathered * part->out.bytes, message,
               part->out.bytes);
        lane->gathered++;
        return is_due(lane) ? mo_flow_flush(lane) : 0;
    }
    mo_flow_expect(next_part(lane), 1);
    rc = moirai_chan_send(part->to, message, MOIRAI_NEVER);
    if (rc == 0)
        return 0;
    mo_flow_settle(next_part(lane), 1);
    mo_flow_drop(&part->out, message);
    return rc == -EPIPE ? mo_flow_end(op) : rc;
}

/* Those before it in order shall have sent theirs, too. */
static int finish_send(struct mo_flow_op *op)
{
    int rc = mo_flow_flush(op->lane);

    return rc == 0 && op->lane->drawn ? take_turn(op->lane) : rc;
}

static void drop_send(struct mo_flow_op *op)
{
    struct mo_flow_lane *lane = op->lane;
    const struct mo_flow_part *part = lane->part;

    while (lane->gathered != 0) {
        lane->gathered--;
        mo_flow_drop(&part->out,
                     lane->outgoing + lane->gathered * part->out.bytes);
    }
}

const struct mo_flow_kind mo_flow_send = {
    .name = "send", .make = make_send, .push = push_send,
    .finish = finish_send, .drop = drop_send,
};

/* --- what cuts ----------------------------------------------------------- */

static int plan_cut(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    const struct moirai_stage *given = &stage->given;

    if (given->kind != MOIRAI_STAGE_ASYNC
        && (given->n == 0 || given->n > 65536
            || (given->flags & ~FLAGS) != 0))
        return mo_flow_refuse(flow, stage, -EINVAL, "is to be %zu tasks, in "
                              "the way of %u", given->n, given->flags);
    if (given->kind == MOIRAI_STAGE_POOL
        && (given->least == 0 || given->least > given->n || given->ns < 0))
        return mo_flow_refuse(flow, stage, -EINVAL, "is to have between %u and "
                              "%zu tasks, that go after %lld ns", given->least,
                              given->n, (long long)given->ns);
    return 0;
}

const struct mo_flow_kind mo_flow_async = {
    .name = "async", .flags = MO_FLOW_CUT, .plan = plan_cut,
};

const struct mo_flow_kind mo_flow_workers = {
    .name = "workers", .flags = MO_FLOW_CUT, .plan = plan_cut,
};

const struct mo_flow_kind mo_flow_pool = {
    .name = "pool", .flags = MO_FLOW_CUT, .plan = plan_cut,
};
