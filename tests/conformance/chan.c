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
    struct moirai_chan_sink sink;   /* first: where it discards */
    size_t dropped;
    size_t retired;
    uint64_t next;                  /* the number of the next message */
    uint64_t first;                 /* the number of seen[0] */
    size_t count;
    bool *seen;                     /* those that came out, or were dropped */
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

static void mark(struct pipe *p, const void *message);

static void drop(struct moirai_chan_sink *sink, const void *message)
{
    struct pipe *p = (struct pipe *)sink;

    p->dropped++;
    mark(p, message);
}

static void retire(struct moirai_chan_sink *sink, const void *message)
{
    struct pipe *p = (struct pipe *)sink;

    (void)message;
    p->retired++;
}

/* From here on `count` messages at most come, and are looked for in `seen`. */
static void expect(struct pipe *p, size_t count, bool *seen)
{
    p->first = p->next;
    p->count = count;
    p->seen = seen;
}

/* False: it takes no messages of this size. */
static bool pipe_open(struct pipe *p, const struct moirai_plugin *plugin,
                      conformance_settings settings, size_t bytes,
                      uint32_t align)
{
    struct moirai_error err;

    *p = (struct pipe){ .ops = plugin->ops };
    p->elem = (struct moirai_elem){ .size = sizeof p->elem, .bytes = bytes,
                                    .align = align };
    p->config = conformance_config(plugin, settings);
    p->state_size = p->ops->state_size(p->config, &p->elem);
    CHECK(p->state_size > 0 || bytes < 8);
    if (p->state_size == 0) {
        free(p->config);
        return false;
    }
    p->state = conformance_state(p->state_size, 128);
    CHECK_EQ(p->ops->init(p->state, p->config, &p->elem, conformance_host(),
                          &err), 0);
    if (p->ops->attach != NULL)
        CHECK_EQ(p->ops->attach(p->state, MOIRAI_BOTH, &p->end), 0);
    p->room = p->ops->capacity(p->state);
    if (p->room > MANY)
        p->room = MANY;
    p->sink = (struct moirai_chan_sink){ .drop = drop, .retire = retire };
    if (p->ops->discard_to != NULL)
        p->ops->discard_to(p->state, &p->sink);
    return true;
}

/* What is kept for late endpoints comes out through none. */
static void drain(struct pipe *p)
{
    char *message = malloc(p->elem.bytes + 1);

    CHECK(message != NULL);
    while (p->ops->pop(p->state, NULL, message, 1) == 1)
        continue;
    free(message);
}

