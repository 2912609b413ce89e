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
                  "size=16KiB", "loop=64KiB", NULL)
