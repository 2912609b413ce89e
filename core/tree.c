/* SPDX-License-Identifier: MIT */
/*
 * tree.c - what was configured, as texts with their places.
 */
#include "tree.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int mo_tree_init(struct mo_tree *tree, struct mo_arena *arena,
                 struct mo_report *report)
{
    tree->arena = arena;
    tree->report = report;
    tree->partial = false;
    tree->nodes = 0;
    tree->root = mo_arena_alloc(arena, sizeof *tree->root);
    if (tree->root == NULL)
        return -ENOMEM;
    tree->root->shape = MO_TREE_MAP;
    return 0;
}

struct mo_tree_node *mo_tree_add(struct mo_tree *tree,
                                 struct mo_tree_node *parent, const char *key)
{
    struct mo_tree_node *node = mo_arena_alloc(tree->arena, sizeof *node);

    if (node == NULL)
        return NULL;
    if (key != NULL) {
        node->key = mo_arena_strdup(tree->arena, key);
        if (node->key == NULL)
            return NULL;
    }
    node->parent = parent;
    node->written_in = parent;
    node->position = parent->last != NULL ? parent->last->position + 1 : 1;
    tree->nodes++;
    if (parent->last != NULL)
        parent->last->next = node;
    else
        parent->first = node;
    parent->last = node;
    return node;
}

struct mo_tree_node *mo_tree_find(const struct mo_tree_node *map,
                                  const char *key)
{
    struct mo_tree_node *node = map != NULL ? map->first : NULL;

    while (node != NULL && (node->key == NULL || strcmp(node->key, key) != 0))
        node = node->next;
    return node;
}

const char *mo_tree_path(char *out, const struct mo_tree_node *node)
{
    const struct mo_tree_node *chain[MO_TREE_DEPTH + 2];
    size_t depth = 0;
    size_t used = 0;

    for (; node->parent != NULL && depth < MO_TREE_DEPTH + 2;
         node = node->parent)
        chain[depth++] = node;
    out[0] = '\0';
    while (depth > 0 && used < MO_TREE_PATH) {
        const struct mo_tree_node *step = chain[--depth];
        size_t room = MO_TREE_PATH - used;

        if (step->key != NULL)
            snprintf(out + used, room, "%s%s", used > 0 ? "." : "", step->key);
        else
            snprintf(out + used, room, "[%u]", (unsigned)step->position);
        used += strlen(out + used);
        if (used + 1 >= MO_TREE_PATH)
            break;
    }
    return out;
}

static int by_key(const void *a, const void *b)
{
    const struct mo_tree_node *x = *(const struct mo_tree_node *const *)a;
    const struct mo_tree_node *y = *(const struct mo_tree_node *const *)b;
    int order = strcmp(x->key, y->key);

    if (order != 0)
        return order;
    if (x->key_place.line != y->key_place.line)
        return x->key_place.line < y->key_place.line ? -1 : 1;
    return x->key_place.column < y->key_place.column ? -1 : 1;
}

/* `again` repeats the key of `first`. Its contents are still to be judged: a
 * section's are moved into the first one, a value goes under it. */
static void report_twin(struct mo_tree *tree, struct mo_tree_node *first,
                        struct mo_tree_node *again)
{
    char path[MO_TREE_PATH];

    if (first->written_in == again->written_in)
        mo_report_add(tree->report, &again->key_place,
                      mo_tree_path(path, again),
                      "given twice, first in line %u; keep one",
                      (unsigned)first->key_place.line);
    again->key = NULL;              /* marks it for drop_twins */
    if (first->shape != MO_TREE_MAP || again->shape != MO_TREE_MAP) {
        again->under = first->under;
        first->under = again;
        return;
    }
    for (struct mo_tree_node *c = again->first; c != NULL; c = c->next)
        c->parent = first;
    if (first->last != NULL)
        first->last->next = again->first;
    else
        first->first = again->first;
    if (again->last != NULL)
        first->last = again->last;
}

static void drop_twins(struct mo_tree_node *map)
{
    struct mo_tree_node **link = &map->first;

    map->last = NULL;
    while (*link != NULL) {
        if ((*link)->key == NULL) {
            *link = (*link)->next;
        } else {
            map->last = *link;
            link = &(*link)->next;
        }
    }
}

