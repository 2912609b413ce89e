/* SPDX-License-Identifier: MIT */
/*
 * slab.h - many objects of one size, made and given back on hot paths.
 *
 * A worker takes from and gives to a magazine of its own, without atomics; a
 * magazine that is empty or full trades a batch with the slab, under its lock.
 * What is free is noted beside the objects, not in them: who takes one need not
 * wait for its memory. Memory comes in chunks and goes back when the slab ends,
 * so an object may be looked at (not trusted) at any time: task dumps rely on
 * that.
 */
#ifndef MO_SLAB_H
#define MO_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lock.h"

#define MO_SLAB_BATCH 64u
#define MO_SLAB_AHEAD 4u            /* objects that are fetched before use */

struct mo_magazine {                /* own worker only; zeroed: empty */
    uint32_t count;
    void *objects[2 * MO_SLAB_BATCH];
};

struct mo_batch {                   /* what a full one notes; or an empty one */
    struct mo_batch *next;
    void *objects[MO_SLAB_BATCH];
};

struct mo_chunk;

struct mo_slab {
    size_t size;                    /* of one object; constant */
    struct mo_lock lock;            /* guards everything below */
    struct mo_batch *full;
    struct mo_batch *empty;         /* enough to note every object */
    void *loose[MO_SLAB_BATCH];     /* for threads without a magazine */
    uint32_t loose_count;
    struct mo_chunk *chunks;
};

void mo_slab_init(struct mo_slab *slab, size_t size);
void mo_slab_fini(struct mo_slab *slab);

/* Undefined contents, cache-line aligned if the size is a multiple of one;
 * NULL: out of memory. `magazine` NULL: a thread that has none. */
void *mo_slab_get(struct mo_slab *slab, struct mo_magazine *magazine);
void mo_slab_put(struct mo_slab *slab, struct mo_magazine *magazine,
                 void *object);

/* What the magazine has at hand, or NULL: mo_slab_get may have more. */
static inline void *mo_slab_quick(struct mo_magazine *magazine)
{
    uint32_t left = magazine->count;

    if (__builtin_expect(left == 0, 0))
        return NULL;
    magazine->count = --left;
    if (left >= MO_SLAB_AHEAD)
        __builtin_prefetch(magazine->objects[left - MO_SLAB_AHEAD], 1);
    return magazine->objects[left];
}

/* mo_slab_put where the magazine has room; false: it is for mo_slab_put. */
static inline bool mo_slab_keep(struct mo_magazine *magazine, void *object)
{
    if (__builtin_expect(magazine->count == 2 * MO_SLAB_BATCH, 0))
        return false;
    magazine->objects[magazine->count++] = object;
    return true;
}

/* Zeroes an object, `size` being a multiple of 8. Not by memset: TSan watches
 * that even when it is the core's (see mo_race_on), and objects pass from task
 * to task by ways it does not know. */
static inline void mo_slab_clear(void *object, size_t size)
{
    volatile uint64_t *word = object;

    for (size_t i = 0; i < size / sizeof *word; i++)
        word[i] = 0;
}

#endif
