/* SPDX-License-Identifier: MIT */
/*
 * schema.c - what may be written in a configuration, as a JSON Schema.
 *
 * Everything comes from the tables that the parser uses. A section that
 * chooses a plugin has the core's keys, and for each plugin a rule: if it is
 * the one, then these keys and no others.
 */
#include "schema.h"

#include <stdio.h>
#include <string.h>

#include "section.h"
#include "text.h"
#include "value.h"

#define NUMBER "(0|[1-9][0-9]*)"
#define PATTERN_MAX 200

static void put_words(struct json *j, const char *const *words)
{
    json_key(j, "enum");
    json_open(j, '[');
    for (; *words != NULL; words++)
        json_text(j, *words);
    json_close(j, ']');
}

static void string_like(struct json *j, const char *pattern)
{
    json_open(j, '{');
    json_pair(j, "type", "string");
    json_pair(j, "pattern", pattern);
    json_close(j, '}');
}

/* A number followed by one of the units. */
static void quantity(struct json *j, const char *(*unit)(size_t i))
{
    char pattern[PATTERN_MAX] = "^" NUMBER "( ?(";
    bool alone = false;
    const char *name;

    for (size_t i = 0; (name = unit(i)) != NULL; i++) {
        size_t used = strlen(pattern);

        alone = alone || name[0] == '\0';
        if (name[0] != '\0')
            snprintf(pattern + used, sizeof pattern - used, "%s%s",
                     i > 0 ? "|" : "", name);
    }
    strcat(pattern, alone ? "))?$" : "))$");
    string_like(j, pattern);
}

static void put_bound(struct json *j, const char *key,
                      const struct moirai_option *o, uint64_t bound)
{
    json_key(j, key);
    if (o->type == MOIRAI_INT)
        json_number(j, (int64_t)bound);
    else
        json_unsigned(j, bound);
}

/* There is one number only. */
static void only(struct json *j, const struct moirai_option *o)
{
    char shown[MO_TEXT_NUMBER];

    json_open(j, '{');
    json_key(j, "enum");
    json_open(j, '[');
    if (o->type == MOIRAI_INT)
        json_number(j, (int64_t)o->min);
    else
        json_unsigned(j, o->min);
    json_text(j, mo_value_bound(shown, o, o->min));
    json_close(j, ']');
    json_close(j, '}');
}

/* A whole number inside the bounds; as a text, of any size. */
static void number(struct json *j, const struct moirai_option *o)
{
    bool bounded = o->min != 0 || o->max != 0;

    if (bounded && o->min == o->max) {
        only(j, o);
        return;
    }
    json_open(j, '{');
    json_pair(j, "type", "integer");
    if (bounded || o->type != MOIRAI_INT)
        put_bound(j, "minimum", o, bounded ? o->min : 0);
    if (bounded)
        put_bound(j, "maximum", o, o->max);
    json_close(j, '}');
    if (o->type == MOIRAI_SIZE)
        quantity(j, mo_text_size_unit);
    else
        string_like(j, o->type == MOIRAI_INT ? "^-?" NUMBER "$"
                                             : "^" NUMBER "$");
}

static void duration(struct json *j)
{
    json_open(j, '{');
    json_key(j, "const");
    json_number(j, 0);
    json_close(j, '}');
    string_like(j, "^0$");
    quantity(j, mo_text_duration_unit);
}

static void boolean(struct json *j)
{
    json_open(j, '{');
    json_key(j, "enum");
    json_open(j, '[');
    json_bool(j, true);
    json_bool(j, false);
    for (size_t i = 0; mo_text_bool_word(i) != NULL; i++)
        json_text(j, mo_text_bool_word(i));
    json_close(j, ']');
    json_close(j, '}');
}

/* 3 and true are texts too, for us. */
static void text(struct json *j, const struct moirai_option *o)
{
    static const char *const types[] = { "string", "number", "boolean" };

    json_open(j, '{');
    json_key(j, "type");
    json_open(j, '[');
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        json_text(j, types[i]);
    json_close(j, ']');
    if (o->min != 0) {
        json_key(j, "minLength");
        json_number(j, 1);
    }
    if (o->max != 0)
        put_bound(j, "maxLength", o, o->max);
    json_close(j, '}');
}

