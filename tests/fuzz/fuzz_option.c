/* SPDX-License-Identifier: MIT */
/*
 * fuzz_option.c - any table of options, and a section that fills its struct.
 *
 * An input is a table, a line each option, then "%%", then the section as
 * YAML. A line is
 *
 *     name;type;min;max;preset;choice,choice,...;offset
 *
 * with the type as its number; what is left out is 0, or NULL.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "number.h"
#include "option.h"
#include "value.h"

#include "world.h"

const char fuzz_name[] = "option";

#define OPTIONS_MAX 12
#define CHOICES_MAX 8
#define CONFIG_SIZE (OPTIONS_MAX * 8)

struct table {
    struct moirai_option options[OPTIONS_MAX + 1];
    const char *choices[OPTIONS_MAX][CHOICES_MAX + 1];
};

/* The next field of *rest, or NULL if it is left out. */
static char *field(char **rest, const char *end)
{
    char *text = strsep(rest, end);

    return text != NULL && *text != '\0' ? text : NULL;
}

static uint64_t number(const char *text)
{
    return text != NULL ? strtoull(text, NULL, 0) : 0;
}

static void take_option(struct table *table, size_t i, char *line)
{
    struct moirai_option *o = &table->options[i];
    char *name = field(&line, ";");
    char *choices;
    char *offset;

    o->name = name != NULL ? name : "";
    o->type = (uint32_t)number(field(&line, ";"));
    o->min = number(field(&line, ";"));
    o->max = number(field(&line, ";"));
    o->preset = field(&line, ";");
    choices = field(&line, ";");
    for (size_t n = 0; choices != NULL && n < CHOICES_MAX; n++) {
        table->choices[i][n] = strsep(&choices, ",");
        o->choices = table->choices[i];
    }
    offset = field(&line, ";");
    o->offset = offset != NULL ? (uint32_t)number(offset) : (uint32_t)i * 8;
}

/* Reads the table off *rest, which is then the section. */
static void take_table(struct table *table, char **rest)
{
    size_t n = 0;
    char *line;

    while ((line = fuzz_line(rest)) != NULL && strcmp(line, "%%") != 0) {
        if (n < OPTIONS_MAX)
            take_option(table, n++, line);
    }
}

static enum number_sort sort_of(uint32_t type)
{
    return type == MOIRAI_INT        ? NUMBER_SIGNED
           : type == MOIRAI_SIZE     ? NUMBER_SIZE
           : type == MOIRAI_DURATION ? NUMBER_DURATION
                                     : NUMBER_PLAIN;
}

static bool inside(const struct moirai_option *o, uint64_t value)
{
    if (o->min == 0 && o->max == 0)
        return true;
    if (o->type == MOIRAI_INT || o->type == MOIRAI_DURATION)
        return (int64_t)value >= (int64_t)o->min &&
               (int64_t)value <= (int64_t)o->max;
    return value >= o->min && value <= o->max;
}

static void judge_number(const struct moirai_option *o, const char *text,
                         const char *at)
{
    uint64_t expected = 0;
    uint64_t value;

    memcpy(&value, at, sizeof value);
    for (size_t i = 0; o->choices != NULL && o->choices[i] != NULL; i++) {
        if (strcmp(o->choices[i], text) == 0) {
            FUZZ_CHECK(value == i, "%s is not word %zu", text, i);
            return;
        }
    }
    FUZZ_CHECK(number_read(sort_of(o->type), text, &expected) == 0 &&
               value == expected && inside(o, value), "%s: %s", o->name, text);
}

/* Does the struct hold what was said? */
static void judge_value(const struct moirai_option *o, const char *text,
                        const char *config)
{
    const char *at = config + o->offset;
    const char *string;
    uint32_t choice;

    switch (o->type) {
    case MOIRAI_BOOL:
        FUZZ_CHECK(*at == 0 || *at == 1, "%d", *at);
        break;
    case MOIRAI_STRING:
        memcpy(&string, at, sizeof string);
        FUZZ_CHECK(strcmp(string, text) == 0, "%s, not %s", string, text);
        break;
    case MOIRAI_CHOICE:
        memcpy(&choice, at, sizeof choice);
        FUZZ_CHECK(strcmp(o->choices[choice], text) == 0, "%s", text);
        break;
    default:
        judge_number(o, text, at);
        break;
    }
}

static const struct moirai_option *find(const struct table *table,
                                        const char *name)
{
    const struct moirai_option *o = table->options;

    while (o->name != NULL && strcmp(o->name, name) != 0)
        o++;
    FUZZ_CHECK(o->name != NULL, "no option %s", name);
    return o;
}

/* Two options may share their bytes; then one of them has lost its value. */
static bool apart(const struct table *table)
{
    bool taken[CONFIG_SIZE] = { false };

    for (const struct moirai_option *o = table->options; o->name; o++) {
        for (size_t i = 0; i < mo_value_size(o->type); i++) {
            if (taken[o->offset + i])
                return false;
            taken[o->offset + i] = true;
        }
    }
    return true;
}

static void try_section(const struct table *table, const char *yaml)
{
    uint64_t config[CONFIG_SIZE / 8] = { 0 };
    const struct mo_option_set set = { table->options, config, 0, false };
    struct mo_arena arena = { NULL };
    struct mo_report report = { .list = NULL };
    struct mo_option_run run = { .arena = &arena, .report = &report };
    struct mo_tree tree;
    size_t n = strlen(yaml);

    if (mo_tree_init(&tree, &arena, &report) != 0 ||
        mo_config_parse(&tree, "yaml", yaml, n) != 0)
        abort();
    run.partial = tree.partial;
    if (mo_option_fill(&run, tree.root, "section", &set, 1) != 0)
        abort();
    if (report.count == 0 && apart(table)) {
        for (const struct mo_option_value *v = run.first; v; v = v->next) {
            FUZZ_CHECK(strncmp(v->key, "section.", 8) == 0, "%s", v->key);
            judge_value(find(table, v->key + 8), v->text,
                        (const char *)config);
        }
    }
    world_judge(&report, yaml, n);
    mo_report_fini(&report);
    mo_arena_fini(&arena);
}

/* What is offered as an example has to be right. */
static void try_examples(const struct table *table)
{
    struct mo_arena arena = { NULL };
    char why[MO_VALUE_WHY];

    for (const struct moirai_option *o = table->options; o->name; o++) {
        char out[MO_VALUE_EXAMPLE];
        const char *example = mo_value_example(o, out);

        if (o->type == MOIRAI_STRING && o->min >= sizeof out)
            continue;
        FUZZ_CHECK(mo_value_parse(o, example, NULL, &arena, why) == 0,
                   "example %s: %s", example, why);
    }
    mo_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct moirai_option own[] = {
        { .name = "plugin" }, { .name = NULL },
    };
    struct table table = { .options = { { .name = NULL } } };
    char *text = fuzz_text(data, size);
    char *rest = text;
    char why[MO_VALUE_WHY];
    int rc;

    take_table(&table, &rest);
    memset(why, 0, sizeof why);
    rc = mo_option_sound(table.options, CONFIG_SIZE, own, why);
    FUZZ_CHECK((rc == 0) == (why[0] == '\0'), "%d: %s", rc, why);
    if (rc == 0) {
        try_examples(&table);
        try_section(&table, rest != NULL ? rest : "");
    }
    free(text);
    return 0;
}
