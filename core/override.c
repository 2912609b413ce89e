/* SPDX-License-Identifier: MIT */
/*
 * override.c - what environment, command line and API say, into the same tree.
 */
#include "override.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

#define STEPS_MAX 8                 /* no key lies deeper */
#define PREFIX "MOIRAI_"

struct steps {
    const char *list[STEPS_MAX];
    size_t n;
};

/* Variables with a name of their own. */
static const struct {
    const char *variable;
    const char *section, *key;
} short_names[] = {
    { "MOIRAI_STACK_SIZE", "stacks", "size" },
    { "MOIRAI_WORKERS", "runtime", "workers" },
};

/* Cuts SECTION__KEY where the doubled underscores are. */
static int cut_variable(char *name, struct steps *steps)
{
    char *next = name;

    steps->n = 0;
    while (next != NULL) {
        char *end = strstr(next, "__");

        if (end == next || *next == '\0' || steps->n == STEPS_MAX)
            return -EINVAL;
        steps->list[steps->n++] = next;
        if (end != NULL) {
            *end = '\0';
            end += 2;
        }
        next = end;
    }
    return 0;
}

static int take_variable(struct mo_tree *tree, const char *name,
                         const char *text)
{
    struct mo_place place = { .from = MO_FROM_ENV };
    struct steps steps;
    char *copy = mo_arena_strdup(tree->arena, name + strlen(PREFIX));
    int rc;

    place.source = mo_arena_strdup(tree->arena, name);
    if (place.source == NULL || copy == NULL)
        return -ENOMEM;
    if (cut_variable(copy, &steps) != 0) {
        mo_report_add(tree->report, &place, NULL,
                      "names no key; write MOIRAI_SECTION__KEY");
        return 0;
    }
    rc = mo_tree_set(tree, steps.list, steps.n, true, &place, text);
    return rc == -ENOMEM ? rc : 0;
}

static int take_short_names(struct mo_tree *tree)
{
    int rc = 0;

    for (size_t i = 0; i < sizeof short_names / sizeof short_names[0]; i++) {
        const char *steps[] = { short_names[i].section, short_names[i].key };
        const char *text = secure_getenv(short_names[i].variable);
        struct mo_place place = {
            .from = MO_FROM_ENV, .source = short_names[i].variable,
        };

        if (text != NULL)
            rc = mo_tree_set(tree, steps, 2, false, &place, text);
        if (rc == -ENOMEM)
            return rc;
    }
    return 0;
}

int mo_override_environment(struct mo_tree *tree)
{
    int rc = take_short_names(tree);

    for (char **entry = environ; rc == 0 && entry != NULL && *entry != NULL;
         entry++) {
        const char *equals = strchr(*entry, '=');
        char *name;

        if (equals == NULL || strncmp(*entry, PREFIX, strlen(PREFIX)) != 0)
            continue;
        name = mo_arena_strndup(tree->arena, *entry,
                                (size_t)(equals - *entry));
        if (name == NULL)
            return -ENOMEM;
        if (strstr(name, "__") != NULL && secure_getenv(name) != NULL)
            rc = take_variable(tree, name, equals + 1);
    }
    return rc;
}

/* Cuts the key of `a.b."c.d"=text` into steps; *text is what follows. */
static int cut_setting(char *setting, struct steps *steps, const char **text)
{
    char *p = setting;

    for (steps->n = 0; steps->n < STEPS_MAX;) {
        char *end;
        char stop;

        if (*p == '"') {
            end = strchr(++p, '"');
            if (end == NULL)
                return -EINVAL;
            *end++ = '\0';
        } else {
            end = p + strcspn(p, ".=");
        }
        stop = *end;
        *end = '\0';
        if (*p == '\0' || (stop != '.' && stop != '='))
            return -EINVAL;
        steps->list[steps->n++] = p;
        p = end + 1;
        if (stop == '=') {
            *text = p;
            return 0;
        }
    }
    return -EINVAL;
}

/* One setting of n bytes. 0 or -ENOMEM. */
static int take_setting(struct mo_tree *tree, const struct mo_place *place,
                        const char *setting, size_t n)
{
    char quoted[MO_TEXT_QUOTED];
    struct steps steps;
    const char *text;
    char *copy = mo_arena_strndup(tree->arena, setting, n);
    char *whole = mo_arena_strndup(tree->arena, setting, n);
    int rc = 0;

    if (copy == NULL || whole == NULL)
        return -ENOMEM;
    if (cut_setting(copy, &steps, &text) != 0)
        mo_report_add(tree->report, place, NULL,
                      "%s is no setting; write it like "
                      "scheduler.plugin=fifo", mo_text_quote(quoted, whole));
    else
        rc = mo_tree_set(tree, steps.list, steps.n, false, place, text);
    return rc == -ENOMEM ? rc : 0;
}

int mo_override_command(struct mo_tree *tree)
{
    struct mo_place place = { .from = MO_FROM_COMMAND, .source = "-s" };
    const char *set = secure_getenv("MOIRAI_SET");
    int rc = 0;

    while (rc == 0 && set != NULL && *set != '\0') {
        size_t n = strcspn(set, "\n");

        if (n > 0)
            rc = take_setting(tree, &place, set, n);
        set += n;
        set += *set == '\n';
    }
    return rc;
}

int mo_override_api(struct mo_tree *tree, const char *const *set)
{
    struct mo_place place = { .from = MO_FROM_API };
    int rc = 0;

    for (; rc == 0 && set != NULL && *set != NULL; set++)
        rc = take_setting(tree, &place, *set, strlen(*set));
    return rc;
}
