/* SPDX-License-Identifier: MIT */
/*
 * reference.c - what may be written in a configuration, as tables for people.
 */
#include "reference.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "section.h"
#include "text.h"
#include "value.h"

static void put_words(const char *const *words, const char *between)
{
    for (size_t i = 0; words[i] != NULL; i++)
        printf("%s`%s`", i > 0 ? between : "", words[i]);
}

static void put_takes(const struct moirai_option *o)
{
    char least[MO_TEXT_NUMBER];
    char most[MO_TEXT_NUMBER];

    if (o->type == MOIRAI_CHOICE) {
        put_words(o->choices, ", ");
        return;
    }
    printf("%s", mo_value_type(o->type));
    if (o->type == MOIRAI_STRING && o->max != 0)
        printf(" of at most %llu bytes", (unsigned long long)o->max);
    else if (o->min == o->max && o->min != 0)
        printf(" %s", mo_value_bound(least, o, o->min));
    else if (o->max >= INT64_MAX && o->type != MOIRAI_INT)
        printf(", %s or more", mo_value_bound(least, o, o->min));
    else if (o->min != 0 || o->max != 0)
        printf(", %s to %s", mo_value_bound(least, o, o->min),
               mo_value_bound(most, o, o->max));
    if (o->choices != NULL) {
        printf(", or ");
        put_words(o->choices, " or ");
    }
}

/* Text of a table's cell. */
static void put_cell(const char *text)
{
    for (; text != NULL && *text != '\0'; text++) {
        if (*text == '|')
            putchar('\\');
        putchar(*text);
    }
}

/* A sentence, from what is written like the rest of one. */
static void put_sentence(const char *text)
{
    printf("%c%s.", toupper((unsigned char)text[0]), text + 1);
}

static void put_table(const struct moirai_option *o)
{
    printf("| key | takes | preset | what it is |\n|---|---|---|---|\n");
    for (; o->name != NULL; o++) {
        printf("| `%s` | ", o->name);
        put_takes(o);
        if (o->preset == NULL)
            printf(" | must be said | ");
        else if (o->preset[0] == '\0')
            printf(" | none | ");
        else
            printf(" | `%s` | ", o->preset);
        put_cell(o->help);
        printf(" |\n");
    }
    printf("\n");
}

static void put_plugin(const struct mo_section_form *form,
                       const struct mo_plugin *p)
{
    const struct moirai_option *o = p->plugin->options;

    printf("### %s: %s\n\n", form->name, p->name);
    if (p->plugin->summary[0] != '\0') {
        put_sentence(p->plugin->summary);
        printf("\n\n");
    }
    if (o != NULL && o->name != NULL)
        put_table(o);
    else
        printf("It has no keys of its own.\n\n");
}

static void put_section(const struct mo_section_form *form)
{
    printf("## %s\n\n", form->name);
    put_sentence(form->help);
    if (form->shape == MO_SECTION_NAMED)
        printf(" Each entry has a name of yours.");
    else if (form->shape == MO_SECTION_LISTS)
        printf(" A value may be a list.");
    if (form->kind != 0)
        printf("\nBeside these, it has the keys of the plugin it chooses.");
    printf("\n\n");
    put_table(form->keys);
}

static int by_name(const void *a, const void *b)
{
    const struct mo_plugin *x = *(const struct mo_plugin *const *)a;
    const struct mo_plugin *y = *(const struct mo_plugin *const *)b;

    return strcmp(x->name, y->name);
}

/* The usable plugins, by name; how many into *n. NULL: no memory. */
static const struct mo_plugin **sort(const struct mo_plugins *set, size_t *n)
{
    const struct mo_plugin **list;
    size_t most = 1;

    for (const struct mo_plugin *p = set->first; p != NULL; p = p->next)
        most++;
    list = malloc(most * sizeof *list);
    *n = 0;
    if (list == NULL)
        return NULL;
    for (const struct mo_plugin *p = set->first; p != NULL; p = p->next) {
        if (p->state == MO_PLUGIN_READY && p->shadowed_by == NULL)
            list[(*n)++] = p;
    }
    qsort(list, *n, sizeof *list, by_name);
    return list;
}

int reference_print(const struct mo_plugins *set)
{
    const struct mo_section_form *form;
    size_t n;
    const struct mo_plugin **list = sort(set, &n);

    if (list == NULL)
        return -ENOMEM;
    for (form = mo_section_forms(); form->name != NULL; form++) {
        put_section(form);
        for (size_t i = 0; form->kind != 0 && i < n; i++) {
            if (list[i]->kind->kind == form->kind)
                put_plugin(form, list[i]);
        }
    }
    free(list);
    return 0;
}
