/* SPDX-License-Identifier: MIT */
/*
 * descriptor.h - is a module's constant one that we can use?
 */
#ifndef MO_DESCRIPTOR_H
#define MO_DESCRIPTOR_H

#include <moirai/plugin.h>

#include "arena.h"
#include "kind.h"

#define MO_DESCRIPTOR_WHY 384

/* Checks `raw`, of `size` bytes as the file says (0: not known), found where
 * a plugin of `kind` called `name` was expected, and gives copies in the
 * core's own sizes out of the arena. 0, -ENOMEM, or -ENOEXEC with the reason
 * in `why` (MO_DESCRIPTOR_WHY bytes). */
int mo_descriptor_take(struct mo_arena *arena,
                       const struct moirai_plugin *raw, size_t size,
                       const struct mo_kind *kind, const char *name,
                       const struct moirai_plugin **plugin, const void **ops,
                       char *why);

#endif
