/* SPDX-License-Identifier: MIT */
/*
 * descriptor.c - is a module's constant one that we can use?
 *
 * Order matters: `abi` and `size` never move, so they are read first, and
 * nothing behind them is looked at before they are found to be right.
 */
#include "descriptor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "option.h"
#include "section.h"
#include "text.h"
#include "value.h"

/* Every field that the first version of the ABI had. */
#define SIZE_LEAST (offsetof(struct moirai_plugin, ops_size) + sizeof(size_t))
#define SIZE_MOST 65536
#define TEXT_MOST 200

__attribute__((format(printf, 2, 3)))
static int refuse(char *why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, MO_DESCRIPTOR_WHY, format, args);
    va_end(args);
    return -ENOEXEC;
}

static int check_size(const struct moirai_plugin *raw, size_t size, char *why)
{
    size_t head = offsetof(struct moirai_plugin, kind);

    if (size != 0 && size < head)
        return refuse(why, "its constant has %zu bytes, which is too few",
                      size);
    if (raw->abi != MOIRAI_PLUGIN_ABI)
        return refuse(why, "built for plugin ABI %u, this moirai has %u",
                      (unsigned)raw->abi, (unsigned)MOIRAI_PLUGIN_ABI);
    if (raw->size < SIZE_LEAST || raw->size > SIZE_MOST)
        return refuse(why, "its constant says it has %u bytes; plugin ABI %u "
                      "has %zu or more", (unsigned)raw->size,
                      (unsigned)MOIRAI_PLUGIN_ABI, SIZE_LEAST);
    if (size != 0 && size < raw->size)
        return refuse(why, "its constant says it has %u bytes, but has %zu",
                      (unsigned)raw->size, size);
    return 0;
}

static int check_name(const struct moirai_plugin *p,
                      const struct mo_kind *kind, const char *name, char *why)
{
    const struct mo_kind *said = mo_kind_of(p->kind);
    char quoted[MO_TEXT_QUOTED];

    if (said == NULL)
        return refuse(why, "its kind %u is unknown to this moirai",
                      (unsigned)p->kind);
    if (said != kind)
        return refuse(why, "its file's name says %s, its constant says %s",
                      kind->noun, said->noun);
    if (p->name == NULL)
        return refuse(why, "its constant has no name");
    if (strcmp(p->name, name) != 0)
        return refuse(why, "its file's name says \"%.80s\", its constant "
                      "says %s", name, mo_text_quote(quoted, p->name));
    return 0;
}

static int check_texts(const struct moirai_plugin *p, char *why)
{
    if (!mo_text_shows(p->name, TEXT_MOST))
        return refuse(why, "its name is not a line of text");
    if (!mo_text_shows(p->version, TEXT_MOST))
        return refuse(why, "its version is not a line of text");
    if (!mo_text_shows(p->summary, TEXT_MOST))
        return refuse(why, "its summary is not a line of text");
    return 0;
}

static int check_ops(const struct moirai_plugin *p,
                     const struct mo_kind *kind, void *ops, char *why)
{
    const char *flaw;
    size_t n = p->ops_size < kind->ops_size ? p->ops_size : kind->ops_size;

    if (p->ops_abi != kind->ops_abi)
        return refuse(why, "built for %s ABI %u, this moirai has %u",
                      kind->noun, (unsigned)p->ops_abi,
                      (unsigned)kind->ops_abi);
    if (p->ops == NULL || p->ops_size == 0 || p->ops_size > SIZE_MOST)
        return refuse(why, "it has no table of functions");
    memcpy(ops, p->ops, n);
    for (const struct mo_kind_slot *slot = kind->required; slot->name != NULL;
         slot++) {
        void (*function)(void);

        memcpy(&function, (const char *)ops + slot->offset, sizeof function);
        if (function == NULL)
            return refuse(why, "it lacks the function \"%s\", which every %s "
                          "has", slot->name, kind->noun);
    }
    flaw = kind->check != NULL ? kind->check(ops) : NULL;
    return flaw != NULL ? refuse(why, "%s", flaw) : 0;
}

static int check_options(const struct moirai_plugin *p,
                         const struct mo_kind *kind, char *why)
{
    char flaw[MO_VALUE_WHY];
    int rc;

    if (p->config_size > SIZE_MOST)
        return refuse(why, "its config struct has %zu bytes, which is too "
                      "many", p->config_size);
    rc = mo_option_sound(p->options, p->config_size, mo_section_own(kind->kind),
                         flaw);
    return rc == -EINVAL ? refuse(why, "%s", flaw) : rc;
}

int mo_descriptor_take(struct mo_arena *arena,
                       const struct moirai_plugin *raw, size_t size,
                       const struct mo_kind *kind, const char *name,
                       const struct moirai_plugin **plugin, const void **ops,
                       char *why)
{
    struct moirai_plugin *copy;
    void *table;
    int rc = check_size(raw, size, why);

    if (rc != 0)
        return rc;
    copy = mo_arena_alloc(arena, sizeof *copy);
    table = mo_arena_alloc(arena, kind->ops_size);
    if (copy == NULL || table == NULL)
        return -ENOMEM;
    memcpy(copy, raw, raw->size < sizeof *copy ? raw->size : sizeof *copy);
    rc = check_name(copy, kind, name, why);
    if (rc == 0)
        rc = check_texts(copy, why);
    if (rc == 0)
        rc = check_ops(copy, kind, table, why);
    if (rc == 0)
        rc = check_options(copy, kind, why);
    if (rc != 0)
        return rc;
    copy->ops = table;
    copy->ops_size = kind->ops_size;
    copy->version = copy->version != NULL ? copy->version : "";
    copy->summary = copy->summary != NULL ? copy->summary : "";
    *plugin = copy;
    *ops = table;
    return 0;
}
