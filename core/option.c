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

/* NULL: no memory. */
static struct mo_option_value *make_value(struct mo_option_run *run,
                                          const char *path,
                                          const struct moirai_option *option,
                                          const char *text,
                                          const struct mo_place *place)
{
    struct mo_option_value *value = mo_arena_alloc(run->arena, sizeof *value);
    char full[MO_TREE_PATH];

    if (value == NULL)
        return NULL;
    join(full, path, option->name);
    value->key = mo_arena_strdup(run->arena, full);
    value->path = mo_arena_strdup(run->arena, path);
    value->name = option->name;
    value->option = option;
    value->text = mo_arena_strdup(run->arena, text);
    value->place = *place;
    if (value->key == NULL || value->path == NULL || value->text == NULL)
        return NULL;
    return value;
}

int mo_option_record(struct mo_option_run *run, const char *path,
                     const struct moirai_option *option, const char *text,
                     const struct mo_place *place)
{
    struct mo_option_value *value = make_value(run, path, option, text,
                                               place);

    if (value == NULL)
        return -ENOMEM;
    if (run->last != NULL)
        run->last->next = value;
    else
        run->first = value;
    run->last = value;
    run->bottom = value;
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

/* Of the key; of the value, if somebody repeated the key for it. */
static const struct mo_place *written(const struct mo_tree_node *node)
{
    return node->place.from > node->key_place.from ? &node->place
                                                   : &node->key_place;
}

static void report_unknown(struct mo_option_run *run,
                           const struct mo_tree_node *node, const char *path,
                           const struct mo_option_set *sets, size_t n)
{
    struct mo_text_guess guess;
    char full[MO_TREE_PATH];
    char known[MO_VALUE_WHY];

    mo_text_guess_init(&guess, node->key);
    for (size_t i = 0; i < n; i++) {
        const struct moirai_option *o = sets[i].options;

        for (; o != NULL && o->name != NULL; o++)
            mo_text_guess_offer(&guess, o->name);
    }
    join(full, path, node->key);
    list_keys(known, sizeof known, sets, n);
    if (guess.best != NULL)
        mo_report_add(run->report, written(node), full,
                      "unknown key, did you mean \"%s\"?", guess.best);
    else
        mo_report_add(run->report, written(node), full,
                      "unknown key; known here: %s", known);
}

void mo_option_unknown(struct mo_option_run *run,
                       const struct mo_tree_node *section, const char *path,
                       const struct moirai_option *options,
                       const char *(*home)(const char *key))
{
    const struct mo_option_set set = { .options = options };
    const struct mo_option_set *found;
    const struct mo_tree_node *node = section != NULL ? section->first : NULL;

    for (; node != NULL; node = node->next) {
        const char *there = home != NULL ? home(node->key) : NULL;

        if (find_option(&set, 1, node->key, &found) != NULL)
            continue;
        if (there != NULL)
            mo_report_add(run->report, written(node), node->key,
                          "is no section; write %s: {%s: ...}", there,
                          node->key);
        else
            report_unknown(run, node, path, &set, 1);
    }
}

/* Remembers a value; with `over` it is one that did not win. */
static int remember(struct mo_option_run *run, const struct moirai_option *o,
                    const struct mo_tree_node *node, const char *path,
                    bool over)
{
    struct mo_option_value *winner = run->last;
    struct mo_option_value *value;

    if (!over)
        return mo_option_record(run, path, o, node->text, &node->place);
    if (winner == NULL || winner->option != o ||
        strcmp(winner->path, path) != 0)
        return 0;                   /* what won was wrong itself */
    value = make_value(run, path, o, node->text, &node->place);
    if (value == NULL)
        return -ENOMEM;
    run->bottom->over = value;
    run->bottom = value;
    return 0;
}

/* Checks one node against its option and stores it if `config` is given. */
static int take_value(struct mo_option_run *run,
                      const struct moirai_option *o,
                      const struct mo_tree_node *node, const char *path,
                      void *config)
{
    char why[MO_VALUE_WHY];
    char full[MO_TREE_PATH];
    char example[MO_VALUE_EXAMPLE];
    int rc = -EINVAL;

    if (node->bad)
        return 0;
    join(full, path, o->name);
    if (node->shape != MO_TREE_SCALAR)
        snprintf(why, sizeof why, "expected a value, such as %.60s, not a %s",
                 mo_value_example(o, example),
                 node->shape == MO_TREE_MAP ? "section" : "list");
    else if (node->empty)
        snprintf(why, sizeof why, "has no value; write one, such as %.60s",
                 mo_value_example(o, example));
    else
        rc = mo_value_parse(o, node->text, config, run->arena, why);
    if (rc == -EINVAL) {
        mo_report_add(run->report, &node->place, full, "%s", why);
        return 0;
    }
    return rc == 0 ? remember(run, o, node, path, config == NULL) : rc;
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
    char example[MO_VALUE_EXAMPLE];
    int rc;

    if (node != NULL && node->place.from >= set->since)
        return 0;
    if (o->preset == NULL) {
        join(full, path, o->name);
        if (!run->partial)
            mo_report_add(run->report,
                          section != NULL ? &section->place : &place, full,
                          "missing; write it, such as %s: %s", o->name,
                          mo_value_example(o, example));
        return 0;
    }
    rc = mo_value_parse(o, o->preset, set->config, run->arena, why);
    if (rc == -EINVAL)
        mo_report_add(run->report, &place, o->name, "%s", why);
    if (rc != 0)
        return rc == -ENOMEM ? rc : 0;
    return mo_option_record(run, path, o, o->preset, &place);
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

/* May it stand in YAML as it is, for a name? */
static bool is_word(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    return n > 0 && n <= 40 && text[n] == '\0' &&
           strspn(text, "0123456789_-") < n;
}

const struct mo_tree_node *mo_option_section(struct mo_option_run *run,
                                             const struct mo_tree_node *node,
                                             const char *path, const char *key)
{
    char quoted[MO_TEXT_QUOTED];

    if (node == NULL || node->bad)
        return NULL;
    if (node->shape == MO_TREE_MAP || node->empty)
        return node;
    if (node->shape == MO_TREE_LIST)
        mo_report_add(run->report, &node->place, path,
                      "expected a section of keys, not a list");
    else if (key != NULL && is_word(node->text))
        mo_report_add(run->report, &node->place, path,
                      "expected a section of keys, not %s; write {%s: %.40s}",
                      mo_text_quote(quoted, node->text), key, node->text);
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
    if (size > config_size || o->offset > config_size - size)
        return flaw(why, o, "its offset is outside the config struct");
    if (o->offset % size != 0)
        return flaw(why, o, "its offset is not one that a field of its type "
                            "can have");
    if (o->type == MOIRAI_CHOICE &&
        (o->choices == NULL || o->choices[0] == NULL))
        return flaw(why, o, "it has no choices");
    if (!mo_value_possible(o))
        return flaw(why, o, "its bounds leave no value");
    if (o->preset == NULL)
        return 0;
    rc = mo_value_parse(o, o->preset, NULL, arena, wrong);
    if (rc == -EINVAL)
        snprintf(why, MO_VALUE_WHY, "option \"%.60s\": preset: %.170s",
                 o->name, wrong);
    return rc;
}

/* Of two options that are sound by themselves. */
static int sound_pair(const struct moirai_option *o,
                      const struct moirai_option *earlier, char *why)
{
    size_t end = o->offset + mo_value_size(o->type);
    size_t earlier_end = earlier->offset + mo_value_size(earlier->type);

    if (strcmp(earlier->name, o->name) == 0)
        return flaw(why, o, "declared twice");
    if (o->offset < earlier_end && earlier->offset < end) {
        snprintf(why, MO_VALUE_WHY, "option \"%.60s\": its field overlaps "
                 "that of \"%.60s\"", o->name, earlier->name);
        return -EINVAL;
    }
    return 0;
}

int mo_option_sound(const struct moirai_option *options, size_t config_size,
                    const struct moirai_option *own, char *why)
{
    const struct mo_option_set core = { .options = own };
    const struct mo_option_set *found;
    struct mo_arena arena = { NULL };
    int rc = 0;

    for (size_t i = 0; rc == 0 && options != NULL && options[i].name != NULL;
         i++) {
        const struct moirai_option *o = &options[i];

        if (i >= TABLE_MAX)
            rc = flaw(why, o, "the table of options does not end");
        else if (find_option(&core, 1, o->name, &found) != NULL)
            rc = flaw(why, o, "the key is the core's own");
        else
            rc = sound_option(o, config_size, &arena, why);
        for (size_t j = 0; rc == 0 && j < i; j++)
            rc = sound_pair(o, &options[j], why);
    }
    mo_arena_fini(&arena);
    return rc;
}
