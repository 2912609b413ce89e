/* SPDX-License-Identifier: MIT */
/*
 * expand.h - variables of the environment inside a value of the file.
 *
 *     ${NAME}            the variable; a mistake if it is not set
 *     ${NAME:-default}   the default if it is not set, or set to nothing
 *     $$                 a dollar sign
 *
 * The result is text: it is not read as YAML again, nor expanded again. In a
 * program that runs with more rights than its user no variable is set.
 */
#ifndef MO_EXPAND_H
#define MO_EXPAND_H

#include "arena.h"

/* The longest result, in bytes. */
#define MO_EXPAND_MAX (16u * 1024u)

/* Room for one sentence about what is wrong. */
#define MO_EXPAND_WHY 256

struct mo_expanded {
    const char *text;
    const char *via;                /* "${A}, the default of ${B}", or NULL */
};

/* Expands `text` (borrowed); the result lives in the arena, or is `text` if
 * there is nothing to expand. 0, -ENOMEM, or -EINVAL with what is wrong in
 * `why` (MO_EXPAND_WHY bytes). */
int mo_expand(struct mo_arena *arena, const char *text,
              struct mo_expanded *result, char *why);

#endif
