/* SPDX-License-Identifier: MIT */
/*
 * builtin.h - the plugins that are part of the library.
 */
#ifndef MO_BUILTIN_H
#define MO_BUILTIN_H

#include <moirai/plugin.h>

/* Their constants, NULL-terminated. */
const struct moirai_plugin *const *mo_builtin_list(void);

#endif