/* The forms that the option's value may have. */
static void forms_of(struct json *j, const struct moirai_option *o)
{
    if (o->type == MOIRAI_BOOL)
        boolean(j);
    else if (o->type == MOIRAI_STRING)
        text(j, o);
    else if (o->type == MOIRAI_DURATION)
        duration(j);
    else if (o->type != MOIRAI_CHOICE)
        number(j, o);
    if (o->choices != NULL) {
        json_open(j, '{');
        put_words(j, o->choices);
        json_close(j, '}');
    }
}

static void describe(struct json *j, const struct moirai_option *o)
{
    int64_t value;
    bool yes;

    if (o->help != NULL)
        json_pair(j, "description", o->help);
    if (o->preset == NULL)
        return;
    json_key(j, "default");
    if ((o->type == MOIRAI_UINT || o->type == MOIRAI_INT) &&
        mo_text_int(o->preset, &value) == 0)
        json_number(j, value);
    else if (o->type == MOIRAI_BOOL && mo_text_bool(o->preset, &yes) == 0)
        json_bool(j, yes);
    else
        json_text(j, o->preset);
}

static void reference(struct json *j, const char *definition)
{
    json_open(j, '{');
    json_pair(j, "$ref", definition);
    json_close(j, '}');
}

static void value(struct json *j, const struct moirai_option *o)
{
    json_open(j, '{');
    describe(j, o);
    json_key(j, "anyOf");
    json_open(j, '[');
    forms_of(j, o);
    reference(j, "#/definitions/variable");
    json_close(j, ']');
    json_close(j, '}');
}

/* One value, or a list of them. */
static void value_or_list(struct json *j, const struct moirai_option *o)
{
    json_open(j, '{');
    describe(j, o);
    json_key(j, "anyOf");
    json_open(j, '[');
    forms_of(j, o);
    json_open(j, '{');
    json_pair(j, "type", "array");
    json_key(j, "items");
    json_open(j, '{');
    json_key(j, "anyOf");
    json_open(j, '[');
    forms_of(j, o);
    json_close(j, ']');
    json_close(j, '}');
    json_close(j, '}');
    json_close(j, ']');
    json_close(j, '}');
}

static bool usable(const struct mo_plugin *p, uint32_t kind)
{
    return p->state == MO_PLUGIN_READY && p->shadowed_by == NULL &&
           p->kind->kind == kind;
}

/* The key `plugin`: a known name, auto, or a path. */
static void plugin_name(struct json *j, const struct mo_plugins *set,
                        const struct moirai_option *o, uint32_t kind)
{
    json_open(j, '{');
    describe(j, o);
    json_key(j, "anyOf");
    json_open(j, '[');
    json_open(j, '{');
    json_key(j, "enum");
    json_open(j, '[');
    json_text(j, "auto");
    for (const struct mo_plugin *p = set->first; p != NULL; p = p->next) {
        if (usable(p, kind))
            json_text(j, p->name);
    }
    json_close(j, ']');
    json_close(j, '}');
    string_like(j, "/");
    reference(j, "#/definitions/variable");
    json_close(j, ']');
    json_close(j, '}');
}

/* The keys without a preset, if any. */
static void required(struct json *j, const struct moirai_option *o)
{
    bool any = false;

    for (; o != NULL && o->name != NULL; o++) {
        if (o->preset != NULL)
            continue;
        if (!any) {
            json_key(j, "required");
            json_open(j, '[');
        }
        any = true;
        json_text(j, o->name);
    }
    if (any)
        json_close(j, ']');
}

/* If this plugin is chosen, or none and it is the preset, then its keys and
 * the core's are all there may be. */
