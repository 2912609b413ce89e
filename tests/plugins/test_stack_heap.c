/* SPDX-License-Identifier: MIT */
/*
 * test_stack_heap.c - the stack allocator of systems without mmap: the promises
 * of every one, but that what it gives back is not mapped any more, as the C
 * library may keep it. It is compiled into this program, because the library
 * has another.
 */
#include "conforms.h"

#include <moirai/stack.h>

#define HEAP_PROMISES(X, ...)                                                 \
    X(plugin_describes_itself, __VA_ARGS__)                                   \
    X(stack_starts, __VA_ARGS__)                                              \
    X(stack_is_usable_to_the_last_byte, __VA_ARGS__)                          \
    X(stack_has_its_class_size, __VA_ARGS__)                                  \
    X(stack_get_survives_no_memory, __VA_ARGS__)                              \
    X(stack_init_fails_cleanly, __VA_ARGS__)                                  \
    X(stack_leaves_nothing, __VA_ARGS__)                                      \
    X(stack_threads_share_none, __VA_ARGS__)

#define HEAP_POOLED(X, ...)                                                   \
    HEAP_PROMISES(X, __VA_ARGS__)                                             \
    X(stack_is_reused, __VA_ARGS__)

CONFORMANCE_SUITE(HEAP_POOLED, stack_heap, stack_heap, NULL)
CONFORMANCE_SUITE(HEAP_PROMISES, stack_heap_no_pool, stack_heap, "pool=0",
                  "size=16KiB", "loop=64KiB", "extra=32KiB", NULL)

TEST(stack_heap, cooled_it_keeps_none_that_was_put_back)
{
    const struct moirai_plugin *plugin = &stack_heap_LTX_moirai_plugin;
    const struct moirai_stack_ops *ops = plugin->ops;
    void *config = conformance_config(plugin, NULL);
    void *state = conformance_state(ops->state_size, 128);
    struct moirai_stack_usage usage;
    struct moirai_stack stacks[3];

    CHECK_EQ(ops->init(state, config, conformance_host(), NULL), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(ops->get(state, MOIRAI_STACK_TASK, &stacks[i]), 0);
    ops->put(state, &stacks[0]);
    ops->put(state, &stacks[1]);
    CHECK_EQ(conformance_allocations(), 3);
    ops->cool(state);
    CHECK_EQ(conformance_allocations(), 1);
    ops->usage(state, &usage);
    CHECK_EQ(usage.stacks, 1);
    CHECK_EQ(usage.pooled, 0);
    CHECK_EQ(usage.reserved_bytes, stacks[2].size);
    ops->put(state, &stacks[2]);
    ops->fini(state);
    conformance_state_free(state, ops->state_size);
    free(config);
}
