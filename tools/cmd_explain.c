/* SPDX-License-Identifier: MIT */
/*
 * cmd_explain.c - `moirai explain`: say who was considered and why taken.
 *
 * Also where the configuration is wrong: what could not be loaded is then what
 * one wants to know.
 */
#include "tool.h"

#include <moirai/sched.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guard.h"
#include "json.h"
#include "mistakes.h"
#include "section.h"
#include "where.h"
#include "why.h"

#define NAME_MAX_BYTES 100

struct explain {
    bool json;
    const char *file;               /* NULL: none was given */
    struct mo_setup *s;
    const struct mo_chosen **sections;
    size_t n;
    bool tried;                     /* the stack allocator */
    uint32_t guard;
    bool seated;                    /* the workers */
    struct mo_seats seats;
};

static const char *where(const struct mo_plugin *p)
{
    return p->path != NULL ? p->path : "built in";
}

/* --- for people --------------------------------------------------------- */

static void put_workers(const struct explain *e)
{
    char why[WHY_MAX];
    char line[WHY_MAX + 100];
    uint32_t n = why_workers(why, e->s);

    printf("%sworkers: %u%s\n", tool_bold(stdout), (unsigned)n,
           tool_plain(stdout));
    snprintf(line, sizeof line, "%s.", why);
    tool_paragraph(TOOL_WIDTH, 2, 0, line);
    if (e->seated) {
        snprintf(line, sizeof line, "%s.", where_text(why, &e->seats));
        tool_paragraph(TOOL_WIDTH, 2, 0, line);
    }
}

static bool is_ranked(const struct moirai_sched_ops *ops)
{
    return (ops->flags & MOIRAI_SCHED_RANKED) != 0;
}

/* What the last run says, a line each. */
static void put_effect(const struct explain *e)
{
    char text[WHY_MAX];
    char *line = text;

    why_effect(text, e->s);
    if (text[0] != '\0')
        tool_paragraph(TOOL_WIDTH, 2, 0, "The last run says:");
    while (*line != '\0') {
        size_t n = strcspn(line, "\n");
        bool more = line[n] != '\0';

        line[n] = '\0';
        tool_paragraph(TOOL_WIDTH, 4, 0, line);
        line += n + more;
    }
}

static void put_scheduler(const struct explain *e, const struct mo_chosen *c)
{
    char why[WHY_MAX];

    if (is_ranked(c->from->plugin->ops))
        tool_paragraph(TOOL_WIDTH, 2, 0, "Tasks have ranks, by their priority "
                       "or deadline: one of a low rank may wait for others as "
                       "long as there are some. Who waits for a mutex lends "
                       "its owner the priority.");
    tool_paragraph(TOOL_WIDTH, 2, 0, why_hybrid(why, e->s));
    put_effect(e);
}

static void put_section(const struct explain *e, const struct mo_chosen *c)
{
    const struct mo_plugin *p = c->from;
    char why[WHY_MAX];
    char line[WHY_MAX + 100];

    fputs(tool_bold(stdout), stdout);
    tool_put(stdout, c->path);
    printf(": %s%s", p != NULL ? p->name : "none", tool_plain(stdout));
    if (p != NULL) {
        printf(" %s, ", p->plugin->version);
        tool_put(stdout, where(p));
    }
    printf("\n");
    snprintf(line, sizeof line, "Because %s.", why_section(why, c));
    tool_paragraph(TOOL_WIDTH, 2, 0, line);
    if (c == mo_setup_sched(e->s) && p != NULL)
        put_scheduler(e, c);
    if (c == mo_setup_stack(e->s) && p != NULL && e->tried) {
        snprintf(line, sizeof line, "Stacks are %s.",
                 why_guard(why, e->s, e->guard));
        tool_paragraph(TOOL_WIDTH, 2, 0, line);
    }
}

static void put_candidate(const struct explain *e, const struct mo_plugin *p)
{
    char why[WHY_MAX];
    int column = printf("  %-10s ", p->kind != NULL ? p->name : "");

    if (p->state == MO_PLUGIN_READY)
        column += printf("%s, rank %d, ", p->plugin->version,
                         (int)p->plugin->rank);
    tool_put(stdout, where(p));
    printf("\n");
    tool_paragraph(TOOL_WIDTH, column > 0 ? 13 : 0, 0,
                   why_plugin(why, p, e->sections, e->n));
}

