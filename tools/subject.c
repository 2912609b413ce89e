/* SPDX-License-Identifier: MIT */
/*
 * subject.c - the plugin that `moirai plugins test` tries, and its options.
 *
 * Without a configuration the plugin is set over all else, as by -s. With one
 * it has to be what the file names, or else the options there would be those
 * of another; so that it can be named without its path, the folder that it is
 * in is searched. What stays loaded, stays: the process ends soon.
 */
#include <stdio.h>

#include "subject.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "json.h"
#include "mistakes.h"
#include "plugin.h"
#include "section.h"
#include "setup.h"
#include "text.h"
#include "tool.h"

#define COMMAND "plugins test"
#define CHANNEL "plugins-test"      /* has the discipline that is tried */

/* --- which one ----------------------------------------------------------- */

static bool is_file(const char *text)
{
    size_t n = strlen(text);

    return strchr(text, '/') != NULL
        || (n > 3 && strcmp(text + n - 3, ".so") == 0);
}

static int find_file(const char *text, struct target *target)
{
    const char *name = strrchr(text, '/');
    char quoted[MO_TEXT_QUOTED];
    size_t n;

    mo_text_quote(quoted, text);
    target->kind = mo_kind_of_file(name != NULL ? name + 1 : text, &name, &n);
    if (target->kind == NULL)
        return tool_usage(COMMAND, "%s: the file of a plugin is called "
                          "KIND_NAME.so, such as sched_mine.so", quoted);
    target->plugin = realpath(text, NULL);
    if (target->plugin == NULL)
        return tool_failure(COMMAND, "%s: %s", quoted, strerror(errno));
    return TOOL_OK;
}

/* "sched_mine"? Then its kind, and where the name begins. */
static const struct mo_kind *kind_of_text(const char *text, const char **name)
{
    const struct mo_kind *kind = mo_kind_first();
    size_t n;

    for (; kind->kind != 0; kind++) {
        n = strlen(kind->prefix);
        if (strncmp(text, kind->prefix, n) == 0 && text[n] == '_') {
            *name = text + n + 1;
            return kind;
        }
    }
    *name = text;
    return NULL;
}

/* The kinds of all plugins of a name; *second, if there is more than one. */
static const struct mo_kind *kind_of_name(const struct mo_plugins *set,
                                          const char *name,
                                          const struct mo_kind **second)
{
    const struct mo_kind *first = NULL;

    *second = NULL;
    for (const struct mo_plugin *p = set->first; p != NULL; p = p->next) {
        if (p->kind == NULL || strcmp(p->name, name) != 0)
            continue;
        if (first == NULL)
            first = p->kind;
        else if (p->kind != first)
            *second = p->kind;
    }
    return first;
}

/* Among all that are installed, or on the path. */
static int find_name(const char *name, struct target *target)
{
    struct mo_arena arena = { NULL };
    const struct mo_kind *second;
    char quoted[MO_TEXT_QUOTED];
    struct mo_plugins set;
    int rc = mo_plugin_init(&set, &arena, false);

    if (rc == 0)
        rc = mo_plugin_search_usual(&set);
    if (rc != 0) {
        rc = tool_failure(COMMAND, "out of memory");
        goto out_free;
    }
    mo_text_quote(quoted, name);
    target->kind = kind_of_name(&set, name, &second);
    if (target->kind == NULL)
        rc = tool_failure(COMMAND, "there is no plugin %s; "
                          "\"moirai plugins\" lists them", quoted);
    else if (second != NULL)
        rc = tool_usage(COMMAND, "%s is a %s and a %s: which one, %s_%s or "
                        "%s_%s?", quoted, target->kind->noun, second->noun,
                        target->kind->prefix, name, second->prefix, name);
out_free:
    mo_arena_fini(&arena);
    return rc;
}

int subject_find(const char *text, struct target *target)
{
    const char *name;
    int rc = TOOL_OK;

    target->asked = text;
    if (is_file(text))
        return find_file(text, target);
    target->kind = kind_of_text(text, &name);
    if (target->kind == NULL)
        rc = find_name(name, target);
    if (rc != TOOL_OK)
        return rc;
    target->plugin = strdup(name);
    return target->plugin != NULL ? TOOL_OK
                                  : tool_failure(COMMAND, "out of memory");
}

void subject_forget(struct target *target)
{
    free(target->plugin);
    target->plugin = NULL;
}

/* --- loading it ---------------------------------------------------------- */

static int set_key(const char *key, const char *value)
{
    size_t size = strlen(key) + strlen(value) + 2;
    char *text = malloc(size);
    int rc;

    if (text == NULL)
        return -ENOMEM;
    snprintf(text, size, "%s=%s", key, value);
    rc = tool_set(COMMAND, text) == TOOL_OK ? 0 : -ENOMEM;
    free(text);
    return rc;
}

