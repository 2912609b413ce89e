/* SPDX-License-Identifier: MIT */
/*
 * plugin.c - finding plugins, checking them once, choosing one.
 *
 * Versions, sizes and slots are checked here and never again: the copy that
 * the rest of the core sees has the core's own sizes, with zeroes for what an
 * older module does not have.
 */
#include "plugin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builtin.h"
#include "descriptor.h"
#include "dl.h"
#include "log.h"
#include "text.h"
#include "trial.h"

/* First in the list that is not shadowed. */
static struct mo_plugin *lookup(const struct mo_plugins *set, uint32_t kind,
                                const char *name)
{
    struct mo_plugin *p = set->first;

    while (p != NULL &&
           (p->kind == NULL || p->kind->kind != kind || p->shadowed_by ||
            strcmp(p->name, name) != 0))
        p = p->next;
    return p;
}

/* A new last entry. NULL: no memory. */
static struct mo_plugin *append(struct mo_plugins *set,
                                const struct mo_kind *kind, const char *name,
                                size_t n)
{
    struct mo_plugin *p = mo_arena_alloc(set->arena, sizeof *p);

    if (p == NULL)
        return NULL;
    p->kind = kind;
    p->name = mo_arena_strndup(set->arena, name, n);
    if (p->name == NULL)
        return NULL;
    p->shadowed_by = kind != NULL ? lookup(set, kind->kind, p->name) : NULL;
    if (set->last != NULL)
        set->last->next = p;
    else
        set->first = p;
    set->last = p;
    return p;
}

static int refuse(struct mo_plugins *set, struct mo_plugin *p,
                  const char *reason)
{
    char *shown = mo_arena_alloc(set->arena, 4 * strlen(reason) + 1);

    if (shown == NULL)
        return -ENOMEM;
    p->state = MO_PLUGIN_REFUSED;
    p->reason = mo_text_show(shown, reason);
    return -ENOEXEC;
}

/* Checks the constant and keeps a copy. */
static int accept(struct mo_plugins *set, struct mo_plugin *p,
                  const struct moirai_plugin *raw, size_t size)
{
    char why[MO_DESCRIPTOR_WHY];
    int rc = mo_descriptor_take(set->arena, raw, size, p->kind, p->name,
                                &p->plugin, &p->ops, why);

    if (rc == -ENOMEM)
        return rc;
    if (rc != 0)
        return refuse(set, p, why);
    p->state = MO_PLUGIN_READY;
    return 0;
}

int mo_plugin_init(struct mo_plugins *set, struct mo_arena *arena,
                   bool cautious)
{
    const struct moirai_plugin *const *raw = mo_builtin_list();

    *set = (struct mo_plugins){ .arena = arena, .cautious = cautious };
    for (; *raw != NULL; raw++) {
        const struct mo_kind *kind = mo_kind_of((*raw)->kind);
        struct mo_plugin *p = append(set, kind, (*raw)->name,
                                     strlen((*raw)->name));

        if (p == NULL || accept(set, p, *raw, 0) == -ENOMEM)
            return -ENOMEM;
    }
    return 0;
}

/* Context of one directory's listing. */
struct listing {
    struct mo_plugins *set;
    const char *directory;
};

static int add_file(void *ctx, const char *file)
{
    const struct listing *l = ctx;
    const char *name = file;
    size_t n = strlen(file);
    const struct mo_kind *kind = mo_kind_of_file(file, &name, &n);
    struct mo_plugin *p;

    if (kind == NULL && (n < 3 || strcmp(file + n - 3, ".so") != 0))
        return 0;                   /* modules have company: .la, .debug */
    p = append(l->set, kind, name, n);
    if (p == NULL)
        return -ENOMEM;
    p->path = mo_arena_printf(l->set->arena, "%s/%s", l->directory, file);
    if (p->path == NULL)
        return -ENOMEM;
    if (kind == NULL &&
        refuse(l->set, p, "its name begins with no kind of plugin (sched_, "
                          "stack_, chan_, tran_, io_)") == -ENOMEM)
        return -ENOMEM;
    return 0;
}

