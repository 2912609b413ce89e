/* SPDX-License-Identifier: MIT */
/*
 * keys.h - the keys of `runtime:`, of which there are many.
 */
#ifndef MO_KEYS_H
#define MO_KEYS_H

#include <moirai/plugin.h>

/* They fill struct mo_runtime_options. */
extern const struct moirai_option mo_keys_runtime[];

#endif
