/* SPDX-License-Identifier: MIT */
/*
 * sched_nosymbol.c - exports something, but no plugin.
 */
#include <moirai/plugin.h>

MOIRAI_EXPORT extern const int sched_nosymbol_is_no_plugin;
const int sched_nosymbol_is_no_plugin = 1;