static void put_kind(const struct explain *e, const struct mo_plugins *set,
                     const struct mo_kind *kind)
{
    bool any = false;

    for (const struct mo_plugin *p = set->first; p != NULL; p = p->next) {
        if (p->kind != kind)
            continue;
        if (!any && kind != NULL)
            printf("\n%s%ss considered%s\n", tool_bold(stdout), kind->noun,
                   tool_plain(stdout));
        else if (!any)
            printf("\n%sfiles that are no plugins%s\n", tool_bold(stdout),
                   tool_plain(stdout));
        any = true;
        put_candidate(e, p);
    }
}

static void put_searched(const struct mo_plugins *set)
{
    const struct mo_plugin_directory *d = set->directories;

    printf("\n%slooked for modules in%s\n", tool_bold(stdout),
           tool_plain(stdout));
    for (; d != NULL; d = d->next) {
        printf("  ");
        tool_put(stdout, d->path);
        printf("%s%s\n", d->code != 0 ? ": " : "",
               d->code != 0 ? strerror(-d->code) : "");
    }
}

static void put_values(const struct explain *e)
{
    const struct mo_option_value *v;
    char text[WHY_MAX];

    printf("\n%svalues%s, and how to change them\n", tool_bold(stdout),
           tool_plain(stdout));
    for (v = mo_setup_values(e->s); v != NULL; v = v->next) {
        printf("  ");
        tool_put(stdout, why_setting(text, v));
        printf(" = ");
        tool_put(stdout, v->text[0] != '\0' ? v->text : "\"\"");
        printf(" (");
        tool_put(stdout, mo_report_origin(text, sizeof text, &v->place));
        printf(")");
        if (why_variable(text, v)[0] != '\0')
            printf(" %s", text);
        printf("\n");
    }
    tool_paragraph(TOOL_WIDTH, 2, 0, "Presets give way to the file, that to "
                   "the environment (the names in capitals), that to -s "
                   "KEY=VALUE, and that to what the program itself says.");
}

static void put_ignored(void)
{
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        char name[NAME_MAX_BYTES];
        const char *meant;

        snprintf(name, sizeof name, "%.*s", (int)strcspn(*entry, "="),
                 *entry);
        meant = why_ignored(name);
        if (meant == NULL)
            continue;
        printf("\n");
        tool_put(stdout, name);
        printf(" is set and means nothing, did you mean %s?\n", meant);
    }
}

static void print_text(const struct explain *e)
{
    const struct mo_plugins *set = mo_setup_plugins(e->s);
    const struct mo_kind *kind;

    put_workers(e);
    for (size_t i = 0; i < e->n; i++)
        put_section(e, e->sections[i]);
    for (kind = mo_kind_first(); kind->kind != 0; kind++)
        put_kind(e, set, kind);
    put_kind(e, set, NULL);
    put_searched(set);
    put_values(e);
    put_ignored();
}

/* --- as JSON ------------------------------------------------------------ */

static void json_workers(struct json *j, const struct explain *e)
{
    char why[WHY_MAX];

    json_key(j, "workers");
    json_open(j, '{');
    json_key(j, "number");
    json_number(j, why_workers(why, e->s));
    json_pair(j, "why", why);
    json_pair(j, "bind", e->seated ? where_text(why, &e->seats) : NULL);
    json_close(j, '}');
}

static void json_section(struct json *j, const struct explain *e,
                         const struct mo_chosen *c)
{
    char why[WHY_MAX];

    json_open(j, '{');
    json_pair(j, "section", c->path);
    json_pair(j, "plugin", c->from != NULL ? c->from->name : NULL);
    json_pair(j, "path", c->from != NULL ? c->from->path : NULL);
    json_pair(j, "asked", c->asked);
    mistakes_place(j, &c->place);
    json_pair(j, "why", why_section(why, c));
    if (c == mo_setup_stack(e->s) && e->tried)
        json_pair(j, "guard", why_guard(why, e->s, e->guard));
    if (c == mo_setup_sched(e->s) && c->from != NULL) {
        json_pair(j, "hybrid", why_hybrid(why, e->s));
        json_pair(j, "effect", why_effect(why, e->s));
    }
    json_close(j, '}');
}

static void json_candidate(struct json *j, const struct explain *e,
                           const struct mo_plugin *p)
{
    char why[WHY_MAX];

    json_open(j, '{');
    json_pair(j, "kind", p->kind != NULL ? p->kind->prefix : NULL);
    json_pair(j, "name", p->kind != NULL ? p->name : NULL);
    json_pair(j, "path", p->path);
    if (p->state == MO_PLUGIN_READY) {
        json_pair(j, "version", p->plugin->version);
        json_key(j, "rank");
        json_number(j, p->plugin->rank);
    }
    json_key(j, "taken");
    json_bool(j, why_taken(p, e->sections, e->n));
    json_pair(j, "why", why_plugin(why, p, e->sections, e->n));
    json_close(j, '}');
}

