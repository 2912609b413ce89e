/* SPDX-License-Identifier: MIT */
/*
 * ring.c - a bounded queue in one block of memory, oldest message first.
 *
 * Messages lie side by side as in an array, so a batch is copied in at most
 * two pieces. The core's lock is held around every function, hence no atomics.
 *
 *     0     head        head + length         capacity
 *     |......|==============|r..................|
 *
 * The messages are [head, head + length) modulo capacity. At most one slot is
 * lent out by `reserve`, the one after the newest message (r); until it is
 * committed or aborted the ring says it is full, so that messages stay in the
 * order in which room was given. A capacity of 0 stores nothing: the core lets
 * sender and receiver meet.
 *
 * Rejected: capacities rounded up to a power of two, which would make `length`
 * reach more than was configured, to save one compare; slots found through a
 * ring of indices, which would allow any number of loans, but costs each
 * message an indirection and batches their memcpy.
 */
#include <moirai/chan_ops.h>

#include <errno.h>

#define RING_MAX (UINT64_C(1) << 24)

struct ring_config {
    uint64_t capacity;
};

/* Alignment of the first slot. Messages of a C type have a size that is a
 * multiple of their alignment, and so the others are aligned too. */
static size_t ring_align(const struct moirai_elem *elem)
{
    return moirai_elem_boundary(elem);
}

static size_t ring_state_size(const void *config,
                              const struct moirai_elem *elem)
{
    const struct ring_config *conf = config;
    size_t align = ring_align(elem);
    size_t bytes = moirai_elem_stored(elem);
    size_t size = sizeof(struct moirai_ring);

    if ((align & (align - 1)) != 0)
        return 0;
    if (elem->align != 0 && bytes % align != 0)
        return 0;
    if (conf->capacity > RING_MAX)
        return 0;
    size += align - 1;
    if (bytes != 0 && conf->capacity > (PTRDIFF_MAX - size) / bytes)
        return 0;
    return size + (size_t)conf->capacity * bytes;
}

static int ring_init(void *state, const void *config,
                     const struct moirai_elem *elem,
                     const struct moirai_host *host, struct moirai_error *err)
{
    const struct ring_config *conf = config;
    struct moirai_ring *r = state;
    uintptr_t align = ring_align(elem);
    uintptr_t after = (uintptr_t)(r + 1);

    (void)host;
    if (ring_state_size(config, elem) == 0)
        return moirai_error_set(err, -EINVAL,
                                "ring: %llu messages of %zu bytes, aligned to "
                                "%zu, do not fit",
                                (unsigned long long)conf->capacity,
                                elem->bytes, (size_t)align);
    r->slots = (char *)(r + 1) + (((after + align - 1) & ~(align - 1)) - after);
    r->bytes = moirai_elem_stored(elem);
    r->capacity = (size_t)conf->capacity;
    return 0;
}

static void ring_fini(void *state)
{
    (void)state;
}

/* Index of the slot `n` after the oldest message; n <= capacity. */
static size_t ring_index(const struct moirai_ring *r, size_t n)
{
    size_t i = r->head + n;

    return i < r->capacity ? i : i - r->capacity;
}

static size_t ring_push(void *state, void *endpoint, const void *first,
                        size_t n)
{
    struct moirai_ring *r = state;
    size_t room = r->lent ? 0 : r->capacity - r->length;
    size_t tail;
    size_t before_wrap;

    (void)endpoint;
    if (n > room)
        n = room;
    if (n == 0)
        return 0;
    tail = ring_index(r, r->length);
    before_wrap = r->capacity - tail;
    r->length += n;
    if (n <= before_wrap) {
        moirai_ring_copy(r->slots + tail * r->bytes, first, n * r->bytes);
        return n;
    }
    moirai_ring_copy(r->slots + tail * r->bytes, first, before_wrap * r->bytes);
    if (r->bytes != 0)
        moirai_ring_copy(r->slots, (const char *)first + before_wrap * r->bytes,
                  (n - before_wrap) * r->bytes);
    return n;
}

static size_t ring_pop(void *state, void *endpoint, void *first, size_t n)
{
    struct moirai_ring *r = state;
    size_t before_wrap = r->capacity - r->head;
    const char *oldest = r->slots + r->head * r->bytes;

    (void)endpoint;
    if (n > r->length)
        n = r->length;
    if (n == 0)
        return 0;
    r->head = ring_index(r, n);
    r->length -= n;
    if (n <= before_wrap) {
        moirai_ring_copy(first, oldest, n * r->bytes);
        return n;
    }
    moirai_ring_copy(first, oldest, before_wrap * r->bytes);
    if (r->bytes != 0)
        moirai_ring_copy((char *)first + before_wrap * r->bytes, r->slots,
                  (n - before_wrap) * r->bytes);
    return n;
}

static size_t ring_length(void *state)
{
    const struct moirai_ring *r = state;

    return r->length;
}

static size_t ring_capacity(void *state)
{
    const struct moirai_ring *r = state;

    return r->capacity;
}

static bool ring_can(void *state, void *endpoint, uint32_t mode)
{
    const struct moirai_ring *r = state;

    (void)endpoint;
    if (mode == MOIRAI_SEND)
        return !r->lent && r->length < r->capacity;
    return r->length > 0;
}

static const void *ring_peek(void *state, void *endpoint)
{
    const struct moirai_ring *r = state;

    (void)endpoint;
    return r->length > 0 ? r->slots + r->head * r->bytes : NULL;
}

static void *ring_reserve(void *state, void *endpoint)
{
    struct moirai_ring *r = state;

    (void)endpoint;
    if (r->lent || r->length == r->capacity)
        return NULL;
    r->lent = true;
    return r->slots + ring_index(r, r->length) * r->bytes;
}

static void ring_commit(void *state, void *endpoint, void *slot)
{
    struct moirai_ring *r = state;

    (void)endpoint;
    (void)slot;
    r->lent = false;
    r->length++;
}

static void ring_abort(void *state, void *endpoint, void *slot)
{
    struct moirai_ring *r = state;

    (void)endpoint;
    (void)slot;
    r->lent = false;
}

static const struct moirai_option ring_options[] = {
    { .name = "capacity", .preset = "64",
      .help = "messages it holds; 0: each send waits for its receiver",
      .type = MOIRAI_UINT, .offset = offsetof(struct ring_config, capacity),
      .min = 0, .max = RING_MAX },
    { .name = NULL },
};

static const struct moirai_chan_ops ring_ops = {
    .flags = MOIRAI_CHAN_HANDOFF | MOIRAI_CHAN_RING | MOIRAI_CHAN_LOANS,
    .state_size = ring_state_size,
    .init = ring_init,
    .fini = ring_fini,
    .push = ring_push,
    .pop = ring_pop,
    .length = ring_length,
    .capacity = ring_capacity,
    .reserve = ring_reserve,
    .commit = ring_commit,
    .abort = ring_abort,
    .can = ring_can,
    .peek = ring_peek,
};

MOIRAI_PLUGIN(chan, ring) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_CHAN,
    .ops_abi = MOIRAI_CHAN_ABI,
    .name = "ring",
    .version = "1.0",
    .summary = "bounded, oldest message first; capacity 0 is a rendezvous",
    .options = ring_options,
    .config_size = sizeof(struct ring_config),
    .ops = &ring_ops,
    .ops_size = sizeof ring_ops,
};
