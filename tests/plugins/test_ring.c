/* SPDX-License-Identifier: MIT */
/*
 * test_ring.c - the bounded channel: the promises of every discipline, and
 * those of this one, foremost its order.
 */
#include "conforms.h"

#include <moirai/chan_ops.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

CHAN_CONFORMANCE(chan_ring, chan_ring, NULL)
CHAN_CONFORMANCE(chan_ring_0, chan_ring, "capacity=0", NULL)
CHAN_CONFORMANCE(chan_ring_1, chan_ring, "capacity=1", NULL)
CHAN_CONFORMANCE(chan_ring_7, chan_ring, "capacity=7", NULL)

static const struct moirai_plugin *const plugin =
    &chan_ring_LTX_moirai_plugin;

struct ring_at_work {
    const struct moirai_chan_ops *ops;
    struct moirai_elem elem;
    uint64_t capacity;              /* is the plugin's whole config struct */
    void *state;
    size_t size;
};

static void ring_open(struct ring_at_work *r, uint64_t capacity, size_t bytes)
{
    *r = (struct ring_at_work){ .ops = plugin->ops, .capacity = capacity };
    r->elem = (struct moirai_elem){ .size = sizeof r->elem, .bytes = bytes };
    CHECK_EQ(plugin->config_size, sizeof r->capacity);
    r->size = r->ops->state_size(&r->capacity, &r->elem);
    CHECK(r->size > 0);
    r->state = conformance_state(r->size, 128);
    CHECK_EQ(r->ops->init(r->state, &r->capacity, &r->elem,
                          conformance_host(), NULL), 0);
}

static void ring_close(struct ring_at_work *r)
{
    r->ops->fini(r->state);
    conformance_state_free(r->state, r->size);
}

/* Numbers in, numbers out, in batches of all sizes against all positions. */
TEST(ring, keeps_the_order_across_the_wrap)
{
    for (uint64_t capacity = 1; capacity <= 9; capacity++) {
        struct ring_at_work r;
        uint64_t in = 0;
        uint64_t out = 0;

        ring_open(&r, capacity, sizeof(uint64_t));
        for (uint32_t i = 0; i < 5000; i++) {
            uint64_t batch[11];
            size_t n = i * 7 % 11;

            for (size_t k = 0; k < n; k++)
                batch[k] = in + k;
            in += r.ops->push(r.state, NULL, batch, n);
            n = r.ops->pop(r.state, NULL, batch, i * 5 % 11);
            for (size_t k = 0; k < n; k++)
                CHECK_EQ(batch[k], out++);
            CHECK(in - out <= capacity);
        }
        CHECK(in > 1000);
        ring_close(&r);
    }
}

TEST(ring, lends_one_slot_at_a_time_and_is_full_meanwhile)
{
    struct ring_at_work r;
    uint64_t message = 1;
    uint64_t *slot;

    ring_open(&r, 4, sizeof message);
    CHECK_EQ(r.ops->push(r.state, NULL, &message, 1), 1);
    slot = r.ops->reserve(r.state, NULL);
    CHECK(slot != NULL);
    *slot = 2;
    message = 3;
    CHECK(r.ops->reserve(r.state, NULL) == NULL);
    CHECK_EQ(r.ops->push(r.state, NULL, &message, 1), 0);
    r.ops->commit(r.state, NULL, slot);
    CHECK_EQ(r.ops->push(r.state, NULL, &message, 1), 1);
    slot = r.ops->reserve(r.state, NULL);
    CHECK_EQ(r.ops->pop(r.state, NULL, &message, 1), 1);
    CHECK_EQ(message, 1);           /* popping goes on around it */
    r.ops->abort(r.state, NULL, slot);
    for (uint64_t i = 2; i <= 3; i++) {
        CHECK_EQ(r.ops->pop(r.state, NULL, &message, 1), 1);
        CHECK_EQ(message, i);
    }
    CHECK_EQ(r.ops->length(r.state), 0);
    ring_close(&r);
}

TEST(ring, of_capacity_0_stores_nothing)
{
    struct ring_at_work r;
    uint64_t message = 1;

    ring_open(&r, 0, sizeof message);
    CHECK_EQ(r.ops->capacity(r.state), 0);
    CHECK_EQ(r.ops->push(r.state, NULL, &message, 1), 0);
    CHECK_EQ(r.ops->pop(r.state, NULL, &message, 1), 0);
    CHECK(r.ops->reserve(r.state, NULL) == NULL);
    ring_close(&r);
}

TEST(ring, needs_no_memory_for_messages_without_bytes)
{
    struct moirai_elem elem = { .size = sizeof elem };
    uint64_t capacity = 1 << 24;
    const struct moirai_chan_ops *ops = plugin->ops;

    CHECK(ops->state_size(&capacity, &elem) < 256);
}

TEST(ring, says_why_it_cannot_be)
{
    static const struct moirai_elem bad[] = {
        { .size = sizeof bad[0], .bytes = 8, .align = 3 },
        { .size = sizeof bad[0], .bytes = 12, .align = 8 },
        { .size = sizeof bad[0], .bytes = SIZE_MAX / 8, .align = 1 },
    };
    const struct moirai_chan_ops *ops = plugin->ops;
    uint64_t capacity = 64;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct moirai_error err = { 0 };
        char state[256];

        memset(state, 0, sizeof state);
        CHECK_EQ(ops->state_size(&capacity, &bad[i]), 0);
        CHECK_EQ(ops->init(state, &capacity, &bad[i], conformance_host(),
                           &err), -EINVAL);
        CHECK(strstr(err.text, "ring: ") == err.text);
    }
}
