/* SPDX-License-Identifier: MIT */
/*
 * chosen.h - a section that names a plugin and holds its options.
 *
 * The same for schedulers and channels alike: `plugin` says which, some keys
 * are the core's, all others are the plugin's to declare.
 */
#ifndef MO_CHOSEN_H
#define MO_CHOSEN_H

#include "option.h"
#include "plugin.h"
#include "setup.h"

/* What such a section is. */
struct mo_chosen_from {
    uint32_t kind;
    const struct moirai_option *keys;   /* the core's own; "plugin" first */
    void *config;                       /* that they fill */
};

/* Finds and loads the plugin that `node` (NULL: nothing was said) names, and
 * fills its config struct. Mistakes go to run->report; chosen->plugin stays
 * NULL then, and for an I/O backend that nobody asked for and none can be. 0
 * or -ENOMEM. */
int mo_chosen_read(struct mo_option_run *run, struct mo_plugins *plugins,
                   const struct mo_chosen_from *what,
                   const struct mo_tree_node *node, const char *path,
                   struct mo_chosen *chosen);

/* The init of a plugin of this kind and name failed with `rc`: sees to it that
 * *err (NULL is allowed; empty before init was called) says something, also if
 * the plugin did not. Returns the error, which is negative in any case. */
int mo_chosen_failed(uint32_t kind, const char *name, int rc,
                     struct moirai_error *err);

/* The directory of the file that a text was written in: relative paths in a
 * file are meant from there. *base NULL: the current directory. 0, -ENOMEM. */
int mo_chosen_base(struct mo_arena *arena, const struct mo_place *place,
                   const char **base);

#endif
