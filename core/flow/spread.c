/* SPDX-License-Identifier: MIT */
/*
 * spread.c - a sink that leads to several channels.
 *
 * A channel that its receivers have closed is left out from then on. The
 * message that it refused goes to another, and what it had taken is still
 * there to be received: so nothing is lost when a receiver leaves.
 *
 * Keys choose by rendezvous hashing (D. Thaler, C. Ravishankar, "Using
 * Name-Based Mappings to Increase Hit Rates", 1998): of the channels that are
 * left each key takes the one that suits it best, so that only the keys of a
 * channel that is gone move.
 */
#include "flow/flow.h"

#include <errno.h>

static int plan_spread(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    const struct moirai_stage *given = &stage->given;

    if (given->chans == NULL || given->n == 0 || given->n > 65536)
        return mo_flow_refuse(flow, stage, -EINVAL, "is to send to %zu "
                              "channels", given->n);
    if (given->flags > MOIRAI_SPREAD_RANDOM)
        return mo_flow_refuse(flow, stage, -EINVAL, "cannot spread in the way "
                              "of %u", given->flags);
    if (given->flags == MOIRAI_SPREAD_KEY && given->fn.key == NULL)
        return mo_flow_refuse(flow, stage, -EINVAL, "has no function");
    for (size_t i = 0; i < given->n; i++) {
        struct moirai_elem elem;
        int rc = mo_flow_element(flow, stage, given->chans[i], MOIRAI_SEND,
                                 &elem);

        if (rc == 0 && elem.bytes != stage->in.bytes)
            rc = mo_flow_refuse(flow, stage, -EINVAL, "leads to a channel of "
                                "%zu bytes each, and gets messages of %zu",
                                elem.bytes, stage->in.bytes);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* `held` says which are closed; `left` is how many are not. */
static int make_spread(struct mo_flow *flow, struct mo_flow_op *op)
{
    op->left = op->stage->given.n;
    op->held = mo_arena_alloc(&flow->arena, op->left);
    return op->held != NULL ? 0 : -ENOMEM;
}

/* Of SplitMix64 (G. Steele, D. Lea, C. Flood, 2014). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* The open one at `at`, or the next one after it. */
static size_t open_from(const struct mo_flow_op *op, size_t at)
{
    const char *closed = op->held;

    while (closed[at % op->stage->given.n])
        at++;
    return at % op->stage->given.n;
}

static size_t in_turn(struct mo_flow_op *op)
{
    size_t at = open_from(op, op->at);

    op->at = at + 1;
    return at;
}

static size_t least_full(struct mo_flow_op *op)
{
    const struct moirai_stage *given = &op->stage->given;
    const char *closed = op->held;
    size_t first = in_turn(op);
    size_t best = first;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < given->n && least != 0; i++) {
        size_t at = (first + i) % given->n;
        size_t length = closed[at] ? SIZE_MAX
                                   : moirai_chan_length(given->chans[at]);

        if (length < least) {
            least = length;
            best = at;
        }
    }
    return best;
}

static size_t by_key(const struct mo_flow_op *op, uint64_t key)
{
    const char *closed = op->held;
    size_t best = 0;
    uint64_t most = 0;

    for (size_t i = 0; i < op->stage->given.n; i++) {
        uint64_t score = mix(key ^ mix(i + UINT64_C(0x9e3779b97f4a7c15))) | 1;

        if (!closed[i] && score > most) {
            most = score;
            best = i;
        }
    }
    return best;
}

static size_t at_random(struct mo_flow_op *op)
{
    uint64_t x = mix(++op->at * UINT64_C(0x9e3779b97f4a7c15));
    size_t skip = (size_t)((x >> 32) * op->left >> 32);
    size_t at = open_from(op, 0);

    while (skip-- > 0)
        at = open_from(op, at + 1);
    return at;
}

static size_t choose(struct mo_flow_op *op, const void *message)
{
    const struct moirai_stage *given = &op->stage->given;

    switch (given->flags) {
    case MOIRAI_SPREAD_LEAST:
        return least_full(op);
    case MOIRAI_SPREAD_KEY:
        return by_key(op, given->fn.key(message, given->arg));
    case MOIRAI_SPREAD_RANDOM:
        return at_random(op);
    default:
        return in_turn(op);
    }
}

static int push_spread(struct mo_flow_op *op, void *message)
{
    const struct mo_flow_stage *stage = op->stage;
    char *closed = op->held;
    int rc = -EPIPE;

    while (rc == -EPIPE && op->left != 0) {
        size_t at = choose(op, message);

        rc = moirai_chan_send(stage->given.chans[at], message, MOIRAI_NEVER);
        if (rc == -EPIPE) {
            closed[at] = 1;
            op->left--;
        }
    }
    if (rc == 0) {
        op->lane->delivered++;
        return 0;
    }
    mo_flow_drop(&stage->in, message);
    return rc == -EPIPE ? mo_flow_end(op) : mo_flow_error(op, rc);
}

const struct mo_flow_kind mo_flow_spread = {
    .name = "spread", .flags = MO_FLOW_SINK, .plan = plan_spread,
    .make = make_spread, .push = push_spread,
};
