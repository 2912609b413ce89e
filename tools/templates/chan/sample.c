/* SPDX-License-Identifier: MIT */
/*
 * sample.c - a channel discipline for moirai: bounded, oldest message first.
 *
 * Messages lie side by side behind the state, and their places are used in a
 * circle. The core holds the channel's lock around every call, and does the
 * waiting. moirai/chan_ops.h has the contract.
 */
#include <moirai/chan_ops.h>

#include <string.h>

struct sample_config {              /* filled by the options below */
    uint64_t capacity;
};

struct sample {                     /* one for each channel, zeroed */
    size_t bytes;                   /* of a message; constant, as is: */
    size_t capacity;
    size_t head;                    /* index of the oldest */
    size_t length;
    char slots[];
};

static size_t sample_state_size(const void *config,
                                const struct moirai_elem *elem)
{
    const struct sample_config *c = config;

    if (elem->bytes > 0 && c->capacity > PTRDIFF_MAX / 2 / elem->bytes)
        return 0;                   /* cannot be */
    return sizeof(struct sample) + c->capacity * elem->bytes;
}

static int sample_init(void *state, const void *config,
                       const struct moirai_elem *elem,
                       const struct moirai_host *host,
                       struct moirai_error *err)
{
    const struct sample_config *c = config;
    struct sample *s = state;

    (void)host;
    (void)err;
    s->bytes = elem->bytes;
    s->capacity = c->capacity;
    return 0;
}

static void sample_fini(void *state)
{
    (void)state;
}

static char *sample_slot(struct sample *s, size_t i)
{
    return s->slots + (s->head + i) % s->capacity * s->bytes;
}

static size_t sample_push(void *state, void *endpoint, const void *first,
                          size_t n)
{
    const char *message = first;
    struct sample *s = state;
    size_t i;

    (void)endpoint;
    for (i = 0; i < n && s->length < s->capacity; i++, message += s->bytes) {
        if (s->bytes > 0)
            memcpy(sample_slot(s, s->length), message, s->bytes);
        s->length++;
    }
    return i;
}

static size_t sample_pop(void *state, void *endpoint, void *first, size_t n)
{
    struct sample *s = state;
    char *message = first;
    size_t i;

    (void)endpoint;
    for (i = 0; i < n && s->length > 0; i++, message += s->bytes) {
        if (s->bytes > 0)
            memcpy(message, sample_slot(s, 0), s->bytes);
        s->head = (s->head + 1) % s->capacity;
        s->length--;
    }
    return i;
}

static size_t sample_length(void *state)
{
    struct sample *s = state;

    return s->length;
}

static size_t sample_capacity(void *state)
{
    struct sample *s = state;

    return s->capacity;
}

static bool sample_can(void *state, void *endpoint, uint32_t mode)
{
    struct sample *s = state;

    (void)endpoint;
    return mode == MOIRAI_SEND ? s->length < s->capacity : s->length > 0;
}

static const struct moirai_option sample_options[] = {
    { .name = "capacity", .preset = "64", .help = "messages that it holds",
      .type = MOIRAI_UINT, .offset = offsetof(struct sample_config, capacity),
      .min = 1, .max = UINT64_C(1) << 30 },
    { .name = NULL },
};

static const struct moirai_chan_ops sample_ops = {
    .flags = MOIRAI_CHAN_HANDOFF,
    .state_size = sample_state_size,
    .init = sample_init,
    .fini = sample_fini,
    .push = sample_push,
    .pop = sample_pop,
    .length = sample_length,
    .capacity = sample_capacity,
    .can = sample_can,
};

MOIRAI_PLUGIN(chan, sample) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_CHAN,
    .ops_abi = MOIRAI_CHAN_ABI,
    .name = "sample",
    .version = "1.0",
    .summary = "bounded, oldest message first",
    .options = sample_options,
    .config_size = sizeof(struct sample_config),
    .ops = &sample_ops,
    .ops_size = sizeof sample_ops,
};
