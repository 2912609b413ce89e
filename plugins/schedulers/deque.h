/* SPDX-License-Identifier: MIT */
/*
 * deque.h - a growable work-stealing deque of tasks (Chase and Lev).
 *
 * One owner pushes and takes at the bottom, newest first; anybody steals at
 * the top, oldest first. After "Correct and Efficient Work-Stealing for Weak
 * Memory Models" (Lê, Pop, Cohen, Zappa Nardelli, PPoPP 2013).
 *
 *     top                          bottom
 *      |  t  t+1  ...        b-1     |         index & mask is the slot
 *
 * Invariants: top only grows. The tasks are those in [top, bottom), except
 * while the owner is inside deque_take, when bottom may be one lower than top.
 * An index leaves the deque in one of three ways: the one compare-and-swap of
 * top from it to the next; the owner's taking it when top is still below it.
 *
 * Why a task is given out once. Only the owner's taking index b without a
 * compare-and-swap is in question, when a thief takes b too. Let the owner
 * store b to bottom (S) and then read top < b (L); let the thief read top = b
 * (L'), then bottom > b (M'). All four are seq_cst, as is the swap C that set
 * top to b, so they have one order.
 *   M' before S: then C, L', M', S, L is the order, and L would have read what
 *   C wrote, or more. Contradiction: the owner goes the way of the swap.
 *   S before M': M' reads b, or what the owner stored later. Reading b, the
 *   thief finds the deque empty. Reading more, it has seen the release of a
 *   later push to index b, so it reads that push's task from the slot.
 *
 * Why the slot's content is right. A thief's read of bottom acquires the push
 * that filled the slot. The owner reuses a slot only after it has read a top
 * beyond the old index; the swap of a thief that still holds the old content
 * then fails. An outgrown array is not written again and lives as long as the
 * deque, so that what a slow thief reads in it is still what was there.
 *
 * Where this leaves the paper. (1) The paper's seq_cst fences are seq_cst
 * accesses here: of take's store of bottom and of the loads that follow one
 * another. That is enough for the argument above; on x86 the store becomes an
 * xchg, which costs what the cheapest fence does, the thief pays nothing, and
 * ThreadSanitizer, which does not know fences, checks the very code that runs.
 * The store is written as an exchange: x86 runs the same instruction, and so
 * emulators keep the order, too. On such a host qemu puts its barriers before
 * AArch64's stlr and after its ldar, which leaves a store and the load after
 * it free to pass each other; an exchange it runs as an atomic of the host.
 * (2) The array is published with release and read with acquire: in the paper
 * it is relaxed, and a thief that reads an old bottom and the new array may
 * find its slots unwritten (Norris and Demsky, OOPSLA 2013). (3) The owner
 * reads top only when its last reading does not show that there is room.
 *
 * Rejected: arrays that shrink (a deque that was once long will be so again),
 * and freeing an outgrown one early (that needs to know about slow thieves;
 * all of them together are smaller than the one in use).
 */
#ifndef DEQUE_H
#define DEQUE_H

#include <moirai/host.h>
#include <moirai/task.h>

#include <stdalign.h>

/* A checker that explores interleavings has its own way to access shared
 * memory, or only wants to hear of each access. */
