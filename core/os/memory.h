/* SPDX-License-Identifier: MIT */
/*
 * memory.h - the C library's memory.
 */
#ifndef MO_MEMORY_H
#define MO_MEMORY_H

#include <moirai/runtime.h>

/* Used unless the program has set another. */
extern const struct moirai_allocator mo_os_allocator;

#endif
