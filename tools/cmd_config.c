/* SPDX-License-Identifier: MIT */
/*
 * cmd_config.c - `moirai config`: print every value in force, and who said so.
 *
 * The YAML that it prints is read back to the same values: relative paths are
 * written out, because they are meant from the file they stand in.
 */
#include "tool.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "mistakes.h"
#include "option.h"
#include "reference.h"
#include "schema.h"
#include "section.h"
#include "setup.h"
#include "yaml.h"

#define ORIGIN_COLUMN 36
#define PLACE_MAX 4800

struct print {
    bool json;
    bool schema;
    bool markdown;
    const char *file;               /* NULL: none was given */
    const char *path;               /* of the section being printed */
    int status;                     /* of the printing */
};

/* --- as YAML ------------------------------------------------------------ */

/* Writes "# origin, over ..." behind a value that ends in `column`. */
static void put_origin(const struct mo_option_value *v, int column)
{
    const struct mo_option_value *over;
    char place[PLACE_MAX];

    printf("%*s  # ", column < ORIGIN_COLUMN ? ORIGIN_COLUMN - column : 0, "");
    tool_put(stdout, mo_report_origin(place, sizeof place, &v->place));
    for (over = v->over; over != NULL; over = over->over) {
        printf(over == v->over ? "; over " : ", ");
        tool_put(stdout, over->text);
        printf(" of ");
        tool_put(stdout, mo_report_origin(place, sizeof place, &over->place));
    }
    putchar('\n');
}

/* Where n bytes of a relative path in a value are meant from: the directory of
 * the file, or the current one. Writes the whole path to `out`. */
static void whole_path(struct print *p, char *out, size_t size,
                       const struct mo_place *place, const char *text,
                       size_t n)
{
    char base[PATH_MAX] = ".";
    char real[PATH_MAX];
    const char *slash = place->from == MO_FROM_FILE
                            ? strrchr(place->source, '/') : NULL;

    if (slash != NULL)
        snprintf(base, sizeof base, "%.*s",
                 slash > place->source ? (int)(slash - place->source) : 1,
                 place->source);
    if (text[0] != '/' && realpath(base, real) == NULL) {
        p->status = tool_failure("config", "%s: %s", base, strerror(errno));
        real[0] = '\0';
    }
    if (text[0] == '/')
        snprintf(out, size, "%.*s", (int)n, text);
    else
        snprintf(out, size, "%s/%.*s", real, (int)n, text);
}

static bool is_plugin_path(const struct mo_option_value *v)
{
    return strcmp(v->name, "plugin") == 0 && strchr(v->text, '/') != NULL;
}

static void put_value(struct print *p, const struct mo_option_value *v,
                      int indent)
{
    char path[2 * PATH_MAX];
    const char *text = v->text;
    int column;

    if (is_plugin_path(v)) {
        whole_path(p, path, sizeof path, &v->place, text, strlen(text));
        text = path;
    }
    column = printf("%*s%s: ", indent, "", v->name);
    put_origin(v, column + yaml_put(text, v->option));
}

/* Each directory of "a:b", which is one member of a list, or all of it. */
static void put_directories(struct print *p, const struct mo_option_value *v)
{
    const char *text = v->text;
    char path[2 * PATH_MAX];

    while (*text != '\0') {
        size_t n = strcspn(text, ":");

        if (n > 0) {
            int column = printf("    - ");

            whole_path(p, path, sizeof path, &v->place, text, n);
            put_origin(v, column + yaml_put(path, v->option));
        }
        text += n;
        text += *text == ':';
    }
}

static bool same_section(const char *a, const char *b)
{
    size_t n = strcspn(b, ".");

    return a != NULL && strncmp(a, b, n) == 0 && (a[n] == '.' || a[n] == '\0');
}

/* Opens the section of `path` if it is not the one before. How deep its keys
 * are to be. */
static int open_section(struct print *p, const char *path)
{
    const char *name = strchr(path, '.');
    bool same = p->path != NULL && strcmp(p->path, path) == 0;

    if (path[0] == '\0')
        return 0;
    if (!same_section(p->path, path))
        printf("%.*s:\n", (int)strcspn(path, "."), path);
    if (name != NULL && !same) {
        printf("  ");
        yaml_put(name + 1, NULL);
        printf(":\n");
    }
    p->path = path;
    return name != NULL ? 4 : 2;
}

static void print_yaml(struct print *p, const struct mo_setup *s)
{
    const struct mo_option_value *v = mo_setup_values(s);
    bool listed = false;

    for (; v != NULL; v = v->next) {
        int indent = open_section(p, v->path);

        if (strcmp(v->key, "plugins.path") != 0) {
            put_value(p, v, indent);
            continue;
        }
        if (!listed)
            printf("  path:\n");
        listed = true;
        put_directories(p, v);
    }
}

/* --- as JSON ------------------------------------------------------------ */

static void json_origin(struct json *j, const struct mo_option_value *v)
{
    json_pair(j, "text", v->text);
    mistakes_place(j, &v->place);
}

