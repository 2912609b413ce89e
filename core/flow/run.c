/* SPDX-License-Identifier: MIT */
/*
 * run.c - a stream from its beginning to its end.
 *
 * Each lane is a task of one scope, so an error, a cancellation or a deadline
 * ends them all, and whatever they held is dropped when they have ended. When
 * a lane has had enough, those before it are cancelled one by one, and may
 * then return what they like. A handle is stored after its task has begun;
 * whoever stores one looks whether its part has been stopped meanwhile, and
 * whoever stops a part says so before it looks for handles: so one of the two
 * cancels it. Where lanes come and go another handle may take its place: so it
 * is looked for, and used, under the part's lock.
 *
 * A lane that never has to wait lets others run every so often, and learns
 * that it is cancelled.
 */
#include "flow/flow.h"

#include <errno.h>
#include <string.h>

#include <moirai/runtime.h>

#define TURNS 256                   /* messages between two yields */

int mo_flow_note(const struct mo_flow_lane *lane,
                 const struct mo_flow_stage *stage, int code)
{
    uint32_t none = 0;

    if (code != -ECANCELED)
        mo_cas(&lane->part->flow->failed, &none, stage->number + 1);
    return code;
}

/* --- stopping ------------------------------------------------------------ */

static void stop_lane(struct mo_flow_lane *lane)
{
    mo_lock_take(&lane->part->lock);
    if (lane->handle != NULL)
        moirai_handle_cancel(lane->handle);
    mo_lock_drop(&lane->part->lock);
}

/* All of a part but the caller's lane. */
static void stop_part(struct mo_flow_part *part, struct mo_flow_lane *self)
{
    mo_swap(&part->stopped, 1);     /* pairs with the load after a spawn */
    for (size_t i = 0; part->turns != NULL && i < part->lanes_n; i++)
        moirai_chan_close(part->turns[i]);
    if (part->to != NULL)
        moirai_chan_close(part->to);
    for (size_t i = 0; i < part->lanes_n; i++)
        if (&part->lanes[i] != self)
            stop_lane(&part->lanes[i]);
}

static void stop_before(struct mo_flow_part *part)
{
    while (part != part->flow->parts)
        stop_part(--part, NULL);
}

/* --- a lane -------------------------------------------------------------- */

static int begin(struct mo_flow_lane *lane)
{
    int rc = 0;

    for (struct mo_flow_op *op = lane->first; rc == 0 && op != NULL;
         op = op->next)
        if (op->kind->begin != NULL)
            rc = op->kind->begin(op);
    return rc;
}

/* Ops push what they hold, from one on. */
static int finish(struct mo_flow_lane *lane, struct mo_flow_op *op)
{
    while (op != NULL) {
        int rc = op->kind->finish != NULL ? op->kind->finish(op) : 0;

        if (rc < 0)
            return rc;
        op = rc == MO_END ? lane->ended->next : op->next;
    }
    return 0;
}

static int64_t first_due(const struct mo_flow_lane *lane)
{
    int64_t due = MOIRAI_NEVER;

    for (struct mo_flow_op *op = lane->first; op != NULL; op = op->next)
        if (op->due < due)
            due = op->due;
    return due;
}

static int tick(struct mo_flow_lane *lane, bool idle)
{
    int64_t now = moirai_now();
    int rc = 0;

    for (struct mo_flow_op *op = lane->first; rc == 0 && op != NULL;
         op = op->next)
        if (op->due <= now
            && (idle || (op->kind->flags & MO_FLOW_IDLE) == 0))
            rc = op->kind->tick(op, now);
    return rc;
}

/* Time that has come before the message comes first. */
static int step_timed(struct mo_flow_lane *lane)
{
    void *message = NULL;
    int64_t due = first_due(lane);
    int pulled = mo_flow_pull(lane, &message, due);
    int rc = 0;

    if (pulled != 0 && (pulled != -ETIMEDOUT || moirai_now() < due))
        return pulled;              /* the caller may have a deadline, too */
    if (due != MOIRAI_NEVER)
        rc = tick(lane, pulled != 0);
    if (pulled != 0)
        return rc;
    if (rc != 0) {
        mo_flow_drop(lane->in, message);
        return rc;
    }
    lane->received++;
    return lane->first->push(lane->first, message);
}

static int step(struct mo_flow_lane *lane)
{
    void *message;
    int rc = mo_flow_pull(lane, &message, MOIRAI_NEVER);

    if (rc != 0)
        return rc;
    lane->received++;
    return lane->first->push(lane->first, message);
}

static int flow_through(struct mo_flow_lane *lane)
{
    int rc = begin(lane);

    while (rc == 0) {
        if (++lane->steps % TURNS == 0)
            rc = moirai_yield();
        if (rc == 0)
            rc = lane->timed ? step_timed(lane) : step(lane);
    }
    if (rc < 0 || rc == MO_LEFT)
        return rc;
    if (rc == MO_END)
        stop_before(lane->part);
    rc = finish(lane, rc == MO_DONE ? lane->first : lane->ended->next);
    if (rc == 0 && lane->ended != NULL) {
        stop_before(lane->part);
        stop_part(lane->part, lane);
    }
    return rc;
}

