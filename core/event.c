/* SPDX-License-Identifier: MIT */
/*
 * event.c - what opens, and wakes all: events, latches and wait groups.
 */
#include <errno.h>

#include <moirai/event.h>

#include "gate.h"

void moirai_event_set(struct moirai_event *event)
{
    mo_gate_open(&event->gate);
}

void moirai_event_clear(struct moirai_event *event)
{
    mo_word_lock(&event->gate.lock);
    event->gate.open = 0;
    mo_word_unlock(&event->gate.lock);
}

int moirai_event_wait(struct moirai_event *event, int64_t deadline_ns)
{
    return mo_gate_wait(&event->gate, MO_WAIT_EVENT, event, deadline_ns);
}

int moirai_latch_arrive(struct moirai_latch *latch, uint32_t n)
{
    mo_word_lock(&latch->gate.lock);
    if (n > latch->left) {
        mo_word_unlock(&latch->gate.lock);
        return -ERANGE;
    }
    mo_race_release(latch);
    mo_store_relaxed(&latch->left, latch->left - n);    /* dumps look */
    if (latch->left == 0) {
        mo_race_acquire(latch);     /* what those before have done, too */
        latch->gate.open = 1;
        mo_gate_release(&latch->gate, 0);
    } else {
        mo_word_unlock(&latch->gate.lock);
    }
    return 0;
}

int moirai_latch_wait(struct moirai_latch *latch, int64_t deadline_ns)
{
    return mo_gate_wait(&latch->gate, MO_WAIT_LATCH, latch, deadline_ns);
}

int moirai_waitgroup_add(struct moirai_waitgroup *group, uint32_t n)
{
    int rc = 0;

    mo_word_lock(&group->gate.lock);
    if (n > UINT32_MAX - group->count)
        rc = -EOVERFLOW;
    else
        mo_store_relaxed(&group->count, group->count + n);
    mo_word_unlock(&group->gate.lock);
    return rc;
}

int moirai_waitgroup_done(struct moirai_waitgroup *group)
{
    mo_word_lock(&group->gate.lock);
    if (group->count == 0) {
        mo_word_unlock(&group->gate.lock);
        return -ERANGE;
    }
    mo_race_release(group);
    mo_store_relaxed(&group->count, group->count - 1);
    if (group->count == 0) {
        mo_race_acquire(group);
        mo_gate_release(&group->gate, 0);
    } else {
        mo_word_unlock(&group->gate.lock);
    }
    return 0;
}

int moirai_waitgroup_wait(struct moirai_waitgroup *group, int64_t deadline_ns)
{
    mo_word_lock(&group->gate.lock);
    if (group->count != 0)
        return mo_gate_park(&group->gate, MO_WAIT_GROUP, group, deadline_ns);
    mo_race_acquire(group);
    mo_word_unlock(&group->gate.lock);
    return 0;
}
