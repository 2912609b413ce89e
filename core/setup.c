/* SPDX-License-Identifier: MIT */
/*
 * setup.c - what a runtime was told to be: configuration, read and checked.
 *
 * The order is: file or text into a tree, the environment over it, the command
 * line over that, the API over all; then section by section, which finds and
 * loads plugins. Nothing stops at the first mistake.
 */
#include "setup.h"

#include <moirai/sched.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "chosen.h"
#include "config.h"
#include "mem.h"
#include "override.h"
#include "section.h"
#include "value.h"

/* A channel that the program described. */
struct made {
    struct mo_chosen chosen;
    struct made *next;
};

struct mo_setup {
    struct mo_arena arena;          /* holds all below; lock once open */
    struct mo_plugins plugins;      /* constant once open */
    struct mo_option_run run;       /* constant once open */
    struct mo_sections sections;    /* constant once open */
    pthread_mutex_t lock;           /* guards arena and made */
    struct made *made;
};

/* The caller's struct may be older or newer than ours. What it has and we do
 * not must say nothing. */
static int take_config(const struct moirai_config *config,
                       struct moirai_config *copy, struct mo_report *report)
{
    struct mo_place place = { .from = MO_FROM_API };
    size_t size = sizeof *copy;

    *copy = (struct moirai_config){ .size = sizeof *copy };
    if (config == NULL)
        return 0;
    if (config->size != 0 && config->size < size)
        size = config->size;
    memcpy(copy, config, size);
    for (size_t i = sizeof *copy; i < config->size; i++) {
        if (((const char *)config)[i] != 0) {
            mo_report_add(report, &place, NULL, "moirai_config has fields "
                          "that this moirai does not know");
            return -EINVAL;
        }
    }
    if ((copy->flags & ~MOIRAI_CONFIG_EMBEDDED) != 0)
        mo_report_add(report, &place, NULL, "moirai_config has flags that "
                      "this moirai does not know");
    if (copy->file != NULL && copy->text != NULL)
        mo_report_add(report, &place, NULL, "moirai_config has both a file "
                      "and a text; give one");
    return report->code;
}

/* File or text, environment, API. */
static int read_sources(struct mo_tree *tree, struct moirai_config *config)
{
    int rc = 0;

    if (config->file == NULL && config->text == NULL)
        config->file = secure_getenv("MOIRAI_CONFIG");
    if (config->text != NULL) {
        rc = mo_config_parse(tree, "(text)", config->text,
                             strlen(config->text));
    } else if (config->file != NULL && config->file[0] != '\0') {
        const char *path = mo_arena_strdup(tree->arena, config->file);

        rc = path != NULL ? mo_config_read(tree, path) : -ENOMEM;
    }
    if (rc == 0)
        rc = mo_override_environment(tree);
    if (rc == 0)
        rc = mo_override_command(tree);
    if (rc == 0)
        rc = mo_override_api(tree, config->set);
    return rc;
}

/* Who is near, is known of workers that have places. */
static void check_victims(const struct mo_setup *s)
{
    const struct mo_runtime_options *options = &s->sections.runtime;
    const struct moirai_sched_ops *ops = s->sections.sched.ops;
    const struct mo_option_value *v = s->sections.sched.values;

    if (options->victims != MO_VICTIMS_NEAREST || ops == NULL
        || (options->bind != MO_BIND_AUTO && options->bind != MO_BIND_NONE)
        || (ops->flags & MOIRAI_SCHED_NODES) != 0)
        return;
    while (v != NULL && strcmp(v->key, "scheduler.victims") != 0)
        v = v->next;
    if (v != NULL)
        mo_report_add(s->run.report, &v->place, v->key,
                      "\"nearest\" must know where workers are; add "
                      "runtime.bind: close, spread or node");
}

static int fill(struct mo_setup *s, struct moirai_config *config,
                bool cautious, struct mo_report *report)
{
    struct mo_tree tree;
    int rc = mo_tree_init(&tree, &s->arena, report);

    s->run.arena = &s->arena;
    s->run.report = report;
    if (rc == 0)
        rc = read_sources(&tree, config);
    if (rc == 0)
        rc = mo_plugin_init(&s->plugins, &s->arena, cautious);
    if (rc == 0)
        rc = mo_section_read(&s->sections, &tree, &s->run, &s->plugins);
    if (rc == 0)
        check_victims(s);
    s->run.report = NULL;
    return rc;
}

int mo_setup_read(const struct moirai_config *config, unsigned flags,
                  struct mo_setup **setup, struct mo_report *report)
{
    struct moirai_config copy;
    struct mo_setup *s;
    int code;
    int rc = take_config(config, &copy, report);

    if (rc != 0)
        return rc;
    s = mo_mem_alloc(sizeof *s, _Alignof(struct mo_setup));
    if (s == NULL)
        return -ENOMEM;
    rc = fill(s, &copy, (flags & MO_SETUP_CAUTIOUS) != 0, report);
    code = report->code;
    if (rc != 0 || (code != 0 && (flags & MO_SETUP_KEEP) == 0))
        goto out_free;
    rc = -pthread_mutex_init(&s->lock, NULL);
    if (rc != 0)
        goto out_free;
    *setup = s;
    return code;
out_free:
    mo_arena_fini(&s->arena);
    mo_mem_free(s);
    return rc != 0 ? rc : code;
}

