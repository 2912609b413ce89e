/* SPDX-License-Identifier: MIT */
/*
 * prio.c - the most urgent message first; among equals the oldest.
 *
 * A message's level is an integer inside it: 0 is the most urgent, and what is
 * beyond the last level is at the last. Each level is a queue; a bit of `mask`
 * says that it is not empty. All share one block of slots, so that one level
 * may fill the channel.
 *
 * Strict, or with ageing. Then a message carries a rank, the number of messages
 * pushed before it plus `age` for each level below the first, and the lowest
 * rank of those that head their queues goes first. So a message of level n is
 * overtaken by the n * age messages pushed after it at most: nothing starves,
 * and nothing has to be moved as time goes by.
 *
 * Rejected: raising levels by the clock. A burst would overtake without bound
 * until the clock has moved, and each pop would have to look at it.
 */
#include <moirai/chan_ops.h>

#include "slots.h"

#define LEVELS_MAX 256
#define WORDS (LEVELS_MAX / 64)

struct prio_config {
    uint64_t capacity;
    uint64_t levels;
    uint64_t level_at;
    uint64_t level_bytes;
    uint64_t age;
};

struct prio {
    struct slots slots;
    uint64_t *rank;                 /* of the message in each slot */
    uint64_t pushed;                /* in all */
    uint64_t mask[WORDS];
    uint64_t levels;                /* constant, as are: */
    uint64_t level_at;
    uint64_t level_bytes;
    uint64_t age;
    bool by_reference;
    struct slots_queue queues[LEVELS_MAX];
};

static size_t prio_state_size(const void *config,
                              const struct moirai_elem *elem)
{
    const struct prio_config *conf = config;

    if (!slots_has_field(elem, conf->level_at, conf->level_bytes))
        return 0;
    return slots_state_size(sizeof(struct prio), elem, conf->capacity,
                            sizeof(uint32_t) + sizeof(uint64_t));
}

static int prio_init(void *state, const void *config,
                     const struct moirai_elem *elem,
                     const struct moirai_host *host, struct moirai_error *err)
{
    const struct prio_config *conf = config;
    struct prio *p = state;
    char *after;

    (void)host;
    if (!slots_has_field(elem, conf->level_at, conf->level_bytes))
        return moirai_error_set(err, -EINVAL, "prio: a message of %zu bytes "
                                "has no integer of %llu bytes at %llu: see "
                                "level_at and level_bytes", elem->bytes,
                                (unsigned long long)conf->level_bytes,
                                (unsigned long long)conf->level_at);
    if (prio_state_size(config, elem) == 0)
        return slots_refuse("prio", elem, conf->capacity, err);
    after = slots_init(&p->slots, p, sizeof *p, elem, conf->capacity);
    p->rank = (uint64_t *)(void *)after;
    p->levels = conf->levels;
    p->level_at = conf->level_at;
    p->level_bytes = conf->level_bytes;
    p->age = conf->age;
    p->by_reference = elem->limit != 0;
    return 0;
}

static void prio_fini(void *state)
{
    (void)state;
}

/* Of a message as it is stored. */
static size_t level_of(const struct prio *p, const void *message)
{
    uint64_t level;

    if (p->by_reference)
        message = *(const void *const *)message;
    level = slots_field(message, p->level_at, p->level_bytes);
    return (size_t)(level < p->levels ? level : p->levels - 1);
}

static size_t prio_push(void *state, void *endpoint, const void *first,
                        size_t n)
{
    struct prio *p = state;
    size_t done = 0;

    (void)endpoint;
    for (; done < n; done++) {
        const void *message = slots_nth(first, done, p->slots.bytes);
        size_t level = level_of(p, message);
        uint32_t slot = slots_push(&p->slots, &p->queues[level], message);

        if (slot == SLOTS_NONE)
            break;
        p->rank[slot] = p->pushed++ + level * p->age;
        p->mask[level / 64] |= UINT64_C(1) << level % 64;
    }
    return done;
}

