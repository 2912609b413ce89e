/* SPDX-License-Identifier: MIT */
/*
 * slab.c - magazines in front, batches behind, chunks below.
 *
 * Tasks are often made by one worker and end on another, so free objects pile
 * up where they end. Trading whole batches of BATCH keeps that to one lock in
 * BATCH objects; a magazine holds at most two.
 */
#include "slab.h"

#include "mem.h"

#define BATCH MO_SLAB_BATCH
#define CHUNK ((size_t)64 << 10)

struct mo_chunk {
    struct mo_chunk *next;
    char pad[64 - sizeof(struct mo_chunk *)];
};

void mo_slab_init(struct mo_slab *slab, size_t size)
{
    *slab = (struct mo_slab){ .size = size };
}

void mo_slab_fini(struct mo_slab *slab)
{
    while (slab->chunks != NULL) {
        struct mo_chunk *chunk = slab->chunks;

        slab->chunks = chunk->next;
        mo_mem_free(chunk);
    }
}

static struct mo_free *pop(struct mo_magazine *magazine)
{
    struct mo_free *object = magazine->first;

    if (object != NULL) {
        magazine->first = object->next;
        magazine->count--;
    }
    return object;
}

static void push(struct mo_magazine *magazine, struct mo_free *object)
{
    object->next = magazine->first;
    magazine->first = object;
    magazine->count++;
}

/* Cuts a chunk into full batches; what does not fill one is loose. The lock is
 * held. */
static void cut(struct mo_slab *slab, struct mo_chunk *chunk)
{
    size_t n = (CHUNK - sizeof *chunk) / slab->size;
    char *at = (char *)(chunk + 1);
    struct mo_free *chain = NULL;

    chunk->next = slab->chunks;
    slab->chunks = chunk;
    for (size_t i = 0; i < n; i++, at += slab->size) {
        struct mo_free *object = (struct mo_free *)at;

        if (i >= n - n % BATCH) {
            push(&slab->loose, object);
            continue;
        }
        object->next = chain;
        chain = object;
        if (i % BATCH == BATCH - 1) {
            chain->batch = slab->batches;
            slab->batches = chain;
            chain = NULL;
        }
    }
}

/* Adds a chunk; false: out of memory. No lock is held: this allocates. */
static bool grow(struct mo_slab *slab)
{
    struct mo_chunk *chunk = mo_mem_alloc(CHUNK, 64);

    if (chunk == NULL)
        return false;
    mo_lock_take(&slab->lock);
    cut(slab, chunk);
    mo_lock_drop(&slab->lock);
    return true;
}

/* One batch out of the slab, or NULL. */
static struct mo_free *take_batch(struct mo_slab *slab)
{
    struct mo_free *batch;

    mo_lock_take(&slab->lock);
    batch = slab->batches;
    if (batch != NULL)
        slab->batches = batch->batch;
    mo_lock_drop(&slab->lock);
    return batch;
}

static void give_batch(struct mo_slab *slab, struct mo_free *batch)
{
    mo_lock_take(&slab->lock);
    batch->batch = slab->batches;
    slab->batches = batch;
    mo_lock_drop(&slab->lock);
}

static struct mo_free *take_loose(struct mo_slab *slab)
{
    struct mo_free *object;

    mo_lock_take(&slab->lock);
    if (slab->loose.first == NULL && slab->batches != NULL) {
        slab->loose.first = slab->batches;
        slab->loose.count = BATCH;
        slab->batches = slab->batches->batch;
    }
    object = pop(&slab->loose);
    mo_lock_drop(&slab->lock);
    return object;
}

static void *get_loose(struct mo_slab *slab)
{
    struct mo_free *object = take_loose(slab);

    while (object == NULL && grow(slab))
        object = take_loose(slab);
    return object;
}

void *mo_slab_get(struct mo_slab *slab, struct mo_magazine *magazine)
{
    struct mo_free *object;

    if (magazine == NULL)
        return get_loose(slab);
    object = pop(magazine);
    if (object != NULL)
        return object;
    magazine->first = take_batch(slab);
    if (magazine->first == NULL)
        return get_loose(slab);
    magazine->count = BATCH;
    return pop(magazine);
}

/* The magazine is twice a batch: the newer half stays, it is warm. */
static void shed(struct mo_slab *slab, struct mo_magazine *magazine)
{
    struct mo_free *last = magazine->first;
    struct mo_free *batch;

    for (uint32_t i = 1; i < BATCH; i++)
        last = last->next;
    batch = last->next;
    last->next = NULL;
    magazine->count = BATCH;
    give_batch(slab, batch);
}

void mo_slab_put(struct mo_slab *slab, struct mo_magazine *magazine,
                 void *object)
{
    if (magazine == NULL) {
        mo_lock_take(&slab->lock);
        push(&slab->loose, object);
        mo_lock_drop(&slab->lock);
        return;
    }
    push(magazine, object);
    if (magazine->count == 2 * BATCH)
        shed(slab, magazine);
}
