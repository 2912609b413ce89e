/* SPDX-License-Identifier: MIT */
/*
 * moirai/span.h - arrays and the cache: chunks, windows, cells, prefetching.
 *
 * Nothing here copies: a span says where elements are. Chunks and windows are
 * small values and their n-th one is computed, so that loops, serial and
 * parallel ones, can run over their numbers:
 *
 *     struct moirai_chunks chunks = moirai_chunks_of(x, n, sizeof *x, 4096);
 *
 *     for (size_t i = 0; i < chunks.n; i++) {
 *         struct moirai_span span = moirai_chunks_at(&chunks, i);
 *
 *         moirai_simd_scale_f32(2, span.data, span.n, span.data);
 *     }
 */
#ifndef MOIRAI_SPAN_H
#define MOIRAI_SPAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <moirai/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct moirai_runtime;

/* What two threads write lies this many bytes apart, or they slow each other
 * down. Two lines of most processors, because they fetch them in pairs. */
#define MOIRAI_CACHE_LINE 128

/* After the type of a variable or of a struct's field: nothing else is in its
 * first line. The size of a struct with such a field is whole lines. */
#define MOIRAI_APART __attribute__((aligned(MOIRAI_CACHE_LINE)))

/* Elements that follow each other. */
struct moirai_span {
    void *data;                     /* the first; const if the array is */
    size_t n;                       /* how many */
    size_t first;                   /* the first one's number in the array */
};

/* An array cut so that no two chunks have a cache line in common. */
struct moirai_chunks {
    void *data;
    size_t size;                    /* bytes of an element */
    size_t total;                   /* elements */
    size_t lead;                    /* those before the first boundary */
    size_t each;                    /* elements of a chunk, but see lead */
    size_t n;                       /* chunks */
};

/* n elements of `size` bytes, beginning with number `first` of the array. */
static inline struct moirai_span moirai_span_of(const void *array, size_t size,
                                                size_t first, size_t n)
{
    struct moirai_span span;

    span.data = (char *)(uintptr_t)array + first * size;
    span.n = n;
    span.first = first;
    return span;
}

/* Cuts `total` elements of `size` bytes into chunks of `each`, rounded up to
 * whole cache lines. The first chunk has the elements before the first boundary
 * besides, the last what is left. Where no element begins on a boundary, chunks
 * touch: an array whose address is not a multiple of the largest power of two
 * in its elements' size. The array is kept. Any thread; does not wait. */
static inline struct moirai_chunks moirai_chunks_of(const void *array,
                                                    size_t total, size_t size,
                                                    size_t each)
{
    struct moirai_chunks chunks;
    size_t power = size & (0 - size);
    size_t period = power < MOIRAI_CACHE_LINE ? MOIRAI_CACHE_LINE / power : 1;
    size_t lead = 0;

    while (lead < period
           && ((uintptr_t)array + lead * size) % MOIRAI_CACHE_LINE != 0)
        lead++;
    if (lead == period)
        lead = 0;
    if (each > total)
        each = total;
    each = each == 0 ? period : (each + period - 1) / period * period;
    chunks.data = (void *)(uintptr_t)array;
    chunks.size = size;
    chunks.total = total;
    chunks.lead = lead;
    chunks.each = each;
    chunks.n = total > lead ? (total - lead + each - 1) / each : total > 0;
    return chunks;
}

/* Chunk number i, which is less than chunks->n. */
static inline struct moirai_span moirai_chunks_at(
    const struct moirai_chunks *chunks, size_t i)
{
    size_t begin = i > 0 ? chunks->lead + i * chunks->each : 0;
    size_t end = i + 1 < chunks->n ? chunks->lead + (i + 1) * chunks->each
                                   : chunks->total;

    return moirai_span_of(chunks->data, chunks->size, begin, end - begin);
}

/* An array seen through a window that slides over it. */
struct moirai_windows {
    void *data;
    size_t size;                    /* bytes of an element */
    size_t length;                  /* elements of a window */
    size_t step;                    /* elements from one to the next */
    size_t n;                       /* windows */
};

/* The windows of `length` elements over `total` elements of `size` bytes, each
 * `step` elements after the one before; they overlap if step < length. Only
 * whole windows count: none if length > total, or if length or step is 0. The
 * array is kept. Any thread; does not wait. */
static inline struct moirai_windows moirai_windows_of(const void *array,
                                                      size_t total, size_t size,
                                                      size_t length,
                                                      size_t step)
{
    struct moirai_windows windows;
    int any = length > 0 && step > 0 && length <= total;

    windows.data = (void *)(uintptr_t)array;
    windows.size = size;
    windows.length = length;
    windows.step = step;
    windows.n = any ? (total - length) / step + 1 : 0;
    return windows;
}

/* Window number i, which is less than windows->n. */
static inline struct moirai_span moirai_windows_at(
    const struct moirai_windows *windows, size_t i)
{
    return moirai_span_of(windows->data, windows->size, i * windows->step,
                          windows->length);
}

