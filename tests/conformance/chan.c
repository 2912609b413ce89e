/* SPDX-License-Identifier: MIT */
/*
 * chan.c - the promises of include/moirai/chan_ops.h.
 *
 * Nothing is assumed of the order in which messages come out. Each message
 * carries its number, spread over all of its bytes; one without bytes is only
 * counted. Memory for a batch has exactly the batch's size, so that ASan sees
 * a copy that is too long.
 */
#include "conformance.h"

#include <moirai/chan_ops.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MANY 1000                   /* as much as an unbounded one is given */

struct pipe {                       /* a discipline at work */
    const struct moirai_chan_ops *ops;
    struct moirai_elem elem;
    void *config;
    void *state;
    size_t state_size;
    void *end;                      /* the endpoint, for both directions */
    size_t room;                    /* its capacity, at most MANY */
};

static const size_t message_sizes[] = { 0, 1, 3, 4, 8, 16, 24, 64, 4096 };

#define SIZES (sizeof message_sizes / sizeof message_sizes[0])

static void pipe_open(struct pipe *p, const struct moirai_plugin *plugin,
                      conformance_settings settings, size_t bytes,
                      uint32_t align)
{
    struct moirai_error err;

    *p = (struct pipe){ .ops = plugin->ops };
    p->elem = (struct moirai_elem){ .size = sizeof p->elem, .bytes = bytes,
                                    .align = align };
    p->config = conformance_config(plugin, settings);
    p->state_size = p->ops->state_size(p->config, &p->elem);
    CHECK(p->state_size > 0);
    p->state = conformance_state(p->state_size, 128);
    CHECK_EQ(p->ops->init(p->state, p->config, &p->elem, conformance_host(),
                          &err), 0);
    if (p->ops->attach != NULL)
        CHECK_EQ(p->ops->attach(p->state, MOIRAI_BOTH, &p->end), 0);
    p->room = p->ops->capacity(p->state);
    if (p->room > MANY)
        p->room = MANY;
}

static void pipe_close(struct pipe *p)
{
    CHECK_EQ(p->ops->length(p->state), 0);
    if (p->ops->detach != NULL)
        p->ops->detach(p->state, p->end);
    p->ops->fini(p->state);
    conformance_state_free(p->state, p->state_size);
    free(p->config);
    CHECK_EQ(conformance_allocations(), 0);
}

static unsigned char byte_of(uint64_t number, size_t i)
{
    return (unsigned char)(number + (number >> 8) * 31 + i * 7);
}

static void fill(void *message, size_t bytes, uint64_t number)
{
    for (size_t i = 0; i < bytes; i++)
        ((unsigned char *)message)[i] = byte_of(number, i);
}

static bool is_filled(const void *message, size_t bytes, uint64_t number)
{
    for (size_t i = 0; i < bytes; i++) {
        if (((const unsigned char *)message)[i] != byte_of(number, i))
            return false;
    }
    return true;
}

/* Pushes messages number, number + 1, ... Returns how many went in. */
static size_t push(struct pipe *p, uint64_t number, size_t n)
{
    size_t bytes = p->elem.bytes;
    char *batch = malloc(n * bytes + 1);
    size_t pushed;

    CHECK(batch != NULL);
    for (size_t i = 0; i < n; i++)
        fill(batch + i * bytes, bytes, number + i);
    pushed = p->ops->push(p->state, p->end, batch, n);
    free(batch);
    return pushed;
}

/* Pops up to n messages; each must be one of [first, first + count), marked
 * in `seen`, which it marks. Returns how many came out. */
