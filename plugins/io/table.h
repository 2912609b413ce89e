/* SPDX-License-Identifier: MIT */
/*
 * table.h - something for each descriptor, found by its number.
 *
 * Chunks, which come when one of their descriptors is first used, stay until
 * the end and never move: whoever found a slot may keep its address.
 */
#ifndef TABLE_H
#define TABLE_H

#include <moirai/host.h>

#include <stdatomic.h>

#define TABLE_CHUNK 256             /* slots in one */
#define TABLE_CHUNKS 16384          /* so for descriptors below 4,194,304 */

struct table {
    const struct moirai_host *host;
    size_t slot_size;               /* a multiple of 64 */
    _Atomic(char *) chunks[TABLE_CHUNKS];   /* stored once each; zeroed, and
                                     * released to who loads it */
};

static inline void table_init(struct table *table,
                              const struct moirai_host *host, size_t slot_size)
{
    table->host = host;
    table->slot_size = slot_size;
}

static inline void table_fini(struct table *table)
{
    const struct moirai_host *host = table->host;

    for (size_t i = 0; i < TABLE_CHUNKS; i++)
        host->release(host->ctx, atomic_load(&table->chunks[i]));
}

/* The slot of a descriptor; NULL: it has none. */
static inline void *table_at(struct table *table, int fd)
{
    size_t i = (size_t)fd;
    char *chunk;

    if (i >= (size_t)TABLE_CHUNK * TABLE_CHUNKS)
        return NULL;
    chunk = atomic_load_explicit(&table->chunks[i / TABLE_CHUNK],
                                 memory_order_acquire);
    return chunk != NULL ? chunk + i % TABLE_CHUNK * table->slot_size : NULL;
}

/* The same, and makes one. NULL: no memory, or the number is none or larger
 * than any that there is room for. */
static inline void *table_make(struct table *table, int fd)
{
    const struct moirai_host *host = table->host;
    size_t i = (size_t)fd;
    void *slot = table_at(table, fd);
    char *none = NULL;
    char *chunk;

    if (slot != NULL || i >= (size_t)TABLE_CHUNK * TABLE_CHUNKS)
        return slot;
    chunk = host->alloc(host->ctx, TABLE_CHUNK * table->slot_size, 64);
    if (chunk == NULL)
        return NULL;
    if (!atomic_compare_exchange_strong(&table->chunks[i / TABLE_CHUNK],
                                        &none, chunk))
        host->release(host->ctx, chunk);    /* another was first */
    return table_at(table, fd);
}

#endif
