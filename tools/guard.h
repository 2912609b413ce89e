/* SPDX-License-Identifier: MIT */
/*
 * guard.h - trying a stack allocator, to see which guard is in force.
 */
#ifndef GUARD_H
#define GUARD_H

#include <moirai/error.h>

#include "setup.h"

/* Starts the chosen allocator for a moment. 0 with a sentence in `text` (n
 * bytes; empty if it does not tell), or a negative errno with *err filled. */
int guard_in_force(const struct mo_chosen *chosen, char *text, size_t n,
                   struct moirai_error *err);

#endif