static void json_values(struct json *j, const struct explain *e)
{
    const struct mo_option_value *v = mo_setup_values(e->s);
    char text[WHY_MAX];

    json_key(j, "values");
    json_open(j, '[');
    for (; v != NULL; v = v->next) {
        json_open(j, '{');
        json_pair(j, "key", v->key);
        json_pair(j, "text", v->text);
        mistakes_place(j, &v->place);
        json_pair(j, "setting", why_setting(text, v));
        why_variable(text, v);
        json_pair(j, "variable", text[0] != '\0' ? text : NULL);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void json_explained(struct json *j, const struct explain *e)
{
    const struct mo_plugins *set = mo_setup_plugins(e->s);

    json_workers(j, e);
    json_key(j, "sections");
    json_open(j, '[');
    for (size_t i = 0; i < e->n; i++)
        json_section(j, e, e->sections[i]);
    json_close(j, ']');
    json_key(j, "considered");
    json_open(j, '[');
    for (const struct mo_plugin *p = set->first; p != NULL; p = p->next)
        json_candidate(j, e, p);
    json_close(j, ']');
    json_values(j, e);
}

static void print_json(const struct explain *e, struct mo_report *report)
{
    struct json j = { .comma = false };

    json_open(&j, '{');
    json_pair(&j, "file", e->file);
    json_key(&j, "ok");
    json_bool(&j, report->count == 0);
    json_key(&j, "mistakes");
    mistakes_json(&j, report);
    if (e->s != NULL)
        json_explained(&j, e);
    json_close(&j, '}');
    json_end();
}

/* --- the command -------------------------------------------------------- */

/* Fills in what is not in the setup. 0 or -ENOMEM. */
static int look_around(struct explain *e, struct mo_report *report)
{
    const struct mo_chosen *stack = mo_setup_stack(e->s);
    struct moirai_error err = { .code = 0 };
    int rc = mo_plugin_examine(mo_setup_plugins(e->s));

    if (rc == 0)
        e->sections = why_sections(e->s, &e->n);
    if (rc != 0 || e->sections == NULL)
        return -ENOMEM;
    e->guard = GUARD_UNTOLD;
    e->tried = stack->plugin != NULL && report->count == 0;
    if (e->tried)
        rc = guard_in_force(stack, &e->guard, &err);
    if (rc != 0 && rc != -ENOMEM)
        mo_report_add(report, &stack->place, "stacks", "%s", err.text);
    if (rc != -ENOMEM)
        rc = where_try(e->s, report);
    e->seated = rc == 0 && where_open(e->s, &e->seats, NULL) == 0;
    return rc == -ENOMEM ? rc : 0;
}

static int explain(struct explain *e)
{
    struct moirai_config config = { .size = sizeof config, .file = e->file };
    struct mo_report report = { .list = NULL };
    int rc = mo_setup_read(&config, MO_SETUP_CAUTIOUS | MO_SETUP_KEEP, &e->s,
                           &report);
    int status;

    if (rc != -ENOMEM && e->s != NULL)
        rc = look_around(e, &report);
    status = report.count == 0 ? TOOL_OK : TOOL_CONFIG;
    if (rc == -ENOMEM)
        status = tool_failure("explain", "out of memory");
    else if (e->json)
        print_json(e, &report);
    else
        mistakes_print(&report);
    if (rc != -ENOMEM && !e->json && e->s != NULL)
        print_text(e);
    free(e->sections);
    if (e->seated)
        mo_seats_close(&e->seats);
    mo_setup_close(e->s);
    mo_report_fini(&report);
    return status;
}

int cmd_explain(int argc, char **argv)
{
    static const struct tool_flag flags[] = {
        TOOL_FLAG_JSON, TOOL_FLAG_SET, TOOL_FLAG_HELP, { 0, NULL, false },
    };
    struct tool_args args = { .command = "explain", .flags = flags,
                              .argv = argv, .argc = argc, .next = 1 };
    struct explain e = { .file = NULL };
    int flag;
    int rc;

    while ((flag = tool_next(&args)) != -1) {
        if (flag == 'h')
            return tool_explain("explain");
        if (flag == '?')
            return TOOL_USAGE;
        if (flag == 0 && e.file != NULL)
            return tool_usage("explain", "one file at a time");
        if (flag == 0)
            e.file = args.value;
        if (flag == 's' && (rc = tool_set("explain", args.value)) != TOOL_OK)
            return rc;
        e.json = e.json || flag == 'j';
    }
    return explain(&e);
}