/* The first level that is not empty, from `level` on; LEVELS_MAX: none is. */
static size_t next_level(const struct prio *p, size_t level)
{
    for (size_t w = level / 64; w < WORDS; w++) {
        uint64_t bits = p->mask[w];

        if (w == level / 64)
            bits &= ~UINT64_C(0) << level % 64;
        if (bits != 0)
            return w * 64 + (size_t)__builtin_ctzll(bits);
    }
    return LEVELS_MAX;
}

static uint64_t rank_of(const struct prio *p, size_t level)
{
    return p->rank[p->queues[level].head];
}

/* The level whose turn it is; LEVELS_MAX: nothing is stored. */
static size_t turn(const struct prio *p)
{
    size_t best = next_level(p, 0);

    if (p->age == 0)
        return best;
    for (size_t i = best; i < LEVELS_MAX; i = next_level(p, i + 1))
        if (rank_of(p, i) < rank_of(p, best))
            best = i;
    return best;
}

static size_t prio_pop(void *state, void *endpoint, void *first, size_t n)
{
    struct prio *p = state;
    size_t done = 0;
    size_t level;

    (void)endpoint;
    for (; done < n && (level = turn(p)) < LEVELS_MAX; done++) {
        slots_pop(&p->slots, &p->queues[level],
                  slots_nth_room(first, done, p->slots.bytes));
        if (p->queues[level].length == 0)
            p->mask[level / 64] &= ~(UINT64_C(1) << level % 64);
    }
    return done;
}

static const void *prio_peek(void *state, void *endpoint)
{
    const struct prio *p = state;
    size_t level = turn(p);

    (void)endpoint;
    return level < LEVELS_MAX ? slots_slot(&p->slots, p->queues[level].head)
                              : NULL;
}

static size_t prio_length(void *state)
{
    const struct prio *p = state;

    return p->slots.used;
}

static size_t prio_capacity(void *state)
{
    const struct prio *p = state;

    return p->slots.capacity;
}

static bool prio_can(void *state, void *endpoint, uint32_t mode)
{
    const struct prio *p = state;

    (void)endpoint;
    return mode == MOIRAI_SEND ? p->slots.used < p->slots.capacity
                               : p->slots.used > 0;
}

static const struct moirai_option prio_options[] = {
    { .name = "capacity", .preset = "64",
      .help = "messages it holds, of all levels together",
      .type = MOIRAI_UINT, .offset = offsetof(struct prio_config, capacity),
      .min = 1, .max = SLOTS_MAX },
    { .name = "levels", .preset = "4",
      .help = "how many levels there are; 0 is the most urgent",
      .type = MOIRAI_UINT, .offset = offsetof(struct prio_config, levels),
      .min = 1, .max = LEVELS_MAX },
    { .name = "level_at", .preset = "0",
      .help = "where in a message its level is, in bytes",
      .type = MOIRAI_UINT, .offset = offsetof(struct prio_config, level_at),
      .max = INT32_MAX },
    { .name = "level_bytes", .preset = "4",
      .help = "size of that integer: 1, 2, 4, 8; 0: all are at level 0",
      .type = MOIRAI_UINT, .offset = offsetof(struct prio_config, level_bytes),
      .min = 0, .max = 8 },
    { .name = "age", .preset = "0",
      .help = "messages that may overtake another, per level between them; 0: "
              "any number",
      .type = MOIRAI_UINT, .offset = offsetof(struct prio_config, age),
      .max = 1000000000 },
    { .name = NULL },
};

static const struct moirai_chan_ops prio_ops = {
    .flags = MOIRAI_CHAN_HANDOFF | MOIRAI_CHAN_LOANS,
    .state_size = prio_state_size,
    .init = prio_init,
    .fini = prio_fini,
    .push = prio_push,
    .pop = prio_pop,
    .length = prio_length,
    .capacity = prio_capacity,
    .can = prio_can,
    .peek = prio_peek,
};

MOIRAI_PLUGIN(chan, prio) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_CHAN,
    .ops_abi = MOIRAI_CHAN_ABI,
    .name = "prio",
    .version = "1.0",
    .summary = "bounded, most urgent message first; with ageing if wanted",
    .options = prio_options,
    .config_size = sizeof(struct prio_config),
    .ops = &prio_ops,
    .ops_size = sizeof prio_ops,
};
