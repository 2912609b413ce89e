/* SPDX-License-Identifier: MIT */
/*
 * steal.c - a queue for each endpoint, for work that makes work.
 *
 * Each worker of the program has an endpoint of its own. What it sends through
 * that goes into its own queue, unless the message names another one. It
 * receives from its own queue, oldest first, then what is nobody's, then from
 * the others: half of what is there, to have some for the next time; or where
 * messages name somebody, no more than it was asked for.
 *
 * Numbers: an endpoint that receives gets the lowest that is free, from 0 on. A
 * message for a number that nobody has is nobody's. To name one is a wish:
 * others steal it, and who waits gets it.
 *
 * No lock of the core is needed: each queue has one, which its owner finds free
 * and in its cache, and places.h says how queues share the channel's room. A
 * sender holds its own lock until the message is in, so sealing the places one
 * after another seals all. That there is no room, or no message, is said after
 * two surveys of all tallies that agree (parts.h). What a call has in hand is
 * in no tally; but then it is about to succeed.
 */
#include <moirai/chan_ops.h>

#include "places.h"
#include "slots.h"

#define STEAL_BATCH 4096            /* bytes that are stolen at once */

struct steal_config {
    uint64_t capacity;
    uint64_t target_at;
    uint64_t target_bytes;
};

struct steal {
    struct places places;
    uint64_t target_at;             /* constant, as are: */
    uint64_t target_bytes;
    uint32_t batch;                 /* messages that are stolen at once */
};

static size_t steal_state_size(const void *config,
                               const struct moirai_elem *elem)
{
    const struct steal_config *conf = config;

    if (!slots_has_field(elem, conf->target_at, conf->target_bytes)
        || slots_state_size(PARTS_LINE, elem, conf->capacity, 0) == 0)
        return 0;
    return sizeof(struct steal);
}

static int steal_init(void *state, const void *config,
                      const struct moirai_elem *elem,
                      const struct moirai_host *host, struct moirai_error *err)
{
    const struct steal_config *conf = config;
    struct steal *s = state;

    if (!slots_has_field(elem, conf->target_at, conf->target_bytes))
        return moirai_error_set(err, -EINVAL, "steal: a message of %zu bytes "
                                "has no integer of %llu bytes at %llu: see "
                                "target_at and target_bytes", elem->bytes,
                                (unsigned long long)conf->target_bytes,
                                (unsigned long long)conf->target_at);
    if (steal_state_size(config, elem) == 0)
        return slots_refuse("steal", elem, conf->capacity, err);
    if (places_open(&s->places, elem, conf->capacity, host) != 0)
        return moirai_error_set(err, -ENOMEM, "steal: no memory for %llu "
                                "messages of %zu bytes",
                                (unsigned long long)conf->capacity,
                                elem->bytes);
    s->target_at = conf->target_at;
    s->target_bytes = conf->target_bytes;
    s->batch = elem->bytes * 2 <= STEAL_BATCH && conf->target_bytes == 0
        ? (uint32_t)(STEAL_BATCH / (elem->bytes + 8)) : 1;
    return 0;
}

static void steal_fini(void *state)
{
    struct steal *s = state;

    places_close(&s->places);
}

static void steal_locked(void *state)
{
    struct steal *s = state;

    places_forgo(&s->places);
}

static int steal_attach(void *state, uint32_t mode, void **endpoint)
{
    struct steal *s = state;
    struct place *place
        = places_get(&s->places, (mode & MOIRAI_RECV) != 0 ? PLACES_RECEIVE
                                                           : PLACES_SEND);

    if (place == NULL)
        return -ENOMEM;
    *endpoint = place;
    return 0;
}

static void steal_detach(void *state, void *endpoint)
{
    struct steal *s = state;

    places_put(&s->places, endpoint);
}

static struct place *steal_here(struct steal *s, void *endpoint)
{
    return endpoint != NULL ? endpoint : &s->places.common.place;
}

/* --- sending -------------------------------------------------------------- */

/* Whom it names; nobody is there, too. */
static struct place *steal_named(struct steal *s, const void *message)
{
    uint64_t number = slots_field(message, s->target_at, s->target_bytes);
    struct place *const *at = NULL;

