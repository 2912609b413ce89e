/* SPDX-License-Identifier: MIT */
/*
 * option.c - a section of the tree to a config struct.
 */
#include "option.h"

#include <errno.h>
#include <string.h>

#include "text.h"
#include "value.h"

#define TABLE_MAX 256               /* no plugin has that many options */
#define TEXT_MOST 200

static void join(char *out, const char *path, const char *key)
{
    snprintf(out, MO_TREE_PATH, "%s%s%s", path, path[0] != '\0' ? "." : "",
             key);
}

int mo_option_record(struct mo_option_run *run, const char *path,
                     const char *key, const char *text,
                     const struct mo_place *place)
{
    struct mo_option_value *value = mo_arena_alloc(run->arena, sizeof *value);
    char full[MO_TREE_PATH];

    if (value == NULL)
        return -ENOMEM;
    join(full, path, key);
    value->key = mo_arena_strdup(run->arena, full);
    value->text = mo_arena_strdup(run->arena, text);
    value->place = *place;
    if (value->key == NULL || value->text == NULL)
        return -ENOMEM;
    if (run->last != NULL)
        run->last->next = value;
    else
        run->first = value;
    run->last = value;
    return 0;
}

static const struct moirai_option *
find_option(const struct mo_option_set *sets, size_t n, const char *key,
            const struct mo_option_set **set)
{
    for (size_t i = 0; i < n; i++) {
        const struct moirai_option *o = sets[i].options;

        for (; o != NULL && o->name != NULL; o++) {
            if (strcmp(o->name, key) == 0) {
                *set = &sets[i];
                return o;
            }
        }
    }
    return NULL;
}

/* "known are a, b, c" for a key that is near none of them. */
static void list_keys(char *out, size_t size,
                      const struct mo_option_set *sets, size_t n)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        const struct moirai_option *o = sets[i].options;

        for (; o != NULL && o->name != NULL && used + 1 < size; o++) {
            snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "",
                     o->name);
            used += strlen(out + used);
        }
    }
}

static void report_unknown(struct mo_option_run *run,
                           const struct mo_tree_node *node, const char *path,
                           const struct mo_option_set *sets, size_t n)
{
    const struct mo_place *place = &node->key_place;
    struct mo_text_guess guess;
    char full[MO_TREE_PATH];
    char known[MO_VALUE_WHY];

    if (node->place.from > place->from)
        place = &node->place;       /* who repeated the key */
    mo_text_guess_init(&guess, node->key);
    for (size_t i = 0; i < n; i++) {
        const struct moirai_option *o = sets[i].options;

        for (; o != NULL && o->name != NULL; o++)
            mo_text_guess_offer(&guess, o->name);
    }
    join(full, path, node->key);
    list_keys(known, sizeof known, sets, n);
    if (guess.best != NULL)
        mo_report_add(run->report, place, full,
                      "unknown key, did you mean \"%s\"?", guess.best);
    else
        mo_report_add(run->report, place, full,
                      "unknown key; known here: %s", known);
}

void mo_option_unknown(struct mo_option_run *run,
                       const struct mo_tree_node *section, const char *path,
                       const struct moirai_option *options)
{
    const struct mo_option_set set = { .options = options };
    const struct mo_option_set *found;
    const struct mo_tree_node *node = section != NULL ? section->first : NULL;

    for (; node != NULL; node = node->next) {
        if (find_option(&set, 1, node->key, &found) == NULL)
            report_unknown(run, node, path, &set, 1);
    }
}

/* Checks one node against its option and stores it if `config` is given. */
static int take_value(struct mo_option_run *run,
                      const struct moirai_option *o,
                      const struct mo_tree_node *node, const char *path,
                      void *config)
{
    char why[MO_VALUE_WHY];
    char full[MO_TREE_PATH];
    int rc = -EINVAL;

    if (node->bad)
        return 0;
    join(full, path, o->name);
    if (node->shape != MO_TREE_SCALAR)
        snprintf(why, sizeof why, "expected a value, such as %.60s, not a %s",
                 mo_value_example(o),
                 node->shape == MO_TREE_MAP ? "section" : "list");
    else if (node->empty)
        snprintf(why, sizeof why, "has no value; write one, such as %.60s",
                 mo_value_example(o));
    else
        rc = mo_value_parse(o, node->text, config, run->arena, why);
    if (rc == -EINVAL) {
        mo_report_add(run->report, &node->place, full, "%s", why);
        return 0;
    }
    if (rc == 0 && config != NULL)
        rc = mo_option_record(run, path, o->name, node->text, &node->place);
    return rc;
}

/* The keys that were written. */
static int take_written(struct mo_option_run *run,
                        const struct mo_tree_node *section, const char *path,
                        const struct mo_option_set *sets, size_t n)
{
    const struct mo_tree_node *node = section != NULL ? section->first : NULL;
    int rc = 0;

    for (; rc == 0 && node != NULL; node = node->next) {
        const struct mo_option_set *set = NULL;
        const struct moirai_option *o = find_option(sets, n, node->key, &set);
        const struct mo_tree_node *under = node->under;

        if (o == NULL) {
            /* It may have been meant for the plugin that was overridden. */
            if (!sets[n - 1].open &&
                node->place.from >= sets[n - 1].since)
                report_unknown(run, node, path, sets, n);
            continue;
        }
        if (node->place.from >= set->since)
            rc = take_value(run, o, node, path, set->config);
        for (; rc == 0 && under != NULL; under = under->under) {
            if (under->place.from >= set->since)
                rc = take_value(run, o, under, path, NULL);
        }
    }
    return rc;
}

