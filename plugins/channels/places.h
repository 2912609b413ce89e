/* SPDX-License-Identifier: MIT */
/*
 * places.h - queues of messages that share one room, each under a lock that
 * hardly anybody else takes.
 *
 * A place is a queue, some of the room for messages, and some unused chunks.
 * Each endpoint has one; one more is nobody's. Room is handed out as credits:
 * who stores messages takes them from its place, who takes messages out gives
 * them to its own. A place without any takes half of another's. So there is
 * never more in the queues than the capacity, it can be used up wherever the
 * senders are, and as long as each endpoint stores about as much as it takes
 * out, none touches what another one does.
 *
 * Chunks (parts.h) are kept by the places in the same way. Each place comes
 * with as many as it can keep from others, so that there are enough of them for
 * any distribution of the messages.
 *
 * Places are numbered; a table of them is written under the core's lock and
 * read without any. They are used again, and not given back before the end:
 * who looks through a table holds no lock.
 *
 * Locks, in this order: places, by address, two at most; the pool of chunks.
 */
#ifndef PLACES_H
#define PLACES_H

#include "parts.h"
#include "slots.h"

#define PLACES_CHUNK 512            /* bytes of one, if messages are small */
#define PLACES_SPAN 64              /* messages in it at most */
#define PLACES_SPARE 2048           /* bytes of chunks that a place keeps */

struct place {                      /* under its queue's lock */
    struct parts_queue queue;
    struct parts_tally credits;
    struct parts_chunk *spare;
    uint32_t spares;
    bool used;                      /* by an endpoint; set under the core's */
    bool sealed;                    /* lock, too */
};

/* On lines of its own. */
union place_line {
    struct place place;
    char line[PARTS_LINE];
};

_Static_assert(sizeof(union place_line) == PARTS_LINE, "a place is a line");

/* Places by number. A table that has become too small is kept until the end, as
 * some may still look at it. */
struct places_table {
    struct places_table *outgrown;
    uint32_t room;
    atomic_uint_least32_t count;
    struct place *at[];
};

/* First of all tables of `places`: who receives has low numbers. */
enum { PLACES_RECEIVE, PLACES_SEND, PLACES_KINDS };

struct places {
    const struct moirai_host *host; /* constant, as are: */
    uint32_t capacity;
    uint32_t align;                 /* of chunks */
    uint32_t spare;                 /* chunks that a place keeps */
    bool sealed;                    /* under the core's lock */
    struct parts_shape shape;
    void *block;                    /* of chunks */
    _Atomic(struct places_table *) table[PLACES_KINDS]; /* NULL: none yet */
    _Alignas(PARTS_LINE) union place_line common;
    struct parts_lock pool_lock;
    struct parts_chunk *pool;       /* under it */
};

static inline struct parts_shape places_shape(const struct moirai_elem *elem)
{
    size_t align = slots_align(elem);
    struct parts_shape shape = { .bytes = elem->bytes, .span = PLACES_SPAN };
    size_t line;

    if (align < sizeof(struct parts_chunk))
        align = sizeof(struct parts_chunk);
    line = align > PARTS_LINE ? align : PARTS_LINE;
    if (elem->bytes * 2 + align > PLACES_CHUNK)
        shape.span = 1;
    else if (elem->bytes * PLACES_SPAN + align > PLACES_CHUNK)
        shape.span = (uint32_t)((PLACES_CHUNK - align) / elem->bytes);
    shape.first = align;
    shape.size = (align + shape.span * elem->bytes + line - 1) & ~(line - 1);
    return shape;
}

/* Makes a block into chunks. */
static inline void places_cut(struct places *p, char *block, size_t n)
{
    parts_lock(&p->pool_lock);
    for (size_t i = 0; i < n; i++)
        parts_put(&p->pool,
                  (struct parts_chunk *)(void *)(block + i * p->shape.size));
    parts_unlock(&p->pool_lock);
}

/* Chunks that one more place may take from the others: a first, a last, and
 * what it keeps. */
static inline size_t places_chunks(const struct places *p)
{
    return 2 + p->spare;
}