static size_t pop(struct pipe *p, size_t n, uint64_t first, size_t count,
                  bool *seen)
{
    size_t bytes = p->elem.bytes;
    char *batch = malloc(n * bytes + 1);
    size_t popped;

    CHECK(batch != NULL);
    popped = p->ops->pop(p->state, p->end, batch, n);
    CHECK(popped <= n);
    for (size_t i = 0; i < popped; i++) {
        size_t k = 0;

        while (k < count && (seen[k] || !is_filled(batch + i * bytes, bytes,
                                                   first + k)))
            k++;
        CHECK_FMT(k < count, "a message of %zu bytes is lost or came twice",
                  bytes);
        seen[k] = true;
    }
    free(batch);
    return popped;
}

void chan_gives_each_message_once(const struct moirai_plugin *plugin,
                                  conformance_settings settings)
{
    for (size_t s = 0; s < SIZES; s++) {
        struct pipe p;
        uint64_t first = 0;

        pipe_open(&p, plugin, settings, message_sizes[s], 0);
        for (size_t round = 0; round < 20 && p.room > 0; round++) {
            size_t n = 1 + round * 13 % p.room;
            bool *seen = calloc(n, sizeof *seen);

            CHECK(seen != NULL);
            for (size_t i = 0; i < n; i++) {
                CHECK_EQ(push(&p, first + i, 1), 1);
                CHECK_EQ(p.ops->length(p.state), i + 1);
            }
            for (size_t i = n; i > 0; i--) {
                CHECK_EQ(p.ops->length(p.state), i);
                CHECK_EQ(pop(&p, 1, first, n, seen), 1);
            }
            CHECK_EQ(pop(&p, 1, first, n, seen), 0);
            first += n;
            free(seen);
        }
        pipe_close(&p);
    }
}

void chan_holds_what_it_says(const struct moirai_plugin *plugin,
                             conformance_settings settings)
{
    for (size_t s = 0; s < SIZES; s++) {
        bool seen[MANY + 1] = { false };
        struct pipe p;
        size_t capacity;

        pipe_open(&p, plugin, settings, message_sizes[s], 0);
        capacity = p.ops->capacity(p.state);
        CHECK_EQ(pop(&p, 1, 0, 0, seen), 0);
        CHECK_EQ(push(&p, 0, p.room), p.room);
        CHECK_EQ(p.ops->length(p.state), p.room);
        if (capacity <= MANY) {
            CHECK_EQ(push(&p, p.room, 1), 0);
            CHECK_EQ(push(&p, p.room, 7), 0);
        }
        if (p.room > 0)
            CHECK_EQ(pop(&p, 1, 0, p.room, seen), 1);
        if (p.room > 0 && capacity <= MANY)
            CHECK_EQ(push(&p, p.room, 7), 1);   /* as many as there is room */
        CHECK_EQ(p.ops->capacity(p.state), capacity);
        while (pop(&p, 10, 0, p.room + 1, seen) > 0)
            continue;
        pipe_close(&p);
    }
}

void chan_moves_batches(const struct moirai_plugin *plugin,
                        conformance_settings settings)
{
    for (size_t s = 0; s < SIZES; s++) {
        bool seen[3000] = { false };
        size_t in = 0;
        size_t out = 0;
        struct pipe p;

        pipe_open(&p, plugin, settings, message_sizes[s], 0);
        CHECK_EQ(p.ops->push(p.state, p.end, NULL, 0), 0);
        CHECK_EQ(p.ops->pop(p.state, p.end, NULL, 0), 0);
        for (size_t i = 0; in < 2900 && p.room > 0; i++) {
            size_t room = p.room - (in - out);
            size_t n = i * 5 % 29;

            CHECK_EQ(push(&p, in, n), n < room ? n : room);
            in += n < room ? n : room;
            n = i * 3 % 23;
            CHECK_EQ(pop(&p, n, 0, in, seen), n < in - out ? n : in - out);
            out += n < in - out ? n : in - out;
            CHECK_EQ(p.ops->length(p.state), in - out);
        }
        while (pop(&p, 100, 0, in, seen) > 0)
            continue;
        for (size_t i = 0; i < in; i++)
            CHECK(seen[i]);
        pipe_close(&p);
    }
}

