/* SPDX-License-Identifier: MIT */
/*
 * list.c - an unbounded queue in segments, oldest message first.
 *
 *     first                          last
 *     |..........====| -> |=====| -> |====.......|
 *                head                     tail
 *
 * A segment holds some 4 KiB of messages. One that has been emptied is kept for
 * the next that is needed, so a queue whose length stays about the same
 * allocates nothing. There is always one: an empty list can store a message
 * whatever the memory; a longer one refuses when there is none, and the sender
 * waits until something has been received.
 *
 * Messages without bytes need no segments; they are counted.
 */
#include <moirai/chan_ops.h>

#include "slots.h"

#define SEGMENT_BYTES 4096
#define SEGMENT_MESSAGES 1024

struct list_config {
    uint64_t limit;
    uint64_t limit_bytes;
};

struct segment {
    struct segment *next;
};

struct list {
    const struct moirai_host *host;
    struct segment *first;
    struct segment *last;
    struct segment *spare;          /* or NULL */
    size_t head;                    /* index of the oldest, in first */
    size_t tail;                    /* of the next to come, in last */
    size_t length;
    size_t limit;
    size_t bytes;                   /* of a message */
    size_t align;
    size_t offset;                  /* of a segment's first message */
    size_t per;                     /* messages in a segment */
};

/* How many messages may be stored; 0: not even one. Those that vary in length
 * count as if they were as long as can be. */
static size_t limit_of(const struct list_config *conf,
                       const struct moirai_elem *elem)
{
    size_t bytes = elem->limit != 0 ? elem->limit : elem->bytes;
    uint64_t limit = conf->limit != 0 ? conf->limit : SIZE_MAX;

    if (conf->limit_bytes != 0 && bytes != 0
        && conf->limit_bytes / bytes < limit)
        limit = conf->limit_bytes / bytes;
    return limit < SIZE_MAX ? (size_t)limit : SIZE_MAX;
}

static size_t list_state_size(const void *config,
                              const struct moirai_elem *elem)
{
    const struct list_config *conf = config;

    if (!slots_fit(elem) || elem->bytes > PTRDIFF_MAX / 2
        || limit_of(conf, elem) == 0)
        return 0;
    return sizeof(struct list);
}

static bool has_spare(struct list *l)
{
    if (l->spare == NULL)
        l->spare = l->host->alloc(l->host->ctx, l->offset + l->per * l->bytes,
                                  l->align);
    return l->spare != NULL;
}

static struct segment *make_segment(struct list *l)
{
    struct segment *s = has_spare(l) ? l->spare : NULL;

    l->spare = NULL;
    if (s != NULL)
        s->next = NULL;
    return s;
}

static int list_init(void *state, const void *config,
                     const struct moirai_elem *elem,
                     const struct moirai_host *host, struct moirai_error *err)
{
    const struct list_config *conf = config;
    struct list *l = state;
    size_t align = slots_align(elem);

    if (slots_fit(elem) && limit_of(conf, elem) == 0)
        return moirai_error_set(err, -EINVAL, "list: limit_bytes is less than "
                                "a message of %zu bytes",
                                elem->limit != 0 ? elem->limit : elem->bytes);
    if (list_state_size(config, elem) == 0)
        return slots_refuse("list", elem, 1, err);
    l->host = host;
    l->limit = limit_of(conf, elem);
    l->bytes = moirai_elem_stored(elem);
    l->align = align > 16 ? align : 16;
    l->offset = l->align;           /* more than the header */
    l->per = l->bytes != 0 ? SEGMENT_BYTES / l->bytes : 1;
    if (l->per == 0)
        l->per = 1;
    if (l->per > SEGMENT_MESSAGES)
        l->per = SEGMENT_MESSAGES;
    l->first = l->last = make_segment(l);
    if (l->first == NULL)
        return moirai_error_set(err, -ENOMEM, "list: out of memory");
    return 0;
}

static void list_fini(void *state)
{
    struct list *l = state;

    l->host->release(l->host->ctx, l->first);
    l->host->release(l->host->ctx, l->spare);
}

