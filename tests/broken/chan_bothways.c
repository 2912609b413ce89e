/* SPDX-License-Identifier: MIT */
/*
 * chan_bothways.c - wants no lock, and lends the core a ring that needs one.
 */
#include <moirai/chan_ops.h>

static size_t bothways_state_size(const void *config,
                                  const struct moirai_elem *elem)
{
    (void)config;
    (void)elem;
    return sizeof(struct moirai_ring);
}

static int bothways_init(void *state, const void *config,
                         const struct moirai_elem *elem,
                         const struct moirai_host *host,
                         struct moirai_error *err)
{
    (void)state;
    (void)config;
    (void)elem;
    (void)host;
    return moirai_error_set(err, -1, "never started");
}

static void bothways_fini(void *state)
{
    (void)state;
}

static size_t bothways_push(void *state, void *endpoint, const void *first,
                            size_t n)
{
    (void)endpoint;
    return n > 0 && moirai_ring_push(state, first);
}

static size_t bothways_pop(void *state, void *endpoint, void *first, size_t n)
{
    (void)endpoint;
    return n > 0 && moirai_ring_pop(state, first);
}

static size_t bothways_length(void *state)
{
    const struct moirai_ring *ring = state;

    return ring->length;
}

static size_t bothways_capacity(void *state)
{
    const struct moirai_ring *ring = state;

    return ring->capacity;
}

static const struct moirai_chan_ops bothways_ops = {
    .flags = MOIRAI_CHAN_CONCURRENT | MOIRAI_CHAN_RING,
    .state_size = bothways_state_size,
    .init = bothways_init,
    .fini = bothways_fini,
    .push = bothways_push,
    .pop = bothways_pop,
    .length = bothways_length,
    .capacity = bothways_capacity,
    .seal = bothways_fini,
};

MOIRAI_PLUGIN(chan, bothways) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_CHAN,
    .ops_abi = MOIRAI_CHAN_ABI,
    .name = "bothways",
    .version = "0.1",
    .summary = "for tests",
    .ops = &bothways_ops,
    .ops_size = sizeof bothways_ops,
};
