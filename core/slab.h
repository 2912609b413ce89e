/* SPDX-License-Identifier: MIT */
/*
 * slab.h - many objects of one size, made and given back on hot paths.
 *
 * A worker takes from and gives to a magazine of its own, without atomics; a
 * magazine that is empty or overfull trades a batch with the slab, under its
 * lock. Memory comes in chunks and goes back when the slab ends, so an object
 * may be looked at (not trusted) at any time: task dumps rely on that.
 */
#ifndef MO_SLAB_H
#define MO_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lock.h"

#define MO_SLAB_BATCH 64u           /* a magazine holds fewer than two */

struct mo_free {                    /* what a free object holds */
    struct mo_free *next;
    struct mo_free *batch;          /* first of the next batch, in a slab */
};

struct mo_magazine {                /* own worker only */
    struct mo_free *first;
    uint32_t count;
};

struct mo_chunk;

struct mo_slab {
    size_t size;                    /* of one object; constant */
    struct mo_lock lock;            /* guards everything below */
    struct mo_free *batches;        /* full batches */
    struct mo_magazine loose;       /* for threads without a magazine */
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
    struct mo_free *object = magazine->first;

    if (__builtin_expect(object != NULL, 1)) {
        magazine->first = object->next;
        magazine->count--;
    }
    return object;
}

/* mo_slab_put where the magazine has room; false: it is for mo_slab_put. */
static inline bool mo_slab_keep(struct mo_magazine *magazine, void *given)
{
    struct mo_free *object = given;

    if (__builtin_expect(magazine->count >= MO_SLAB_BATCH * 2 - 1, 0))
        return false;
    object->next = magazine->first;
    magazine->first = object;
    magazine->count++;
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