static void rule(struct json *j, const struct mo_plugin *p,
                 const struct moirai_option *own)
{
    const struct moirai_option *o;
    const char *preset = own[0].preset;

    json_open(j, '{');
    json_key(j, "if");
    json_open(j, '{');
    json_key(j, "properties");
    json_open(j, '{');
    json_key(j, own[0].name);
    json_open(j, '{');
    json_pair(j, "const", p->name);
    json_close(j, '}');
    json_close(j, '}');
    if (preset == NULL || strcmp(preset, p->name) != 0) {
        json_key(j, "required");
        json_open(j, '[');
        json_text(j, own[0].name);
        json_close(j, ']');
    }
    json_close(j, '}');
    json_key(j, "then");
    json_open(j, '{');
    json_key(j, "properties");
    json_open(j, '{');
    for (o = own; o->name != NULL; o++) {
        json_key(j, o->name);
        json_bool(j, true);         /* said above, for every plugin */
    }
    for (o = p->plugin->options; o != NULL && o->name != NULL; o++) {
        json_key(j, o->name);
        value(j, o);
    }
    json_close(j, '}');
    required(j, p->plugin->options);
    json_key(j, "additionalProperties");
    json_bool(j, false);
    json_close(j, '}');
    json_close(j, '}');
}

static bool needs_keys(const struct moirai_option *o)
{
    while (o->name != NULL && o->preset != NULL)
        o++;
    return o->name != NULL;
}

/* A section of keys may be left empty unless a key has no preset. */
static void object_type(struct json *j, bool needed)
{
    json_key(j, "type");
    if (needed) {
        json_text(j, "object");
        return;
    }
    json_open(j, '[');
    json_text(j, "object");
    json_text(j, "null");
    json_close(j, ']');
}

static void keys(struct json *j, const struct mo_plugins *set,
                 const struct mo_section_form *form)
{
    const struct moirai_option *o = form->keys;

    json_open(j, '{');
    json_pair(j, "description", form->help);
    object_type(j, needs_keys(o));
    json_key(j, "properties");
    json_open(j, '{');
    for (; o->name != NULL; o++) {
        json_key(j, o->name);
        if (form->kind != 0 && o == form->keys)
            plugin_name(j, set, o, form->kind);
        else if (form->shape == MO_SECTION_LISTS)
            value_or_list(j, o);
        else
            value(j, o);
    }
    json_close(j, '}');
    required(j, form->keys);
    if (form->kind == 0) {
        json_key(j, "additionalProperties");
        json_bool(j, false);
    } else {
        json_key(j, "allOf");
        json_open(j, '[');
        json_bool(j, true);         /* a list may not be empty */
        for (const struct mo_plugin *p = set->first; p != NULL; p = p->next) {
            if (usable(p, form->kind))
                rule(j, p, form->keys);
        }
        json_close(j, ']');
    }
    json_close(j, '}');
}

static void named(struct json *j, const struct mo_plugins *set,
                  const struct mo_section_form *form)
{
    json_open(j, '{');
    json_pair(j, "description", form->help);
    object_type(j, false);
    json_key(j, "propertyNames");
    json_open(j, '{');
    json_pair(j, "pattern", "^[^/:=\" \t\r\n]+$");
    json_key(j, "maxLength");
    json_number(j, MO_SECTION_NAME_MAX);
    json_close(j, '}');
    json_key(j, "additionalProperties");
    keys(j, set, form);
    json_close(j, '}');
}

static void sections(struct json *j, const struct mo_plugins *set)
{
    const struct mo_section_form *form;

    json_key(j, "properties");
    json_open(j, '{');
    for (form = mo_section_forms(); form->name != NULL; form++) {
        json_key(j, form->name);
        if (form->shape == MO_SECTION_VALUE)
            value(j, form->keys);
        else if (form->shape == MO_SECTION_NAMED)
            named(j, set, form);
        else
            keys(j, set, form);
    }
    json_close(j, '}');
    json_key(j, "additionalProperties");
    json_bool(j, false);
}

void schema_print(struct json *j, const struct mo_plugins *set)
{
    json_open(j, '{');
    json_pair(j, "$schema", "http://json-schema.org/draft-07/schema#");
    json_pair(j, "title", "moirai.yaml");
    json_pair(j, "description", "The configuration of a moirai runtime, as "
              "\"moirai config --schema\" found it here.");
    object_type(j, false);
    sections(j, set);
    json_key(j, "definitions");
    json_open(j, '{');
    json_key(j, "variable");
    string_like(j, "\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}");
    json_close(j, '}');
    json_close(j, '}');
    json_end();
}
