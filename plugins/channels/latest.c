/* SPDX-License-Identifier: MIT */
/*
 * latest.c - keeps the newest message alone: for state, not for events.
 *
 * A message that comes while another is stored takes its place, so senders
 * never wait, and who receives gets what is true now. Each message is received
 * once or dropped.
 */
#include <moirai/chan_ops.h>

#include "slots.h"

struct latest {
    struct moirai_chan_sink *sink;
    char *message;
    size_t bytes;
    bool stored;
};

static size_t latest_state_size(const void *config,
                                const struct moirai_elem *elem)
{
    (void)config;
    return slots_state_size(sizeof(struct latest), elem, 1, 0);
}

static int latest_init(void *state, const void *config,
                       const struct moirai_elem *elem,
                       const struct moirai_host *host,
                       struct moirai_error *err)
{
    struct latest *l = state;

    (void)host;
    if (latest_state_size(config, elem) == 0)
        return slots_refuse("latest", elem, 1, err);
    l->message = slots_first(state, sizeof *l, elem);
    l->bytes = moirai_elem_stored(elem);
    return 0;
}

static void latest_fini(void *state)
{
    (void)state;
}

static void latest_discard_to(void *state, struct moirai_chan_sink *sink)
{
    struct latest *l = state;

    l->sink = sink;
}

static size_t latest_push(void *state, void *endpoint, const void *first,
                          size_t n)
{
    struct latest *l = state;

    (void)endpoint;
    if (n == 0)
        return 0;
    if (l->stored)
        l->sink->drop(l->sink, l->message);
    for (size_t i = 0; i + 1 < n; i++)
        l->sink->drop(l->sink, slots_nth(first, i, l->bytes));
    moirai_ring_copy(l->message, slots_nth(first, n - 1, l->bytes), l->bytes);
    l->stored = true;
    return n;
}

static size_t latest_pop(void *state, void *endpoint, void *first, size_t n)
{
    struct latest *l = state;

    (void)endpoint;
    if (n == 0 || !l->stored)
        return 0;
    moirai_ring_copy(first, l->message, l->bytes);
    l->stored = false;
    return 1;
}

static const void *latest_peek(void *state, void *endpoint)
{
    const struct latest *l = state;

    (void)endpoint;
    return l->stored ? l->message : NULL;
}

static size_t latest_length(void *state)
{
    const struct latest *l = state;

    return l->stored;
}

static size_t latest_capacity(void *state)
{
    (void)state;
    return 1;
}

static bool latest_can(void *state, void *endpoint, uint32_t mode)
{
    const struct latest *l = state;

    (void)endpoint;
    return mode == MOIRAI_SEND || l->stored;
}

static const struct moirai_chan_ops latest_ops = {
    .flags = MOIRAI_CHAN_HANDOFF | MOIRAI_CHAN_LOANS,
    .state_size = latest_state_size,
    .init = latest_init,
    .fini = latest_fini,
    .push = latest_push,
    .pop = latest_pop,
    .length = latest_length,
    .capacity = latest_capacity,
    .can = latest_can,
    .peek = latest_peek,
    .discard_to = latest_discard_to,
};

MOIRAI_PLUGIN(chan, latest) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_CHAN,
    .ops_abi = MOIRAI_CHAN_ABI,
    .name = "latest",
    .version = "1.0",
    .summary = "the newest message alone; one that is replaced is dropped",
    .ops = &latest_ops,
    .ops_size = sizeof latest_ops,
};
