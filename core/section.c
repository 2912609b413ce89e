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
#include "keys.h"
#include "text.h"

/* What all functions here work on. */
struct job {
    struct mo_sections *out;
    struct mo_option_run *run;
    struct mo_plugins *plugins;
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
    uint32_t idle;
    uint32_t victims;
    uint32_t hybrid;
    const char *hybrid_file;
};

static const char *const hybrid_words[] = {
    [MO_HYBRID_OFF] = "off", [MO_HYBRID_AUTO] = "auto",
    [MO_HYBRID_ON] = "on", NULL,
};

static const char *const idle_words[] = {
    [MO_IDLE_PARK] = "park", [MO_IDLE_YIELD] = "yield",
    [MO_IDLE_SPIN] = "spin", NULL,
};

static const char *const victims_words[] = {
    [MO_VICTIMS_AUTO] = "auto", [MO_VICTIMS_RANDOM] = "random",
    [MO_VICTIMS_ROUND] = "round", [MO_VICTIMS_NEAREST] = "nearest", NULL,
};

static const struct moirai_option scheduler_keys[] = {
    { .name = "plugin", .preset = "steal",
      .help = "name, path of a module, or auto", .type = MOIRAI_STRING,
      .offset = offsetof(struct scheduler_keys, plugin) },
    { .name = "spin", .preset = "20us",
      .help = "how long a worker looks for work before it sleeps; after a "
              "fork, up to five times as long",
      .type = MOIRAI_DURATION, .min = 0, .max = UINT64_C(1000000000),
      .offset = offsetof(struct scheduler_keys, spin) },
    { .name = "idle", .preset = "park",
      .help = "a worker that finds none sleeps (park), lets other threads run "
              "and looks again (yield), or looks again (spin)",
      .type = MOIRAI_CHOICE, .choices = idle_words,
      .offset = offsetof(struct scheduler_keys, idle) },
    { .name = "victims", .preset = "auto",
      .help = "whom a worker without work asks first: any (random), who gave "
              "some last (round), who shares a cache or node (nearest; needs "
              "runtime.bind); auto: by nodes if the scheduler does, else any",
      .type = MOIRAI_CHOICE, .choices = victims_words,
      .offset = offsetof(struct scheduler_keys, victims) },
    { .name = "hybrid", .preset = "off",
      .help = "tasks that a timer or something outside has woken go on before "
              "those that compute, on a thread of their own if need be; on: "
              "from the start; auto: where there are several workers, once "
              "one of them was kept for long",
      .type = MOIRAI_CHOICE, .choices = hybrid_words,
      .offset = offsetof(struct scheduler_keys, hybrid) },
    { .name = "hybrid_file", .preset = "",
      .help = "a file that says what came of that, when the runtime stops",
      .type = MOIRAI_STRING,
      .offset = offsetof(struct scheduler_keys, hybrid_file) },
    { .name = NULL },
};

/* So is what becomes of a task whose stack overflows. */
struct stacks_keys {
    const char *plugin;
    uint32_t on_overflow;
    uint32_t watermark;
    const char *watermark_file;
    int64_t keep;
};

static const char *const never_word[] = { "never", NULL };

static const char *const watermark_words[] = {
    [MO_WATERMARK_OFF] = "off",
    [MO_WATERMARK_ON] = "on",
    [MO_WATERMARK_ALL] = "all",
    NULL,
};

static const char *const overflow_words[] = {
    [MO_OVERFLOW_REPORT] = "report",
    [MO_OVERFLOW_KILL] = "kill",
    [MO_OVERFLOW_IGNORE] = "ignore",
    NULL,
};

static const struct moirai_option stacks_keys[] = {
    { .name = "plugin", .preset = MO_PRESET_STACK,
      .help = "name, path of a module, or auto", .type = MOIRAI_STRING,
      .offset = offsetof(struct stacks_keys, plugin) },
    { .name = "on_overflow", .preset = "report",
      .help = "report: say which task, and end the process; kill: end that "
              "task alone where it is sound; ignore: leave faults alone",
      .type = MOIRAI_CHOICE, .choices = overflow_words,
      .offset = offsetof(struct stacks_keys, on_overflow) },
    { .name = "watermark", .preset = "off",
      .help = "measure how deep tasks go in their stacks: on: of as many as "
              "cost little; all: of each",
      .type = MOIRAI_CHOICE, .choices = watermark_words,
      .offset = offsetof(struct stacks_keys, watermark) },
    { .name = "watermark_file", .preset = "",
      .help = "a file that gets this, too, when the runtime stops",
      .type = MOIRAI_STRING,
      .offset = offsetof(struct stacks_keys, watermark_file) },
    { .name = "keep", .preset = "10s",
      .help = "for how long a worker that sleeps keeps stacks that nobody "
              "uses, and their memory",
      .type = MOIRAI_DURATION, .min = 1, .max = UINT64_C(3600000000000),
      .choices = never_word, .offset = offsetof(struct stacks_keys, keep) },
    { .name = NULL },
};

