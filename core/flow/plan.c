/* SPDX-License-Identifier: MIT */
/*
 * plan.c - from the stages that a program gives to parts, lanes and ops.
 *
 * A part ends where the program cuts the row; where several lanes come to a
 * stage that only one can do; and before a stage that has to wait for messages
 * and for the time at once, if none of that comes from a channel yet.
 */
#include "flow/flow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chan.h"
#include "text.h"

static const struct mo_flow_kind *const kinds[] = {
    [MOIRAI_STAGE_FROM] = &mo_flow_from,
    [MOIRAI_STAGE_GENERATE] = &mo_flow_generate,
    [MOIRAI_STAGE_ARRAY] = &mo_flow_array,
    [MOIRAI_STAGE_MERGE] = &mo_flow_merge,
    [MOIRAI_STAGE_ZIP] = &mo_flow_zipped,
    [MOIRAI_STAGE_LATEST] = &mo_flow_latest,
    [MOIRAI_STAGE_MAP] = &mo_flow_map,
    [MOIRAI_STAGE_FILTER] = &mo_flow_filter,
    [MOIRAI_STAGE_APPLY] = &mo_flow_apply,
    [MOIRAI_STAGE_EXPAND] = &mo_flow_expand,
    [MOIRAI_STAGE_TAKE] = &mo_flow_take,
    [MOIRAI_STAGE_SKIP] = &mo_flow_skip,
    [MOIRAI_STAGE_DISTINCT] = &mo_flow_distinct,
    [MOIRAI_STAGE_SCAN] = &mo_flow_scan,
    [MOIRAI_STAGE_BATCH] = &mo_flow_batch,
    [MOIRAI_STAGE_WINDOW] = &mo_flow_window,
    [MOIRAI_STAGE_DEBOUNCE] = &mo_flow_debounce,
    [MOIRAI_STAGE_THROTTLE] = &mo_flow_throttle,
    [MOIRAI_STAGE_SAMPLE] = &mo_flow_sample,
    [MOIRAI_STAGE_TIMEOUT] = &mo_flow_timeout,
    [MOIRAI_STAGE_ASYNC] = &mo_flow_async,
    [MOIRAI_STAGE_WORKERS] = &mo_flow_workers,
    [MOIRAI_STAGE_EACH] = &mo_flow_each,
    [MOIRAI_STAGE_COLLECT] = &mo_flow_collect,
    [MOIRAI_STAGE_INTO] = &mo_flow_into,
    [MOIRAI_STAGE_DRAIN] = &mo_flow_drain,
    [MOIRAI_STAGE_SPREAD] = &mo_flow_spread,
    [MOIRAI_STAGE_GATHER] = &mo_flow_gather,
    [MOIRAI_STAGE_POOL] = &mo_flow_pool,
    [MOIRAI_STAGE_FAN] = &mo_flow_fan,
};

int mo_flow_refuse(struct mo_flow *flow, const struct mo_flow_stage *stage,
                   int code, const char *format, ...)
{
    char text[200];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return moirai_error_set(flow->err, code, "stage %u of the stream (%s) %s",
                            stage->number, stage->kind->name, text);
}

int mo_flow_element(struct mo_flow *flow, const struct mo_flow_stage *stage,
                    const struct moirai_chan *chan, uint32_t mode,
                    struct moirai_elem *elem)
{
    struct mo_chan *c;

    if (chan == NULL || (chan->mode & mode) == 0)
        return mo_flow_refuse(flow, stage, -EBADF, "has no endpoint that %s",
                              mode == MOIRAI_SEND ? "sends" : "receives");
    c = chan->to;
    mo_chan_lock(c);
    *elem = c->elem;
    mo_chan_unlock(c);
    if (elem->limit != 0)
        return mo_flow_refuse(flow, stage, -ENOTSUP, "has a channel of "
                              "messages of variable length");
    return 0;
}

void *mo_flow_room(struct mo_flow *flow, const struct moirai_elem *elem,
                   size_t n)
{
    size_t align = elem->align > 16 ? elem->align : 16;
    char *room;

    if (elem->bytes != 0 && n > (SIZE_MAX - align) / elem->bytes)
        return NULL;
    room = mo_arena_alloc(&flow->arena, n * elem->bytes + align);
    if (room == NULL)
        return NULL;
    return room + (align - (uintptr_t)room % align) % align;
}