static int run_lane(void *arg)
{
    struct mo_flow_lane *lane = arg;
    struct mo_flow_part *part = lane->part;
    int rc = mo_load_seq(&part->stopped) != 0 ? 0 : flow_through(lane);

    if (rc == MO_LEFT) {
        mo_sub(&lane->users, 1);    /* another may have it: pairs with the CAS
                                     * that finds one */
        return 0;
    }
    if (mo_load_seq(&part->stopped) != 0)
        rc = 0;                     /* nobody wants to know */
    if (rc == -ECANCELED && part->flow->scope.runtime != NULL)
        moirai_scope_cancel(&part->flow->scope);    /* no error of a task's */
    if (mo_sub(&part->alive, 1) == 1 && part->to != NULL && rc == 0)
        moirai_chan_close(part->to);
    return rc;
}

/* --- all of it ----------------------------------------------------------- */

/* Its users are 0; whoever sees that next finds a lane with a handle that is
 * of no use any more. */
static void keep_handle(struct mo_flow_lane *lane,
                        struct moirai_handle *handle)
{
    struct moirai_handle *old = lane->handle;

    mo_lock_take(&lane->part->lock);
    lane->handle = handle;
    mo_lock_drop(&lane->part->lock);
    moirai_handle_put(old);
    if (mo_load_seq(&lane->part->stopped) != 0)
        moirai_handle_cancel(handle);
}

int mo_flow_spawn(struct mo_flow_lane *lane)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_handle *handle;
    int rc;

    attr.name = "stream";
    mo_store(&lane->users, 2);      /* ours is given back below */
    rc = moirai_spawn_with(&lane->part->flow->scope, run_lane, lane, &attr,
                           &handle);
    if (rc == 0)
        keep_handle(lane, handle);
    mo_sub(&lane->users, rc == 0 ? 1 : 2);
    return rc;
}

static size_t first_lanes(const struct mo_flow_part *part)
{
    return part->least != 0 ? part->least : part->lanes_n;
}

/* Sinks first: when a source begins, everything else is there. */
static int spawn_all(struct mo_flow *flow)
{
    for (size_t i = flow->parts_n; i-- > 0;) {
        struct mo_flow_part *part = &flow->parts[i];

        for (size_t k = 0; k < first_lanes(part); k++) {
            int rc = mo_flow_spawn(&part->lanes[k]);

            if (rc == -ECANCELED && moirai_scope_error(&flow->scope) != 0)
                return 0;           /* one has failed already */
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

static int run_apart(struct mo_flow *flow)
{
    int rc = moirai_scope_begin(&flow->scope, flow->runtime,
                                flow->deadline_ns);
    int ended;

    if (rc != 0)
        return rc;
    rc = spawn_all(flow);
    if (rc != 0)
        moirai_scope_cancel(&flow->scope);
    ended = moirai_scope_end(&flow->scope);
    return rc != 0 ? rc : ended;
}

static void fini(void *flow)
{
    mo_flow_fini(flow);
}

/* In the calling task. Should it fail, what the flow holds is dropped. */
static int run_here(struct mo_flow *flow)
{
    struct moirai_cleanup cleanup;
    int rc;

    moirai_cleanup_push(&cleanup, fini, flow);
    rc = run_lane(flow->parts->lanes);
    moirai_cleanup_pop(&cleanup, false);
    return rc;
}

static bool fits_caller(const struct mo_flow *flow)
{
    struct moirai_runtime *self = moirai_runtime_self();

    return flow->parts_n == 1 && flow->parts->lanes_n == 1
        && flow->deadline_ns == MOIRAI_NEVER && self != NULL
        && (flow->runtime == NULL || flow->runtime == self);
}

static void explain(const struct mo_flow *flow, int rc,
                    struct moirai_error *err)
{
    uint32_t failed = flow->failed;

    if (rc == 0 || err->text[0] != '\0')
        return;
    if (failed == 0) {
        moirai_error_set(err, rc, "the stream ended: %s", strerror(-rc));
        return;
    }
    moirai_error_set(err, rc, "stage %u of the stream (%s): %s", failed - 1,
                     flow->stages[failed - 1].kind->name, strerror(-rc));
}

static void write_report(const struct mo_flow *flow, bool here,
                         struct moirai_stream_report *report)
{
    const struct mo_flow_part *last = flow->parts + flow->parts_n - 1;

    for (size_t i = 0; i < flow->parts->lanes_n; i++)
        report->received += flow->parts->lanes[i].received;
    for (size_t i = 0; i < last->lanes_n; i++)
        report->delivered += last->lanes[i].delivered;
    for (size_t i = 0; !here && i < flow->parts_n; i++)
        report->tasks += (uint32_t)first_lanes(&flow->parts[i]);
    report->tasks += (uint32_t)flow->grown;
    report->grown = flow->grown;
    report->shrunk = flow->shrunk;
    report->retried = flow->retried;
    report->skipped = flow->skipped;
    report->diverted = flow->diverted;
}

int moirai_stream_run(struct moirai_runtime *runtime,
                      const struct moirai_stage *stages, size_t n,
                      int64_t deadline_ns, struct moirai_stream_report *report)
{
    struct moirai_stream_report full = { .size = sizeof full };
    struct mo_flow flow = { .runtime = runtime, .deadline_ns = deadline_ns,
                            .err = &full.error };
    bool here = false;
    int rc = mo_flow_plan(&flow, stages, n);

    if (rc == 0) {
        here = fits_caller(&flow);
        rc = here ? run_here(&flow) : run_apart(&flow);
        write_report(&flow, here, &full);
        explain(&flow, rc, &full.error);
    }
    mo_flow_fini(&flow);
    if (report != NULL) {
        full.size = report->size;
        memcpy(report, &full,
               full.size < sizeof full ? full.size : sizeof full);
    }
    return rc;
}
