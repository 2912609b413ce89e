/* SPDX-License-Identifier: MIT */
/*
 * steal.c - a queue for each receiving endpoint, for work that makes work.
 *
 * Each worker of the program has an endpoint of its own. What it sends through
 * that goes into its own queue; what comes from elsewhere goes to the queues in
 * turn, or to the one that the message names. It receives from its own queue,
 * oldest first, then what nobody owns, then from the others.
 *
 * Numbers: an endpoint that receives gets the lowest that is free, from 0 on. A
 * message for a number that nobody has is anybody's. To name one is a wish:
 * others steal it, and who waits gets it.
 *
 * All queues share one block of slots, so that the capacity is the channel's.
 * The core's lock is held: this keeps what belongs together on one worker, but
 * does not save the lock.
 */
#include <moirai/chan_ops.h>

#include "slots.h"

struct steal_config {
    uint64_t capacity;
    uint64_t target_at;
    uint64_t target_bytes;
};

struct worker {
    struct worker *next;            /* in a circle */
    struct worker *previous;
    struct slots_queue queue;
    uint64_t number;
};

struct steal {
    struct slots slots;
    const struct moirai_host *host;
    struct worker *turn;            /* who gets the next; NULL: there is none */
    struct slots_queue common;
    uint64_t target_at;
    uint64_t target_bytes;
};

static size_t steal_state_size(const void *config,
                               const struct moirai_elem *elem)
{
    const struct steal_config *conf = config;

    if (!slots_has_field(elem, conf->target_at, conf->target_bytes))
        return 0;
    return slots_state_size(sizeof(struct steal), elem, conf->capacity,
                            sizeof(uint32_t));
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
    (void)slots_init(&s->slots, s, sizeof *s, elem, conf->capacity);
    s->host = host;
    s->target_at = conf->target_at;
    s->target_bytes = conf->target_bytes;
    return 0;
}

static void steal_fini(void *state)
{
    (void)state;
}

/* The worker of that number; NULL: there is none. */
static struct worker *find(const struct steal *s, uint64_t number)
{
    struct worker *w = s->turn;

    if (w == NULL)
        return NULL;
    do {
        if (w->number == number)
            return w;
        w = w->next;
    } while (w != s->turn);
    return NULL;
}

static int steal_attach(void *state, uint32_t mode, void **endpoint)
{
    struct steal *s = state;
    struct worker *w;

    if ((mode & MOIRAI_RECV) == 0)
        return 0;
    w = s->host->alloc(s->host->ctx, sizeof *w, 16);
    if (w == NULL)
        return -ENOMEM;
    while (find(s, w->number) != NULL)
        w->number++;
    w->next = w->previous = w;
    if (s->turn != NULL) {
        w->next = s->turn;
        w->previous = s->turn->previous;
        w->previous->next = w;
        w->next->previous = w;
    } else {
        s->turn = w;
    }
    *endpoint = w;
    return 0;
}

static void steal_detach(void *state, void *endpoint)
{
    struct steal *s = state;
    struct worker *w = endpoint;

    if (w == NULL)
        return;
    slots_append(&s->slots, &s->common, &w->queue);
    w->previous->next = w->next;
    w->next->previous = w->previous;
    if (s->turn == w)
        s->turn = w->next != w ? w->next : NULL;
    s->host->release(s->host->ctx, w);
}

/* Where a message goes that is sent by `w`; NULL: by somebody else. */
static struct slots_queue *queue_for(struct steal *s, struct worker *w,
                                     const void *message)
{
    if (s->target_bytes != 0) {
        w = find(s, slots_field(message, s->target_at, s->target_bytes));
    } else if (w == NULL && s->turn != NULL) {
        w = s->turn;
        s->turn = w->next;
    }
    return w != NULL ? &w->queue : &s->common;
}

static size_t steal_push(void *state, void *endpoint, const void *first,
                         size_t n)
{
    struct steal *s = state;
    size_t room = s->slots.capacity - s->slots.used;

    if (n > room)
        n = room;
    for (size_t i = 0; i < n; i++) {
        const void *message = slots_nth(first, i, s->slots.bytes);

        (void)slots_push(&s->slots, queue_for(s, endpoint, message), message);
    }
    return n;
}

/* What is there of one queue; `done` of n messages have been taken before.
 * Returns how many have been then. */
static size_t take(struct steal *s, struct slots_queue *q, void *first,
                   size_t done, size_t n)
{
    while (done < n && slots_pop(&s->slots, q,
                                 slots_nth_room(first, done, s->slots.bytes)))
        done++;
    return done;
}

static size_t steal_pop(void *state, void *endpoint, void *first, size_t n)
{
    struct steal *s = state;
    struct worker *own = endpoint;
    struct worker *w = own != NULL ? own->next : s->turn;
    size_t done = own != NULL ? take(s, &own->queue, first, 0, n) : 0;

    done = take(s, &s->common, first, done, n);
    for (; done < n && s->slots.used != 0; w = w->next)
        done = take(s, &w->queue, first, done, n);
    return done;
}

static size_t steal_length(void *state)
{
    const struct steal *s = state;

    return s->slots.used;
}

static size_t steal_capacity(void *state)
{
    const struct steal *s = state;

    return s->slots.capacity;
}

static bool steal_can(void *state, void *endpoint, uint32_t mode)
{
    const struct steal *s = state;

    (void)endpoint;
    return mode == MOIRAI_SEND ? s->slots.used < s->slots.capacity
                               : s->slots.used > 0;
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
    .flags = MOIRAI_CHAN_HANDOFF,
    .state_size = steal_state_size,
    .init = steal_init,
    .fini = steal_fini,
    .push = steal_push,
    .pop = steal_pop,
    .length = steal_length,
    .capacity = steal_capacity,
    .attach = steal_attach,
    .detach = steal_detach,
    .can = steal_can,
};

MOIRAI_PLUGIN(chan, steal) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_CHAN,
    .ops_abi = MOIRAI_CHAN_ABI,
    .name = "steal",
    .version = "1.0",
    .summary = "a queue per receiving endpoint; who has nothing takes others'",
    .options = steal_options,
    .config_size = sizeof(struct steal_config),
    .ops = &steal_ops,
    .ops_size = sizeof steal_ops,
};