/* For `capacity` messages. 0 or -ENOMEM, leaving nothing. */
static inline int places_open(struct places *p, const struct moirai_elem *elem,
                              uint64_t capacity, const struct moirai_host *host)
{
    size_t n;

    p->host = host;
    p->capacity = (uint32_t)capacity;
    p->shape = places_shape(elem);
    p->align = (uint32_t)(p->shape.first > PARTS_LINE ? p->shape.first
                                                      : PARTS_LINE);
    p->spare = p->shape.size <= PLACES_SPARE
        ? (uint32_t)(PLACES_SPARE / p->shape.size) : 1;
    n = p->capacity / p->shape.span + places_chunks(p);
    if (n > PTRDIFF_MAX / p->shape.size)
        return -ENOMEM;
    p->block = host->alloc(host->ctx, n * p->shape.size, p->align);
    if (p->block == NULL)
        return -ENOMEM;
    places_cut(p, p->block, n);
    parts_init(&p->common.place.queue, &p->shape);
    parts_add(&p->common.place.credits, p->capacity);
    p->common.place.used = true;
    return 0;
}

/* Nothing but the common place is there: the core's lock will always be held.
 * Locks are not needed. */
static inline void places_forgo(struct places *p)
{
    p->shape.locked = true;
    parts_forgo(&p->pool_lock);
    parts_forgo(&p->common.place.queue.lock);
}

/* How many places of a kind there are, and where. */
static inline uint32_t places_of(const struct places *p, int kind,
                                 struct place *const **at)
{
    const struct places_table *table
        = atomic_load_explicit(&p->table[kind], memory_order_acquire);

    if (table == NULL)
        return 0;
    *at = table->at;
    return atomic_load_explicit(&table->count, memory_order_acquire);
}

static inline void places_close(struct places *p)
{
    const struct moirai_host *host = p->host;

    for (int kind = 0; kind < PLACES_KINDS; kind++) {
        struct places_table *table = atomic_load(&p->table[kind]);
        struct place *const *at = NULL;
        uint32_t n = places_of(p, kind, &at);

        for (uint32_t i = 0; i < n; i++)
            host->release(host->ctx, at[i]);
        while (table != NULL) {
            struct places_table *outgrown = table->outgrown;

            host->release(host->ctx, table);
            table = outgrown;
        }
    }
    host->release(host->ctx, p->block);
}

/* A table with room for one more; NULL: out of memory. */
static inline struct places_table *places_table(struct places *p, int kind)
{
    const struct moirai_host *host = p->host;
    struct places_table *old = atomic_load(&p->table[kind]);
    uint32_t count = old != NULL ? atomic_load(&old->count) : 0;
    uint32_t room = old != NULL ? 2 * old->room : 8;
    struct places_table *table;

    if (old != NULL && count < old->room)
        return old;
    table = host->alloc(host->ctx, sizeof *table + room * sizeof table->at[0],
                        sizeof(void *));
    if (table == NULL)
        return NULL;
    table->outgrown = old;
    table->room = room;
    atomic_store(&table->count, count);
    if (count != 0)
        memcpy(table->at, old->at, count * sizeof table->at[0]);
    atomic_store_explicit(&p->table[kind], table, memory_order_release);
    return table;
}

/* A new one, with its chunks; NULL: out of memory. */
static inline struct place *places_add(struct places *p, int kind)
{
    const struct moirai_host *host = p->host;
    size_t own = (sizeof(union place_line) + p->align - 1)
        & ~((size_t)p->align - 1);
    struct places_table *table = places_table(p, kind);
    struct place *place;

    if (table == NULL)
        return NULL;
    place = host->alloc(host->ctx, own + places_chunks(p) * p->shape.size,
                        p->align);
    if (place == NULL)
        return NULL;
    places_cut(p, (char *)place + own, places_chunks(p));
    parts_init(&place->queue, &p->shape);
    place->sealed = p->sealed;
    table->at[atomic_load(&table->count)] = place;
    atomic_fetch_add_explicit(&table->count, 1, memory_order_release);
    return place;
}

/* For an endpoint: the first that nobody has, or a new one. The core's lock is
 * held. */
