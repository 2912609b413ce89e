/* SPDX-License-Identifier: MIT */
/*
 * parts.h - queues of messages, each under a lock of its own, that share room.
 *
 * A queue is a chain of chunks, each with room for `span` messages side by
 * side. All chunks but the first and the last are full, so that any number of
 * queues which hold n messages together need n / span chunks and two more each.
 * A queue that has become empty keeps one.
 *
 *     head                              tail
 *     |....|=====| -> |=========| -> |=====|....|
 *          head_at                         tail_at
 *
 * A tally says how many there are now, and how many were ever added, modulo
 * 2^32, both in one word: it is written under a lock and read without. Of
 * several tallies that each say none, twice, with the same additions, there was
 * a moment when all of them did: each said none from its first reading to its
 * second, and all first readings are before all second ones. What goes from one
 * to another is added there before it is taken here, so it is never in none.
 */
#ifndef PARTS_H
#define PARTS_H

#include <moirai/chan_ops.h>

#include <sched.h>
#include <stdatomic.h>

#define PARTS_LINE 128
#define PARTS_SPINS 64              /* looks before another thread may run */

enum { PARTS_FREE, PARTS_HELD, PARTS_NEEDLESS };

struct parts_lock {
    atomic_uint_least32_t state;
};

/* All who would take it hold the core's lock: it is not needed. */
static inline void parts_forgo(struct parts_lock *lock)
{
    atomic_store_explicit(&lock->state, PARTS_NEEDLESS, memory_order_relaxed);
}

/* Pairs with the release in parts_unlock. */
static inline bool parts_try(struct parts_lock *lock)
{
    return atomic_exchange_explicit(&lock->state, PARTS_HELD,
                                    memory_order_acquire) == PARTS_FREE;
}

static __attribute__((noinline)) void parts_wait(struct parts_lock *lock)
{
    unsigned spins = 0;

    do {
        while (atomic_load_explicit(&lock->state, memory_order_relaxed)
               != PARTS_FREE)
            if (++spins % PARTS_SPINS == 0)
                sched_yield();
    } while (!parts_try(lock));
}

static inline void parts_lock(struct parts_lock *lock)
{
    if (atomic_load_explicit(&lock->state, memory_order_relaxed)
            != PARTS_NEEDLESS && !parts_try(lock))
        parts_wait(lock);
}

static inline void parts_unlock(struct parts_lock *lock)
{
    if (atomic_load_explicit(&lock->state, memory_order_relaxed)
        != PARTS_NEEDLESS)
        atomic_store_explicit(&lock->state, PARTS_FREE, memory_order_release);
}

struct parts_tally {                /* upper half: added; lower half: now */
    atomic_uint_least64_t word;
};

static inline uint32_t parts_now(const struct parts_tally *tally)
{
    return (uint32_t)atomic_load_explicit(&tally->word, memory_order_acquire);
}

static inline void parts_add(struct parts_tally *tally, uint64_t n)
{
    uint64_t word = atomic_load_explicit(&tally->word, memory_order_relaxed);

    atomic_store_explicit(&tally->word, word + (n << 32) + n,
                          memory_order_release);
}

static inline void parts_take(struct parts_tally *tally, uint64_t n)
{
    uint64_t word = atomic_load_explicit(&tally->word, memory_order_relaxed);

    atomic_store_explicit(&tally->word, word - n, memory_order_release);
}

/* The tally that lies `offset` bytes into something. */
static inline const struct parts_tally *parts_tally_at(const void *of,
                                                       size_t offset)
{
    return (const struct parts_tally *)(const void *)((const char *)of
                                                      + offset);
}

/* Adds what a tally says to *now and *added. */
static inline void parts_survey(const struct parts_tally *tally, uint64_t *now,
                                uint64_t *added)
{
    uint64_t word = atomic_load_explicit(&tally->word, memory_order_acquire);

    *now += (uint32_t)word;
    *added += word >> 32;
}

