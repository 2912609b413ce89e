/* SPDX-License-Identifier: MIT */
/*
 * hooks.c - what -fsanitize=thread makes the compiler call.
 *
 * The calls are those of ThreadSanitizer's runtime, of which nothing is linked.
 */
#include "engine.h"

#define SITE ((uintptr_t)__builtin_return_address(0))

void model_relax(void)
{
    struct step step = { .kind = STEP_RELAX };

    explore_point(&step);
    memory_relax(explore_actor());
}

void model_barrier(void)
{
    struct step step = { .kind = STEP_ALL };

    memory_fence(explore_actor(), __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < MODEL_THREADS; i++) {
        explore_point(&step);
        memory_fence(i, __ATOMIC_SEQ_CST);
    }
    memory_fence(explore_actor(), __ATOMIC_SEQ_CST);
}

void model_gone(void *memory, size_t size)
{
    memory_plain(explore_actor(), (uintptr_t)memory, size, true);
}

static uint64_t load(const volatile void *p, uint32_t size, int order,
                     uintptr_t site)
{
    struct step step = { .at = (uintptr_t)p, .size = size };
    uint64_t value;

    explore_site(site, "load", order);
    order = explore_order(site, order);
    step.total = order == __ATOMIC_SEQ_CST;
    explore_point(&step);
    value = memory_load(explore_actor(), step.at, size, order);
    explore_say(site, "load", step.at, order, value);
    return value;
}

static void store(volatile void *p, uint32_t size, uint64_t value, int order,
                  uintptr_t site)
{
    struct step step = { .at = (uintptr_t)p, .size = size, .writes = true };

    explore_site(site, "store", order);
    order = explore_order(site, order);
    step.total = order == __ATOMIC_SEQ_CST;
    explore_point(&step);
    explore_say(site, "store", step.at, order, value);
    memory_store(explore_actor(), step.at, size, value, order);
}

static uint64_t change(volatile void *p, uint32_t size,
                       struct change_of *change, uintptr_t site)
{
    struct step step = { .at = (uintptr_t)p, .size = size, .writes = true };
    uint64_t value;

    explore_site(site, "change", change->order);
    change->order = explore_order(site, change->order);
    change->failed = explore_order(site, change->failed);
    step.total = change->order == __ATOMIC_SEQ_CST;
    explore_point(&step);
    value = memory_change(explore_actor(), step.at, size, change);
    explore_say(site, "was", step.at, change->order, value);
    if (change->done)
        explore_say(site, "change", step.at, change->order,
                    change->operand);
    return value;
}

void model_take(uint32_t *word, uint32_t when, uint32_t then)
{
    struct step step = { .kind = STEP_TAKE, .at = (uintptr_t)word,
                         .size = sizeof *word, .writes = true, .total = true,
                         .when = when };
    struct change_of change = { .how = COMPARE, .operand = then,
                                .expected = when, .newest = true,
                                .order = __ATOMIC_SEQ_CST,
                                .failed = __ATOMIC_SEQ_CST };

    explore_point(&step);
    memory_change(explore_actor(), step.at, step.size, &change);
    if (!change.done)
        model_fail("model_take: nobody else may write to it", __FILE__,
                   __LINE__);
    explore_say(SITE, "take", step.at, change.order, then);
}

bool model_may_take(uint32_t *word, uint32_t when, uint32_t then)
{
    struct change_of how = { .how = COMPARE, .operand = then,
                             .expected = when, .newest = true,
                             .order = __ATOMIC_SEQ_CST,
                             .failed = __ATOMIC_SEQ_CST };

    change(word, sizeof *word, &how, 1);
    return how.done;
}

/* --- atomics ------------------------------------------------------------- */

#define CHANGE(bits, name, kind)                                              \
    uint##bits##_t __tsan_atomic##bits##_##name(                              \
        volatile void *p, uint##bits##_t v, int order)                        \
    {                                                                         \
        struct change_of c = { .how = kind, .operand = v, .order = order };   \
        return (uint##bits##_t)change(p, bits / 8, &c, SITE);                 \
    }

#define COMPARED(bits, name)                                                  \
    int __tsan_atomic##bits##_##name(volatile void *p, uint##bits##_t *old,   \
                                     uint##bits##_t v, int order, int failed) \
    {                                                                         \
        struct change_of c = { .how = COMPARE, .operand = v,                  \
                               .expected = *old, .order = order,              \
                               .failed = failed };                            \
        *old = (uint##bits##_t)change(p, bits / 8, &c, SITE);                 \
        return c.done;                                                        \
    }

#define ATOMICS(bits)                                                         \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile void *p,         \
                                              int order)                      \
    {                                                                         \
        return (uint##bits##_t)load(p, bits / 8, order, SITE);                \
    }                                                                         \
    void __tsan_atomic##bits##_store(volatile void *p, uint##bits##_t v,      \
                                     int order)                               \
    {                                                                         \
        store(p, bits / 8, v, order, SITE);                                   \
    }                                                                         \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                \
        volatile void *p, uint##bits##_t old, uint##bits##_t v, int order,    \
        int failed)                                                           \
    {                                                                         \
        struct change_of c = { .how = COMPARE, .operand = v,                  \
                               .expected = old, .order = order,               \
                               .failed = failed };                            \
        return (uint##bits##_t)change(p, bits / 8, &c, SITE);                 \
    }                                                                         \
    COMPARED(bits, compare_exchange_strong)                                   \
    COMPARED(bits, compare_exchange_weak)                                     \
    CHANGE(bits, exchange, EXCHANGE)                                          \
    CHANGE(bits, fetch_add, ADD)                                              \
    CHANGE(bits, fetch_sub, SUB)                                              \
    CHANGE(bits, fetch_and, AND)                                              \
    CHANGE(bits, fetch_or, OR)                                                \
    CHANGE(bits, fetch_xor, XOR)

ATOMICS(8)
ATOMICS(16)
ATOMICS(32)
ATOMICS(64)

void __tsan_atomic_thread_fence(int order)
{
    struct step step = { .kind = STEP_FENCE };
    uintptr_t site = SITE;

    explore_site(site, "fence", order);
    order = explore_order(site, order);
    step.total = order == __ATOMIC_SEQ_CST;
    explore_point(&step);
    memory_fence(explore_actor(), order);
    explore_say(site, "fence", 0, order, 0);
}

void __tsan_atomic_signal_fence(int order)
{
    (void)order;
}

/* --- everything else ----------------------------------------------------- */

#define PLAIN(name, size)                                                     \
    void __tsan_read##name(void *p)                                           \
    {                                                                         \
        memory_plain(explore_actor(), (uintptr_t)p, size, false);             \
    }                                                                         \
    void __tsan_write##name(void *p)                                          \
    {                                                                         \
        memory_plain(explore_actor(), (uintptr_t)p, size, true);              \
    }

#define PLAINS(size)                                                          \
    PLAIN(size, size)                                                         \
    void __tsan_unaligned_read##size(void *p)                                 \
    {                                                                         \
        __tsan_read##size(p);                                                 \
    }                                                                         \
    void __tsan_unaligned_write##size(void *p)                                \
    {                                                                         \
        __tsan_write##size(p);                                                \
    }

PLAINS(1)
PLAINS(2)
PLAINS(4)
PLAINS(8)
PLAINS(16)

void __tsan_read_range(void *p, size_t size)
{
    memory_plain(explore_actor(), (uintptr_t)p, size, false);
}

void __tsan_write_range(void *p, size_t size)
{
    memory_plain(explore_actor(), (uintptr_t)p, size, true);
}

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void)
{
}