/* Its folder comes first on the path. */
static int search_beside(const char *plugin)
{
    const char *path = getenv("MOIRAI_PLUGIN_PATH");
    const char *slash = strrchr(plugin, '/');
    size_t size;
    char *text;
    int rc;

    if (slash == NULL)
        return 0;
    path = path != NULL ? path : "";
    size = (size_t)(slash - plugin) + strlen(path) + 3;
    text = malloc(size);
    if (text == NULL)
        return -ENOMEM;
    snprintf(text, size, "%.*s/:%s", (int)(slash - plugin), plugin, path);
    rc = setenv("MOIRAI_PLUGIN_PATH", text, 1) == 0 ? 0 : -ENOMEM;
    free(text);
    return rc;
}

static int name_it(const struct target *target)
{
    switch (target->kind->kind) {
    case MOIRAI_SCHED:
        return set_key("scheduler.plugin", target->plugin);
    case MOIRAI_STACK:
        return set_key("stacks.plugin", target->plugin);
    case MOIRAI_IO:
        return set_key("io.plugin", target->plugin);
    default:
        return set_key("channels." CHANNEL ".plugin", target->plugin);
    }
}

static int read_setup(const struct target *target, unsigned flags,
                      struct mo_setup **setup, struct mo_report *report)
{
    struct moirai_config config = { .size = sizeof config,
                                    .file = target->file };
    int rc = target->file != NULL ? search_beside(target->plugin)
                                  : name_it(target);

    if (rc == 0)
        rc = unsetenv("MOIRAI_CONFIG");
    if (rc == 0)
        rc = mo_setup_read(&config, flags | MO_SETUP_KEEP, setup, report);
    return rc;
}

/* Is this the plugin that is to be tried? */
static bool is_target(const struct mo_chosen *chosen,
                      const struct target *target)
{
    const struct mo_plugin *from = chosen->from;
    struct stat a, b;

    if (from == NULL)
        return target->file == NULL;
    if (strchr(target->plugin, '/') == NULL)
        return strcmp(from->name, target->plugin) == 0;
    return from->path != NULL && stat(from->path, &a) == 0
        && stat(target->plugin, &b) == 0 && a.st_dev == b.st_dev
        && a.st_ino == b.st_ino;
}

/* The section that chooses it; NULL: none does. */
static const struct mo_chosen *choice(const struct mo_setup *setup,
                                      const struct target *target)
{
    const struct mo_sections *sections = mo_setup_sections(setup);
    const struct mo_chosen *chosen = NULL;

    if (target->kind->kind == MOIRAI_SCHED)
        chosen = &sections->sched;
    if (target->kind->kind == MOIRAI_STACK)
        chosen = &sections->stack;
    if (target->kind->kind == MOIRAI_IO)
        chosen = &sections->io;
    for (size_t i = 0; chosen == NULL && i < sections->n_channels; i++) {
        chosen = &sections->channels[i].chosen;
        if (!is_target(chosen, target))
            chosen = NULL;
    }
    return chosen != NULL && is_target(chosen, target) ? chosen : NULL;
}

static void tell_mistakes(const struct target *target,
                          struct mo_report *report, FILE *out)
{
    struct json j = { .file = out };

    if (!target->json) {
        mistakes_print(report);
        return;
    }
    json_open(&j, '{');
    json_key(&j, "mistakes");
    mistakes_json(&j, report);
    json_close(&j, '}');
    fputc('\n', out);
    fflush(out);
}

static void describe(const struct moirai_plugin *plugin,
                     struct portrait *portrait)
{
    snprintf(portrait->name, sizeof portrait->name, "%s", plugin->name);
    snprintf(portrait->version, sizeof portrait->version, "%s",
             plugin->version);
    snprintf(portrait->summary, sizeof portrait->summary, "%s",
             plugin->summary);
}

void subject_look(const struct target *target, struct portrait *portrait,
                  FILE *out)
{
    struct mo_report report = { .list = NULL };
    const struct mo_chosen *chosen = NULL;
    struct mo_setup *setup = NULL;
    int rc = read_setup(target, MO_SETUP_CAUTIOUS, &setup, &report);

    conformance_verdict(&portrait->verdict);
    if (setup != NULL)
        chosen = choice(setup, target);
    if (rc == -ENOMEM) {
        conformance_say(VERDICT_FAILED, "out of memory");
    } else if (chosen != NULL && chosen->reason != NULL) {
        conformance_say(VERDICT_REFUSED, chosen->reason);
    } else if (report.count > 0) {
        tell_mistakes(target, &report, out);
        conformance_say(VERDICT_CONFIG, "");
    } else if (chosen == NULL) {
        conformance_say(VERDICT_CONFIG, "it does not choose this plugin");
    } else {
        describe(chosen->plugin, portrait);
        conformance_say(VERDICT_KEPT, "");
    }
}

bool subject_open(const struct target *target, struct subject *subject)
{
    struct mo_report report = { .list = NULL };
    const struct mo_chosen *chosen = NULL;
    struct mo_setup *setup = NULL;

    if (read_setup(target, 0, &setup, &report) == 0 && setup != NULL)
        chosen = choice(setup, target);
    if (chosen == NULL || chosen->plugin == NULL)
        return false;
    *subject = (struct subject){ chosen->plugin, chosen->config };
    unsetenv("MOIRAI_SET");         /* runtimes of the suite are its own */
    return true;
}
