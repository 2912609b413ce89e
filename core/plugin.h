/* SPDX-License-Identifier: MIT */
/*
 * plugin.h - finding plugins, checking them once, choosing one.
 *
 * Nothing is loaded to learn what it is: a file's name says kind and name.
 * What is named is loaded; `auto` loads the files of its kind. On equal name
 * a builtin wins over a file and a directory over the later ones; a path in
 * place of a name means that very file. What was passed over and why stays in
 * the list, so that it can be told. One thread at a time.
 */
#ifndef MO_PLUGIN_H
#define MO_PLUGIN_H

#include <stdbool.h>

#include <moirai/plugin.h>

#include "arena.h"
#include "kind.h"

/* Room for a sentence about a plugin. */
#define MO_PLUGIN_WHY 768

/* Most directories that are searched, and most files that are named by their
 * paths, for one runtime. */
#define MO_PLUGIN_DIRECTORIES 64
#define MO_PLUGIN_FILES 100

enum mo_plugin_state {
    MO_PLUGIN_FOUND = 0,            /* not yet loaded */
    MO_PLUGIN_READY = 1,            /* loaded and sound */
    MO_PLUGIN_REFUSED = 2           /* for `reason` */
};

struct mo_plugin {
    const struct mo_kind *kind;     /* NULL: the file's name names none */
    const char *name;
    const char *path;               /* NULL: builtin */
    enum mo_plugin_state state;
    const char *reason;             /* refused, or cannot run here: why */
    const struct mo_plugin *shadowed_by;    /* the one that wins; or NULL */
    const struct moirai_plugin *plugin;     /* checked copy, once ready */
    const void *ops;                /* of kind->ops_size, zero-extended */
    struct mo_plugin *next;
};

/* A directory that was searched. */
struct mo_plugin_directory {
    const char *path;
    int code;                       /* 0, or why it could not be listed */
    struct mo_plugin_directory *next;
};

struct mo_plugins {
    struct mo_arena *arena;         /* the caller's */
    bool cautious;                  /* a child process tries each file first */
    struct mo_plugin *first, *last; /* in order of precedence */
    struct mo_plugin_directory *directories, *last_directory;
    size_t n_directories;
    size_t n_files;                 /* that were named by their paths */
};

/* An empty list, then the builtins, checked. 0 or -ENOMEM. */
int mo_plugin_init(struct mo_plugins *set, struct mo_arena *arena,
                   bool cautious);

/* Adds what the directories of `path` ("a:b") hold. A relative one is meant
 * from `base` (NULL: the current directory). 0, -ENOMEM, or -E2BIG if there
 * would be more than MO_PLUGIN_DIRECTORIES; what cannot be listed is noted in
 * set->directories. */
int mo_plugin_search(struct mo_plugins *set, const char *path,
                     const char *base);

/* Adds the directories that every search ends with: those of the variable
 * MOIRAI_PLUGIN_PATH, as many as can be, then where modules are installed. */
int mo_plugin_search_usual(struct mo_plugins *set);

/* Loads a plugin if it is not; 0, -ENOMEM or, for a refused one, -ENOEXEC. */
int mo_plugin_load(struct mo_plugins *set, struct mo_plugin *plugin);

/* The plugin of a kind that `text` names: a name, a path (it has a slash;
 * relative to `base`) or "auto". Loaded, and able to run here. 0, -ENOMEM, or
 * another negative errno with the reason in `why` (MO_PLUGIN_WHY bytes):
 * -ENOENT if there is no such plugin. */
int mo_plugin_find(struct mo_plugins *set, uint32_t kind, const char *text,
                   const char *base, const struct mo_plugin **found,
                   char *why);

/* The usable plugin of a kind whose name is near to `text`; NULL if there is
 * none. Loads only if the set is cautious. */
const struct mo_plugin *mo_plugin_guess(struct mo_plugins *set, uint32_t kind,
                                        const char *text);

/* Loads every plugin there is and asks it whether it can run here, for the
 * sake of `reason`. 0 or -ENOMEM. */
int mo_plugin_examine(struct mo_plugins *set);

/* The same among those that are ready already; loads nothing. */
int mo_plugin_ready(const struct mo_plugins *set, uint32_t kind,
                    const char *name, const struct mo_plugin **found,
                    char *why);

#endif