    return number < places_of(&s->places, PLACES_RECEIVE, &at)
        ? at[number] : &s->places.common.place;
}

/* To whom it names, or to nobody. False: there is no room. */
static bool steal_address(struct steal *s, struct place *here,
                          const void *message)
{
    struct place *to = steal_named(s, message);
    struct place *at;
    bool stored;

    do {
        at = to;
        if (places_reserve(&s->places, here, 1) == 0)
            return false;
        if (at != here)
            places_lock_other(here, at);
        stored = at->used && parts_now(&here->credits) != 0 && !here->sealed;
        if (stored)
            places_store(&s->places, here, at, message, 1);
        if (!at->used)
            to = &s->places.common.place;
        if (at != here)
            parts_unlock(&at->queue.lock);
        parts_unlock(&here->queue.lock);
    } while (!stored);
    return true;
}

/* The usual case: one message, and there is room. False: it is another. */
static inline bool steal_push_here(const struct parts_shape *shape,
                                   struct place *here, const void *message)
{
    struct parts_queue *q = &here->queue;
    bool pushed;

    parts_lock(&q->lock);
    pushed = parts_now(&here->credits) != 0 && !here->sealed
        && !parts_is_full(q, shape);
    if (pushed) {
        parts_take(&here->credits, 1);
        moirai_ring_copy(parts_at(shape, q->tail, q->tail_at++), message,
                         shape->bytes);
        parts_add(&q->tally, 1);
    }
    parts_unlock(&q->lock);
    return pushed;
}

static __attribute__((noinline))
size_t steal_push_any(struct steal *s, struct place *here, const void *first,
                      size_t n)
{
    size_t done = 0;

    if (s->target_bytes != 0) {
        while (done < n
               && steal_address(s, here, slots_nth(first, done,
                                                   s->places.shape.bytes)))
            done++;
        return done;
    }
    done = n != 0 ? places_reserve(&s->places, here, n) : 0;
    if (done == 0)
        return 0;
    places_store(&s->places, here, here, first, done);
    parts_unlock(&here->queue.lock);
    return done;
}

static size_t steal_push(void *state, void *endpoint, const void *first,
                         size_t n)
{
    struct steal *s = state;
    struct place *here = steal_here(s, endpoint);

    if (n == 1 && s->target_bytes == 0
        && steal_push_here(&s->places.shape, here, first))
        return 1;
    return steal_push_any(s, here, first, n);
}

static void steal_seal(void *state)
{
    struct steal *s = state;

    places_seal(&s->places);
}

/* --- receiving ------------------------------------------------------------ */

struct taken {                      /* what a receiver has got so far */
    void *first;
    size_t n;
    size_t done;
};

static void *steal_rest(const struct steal *s, const struct taken *t)
{
    return slots_nth_room(t->first, t->done, s->places.shape.bytes);
}

static void steal_take_here(struct steal *s, struct place *here,
                            struct taken *t)
{
    parts_lock(&here->queue.lock);
    t->done += places_fetch(&s->places, here, here, steal_rest(s, t),
                            t->n - t->done);
    parts_unlock(&here->queue.lock);
}

/* From another place, and some for the next time; not if it is the channel that
 * drops the oldest: the others have to stay in their order. */
static void steal_rob(struct steal *s, struct place *here,
                      struct place *other, struct taken *t)
{
    size_t half;
    size_t n;

    if (t->done == t->n || here == other || parts_now(&other->queue.tally) == 0)
        return;
    parts_lock(&here->queue.lock);
    places_lock_other(here, other);
    half = (parts_now(&other->queue.tally) + 1) / 2;
    if (half > s->batch)
        half = s->batch;
    n = places_fetch(&s->places, here, other, steal_rest(s, t),
                     t->n - t->done);
    if (half > n && here->used && here != &s->places.common.place
        && parts_now(&here->queue.tally) == 0)
        places_move(&s->places, here, other, half - n);
    parts_unlock(&other->queue.lock);
    parts_unlock(&here->queue.lock);
    t->done += n;
}

