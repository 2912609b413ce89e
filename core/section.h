/* SPDX-License-Identifier: MIT */
/*
 * section.h - what each section of a configuration may say.
 */
#ifndef MO_SECTION_H
#define MO_SECTION_H

#include "option.h"
#include "plugin.h"
#include "setup.h"
#include "tree.h"

struct mo_section_channel {
    const char *name;
    struct mo_chosen chosen;
    const char *home;               /* a node's name, or "": here */
    uint32_t delivery;              /* enum mo_section_delivery */
};

enum mo_section_delivery {
    MO_DELIVERY_BEST_EFFORT = 0,
    MO_DELIVERY_AT_LEAST_ONCE = 1,
    MO_DELIVERY_EFFECTIVELY_ONCE = 2
};

struct mo_section_transport {
    const char *name;
    struct mo_chosen chosen;
};

struct mo_section_node {
    const char *name;
    const char *via;                /* a transport's name */
    uint64_t count;                 /* processes that go by this name */
};

/* The signals that can be asked to dump all tasks; [0] is none. */
extern const int mo_section_signals[];

/* By enum mo_bind; NULL ends them. */
extern const char *const mo_section_binds[];

/* A whole configuration; the arrays are sorted by name. */
struct mo_sections {
    struct mo_runtime_options runtime;
    struct mo_chosen sched, stack;
    struct mo_chosen io;            /* plugin NULL: none can run here */
    struct mo_section_channel *channels;
    size_t n_channels;
    struct mo_section_transport *transports;
    size_t n_transports;
    struct mo_section_node *nodes;
    size_t n_nodes;
};

/* Bytes of the name of a channel, a node, a transport. */
#define MO_SECTION_NAME_MAX 64

/* What a section looks like. */
enum mo_section_shape {
    MO_SECTION_VALUE = 0,           /* no section: one value, keys[0] */
    MO_SECTION_LISTS = 1,           /* keys; each value may be a list */
    MO_SECTION_KEYS = 2,            /* keys */
    MO_SECTION_NAMED = 3            /* names, each with keys of its own */
};

struct mo_section_form {
    const char *name;
    const char *help;               /* one line */
    enum mo_section_shape shape;
    uint32_t kind;                  /* of plugin that it chooses; 0: of none */
    const struct moirai_option *keys;   /* the core's; "plugin" first */
};

/* Every section there is, in the order they are read in; ends with name NULL.
 * What can be written is known from here and from the plugins' tables alone. */
const struct mo_section_form *mo_section_forms(void);

/* `overflow`, the one key of a channel's that programs too may say. Its offset
 * is 0. */
extern const struct moirai_option mo_section_overflow[];

/* The core's own keys in sections that choose a plugin of this kind. */
const struct moirai_option *mo_section_own(uint32_t kind);

/* Fills *sections from the tree; finds and loads what is named. Mistakes go
 * to run->report. 0 or -ENOMEM. */
int mo_section_read(struct mo_sections *sections, const struct mo_tree *tree,
                    struct mo_option_run *run, struct mo_plugins *plugins);

#endif
