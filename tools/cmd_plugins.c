/* SPDX-License-Identifier: MIT */
/*
 * cmd_plugins.c - `moirai plugins`: list what can be plugged in.
 *
 * Every module file is loaded, by a child process first: one that is corrupt
 * is listed with the reason, and hides none of the others.
 */
#include "tool.h"

#include <errno.h>
#include <string.h>

#include "json.h"
#include "mistakes.h"
#include "plugin.h"
#include "setup.h"
#include "text.h"
#include "value.h"

struct list {
    bool json;
    bool verbose;
    const char *file;
    struct json out;
};

static void print_option(const struct moirai_option *o)
{
    char least[MO_TEXT_NUMBER];
    char most[MO_TEXT_NUMBER];

    printf("    %s: %s", o->name, mo_value_type(o->type));
    if (o->min != 0 || o->max != 0)
        printf(" %s to %s", mo_value_bound(least, o, o->min),
               mo_value_bound(most, o, o->max));
    for (size_t i = 0; o->choices != NULL && o->choices[i] != NULL; i++)
        printf("%s%s", i == 0 && o->type == MOIRAI_CHOICE ? " " : "|",
               o->choices[i]);
    if (o->preset != NULL)
        printf(", preset %s", o->preset[0] != '\0' ? o->preset : "\"\"");
    else
        printf(", required");
    if (o->help != NULL)
        printf(". %s", o->help);
    putchar('\n');
}

static const char *where(const struct mo_plugin *p)
{
    return p->path != NULL ? p->path : "builtin";
}

/* A line that holds a path. */
static void print_line(const char *head, const char *path, const char *error)
{
    fputs(head, stdout);
    tool_put(stdout, path);
    printf("%s%s\n", error[0] != '\0' ? ": " : "", error);
}

static void print_refused(const struct mo_plugin *p)
{
    printf("%srefused%s ", tool_red(stdout), tool_plain(stdout));
    print_line("", where(p), "");
    printf("    %s\n", p->reason);
}

static void print_shadowed(const struct mo_plugin *p)
{
    print_line("shadowed ", where(p), "");
    print_line("    by ", where(p->shadowed_by),
               "same name, and it comes first; a path in place of the name "
               "takes this one");
}

static void print_plugin(const struct list *l, const struct mo_plugin *p)
{
    const struct moirai_option *o = p->plugin->options;

    printf("%-6s %s%-10s%s %-8s ", p->kind->prefix, tool_bold(stdout),
           p->name, tool_plain(stdout), p->plugin->version);
    print_line("", where(p), "");
    if (!l->verbose)
        return;
    if (p->plugin->summary[0] != '\0')
        printf("    %s\n", p->plugin->summary);
    if (p->reason != NULL)
        printf("    %s%s%s\n", tool_red(stdout), p->reason,
               tool_plain(stdout));
    for (; o != NULL && o->name != NULL; o++)
        print_option(o);
}

static void print_others(const struct list *l, const struct mo_plugins *set)
{
    const struct mo_plugin_directory *d;
    size_t refused = 0;

    for (const struct mo_plugin *p = set->first; p != NULL; p = p->next) {
        refused += p->state == MO_PLUGIN_REFUSED;
        if (!l->verbose)
            continue;
        if (p->state == MO_PLUGIN_REFUSED)
            print_refused(p);
        else if (p->shadowed_by != NULL)
            print_shadowed(p);
    }
    if (!l->verbose && refused > 0)
        printf("%zu cannot be used; \"moirai plugins -v\" tells why\n",
               refused);
    for (d = set->directories; l->verbose && d != NULL; d = d->next)
        print_line("searched ", d->path,
                   d->code != 0 ? strerror(-d->code) : "");
}

static bool usable(const struct mo_plugin *p)
{
    return p->state == MO_PLUGIN_READY && p->shadowed_by == NULL;
}

static void print_all(const struct list *l, const struct mo_plugins *set)
{
    const struct mo_kind *kind;

    for (kind = mo_kind_first(); kind->kind != 0; kind++) {
        for (const struct mo_plugin *p = set->first; p != NULL; p = p->next) {
            if (usable(p) && p->kind == kind)
                print_plugin(l, p);
        }
    }
    print_others(l, set);
}