static inline struct place *places_get(struct places *p, int kind)
{
    struct place *const *at = NULL;
    uint32_t n = places_of(p, kind, &at);
    struct place *place = NULL;

    for (uint32_t i = 0; i < n && place == NULL; i++)
        if (!at[i]->used)
            place = at[i];
    if (place == NULL)
        place = places_add(p, kind);
    if (place == NULL)
        return NULL;
    parts_lock(&place->queue.lock);
    place->used = true;
    parts_unlock(&place->queue.lock);
    return place;
}

/* An unused chunk; of `here`, which is locked, if it keeps some. */
static inline struct parts_chunk *places_chunk(struct places *p,
                                               struct place *here)
{
    struct parts_chunk *chunk = parts_get(&here->spare);

    if (chunk != NULL) {
        here->spares--;
        return chunk;
    }
    parts_lock(&p->pool_lock);
    chunk = parts_get(&p->pool);
    parts_unlock(&p->pool_lock);
    return chunk;
}

/* A message less in the first chunk of `from`, or more: it may be unused now.
 * Both are locked. */
static inline void places_tidy(struct places *p, struct place *here,
                               struct place *from)
{
    struct parts_chunk *unused = NULL;

    parts_drop(&from->queue, &p->shape, &unused);
    if (unused == NULL)
        return;
    if (here->spares < p->spare) {
        here->spares++;
        parts_put(&here->spare, unused);
        return;
    }
    parts_lock(&p->pool_lock);
    parts_put(&p->pool, unused);
    parts_unlock(&p->pool_lock);
}

/* Copies n messages to `to`; it and `here`, whose room is used, are locked. */
static inline void places_store(struct places *p, struct place *here,
                                struct place *to, const void *first, size_t n)
{
    struct parts_queue *q = &to->queue;
    size_t run;

    parts_take(&here->credits, n);
    for (size_t done = 0; done < n; done += run) {
        char *at;

        run = n - done;
        if (parts_is_full(q, &p->shape))
            parts_grow(q, places_chunk(p, here));
        at = parts_room(q, &p->shape, &run);
        moirai_ring_copy(at, slots_nth(first, done, p->shape.bytes),
                         run * p->shape.bytes);
    }
    parts_add(&q->tally, n);
}

/* Copies up to n messages out of `from`; it and `here`, which gets their room,
 * are locked. Returns how many. */
static inline size_t places_fetch(struct places *p, struct place *here,
                                  struct place *from, void *first, size_t n)
{
    struct parts_queue *q = &from->queue;
    size_t run;

    if (n > parts_now(&q->tally))
        n = parts_now(&q->tally);
    for (size_t done = 0; done < n; done += run) {
        const char *at;

        run = n - done;
        at = parts_oldest(q, &p->shape, &run);
        moirai_ring_copy(slots_nth_room(first, done, p->shape.bytes), at,
                         run * p->shape.bytes);
        places_tidy(p, here, from);
    }
    parts_take(&q->tally, n);
    parts_add(&here->credits, n);
    return n;
}

/* Moves the n oldest messages, which are there; both are locked. */
static inline void places_move(struct places *p, struct place *to,
                               struct place *from, size_t n)
{
    struct parts_queue *q = &to->queue;
    size_t run;

    for (size_t done = 0; done < n; done += run) {
        size_t room = n - done;
        const char *oldest;
        char *at;

        if (parts_is_full(q, &p->shape))
            parts_grow(q, places_chunk(p, to));
        at = parts_room(q, &p->shape, &room);
        run = room;
        oldest = parts_oldest(&from->queue, &p->shape, &run);
        moirai_ring_copy(at, oldest, run * p->shape.bytes);
        q->tail_at -= (uint32_t)(room - run);
        places_tidy(p, to, from);
    }
    parts_add(&q->tally, n);        /* before: see parts.h */
    parts_take(&from->queue.tally, n);
}

/* Moves room from one place to another; both are locked. */
static inline void places_give(struct place *to, struct place *from, size_t n)
{
    parts_add(&to->credits, n);     /* before: see parts.h */
    parts_take(&from->credits, n);
}

