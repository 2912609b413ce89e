/* SPDX-License-Identifier: MIT */
/*
 * schema.h - what may be written in a configuration, as a JSON Schema.
 *
 * Draft 7, because that is what editors understand. A schema cannot say all:
 * bounds of sizes, names that refer to others and keys given twice are left to
 * `moirai check`. What it refuses, that refuses too.
 */
#ifndef SCHEMA_H
#define SCHEMA_H

#include "json.h"
#include "plugin.h"

/* `set` has been examined. */
void schema_print(struct json *j, const struct mo_plugins *set);

#endif
