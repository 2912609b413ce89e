/* SPDX-License-Identifier: MIT */
/*
 * timed.c - stages that collect, or look at the clock.
 *
 * `due` is when an op wants its `tick`; the lane does not wait for messages
 * beyond that. Times are read when a message gets here, so what has queued up
 * before counts as coming late.
 */
#include "flow/flow.h"

#include <errno.h>
#include <string.h>

/* --- batches ------------------------------------------------------------- */

static uint32_t batch_align(const struct moirai_elem *elem)
{
    uint32_t least = __alignof__(struct moirai_batch);

    return elem->align == 0 ? 16 : elem->align > least ? elem->align : least;
}

static size_t batch_offset(const struct moirai_elem *elem)
{
    return elem->align > sizeof(struct moirai_batch)
         ? elem->align : sizeof(struct moirai_batch);
}

static size_t batch_bytes(const struct moirai_elem *elem, size_t n)
{
    size_t align = batch_align(elem);

    return (batch_offset(elem) + n * elem->bytes + align - 1) / align * align;
}

/* Of a batch as a message: all that is in it. */
static void drop_batch(void *message, void *ctx)
{
    const struct moirai_batch *batch = message;
    const struct mo_flow_stage *stage = ctx;

    for (uint32_t i = 0; i < batch->n; i++)
        mo_flow_drop(&stage->in, moirai_batch_at(batch, i));
}

static int plan_batch(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    const struct moirai_stage *given = &stage->given;
    size_t most = (UINT32_MAX - 4096) / (stage->in.bytes + 1);

    if (given->n == 0 || given->n > most || given->ns < 0)
        return mo_flow_refuse(flow, stage, -EINVAL, "cannot have %zu messages "
                              "of %zu bytes, within %lld ns", given->n,
                              stage->in.bytes, (long long)given->ns);
    stage->out = (struct moirai_elem){
        .size = sizeof stage->out,
        .align = batch_align(&stage->in),
        .bytes = batch_bytes(&stage->in, given->n),
        .drop = stage->in.drop != NULL ? drop_batch : NULL,
        .ctx = stage,
    };
    return 0;
}

static int make_batch(struct mo_flow *flow, struct mo_flow_op *op)
{
    const struct mo_flow_stage *stage = op->stage;
    struct moirai_batch *batch = mo_flow_room(flow, &stage->out, 1);

    op->out = batch;
    if (batch == NULL)
        return -ENOMEM;
    batch->bytes = (uint32_t)stage->in.bytes;
    batch->offset = (uint32_t)batch_offset(&stage->in);
    return 0;
}

/* Those behind it may have changed what they were given. */
static int push_on(struct mo_flow_op *op)
{
    const struct mo_flow_stage *stage = op->stage;
    struct moirai_batch *batch = op->out;
    int rc;

    batch->n = (uint32_t)op->left;
    op->left = 0;
    op->due = MOIRAI_NEVER;
    rc = op->next->push(op->next, batch);
    batch->bytes = (uint32_t)stage->in.bytes;
    batch->offset = (uint32_t)batch_offset(&stage->in);
    return rc;
}

static int push_batch(struct mo_flow_op *op, void *message)
{
    const struct mo_flow_stage *stage = op->stage;
    struct moirai_batch *batch = op->out;

    memcpy(moirai_batch_at(batch, op->left), message, stage->in.bytes);
    if (++op->left == stage->given.n)
        return push_on(op);
    if (op->left == 1 && stage->given.ns != 0)
        op->due = moirai_after(stage->given.ns);
    return 0;
}

static int tick_batch(struct mo_flow_op *op, int64_t now)
{
    (void)now;
    return push_on(op);
}

static int finish_batch(struct mo_flow_op *op)
{
    return op->left != 0 ? push_on(op) : 0;
}

static void drop_collected(struct mo_flow_op *op)
{
    while (op->left != 0)
        mo_flow_drop(&op->stage->in, moirai_batch_at(op->out, --op->left));
}

const struct mo_flow_kind mo_flow_batch = {
    .name = "batch", .flags = MO_FLOW_TIMED, .plan = plan_batch,
    .make = make_batch, .push = push_batch, .tick = tick_batch,
    .finish = finish_batch, .drop = drop_collected,
};

/* As a batch whose time is over at once; but messages that are there already
 * come first. */
static int push_gather(struct mo_flow_op *op, void *message)
{
    op->due = 1;
    return push_batch(op, message);
}

const struct mo_flow_kind mo_flow_gather = {
    .name = "gather", .flags = MO_FLOW_TIMED | MO_FLOW_IDLE,
    .plan = plan_batch, .make = make_batch, .push = push_gather,
    .tick = tick_batch, .finish = finish_batch, .drop = drop_collected,
};

/* --- windows ------------------------------------------------------------- */

static int plan_window(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    if (stage->given.capacity == 0)
        return mo_flow_refuse(flow, stage, -EINVAL, "does not move on");
    if (stage->in.drop != NULL)
        return mo_flow_refuse(flow, stage, -EINVAL, "copies messages, whose "
                              "element has a destructor");
    return plan_batch(flow, stage);
}

/* The last n, in a ring: they are in more than one window. */
static int make_window(struct mo_flow *flow, struct mo_flow_op *op)
{
    op->held = mo_flow_room(flow, &op->stage->in, op->stage->given.n);
    return op->held != NULL ? make_batch(flow, op) : -ENOMEM;
}

