/* SPDX-License-Identifier: MIT */
/*
 * expand.c - variables of the environment inside a value of the file.
 *
 * The result grows in a buffer of fixed size, so that neither a long variable
 * nor one that is named very often costs more than that.
 *
 * Rejected: expanding the file's text before YAML sees it, as some tools do.
 * A variable that holds ": " or a line break could then add keys, and the
 * places in messages would be those of a text that nobody has written.
 */
#include "expand.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define NAME_MAX_BYTES 100
#define VIA_MAX 256

struct expansion {
    char *out;                      /* of MO_EXPAND_MAX + 1 bytes */
    size_t n;
    char via[VIA_MAX];
    char *why;
};

/* A variable's place in a text. */
struct variable {
    char name[NAME_MAX_BYTES + 1];
    const char *fallback;           /* NULL: there is none */
    size_t n;                       /* of the default */
    const char *end;                /* behind the closing brace */
};

static int append(struct expansion *e, const char *text, size_t n)
{
    if (n > MO_EXPAND_MAX - e->n) {
        snprintf(e->why, MO_EXPAND_WHY, "longer than 16 KiB with its "
                 "variables filled in; no value needs that");
        return -EINVAL;
    }
    memcpy(e->out + e->n, text, n);
    e->n += n;
    return 0;
}

/* Remembers who the text came from. */
static void note(struct expansion *e, const char *name, bool fallback)
{
    size_t used = strlen(e->via);

    snprintf(e->via + used, VIA_MAX - used, "%s%s${%s}",
             used > 0 ? ", " : "", fallback ? "the default of " : "", name);
}

/* Length of the name at `text`: letters, digits, _; no digit first. */
static size_t name_length(const char *text)
{
    static const char letters[] =
        "_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    return text[0] >= '0' && text[0] <= '9' ? 0 : strspn(text, letters);
}

/* Takes "${...}" at `text` apart. */
static int cut(struct expansion *e, const char *text, struct variable *v)
{
    const char *name = text + 2;
    size_t n = name_length(name);
    const char *after = name + n;

    if (n == 0 || n > NAME_MAX_BYTES) {
        snprintf(e->why, MO_EXPAND_WHY, "behind \"${\" comes the name of a "
                 "variable: letters, digits and _; for a dollar sign write "
                 "$$");
        return -EINVAL;
    }
    snprintf(v->name, sizeof v->name, "%.*s", (int)n, name);
    v->fallback = NULL;
    if (*after == '}') {
        v->end = after + 1;
        return 0;
    }
    if (after[0] != ':' || after[1] != '-') {
        snprintf(e->why, MO_EXPAND_WHY, "behind \"${%s\" comes \"}\" or "
                 "\":-default}\"", v->name);
        return -EINVAL;
    }
    v->fallback = after + 2;
    v->n = strcspn(v->fallback, "}");
    v->end = v->fallback + v->n + 1;
    if (v->fallback[v->n] == '\0') {
        snprintf(e->why, MO_EXPAND_WHY, "\"${%s:-\" has no closing \"}\"",
                 v->name);
        return -EINVAL;
    }
    return 0;
}

/* The default is text; of what expands it has only $$. */
static int append_default(struct expansion *e, const struct variable *v)
{
    const char *p = v->fallback;
    const char *end = p + v->n;
    int rc = 0;

    while (rc == 0 && p < end) {
        const char *dollar = memchr(p, '$', (size_t)(end - p));

        if (dollar == NULL)
            return append(e, p, (size_t)(end - p));
        if (dollar + 1 == end || dollar[1] != '$') {
            snprintf(e->why, MO_EXPAND_WHY, "the default of ${%s} cannot hold "
                     "another variable; write it out, and $$ for a dollar "
                     "sign", v->name);
            return -EINVAL;
        }
        rc = append(e, p, (size_t)(dollar + 1 - p));
        p = dollar + 2;
    }
    return rc;
}

/* What "${...}" at *text stands for; moves *text behind it. */
static int append_variable(struct expansion *e, const char **text)
{
    struct variable v;
    const char *value;
    int rc = cut(e, *text, &v);

    if (rc != 0)
        return rc;
    *text = v.end;
    value = secure_getenv(v.name);
    if (v.fallback != NULL && (value == NULL || value[0] == '\0')) {
        note(e, v.name, true);
        return append_default(e, &v);
    }
    if (value == NULL) {
        snprintf(e->why, MO_EXPAND_WHY, "the variable %s is not set; set it, "
                 "or write ${%s:-default}", v.name, v.name);
        return -EINVAL;
    }
    note(e, v.name, false);
    return append(e, value, strlen(value));
}

static int fill(struct expansion *e, const char *text)
{
    const char *dollar;
    int rc = 0;

    while (rc == 0 && (dollar = strchr(text, '$')) != NULL) {
        rc = append(e, text, (size_t)(dollar - text));
        text = dollar;
        if (rc != 0)
            return rc;
        if (dollar[1] == '{') {
            rc = append_variable(e, &text);
        } else if (dollar[1] == '$') {
            rc = append(e, "$", 1);
            text += 2;
        } else {
            snprintf(e->why, MO_EXPAND_WHY, "a \"$\" begins ${NAME}; for a "
                     "dollar sign write $$");
            return -EINVAL;
        }
    }
    return rc == 0 ? append(e, text, strlen(text)) : rc;
}

int mo_expand(struct mo_arena *arena, const char *text,
              struct mo_expanded *result, char *why)
{
    struct expansion e = { .why = why };
    int rc;

    *result = (struct mo_expanded){ .text = text };
    if (strchr(text, '$') == NULL)
        return 0;
    e.out = mo_mem_alloc(MO_EXPAND_MAX + 1, 1);
    if (e.out == NULL)
        return -ENOMEM;
    rc = fill(&e, text);
    if (rc != 0)
        goto out_free;
    result->text = mo_arena_strndup(arena, e.out, e.n);
    if (e.via[0] != '\0')
        result->via = mo_arena_strdup(arena, e.via);
    if (result->text == NULL || (e.via[0] != '\0' && result->via == NULL))
        rc = -ENOMEM;
out_free:
    mo_mem_free(e.out);
    return rc;
}
