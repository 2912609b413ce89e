/* SPDX-License-Identifier: MIT */
/*
 * slab.h - many objects of one size, made and given back on hot paths.
 *
 * A worker takes from and gives to a magazine of its own, without atomics. That
 * has two batches, and trades the one that is empty or full with the slab,
 * under its lock: so it always has one to spare in either direction. What is
 * free is noted beside the objects, not in them: who takes one need not
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

struct mo_batch {                   /* what a full one notes; or an empty one */
    struct mo_batch *next;
    void *objects[MO_SLAB_BATCH];
};

struct mo_magazine {                /* own worker only; zeroed: not ready */
    uint32_t count;                 /* noted in `now` */
    uint32_t room;                  /* MO_SLAB_BATCH once it is ready, or 0 */
    struct mo_batch *now;
    struct mo_batch *other;         /* is full or empty */
    bool other_full;
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

/* Gives the magazine its batches; otherwise its first use does. False: out of
 * memory. */
bool mo_slab_equip(struct mo_slab *slab, struct mo_magazine *magazine);

/* Undefined contents, cache-line aligned if the size is a multiple of one;
 * NULL: out of memory. `magazine` NULL: a thread that has none. */
void *mo_slab_get(struct mo_slab *slab, struct mo_magazine *magazine);
void mo_slab_put(struct mo_slab *slab, struct mo_magazine *magazine,
                 void *object);

/* What the magazine has at hand, if its count is not 0. What is fetched ahead
 * may be what was noted there once. */
static inline void *mo_slab_take(struct mo_magazine *magazine)
{
    void *const *objects = magazine->now->objects;
    uint32_t left = magazine->count - 1;

    magazine->count = left;
    __builtin_prefetch(objects[(left - MO_SLAB_AHEAD) % MO_SLAB_BATCH], 1);
    return objects[left];
}

/* mo_slab_put where the magazine has room; false: it is for mo_slab_put. */
static inline bool mo_slab_keep(struct mo_magazine *magazine, void *object)
{
    uint32_t count = magazine->count;

    if (__builtin_expect(count == magazine->room, 0))
        return false;
    magazine->now->objects[count] = object;
    magazine->count = count + 1;
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
