/* SPDX-License-Identifier: MIT */
/*
 * cmd_check.c - `moirai check`: look for mistakes in configurations.
 */
#include "tool.h"

#include <errno.h>
#include <string.h>

#include "guard.h"
#include "json.h"
#include "mistakes.h"
#include "option.h"
#include "section.h"
#include "setup.h"
#include "where.h"

struct check {
    bool json;
    bool quiet;
    struct json out;
    int status;
};

/* A section and what was plugged into it. */
struct plugged {
    const char *section;
    const struct mo_chosen *chosen;
};

#define PLUGGED 3

static void list_plugged(const struct mo_setup *s, struct plugged *list)
{
    list[0] = (struct plugged){ "scheduler", mo_setup_sched(s) };
    list[1] = (struct plugged){ "stacks", mo_setup_stack(s) };
    list[2] = (struct plugged){ "io", &mo_setup_sections(s)->io };
}

static void put_padded(const char *text, int width)
{
    tool_put(stdout, text);
    printf("%*s ", width > (int)strlen(text) ? width - (int)strlen(text) : 0,
           "");
}

static void print_values(const struct mo_setup *s)
{
    const struct mo_option_value *v;
    char place[4200];

    for (v = mo_setup_values(s); v != NULL; v = v->next) {
        mo_report_origin(place, sizeof place, &v->place);
        printf("  ");
        put_padded(v->key, 28);
        put_padded(v->text, 16);
        tool_put(stdout, place);
        putchar('\n');
    }
}

static void print_in_force(const struct mo_setup *s, const char *file,
                           const char *guard)
{
    struct plugged list[PLUGGED];

    tool_put(stdout, file);
    printf(": %sok%s\n", tool_green(stdout), tool_plain(stdout));
    list_plugged(s, list);
    for (int i = 0; i < PLUGGED; i++) {
        const struct moirai_plugin *p = list[i].chosen->plugin;
        const char *more = list[i].chosen == mo_setup_stack(s) ? guard : "";

        printf("  %-28s %s%s%s%s%s\n", list[i].section,
               tool_bold(stdout), p != NULL ? p->name : "none",
               tool_plain(stdout), p != NULL ? ": " : "",
               p != NULL ? p->summary : "");
        if (more[0] != '\0')
            printf("  %-28s %s\n", "", more);
    }
    print_values(s);
}

static void json_in_force(struct json *j, const struct mo_setup *s,
                          const char *guard)
{
    struct plugged list[PLUGGED];
    const struct mo_option_value *v;
    char place[4200];

    list_plugged(s, list);
    json_key(j, "plugins");
    json_open(j, '{');
    for (int i = 0; i < PLUGGED; i++) {
        const struct moirai_plugin *p = list[i].chosen->plugin;

        json_pair(j, list[i].section, p != NULL ? p->name : NULL);
    }
    json_close(j, '}');
    json_pair(j, "guard", guard);
    json_key(j, "values");
    json_open(j, '[');
    for (v = mo_setup_values(s); v != NULL; v = v->next) {
        json_open(j, '{');
        json_pair(j, "key", v->key);
        json_pair(j, "text", v->text);
        json_pair(j, "origin", mo_report_origin(place, sizeof place,
                                                &v->place));
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void say_result(struct check *c, const char *file,
                       const struct mo_setup *s, struct mo_report *report,
                       const char *guard)
{
    if (!c->json) {
        mistakes_print(report);
        if (s != NULL && report->count == 0 && !c->quiet)
            print_in_force(s, file, guard);
        return;
    }
    json_open(&c->out, '{');
    json_pair(&c->out, "file", file);
    json_key(&c->out, "ok");
    json_bool(&c->out, report->count == 0);
    json_key(&c->out, "mistakes");
    mistakes_json(&c->out, report);
    json_key(&c->out, "more");
    json_number(&c->out, (int64_t)report->more);
    if (s != NULL)
        json_in_force(&c->out, s, guard);
    json_close(&c->out, '}');
}

/* What only starting it would show. 0 or -ENOMEM. */
static int try_stacks(const struct mo_setup *s, const char **guard,
                      struct mo_report *report)
{
    struct mo_place place = { .from = MO_FROM_PRESET };
    const struct mo_option_value *v = mo_setup_values(s);
    struct moirai_error err = { .code = 0 };
    uint32_t kind = GUARD_UNTOLD;
    int rc = guard_in_force(mo_setup_stack(s), &kind, &err);

    *guard = guard_describe(kind);
    while (v != NULL && strcmp(v->key, "stacks.plugin") != 0)
        v = v->next;
    if (rc != 0 && rc != -ENOMEM)
        mo_report_add(report, v != NULL ? &v->place : &place, "stacks", "%s",
                      err.text);
    return rc == -ENOMEM ? rc : 0;
}

static int check_file(struct check *c, const char *file)
{
    struct moirai_config config = { .size = sizeof config, .file = file };
    struct mo_report report = { .list = NULL };
    struct mo_setup *s = NULL;
    const char *guard = "";
    int rc = mo_setup_read(&config, MO_SETUP_CAUTIOUS, &s, &report);

    if (rc == 0)
        rc = try_stacks(s, &guard, &report);
    if (rc == 0)
        rc = where_try(s, &report);
    if (report.count > 0)
        c->status = TOOL_CONFIG;
    if (rc != -ENOMEM)
        say_result(c, file, s, &report, guard);
    mo_setup_close(s);
    mo_report_fini(&report);
    return rc == -ENOMEM ? tool_failure("check", "out of memory") : TOOL_OK;
}

/* With `again` they have all been read once. */
static int read_flags(struct check *c, struct tool_args *args, bool again)
{
    int flag;

    while ((flag = tool_next(args)) > 0) {
        if (flag == 'j')
            c->json = true;
        else if (flag == 'q')
            c->quiet = true;
        else if (flag == 's' && again)
            continue;
        else if (flag == 's' && tool_set("check", args->value) == TOOL_OK)
            continue;
        else if (flag == 's')
            return '?';
        else
            return flag;
    }
    return flag;
}

/* Flags may stand behind files, so all words are read twice. */
int cmd_check(int argc, char **argv)
{
    static const struct tool_flag flags[] = {
        TOOL_FLAG_JSON, TOOL_FLAG_SET, { 'q', "quiet", false },
        TOOL_FLAG_HELP, { 0, NULL, false },
    };
    const struct tool_args start = { .command = "check", .flags = flags,
                                     .argv = argv, .argc = argc, .next = 1 };
    struct tool_args args = start;
    struct check c = { .status = TOOL_OK };
    bool any = false;
    int flag;

    while ((flag = read_flags(&c, &args, false)) == 0)
        any = true;
    if (flag == 'h')
        return tool_explain("check");
    if (flag == '?')
        return TOOL_USAGE;
    if (!any)
        return tool_usage("check", "which file?");
    if (c.json) {
        json_open(&c.out, '{');
        json_key(&c.out, "files");
        json_open(&c.out, '[');
    }
    args = start;
    while ((flag = read_flags(&c, &args, true)) == 0) {
        if (check_file(&c, args.value) != TOOL_OK)
            return TOOL_FAILURE;
    }
    if (c.json) {
        json_close(&c.out, ']');
        json_close(&c.out, '}');
        json_end();
    }
    return c.status;
}
