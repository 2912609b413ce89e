/* SPDX-License-Identifier: MIT */
/*
 * section.c - what each section of a configuration may say.
 *
 * Sections that name things are read before those that refer to them:
 * transports, nodes, channels.
 */
#include "section.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chosen.h"
#include "text.h"

/* What all functions here work on. */
struct job {
    struct mo_sections *out;
    struct mo_option_run *run;
    struct mo_plugins *plugins;
};

static const char *const auto_word[] = { "auto", NULL };

static const struct moirai_option runtime_keys[] = {
    { .name = "workers", .preset = "auto",
      .help = "threads that run tasks; auto: what this process may use",
      .type = MOIRAI_UINT, .min = 1, .max = 1024, .choices = auto_word,
      .offset = offsetof(struct mo_runtime_options, workers) },
    { .name = "blocking_threads", .preset = "64",
      .help = "most threads for calls that block",
      .type = MOIRAI_UINT, .min = 1, .max = 65536,
      .offset = offsetof(struct mo_runtime_options, blocking_threads) },
    { .name = "max_tasks", .preset = "0",
      .help = "tasks alive at once; 0: no limit", .type = MOIRAI_UINT,
      .min = 0, .max = INT64_MAX,
      .offset = offsetof(struct mo_runtime_options, max_tasks) },
    { .name = "trace", .preset = "0",
      .help = "events kept per worker; 0: none",
      .type = MOIRAI_UINT, .min = 0, .max = 1u << 26,
      .offset = offsetof(struct mo_runtime_options, trace) },
    { .name = "stop_grace", .preset = "1s",
      .help = "how long a stop waits after cancelling",
      .type = MOIRAI_DURATION, .min = 0, .max = UINT64_C(86400000000000),
      .offset = offsetof(struct mo_runtime_options, stop_grace) },
    { .name = NULL },
};

struct plugin_keys {
    const char *plugin;
};

#define PLUGIN_KEYS(preset_name)                                              \
    {                                                                         \
        { .name = "plugin", .preset = preset_name,                            \
          .help = "name, path of a module, or auto",                          \
          .type = MOIRAI_STRING,                                              \
          .offset = offsetof(struct plugin_keys, plugin) },                   \
        { .name = NULL },                                                     \
    }

/* How workers wait for work is the core's business, whoever orders it. */
struct scheduler_keys {
    const char *plugin;
    int64_t spin;
};

static const struct moirai_option scheduler_keys[] = {
    { .name = "plugin", .preset = "steal",
      .help = "name, path of a module, or auto", .type = MOIRAI_STRING,
      .offset = offsetof(struct scheduler_keys, plugin) },
    { .name = "spin", .preset = "20us",
      .help = "how long a worker looks for work before it sleeps",
      .type = MOIRAI_DURATION, .min = 0, .max = UINT64_C(1000000000),
      .offset = offsetof(struct scheduler_keys, spin) },
    { .name = NULL },
};

static const struct moirai_option stacks_keys[] = PLUGIN_KEYS("mmap");
static const struct moirai_option io_keys[] = PLUGIN_KEYS("auto");
static const struct moirai_option transport_keys[] = PLUGIN_KEYS(NULL);

struct channel_keys {
    const char *plugin;
    const char *home;
    uint32_t delivery;
};

static const char *const delivery_words[] = {
    "best-effort", "at-least-once", "effectively-once", NULL,
};

/* at-least-once: losing messages without a word is to be asked for. */
static const struct moirai_option channel_keys[] = {
    { .name = "plugin", .preset = "ring",
      .help = "name, path of a module, or auto", .type = MOIRAI_STRING,
      .offset = offsetof(struct channel_keys, plugin) },
    { .name = "home", .preset = "", .help = "the node that holds the buffer",
      .type = MOIRAI_STRING, .offset = offsetof(struct channel_keys, home) },
    { .name = "delivery", .preset = "at-least-once",
      .help = "what the wire promises", .type = MOIRAI_CHOICE,
      .choices = delivery_words,
      .offset = offsetof(struct channel_keys, delivery) },
    { .name = NULL },
};

