/* SPDX-License-Identifier: MIT */
/*
 * memory.h - the C library's memory.
 */
#ifndef MO_MEMORY_H
#define MO_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include <moirai/runtime.h>

/* Used unless the program has set another. */
extern const struct moirai_allocator mo_os_allocator;

/* Bytes of a page. */
size_t mo_os_page(void);

/* Which pages from `start`, where one begins, are in memory: those whose byte
 * is odd. False: the system does not say. */
bool mo_os_resident(void *start, size_t bytes, unsigned char *pages);

#endif
