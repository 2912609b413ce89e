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

/* What a search for a plugin came to. */
struct search {
    const struct mo_plugin *found;
    const struct mo_plugin *guess;  /* near to the name that there is not */
    bool another;                   /* taken in place of the preset */
    char why[MO_PLUGIN_WHY];        /* nothing was found */
};

/* The preset is a wish, not a demand: where it is missing another will do. */
static int find_preset(struct mo_plugins *plugins,
                       const struct mo_chosen_from *what, struct search *s)
{
    const char *preset = what->keys[0].preset;
    int rc = mo_plugin_find(plugins, what->kind, preset, NULL, &s->found,
                            s->why);

    if (rc == 0 || rc == -ENOMEM || strcmp(preset, "auto") == 0)
        return rc;
    mo_log(MOIRAI_LOG_INFO, "%s; taking another", s->why);
    s->another = true;
    return mo_plugin_find(plugins, what->kind, "auto", NULL, &s->found,
                          s->why);
}

/* Does the section have keys that only the plugin can know? */
static bool has_others(const struct mo_tree_node *section,
                       const struct mo_chosen_from *what)
{
    const struct mo_tree_node *node = section->first;

    for (; node != NULL; node = node->next) {
        const struct moirai_option *o = what->keys;

        while (o->name != NULL && strcmp(o->name, node->key) != 0)
            o++;
        if (o->name == NULL)
            return true;
    }
    return false;
}

/* Says that there is no such plugin, and what that means for the rest of its
 * section. 0 or -ENOMEM. */
static int report_missing(struct mo_option_run *run,
                          const struct mo_chosen_from *what,
                          const struct mo_tree_node *section,
                          const struct mo_tree_node *name,
                          struct mo_chosen *chosen, struct search *s)
{
    char key[MO_TREE_PATH];
    size_t used = strlen(s->why);
    bool asks = used > 0 && s->why[used - 1] == '?';
    const char *keys = asks ? " The other keys here" : "; the other keys here";

    chosen->reason = mo_arena_strdup(run->arena, s->why);
    if (chosen->reason == NULL)
        return -ENOMEM;
    if (name != NULL && has_others(section, what) && s->guess != NULL)
        snprintf(s->why + used, sizeof s->why - used, "%s are checked as "
                 "\"%.60s\" has them", keys, s->guess->name);
    else if (name != NULL && has_others(section, what))
        snprintf(s->why + used, sizeof s->why - used, "%s cannot be checked",
                 keys);
    snprintf(key, sizeof key, "%s.plugin", chosen->path);
    mo_report_add(run->report, &chosen->place, key, "%s", s->why);
    return 0;
}

static int find_asked(struct mo_option_run *run, struct mo_plugins *plugins,
                      const struct mo_chosen_from *what,
                      const struct mo_tree_node *name, struct search *s)
{
    const char *base;
    int rc;

    if (mo_report_full(run->report)) {
        const char *text = name != NULL ? name->text : what->keys[0].preset;

        mo_plugin_ready(plugins, what->kind, text, &s->found, s->why);
        return 0;                   /* to load more modules may take long */
    }
    if (name == NULL)
        return find_preset(plugins, what, s);
    rc = mo_chosen_base(run->arena, &name->place, &base);
    if (rc == 0)
        rc = mo_plugin_find(plugins, what->kind, name->text, base, &s->found,
                            s->why);
    if (rc == -ENOENT)
        s->guess = mo_plugin_guess(plugins, what->kind, name->text);
    return rc;
}

/* Finds the plugin a section names. s->found stays NULL if there is none, which
 * has been reported unless nobody asked for one. 0 or -ENOMEM. */
static int find_named(struct mo_option_run *run, struct mo_plugins *plugins,
                      const struct mo_chosen_from *what,
                      const struct mo_tree_node *section,
                      struct mo_chosen *chosen, struct search *s)
{
    const struct mo_tree_node *name = mo_tree_find(section, "plugin");
    int rc;

    if (name != NULL && (name->bad || name->text == NULL || name->empty))
        return 0;                   /* mo_option_fill has its say */
    if (name == NULL && what->keys[0].preset == NULL)
        return 0;
    chosen->asked = name != NULL ? name->text : what->keys[0].preset;
    if (name != NULL)
        chosen->place = name->place;
    rc = find_asked(run, plugins, what, name, s);
    if (rc == 0 || rc == -ENOMEM)
        return rc;
    if (rc == -ENOENT && what->kind == MOIRAI_IO &&
        strcmp(chosen->asked, "auto") == 0)
        return 0;                   /* the blocking pool does without */
    return report_missing(run, what, section, name, chosen, s);
}

/* What was written in place of the preset, had the preset been known to be
 * missing: so that the values in force, written down, mean the same again. */
static void say_another(struct mo_option_value *first)
{
    for (; first != NULL; first = first->next) {
        if (strcmp(first->name, "plugin") == 0)
            first->text = "auto";
    }
}

int mo_chosen_read(struct mo_option_run *run, struct mo_plugins *plugins,
                   const struct mo_chosen_from *what,
                   const struct mo_tree_node *node, const char *path,
                   struct mo_chosen *chosen)
{
    const struct mo_tree_node *section = mo_option_section(run, node, path,
                                                           "plugin");
    struct search s = { .found = NULL };
    struct mo_option_set sets[2] = {
        { .options = what->keys, .config = what->config },
        { .options = NULL, .open = true },
    };
    struct mo_option_value *before;
    struct mo_option_value *first;
    const struct mo_plugin *p;
    int rc;

    *chosen = (struct mo_chosen){
        .path = mo_arena_strdup(run->arena, path),
        .place = { .from = MO_FROM_PRESET },
    };
    if (chosen->path == NULL)
        return -ENOMEM;
    rc = find_named(run, plugins, what, section, chosen, &s);
    if (rc != 0 || (section == NULL && node != NULL && !node->empty))
        return rc;                  /* no section at all, as reported */
    p = s.found != NULL ? s.found : s.guess;
    if (p != NULL) {
        sets[1].options = p->plugin->options;
        sets[1].since = options_since(mo_tree_find(section, "plugin"),
                                      what->keys[0].preset);
        sets[1].open = false;
        sets[1].config = mo_arena_alloc(run->arena,
                                        p->plugin->config_size + 1);
        if (sets[1].config == NULL)
            return -ENOMEM;
    }
    if (s.found != NULL) {
        chosen->from = s.found;
        chosen->plugin = s.found->plugin;
        chosen->ops = s.found->ops;
        chosen->config = sets[1].config;
    }
    before = run->last;
    rc = mo_option_fill(run, section, path, sets, 2);
    first = before != NULL ? before->next : run->first;
    chosen->values = first;
    if (rc == 0 && s.another)
        say_another(first);
    return rc;
}

int mo_chosen_failed(uint32_t kind, const char *name, int rc,
                     struct moirai_error *err)
{
    const char *noun = mo_kind_of(kind)->noun;

    if (rc > 0)
        return moirai_error_set(err, -EINVAL, "%s \"%.60s\" does not start: "
                                "its init returned %d, which is no negative "
                                "errno", noun, name, rc);
    if (err == NULL || err->text[0] == '\0')
        return moirai_error_set(err, rc, "%s \"%.60s\" does not start: %s",
                                noun, name, strerror(-rc));
    err->code = rc;
    return rc;
}
