/* SPDX-License-Identifier: MIT */
/*
 * moirai/deque.h - a growable work-stealing deque of tasks (Chase and Lev).
 *
 * For schedulers. One whose worker state begins with such a deque may say so
 * (MOIRAI_SCHED_DEQUE in moirai/sched.h): the core then pushes and takes
 * inline.
 *
 * One owner pushes and takes at the bottom, newest first; anybody steals at
 * the top, oldest first. After "Correct and Efficient Work-Stealing for Weak
 * Memory Models" (Lê, Pop, Cohen, Zappa Nardelli, PPoPP 2013).
 *
 *     top                          bottom
 *      |  t  t+1  ...        b-1     |         index & mask is the slot
 *
 * Invariants: top only grows. The tasks are those in [top, bottom), except
 * while the owner is inside moirai_deque_take, when bottom may be one lower
 * than top.
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
#ifndef MOIRAI_DEQUE_H
#define MOIRAI_DEQUE_H

#include <moirai/host.h>
#include <moirai/task.h>

/* A checker that explores interleavings has its own way to access shared
 * memory, or only wants to hear of each access. */
#ifndef MOIRAI_DEQUE_ATOMIC
#ifndef MOIRAI_ATOMIC_POINT
#define MOIRAI_ATOMIC_POINT() ((void)0)
#endif
#define MOIRAI_DEQUE_ATOMIC(type) type
#define MOIRAI_DEQUE_LOAD(object, order)                                      \
    (MOIRAI_ATOMIC_POINT(), __atomic_load_n((object), __ATOMIC_##order))
#define MOIRAI_DEQUE_STORE(object, value, order)                              \
    (MOIRAI_ATOMIC_POINT(),                                                   \
     __atomic_store_n((object), (value), __ATOMIC_##order))
#define MOIRAI_DEQUE_EXCHANGE(object, value)                                  \
    (MOIRAI_ATOMIC_POINT(),                                                   \
     __atomic_exchange_n((object), (value), __ATOMIC_SEQ_CST))
#define MOIRAI_DEQUE_SWAP(object, old, value)                                 \
    (MOIRAI_ATOMIC_POINT(),                                                   \
     __atomic_compare_exchange_n((object), (old), (value), 0,                 \
                                 __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
#endif

#define MOIRAI_DEQUE_LINE 128       /* two lines: they are fetched in pairs */
#define MOIRAI_DEQUE_ALIGNED __attribute__((aligned(MOIRAI_DEQUE_LINE)))

struct moirai_deque_array {
    struct moirai_deque_array *outgrown;   /* the one before; owner only */
    int64_t mask;                   /* slots - 1; constant; they follow */
};

typedef MOIRAI_DEQUE_ATOMIC(struct moirai_task *) moirai_deque_slot;

struct moirai_deque {
    /* Written by the owner only. */
    MOIRAI_DEQUE_ALIGNED MOIRAI_DEQUE_ATOMIC(int64_t) bottom;
    MOIRAI_DEQUE_ATOMIC(struct moirai_deque_array *) array;
    int64_t top_seen;               /* owner only: top is no less */
    const struct moirai_host *host; /* constant */
    /* Written by whoever takes the oldest task. */
    MOIRAI_DEQUE_ALIGNED MOIRAI_DEQUE_ATOMIC(int64_t) top;
};

static inline struct moirai_deque_array *
moirai_deque_array_new(struct moirai_deque *d, int64_t slots)
{
    const struct moirai_host *host = d->host;
    struct moirai_deque_array *a;

    a = (struct moirai_deque_array *)
        host->alloc(host->ctx, sizeof *a + (size_t)slots
                                             * sizeof(moirai_deque_slot),
                    MOIRAI_DEQUE_LINE);
    if (a != NULL)
        a->mask = slots - 1;
    return a;
}

static inline moirai_deque_slot *moirai_deque_at(struct moirai_deque_array *a,
                                                 int64_t index)
{
    return (moirai_deque_slot *)(a + 1) + (index & a->mask);
}

/* `d` is zeroed memory; `slots` a power of two. 0 or -1: no memory. */
static inline int moirai_deque_init(struct moirai_deque *d,
                                    const struct moirai_host *host,
                                    int64_t slots)
{
    struct moirai_deque_array *a;

    d->host = host;
    a = moirai_deque_array_new(d, slots);
    if (a == NULL)
        return -1;
    MOIRAI_DEQUE_STORE(&d->array, a, RELAXED);
    return 0;
}

static inline void moirai_deque_fini(struct moirai_deque *d)
{
    struct moirai_deque_array *a = MOIRAI_DEQUE_LOAD(&d->array, RELAXED);

    while (a != NULL) {
        struct moirai_deque_array *outgrown = a->outgrown;

        d->host->release(d->host->ctx, a);
        a = outgrown;
    }
}

/* Owner only. Doubles the array, which holds [top, bottom) then. NULL: no
 * memory, and nothing has changed. */
static __attribute__((noinline, unused)) struct moirai_deque_array *
moirai_deque_grow(struct moirai_deque *d, struct moirai_deque_array *old,
                  int64_t top, int64_t bottom)
{
    struct moirai_deque_array *a;

    a = moirai_deque_array_new(d, 2 * (old->mask + 1));
    if (a == NULL)
        return NULL;
    for (int64_t i = top; i < bottom; i++) {
        struct moirai_task *task;

        task = MOIRAI_DEQUE_LOAD(moirai_deque_at(old, i), RELAXED);
        MOIRAI_DEQUE_STORE(moirai_deque_at(a, i), task, RELAXED);
    }
    a->outgrown = old;
    /* Pairs with the acquire in moirai_deque_steal: the slots are seen
     * filled. */
    MOIRAI_DEQUE_STORE(&d->array, a, RELEASE);
    return a;
}

/* Owner only. False: full, and no memory to grow; the task is not taken. */
static inline bool moirai_deque_push(struct moirai_deque *d,
                                     struct moirai_task *task)
{
    int64_t b = MOIRAI_DEQUE_LOAD(&d->bottom, RELAXED);
    struct moirai_deque_array *a = MOIRAI_DEQUE_LOAD(&d->array, RELAXED);

    if (b - d->top_seen > a->mask) {
        /* Pairs with the swap in moirai_deque_steal: its reads of the slots
         * below this top are over. */
        d->top_seen = MOIRAI_DEQUE_LOAD(&d->top, ACQUIRE);
        if (b - d->top_seen > a->mask)
            a = moirai_deque_grow(d, a, d->top_seen, b);
        if (a == NULL)
            return false;
    }
    MOIRAI_DEQUE_STORE(moirai_deque_at(a, b), task, RELAXED);
    /* Pairs with the load of bottom in moirai_deque_steal: the slot, the task
     * and what its pusher did are seen. */
    MOIRAI_DEQUE_STORE(&d->bottom, b + 1, RELEASE);
    return true;
}

/* The owner will soon take the task that is this many below the newest. What
 * the slot holds may be old: nothing happens to who prefetches the wrong. */
#define MOIRAI_DEQUE_AHEAD 3

static inline struct moirai_task *
moirai_deque_peek(struct moirai_deque_array *a, int64_t index)
{
    return MOIRAI_DEQUE_LOAD(moirai_deque_at(a, index), RELAXED);
}

static inline void moirai_deque_prefetch(struct moirai_deque_array *a,
                                         int64_t index)
{
    __builtin_prefetch(moirai_deque_peek(a, index));
}

/* Owner only. The newest task, or NULL: empty. */
static inline struct moirai_task *moirai_deque_take(struct moirai_deque *d)
{
    int64_t b = MOIRAI_DEQUE_LOAD(&d->bottom, RELAXED) - 1;
    int64_t t = MOIRAI_DEQUE_LOAD(&d->top, RELAXED);
    struct moirai_deque_array *a;
    struct moirai_task *task;

    if (t > b)
        return NULL;                /* for certain: top only grows */
    /* These two pair with the two loads in moirai_deque_steal; see the head. */
    (void)MOIRAI_DEQUE_EXCHANGE(&d->bottom, b);
    t = MOIRAI_DEQUE_LOAD(&d->top, SEQ_CST);
    d->top_seen = t;
    if (t < b) {
        a = MOIRAI_DEQUE_LOAD(&d->array, RELAXED);
        moirai_deque_prefetch(a, b - MOIRAI_DEQUE_AHEAD);
        return MOIRAI_DEQUE_LOAD(moirai_deque_at(a, b), RELAXED);
    }
    task = NULL;
    if (t == b) {
        a = MOIRAI_DEQUE_LOAD(&d->array, RELAXED);
        task = MOIRAI_DEQUE_LOAD(moirai_deque_at(a, b), RELAXED);
        if (!MOIRAI_DEQUE_SWAP(&d->top, &t, t + 1))
            task = NULL;            /* a thief had it */
    }
    /* Top is b + 1 by now. A thief that reads this store and a lower top has
     * a swap before it that fails, so there is nothing to release. */
    MOIRAI_DEQUE_STORE(&d->bottom, b + 1, RELAXED);
    return task;
}

/* Anybody. Puts the oldest task into *task, or NULL: empty. False: somebody
 * else got that one; there may be more. */
static inline bool moirai_deque_steal(struct moirai_deque *d,
                                      struct moirai_task **task)
{
    /* These two pair with the store and the load in moirai_deque_take; the
     * second also with the release in moirai_deque_push. */
    int64_t t = MOIRAI_DEQUE_LOAD(&d->top, SEQ_CST);
    int64_t b = MOIRAI_DEQUE_LOAD(&d->bottom, SEQ_CST);
    struct moirai_deque_array *a;

    *task = NULL;
    if (t >= b)
        return true;
    a = MOIRAI_DEQUE_LOAD(&d->array, ACQUIRE);  /* pairs with grow */
    *task = MOIRAI_DEQUE_LOAD(moirai_deque_at(a, t), RELAXED);
    return MOIRAI_DEQUE_SWAP(&d->top, &t, t + 1);
}

/* Anybody. The oldest task, or NULL: empty. Each further round is one in which
 * another thread got a task. */
static inline struct moirai_task *
moirai_deque_take_oldest(struct moirai_deque *d)
{
    struct moirai_task *task;

    while (!moirai_deque_steal(d, &task))
        continue;
    return task;
}

/* The next two are for a deque that has no thieves: its owner is its only user,
 * and there is nobody to agree with. */
static inline struct moirai_task *
moirai_deque_take_alone(struct moirai_deque *d)
{
    int64_t b = MOIRAI_DEQUE_LOAD(&d->bottom, RELAXED) - 1;
    struct moirai_deque_array *a = MOIRAI_DEQUE_LOAD(&d->array, RELAXED);

    if (MOIRAI_DEQUE_LOAD(&d->top, RELAXED) > b)
        return NULL;
    MOIRAI_DEQUE_STORE(&d->bottom, b, RELAXED);
    moirai_deque_prefetch(a, b - MOIRAI_DEQUE_AHEAD);
    return MOIRAI_DEQUE_LOAD(moirai_deque_at(a, b), RELAXED);
}

static inline struct moirai_task *
moirai_deque_take_oldest_alone(struct moirai_deque *d)
{
    int64_t t = MOIRAI_DEQUE_LOAD(&d->top, RELAXED);
    struct moirai_deque_array *a = MOIRAI_DEQUE_LOAD(&d->array, RELAXED);

    if (t >= MOIRAI_DEQUE_LOAD(&d->bottom, RELAXED))
        return NULL;
    MOIRAI_DEQUE_STORE(&d->top, t + 1, RELAXED);
    return MOIRAI_DEQUE_LOAD(moirai_deque_at(a, t), RELAXED);
}

/* Anybody. How many there are; exact for pushes that happened before and
 * tasks that nobody is just taking. */
static inline int64_t moirai_deque_length(struct moirai_deque *d)
{
    int64_t t = MOIRAI_DEQUE_LOAD(&d->top, SEQ_CST);
    int64_t b = MOIRAI_DEQUE_LOAD(&d->bottom, SEQ_CST);

    return b > t ? b - t : 0;
}

/* Owner only. How many can be pushed without growing, at least. */
static inline int64_t moirai_deque_room(struct moirai_deque *d)
{
    struct moirai_deque_array *a = MOIRAI_DEQUE_LOAD(&d->array, RELAXED);

    return a->mask + 1 - moirai_deque_length(d);
}

#endif
