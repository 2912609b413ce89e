/* SPDX-License-Identifier: MIT */
/*
 * mem.h - where the library's memory comes from.
 *
 * All of it goes through one process-wide hook (moirai_allocator_set), which
 * the first allocation settles for good: memory goes back to where it came
 * from. Not for hot paths. Any thread.
 */
#ifndef MO_MEM_H
#define MO_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed bytes on a boundary of `align`, a power of two; NULL: none left. */
void *mo_mem_alloc(size_t size, size_t align);
void mo_mem_free(void *memory);     /* NULL is allowed */

char *mo_mem_strdup(const char *text);

/* For tests. From this call on, allocations are counted and the `fail_at`th
 * of them (1: the next; 0: none) gives NULL. */
void mo_mem_watch(uint64_t fail_at);

/* While that lasts: from this call on, the `first`th allocation and those after
 * it, `n` in all, fail (first 0: none). What is counted as live stays; returns
 * how many were asked for since the last call of either. */
uint64_t mo_mem_fail(uint64_t first, uint64_t n);

struct mo_mem_count {
    uint64_t asked;                 /* allocations since the last of the two */
    int64_t live;                   /* those not yet given back */
};

/* Stops that and says what was counted. */
struct mo_mem_count mo_mem_unwatch(void);

/* From now on, `allowed` is asked before each allocation, on the thread that
 * makes it, whether it may succeed. For good; there is one such function. */
void mo_mem_judge(bool (*allowed)(void));

/* One allocation is about to be served out of memory already held: false if
 * it is the one that shall fail. For allocators built on top of this one. */
bool mo_mem_allowed(void);

#endif
