/* SPDX-License-Identifier: MIT */
/*
 * world.c - a configuration's surroundings, made up.
 */
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "dl.h"
#include "kind.h"
#include "log.h"
#include "section.h"
#include "text.h"
#include "value.h"

/* ld --wrap: the core's calls of X arrive at __wrap_X. */
int __wrap_mo_dl_open(const char *path, void **handle, char *why);
const void *__wrap_mo_dl_symbol(void *handle, const char *name, size_t *size);
int __wrap_mo_dl_list(const char *directory,
                      int (*fn)(void *ctx, const char *name), void *ctx);
int __wrap_mo_config_read(struct mo_tree *tree, const char *path);

struct options {
    bool yes;
    uint64_t count;
    int64_t level;
    uint64_t size;
    int64_t pause;
    const char *listen;
    uint32_t mode;
};

static const char *const modes[] = { "calm", "eager", NULL };
static const char *const none[] = { "none", NULL };

/* One of each type, with bounds and without. */
static const struct moirai_option options[] = {
    { .name = "yes", .preset = "no", .type = MOIRAI_BOOL,
      .offset = offsetof(struct options, yes) },
    { .name = "count", .preset = "none", .type = MOIRAI_UINT, .min = 2,
      .max = 1000, .choices = none,
      .offset = offsetof(struct options, count) },
    { .name = "level", .preset = "0", .type = MOIRAI_INT,
      .min = (uint64_t)-20, .max = 19,
      .offset = offsetof(struct options, level) },
    { .name = "size", .preset = "1MiB", .type = MOIRAI_SIZE, .min = 4096,
      .max = 1u << 30, .offset = offsetof(struct options, size) },
    { .name = "pause", .preset = "1ms", .type = MOIRAI_DURATION,
      .offset = offsetof(struct options, pause) },
    { .name = "listen", .preset = NULL, .type = MOIRAI_STRING, .min = 1,
      .max = 32, .offset = offsetof(struct options, listen) },
    { .name = "mode", .preset = "calm", .type = MOIRAI_CHOICE,
      .choices = modes, .offset = offsetof(struct options, mode) },
    { .name = NULL },
};

static int cannot(struct moirai_error *err)
{
    return moirai_error_set(err, -ENODEV, "not on \"this\"\nmachine");
}

#define HEAD(the_kind, the_name)                                              \
    .abi = MOIRAI_PLUGIN_ABI, .size = sizeof(struct moirai_plugin),           \
    .kind = the_kind, .name = the_name, .version = "1"

/* Their functions are filled in when they are asked for. */
static struct {
    const char *file;
    struct moirai_plugin plugin;
} modules[] = {
    { "chan_other.so", { HEAD(MOIRAI_CHAN, "another"), .rank = 9 } },
    { "io_ports.so", { HEAD(MOIRAI_IO, "ports"), .probe = cannot } },
    { "sched_far.so", { HEAD(MOIRAI_SCHED, "far"), .options = options,
                        .config_size = 8 } },
    { "tran_wire.so", { HEAD(MOIRAI_TRAN, "wire"), .options = options,
                        .config_size = sizeof(struct options) } },
    { "tran_plain.so", { HEAD(MOIRAI_TRAN, "plain"), .rank = 1 } },
};

#define MODULES (sizeof modules / sizeof modules[0])

static char *usual[] = {
    (char[]){ "MOIRAI_PLUGIN_PATH=modules:gone" },
    (char[]){ "NAME=words" },
    (char[]){ "NUMBER=12" },
    (char[]){ "NOTHING=" },
    (char[]){ "ODD=\033[1m\xff: {" },
    NULL,
};

static const char *yaml_text = "";
static size_t yaml_size;
static char **variables = usual;

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

int __wrap_mo_dl_open(const char *path, void **handle, char *why)
{
    for (size_t i = 0; i < MODULES; i++) {
        if (strcmp(base_of(path), modules[i].file) == 0) {
            *handle = &modules[i].plugin;
            return 0;
        }
    }
    snprintf(why, MO_DL_WHY, "%s: no such file\n", path);
    return -ENOEXEC;
}

static void nothing(void)
{
}

const void *__wrap_mo_dl_symbol(void *handle, const char *name, size_t *size)
{
    static void (*tables[MODULES][64])(void);
    struct moirai_plugin *p = handle;
    const struct mo_kind *kind = mo_kind_of(p->kind);
    void (*function)(void) = nothing;
    size_t i = 0;

    (void)name;
    while (&modules[i].plugin != p)
        i++;
    for (const struct mo_kind_slot *s = kind->required; s->name != NULL; s++)
        memcpy((char *)tables[i] + s->offset, &function, sizeof function);
    p->ops = tables[i];
    p->ops_size = kind->ops_size;
    p->ops_abi = kind->ops_abi;
    *size = sizeof *p;
    return p;
}

int __wrap_mo_dl_list(const char *directory,
                      int (*fn)(void *ctx, const char *name), void *ctx)
{
    static const char *const company[] = {
        "README", "libm.so", "sched_.so", "sched_gone.so",
    };
    int rc = 0;

    if (strcmp(base_of(directory), "modules") != 0)
        return -ENOENT;
    for (size_t i = 0; rc == 0 && i < MODULES; i++)
        rc = fn(ctx, modules[i].file);
    for (size_t i = 0; rc == 0 && i < sizeof company / sizeof company[0]; i++)
        rc = fn(ctx, company[i]);
    return rc;
}