static const struct moirai_option io_keys[] = PLUGIN_KEYS("auto");
static const struct moirai_option transport_keys[] = PLUGIN_KEYS(NULL);

struct channel_keys {
    const char *plugin;
    const char *home;
    uint32_t delivery;
    uint32_t overflow;
};

static const char *const delivery_words[] = {
    "best-effort", "at-least-once", "effectively-once", NULL,
};

static const char *const spill_words[] = {
    [MO_SPILL_WAIT] = "wait",
    [MO_SPILL_OLDEST] = "drop-oldest",
    [MO_SPILL_NEWEST] = "drop-newest",
    [MO_SPILL_ERROR] = "error",
    NULL,
};

#define OVERFLOW_KEY(at)                                                      \
    { .name = "overflow", .preset = "wait",                                   \
      .help = "what a sender meets that finds the channel full",              \
      .type = MOIRAI_CHOICE, .choices = spill_words, .offset = (at) }

const struct moirai_option mo_section_overflow[] = {
    OVERFLOW_KEY(0), { .name = NULL },
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
    OVERFLOW_KEY(offsetof(struct channel_keys, overflow)),
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
    if (strlen(node->key) > MO_SECTION_NAME_MAX)
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
                                                       "transports", NULL);
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
    for (size_t i = 0; i < n && !mo_report_full(job->run->report); i++)
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
        value->text[0] == '\0' || job->run->partial ||
        find_by_name(array, n, size, value->text) != NULL)
        return;
    mo_tree_path(path, value);
    report_stranger(job, value, path, noun, array, n, size);
}

static int read_nodes(struct job *job, const struct mo_tree_node *node)
{
    struct mo_sections *out = job->out;
    const struct mo_tree_node *map = mo_option_section(job->run, node,
                                                       "nodes", NULL);
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
        section = mo_option_section(job->run, node, path, NULL);
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
                                                       "channels", NULL);
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
        c->chosen.overflow = keys.overflow;
        if (node->shape == MO_TREE_MAP)
            check_reference(job, node, "home", "node", out->nodes,
                            out->n_nodes, sizeof out->nodes[0]);
    }
    qsort(out->channels, out->n_channels, sizeof out->channels[0], by_name);
    return rc;
}

static int read_runtime(struct job *job, const struct mo_tree_node *node)
{
    struct mo_option_set set = { .options = mo_keys_runtime,
                                 .config = &job->out->runtime };

    return mo_option_fill(job->run,
                          mo_option_section(job->run, node, "runtime",
                                            NULL),
                          "runtime", &set, 1);
}

static int read_scheduler(struct job *job, const struct mo_tree_node *node)
{
    struct scheduler_keys keys = { .plugin = NULL };
    struct mo_chosen_from what = { MOIRAI_SCHED, scheduler_keys, &keys };
    int rc = mo_chosen_read(job->run, job->plugins, &what, node, "scheduler",
                            &job->out->sched);

    job->out->runtime.spin = keys.spin;
    job->out->runtime.idle = keys.idle;
    job->out->runtime.victims = keys.victims;
    job->out->runtime.hybrid = keys.hybrid;
    job->out->runtime.hybrid_file = keys.hybrid_file;
    return rc;
}

static int read_stacks(struct job *job, const struct mo_tree_node *node)
{
    struct stacks_keys keys = { .plugin = NULL };
    struct mo_chosen_from what = { MOIRAI_STACK, stacks_keys, &keys };
    int rc = mo_chosen_read(job->run, job->plugins, &what, node, "stacks",
                            &job->out->stack);

    job->out->runtime.on_overflow = keys.on_overflow;
    job->out->runtime.watermark = keys.watermark;
    job->out->runtime.watermark_file = keys.watermark_file;
    job->out->runtime.keep = keys.keep;
    return rc;
}

static int read_io(struct job *job, const struct mo_tree_node *node)
{
    return read_plain(job, MOIRAI_IO, io_keys, node, "io", &job->out->io);
}

static const struct moirai_option version_keys[] = {
    { .name = "version", .preset = "1",
      .help = "version of the form of this file", .type = MOIRAI_UINT,
      .min = 1, .max = 1 },
    { .name = NULL },
};

static int read_version(struct job *job, const struct mo_tree_node *node)
{
    static const struct mo_place preset = { .from = MO_FROM_PRESET };
    char quoted[MO_TEXT_QUOTED];

    if (node == NULL || node->bad)
        return mo_option_record(job->run, "", version_keys, "1", &preset);
    if (node->shape == MO_TREE_SCALAR && node->text != NULL && !node->empty &&
        strcmp(node->text, "1") == 0)
        return mo_option_record(job->run, "", version_keys, "1",
                                &node->place);
    if (node->shape != MO_TREE_SCALAR || node->text == NULL || node->empty)
        mo_report_add(job->run->report, &node->place, "version",
                      "expected the version of this form; write 1");
    else
        mo_report_add(job->run->report, &node->place, "version",
                      "%s is not a version that this moirai reads; write 1",
                      mo_text_quote(quoted, node->text));
    return 0;
}

