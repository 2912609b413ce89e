/* SPDX-License-Identifier: MIT */
/*
 * yaml.h - writing scalars that a configuration reads back as they were.
 */
#ifndef YAML_OUT_H
#define YAML_OUT_H

#include <moirai/plugin.h>

/* Writes `text`, a value of `option` or (NULL) a key, to standard output:
 * plain where every reader of YAML takes it for what it is, else in double
 * quotes. Returns how many bytes that were. */
int yaml_put(const char *text, const struct moirai_option *option);

#endif