static void json_value(struct json *j, const struct mo_option_value *v)
{
    const struct mo_option_value *over;

    json_open(j, '{');
    json_pair(j, "key", v->key);
    json_pair(j, "section", v->path);
    json_pair(j, "name", v->name);
    json_origin(j, v);
    json_key(j, "over");
    json_open(j, '[');
    for (over = v->over; over != NULL; over = over->over) {
        json_open(j, '{');
        json_origin(j, over);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_close(j, '}');
}

static void print_json(const char *file, const struct mo_setup *s,
                       struct mo_report *report)
{
    const struct mo_option_value *v = s != NULL ? mo_setup_values(s) : NULL;
    struct json j = { .comma = false };

    json_open(&j, '{');
    json_pair(&j, "file", file);
    json_key(&j, "ok");
    json_bool(&j, s != NULL);
    json_key(&j, "mistakes");
    mistakes_json(&j, report);
    json_key(&j, "values");
    json_open(&j, '[');
    for (; v != NULL; v = v->next)
        json_value(&j, v);
    json_close(&j, ']');
    json_close(&j, '}');
    json_end();
}

/* --- the command -------------------------------------------------------- */

/* The file that is read when none is given; NULL: none. */
static const char *file_in_force(const struct print *p)
{
    const char *file = p->file != NULL ? p->file : getenv("MOIRAI_CONFIG");

    return file != NULL && file[0] != '\0' ? file : NULL;
}

static int print_values(struct print *p)
{
    struct moirai_config config = { .size = sizeof config, .file = p->file };
    struct mo_report report = { .list = NULL };
    const char *file = file_in_force(p);
    struct mo_setup *s = NULL;
    int rc = mo_setup_read(&config, MO_SETUP_CAUTIOUS, &s, &report);
    int status = rc == 0 ? TOOL_OK : TOOL_CONFIG;

    if (rc == -ENOMEM) {
        status = tool_failure("config", "out of memory");
    } else if (p->json) {
        print_json(file, s, &report);
    } else if (rc != 0) {
        mistakes_print(&report);
    } else {
        printf("# Every value in force, and who said so: ");
        tool_put(stdout, file != NULL ? file : "no file");
        putchar('\n');
        print_yaml(p, s);
        status = p->status;
    }
    mo_setup_close(s);
    mo_report_fini(&report);
    return status;
}

static int print_tables(const struct print *p, struct mo_plugins *set)
{
    struct json j = { .comma = false };
    int rc = mo_plugin_examine(set);

    if (rc == 0 && p->schema)
        schema_print(&j, set);
    else if (rc == 0)
        rc = reference_print(set);
    return rc == 0 ? TOOL_OK : tool_failure("config", "out of memory");
}

/* Without a file: the plugins that are found without one. */
static int print_usual(const struct print *p)
{
    struct mo_arena arena = { NULL };
    struct mo_plugins set;
    int rc = mo_plugin_init(&set, &arena, true);
    int status;

    if (rc == 0)
        rc = mo_plugin_search_usual(&set);
    status = rc == 0 ? print_tables(p, &set)
                     : tool_failure("config", "out of memory");
    mo_arena_fini(&arena);
    return status;
}

static int print_configured(const struct print *p)
{
    struct moirai_config config = { .size = sizeof config, .file = p->file };
    struct mo_report report = { .list = NULL };
    struct mo_setup *s = NULL;
    int rc = mo_setup_read(&config, MO_SETUP_CAUTIOUS, &s, &report);
    int status = TOOL_CONFIG;

    if (rc == 0)
        status = print_tables(p, mo_setup_plugins(s));
    else if (rc == -ENOMEM)
        status = tool_failure("config", "out of memory");
    else
        mistakes_print(&report);
    mo_setup_close(s);
    mo_report_fini(&report);
    return status;
}

int cmd_config(int argc, char **argv)
{
    static const struct tool_flag flags[] = {
        TOOL_FLAG_JSON, TOOL_FLAG_SET, { 'S', "schema", false },
        { 'M', "markdown", false }, TOOL_FLAG_HELP, { 0, NULL, false },
    };
    struct tool_args args = { .command = "config", .flags = flags,
                              .argv = argv, .argc = argc, .next = 1 };
    struct print p = { .file = NULL };
    int flag;
    int rc;

    while ((flag = tool_next(&args)) != -1) {
        if (flag == 'h')
            return tool_explain("config");
        if (flag == '?')
            return TOOL_USAGE;
        if (flag == 0 && p.file != NULL)
            return tool_usage("config", "one file at a time");
        if (flag == 0)
            p.file = args.value;
        if (flag == 's' && (rc = tool_set("config", args.value)) != TOOL_OK)
            return rc;
        p.json = p.json || flag == 'j';
        p.schema = p.schema || flag == 'S';
        p.markdown = p.markdown || flag == 'M';
    }
    if (p.schema && p.markdown)
        return tool_usage("config", "--schema or --markdown");
    if (!p.schema && !p.markdown)
        return print_values(&p);
    return p.file != NULL ? print_configured(&p) : print_usual(&p);
}
