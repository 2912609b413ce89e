/* SPDX-License-Identifier: MIT */
/*
 * chosen.c - a section that names a plugin and holds its options.
 */
#include "chosen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

int mo_chosen_base(struct mo_arena *arena, const struct mo_place *place,
                   const char **base)
{
    const char *slash;

    *base = NULL;
    if (place->from != MO_FROM_FILE || place->source == NULL)
        return 0;
    slash = strrchr(place->source, '/');
    if (slash == NULL)
        return 0;
    *base = mo_arena_strndup(arena, place->source,
                             slash > place->source
                                 ? (size_t)(slash - place->source) : 1);
    return *base != NULL ? 0 : -ENOMEM;
}

/* Options that were said before the plugin's name was overridden by another
 * were meant for that other plugin. From which source on do they count? */
static enum mo_from options_since(const struct mo_tree_node *name,
                                  const char *preset)
{
    const struct mo_tree_node *n = name;

    while (n != NULL && n->under != NULL && n->under->text != NULL &&
           n->text != NULL && strcmp(n->text, n->under->text) == 0)
        n = n->under;
    if (n == NULL || n->place.from <= MO_FROM_FILE || n->text == NULL)
        return MO_FROM_PRESET;
    if (n->under == NULL && preset != NULL && strcmp(n->text, preset) == 0)
        return MO_FROM_PRESET;
    return n->place.from;
}

/* The preset is a wish, not a demand: where it is missing another will do. */
static int find_preset(struct mo_plugins *plugins,
                       const struct mo_chosen_from *what,
                       const struct mo_plugin **found, char *why)
{
    const char *preset = what->keys[0].preset;
    int rc = mo_plugin_find(plugins, what->kind, preset, NULL, found,
                            why);

    if (rc == 0 || rc == -ENOMEM || strcmp(preset, "auto") == 0)
        return rc;
    mo_log(MOIRAI_LOG_INFO, "%s; taking another", why);
    return mo_plugin_find(plugins, what->kind, "auto", NULL, found, why);
}

/* Finds the plugin a section names. *found stays NULL if there is none, which
 * has been reported unless nobody asked for one. 0 or -ENOMEM. */
static int find_named(struct mo_option_run *run, struct mo_plugins *plugins,
                      const struct mo_chosen_from *what,
                      const struct mo_tree_node *name, const char *path,
                      const struct mo_plugin **found)
{
    struct mo_place preset = { .from = MO_FROM_PRESET };
    char why[MO_PLUGIN_WHY];
    char key[MO_TREE_PATH];
    const char *base = NULL;
    int rc;

    if (name != NULL && (name->bad || name->text == NULL || name->empty))
        return 0;                   /* mo_option_fill has its say */
    if (name == NULL && what->keys[0].preset == NULL)
        return 0;
    if (name == NULL) {
        rc = find_preset(plugins, what, found, why);
    } else {
        rc = mo_chosen_base(run->arena, &name->place, &base);
        if (rc == 0)
            rc = mo_plugin_find(plugins, what->kind, name->text, base,
                                found, why);
    }
    if (rc == 0 || rc == -ENOMEM)
        return rc;
    if (rc == -ENOENT && what->kind == MOIRAI_IO &&
        (name == NULL || strcmp(name->text, "auto") == 0))
        return 0;                   /* the blocking pool does without */
    snprintf(key, sizeof key, "%s.plugin", path);
    mo_report_add(run->report, name != NULL ? &name->place : &preset,
                  key, "%s", why);
    return 0;
}

int mo_chosen_read(struct mo_option_run *run, struct mo_plugins *plugins,
                   const struct mo_chosen_from *what,
                   const struct mo_tree_node *node, const char *path,
                   struct mo_chosen *chosen)
{
    const struct mo_tree_node *section = mo_option_section(run, node,
                                                           path);
    const struct mo_tree_node *name = mo_tree_find(section, "plugin");
    const struct mo_plugin *found = NULL;
    struct mo_option_set sets[2] = {
        { .options = what->keys, .config = what->config },
        { .options = NULL, .open = true },
    };
    int rc = find_named(run, plugins, what, name, path, &found);

    if (rc != 0 || (section == NULL && node != NULL && !node->empty))
        return rc;                  /* no section at all, as reported */
    if (found != NULL) {
        sets[1].options = found->plugin->options;
        sets[1].since = options_since(name, what->keys[0].preset);
        sets[1].open = false;
        sets[1].config = mo_arena_alloc(run->arena,
                                        found->plugin->config_size + 1);
        if (sets[1].config == NULL)
            return -ENOMEM;
        chosen->plugin = found->plugin;
        chosen->ops = found->ops;
        chosen->config = sets[1].config;
    }
    return mo_option_fill(run, section, path, sets, 2);
}
