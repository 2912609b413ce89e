/* SPDX-License-Identifier: MIT */
/*
 * split.h - the least of a split queue: fork and join of frames between threads
 * of a team, without waiting, errors, limits or sleep.
 *
 * A slot is the truth about its frame: the address, private; the address | 1,
 * public, taken by compare-and-swap; the address | 2, stolen; 0, stolen and
 * done. The owner publishes the older half of what is private when a thief has
 * asked. Who joins a stolen frame steals until it is done. Each function is
 * told its worker's queue, so there is no thread-local to read.
 */
#ifndef BENCH_SPLIT_H
#define BENCH_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#define SPLIT_SLOTS 65536           /* deeper than any tree here */
#define SPLIT_PUBLIC ((uintptr_t)1)
#define SPLIT_STOLEN ((uintptr_t)2)

struct split;

struct split_frame {
    void (*fn)(struct split *queue, struct split_frame *frame);
};

struct split {
    uintptr_t *top;                 /* own */
    uintptr_t *shared;              /* own: slots below it were published */
    _Alignas(64) uintptr_t *tail;   /* atomic hint: the oldest to steal */
    bool ask;                       /* atomic: publish something */
    _Alignas(64) uintptr_t slots[SPLIT_SLOTS];
};

/* Where the others' queues are; set before the threads run. */
struct split_team {
    unsigned n;
    struct split *queues;
};

extern struct split_team split_team;

void split_publish(struct split *queue);
bool split_take_slow(struct split *queue, struct split_frame *frame);

/* Runs a frame of somebody else's, if there is one. */
bool split_steal(struct split *thief);

/* What the work is about lies behind the frame, which fn finds it from. */
static inline void split_fork(struct split *queue, struct split_frame *frame,
                              void (*fn)(struct split *,
                                         struct split_frame *))
{
    frame->fn = fn;
    __atomic_store_n(queue->top++, (uintptr_t)frame, __ATOMIC_RELAXED);
    if (__builtin_expect(__atomic_load_n(&queue->ask, __ATOMIC_RELAXED), 0))
        split_publish(queue);
}

/* Ends the newest fork. True: nobody stole it, and the caller is to do its
 * work, by a direct call. False: it was stolen, and is done. */
static inline bool split_take(struct split *queue, struct split_frame *frame)
{
    uintptr_t *slot = --queue->top;

    if (__builtin_expect(__atomic_load_n(slot, __ATOMIC_RELAXED)
                         == (uintptr_t)frame, 1))
        return true;
    return split_take_slow(queue, frame);
}

#endif
