/* SPDX-License-Identifier: MIT */
/*
 * pool.h - threads that may block.
 */
#ifndef MO_POOL_H
#define MO_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct mo_pool;

/* At most `threads` threads; none is started before it is needed. NULL: out
 * of memory. */
struct mo_pool *mo_pool_open(uint32_t threads);

/* Threads that are started from now on are held to these processors, and not to
 * those of who starts them, who may be a worker that is bound. 0 or -ENOMEM.
 * Any thread. */
int mo_pool_hold(struct mo_pool *pool, const uint32_t *numbers, uint32_t n);

/* No call is under way. Ends the threads. */
void mo_pool_close(struct mo_pool *pool);

/* Is the calling thread one of them? It runs a call of one of our tasks. */
bool mo_pool_here(const struct mo_pool *pool);

/* What became of the call that a task waits for; `object` is the waiter's.
 * NULL: not to be seen right now. */
const char *mo_pool_state(void *object);

#endif