static const struct moirai_option node_keys[] = {
    { .name = "via", .preset = NULL, .help = "the transport that reaches it",
      .type = MOIRAI_STRING,
      .offset = offsetof(struct mo_section_node, via) },
    { .name = "count", .preset = "1", .help = "processes of this name",
      .type = MOIRAI_UINT, .min = 1, .max = 4096,
      .offset = offsetof(struct mo_section_node, count) },
    { .name = NULL },
};

static size_t count_children(const struct mo_tree_node *map)
{
    size_t n = 0;

    for (map = map != NULL ? map->first : NULL; map != NULL; map = map->next)
        n++;
    return n;
}

/* Names end up in addresses, logs and variables. */
static void check_name(struct job *job, const struct mo_tree_node *node,
                       const char *path)
{
    if (strlen(node->key) > 64)
        mo_report_add(job->run->report, &node->key_place, path,
                      "the name is longer than 64 bytes");
    else if (strpbrk(node->key, "/:=\" \t\r\n") != NULL)
        mo_report_add(job->run->report, &node->key_place, path,
                      "a name has no blanks, quotes, \"/\", \":\" or \"=\"");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The element called `name` of a sorted array whose structs begin with their
 * name. */
static const void *find_by_name(const void *array, size_t n, size_t size,
                                const char *name)
{
    return n > 0 ? bsearch(&name, array, n, size, by_name) : NULL;
}

/* A section in which "plugin" is the only key of the core's own. */
static int read_plain(struct job *job, uint32_t kind,
                      const struct moirai_option *own,
                      const struct mo_tree_node *node, const char *path,
                      struct mo_chosen *chosen)
{
    struct plugin_keys keys = { NULL };
    struct mo_chosen_from what = { kind, own, &keys };

    return mo_chosen_read(job->run, job->plugins, &what, node, path, chosen);
}

static int read_transports(struct job *job, const struct mo_tree_node *node)
{
    struct mo_sections *out = job->out;
    const struct mo_tree_node *map = mo_option_section(job->run, node,
                                                       "transports");
    size_t n = count_children(map);
    int rc = 0;

    if (n == 0)
        return 0;
    out->transports = mo_arena_alloc(job->run->arena,
                                     n * sizeof out->transports[0]);
    if (out->transports == NULL)
        return -ENOMEM;
    for (node = map->first; rc == 0 && node != NULL; node = node->next) {
        struct mo_section_transport *t = &out->transports[out->n_transports];
        char path[MO_TREE_PATH];

        mo_tree_path(path, node);
        check_name(job, node, path);
        t->name = node->key;
        out->n_transports++;
        rc = read_plain(job, MOIRAI_TRAN, transport_keys, node, path,
                        &t->chosen);
    }
    qsort(out->transports, out->n_transports, sizeof out->transports[0],
          by_name);
    return rc;
}

/* Says that `value` names none of an array's n elements, and which is near. */
static void report_stranger(struct job *job, const struct mo_tree_node *value,
                            const char *path, const char *noun,
                            const void *array, size_t n, size_t size)
{
    char quoted[MO_TEXT_QUOTED];
    struct mo_text_guess guess;

    mo_text_guess_init(&guess, value->text);
    for (size_t i = 0; i < n; i++)
        mo_text_guess_offer(&guess, *(const char *const *)
                                    ((const char *)array + i * size));
    mo_text_quote(quoted, value->text);
    if (guess.best != NULL)
        mo_report_add(job->run->report, &value->place, path,
                      "there is no %s %s, did you mean \"%s\"?", noun, quoted,
                      guess.best);
    else
        mo_report_add(job->run->report, &value->place, path,
                      "there is no %s %s; write it under %ss:", noun, quoted,
                      noun);
}

/* Checks that the text of `key` in a section names one of an array. */
static void check_reference(struct job *job, const struct mo_tree_node *owner,
                            const char *key, const char *noun,
                            const void *array, size_t n, size_t size)
{
    const struct mo_tree_node *value = mo_tree_find(owner, key);
    char path[MO_TREE_PATH];

    if (value == NULL || value->bad || value->empty || value->text == NULL ||
        job->run->partial ||
        find_by_name(array, n, size, value->text) != NULL)
        return;
    mo_tree_path(path, value);
    report_stranger(job, value, path, noun, array, n, size);
}

static int read_nodes(struct job *job, const struct mo_tree_node *node)
{
    struct mo_sections *out = job->out;
    const struct mo_tree_node *map = mo_option_section(job->run, node,
                                                       "nodes");
    size_t n = count_children(map);
    int rc = 0;

    if (n == 0)
        return 0;
    out->nodes = mo_arena_alloc(job->run->arena, n * sizeof out->nodes[0]);
    if (out->nodes == NULL)
        return -ENOMEM;
    for (node = map->first; rc == 0 && node != NULL; node = node->next) {
        struct mo_section_node *entry = &out->nodes[out->n_nodes++];
        struct mo_option_set set = { .options = node_keys, .config = entry };
        const struct mo_tree_node *section;
        char path[MO_TREE_PATH];

        mo_tree_path(path, node);
        check_name(job, node, path);
        entry->name = node->key;
        section = mo_option_section(job->run, node, path);
        if (section == NULL)
            continue;
        rc = mo_option_fill(job->run, section, path, &set, 1);
        if (node->shape == MO_TREE_MAP)
            check_reference(job, node, "via", "transport", out->transports,
                            out->n_transports, sizeof out->transports[0]);
    }
    qsort(out->nodes, out->n_nodes, sizeof out->nodes[0], by_name);
    return rc;
}

static int read_channels(struct job *job, const struct mo_tree_node *node)
{
    struct mo_sections *out = job->out;
    const struct mo_tree_node *map = mo_option_section(job->run, node,
                                                       "channels");
    size_t n = count_children(map);
    int rc = 0;

    if (n == 0)
        return 0;
    out->channels = mo_arena_alloc(job->run->arena,
                                   n * sizeof out->channels[0]);
    if (out->channels == NULL)
        return -ENOMEM;
    for (node = map->first; rc == 0 && node != NULL; node = node->next) {
        struct mo_section_channel *c = &out->channels[out->n_channels++];
        struct channel_keys keys = { .plugin = NULL };
        struct mo_chosen_from what = { MOIRAI_CHAN, channel_keys, &keys };
        char path[MO_TREE_PATH];

        mo_tree_path(path, node);
        check_name(job, node, path);
        c->name = node->key;
        rc = mo_chosen_read(job->run, job->plugins, &what, node, path,
                            &c->chosen);
        c->home = keys.home;
        c->delivery = keys.delivery;
        if (node->shape == MO_TREE_MAP)
            check_reference(job, node, "home", "node", out->nodes,
                            out->n_nodes, sizeof out->nodes[0]);
    }
    qsort(out->channels, out->n_channels, sizeof out->channels[0], by_name);
    return rc;
}

static int read_runtime(struct job *job, const struct mo_tree_node *node)
{
    struct mo_option_set set = { .options = runtime_keys,
                                 .config = &job->out->runtime };

    return mo_option_fill(job->run,
                          mo_option_section(job->run, node, "runtime"),
                          "runtime", &set, 1);
}

static int read_scheduler(struct job *job, const struct mo_tree_node *node)
{
    struct scheduler_keys keys = { .plugin = NULL };
    struct mo_chosen_from what = { MOIRAI_SCHED, scheduler_keys, &keys };
    int rc = mo_chosen_read(job->run, job->plugins, &what, node, "scheduler",
                            &job->out->sched);

    job->out->runtime.spin = keys.spin;
    return rc;
}

static int read_stacks(struct job *job, const struct mo_tree_node *node)
{
    return read_plain(job, MOIRAI_STACK, stacks_keys, node, "stacks",
                      &job->out->stack);
}

static int read_io(struct job *job, const struct mo_tree_node *node)
{
    return read_plain(job, MOIRAI_IO, io_keys, node, "io", &job->out->io);
}

static int read_version(struct job *job, const struct mo_tree_node *node)
{
    char quoted[MO_TEXT_QUOTED];

    if (node == NULL || node->bad)
        return 0;
    if (node->shape == MO_TREE_SCALAR && node->text != NULL && !node->empty &&
        strcmp(node->text, "1") == 0)
        return mo_option_record(job->run, "", "version", "1", &node->place);
    if (node->shape != MO_TREE_SCALAR || node->text == NULL || node->empty)
        mo_report_add(job->run->report, &node->place, "version",
                      "expected the version of this form; write 1");
    else
        mo_report_add(job->run->report, &node->place, "version",
                      "%s is not a version that this moirai reads; write 1",
                      mo_text_quote(quoted, node->text));
    return 0;
}

/* One entry of plugins.path. */
static int search_path(struct job *job, const struct mo_tree_node *node)
{
    struct mo_plugin_directory *before = job->plugins->last_directory;
    struct mo_plugin_directory *d;
    char path[MO_TREE_PATH];
    char quoted[MO_TEXT_QUOTED];
    const char *base;
    int rc;

    mo_tree_path(path, node);
    if (node->shape != MO_TREE_SCALAR || node->empty || node->text == NULL) {
        if (!node->bad)
            mo_report_add(job->run->report, &node->place, path,
                          "expected a directory, or several as a list");
        return 0;
    }
    rc = mo_chosen_base(job->run->arena, &node->place, &base);
    if (rc == 0)
        rc = mo_plugin_search(job->plugins, node->text, base);
    if (rc == 0)
        rc = mo_option_record(job->run, "plugins", "path", node->text,
                              &node->place);
    d = before != NULL ? before->next : job->plugins->directories;
    for (; rc == 0 && d != NULL; d = d->next) {
        if (d->code != 0)
            mo_report_add(job->run->report, &node->place, path, "%s: %s",
                          mo_text_quote(quoted, d->path), strerror(-d->code));
    }
    return rc;
}

static int read_plugins(struct job *job, const struct mo_tree_node *node)
{
    static const struct moirai_option keys[] = {
        { .name = "path", .preset = "", .type = MOIRAI_STRING,
          .help = "directories to look for modules in, first hit wins" },
        { .name = NULL },
    };
    const struct mo_tree_node *section = mo_option_section(job->run, node,
                                                           "plugins");
    const struct mo_tree_node *path = mo_tree_find(section, "path");
    int rc = 0;

    mo_option_unknown(job->run, section, "plugins", keys);
    if (path != NULL && path->shape != MO_TREE_LIST)
        rc = search_path(job, path);
    else if (path != NULL)
        for (path = path->first; rc == 0 && path != NULL; path = path->next)
            rc = search_path(job, path);
    return rc == 0 ? mo_plugin_search_usual(job->plugins) : rc;
}

/* In the order they are read in. */
static const struct {
    const char *name;
    int (*read)(struct job *job, const struct mo_tree_node *node);
} sections[] = {
    { "version", read_version },       { "plugins", read_plugins },
    { "runtime", read_runtime },       { "scheduler", read_scheduler },
    { "stacks", read_stacks },         { "io", read_io },
    { "transports", read_transports }, { "nodes", read_nodes },
    { "channels", read_channels },
};

#define SECTIONS (sizeof sections / sizeof sections[0])

/* Only their names are used. */
static const struct moirai_option section_keys[] = {
    { .name = "version" },    { .name = "plugins" },  { .name = "runtime" },
    { .name = "scheduler" },  { .name = "stacks" },   { .name = "io" },
    { .name = "transports" }, { .name = "nodes" },    { .name = "channels" },
    { .name = NULL },
};

int mo_section_read(struct mo_sections *out, const struct mo_tree *tree,
                    struct mo_option_run *run, struct mo_plugins *plugins)
{
    struct job job = { .out = out, .run = run, .plugins = plugins };
    int rc = 0;

    run->partial = tree->partial;
    mo_option_unknown(run, tree->root, "", section_keys);
    for (size_t i = 0; rc == 0 && i < SECTIONS; i++)
        rc = sections[i].read(&job, mo_tree_find(tree->root,
                                                 sections[i].name));
    return rc;
}
