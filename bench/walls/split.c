/* SPDX-License-Identifier: MIT */
/*
 * split.c - the split queue where threads meet.
 */
#include "split.h"

#include "bench.h"
#include "team.h"

struct split_team split_team;

/* Release: a thief that takes the slot sees the frame. The hint may have run
 * ahead of where forks are now. */
void split_publish(struct split *queue)
{
    uintptr_t *end = queue->shared + (queue->top - queue->shared + 1) / 2;

    __atomic_store_n(&queue->ask, false, __ATOMIC_RELAXED);
    if (__atomic_load_n(&queue->tail, __ATOMIC_RELAXED) > queue->shared)
        __atomic_store_n(&queue->tail, queue->shared, __ATOMIC_RELAXED);
    while (queue->shared < end) {
        __atomic_store_n(queue->shared, *queue->shared | SPLIT_PUBLIC,
                         __ATOMIC_RELEASE);
        queue->shared++;
    }
}

static bool take(uintptr_t *slot, uintptr_t was, uintptr_t is)
{
    return __atomic_compare_exchange_n(slot, &was, is, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

/* Nothing to take here: looks one higher if this was stolen, and asks. */
static void ask(struct split *victim, uintptr_t *slot, uintptr_t word)
{
    if ((word & SPLIT_STOLEN) != 0 && slot + 1 < victim->slots + SPLIT_SLOTS)
        __atomic_store_n(&victim->tail, slot + 1, __ATOMIC_RELAXED);
    else if (!__atomic_load_n(&victim->ask, __ATOMIC_RELAXED))
        __atomic_store_n(&victim->ask, true, __ATOMIC_RELAXED);
}

bool split_steal(struct split *thief)
{
    static _Thread_local unsigned next;
    struct split *victim = &split_team.queues[next++ % split_team.n];
    uintptr_t *slot = __atomic_load_n(&victim->tail, __ATOMIC_RELAXED);
    uintptr_t word = __atomic_load_n(slot, __ATOMIC_RELAXED);
    struct split_frame *frame;

    if (victim == thief)
        return false;
    if ((word & SPLIT_PUBLIC) == 0) {
        ask(victim, slot, word);
        return false;
    }
    frame = (struct split_frame *)(word - SPLIT_PUBLIC);
    if (!take(slot, word, word - SPLIT_PUBLIC + SPLIT_STOLEN))
        return false;
    __atomic_store_n(&victim->tail, slot + 1, __ATOMIC_RELAXED);
    frame->fn(thief, frame);
    __atomic_store_n(slot, 0, __ATOMIC_RELEASE);
    return true;
}

bool split_take_slow(struct split *queue, struct split_frame *frame)
{
    uintptr_t *slot = queue->top;
    unsigned tries = 0;

    queue->shared = slot;
    if (__atomic_load_n(&queue->tail, __ATOMIC_RELAXED) > slot)
        __atomic_store_n(&queue->tail, slot, __ATOMIC_RELAXED);
    if (take(slot, (uintptr_t)frame | SPLIT_PUBLIC, (uintptr_t)frame))
        return true;
    /* What is stolen meanwhile goes above this slot, which is still in use. */
    queue->top = queue->shared = slot + 1;
    while (__atomic_load_n(slot, __ATOMIC_ACQUIRE) != 0)
        if (!split_steal(queue))
            team_relax(&tries);
    queue->top = queue->shared = slot;
    return false;
}