static void steal_rob_all(struct steal *s, struct place *here,
                          struct taken *t)
{
    steal_rob(s, here, &s->places.common.place, t);
    for (int kind = 0; kind < PLACES_KINDS; kind++) {
        struct place *const *at = NULL;
        uint32_t count = places_of(&s->places, kind, &at);

        for (uint32_t i = 0; i < count; i++)
            steal_rob(s, here, at[i], t);
    }
}

/* The usual case: one message, and it has some. */
static inline bool steal_pop_here(struct places *p, struct place *here,
                                  void *message)
{
    const struct parts_shape *shape = &p->shape;
    struct parts_queue *q = &here->queue;
    bool popped;

    parts_lock(&q->lock);
    popped = parts_now(&q->tally) != 0;
    if (popped) {
        moirai_ring_copy(message, parts_at(shape, q->head, q->head_at++),
                         shape->bytes);
        if (q->head_at == shape->span || q->head == q->tail)
            places_tidy(p, here, here);
        parts_take(&q->tally, 1);
        parts_add(&here->credits, 1);
    }
    parts_unlock(&q->lock);
    return popped;
}

static __attribute__((noinline))
size_t steal_pop_any(struct steal *s, struct place *here, void *first,
                     size_t n)
{
    struct taken t = { .first = first, .n = n };

    do {
        steal_take_here(s, here, &t);
        if (t.done < n)
            steal_rob_all(s, here, &t);
    } while (t.done == 0 && n != 0 && !places_are_empty(&s->places));
    return t.done;
}

static size_t steal_pop(void *state, void *endpoint, void *first, size_t n)
{
    struct steal *s = state;
    struct place *here = steal_here(s, endpoint);

    if (n == 1 && parts_now(&here->queue.tally) != 0
        && steal_pop_here(&s->places, here, first))
        return 1;
    return steal_pop_any(s, here, first, n);
}

/* --- the rest ------------------------------------------------------------- */

static size_t steal_length(void *state)
{
    const struct steal *s = state;
    uint64_t added;
    uint64_t n = places_count_messages(&s->places, &added);

    return n < s->places.capacity ? (size_t)n : s->places.capacity;
}

static size_t steal_capacity(void *state)
{
    const struct steal *s = state;

    return s->places.capacity;
}

static bool steal_can(void *state, void *endpoint, uint32_t mode)
{
    const struct steal *s = state;

    (void)endpoint;
    return mode == MOIRAI_SEND ? !places_are_full(&s->places)
                               : !places_are_empty(&s->places);
}

static const struct moirai_option steal_options[] = {
    { .name = "capacity", .preset = "256",
      .help = "messages it holds, of all workers together",
      .type = MOIRAI_UINT, .offset = offsetof(struct steal_config, capacity),
      .min = 1, .max = SLOTS_MAX },
    { .name = "target_at", .preset = "0",
      .help = "where in a message the number of its worker is, in bytes",
      .type = MOIRAI_UINT, .offset = offsetof(struct steal_config, target_at),
      .max = INT32_MAX },
    { .name = "target_bytes", .preset = "0",
      .help = "size of that integer: 1, 2, 4, 8; 0: messages name nobody",
      .type = MOIRAI_UINT,
      .offset = offsetof(struct steal_config, target_bytes), .max = 8 },
    { .name = NULL },
};

static const struct moirai_chan_ops steal_ops = {
    .flags = MOIRAI_CHAN_CONCURRENT | MOIRAI_CHAN_HANDOFF
        | MOIRAI_CHAN_ANYBODY,
    .state_size = steal_state_size,
    .init = steal_init,
    .fini = steal_fini,
    .push = steal_push,
    .pop = steal_pop,
    .length = steal_length,
    .capacity = steal_capacity,
    .attach = steal_attach,
    .detach = steal_detach,
    .seal = steal_seal,
    .can = steal_can,
    .locked = steal_locked,
};

MOIRAI_PLUGIN(chan, steal) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_CHAN,
    .ops_abi = MOIRAI_CHAN_ABI,
    .name = "steal",
    .version = "1.0",
    .summary = "a queue per endpoint; who has nothing takes others'",
    .options = steal_options,
    .config_size = sizeof(struct steal_config),
    .ops = &steal_ops,
    .ops_size = sizeof steal_ops,
};