/* Memory of one kind for each worker, whole cache lines each: counters, partial
 * sums, scratch. Every field is the core's to write. */
struct moirai_cells {
    char *data;                     /* cell 0 is for plain threads */
    size_t stride;
    uint32_t n;                     /* workers, and one */
};

/* Makes zeroed cells of `size` bytes, for the workers of `runtime` and one for
 * plain threads. 0 or -ENOMEM. Any thread; does not wait. */
int moirai_cells_init(struct moirai_cells *cells,
                      struct moirai_runtime *runtime, size_t size);

/* Gives the memory back. Nobody uses a cell any more. */
void moirai_cells_fini(struct moirai_cells *cells);

/* Cell number i, which is less than cells->n: to add them up. */
static inline void *moirai_cells_at(const struct moirai_cells *cells,
                                    uint32_t i)
{
    return cells->data + i * cells->stride;
}

/* The cell of the worker that runs the calling task, of the same runtime; or
 * that of plain threads, who share it and have to see to themselves. No other
 * task uses it until the caller waits or yields: the task may go on elsewhere
 * then, and has to ask again. */
static inline void *moirai_cells_mine(const struct moirai_cells *cells)
{
    return moirai_cells_at(cells, (uint32_t)(moirai_worker_index() + 1));
}

/* Asks for the cache line of what will be read soon. The address need not be
 * one of anything. */
static inline void moirai_prefetch(const void *address)
{
    __builtin_prefetch(address, 0, 3);
}

/* What the loops below call for each element. They are inlined, and so is a
 * function that is known where they are called. */
typedef void moirai_visit_fn(void *element, void *arg);

/* visit(&array[index[i]], arg) for i < n, in this order, of an array with
 * elements of `size` bytes; the one that comes `distance` later is fetched
 * meanwhile. For tables larger than the cache; 8 to 32 is right unless the
 * function works long. A distance of 0 fetches nothing. All is borrowed. */
static inline __attribute__((always_inline)) void moirai_each_indexed(
    const void *array, size_t size, const uint32_t *index, size_t n,
    size_t distance, moirai_visit_fn *visit, void *arg)
{
    char *base = (char *)(uintptr_t)array;
    size_t ahead = distance < n ? distance : n;
    size_t i;

    for (i = 0; i < ahead; i++)
        moirai_prefetch(base + index[i] * size);
    for (i = 0; ahead > 0 && i < n - ahead; i++) {
        moirai_prefetch(base + index[i + ahead] * size);
        visit(base + index[i] * size, arg);
    }
    for (; i < n; i++)
        visit(base + index[i] * size, arg);
}

/* visit(pointers[i], arg) for i < n, otherwise the same. */
static inline __attribute__((always_inline)) void moirai_each_pointed(
    void *const *pointers, size_t n, size_t distance, moirai_visit_fn *visit,
    void *arg)
{
    size_t ahead = distance < n ? distance : n;
    size_t i;

    for (i = 0; i < ahead; i++)
        moirai_prefetch(pointers[i]);
    for (i = 0; ahead > 0 && i < n - ahead; i++) {
        moirai_prefetch(pointers[i + ahead]);
        visit(pointers[i], arg);
    }
    for (; i < n; i++)
        visit(pointers[i], arg);
}

/* How many lists moirai_each_linked walks at a time. */
#define MOIRAI_LISTS 16

/* Visits every element of n lists that end with NULL; the pointer to the next
 * one is `next` bytes into each. A list cannot be fetched ahead, but several
 * can be walked by turns: the next of one is fetched while the others are
 * visited. Each list is visited in its order; the lists are mixed. `visit` may
 * free the element, or link it elsewhere. All is borrowed.
 * Source: the interleaving of S. Chen, A. Ailamaki, P. Gibbons, T. Mowry,
 * "Improving hash join performance through prefetching" (2004), with the refill
 * of O. Kocberber, B. Falsafi, B. Grot, "Asynchronous memory access chaining"
 * (2015). */
static inline __attribute__((always_inline)) void moirai_each_linked(
    void *const *heads, size_t n, size_t next, moirai_visit_fn *visit,
    void *arg)
{
    void *at[MOIRAI_LISTS];
    size_t lists = 0;
    size_t taken = 0;

    for (; taken < n && lists < MOIRAI_LISTS; taken++) {
        if (heads[taken] == NULL)
            continue;
        moirai_prefetch(heads[taken]);
        at[lists++] = heads[taken];
    }
    while (lists > 0) {
        for (size_t i = 0; i < lists;) {
            void *element = at[i];
            void *follower;

            memcpy(&follower, (char *)element + next, sizeof follower);
            visit(element, arg);
            while (follower == NULL && taken < n)
                follower = heads[taken++];
            if (follower == NULL) {
                at[i] = at[--lists];
                continue;
            }
            moirai_prefetch(follower);
            at[i++] = follower;
        }
    }
}

#ifdef __cplusplus
}
#endif

#endif
