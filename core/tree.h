/* SPDX-License-Identifier: MIT */
/*
 * tree.h - what was configured, as texts with their places.
 *
 * YAML, the environment and the API all end in one tree of maps, lists and
 * scalars, so that one parser checks them alike. What wins over another value
 * keeps it underneath: it no longer counts, but must still be well formed.
 * Nodes and texts live in the tree's arena. One thread at a time.
 */
#ifndef MO_TREE_H
#define MO_TREE_H

#include <stdbool.h>

#include "arena.h"
#include "report.h"

#define MO_TREE_DEPTH 16            /* of maps and lists in one another */
#define MO_TREE_PATH 256            /* room for any key as a path */

enum mo_tree_shape {
    MO_TREE_SCALAR = 0,
    MO_TREE_MAP = 1,
    MO_TREE_LIST = 2
};

struct mo_tree_node {
    enum mo_tree_shape shape;
    bool empty;                     /* a scalar left out: "key:", ~, null */
    bool bad;                       /* already reported; not to be judged */
    struct mo_place place;          /* of the value */
    struct mo_place key_place;      /* in a map: of the key */
    const char *key;                /* in a map; NULL in a list */
    uint32_t position;              /* among its siblings as written, from 1 */
    const char *text;               /* of a scalar */
    struct mo_tree_node *parent;
    const struct mo_tree_node *written_in;  /* its parent before sections
                                             * that were given twice joined */
    struct mo_tree_node *first, *last;      /* children, as written */
    struct mo_tree_node *next;      /* sibling */
    struct mo_tree_node *under;     /* the value this one won over */
};

struct mo_tree {
    struct mo_arena *arena;         /* the caller's */
    struct mo_report *report;       /* the caller's */
    struct mo_tree_node *root;      /* a map */
    size_t nodes;                   /* how many were added */
    bool partial;                   /* a syntax error hid part of the file */
};

/* An empty map for root. 0 or -ENOMEM. */
int mo_tree_init(struct mo_tree *tree, struct mo_arena *arena,
                 struct mo_report *report);

/* A new last child of `parent`; key (copied) is NULL in a list. NULL: no
 * memory. */
struct mo_tree_node *mo_tree_add(struct mo_tree *tree,
                                 struct mo_tree_node *parent,
                                 const char *key);

/* The child called `key`; NULL if there is none or `map` is NULL. */
struct mo_tree_node *mo_tree_find(const struct mo_tree_node *map,
                                  const char *key);

/* Writes the node's dotted path ("channels.words.capacity", "" for the root)
 * into `out` (MO_TREE_PATH bytes) and returns it. */
const char *mo_tree_path(char *out, const struct mo_tree_node *node);

/* Reports every key that a map has twice; not again those that a section
 * has twice because it was itself given twice. The first one counts. */
int mo_tree_unique(struct mo_tree *tree);

/* Puts `text` at the place that `steps` (n keys, from the root) lead to, over
 * what is there. With `fold`, steps name existing keys in any case and with _
 * for what an environment variable's name cannot hold; new keys are made in
 * lower case. 0, -ENOMEM, or -EINVAL after reporting. */
int mo_tree_set(struct mo_tree *tree, const char *const *steps, size_t n,
                bool fold, const struct mo_place *place, const char *text);

#endif
