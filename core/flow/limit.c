/* SPDX-License-Identifier: MIT */
/*
 * limit.c - waiting for one's turn under a limit.
 *
 * Who cannot go at once queues. The first in the queue waits for the clock as
 * well, if that will let it go; those behind it wait until somebody before them
 * has gone. Who leaves the front of the queue, for whatever reason, serves the
 * next: grants it what it wants if that can be had, else tells it (FIRST) that
 * it is the one to watch the clock now. So there is one timer per limit in
 * use, however many wait, and nobody overtakes.
 *
 * A waiter that is told FIRST stays queued until it has looked for itself; so
 * does one whose time has come, or that is cancelled. While it is on its way it
 * cannot be claimed, and whoever serves leaves the rest to it.
 */
#include <moirai/limit.h>

#include <errno.h>
#include <stddef.h>

#include "flow/meter.h"
#include "runtime.h"
#include "wait.h"
#include "worker.h"

#define FIRST 1                     /* a wait's result: look for yourself */

_Static_assert(offsetof(struct moirai_limit, last)
               - offsetof(struct moirai_limit, first)
               == offsetof(struct mo_queue, last), "a limit holds a queue");

static struct mo_queue *waiters_of(struct moirai_limit *limit)
{
    return (struct mo_queue *)&limit->first;
}

/* --- the kinds ----------------------------------------------------------- */

int moirai_limit_tokens(struct moirai_limit *limit, uint32_t count,
                        int64_t period_ns, uint32_t burst)
{
    *limit = (struct moirai_limit){ .kind = MOIRAI_LIMIT_TOKENS,
                                    .places = UINT32_MAX };
    return mo_meter_rate(limit, count, period_ns, burst);
}

int moirai_limit_leaky(struct moirai_limit *limit, uint32_t count,
                       int64_t period_ns, uint32_t places)
{
    *limit = (struct moirai_limit){ .kind = MOIRAI_LIMIT_LEAKY,
                                    .places = places };
    return mo_meter_rate(limit, count, period_ns, count);
}

int moirai_limit_window(struct moirai_limit *limit, uint32_t count,
                        int64_t period_ns)
{
    *limit = (struct moirai_limit){ .kind = MOIRAI_LIMIT_WINDOW,
                                    .places = UINT32_MAX };
    return mo_meter_window(limit, count, period_ns);
}

int moirai_limit_gcra(struct moirai_limit *limit, int64_t interval_ns,
                      int64_t tolerance_ns)
{
    *limit = (struct moirai_limit){ .kind = MOIRAI_LIMIT_GCRA,
                                    .places = UINT32_MAX };
    return mo_meter_gcra(limit, interval_ns, tolerance_ns);
}

int moirai_limit_concurrent(struct moirai_limit *limit, uint32_t most)
{
    *limit = (struct moirai_limit){ .kind = MOIRAI_LIMIT_CONCURRENT,
                                    .places = UINT32_MAX, .most = most };
    return most != 0 ? 0 : -EINVAL;
}

/* --- taking and giving --------------------------------------------------- */

static int64_t clock_of(const struct moirai_limit *limit)
{
    return limit->kind == MOIRAI_LIMIT_CONCURRENT ? 0 : moirai_now();
}

/* The lock is held. */
static bool take(struct moirai_limit *limit, uint32_t n, int64_t now)
{
    if (mo_meter_due(limit, n, now) > now)
        return false;
    mo_meter_take(limit, n, now);
    limit->granted += n;
    return true;
}

static void dequeue(struct moirai_limit *limit, struct mo_node *node)
{
    mo_queue_remove(waiters_of(limit), node);
    limit->waiting--;
}

static uint32_t wanted(const struct mo_node *node)
{
    return (uint32_t)(uintptr_t)node->message;
}

/* Lets go who is first in the queue, as many as can. The lock is held. */
static void serve(struct moirai_limit *limit, int64_t now)
{
    struct mo_node *node;

    while ((node = waiters_of(limit)->first) != NULL) {
        struct mo_waiter *waiter = node->waiter;
        int64_t due = mo_meter_due(limit, wanted(node), now);

        if (due == MOIRAI_NEVER || !mo_wait_claim(waiter))
            return;
        if (due > now) {
            mo_wait_end(waiter, FIRST);
            return;
        }
        take(limit, wanted(node), now);
        dequeue(limit, node);
        mo_wait_end(waiter, 0);
    }
}

