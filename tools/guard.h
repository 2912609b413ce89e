/* SPDX-License-Identifier: MIT */
/*
 * guard.h - trying a stack allocator, to see which guard is in force.
 */
#ifndef GUARD_H
#define GUARD_H

#include <stdint.h>

#include <moirai/error.h>

#include "setup.h"

#define GUARD_UNTOLD UINT32_MAX     /* the allocator does not tell */

/* Starts the chosen allocator for a moment. 0 with the kind of its guards (enum
 * moirai_guard, or GUARD_UNTOLD) in *kind, or a negative errno with *err
 * filled. */
int guard_in_force(const struct mo_chosen *chosen, uint32_t *kind,
                   struct moirai_error *err);

/* The kind in words; "" if it is unknown. */
const char *guard_describe(uint32_t kind);

#endif
