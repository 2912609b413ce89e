/* SPDX-License-Identifier: MIT */
/*
 * config.h - YAML to a tree.
 *
 * Only plain YAML is taken: maps, lists and scalars, one document, in UTF-8.
 * Aliases, anchors, tags, merge keys and keys that are no words are mistakes;
 * so are a file above MO_CONFIG_SIZE, nesting deeper than MO_TREE_DEPTH, more
 * nodes than MO_CONFIG_NODES and a text longer than MO_CONFIG_TEXT: a file of
 * any kind is done with quickly and in little memory. After a syntax error
 * reading goes on at the next key that begins a line, so that one slip does
 * not hide the mistakes below it. Values are expanded as expand.h says.
 */
#ifndef MO_CONFIG_H
#define MO_CONFIG_H

#include "tree.h"

#define MO_CONFIG_SIZE (1024u * 1024u)  /* bytes of a file */
#define MO_CONFIG_NODES 65536u      /* keys and members of lists */
#define MO_CONFIG_TEXT (16u * 1024u)    /* bytes of one key or value */

/* Adds what the file at `path` says to the tree; `path` (kept) is the source
 * of its places. What is wrong goes to the tree's report. 0, -ENOMEM, or
 * another negative errno if the file cannot be read (reported as well). */
int mo_config_read(struct mo_tree *tree, const char *path);

/* The same for n bytes of text (borrowed), which places call `source`. */
int mo_config_parse(struct mo_tree *tree, const char *source,
                    const char *text, size_t n);

#endif