static int unique_in(struct mo_tree *tree, struct mo_tree_node *map)
{
    struct mo_tree_node **sorted;
    bool twins = false;
    size_t n = 0;

    for (struct mo_tree_node *c = map->first; c != NULL; c = c->next)
        n++;
    if (n < 2)
        return 0;
    sorted = mo_arena_alloc(tree->arena, n * sizeof *sorted);
    if (sorted == NULL)
        return -ENOMEM;
    n = 0;
    for (struct mo_tree_node *c = map->first; c != NULL; c = c->next)
        sorted[n++] = c;
    qsort(sorted, n, sizeof *sorted, by_key);
    for (size_t first = 0, i = 1; i < n; i++) {
        if (strcmp(sorted[first]->key, sorted[i]->key) != 0) {
            first = i;
            continue;
        }
        report_twin(tree, sorted[first], sorted[i]);
        twins = true;
    }
    if (twins)
        drop_twins(map);
    return 0;
}

static int unique_below(struct mo_tree *tree, struct mo_tree_node *node)
{
    int rc = node->shape == MO_TREE_MAP ? unique_in(tree, node) : 0;

    for (node = node->first; rc == 0 && node != NULL; node = node->next)
        rc = unique_below(tree, node);
    return rc;
}

int mo_tree_unique(struct mo_tree *tree)
{
    return unique_below(tree, tree->root);
}

/* Does `step`, out of an environment variable's name, mean `key`? */
static bool folds_to(const char *step, const char *key)
{
    for (; *step != '\0' && *key != '\0'; step++, key++) {
        int a = tolower((unsigned char)*step);
        int b = tolower((unsigned char)*key);

        if (a != b && !(a == '_' && isalnum(b) == 0))
            return false;
    }
    return *step == *key;
}

static struct mo_tree_node *find_folded(const struct mo_tree_node *map,
                                        const char *step)
{
    struct mo_tree_node *node = map->first;

    while (node != NULL && (node->key == NULL || !folds_to(step, node->key)))
        node = node->next;
    return node;
}

/* A copy of `old` goes under what takes its place. */
static int cover(struct mo_tree *tree, struct mo_tree_node *old)
{
    struct mo_tree_node *copy = mo_arena_alloc(tree->arena, sizeof *copy);
    struct mo_tree_node *next = old->next;

    if (copy == NULL)
        return -ENOMEM;
    *copy = *old;
    *old = (struct mo_tree_node){
        .key = copy->key,
        .key_place = copy->key_place,
        .parent = copy->parent,
        .written_in = copy->written_in,
        .position = copy->position,
        .next = next,
        .under = copy,
    };
    copy->next = NULL;
    return 0;
}

static struct mo_tree_node *make_step(struct mo_tree *tree,
                                      struct mo_tree_node *map,
                                      const char *step, bool fold,
                                      const struct mo_place *place)
{
    struct mo_tree_node *node = mo_tree_add(tree, map, step);

    if (node == NULL)
        return NULL;
    node->place = *place;
    node->key_place = *place;
    node->empty = true;
    if (fold) {
        char *lower = mo_arena_strdup(tree->arena, step);

        for (char *p = lower; p != NULL && *p != '\0'; p++)
            *p = (char)tolower((unsigned char)*p);
        if (lower == NULL)
            return NULL;
        node->key = lower;
    }
    return node;
}

int mo_tree_set(struct mo_tree *tree, const char *const *steps, size_t n,
                bool fold, const struct mo_place *place, const char *text)
{
    struct mo_tree_node *node = tree->root;

    for (size_t i = 0; i < n; i++) {
        struct mo_tree_node *map = node;

        if (map->shape == MO_TREE_SCALAR && map->empty)
            map->shape = MO_TREE_MAP;       /* "scheduler:" and no more */
        map->empty = false;
        if (map->shape != MO_TREE_MAP) {
            char path[MO_TREE_PATH];

            if (map->bad)
                return -EINVAL;
            mo_report_add(tree->report, place, mo_tree_path(path, map),
                          "is no section, so it has no \"%s\"", steps[i]);
            return -EINVAL;
        }
        node = fold ? find_folded(map, steps[i])
                    : mo_tree_find(map, steps[i]);
        if (node == NULL)
            node = make_step(tree, map, steps[i], fold, place);
        else if (i + 1 == n && cover(tree, node) != 0)
            return -ENOMEM;
        if (node == NULL)
            return -ENOMEM;
    }
    node->place = *place;
    node->empty = false;
    node->text = mo_arena_strdup(tree->arena, text);
    return node->text != NULL ? 0 : -ENOMEM;
}