/* --- stages -------------------------------------------------------------- */

/* A stage of a program that may know more fields of it, or fewer. */
static int read_stage(struct mo_flow *flow, const void *given, size_t size,
                      struct mo_flow_stage *stage)
{
    memcpy(&stage->given, given,
           size < sizeof stage->given ? size : sizeof stage->given);
    if (stage->given.size != size
        || stage->given.kind >= sizeof kinds / sizeof kinds[0]
        || kinds[stage->given.kind] == NULL)
        return moirai_error_set(flow->err, -EINVAL, "stage %u of the stream "
                                "is none that this version knows: kind %u",
                                stage->number, stage->given.kind);
    stage->kind = kinds[stage->given.kind];
    return 0;
}

static int read_stages(struct mo_flow *flow, const struct moirai_stage *given,
                       size_t n)
{
    size_t size = n != 0 && given != NULL ? given->size : 0;

    if (n < 2 || size < offsetof(struct moirai_stage, flags) || size > 4096
        || n > UINT32_MAX)
        return moirai_error_set(flow->err, -EINVAL, "a stream has a source "
                                "and a sink, at least");
    flow->stages = mo_arena_alloc(&flow->arena, n * sizeof *flow->stages);
    if (flow->stages == NULL)
        return -ENOMEM;
    flow->stages_n = n;
    for (size_t i = 0; i < n; i++) {
        int rc;

        flow->stages[i].number = (uint32_t)i;
        rc = read_stage(flow, (const char *)given + i * size, size,
                        &flow->stages[i]);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Is it where it may be? */
static int check_place(struct mo_flow *flow, const struct mo_flow_stage *stage)
{
    bool first = stage->number == 0;
    bool last = stage->number == flow->stages_n - 1;

    if (first != ((stage->kind->flags & MO_FLOW_SOURCE) != 0))
        return mo_flow_refuse(flow, stage, -EINVAL, first
                              ? "cannot be the first: it is no source"
                              : "is a source, and not the first");
    if (last != ((stage->kind->flags & MO_FLOW_SINK) != 0))
        return mo_flow_refuse(flow, stage, -EINVAL, last
                              ? "cannot be the last: it is no sink"
                              : "is a sink, and not the last");
    return 0;
}

static int check_element(struct mo_flow *flow, struct mo_flow_stage *stage)
{
    uint32_t align = stage->out.align;

    if ((align & (align - 1)) != 0)
        return mo_flow_refuse(flow, stage, -EINVAL, "makes messages of the "
                              "alignment %u, no power of two", align);
    if (stage->out.limit != 0)
        return mo_flow_refuse(flow, stage, -ENOTSUP, "makes messages of "
                              "variable length");
    return 0;
}

static int check_stages(struct mo_flow *flow)
{
    for (size_t i = 0; i < flow->stages_n; i++) {
        struct mo_flow_stage *stage = &flow->stages[i];
        int rc = check_place(flow, stage);

        if (rc != 0)
            return rc;
        if (i != 0)
            stage->in = stage->out = flow->stages[i - 1].out;
        if (stage->given.takes != 0 && stage->given.takes != stage->in.bytes)
            return mo_flow_refuse(flow, stage, -EINVAL, "takes messages of "
                                  "%zu bytes, and gets %zu",
                                  stage->given.takes, stage->in.bytes);
        if (stage->kind->plan != NULL)
            rc = stage->kind->plan(flow, stage);
        if (rc == 0)
            rc = check_element(flow, stage);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* --- parts --------------------------------------------------------------- */

static void share(struct mo_flow_part *part, const struct moirai_stage *given)
{
    part->capacity = given->capacity;
    part->chunk_out = given->chunk > 1 ? given->chunk : 1;
    part->adaptive = part->chunk_out > 1
                  && (given->flags & MOIRAI_STREAM_ADAPTIVE) != 0;
    if (given->kind == MOIRAI_STAGE_ASYNC)
        return;
    part->lanes_n = given->n;
    part->ordered = given->n > 1 && (given->flags & MOIRAI_STREAM_ORDERED) != 0;
    if (given->kind == MOIRAI_STAGE_POOL && given->least < given->n) {
        part->least = given->least;
        part->idle_ns = given->ns != 0 ? given->ns : MOIRAI_NEVER;
    }
}

static struct mo_flow_part *begin_part(struct mo_flow *flow,
                                       struct mo_flow_stage *first)
{
    struct mo_flow_part *part = &flow->parts[flow->parts_n++];

    part->flow = flow;
    part->first = first;
    part->lanes_n = first->kind->flags & MO_FLOW_MANY ? first->given.n : 1;
    part->chunk_in = part->chunk_out = 1;
    part->capacity = 16;
    return part;
}

/* Before this stage? */
static bool is_cut(const struct mo_flow_part *part,
                   const struct mo_flow_stage *stage)
{
    uint32_t flags = stage->kind->flags;
    const struct mo_flow_kind *source = part->first->kind;

    if (flags & MO_FLOW_CUT)
        return true;
    if (part->lanes_n > 1 && (flags & MO_FLOW_SHARED) == 0)
        return true;
    return (flags & MO_FLOW_TIMED) != 0
        && (source->flags & (MO_FLOW_SOURCE | MO_FLOW_SHARED))
               == MO_FLOW_SOURCE;
}

/* Workers may take what they do right from a channel. */
static bool takes_over(const struct mo_flow_part *part,
                       const struct mo_flow_stage *stage)
{
    return stage->given.kind == MOIRAI_STAGE_WORKERS && stage->number == 1
        && part->first->kind == &mo_flow_from;
}

static int make_parts(struct mo_flow *flow)
{
    struct mo_flow_part *part;

    flow->parts = mo_arena_alloc(&flow->arena,
                                 flow->stages_n * sizeof *flow->parts);
    if (flow->parts == NULL)
        return -ENOMEM;
    part = begin_part(flow, flow->stages);
    part->in = flow->stages->out;
    for (size_t i = 1; i < flow->stages_n; i++) {
        struct mo_flow_stage *stage = &flow->stages[i];

        if (takes_over(part, stage)) {
            share(part, &stage->given);
        } else if (is_cut(part, stage)) {
            struct mo_flow_part *before = part;

            before->end = stage;
            before->out = stage->in;
            part = begin_part(flow, stage);
            part->in = stage->in;
            if (stage->kind->flags & MO_FLOW_CUT) {
                share(part, &stage->given);
                before->capacity = part->capacity;
                before->chunk_out = part->chunk_out;
                before->adaptive = part->adaptive;
            }
            part->chunk_in = before->chunk_out;
        }
    }
    part->end = flow->stages + flow->stages_n;
    return 0;
}

static int make_chan(struct mo_flow *flow, size_t capacity,
                     const struct moirai_elem *elem, struct moirai_chan **chan)
{
    char text[40];
    const char *const options[] = { text, NULL };

    snprintf(text, sizeof text, "capacity=%zu", capacity);
    return moirai_chan_make(flow->runtime, NULL, options, elem, chan,
                            flow->err);
}

static int make_turns(struct mo_flow *flow, struct mo_flow_part *part)
{
    struct moirai_elem elem = MOIRAI_ELEM(char);
    char token = 0;

    part->turns = mo_arena_alloc(&flow->arena,
                                 part->lanes_n * sizeof *part->turns);
    if (part->turns == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < part->lanes_n; i++) {
        int rc = make_chan(flow, 1, &elem, &part->turns[i]);

        if (rc != 0)
            return rc;
    }
    return moirai_chan_send(part->turns[0], &token, MOIRAI_NOW);
}

static int join_parts(struct mo_flow *flow)
{
    for (size_t i = 0; i < flow->parts_n; i++) {
        struct mo_flow_part *part = &flow->parts[i];
        int rc = 0;

        if (part->end != flow->stages + flow->stages_n) {
            rc = make_chan(flow, part->capacity, &part->out, &part->to);
            part[1].from = part->to;
        }
        if (rc == 0 && part->ordered)
            rc = make_turns(flow, part);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* --- lanes --------------------------------------------------------------- */

static int add_op(struct mo_flow *flow, struct mo_flow_lane *lane,
                  const struct mo_flow_stage *stage,
                  const struct mo_flow_kind *kind)
{
    struct mo_flow_op *op = mo_arena_alloc(&flow->arena, sizeof *op);

    if (op == NULL)
        return -ENOMEM;
    op->kind = kind;
    op->push = kind->push;
    op->stage = stage;
    op->lane = lane;
    op->due = MOIRAI_NEVER;
    if (lane->last != NULL)
        lane->last->next = op;
    else
        lane->first = op;
    lane->last = op;
    lane->timed |= (kind->flags & MO_FLOW_TIMED) != 0;
    return kind->make != NULL ? kind->make(flow, op) : 0;
}

static int make_lane(struct mo_flow *flow, struct mo_flow_part *part,
                     struct mo_flow_lane *lane)
{
    const struct mo_flow_stage *stage = part->first;
    int rc = 0;

    lane->part = part;
    lane->in = &part->in;
    lane->from = part->from != NULL ? part->from : stage->given.chan;
    if (stage->kind->flags & MO_FLOW_MANY) {
        lane->from = stage->given.chans[lane - part->lanes];
        lane->in = &stage->elems[lane - part->lanes];
    }
    lane->buffer = mo_flow_room(flow, lane->in, part->chunk_in);
    if (lane->buffer == NULL)
        return -ENOMEM;
    if (stage->kind->make_lane != NULL)
        rc = stage->kind->make_lane(flow, lane);
    for (; rc == 0 && stage != part->end; stage++)
        if (stage->kind->push != NULL)
            rc = add_op(flow, lane, stage, stage->kind);
    if (rc == 0 && part->to != NULL)
        rc = add_op(flow, lane, part->end - 1, &mo_flow_send);
    return rc;
}

static int make_lanes(struct mo_flow *flow)
{
    for (size_t i = 0; i < flow->parts_n; i++) {
        struct mo_flow_part *part = &flow->parts[i];
        size_t n = part->lanes_n;

        part->lanes = mo_arena_alloc(&flow->arena, n * sizeof *part->lanes);
        if (part->lanes == NULL)
            return -ENOMEM;
        part->alive = part->least != 0 ? part->least : (uint32_t)n;
        for (size_t k = 0; k < n; k++) {
            int rc = make_lane(flow, part, &part->lanes[k]);

            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

int mo_flow_plan(struct mo_flow *flow, const struct moirai_stage *stages,
                 size_t n)
{
    int rc = read_stages(flow, stages, n);

    for (size_t i = 0; rc == 0 && i < n; i++)
        if (flow->stages[i].given.count != NULL)
            *flow->stages[i].given.count = 0;   /* whatever is refused next */
    if (rc == 0)
        rc = check_stages(flow);
    if (rc == 0)
        rc = make_parts(flow);
    if (rc == 0)
        rc = join_parts(flow);
    if (rc == 0)
        rc = make_lanes(flow);
    if (rc == -ENOMEM)
        moirai_error_set(flow->err, rc, "out of memory");
    return rc;
}

static void end_lane(struct mo_flow_lane *lane)
{
    mo_flow_pull_drop(lane);
    for (struct mo_flow_op *op = lane->first; op != NULL; op = op->next)
        if (op->kind->drop != NULL)
            op->kind->drop(op);
    moirai_handle_put(lane->handle);
}

/* Of one that was made in part, too. */
void mo_flow_fini(struct mo_flow *flow)
{
    for (size_t i = 0; i < flow->parts_n; i++) {
        struct mo_flow_part *part = &flow->parts[i];

        for (size_t k = 0; part->lanes != NULL && k < part->lanes_n; k++)
            if (part->lanes[k].part != NULL)
                end_lane(&part->lanes[k]);
        for (size_t k = 0; part->turns != NULL && k < part->lanes_n; k++)
            moirai_chan_put(part->turns[k]);
        moirai_chan_put(part->to);
    }
    mo_arena_fini(&flow->arena);
}
