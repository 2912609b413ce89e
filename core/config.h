/* SPDX-License-Identifier: MIT */
/*
 * config.h - YAML to a tree.
 *
 * Only plain YAML is taken: maps, lists and scalars, one document. Aliases,
 * anchors, tags and keys that are no words are mistakes; so are a file above
 * 1 MiB and nesting deeper than MO_TREE_DEPTH. After a syntax error reading
 * goes on at the next key that begins a line, so that one slip does not hide
 * the mistakes below it.
 */
#ifndef MO_CONFIG_H
#define MO_CONFIG_H

#include "tree.h"

#define MO_CONFIG_SIZE (1024u * 1024u)

/* Adds what the file at `path` says to the tree; `path` (kept) is the source
 * of its places. What is wrong goes to the tree's report. 0, -ENOMEM, or
 * another negative errno if the file cannot be read (reported as well). */
int mo_config_read(struct mo_tree *tree, const char *path);

/* The same for n bytes of text (borrowed), which places call `source`. */
int mo_config_parse(struct mo_tree *tree, const char *source,
                    const char *text, size_t n);

#endif
