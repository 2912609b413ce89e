/* SPDX-License-Identifier: MIT */
/*
 * option.h - a section of the tree to a config struct.
 *
 * One parser for everything that can be configured: presets, YAML,
 * environment and API, the core's own sections and those of plugins. Tables
 * of struct moirai_option say what there is.
 */
#ifndef MO_OPTION_H
#define MO_OPTION_H

#include <moirai/plugin.h>

#include "tree.h"

/* A value that counts, and who said so. */
struct mo_option_value {
    const char *key;                /* full path: "scheduler.batch" */
    const char *path;               /* of its section: "scheduler", "" */
    const char *name;               /* in its section: "batch" */
    const struct moirai_option *option;
    const char *text;               /* as written */
    struct mo_place place;
    struct mo_option_value *over;   /* what it won over, who won over what */
    struct mo_option_value *next;
};

/* What the sections of one run share. */
struct mo_option_run {
    struct mo_arena *arena;         /* strings and values live there */
    struct mo_report *report;
    struct mo_option_value *first, *last;   /* every value that counts */
    struct mo_option_value *bottom; /* the last that `last` won over, or it */
    bool partial;                   /* part of the file was not understood */
};

/* A table and the struct it fills. */
struct mo_option_set {
    const struct moirai_option *options;    /* NULL: none */
    void *config;                   /* zeroed */
    enum mo_from since;             /* what was said before is not meant */
    bool open;                      /* there may be keys nobody declared */
};

/* Fills the structs of n sets from `section`, a map (NULL: nothing was said),
 * which is called `path`. Mistakes, unknown and missing keys go to the
 * report; what is not said gets its preset. 0 or -ENOMEM. */
int mo_option_fill(struct mo_option_run *run,
                   const struct mo_tree_node *section, const char *path,
                   const struct mo_option_set *sets, size_t n);

/* Reports the keys of `section` (NULL: none) that no option is called like.
 * `home` (may be NULL) names the section where a key belongs, or NULL. */
void mo_option_unknown(struct mo_option_run *run,
                       const struct mo_tree_node *section, const char *path,
                       const struct moirai_option *options,
                       const char *(*home)(const char *key));

/* Gives `node`, called `path`, back if it is a map or left empty; NULL if
 * there is none or it is something else, which is reported. `key`, if not
 * NULL, is the one that a lone word was probably meant for. */
const struct mo_tree_node *mo_option_section(struct mo_option_run *run,
                                             const struct mo_tree_node *node,
                                             const char *path,
                                             const char *key);

/* Appends to the values that count. 0 or -ENOMEM. */
int mo_option_record(struct mo_option_run *run, const char *path,
                     const struct moirai_option *option, const char *text,
                     const struct mo_place *place);

/* Is this table sound: known types, offsets inside config_size, no key twice
 * or in the table `own` (the core's keys of that section, or NULL), presets
 * that pass their own bounds? 0, -ENOMEM, or -EINVAL with the first flaw in
 * `why` (MO_VALUE_WHY bytes). */
int mo_option_sound(const struct moirai_option *options, size_t config_size,
                    const struct moirai_option *own, char *why);

#endif