/* Locks another place; `here` is locked, but may not be for a moment. */
static inline void places_lock_other(struct place *here, struct place *other)
{
    if ((uintptr_t)other > (uintptr_t)here) {
        parts_lock(&other->queue.lock);
        return;
    }
    parts_unlock(&here->queue.lock);
    parts_lock(&other->queue.lock);
    parts_lock(&here->queue.lock);
}

/* The endpoint that had it goes: what is there becomes nobody's. */
static inline void places_put(struct places *p, struct place *place)
{
    struct place *common = &p->common.place;

    parts_lock(&place->queue.lock);
    places_lock_other(place, common);
    place->used = false;
    places_move(p, common, place, parts_now(&place->queue.tally));
    places_give(common, place, parts_now(&place->credits));
    parts_unlock(&common->queue.lock);
    parts_unlock(&place->queue.lock);
}

/* From now on nothing is stored. The core's lock is held. */
static inline void places_seal(struct places *p)
{
    p->sealed = true;
    for (int kind = 0; kind < PLACES_KINDS; kind++) {
        struct place *const *at = NULL;
        uint32_t n = places_of(p, kind, &at);

        for (uint32_t i = 0; i < n; i++) {
            parts_lock(&at[i]->queue.lock);
            at[i]->sealed = true;
            parts_unlock(&at[i]->queue.lock);
        }
    }
}

/* Adds up what all places have of something, and what they were ever given. */
static inline uint64_t places_census(const struct places *p, size_t tally,
                                     uint64_t *added)
{
    uint64_t now = *added = 0;

    parts_survey(parts_tally_at(&p->common.place, tally), &now, added);
    for (int kind = 0; kind < PLACES_KINDS; kind++) {
        struct place *const *at = NULL;
        uint32_t n = places_of(p, kind, &at);

        for (uint32_t i = 0; i < n; i++)
            parts_survey(parts_tally_at(at[i], tally), &now, added);
    }
    return now;
}

static inline uint64_t places_count_messages(const void *of, uint64_t *added)
{
    return places_census(of, offsetof(struct place, queue.tally), added);
}

static inline uint64_t places_count_rooms(const void *of, uint64_t *added)
{
    return places_census(of, offsetof(struct place, credits), added);
}

static inline bool places_are_empty(const struct places *p)
{
    return parts_lacks(places_count_messages, p);
}

static inline bool places_are_full(const struct places *p)
{
    return parts_lacks(places_count_rooms, p);
}

/* Takes half of another place's room, or enough for n; `here` is locked. */
static inline void places_borrow(struct place *here, struct place *other,
                                 size_t n)
{
    size_t have;
    size_t there;
    size_t half;

    if (parts_now(&here->credits) >= n || parts_now(&other->credits) == 0
        || other == here)
        return;
    places_lock_other(here, other);
    have = parts_now(&here->credits);
    there = parts_now(&other->credits);
    half = (there + 1) / 2;
    if (have < n && half < n - have)
        half = n - have < there ? n - have : there;
    places_give(here, other, half);
    parts_unlock(&other->queue.lock);
}

/* Looks for room for n messages at other places; `here` is locked. */
static inline void places_collect(struct places *p, struct place *here,
                                  size_t n)
{
    places_borrow(here, &p->common.place, n);
    for (int kind = 0; kind < PLACES_KINDS; kind++) {
        struct place *const *at = NULL;
        uint32_t count = places_of(p, kind, &at);

        for (uint32_t i = 0; i < count; i++)
            places_borrow(here, at[i], n);
    }
}

/* Is there room for some of n messages? For how many; `here` stays locked
 * then. */
static inline size_t places_reserve(struct places *p, struct place *here,
                                    size_t n)
{
    bool sealed;

    do {
        size_t have;

        parts_lock(&here->queue.lock);
        sealed = here->sealed;
        if (parts_now(&here->credits) < n && !sealed)
            places_collect(p, here, n);
        have = parts_now(&here->credits);
        sealed = here->sealed;
        if (have != 0 && !sealed)
            return n < have ? n : have;
        parts_unlock(&here->queue.lock);
    } while (!sealed && !places_are_full(p));
    return 0;
}

#endif