static bool searched(const struct mo_plugins *set, const char *directory)
{
    const struct mo_plugin_directory *d = set->directories;

    while (d != NULL && strcmp(d->path, directory) != 0)
        d = d->next;
    return d != NULL;
}

static int search_one(struct mo_plugins *set, const char *directory,
                      size_t most)
{
    struct listing l = { .set = set, .directory = directory };
    struct mo_plugin_directory *d;

    if (searched(set, directory))
        return 0;
    if (set->n_directories >= most)
        return -E2BIG;
    d = mo_arena_alloc(set->arena, sizeof *d);
    if (d == NULL)
        return -ENOMEM;
    d->path = directory;
    set->n_directories++;
    if (set->last_directory != NULL)
        set->last_directory->next = d;
    else
        set->directories = d;
    set->last_directory = d;
    d->code = mo_dl_list(directory, add_file, &l);
    return d->code == -ENOMEM ? -ENOMEM : 0;
}

/* `path` as seen from `base`, in the arena. */
static char *from_base(struct mo_arena *arena, const char *base,
                       const char *path, size_t n)
{
    if (path[0] == '/' || base == NULL)
        return mo_arena_strndup(arena, path, n);
    return mo_arena_printf(arena, "%s/%.*s", base, (int)n, path);
}

int mo_plugin_search(struct mo_plugins *set, const char *path,
                     const char *base)
{
    int rc = 0;

    while (rc == 0 && *path != '\0') {
        size_t n = strcspn(path, ":");
        char *directory;

        if (n > 0) {
            directory = from_base(set->arena, base, path, n);
            rc = directory == NULL ? -ENOMEM
                 : search_one(set, directory, MO_PLUGIN_DIRECTORIES);
        }
        path += n;
        path += *path == ':';
    }
    return rc;
}

int mo_plugin_search_usual(struct mo_plugins *set)
{
    const char *path = secure_getenv("MOIRAI_PLUGIN_PATH");
    int rc = path != NULL ? mo_plugin_search(set, path, NULL) : 0;

    if (rc == -E2BIG)
        mo_log(MOIRAI_LOG_WARN, "not all of MOIRAI_PLUGIN_PATH is searched; "
               "%d directories are the most", MO_PLUGIN_DIRECTORIES);
    else if (rc != 0)
        return rc;
    return search_one(set, MO_MODULE_DIR, MO_PLUGIN_DIRECTORIES + 1);
}

static int load_now(struct mo_plugins *set, struct mo_plugin *p)
{
    char why[MO_DL_WHY];
    const void *raw;
    void *handle;
    size_t size;
    int rc = mo_dl_open(p->path, &handle, why);

    if (rc == -ENOMEM)
        return rc;
    if (rc != 0)
        return refuse(set, p, why);
    raw = mo_dl_symbol(handle, "moirai_plugin", &size);
    if (raw == NULL) {
        snprintf(why, sizeof why, "no plugin: it does not export "
                 "%s_%.100s_LTX_moirai_plugin, which MOIRAI_PLUGIN(%s, %.100s) "
                 "defines", p->kind->prefix, p->name, p->kind->prefix, p->name);
        return refuse(set, p, why);
    }
    return accept(set, p, raw, size);
}

/* What the child tries. */
struct attempt {
    struct mo_plugins *set;
    struct mo_plugin plugin;
};

static void try_load(void *arg)
{
    struct attempt *a = arg;

    load_now(a->set, &a->plugin);
    if (a->plugin.state == MO_PLUGIN_READY && a->plugin.plugin->probe != NULL)
        a->plugin.plugin->probe(NULL);
}

