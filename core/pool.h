/* SPDX-License-Identifier: MIT */
/*
 * pool.h - threads that may block.
 */
#ifndef MO_POOL_H
#define MO_POOL_H

#include <stdint.h>

struct mo_pool;

/* At most `threads` threads; none is started before it is needed. NULL: out
 * of memory. */
struct mo_pool *mo_pool_open(uint32_t threads);

/* No call is under way. Ends the threads. */
void mo_pool_close(struct mo_pool *pool);

/* Threads alive now. */
uint32_t mo_pool_threads(struct mo_pool *pool);

#endif
