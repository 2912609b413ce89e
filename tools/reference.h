/* SPDX-License-Identifier: MIT */
/*
 * reference.h - what may be written in a configuration, as tables for people.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "plugin.h"

/* Markdown on standard output; `set` has been examined. What it says does not
 * depend on where a plugin comes from, so that it can be kept in a file. 0 or
 * -ENOMEM. */
int reference_print(const struct mo_plugins *set);

#endif