/* One round in the queue: until it is our turn to look, or too late. The lock
 * is held, and on return again, unless that is 0: granted. */
static int wait_round(struct moirai_limit *limit, struct mo_node *node,
                      uint32_t n, int64_t deadline_ns, int64_t *now)
{
    struct mo_wait how = { .waiter = node->waiter, .kind = MO_WAIT_LIMIT,
                           .object = limit, .deadline_ns = deadline_ns,
                           .lock = &limit->lock };
    int64_t due = MOIRAI_NEVER;
    int rc;

    if (waiters_of(limit)->first == node)
        due = mo_meter_due(limit, n, *now);
    if (due < deadline_ns)
        how.deadline_ns = due;
    rc = mo_wait(&how);
    if (rc == 0)
        return 0;
    *now = clock_of(limit);
    mo_word_lock(&limit->lock);
    /* Unless it was a deadline of the task's own. */
    if (rc == -ETIMEDOUT && due < deadline_ns
        && how.waiter->deadline_ns == due)
        rc = FIRST;
    return rc;
}

/* Waits in the queue. The lock is held, and dropped in here. */
static int wait_turn(struct moirai_limit *limit, uint32_t n,
                     int64_t deadline_ns, int64_t now)
{
    struct mo_native native;
    struct mo_node *node = mo_node_self(&native);
    bool first;
    int rc;

    node->message = (void *)(uintptr_t)n;
    mo_queue_add(waiters_of(limit), node);
    limit->waiting++;
    limit->waited++;
    do {
        rc = wait_round(limit, node, n, deadline_ns, &now);
        if (rc == 0)
            return 0;
        first = waiters_of(limit)->first == node;
        if (first && rc != -ECANCELED && take(limit, n, now))
            rc = 0;
    } while (rc == FIRST);
    dequeue(limit, node);
    limit->left += rc != 0;
    if (first)
        serve(limit, now);
    mo_word_unlock(&limit->lock);
    return rc;
}

int moirai_limit_acquire(struct moirai_limit *limit, uint32_t n,
                         int64_t deadline_ns)
{
    int64_t now;
    int rc = 0;

    if (n == 0 || n > limit->most)
        return -EINVAL;
    now = clock_of(limit);
    mo_word_lock(&limit->lock);
    if (limit->first == NULL && take(limit, n, now)) {
        mo_race_acquire(&limit->used);
    } else if (deadline_ns <= MOIRAI_NOW) {
        limit->refused++;
        rc = -EAGAIN;
    } else if (limit->waiting >= limit->places) {
        limit->refused++;
        rc = -ENOBUFS;
    } else if (mo_runtime_bereft()) {
        rc = -ECHILD;
    } else {
        return wait_turn(limit, n, deadline_ns, now);
    }
    mo_word_unlock(&limit->lock);
    return rc;
}

int moirai_limit_release(struct moirai_limit *limit, uint32_t n)
{
    int rc = -EINVAL;

    if (limit->kind != MOIRAI_LIMIT_CONCURRENT)
        return 0;
    mo_race_release(&limit->used);
    mo_word_lock(&limit->lock);
    if (n <= limit->used) {
        limit->used -= n;
        serve(limit, 0);
        rc = 0;
    }
    mo_word_unlock(&limit->lock);
    return rc;
}

int64_t moirai_limit_due(struct moirai_limit *limit, uint32_t n)
{
    int64_t now = clock_of(limit);
    int64_t due;

    if (n == 0 || n > limit->most)
        return MOIRAI_NEVER;
    mo_word_lock(&limit->lock);
    due = mo_meter_due(limit, n, now);
    mo_word_unlock(&limit->lock);
    return due;
}

void moirai_limit_read(struct moirai_limit *limit,
                       struct moirai_limit_stats *stats)
{
    int64_t now = clock_of(limit);

    mo_word_lock(&limit->lock);
    mo_meter_due(limit, 1, now);    /* so that a window has slid */
    *stats = (struct moirai_limit_stats){
        .granted = limit->granted, .refused = limit->refused,
        .waited = limit->waited, .left = limit->left,
        .waiting = limit->waiting, .used = limit->used,
    };
    mo_word_unlock(&limit->lock);
}