int mo_plugin_load(struct mo_plugins *set, struct mo_plugin *plugin)
{
    struct attempt a = { .set = set, .plugin = *plugin };
    char why[MO_DL_WHY];

    if (plugin->state == MO_PLUGIN_READY)
        return 0;
    if (plugin->state == MO_PLUGIN_REFUSED)
        return -ENOEXEC;
    if (set->cautious &&
        mo_trial_run(try_load, &a, why, sizeof why) == -ENOEXEC)
        return refuse(set, plugin, why);
    return load_now(set, plugin);
}

/* Asks a plugin that is ready whether it can run on this machine. */
static int probe(struct mo_plugins *set, struct mo_plugin *p, char *why)
{
    struct moirai_error err = { .code = 0, .text = "" };
    int rc = p->plugin->probe != NULL ? p->plugin->probe(&err) : 0;
    char *shown;

    if (rc == 0)
        return 0;
    snprintf(why, MO_PLUGIN_WHY, "\"%.60s\" cannot run here: %.600s", p->name,
             err.text[0] != '\0' ? err.text : strerror(-rc));
    shown = mo_arena_alloc(set->arena, 4 * strlen(why) + 1);
    if (shown == NULL)
        return -ENOMEM;
    p->reason = mo_text_show(shown, why);
    return rc < 0 ? rc : -ENODEV;
}

static bool better(const struct mo_plugin *a, const struct mo_plugin *b)
{
    if (b == NULL || a->plugin->rank != b->plugin->rank)
        return b == NULL || a->plugin->rank > b->plugin->rank;
    return strcmp(a->name, b->name) < 0;
}

static bool eligible(const struct mo_plugin *p, uint32_t kind)
{
    return p->kind != NULL && p->kind->kind == kind &&
           p->shadowed_by == NULL && p->state != MO_PLUGIN_REFUSED;
}

/* Highest rank that can run. -ENODEV says no, anything else stops. */
static int choose(struct mo_plugins *set, uint32_t kind,
                  const struct mo_plugin **found, char *why)
{
    struct mo_plugin *best = NULL;
    int rc;

    for (struct mo_plugin *p = set->first; p != NULL; p = p->next) {
        if (!eligible(p, kind))
            continue;
        rc = mo_plugin_load(set, p);
        if (rc == -ENOMEM)
            return rc;
        if (rc != 0) {
            mo_log(MOIRAI_LOG_INFO, "%s is passed over: %s", p->path,
                   p->reason);
            continue;
        }
        if (!better(p, best))
            continue;
        rc = probe(set, p, why);
        if (rc == 0)
            best = p;
        else if (rc != -ENODEV)
            return rc;
    }
    if (best == NULL) {
        snprintf(why, MO_PLUGIN_WHY, "no %s can run here",
                 mo_kind_of(kind)->noun);
        return -ENOENT;
    }
    *found = best;
    return 0;
}

static int report_unknown(const struct mo_plugins *set, uint32_t kind,
                          const char *name, char *why)
{
    const char *noun = mo_kind_of(kind)->noun;
    char quoted[MO_TEXT_QUOTED];
    struct mo_text_guess guess;
    char names[300] = "";
    size_t used = 0;

    mo_text_guess_init(&guess, name);
    for (const struct mo_plugin *p = set->first; p != NULL; p = p->next) {
        if (!eligible(p, kind))
            continue;
        mo_text_guess_offer(&guess, p->name);
        if (used + 1 < sizeof names)
            snprintf(names + used, sizeof names - used, "%s%s",
                     used > 0 ? ", " : "", p->name);
        used = strlen(names);
    }
    mo_text_quote(quoted, name);
    if (guess.best != NULL)
        snprintf(why, MO_PLUGIN_WHY, "there is no %s %s, did you mean "
                 "\"%.60s\"?", noun, quoted, guess.best);
    else if (used > 0)
        snprintf(why, MO_PLUGIN_WHY, "there is no %s %s; found: %s", noun,
                 quoted, names);
    else
        snprintf(why, MO_PLUGIN_WHY, "there is no %s %s, nor any other", noun,
                 quoted);
    return -ENOENT;
}