/* `left` counts all that came. */
static int push_window(struct mo_flow_op *op, void *message)
{
    const struct moirai_stage *given = &op->stage->given;
    size_t bytes = op->stage->in.bytes;
    size_t at = op->left++ % given->n;
    size_t first = (at + 1) % given->n;
    size_t count;
    int rc;

    memcpy((char *)op->held + at * bytes, message, bytes);
    if (op->left < given->n || (op->left - given->n) % given->capacity != 0)
        return 0;
    memcpy(moirai_batch_at(op->out, 0), (char *)op->held + first * bytes,
           (given->n - first) * bytes);
    memcpy(moirai_batch_at(op->out, given->n - first), op->held,
           first * bytes);
    count = op->left;
    op->left = given->n;
    rc = push_on(op);
    op->left = count;
    return rc;
}

const struct mo_flow_kind mo_flow_window = {
    .name = "window", .plan = plan_window, .make = make_window,
    .push = push_window,
};

/* --- debounce ------------------------------------------------------------ */

static int plan_time(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    if (stage->given.ns <= 0)
        return mo_flow_refuse(flow, stage, -EINVAL, "is to last %lld ns",
                              (long long)stage->given.ns);
    return 0;
}

static int make_debounce(struct mo_flow *flow, struct mo_flow_op *op)
{
    op->held = mo_flow_room(flow, &op->stage->in, 1);
    return op->held != NULL ? 0 : -ENOMEM;
}

static void drop_held(struct mo_flow_op *op)
{
    if (op->left != 0)
        mo_flow_drop(&op->stage->in, op->held);
    op->left = 0;
}

static int push_debounce(struct mo_flow_op *op, void *message)
{
    drop_held(op);
    memcpy(op->held, message, op->stage->in.bytes);
    op->left = 1;
    op->due = moirai_after(op->stage->given.ns);
    return 0;
}

static int tick_debounce(struct mo_flow_op *op, int64_t now)
{
    (void)now;
    op->left = 0;
    op->due = MOIRAI_NEVER;
    return op->next->push(op->next, op->held);
}

static int finish_debounce(struct mo_flow_op *op)
{
    return op->left != 0 ? tick_debounce(op, 0) : 0;
}

const struct mo_flow_kind mo_flow_debounce = {
    .name = "debounce", .flags = MO_FLOW_TIMED, .plan = plan_time,
    .make = make_debounce, .push = push_debounce, .tick = tick_debounce,
    .finish = finish_debounce, .drop = drop_held,
};

/* --- throttle, sample, timeout ------------------------------------------- */

/* `time` is when the next would come, were they evenly spread (as in GCRA, the
 * generic cell rate algorithm of ATM): up to n - 1 may come early. */
static int push_throttle(struct mo_flow_op *op, void *message)
{
    const struct moirai_stage *given = &op->stage->given;
    int64_t early = given->n > 1 ? (int64_t)(given->n - 1) * given->ns : 0;
    int64_t now = moirai_now();
    int rc = 0;

    if (op->time < now)
        op->time = now;
    if (op->time - early > now) {
        rc = mo_flow_flush(op->lane);
        if (rc == 0)
            rc = moirai_sleep_until(op->time - early);
        if (rc != 0) {
            mo_flow_drop(&op->stage->in, message);
            return rc;
        }
    }
    op->time += given->ns;
    return op->next->push(op->next, message);
}

static int plan_throttle(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    const struct moirai_stage *given = &stage->given;

    if (given->ns > INT64_MAX / 4
        || (given->ns > 0 && given->n > (uint64_t)(INT64_MAX / 4 / given->ns)))
        return mo_flow_refuse(flow, stage, -EINVAL, "lets %zu through at once, "
                              "one in %lld ns", given->n,
                              (long long)given->ns);
    return plan_time(flow, stage);
}

const struct mo_flow_kind mo_flow_throttle = {
    .name = "throttle", .plan = plan_throttle, .push = push_throttle,
};

static int push_sample(struct mo_flow_op *op, void *message)
{
    int64_t now = moirai_now();

    if (now < op->time) {
        mo_flow_drop(&op->stage->in, message);
        return 0;
    }
    op->time = moirai_after(op->stage->given.ns);
    return op->next->push(op->next, message);
}

const struct mo_flow_kind mo_flow_sample = {
    .name = "sample", .plan = plan_time, .push = push_sample,
};

static int begin_timeout(struct mo_flow_op *op)
{
    op->due = moirai_after(op->stage->given.ns);
    return 0;
}

/* What those behind it take does not count. */
static int push_timeout(struct mo_flow_op *op, void *message)
{
    int rc = op->next->push(op->next, message);

    op->due = moirai_after(op->stage->given.ns);
    return rc;
}

static int tick_timeout(struct mo_flow_op *op, int64_t now)
{
    (void)now;
    return mo_flow_error(op, -ETIMEDOUT);
}

const struct mo_flow_kind mo_flow_timeout = {
    .name = "timeout", .flags = MO_FLOW_TIMED | MO_FLOW_IDLE,
    .plan = plan_time, .begin = begin_timeout, .push = push_timeout,
    .tick = tick_timeout,
};