void chan_lends_slots(const struct moirai_plugin *plugin,
                      conformance_settings settings)
{
    static const struct { size_t bytes; uint32_t align; } elems[] = {
        { 0, 0 }, { 1, 1 }, { 4, 4 }, { 24, 8 }, { 32, 32 }, { 128, 64 },
        { 512, 256 }, { 8192, 4096 },
    };

    for (size_t e = 0; e < sizeof elems / sizeof elems[0]; e++) {
        bool seen[4 * MANY] = { false };
        struct pipe p;

        pipe_open(&p, plugin, settings, elems[e].bytes, elems[e].align);
        if (p.ops->reserve == NULL) {
            CHECK(p.ops->commit == NULL && p.ops->abort == NULL);
            pipe_close(&p);
            return;
        }
        CHECK(p.ops->commit != NULL && p.ops->abort != NULL);
        for (size_t i = 0; i < 3 * p.room; i++) {
            void *slot = p.ops->reserve(p.state, p.end);

            CHECK(slot != NULL);
            CHECK(elems[e].align == 0 ||
                  (uintptr_t)slot % elems[e].align == 0);
            CHECK_EQ(p.ops->length(p.state), 0);
            CHECK_EQ(pop(&p, 1, 0, i, seen), 0);
            if (i % 3 == 0) {
                p.ops->abort(p.state, p.end, slot);
                CHECK_EQ(p.ops->length(p.state), 0);
                slot = p.ops->reserve(p.state, p.end);
                CHECK(slot != NULL);
            }
            fill(slot, elems[e].bytes, i);
            p.ops->commit(p.state, p.end, slot);
            CHECK_EQ(p.ops->length(p.state), 1);
            CHECK_EQ(pop(&p, 1, i, 1, &seen[i]), 1);
        }
        CHECK_EQ(push(&p, 0, p.room), p.room);
        if (p.ops->capacity(p.state) <= MANY)
            CHECK(p.ops->reserve(p.state, p.end) == NULL);
        memset(seen, 0, sizeof seen);
        while (pop(&p, 10, 0, p.room, seen) > 0)
            continue;
        pipe_close(&p);
    }
}

/* What `can` says comes true at once. */
void chan_knows_what_it_can(const struct moirai_plugin *plugin,
                            conformance_settings settings)
{
    bool seen[MANY] = { false };
    struct pipe p;
    size_t in = 0;

    pipe_open(&p, plugin, settings, 24, 8);
    for (uint64_t i = 0; p.ops->can != NULL && i < MANY; i++) {
        bool sends = i % (2 * p.room + 2) <= p.room;
        bool can = p.ops->can(p.state, p.end,
                              sends ? MOIRAI_SEND : MOIRAI_RECV);

        if (sends && push(&p, in, 1) != 0)
            CHECK_FMT(can && ++in != 0, "it took what it said it could not");
        else if (!sends && pop(&p, 1, 0, in, seen) != 0)
            CHECK_FMT(can, "it gave what it said it had not");
        else
            CHECK_FMT(!can, "it could not do what it said");
    }
    while (pop(&p, 10, 0, in, seen) > 0)
        continue;
    pipe_close(&p);
}

void chan_refuses_what_cannot_be(const struct moirai_plugin *plugin,
                                 conformance_settings settings)
{
    const struct moirai_chan_ops *ops = plugin->ops;
    void *config = conformance_config(plugin, settings);
    static const size_t bytes[] = { SIZE_MAX, SIZE_MAX - 64, SIZE_MAX / 2 + 1,
                                    SIZE_MAX / 4 + 16, SIZE_MAX / 64 };

    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        struct moirai_elem elem = { .size = sizeof elem, .align = 1,
                                    .bytes = bytes[i] };
        size_t size = ops->state_size(config, &elem);

        CHECK_FMT(size == 0 || size <= PTRDIFF_MAX,
                  "messages of %zu bytes make a state of %zu", bytes[i], size);
    }
    free(config);
}