static char *slot(const struct list *l, struct segment *s, size_t i)
{
    return (char *)s + l->offset + i * l->bytes;
}

/* The last segment is full: another one behind it. */
static bool grow(struct list *l)
{
    struct segment *s = make_segment(l);

    if (s == NULL)
        return false;
    l->last->next = s;
    l->last = s;
    l->tail = 0;
    return true;
}

/* The first segment has been read to its end. */
static void shrink(struct list *l)
{
    struct segment *s = l->first;

    l->head = 0;
    if (s == l->last) {
        l->tail = 0;
        return;
    }
    l->first = s->next;
    if (l->spare == NULL)
        l->spare = s;
    else
        l->host->release(l->host->ctx, s);
}

static size_t list_push(void *state, void *endpoint, const void *first,
                        size_t n)
{
    struct list *l = state;
    const char *from = first;
    size_t done = 0;

    (void)endpoint;
    if (n > l->limit - l->length)
        n = l->limit - l->length;
    while (l->bytes != 0 && done < n) {
        size_t k = l->per - l->tail;

        if (k == 0 && !grow(l))
            break;
        if (k == 0)
            k = l->per;
        if (k > n - done)
            k = n - done;
        moirai_ring_copy(slot(l, l->last, l->tail), from + done * l->bytes,
                         k * l->bytes);
        l->tail += k;
        done += k;
    }
    if (l->bytes == 0)
        done = n;
    l->length += done;
    return done;
}

static size_t list_pop(void *state, void *endpoint, void *first, size_t n)
{
    struct list *l = state;
    char *to = first;
    size_t done = 0;

    (void)endpoint;
    if (n > l->length)
        n = l->length;
    l->length -= n;
    while (l->bytes != 0 && done < n) {
        size_t end = l->first == l->last ? l->tail : l->per;
        size_t k = end - l->head;

        if (k > n - done)
            k = n - done;
        moirai_ring_copy(to + done * l->bytes, slot(l, l->first, l->head),
                         k * l->bytes);
        l->head += k;
        done += k;
        if (l->head == end)
            shrink(l);
    }
    return n;
}

static size_t list_length(void *state)
{
    const struct list *l = state;

    return l->length;
}

static size_t list_capacity(void *state)
{
    const struct list *l = state;

    return l->limit;
}

/* It grows now, so that a push that follows needs no memory. */
static bool list_can(void *state, void *endpoint, uint32_t mode)
{
    struct list *l = state;

    (void)endpoint;
    if (mode == MOIRAI_RECV)
        return l->length > 0;
    if (l->length >= l->limit)
        return false;
    return l->bytes == 0 || l->tail < l->per || has_spare(l);
}

static const void *list_peek(void *state, void *endpoint)
{
    const struct list *l = state;

    (void)endpoint;
    return l->length > 0 ? slot(l, l->first, l->head) : NULL;
}

static const struct moirai_option list_options[] = {
    { .name = "limit", .preset = "0",
      .help = "most messages that it holds; 0: any number",
      .type = MOIRAI_UINT, .offset = offsetof(struct list_config, limit),
      .max = INT64_MAX },
    { .name = "limit_bytes", .preset = "0",
      .help = "most bytes of messages that it holds; 0: any number",
      .type = MOIRAI_SIZE, .offset = offsetof(struct list_config, limit_bytes),
      .max = INT64_MAX },
    { .name = NULL },
};

static const struct moirai_chan_ops list_ops = {
    .flags = MOIRAI_CHAN_HANDOFF | MOIRAI_CHAN_LOANS,
    .state_size = list_state_size,
    .init = list_init,
    .fini = list_fini,
    .push = list_push,
    .pop = list_pop,
    .length = list_length,
    .capacity = list_capacity,
    .can = list_can,
    .peek = list_peek,
};

MOIRAI_PLUGIN(chan, list) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_CHAN,
    .ops_abi = MOIRAI_CHAN_ABI,
    .name = "list",
    .version = "1.0",
    .summary = "as long as it has to be, oldest message first; limits optional",
    .options = list_options,
    .config_size = sizeof(struct list_config),
    .ops = &list_ops,
    .ops_size = sizeof list_ops,
};