/* Presets for what was not written, or not meant. */
static int take_preset(struct mo_option_run *run,
                       const struct mo_tree_node *section, const char *path,
                       const struct mo_option_set *set,
                       const struct moirai_option *o)
{
    const struct mo_tree_node *node = mo_tree_find(section, o->name);
    struct mo_place place = { .from = MO_FROM_PRESET };
    char why[MO_VALUE_WHY];
    char full[MO_TREE_PATH];
    int rc;

    if (node != NULL && node->place.from >= set->since)
        return 0;
    if (o->preset == NULL) {
        join(full, path, o->name);
        if (!run->partial)
            mo_report_add(run->report,
                          section != NULL ? &section->place : &place, full,
                          "missing; write it, such as %s: %s", o->name,
                          mo_value_example(o));
        return 0;
    }
    rc = mo_value_parse(o, o->preset, set->config, run->arena, why);
    if (rc == -EINVAL)
        mo_report_add(run->report, &place, o->name, "%s", why);
    if (rc != 0)
        return rc == -ENOMEM ? rc : 0;
    if (o->preset[0] == '\0')
        return 0;                   /* it stands for "not said" */
    return mo_option_record(run, path, o->name, o->preset, &place);
}

int mo_option_fill(struct mo_option_run *run,
                   const struct mo_tree_node *section, const char *path,
                   const struct mo_option_set *sets, size_t n)
{
    int rc = take_written(run, section, path, sets, n);

    for (size_t i = 0; i < n; i++) {
        const struct moirai_option *o = sets[i].options;

        for (; rc == 0 && o != NULL && o->name != NULL; o++)
            rc = take_preset(run, section, path, &sets[i], o);
    }
    return rc;
}

const struct mo_tree_node *mo_option_section(struct mo_option_run *run,
                                             const struct mo_tree_node *node,
                                             const char *path)
{
    char quoted[MO_TEXT_QUOTED];

    if (node == NULL || node->bad)
        return NULL;
    if (node->shape == MO_TREE_MAP || node->empty)
        return node;
    if (node->shape == MO_TREE_LIST)
        mo_report_add(run->report, &node->place, path,
                      "expected a section of keys, not a list");
    else
        mo_report_add(run->report, &node->place, path,
                      "expected a section of keys, not %s",
                      mo_text_quote(quoted, node->text));
    return NULL;
}

static int flaw(char *why, const struct moirai_option *o, const char *what)
{
    char quoted[MO_TEXT_QUOTED];

    snprintf(why, MO_VALUE_WHY, "option %s: %s",
             mo_text_quote(quoted, o->name), what);
    return -EINVAL;
}

static int sound_option(const struct moirai_option *o, size_t config_size,
                        struct mo_arena *arena, char *why)
{
    char wrong[MO_VALUE_WHY];
    size_t size;
    int rc;

    if (!mo_text_shows(o->name, TEXT_MOST) || o->name[0] == '\0')
        return flaw(why, o, "its name is not a word");
    if (!mo_text_shows(o->help, TEXT_MOST))
        return flaw(why, o, "its help is not a line of text");
    for (size_t i = 0; o->choices != NULL && o->choices[i] != NULL; i++) {
        if (i >= TABLE_MAX || !mo_text_shows(o->choices[i], TEXT_MOST))
            return flaw(why, o, "its choices are not words");
    }
    size = mo_value_size(o->type);
    if (size == 0)
        return flaw(why, o, "its type is unknown to this moirai");
    if (size > config_size || o->offset > config_size - size ||
        o->offset % size != 0)
        return flaw(why, o, "its offset is outside the config struct");
    if (o->type == MOIRAI_CHOICE &&
        (o->choices == NULL || o->choices[0] == NULL))
        return flaw(why, o, "it has no choices");
    if (o->preset == NULL)
        return 0;
    rc = mo_value_parse(o, o->preset, NULL, arena, wrong);
    if (rc == -EINVAL)
        snprintf(why, MO_VALUE_WHY, "option \"%.60s\": preset: %.170s",
                 o->name, wrong);
    return rc;
}

int mo_option_sound(const struct moirai_option *options, size_t config_size,
                    const char *const *reserved, char *why)
{
    struct mo_arena arena = { NULL };
    int rc = 0;

    for (size_t i = 0; rc == 0 && options != NULL && options[i].name != NULL;
         i++) {
        const struct moirai_option *o = &options[i];

        if (i >= TABLE_MAX)
            rc = flaw(why, o, "the table of options does not end");
        else if (mo_value_word(reserved, o->name) >= 0)
            rc = flaw(why, o, "the key is the core's own");
        else
            rc = sound_option(o, config_size, &arena, why);
        for (size_t j = 0; rc == 0 && j < i; j++) {
            if (strcmp(options[j].name, o->name) == 0)
                rc = flaw(why, o, "declared twice");
        }
    }
    mo_arena_fini(&arena);
    return rc;
}