int mo_setup_open(const struct moirai_config *config, struct mo_setup **setup,
                  struct moirai_error *err)
{
    struct mo_report report = { .list = NULL };
    int rc = mo_setup_read(config, 0, setup, &report);

    if (rc == -ENOMEM)
        moirai_error_set(err, rc, "out of memory");
    else if (rc != 0)
        mo_report_error(&report, err);
    if (rc != 0 && err != NULL)
        err->code = rc;
    mo_report_fini(&report);
    return rc;
}

void mo_setup_close(struct mo_setup *setup)
{
    if (setup == NULL)
        return;
    pthread_mutex_destroy(&setup->lock);
    mo_arena_fini(&setup->arena);
    mo_mem_free(setup);
}

const struct mo_runtime_options *mo_setup_runtime(const struct mo_setup *s)
{
    return &s->sections.runtime;
}

const struct mo_chosen *mo_setup_sched(const struct mo_setup *s)
{
    return &s->sections.sched;
}

const struct mo_chosen *mo_setup_io(const struct mo_setup *s)
{
    return &s->sections.io;
}

const struct mo_chosen *mo_setup_stack(const struct mo_setup *s)
{
    return &s->sections.stack;
}

const struct mo_sections *mo_setup_sections(const struct mo_setup *s)
{
    return &s->sections;
}

const struct mo_option_value *mo_setup_values(const struct mo_setup *s)
{
    return s->run.first;
}

struct mo_plugins *mo_setup_plugins(struct mo_setup *s)
{
    return &s->plugins;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const struct mo_chosen *mo_setup_chan(const struct mo_setup *s,
                                      const char *name)
{
    const struct mo_sections *all = &s->sections;
    const struct mo_section_channel *c = NULL;

    if (all->n_channels > 0)
        c = bsearch(&name, all->channels, all->n_channels,
                    sizeof all->channels[0], by_name);
    return c != NULL ? &c->chosen : NULL;
}

/* Reads what the program said into a config struct, all of it in `arena`. */
static int read_options(struct mo_setup *s, const char *name,
                        const char *const *options, struct mo_arena *arena,
                        struct mo_report *report, struct mo_chosen *chosen)
{
    struct mo_option_run run = { .arena = arena, .report = report };
    uint32_t overflow = 0;
    struct mo_option_set sets[] = {
        { .options = mo_section_overflow, .config = &overflow },
        { .options = NULL },
    };
    struct mo_place place = { .from = MO_FROM_API };
    const struct mo_plugin *found;
    struct mo_tree tree;
    char why[MO_PLUGIN_WHY];

    if (mo_plugin_ready(&s->plugins, MOIRAI_CHAN, name, &found, why) != 0) {
        mo_report_add(report, &place, NULL, "%s", why);
        return report->code;
    }
    sets[1].options = found->plugin->options;
    sets[1].config = mo_arena_alloc(arena, found->plugin->config_size + 1);
    if (sets[1].config == NULL || mo_tree_init(&tree, arena, report) != 0 ||
        mo_override_api(&tree, options) != 0 ||
        mo_option_fill(&run, tree.root, "", sets, 2) != 0)
        return -ENOMEM;
    *chosen = (struct mo_chosen){
        .plugin = found->plugin,
        .ops = found->ops,
        .config = sets[1].config,
        .overflow = overflow,
    };
    return report->code;
}

static struct made *find_made(struct mo_setup *s,
                              const struct mo_chosen *chosen)
{
    struct made *m = s->made;

    while (m != NULL &&
           (m->chosen.plugin != chosen->plugin ||
            m->chosen.overflow != chosen->overflow ||
            !mo_value_same(chosen->plugin->options, m->chosen.config,
                           chosen->config)))
        m = m->next;
    return m;
}

/* Keeps what is new; `from` holds its config struct. */
static int keep_made(struct mo_setup *s, const struct mo_chosen *chosen,
                     struct mo_arena *from, const struct mo_chosen **kept)
{
    struct made *m;
    int rc = 0;

    pthread_mutex_lock(&s->lock);
    m = find_made(s, chosen);
    if (m == NULL) {
        m = mo_arena_alloc(from, sizeof *m);
        if (m == NULL) {
            rc = -ENOMEM;
            goto out_unlock;
        }
        m->chosen = *chosen;
        m->next = s->made;
        s->made = m;
        mo_arena_join(&s->arena, from);
    }
    *kept = &m->chosen;
out_unlock:
    pthread_mutex_unlock(&s->lock);
    return rc;
}

int mo_setup_chan_make(struct mo_setup *s, const char *name,
                       const char *const *options,
                       const struct mo_chosen **chosen,
                       struct moirai_error *err)
{
    struct mo_arena arena = { NULL };
    struct mo_report report = { .list = NULL };
    struct mo_chosen read = { .plugin = NULL };
    int rc = read_options(s, name != NULL ? name : "ring", options, &arena,
                          &report, &read);

    if (rc == 0)
        rc = keep_made(s, &read, &arena, chosen);
    if (rc == -ENOMEM)
        moirai_error_set(err, rc, "out of memory");
    else if (rc != 0)
        mo_report_error(&report, err);
    mo_report_fini(&report);
    mo_arena_fini(&arena);
    return rc;
}