int __wrap_mo_config_read(struct mo_tree *tree, const char *path)
{
    return mo_config_parse(tree, path, yaml_text, yaml_size);
}

void world_set(const char *yaml, size_t n, char **environment)
{
    yaml_text = yaml;
    yaml_size = n;
    variables = environment != NULL ? environment : usual;
}

/* One more than there are line breaks of any sort that YAML knows. */
static size_t count_lines(const char *yaml, size_t n)
{
    size_t lines = 1;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)yaml[i];

        lines += c == '\n' || c == '\r' || c == 0x85 || c == 0xa8 ||
                 c == 0xa9;
    }
    return lines;
}

static void judge_mistake(const struct mo_mistake *m, size_t lines)
{
    FUZZ_CHECK(m->text[0] != '\0' && mo_text_shows(m->text, SIZE_MAX - 1),
               "%s", m->text);
    FUZZ_CHECK(mo_text_shows(m->key, SIZE_MAX - 1), "%s", m->key);
    FUZZ_CHECK(mo_text_shows(m->place.source, SIZE_MAX - 1), "%s", m->text);
    FUZZ_CHECK(m->place.from != MO_FROM_FILE || m->place.line <= lines,
               "line %u of %zu: %s", (unsigned)m->place.line, lines, m->text);
    FUZZ_CHECK((m->place.line == 0) == (m->place.column == 0), "%u:%u: %s",
               (unsigned)m->place.line, (unsigned)m->place.column, m->text);
}

void world_judge(struct mo_report *report, const char *yaml, size_t n)
{
    size_t lines = count_lines(yaml, n);
    struct moirai_error err;
    int code = report->count > 0 ? -EINVAL : 0;

    FUZZ_CHECK(report->code == code, "%d, but %zu mistakes", report->code,
               report->count);
    FUZZ_CHECK(report->more == 0 || report->count == MO_REPORT_MAX,
               "%zu more than %zu", report->more, report->count);
    for (size_t i = 0; i < report->count; i++)
        judge_mistake(&report->list[i], lines);
    memset(&err, 0xee, sizeof err);
    FUZZ_CHECK(mo_report_error(report, &err) == code && err.code == code,
               "%d", err.code);
    FUZZ_CHECK(memchr(err.text, '\0', sizeof err.text) != NULL, "no end");
    FUZZ_CHECK((err.text[0] != '\0') == (report->count > 0), "%s", err.text);
}

/* A chosen plugin is one of the kind, with its options in their bounds. */
static void judge_chosen(const struct mo_chosen *chosen, uint32_t kind)
{
    FUZZ_CHECK(chosen->plugin != NULL && chosen->ops != NULL &&
               chosen->config != NULL, "a kind %u without a plugin", kind);
    FUZZ_CHECK(chosen->plugin->kind == kind, "%s", chosen->plugin->name);
    FUZZ_CHECK(mo_value_same(chosen->plugin->options, chosen->config,
                             chosen->config), "%s", chosen->plugin->name);
}

static bool is_transport(const struct mo_sections *s, const char *name)
{
    for (size_t i = 0; i < s->n_transports; i++) {
        if (strcmp(s->transports[i].name, name) == 0)
            return true;
    }
    return false;
}

static void judge_sections(const struct mo_setup *setup)
{
    const struct mo_sections *s = mo_setup_sections(setup);

    FUZZ_CHECK(s->runtime.workers <= 1024 && s->runtime.stop_grace >= 0 &&
               s->runtime.spin >= 0 && s->runtime.blocking_threads >= 1,
               "runtime is out of its bounds");
    judge_chosen(&s->sched, MOIRAI_SCHED);
    judge_chosen(&s->stack, MOIRAI_STACK);
    for (size_t i = 0; i < s->n_transports; i++)
        judge_chosen(&s->transports[i].chosen, MOIRAI_TRAN);
    for (size_t i = 0; i < s->n_nodes; i++) {
        FUZZ_CHECK(is_transport(s, s->nodes[i].via), "via %s",
                   s->nodes[i].via);
        FUZZ_CHECK(s->nodes[i].count >= 1, "%s", s->nodes[i].name);
    }
    for (size_t i = 0; i < s->n_channels; i++) {
        const struct mo_section_channel *c = &s->channels[i];

        judge_chosen(&c->chosen, MOIRAI_CHAN);
        FUZZ_CHECK(c->home != NULL && c->delivery <= 2, "%s", c->name);
        FUZZ_CHECK(i == 0 || strcmp(c[-1].name, c->name) < 0, "%s", c->name);
        FUZZ_CHECK(mo_setup_chan(setup, c->name) == &c->chosen, "%s",
                   c->name);
    }
}

struct mo_setup *world_read(const char *const *settings)
{
    struct moirai_config config = {
        .size = sizeof config, .file = WORLD_FILE, .set = settings,
    };
    struct mo_report report = { .list = NULL };
    struct mo_setup *setup = NULL;
    char **own;
    int rc;

    setenv("MOIRAI_LOG", "off", 1);
    mo_log_on(MOIRAI_LOG_INFO);     /* asks but once */
    own = environ;
    environ = variables;
    rc = mo_setup_read(&config, false, &setup, &report);
    environ = own;
    FUZZ_CHECK((rc == 0) == (setup != NULL) && rc == report.code, "%d", rc);
    world_judge(&report, yaml_text, yaml_size);
    mo_report_fini(&report);
    if (setup != NULL)
        judge_sections(setup);
    return setup;
}
