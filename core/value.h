/* SPDX-License-Identifier: MIT */
/*
 * value.h - one text to one value of a config struct.
 *
 * What an option's type means is known here and nowhere else: how its text is
 * read, how large it is, what a mistake in it is told like.
 */
#ifndef MO_VALUE_H
#define MO_VALUE_H

#include <stdbool.h>

#include <moirai/plugin.h>

#include "arena.h"

/* Room for one sentence about one value. */
#define MO_VALUE_WHY 256

/* Room for a text that is offered as an example. */
#define MO_VALUE_EXAMPLE 64

/* Reads `text` as `option` says into config (NULL: only checks). 0, -ENOMEM,
 * or -EINVAL with what is wrong and what would be right in `why`
 * (MO_VALUE_WHY bytes). Strings are copied into the arena. */
int mo_value_parse(const struct moirai_option *option, const char *text,
                   void *config, struct mo_arena *arena, char *why);

/* A text that the option would take, if one is short enough: a constant, or
 * written into `out` (MO_VALUE_EXAMPLE bytes). */
const char *mo_value_example(const struct moirai_option *option, char *out);

/* Is there a value between the option's bounds? */
bool mo_value_possible(const struct moirai_option *option);

/* A bound of the option as the user would write it, into `out` (MO_TEXT_NUMBER
 * bytes); returns `out`. */
const char *mo_value_bound(char *out, const struct moirai_option *option,
                           uint64_t bound);

/* Do two structs filled by the same table say the same? */
bool mo_value_same(const struct moirai_option *options, const void *a,
                   const void *b);

/* A type's name for people ("size"), and the bytes it fills (0: no type). */
const char *mo_value_type(uint32_t type);
size_t mo_value_size(uint32_t type);

/* The index of `text` among `words` (NULL-terminated, or NULL), or -1. */
int mo_value_word(const char *const *words, const char *text);

#endif
