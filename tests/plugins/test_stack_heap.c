/* SPDX-License-Identifier: MIT */
/*
 * test_stack_heap.c - the stack allocator of systems without mmap: the promises
 * of every one, but that what it gives back is not mapped any more, as the C
 * library may keep it. It is compiled into this program, because the library
 * has another.
 */
#include "conformance.h"

#include <moirai/stack.h>

#define HEAP_PROMISES(X, suite, plugin, settings)                             \
    X(plugin_describes_itself, suite, plugin, settings)                       \
    X(stack_is_usable_to_the_last_byte, suite, plugin, settings)              \
    X(stack_has_its_class_size, suite, plugin, settings)                      \
    X(stack_get_survives_no_memory, suite, plugin, settings)                  \
    X(stack_init_fails_cleanly, suite, plugin, settings)                      \
    X(stack_threads_share_none, suite, plugin, settings)

#define HEAP_POOLED(X, suite, plugin, settings)                               \
    HEAP_PROMISES(X, suite, plugin, settings)                                 \
    X(stack_is_reused, suite, plugin, settings)

CONFORMANCE_SUITE(HEAP_POOLED, stack_heap, stack_heap, NULL)
CONFORMANCE_SUITE(HEAP_PROMISES, stack_heap_no_pool, stack_heap, "pool=0",
                  "size=16KiB", "loop=64KiB", NULL)
