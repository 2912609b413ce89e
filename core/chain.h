/* SPDX-License-Identifier: MIT */
/*
 * chain.h - how a scan cuts its range, for who lays out memory by it.
 */
#ifndef MO_CHAIN_H
#define MO_CHAIN_H

#include <stddef.h>

/* The length of the pieces of n > 0 indices, if `grain` was asked for (0: none
 * was). */
size_t mo_chain_grain(size_t n, size_t grain);

/* The scratch memory that so many pieces need, with results of `size`. */
size_t mo_chain_room(size_t count, size_t size);

#endif