#ifndef DEQUE_ATOMIC
#include <stdatomic.h>
#ifndef MOIRAI_ATOMIC_POINT
#define MOIRAI_ATOMIC_POINT() ((void)0)
#endif
#define DEQUE_ATOMIC(type) _Atomic(type)
#define DEQUE_LOAD(object, order)                                             \
    (MOIRAI_ATOMIC_POINT(),                                                   \
     atomic_load_explicit((object), memory_order_##order))
#define DEQUE_STORE(object, value, order)                                     \
    (MOIRAI_ATOMIC_POINT(),                                                   \
     atomic_store_explicit((object), (value), memory_order_##order))
#define DEQUE_EXCHANGE(object, value)                                         \
    (MOIRAI_ATOMIC_POINT(),                                                   \
     atomic_exchange_explicit((object), (value), memory_order_seq_cst))
#define DEQUE_SWAP(object, old, value)                                        \
    (MOIRAI_ATOMIC_POINT(),                                                   \
     atomic_compare_exchange_strong_explicit(                                 \
         (object), (old), (value), memory_order_seq_cst,                      \
         memory_order_relaxed))
#endif

#define DEQUE_LINE 128              /* two lines: they are fetched in pairs */

struct deque_array {
    struct deque_array *outgrown;   /* the one before; owner only */
    int64_t mask;                   /* slots - 1; constant */
    DEQUE_ATOMIC(struct moirai_task *) slots[];
};

struct deque {
    /* Written by the owner only. */
    alignas(DEQUE_LINE) DEQUE_ATOMIC(int64_t) bottom;
    DEQUE_ATOMIC(struct deque_array *) array;
    int64_t top_seen;               /* owner only: top is no less */
    const struct moirai_host *host; /* constant */
    /* Written by whoever takes the oldest task. */
    alignas(DEQUE_LINE) DEQUE_ATOMIC(int64_t) top;
};

static inline struct deque_array *deque_array_new(struct deque *d,
                                                  int64_t slots)
{
    const struct moirai_host *host = d->host;
    struct deque_array *a;

    a = host->alloc(host->ctx, sizeof *a + (size_t)slots * sizeof a->slots[0],
                    DEQUE_LINE);
    if (a != NULL)
        a->mask = slots - 1;
    return a;
}

/* `d` is zeroed memory; `slots` a power of two. 0 or -1: no memory. */
static inline int deque_init(struct deque *d, const struct moirai_host *host,
                             int64_t slots)
{
    struct deque_array *a;

    d->host = host;
    a = deque_array_new(d, slots);
    if (a == NULL)
        return -1;
    DEQUE_STORE(&d->array, a, relaxed);
    return 0;
}

static inline void deque_fini(struct deque *d)
{
    struct deque_array *a = DEQUE_LOAD(&d->array, relaxed);

    while (a != NULL) {
        struct deque_array *outgrown = a->outgrown;

        d->host->release(d->host->ctx, a);
        a = outgrown;
    }
}

/* Owner only. Doubles the array, which holds [top, bottom) then. NULL: no
 * memory, and nothing has changed. */
static inline struct deque_array *deque_grow(struct deque *d,
                                             struct deque_array *old,
                                             int64_t top, int64_t bottom)
{
    struct deque_array *a = deque_array_new(d, 2 * (old->mask + 1));

    if (a == NULL)
        return NULL;
    for (int64_t i = top; i < bottom; i++) {
        struct moirai_task *task;

        task = DEQUE_LOAD(&old->slots[i & old->mask], relaxed);
        DEQUE_STORE(&a->slots[i & a->mask], task, relaxed);
    }
    a->outgrown = old;
    /* Pairs with the acquire in deque_steal: the slots are seen filled. */
    DEQUE_STORE(&d->array, a, release);
    return a;
}

/* Owner only. False: full, and no memory to grow; the task is not taken. */
static inline bool deque_push(struct deque *d, struct moirai_task *task)
{
    int64_t b = DEQUE_LOAD(&d->bottom, relaxed);
    struct deque_array *a = DEQUE_LOAD(&d->array, relaxed);

    if (b - d->top_seen > a->mask) {
        /* Pairs with the swap in deque_steal: its reads of the slots below
         * this top are over. */
        d->top_seen = DEQUE_LOAD(&d->top, acquire);
        if (b - d->top_seen > a->mask)
            a = deque_grow(d, a, d->top_seen, b);
        if (a == NULL)
            return false;
    }
    DEQUE_STORE(&a->slots[b & a->mask], task, relaxed);
    /* Pairs with the load of bottom in deque_steal: the slot, the task and
     * what its pusher did are seen. */
    DEQUE_STORE(&d->bottom, b + 1, release);
    return true;
}

/* Owner only. The newest task, or NULL: empty. */
static inline struct moirai_task *deque_take(struct deque *d)
{
    int64_t b = DEQUE_LOAD(&d->bottom, relaxed) - 1;
    int64_t t = DEQUE_LOAD(&d->top, relaxed);
    struct deque_array *a;
    struct moirai_task *task;

    if (t > b)
        return NULL;                /* for certain: top only grows */
    /* These two pair with the two loads in deque_steal; see the head. */
    (void)DEQUE_EXCHANGE(&d->bottom, b);
    t = DEQUE_LOAD(&d->top, seq_cst);
    d->top_seen = t;
    if (t < b) {
        a = DEQUE_LOAD(&d->array, relaxed);
        return DEQUE_LOAD(&a->slots[b & a->mask], relaxed);
    }
    task = NULL;
    if (t == b) {
        a = DEQUE_LOAD(&d->array, relaxed);
        task = DEQUE_LOAD(&a->slots[b & a->mask], relaxed);
        if (!DEQUE_SWAP(&d->top, &t, t + 1))
            task = NULL;            /* a thief had it */
    }
    /* Top is b + 1 by now. A thief that reads this store and a lower top has
     * a swap before it that fails, so there is nothing to release. */
    DEQUE_STORE(&d->bottom, b + 1, relaxed);
    return task;
}

/* Anybody. Puts the oldest task into *task, or NULL: empty. False: somebody
 * else got that one; there may be more. */
static inline bool deque_steal(struct deque *d, struct moirai_task **task)
{
    /* These two pair with the store and the load in deque_take; the second
     * also with the release in deque_push. */
    int64_t t = DEQUE_LOAD(&d->top, seq_cst);
    int64_t b = DEQUE_LOAD(&d->bottom, seq_cst);
    struct deque_array *a;

    *task = NULL;
    if (t >= b)
        return true;
    a = DEQUE_LOAD(&d->array, acquire); /* pairs with deque_grow */
    *task = DEQUE_LOAD(&a->slots[t & a->mask], relaxed);
    return DEQUE_SWAP(&d->top, &t, t + 1);
}

/* Anybody. The oldest task, or NULL: empty. Each further round is one in which
 * another thread got a task. */
static inline struct moirai_task *deque_take_oldest(struct deque *d)
{
    struct moirai_task *task;

    while (!deque_steal(d, &task))
        continue;
    return task;
}

/* Anybody. How many there are; exact for pushes that happened before and
 * tasks that nobody is just taking. */
static inline int64_t deque_length(struct deque *d)
{
    int64_t t = DEQUE_LOAD(&d->top, seq_cst);
    int64_t b = DEQUE_LOAD(&d->bottom, seq_cst);

    return b > t ? b - t : 0;
}

/* Owner only. How many can be pushed without growing, at least. */
static inline int64_t deque_room(struct deque *d)
{
    struct deque_array *a = DEQUE_LOAD(&d->array, relaxed);

    return a->mask + 1 - deque_length(d);
}

#endif
