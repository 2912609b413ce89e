/* SPDX-License-Identifier: MIT */
/*
 * state.c - stages that remember: take, skip, distinct, scan.
 */
#include "flow/flow.h"

#include <errno.h>
#include <string.h>

static int make_count(struct mo_flow *flow, struct mo_flow_op *op)
{
    (void)flow;
    op->left = op->stage->given.n;
    return 0;
}

/* To take nothing is to be at the end before anything is received. */
static int begin_take(struct mo_flow_op *op)
{
    return op->left == 0 ? mo_flow_end(op) : 0;
}

static int push_take(struct mo_flow_op *op, void *message)
{
    int rc;

    op->left--;
    rc = op->next->push(op->next, message);
    return rc == 0 && op->left == 0 ? mo_flow_end(op) : rc;
}

static int push_skip(struct mo_flow_op *op, void *message)
{
    if (op->left == 0)
        return op->next->push(op->next, message);
    op->left--;
    mo_flow_drop(&op->stage->in, message);
    return 0;
}

const struct mo_flow_kind mo_flow_take = {
    .name = "take", .make = make_count, .begin = begin_take,
    .push = push_take,
};

const struct mo_flow_kind mo_flow_skip = {
    .name = "skip", .make = make_count, .push = push_skip,
};

/* --- distinct ------------------------------------------------------------ */

static int plan_distinct(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    if (stage->given.fn.key == NULL)
        return mo_flow_refuse(flow, stage, -EINVAL, "has no function");
    if (stage->given.n == 0 || stage->given.n > UINT32_MAX / 4)
        return mo_flow_refuse(flow, stage, -EINVAL, "cannot remember %zu "
                              "keys", stage->given.n);
    return 0;
}

/* The table is at most half full. */
static int make_distinct(struct mo_flow *flow, struct mo_flow_op *op)
{
    struct mo_flow_seen *seen = &op->seen;
    size_t slots = 4;

    while (slots < 2 * op->stage->given.n)
        slots *= 2;
    seen->mask = slots - 1;
    seen->ring = mo_arena_alloc(&flow->arena,
                                op->stage->given.n * sizeof *seen->ring);
    seen->table = mo_arena_alloc(&flow->arena, slots * sizeof *seen->table);
    return seen->ring != NULL && seen->table != NULL ? 0 : -ENOMEM;
}

static size_t home_of(const struct mo_flow_seen *seen, uint64_t key)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & seen->mask;
}

/* The slot that has the key, or the empty one where it would be. */
static size_t find(const struct mo_flow_seen *seen, uint64_t key)
{
    size_t at = home_of(seen, key);

    while (seen->table[at] != 0 && seen->ring[seen->table[at] - 1] != key)
        at = (at + 1) & seen->mask;
    return at;
}

/* Empties a slot, and moves up those that would not be found behind it. */
static void forget(struct mo_flow_seen *seen, size_t hole)
{
    size_t at = hole;

    for (;;) {
        size_t home;

        at = (at + 1) & seen->mask;
        if (seen->table[at] == 0)
            break;
        home = home_of(seen, seen->ring[seen->table[at] - 1]);
        if (((at - home) & seen->mask) >= ((at - hole) & seen->mask)) {
            seen->table[hole] = seen->table[at];
            hole = at;
        }
    }
    seen->table[hole] = 0;
}

static int push_distinct(struct mo_flow_op *op, void *message)
{
    const struct moirai_stage *given = &op->stage->given;
    struct mo_flow_seen *seen = &op->seen;
    uint64_t key = given->fn.key(message, given->arg);
    size_t slot = find(seen, key);

    if (seen->table[slot] != 0) {
        mo_flow_drop(&op->stage->in, message);
        return 0;
    }
    if (seen->used == given->n) {
        forget(seen, find(seen, seen->ring[seen->next]));
        slot = find(seen, key);
    } else {
        seen->used++;
    }
    seen->ring[seen->next] = key;
    seen->table[slot] = (uint32_t)seen->next + 1;
    seen->next = (seen->next + 1) % given->n;
    return op->next->push(op->next, message);
}

const struct mo_flow_kind mo_flow_distinct = {
    .name = "distinct", .plan = plan_distinct, .make = make_distinct,
    .push = push_distinct,
};

/* --- scan ---------------------------------------------------------------- */

static int plan_scan(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    const struct moirai_stage *given = &stage->given;

    stage->out = given->elem;
    if (given->fn.scan == NULL || given->memory == NULL)
        return mo_flow_refuse(flow, stage, -EINVAL, "has no function, or "
                              "nothing to begin with");
    if (given->elem.drop != NULL)
        return mo_flow_refuse(flow, stage, -EINVAL, "copies its state, whose "
                              "element has a destructor");
    return 0;
}

/* The state, and a copy that those behind it may change. */
static int make_scan(struct mo_flow *flow, struct mo_flow_op *op)
{
    const struct mo_flow_stage *stage = op->stage;

    op->out = mo_flow_room(flow, &stage->out, 1);
    op->held = mo_flow_room(flow, &stage->out, 1);
    if (op->out == NULL || op->held == NULL)
        return -ENOMEM;
    memcpy(op->held, stage->given.memory, stage->out.bytes);
    return 0;
}

static int push_scan(struct mo_flow_op *op, void *message)
{
    const struct mo_flow_stage *stage = op->stage;
    int rc = stage->given.fn.scan(op->held, message, stage->given.arg);

    mo_flow_drop(&stage->in, message);
    if (rc != 0)
        return mo_flow_verdict(op, rc);
    memcpy(op->out, op->held, stage->out.bytes);
    return op->next->push(op->next, op->out);
}

const struct mo_flow_kind mo_flow_scan = {
    .name = "scan", .plan = plan_scan, .make = make_scan, .push = push_scan,
};