/* Adds up what some tallies say now, and puts what was ever added there. */
typedef uint64_t parts_census(const void *of, uint64_t *added);

/* Is there nothing, in all of them? */
static inline bool parts_lacks(parts_census *census, const void *of)
{
    uint64_t before;
    uint64_t after;

    if (census(of, &before) != 0)
        return false;
    while (census(of, &after) == 0) {
        if (after == before)
            return true;
        before = after;
    }
    return false;
}

struct parts_chunk {
    struct parts_chunk *next;       /* newer; or in a chain of unused ones */
};

struct parts_shape {                /* of chunks; constant */
    size_t bytes;                   /* of a message */
    size_t first;                   /* where the first is, in a chunk */
    size_t size;                    /* of a chunk */
    uint32_t span;                  /* messages in a chunk */
    bool locked;                    /* the core's lock is always held */
};

struct parts_queue {
    struct parts_lock lock;         /* guards the rest */
    uint32_t head_at, tail_at;
    struct parts_chunk *head, *tail;
    struct parts_tally tally;
};

static inline void parts_put(struct parts_chunk **chain,
                             struct parts_chunk *chunk)
{
    chunk->next = *chain;
    *chain = chunk;
}

static inline struct parts_chunk *parts_get(struct parts_chunk **chain)
{
    struct parts_chunk *chunk = *chain;

    if (chunk != NULL)
        *chain = chunk->next;
    return chunk;
}

static inline char *parts_at(const struct parts_shape *shape,
                             struct parts_chunk *chunk, uint32_t i)
{
    return (char *)chunk + shape->first + i * shape->bytes;
}

/* A zeroed queue. */
static inline void parts_init(struct parts_queue *q,
                              const struct parts_shape *shape)
{
    q->tail_at = shape->span;
    if (shape->locked)
        parts_forgo(&q->lock);
}

/* Needs the queue a chunk before it can take another message? */
static inline bool parts_is_full(const struct parts_queue *q,
                                 const struct parts_shape *shape)
{
    return q->tail_at == shape->span;
}

static inline void parts_grow(struct parts_queue *q, struct parts_chunk *chunk)
{
    chunk->next = NULL;
    if (q->tail != NULL) {
        q->tail->next = chunk;
    } else {
        q->head = chunk;
        q->head_at = 0;
    }
    q->tail = chunk;
    q->tail_at = 0;
}

/* Of a queue that is not full: room for up to *n messages behind the newest.
 * The caller fills it, and adds them to the tally. */
static inline char *parts_room(struct parts_queue *q,
                               const struct parts_shape *shape, size_t *n)
{
    uint32_t at = q->tail_at;

    if (*n > shape->span - at)
        *n = shape->span - at;
    q->tail_at += (uint32_t)*n;
    return parts_at(shape, q->tail, at);
}

/* Of a queue that has messages: up to *n of the oldest. The caller copies them,
 * takes them from the tally, and calls parts_drop. */
static inline const char *parts_oldest(struct parts_queue *q,
                                       const struct parts_shape *shape,
                                       size_t *n)
{
    uint32_t at = q->head_at;
    uint32_t end = q->head == q->tail ? q->tail_at : shape->span;

    if (*n > end - at)
        *n = end - at;
    q->head_at += (uint32_t)*n;
    return parts_at(shape, q->head, at);
}

/* Gives up the first chunk if nothing is left in it; but not the only one,
 * which begins anew. */
static inline void parts_drop(struct parts_queue *q,
                              const struct parts_shape *shape,
                              struct parts_chunk **unused)
{
    struct parts_chunk *chunk = q->head;

    if (chunk == q->tail) {
        if (q->head_at == q->tail_at)
            q->head_at = q->tail_at = 0;
    } else if (q->head_at == shape->span) {
        q->head = chunk->next;
        q->head_at = 0;
        parts_put(unused, chunk);
    }
}

#endif