const struct mo_plugin *mo_plugin_guess(struct mo_plugins *set, uint32_t kind,
                                        const char *text)
{
    struct mo_text_guess guess;
    struct mo_plugin *p;

    mo_text_guess_init(&guess, text);
    for (p = set->first; p != NULL; p = p->next) {
        if (eligible(p, kind))
            mo_text_guess_offer(&guess, p->name);
    }
    p = guess.best != NULL ? lookup(set, kind, guess.best) : NULL;
    if (p == NULL || (p->state != MO_PLUGIN_READY && !set->cautious) ||
        mo_plugin_load(set, p) != 0)
        return NULL;
    return p;
}

int mo_plugin_examine(struct mo_plugins *set)
{
    char why[MO_PLUGIN_WHY];
    int rc = 0;

    for (struct mo_plugin *p = set->first; p != NULL; p = p->next) {
        rc = mo_plugin_load(set, p);
        if (rc == 0)
            rc = probe(set, p, why);
        if (rc == -ENOMEM)
            return rc;
    }
    return 0;
}

/* The entry of a file that was given by its path. */
static int find_file(struct mo_plugins *set, uint32_t kind, const char *text,
                     const char *base, struct mo_plugin **found, char *why)
{
    const struct mo_kind *wanted = mo_kind_of(kind);
    const char *name = NULL;
    size_t n = 0;
    char *path = from_base(set->arena, base, text, strlen(text));
    const struct mo_kind *row;
    struct mo_plugin *p = set->first;

    if (path == NULL)
        return -ENOMEM;
    row = mo_kind_of_file(strrchr(path, '/') + 1, &name, &n);
    if (row != wanted) {
        snprintf(why, MO_PLUGIN_WHY, "%.400s: the file of a plugin for this "
                 "place is called %s_NAME.so", path, wanted->prefix);
        return -EINVAL;
    }
    while (p != NULL && (p->path == NULL || strcmp(p->path, path) != 0))
        p = p->next;
    if (p == NULL && set->n_files == MO_PLUGIN_FILES) {
        snprintf(why, MO_PLUGIN_WHY, "%.400s: plugins are named by path in "
                 "%d other places; more are not looked for", path,
                 MO_PLUGIN_FILES);
        return -E2BIG;
    }
    if (p == NULL) {
        p = append(set, row, name, n);
        if (p == NULL)
            return -ENOMEM;
        p->path = path;
        set->n_files++;
    }
    p->shadowed_by = NULL;          /* it was asked for by its path */
    *found = p;
    return 0;
}

int mo_plugin_find(struct mo_plugins *set, uint32_t kind, const char *text,
                   const char *base, const struct mo_plugin **found,
                   char *why)
{
    struct mo_plugin *p = NULL;
    int rc = 0;

    if (strcmp(text, "auto") == 0)
        return choose(set, kind, found, why);
    if (strchr(text, '/') != NULL)
        rc = find_file(set, kind, text, base, &p, why);
    else
        p = lookup(set, kind, text);
    if (rc != 0)
        return rc;
    if (p == NULL)
        return report_unknown(set, kind, text, why);
    rc = mo_plugin_load(set, p);
    if (rc == -ENOEXEC)
        snprintf(why, MO_PLUGIN_WHY, "%.300s cannot be used: %.400s",
                 p->path != NULL ? p->path : p->name, p->reason);
    if (rc == 0)
        rc = probe(set, p, why);
    if (rc == 0)
        *found = p;
    return rc;
}

int mo_plugin_ready(const struct mo_plugins *set, uint32_t kind,
                    const char *name, const struct mo_plugin **found,
                    char *why)
{
    const struct mo_plugin *p = lookup(set, kind, name);

    if (p != NULL && p->state == MO_PLUGIN_READY) {
        *found = p;
        return 0;
    }
    if (p == NULL)
        return report_unknown(set, kind, name, why);
    snprintf(why, MO_PLUGIN_WHY, "\"%.60s\" is not loaded; name it in the "
             "configuration too", name);
    return -ENOENT;
}