static void pipe_close(struct pipe *p)
{
    CHECK_EQ(p->ops->length(p->state), 0);
    if (p->ops->detach != NULL)
        p->ops->detach(p->state, p->end);
    drain(p);
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

/* Pushes the next n messages. Returns how many more are stored: those that were
 * taken, less those that had to make room for them. */
static size_t push(struct pipe *p, size_t n)
{
    size_t bytes = p->elem.bytes;
    char *batch = malloc(n * bytes + 1);
    size_t dropped = p->dropped;
    size_t retired = p->retired;
    size_t pushed;

    CHECK(batch != NULL);
    for (size_t i = 0; i < n; i++)
        fill(batch + i * bytes, bytes, p->next + i);
    pushed = p->ops->push(p->state, p->end, batch, n);
    CHECK(pushed <= n);
    p->next += pushed;
    dropped = p->dropped - dropped;
    CHECK(dropped + p->retired - retired <= pushed);
    free(batch);
    return pushed - dropped;
}

/* One of those expected, and not seen before. */
static void mark(struct pipe *p, const void *message)
{
    size_t k = 0;

    while (k < p->count && (p->seen[k] || !is_filled(message, p->elem.bytes,
                                                     p->first + k)))
        k++;
    CHECK_FMT(k < p->count, "a message of %zu bytes is lost or came twice",
              p->elem.bytes);
    p->seen[k] = true;
}

/* Pops up to n messages. Returns how many came out. */
static size_t pop(struct pipe *p, size_t n)
{
    size_t bytes = p->elem.bytes;
    char *batch = malloc(n * bytes + 1);
    size_t popped;

    CHECK(batch != NULL);
    popped = p->ops->pop(p->state, p->end, batch, n);
    CHECK(popped <= n);
    for (size_t i = 0; i < popped; i++)
        mark(p, batch + i * bytes);
    free(batch);
    return popped;
}

void chan_gives_each_message_once(const struct moirai_plugin *plugin,
                                  conformance_settings settings)
{
    for (size_t s = 0; s < SIZES; s++) {
        struct pipe p;

        if (!pipe_open(&p, plugin, settings, message_sizes[s], 0))
            continue;
        for (size_t round = 0; round < 20 && p.room > 0; round++) {
            size_t n = 1 + round * 13 % p.room;
            bool *seen = calloc(n, sizeof *seen);

            CHECK(seen != NULL);
            expect(&p, n, seen);
            for (size_t i = 0; i < n; i++) {
                CHECK_EQ(push(&p, 1), 1);
                CHECK_EQ(p.ops->length(p.state), i + 1);
            }
            for (size_t i = n; i > 0; i--) {
                CHECK_EQ(p.ops->length(p.state), i);
                CHECK_EQ(pop(&p, 1), 1);
            }
            CHECK_EQ(pop(&p, 1), 0);
            free(seen);
        }
        pipe_close(&p);
    }
}

void chan_holds_what_it_says(const struct moirai_plugin *plugin,
                             conformance_settings settings)
{
    for (size_t s = 0; s < SIZES; s++) {
        bool seen[MANY + 16] = { false };
        struct pipe p;
        size_t capacity;

        if (!pipe_open(&p, plugin, settings, message_sizes[s], 0))
            continue;
        capacity = p.ops->capacity(p.state);
        expect(&p, MANY + 16, seen);
        CHECK_EQ(pop(&p, 1), 0);
        CHECK_EQ(push(&p, p.room), p.room);
        CHECK_EQ(p.ops->length(p.state), p.room);
        if (capacity <= MANY) {
            CHECK_EQ(push(&p, 1), 0);
            CHECK_EQ(push(&p, 7), 0);
        }
        if (p.room > 0)
            CHECK_EQ(pop(&p, 1), 1);
        if (p.room > 0 && capacity <= MANY)
            CHECK_EQ(push(&p, 7), 1);   /* as many as there is room */
        CHECK_EQ(p.ops->capacity(p.state), capacity);
        while (pop(&p, 10) > 0)
            continue;
        pipe_close(&p);
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

void chan_moves_batches(const struct moirai_plugin *plugin,
                        conformance_settings settings)
{
    for (size_t s = 0; s < SIZES; s++) {
        bool seen[3000] = { false };
        size_t stored = 0;
        struct pipe p;

        if (!pipe_open(&p, plugin, settings, message_sizes[s], 0))
            continue;
        expect(&p, 3000, seen);
        CHECK_EQ(p.ops->push(p.state, p.end, NULL, 0), 0);
        CHECK_EQ(p.ops->pop(p.state, p.end, NULL, 0), 0);
        for (size_t i = 0; p.next < 2900 && p.room > 0; i++) {
            size_t n = least(i * 5 % 29, p.room - stored);

            CHECK_EQ(push(&p, i * 5 % 29), n);
            stored += n;
            n = least(i * 3 % 23, stored);
            CHECK_EQ(pop(&p, i * 3 % 23), n);
            stored -= n;
            CHECK_EQ(p.ops->length(p.state), stored);
        }
        while (pop(&p, 100) > 0)
            continue;
        for (size_t i = 0; i < p.next; i++)
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

        if (!pipe_open(&p, plugin, settings, elems[e].bytes, elems[e].align))
            continue;
        expect(&p, 4 * MANY, seen);
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
            CHECK_EQ(pop(&p, 1), 0);
            if (i % 3 == 0) {
                p.ops->abort(p.state, p.end, slot);
                CHECK_EQ(p.ops->length(p.state), 0);
                slot = p.ops->reserve(p.state, p.end);
                CHECK(slot != NULL);
            }
            fill(slot, elems[e].bytes, p.next++);
            p.ops->commit(p.state, p.end, slot);
            CHECK_EQ(p.ops->length(p.state), 1);
            CHECK_EQ(pop(&p, 1), 1);
        }
        CHECK_EQ(push(&p, p.room), p.room);
        if (p.ops->capacity(p.state) <= MANY)
            CHECK(p.ops->reserve(p.state, p.end) == NULL);
        while (pop(&p, 10) > 0)
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

    CHECK(pipe_open(&p, plugin, settings, 24, 8));
    expect(&p, MANY, seen);
    for (uint64_t i = 0; p.ops->can != NULL && i < MANY; i++) {
        bool sends = i % (2 * p.room + 2) <= p.room;
        bool can = p.ops->can(p.state, p.end,
                              sends ? MOIRAI_SEND : MOIRAI_RECV);
        uint64_t next = p.next;

        if (sends)
            (void)push(&p, 1);
        CHECK_FMT(can == (sends ? p.next > next : pop(&p, 1) == 1),
                  "it said that it %s, and did not",
                  can ? "could" : "could not");
    }
    while (pop(&p, 10) > 0)
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
