/* SPDX-License-Identifier: MIT */
/*
 * timer.c - intrusive pairing heaps.
 *
 * Inserting is a comparison, removing any timer takes logarithmic time on
 * average, and no operation needs memory, so arming cannot fail: that is why
 * this is not an array heap. Ties fire in the order they were armed.
 *
 * Source: M. Fredman, R. Sedgewick, D. Sleator, R. Tarjan, "The pairing heap"
 * (1986), two-pass variant.
 */
#include "timer.h"

#include <stddef.h>

#include "idle.h"
#include "worker.h"

void mo_timers_init(struct mo_timers *timers)
{
    *timers = (struct mo_timers){ .earliest = MOIRAI_NEVER };
}

static bool before(const struct moirai_timer *a, const struct moirai_timer *b)
{
    if (a->deadline_ns != b->deadline_ns)
        return a->deadline_ns < b->deadline_ns;
    return a->order < b->order;
}

/* Joins two heaps (roots without neighbours), either may be NULL. */
static struct moirai_timer *meld(struct moirai_timer *a,
                                 struct moirai_timer *b)
{
    if (a == NULL)
        return b;
    if (b == NULL)
        return a;
    if (before(b, a)) {
        struct moirai_timer *t = a;

        a = b;
        b = t;
    }
    b->next = a->child;
    if (a->child != NULL)
        a->child->prev = b;
    b->prev = a;
    a->child = b;
    return a;
}

/* One heap of a row of siblings: pairs left to right, then right to left. */
static struct moirai_timer *meld_row(struct moirai_timer *row)
{
    struct moirai_timer *pairs = NULL;
    struct moirai_timer *heap = NULL;

    while (row != NULL) {
        struct moirai_timer *a = row;
        struct moirai_timer *b = a->next;

        row = b != NULL ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b != NULL)
            b->next = b->prev = NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs != NULL) {
        struct moirai_timer *rest = pairs->next;

        pairs->next = NULL;
        heap = meld(heap, pairs);
        pairs = rest;
    }
    return heap;
}

static void publish_earliest(struct mo_timers *timers)
{
    mo_store(&timers->earliest, timers->root != NULL
                                ? timers->root->deadline_ns : MOIRAI_NEVER);
}

static void take_out(struct mo_timers *timers, struct moirai_timer *timer)
{
    struct moirai_timer *children = meld_row(timer->child);

    if (timer == timers->root) {
        timers->root = children;
    } else {
        if (timer->prev->child == timer)
            timer->prev->child = timer->next;
        else
            timer->prev->next = timer->next;
        if (timer->next != NULL)
            timer->next->prev = timer->prev;
        timers->root = meld(timers->root, children);
    }
    if (timers->root != NULL)
        timers->root->next = timers->root->prev = NULL;
    timer->child = timer->next = timer->prev = NULL;
    publish_earliest(timers);
    mo_store(&timer->place, NULL);  /* pairs with the load in disarm, and is
                                     * the last access: it may be gone now */
}

bool mo_timer_insert(struct mo_timers *timers, struct moirai_timer *timer,
                     int64_t deadline_ns, void (*fire)(struct moirai_timer *))
{
    *timer = (struct moirai_timer){ .deadline_ns = deadline_ns,
                                    .order = timers->order++, .fire = fire };
    mo_store_relaxed(&timer->place, timers);
    timers->root = meld(timers->root, timer);
    publish_earliest(timers);
    return timers->root == timer;
}

void mo_timer_arm(struct mo_worker *w, struct moirai_timer *timer,
                  int64_t deadline_ns, void (*fire)(struct moirai_timer *))
{
    bool first;

    mo_lock_take(&w->timers.lock);
    first = mo_timer_insert(&w->timers, timer, deadline_ns, fire);
    mo_lock_drop(&w->timers.lock);
    if (first)
        mo_idle_deadline(w->runtime, deadline_ns);
}

/* `place` never names another heap while the timer is armed, so a stale value
 * only costs a look under the lock. */
void mo_timer_disarm(struct moirai_timer *timer)
{
    struct mo_timers *timers = mo_load(&timer->place);

    if (timers == NULL)
        return;
    mo_lock_take(&timers->lock);
    if (mo_load_relaxed(&timer->place) != NULL)
        take_out(timers, timer);
    mo_lock_drop(&timers->lock);
}

uint32_t mo_timers_run(struct mo_worker *place, int64_t now)
{
    struct mo_timers *timers = &place->timers;
    uint32_t fired = 0;

    if (mo_load(&timers->earliest) > now)
        return 0;
    mo_lock_take(&timers->lock);
    while (timers->root != NULL && timers->root->deadline_ns <= now) {
        struct moirai_timer *timer = timers->root;

        timer->fire(timer);         /* its owner, if that woke it, stops */
        take_out(timers, timer);    /* in disarm until we are done here */
        fired++;
    }
    mo_lock_drop(&timers->lock);
    return fired;
}
