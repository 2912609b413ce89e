/* SPDX-License-Identifier: MIT */
/*
 * builtin.c - the plugins that are part of the library.
 *
 * configure writes builtin_list.h, one MO_BUILTIN(kind, name) each. A plugin
 * is the same object here as in its module, so it goes by the same symbol.
 */
#include "builtin.h"

#include <stddef.h>

#define MO_BUILTIN(kind, name)                                                \
    extern const struct moirai_plugin kind##_##name##_LTX_moirai_plugin;
#include "builtin_list.h"
#undef MO_BUILTIN

static const struct moirai_plugin *const list[] = {
#define MO_BUILTIN(kind, name) &kind##_##name##_LTX_moirai_plugin,
#include "builtin_list.h"
#undef MO_BUILTIN
    NULL,
};

const struct moirai_plugin *const *mo_builtin_list(void)
{
    return list;
}