static void json_option(struct json *j, const struct moirai_option *o)
{
    char bound[MO_TEXT_NUMBER];

    json_open(j, '{');
    json_pair(j, "name", o->name);
    json_pair(j, "type", mo_value_type(o->type));
    json_pair(j, "preset", o->preset);
    json_pair(j, "help", o->help);
    if (o->min != 0 || o->max != 0) {
        json_pair(j, "min", mo_value_bound(bound, o, o->min));
        json_pair(j, "max", mo_value_bound(bound, o, o->max));
    }
    if (o->choices != NULL) {
        json_key(j, "words");
        json_open(j, '[');
        for (size_t i = 0; o->choices[i] != NULL; i++)
            json_text(j, o->choices[i]);
        json_close(j, ']');
    }
    json_close(j, '}');
}

static void json_plugin(struct json *j, const struct mo_plugin *p)
{
    const struct moirai_option *o;

    json_open(j, '{');
    json_pair(j, "kind", p->kind != NULL ? p->kind->prefix : NULL);
    json_pair(j, "name", p->kind != NULL ? p->name : NULL);
    json_pair(j, "path", p->path);
    json_key(j, "builtin");
    json_bool(j, p->path == NULL);
    json_pair(j, "state", p->state == MO_PLUGIN_REFUSED ? "refused"
                          : p->shadowed_by != NULL      ? "shadowed"
                          : p->reason != NULL           ? "cannot run"
                                                        : "ready");
    json_pair(j, "reason", p->reason);
    if (p->shadowed_by != NULL)
        json_pair(j, "shadowed_by", where(p->shadowed_by));
    if (p->state == MO_PLUGIN_READY) {
        json_pair(j, "version", p->plugin->version);
        json_pair(j, "summary", p->plugin->summary);
        json_key(j, "options");
        json_open(j, '[');
        for (o = p->plugin->options; o != NULL && o->name != NULL; o++)
            json_option(j, o);
        json_close(j, ']');
    }
    json_close(j, '}');
}

static void json_all(struct json *j, const struct mo_plugins *set)
{
    const struct mo_plugin_directory *d;

    json_open(j, '{');
    json_key(j, "plugins");
    json_open(j, '[');
    for (const struct mo_plugin *p = set->first; p != NULL; p = p->next)
        json_plugin(j, p);
    json_close(j, ']');
    json_key(j, "searched");
    json_open(j, '[');
    for (d = set->directories; d != NULL; d = d->next) {
        json_open(j, '{');
        json_pair(j, "path", d->path);
        json_pair(j, "error", d->code != 0 ? strerror(-d->code) : NULL);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_close(j, '}');
    json_end();
}

static int show_set(struct list *l, struct mo_plugins *set)
{
    if (mo_plugin_examine(set) != 0)
        return tool_failure("plugins", "out of memory");
    if (l->json)
        json_all(&l->out, set);
    else
        print_all(l, set);
    return TOOL_OK;
}

/* Without a configuration: what the environment and the installation say. */
static int show_usual(struct list *l)
{
    struct mo_arena arena = { NULL };
    struct mo_plugins set;
    int rc = mo_plugin_init(&set, &arena, true);

    if (rc == 0)
        rc = mo_plugin_search_usual(&set);
    rc = rc == 0 ? show_set(l, &set) : tool_failure("plugins",
                                                    "out of memory");
    mo_arena_fini(&arena);
    return rc;
}

static int show_configured(struct list *l)
{
    struct moirai_config config = { .size = sizeof config, .file = l->file };
    struct mo_report report = { .list = NULL };
    struct mo_setup *s = NULL;
    int rc = mo_setup_read(&config, MO_SETUP_CAUTIOUS, &s, &report);
    int status = TOOL_CONFIG;

    if (rc == 0)
        status = show_set(l, mo_setup_plugins(s));
    else if (rc == -ENOMEM)
        status = tool_failure("plugins", "out of memory");
    else
        mistakes_print(&report);
    mo_setup_close(s);
    mo_report_fini(&report);
    return status;
}

int cmd_plugins(int argc, char **argv)
{
    static const struct tool_flag flags[] = {
        { 'v', "verbose", false }, { 'c', "config", true },
        TOOL_FLAG_JSON, TOOL_FLAG_HELP, { 0, NULL, false },
    };
    struct tool_args args = { .command = "plugins", .flags = flags,
                              .argv = argv, .argc = argc, .next = 1 };
    struct list l = { .file = NULL };
    int flag;

    while ((flag = tool_next(&args)) != -1) {
        if (flag == 'h')
            return tool_explain("plugins");
        if (flag == '?')
            return TOOL_USAGE;
        if (flag == 0)
            return tool_usage("plugins", "takes no arguments");
        if (flag == 'c')
            l.file = args.value;
        l.json = l.json || flag == 'j';
        l.verbose = l.verbose || flag == 'v';
    }
    return l.file != NULL ? show_configured(&l) : show_usual(&l);
}