static const struct moirai_option plugins_keys[] = {
    { .name = "path", .preset = "", .type = MOIRAI_STRING,
      .help = "directories to look for modules in, first hit wins; one, or "
              "a list" },
    { .name = NULL },
};

/* One entry of plugins.path. 0, -ENOMEM, or -E2BIG, which is reported. */
static int search_path(struct job *job, const struct mo_tree_node *node)
{
    struct mo_plugin_directory *before = job->plugins->last_directory;
    struct mo_plugin_directory *d;
    char path[MO_TREE_PATH];
    char quoted[MO_TEXT_QUOTED];
    const char *base;
    int rc;

    if (node->bad)
        return 0;
    mo_tree_path(path, node);
    if (node->shape != MO_TREE_SCALAR || node->empty || node->text == NULL) {
        mo_report_add(job->run->report, &node->place, path,
                      "expected a directory, or several as a list");
        return 0;
    }
    rc = mo_chosen_base(job->run->arena, &node->place, &base);
    if (rc == 0)
        rc = mo_plugin_search(job->plugins, node->text, base);
    if (rc == -E2BIG)
        mo_report_add(job->run->report, &node->place, "plugins.path",
                      "more than %d directories", MO_PLUGIN_DIRECTORIES);
    if (rc == 0)
        rc = mo_option_record(job->run, "plugins", plugins_keys, node->text,
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
    const struct mo_tree_node *section = mo_option_section(job->run, node,
                                                           "plugins", NULL);
    const struct mo_tree_node *path = mo_tree_find(section, "path");
    int rc = 0;

    mo_option_unknown(job->run, section, "plugins", plugins_keys, NULL);
    if (path != NULL && path->shape != MO_TREE_LIST)
        rc = search_path(job, path);
    else if (path != NULL)
        for (path = path->first; rc == 0 && path != NULL; path = path->next)
            rc = search_path(job, path);
    return rc == -ENOMEM ? rc : mo_plugin_search_usual(job->plugins);
}

static const struct mo_section_form forms[] = {
    { "version", "which form this file has", MO_SECTION_VALUE, 0,
      version_keys },
    { "plugins", "where modules are", MO_SECTION_LISTS, 0, plugins_keys },
    { "runtime", "how much of the machine is used", MO_SECTION_KEYS, 0,
      mo_keys_runtime },
    { "scheduler", "which task a worker runs next", MO_SECTION_KEYS,
      MOIRAI_SCHED, scheduler_keys },
    { "stacks", "where tasks that wait keep their frames", MO_SECTION_KEYS,
      MOIRAI_STACK, stacks_keys },
    { "io", "how descriptors are waited for", MO_SECTION_KEYS, MOIRAI_IO,
      io_keys },
    { "transports", "what carries messages to other processes",
      MO_SECTION_NAMED, MOIRAI_TRAN, transport_keys },
    { "nodes", "the other processes", MO_SECTION_NAMED, 0, node_keys },
    { "channels", "channels that programs open by name", MO_SECTION_NAMED,
      MOIRAI_CHAN, channel_keys },
    { .name = NULL },
};

#define SECTIONS (sizeof forms / sizeof forms[0] - 1)

/* By the same index. */
static int (*const readers[SECTIONS])(struct job *job,
                                      const struct mo_tree_node *node) = {
    read_version, read_plugins,    read_runtime, read_scheduler, read_stacks,
    read_io,      read_transports, read_nodes,   read_channels,
};

const struct mo_section_form *mo_section_forms(void)
{
    return forms;
}

const struct moirai_option *mo_section_own(uint32_t kind)
{
    const struct mo_section_form *form = forms;

    while (form->name != NULL && form->kind != kind)
        form++;
    return form->keys;
}

/* The section that alone has this key, of those whose keys are the core's;
 * `plugin` is in several. */
static const char *home_of(const char *key)
{
    for (size_t i = 0; i < SECTIONS; i++) {
        const struct moirai_option *o = forms[i].keys;

        if (forms[i].shape != MO_SECTION_KEYS || strcmp(key, "plugin") == 0)
            continue;
        for (; o->name != NULL; o++) {
            if (strcmp(o->name, key) == 0)
                return forms[i].name;
        }
    }
    return NULL;
}

int mo_section_read(struct mo_sections *out, const struct mo_tree *tree,
                    struct mo_option_run *run, struct mo_plugins *plugins)
{
    struct job job = { .out = out, .run = run, .plugins = plugins };
    struct moirai_option names[SECTIONS + 1] = { { .name = NULL } };
    int rc = 0;

    for (size_t i = 0; i < SECTIONS; i++)
        names[i].name = forms[i].name;
    run->partial = tree->partial;
    mo_option_unknown(run, tree->root, "", names, home_of);
    for (size_t i = 0; rc == 0 && i < SECTIONS; i++)
        rc = readers[i](&job, mo_tree_find(tree->root, forms[i].name));
    return rc;
}
