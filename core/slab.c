/* SPDX-License-Identifier: MIT */
/*
 * slab.c - magazines in front, batches behind, chunks below.
 *
 * Tasks are often made by one worker and end on another, so free objects pile
 * up where they end. Trading whole batches of BATCH keeps that to one lock in
 * BATCH objects, and trading the records that note them to no copying.
 *
 * A batch record notes BATCH objects. Each chunk brings enough of them for its
 * own objects, and each magazine brings the two that it holds. So the slab has
 * as many as the chunks brought, all of them full or empty; when BATCH objects
 * come back, those noted here fill at least one record less, and an empty one
 * is there.
 */
#include "slab.h"

#include "mem.h"

#define BATCH MO_SLAB_BATCH
#define CHUNK ((size_t)64 << 10)

struct mo_chunk {                   /* then the objects, then their batches */
    struct mo_chunk *next;
    char pad[64 - sizeof(struct mo_chunk *)];
};

void mo_slab_init(struct mo_slab *slab, size_t size)
{
    *slab = (struct mo_slab){ .size = (size + 7) & ~(size_t)7 };
}

void mo_slab_fini(struct mo_slab *slab)
{
    while (slab->chunks != NULL) {
        struct mo_chunk *chunk = slab->chunks;

        slab->chunks = chunk->next;
        mo_mem_free(chunk);
    }
}

/* Not by memcpy: see mo_slab_clear. */
static void copy_batch(void **to, void *const *from)
{
    void *volatile *slot = to;

    for (unsigned i = 0; i < BATCH; i++)
        slot[i] = from[i];
}

/* The next three: the lock is held. */
static void add_full(struct mo_slab *slab, void *const *objects)
{
    struct mo_batch *batch = slab->empty;

    slab->empty = batch->next;
    copy_batch(batch->objects, objects);
    batch->next = slab->full;
    slab->full = batch;
}

/* False: there is none. */
static bool take_full(struct mo_slab *slab, void **objects)
{
    struct mo_batch *batch = slab->full;

    if (batch == NULL)
        return false;
    slab->full = batch->next;
    copy_batch(objects, batch->objects);
    batch->next = slab->empty;
    slab->empty = batch;
    return true;
}

static void put_loose(struct mo_slab *slab, void *object)
{
    if (slab->loose_count == BATCH) {
        add_full(slab, slab->loose);
        slab->loose_count = 0;
    }
    slab->loose[slab->loose_count++] = object;
}

/* The lock is held. The object at the lowest address is taken first. */
static void cut(struct mo_slab *slab, struct mo_chunk *chunk, size_t n)
{
    char *objects = (char *)(chunk + 1);
    struct mo_batch *batches = (struct mo_batch *)(objects + n * slab->size);

    chunk->next = slab->chunks;
    slab->chunks = chunk;
    for (size_t i = 0; i < (n + BATCH - 1) / BATCH; i++) {
        batches[i].next = slab->empty;
        slab->empty = &batches[i];
    }
    for (size_t i = n; i-- > 0;)
        put_loose(slab, objects + i * slab->size);
}

/* Adds a chunk; false: out of memory. No lock is held: this allocates. */
static bool grow(struct mo_slab *slab)
{
    size_t room = CHUNK - sizeof(struct mo_chunk) - sizeof(struct mo_batch);
    size_t n = room * BATCH / (slab->size * BATCH + sizeof(struct mo_batch));
    struct mo_chunk *chunk = mo_mem_alloc(CHUNK, 64);

    if (chunk == NULL)
        return false;
    mo_lock_take(&slab->lock);
    cut(slab, chunk, n);
    mo_lock_drop(&slab->lock);
    return true;
}

static void *take_loose(struct mo_slab *slab)
{
    void *object = NULL;

    mo_lock_take(&slab->lock);
    if (slab->loose_count == 0 && take_full(slab, slab->loose))
        slab->loose_count = BATCH;
    if (slab->loose_count != 0)
        object = slab->loose[--slab->loose_count];
    mo_lock_drop(&slab->lock);
    return object;
}

static void *get_loose(struct mo_slab *slab)
{
    void *object = take_loose(slab);

    while (object == NULL && grow(slab))
        object = take_loose(slab);
    return object;
}

bool mo_slab_equip(struct mo_slab *slab, struct mo_magazine *magazine)
{
    struct mo_chunk *chunk;

    if (magazine->room != 0)
        return true;
    chunk = mo_mem_alloc(sizeof *chunk + 2 * sizeof(struct mo_batch), 64);
    if (chunk == NULL)
        return false;
    mo_lock_take(&slab->lock);
    chunk->next = slab->chunks;
    slab->chunks = chunk;
    mo_lock_drop(&slab->lock);
    magazine->now = (struct mo_batch *)(chunk + 1);
    magazine->other = magazine->now + 1;
    magazine->other_full = false;
    magazine->room = BATCH;
    return true;
}

static void turn_over(struct mo_magazine *magazine)
{
    struct mo_batch *now = magazine->now;

    magazine->now = magazine->other;
    magazine->other = now;
    magazine->count = magazine->other_full ? BATCH : 0;
    magazine->other_full = !magazine->other_full;
}

/* The batch at hand is empty: gets a full one. False: there is none. */
static bool refill(struct mo_slab *slab, struct mo_magazine *magazine)
{
    struct mo_batch *batch;

    if (magazine->other_full) {
        turn_over(magazine);
        return true;
    }
    mo_lock_take(&slab->lock);
    batch = slab->full;
    if (batch != NULL) {
        slab->full = batch->next;
        magazine->now->next = slab->empty;
        slab->empty = magazine->now;
    }
    mo_lock_drop(&slab->lock);
    if (batch == NULL)
        return false;
    magazine->now = batch;
    magazine->count = BATCH;
    return true;
}

void *mo_slab_get(struct mo_slab *slab, struct mo_magazine *magazine)
{
    if (magazine == NULL)
        return get_loose(slab);
    if (!mo_slab_equip(slab, magazine))
        return NULL;
    if (magazine->count == 0 && !refill(slab, magazine))
        return get_loose(slab);
    return mo_slab_take(magazine);
}

/* The batch at hand is full: gets an empty one. What is newest stays, it is
 * warm. */
static void shed(struct mo_slab *slab, struct mo_magazine *magazine)
{
    struct mo_batch *batch = magazine->other;

    if (magazine->other_full) {
        mo_lock_take(&slab->lock);
        batch->next = slab->full;
        slab->full = batch;
        magazine->other = slab->empty;
        slab->empty = slab->empty->next;
        mo_lock_drop(&slab->lock);
        magazine->other_full = false;
    }
    turn_over(magazine);
}

static void put_shared(struct mo_slab *slab, void *object)
{
    mo_lock_take(&slab->lock);
    put_loose(slab, object);
    mo_lock_drop(&slab->lock);
}

void mo_slab_put(struct mo_slab *slab, struct mo_magazine *magazine,
                 void *object)
{
    if (magazine == NULL || !mo_slab_equip(slab, magazine)) {
        put_shared(slab, object);
        return;
    }
    if (magazine->count == BATCH)
        shed(slab, magazine);
    mo_slab_keep(magazine, object);
}
