/* SPDX-License-Identifier: MIT */
/*
 * cmd_run.c - `moirai run`: start a program under a configuration.
 */
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launch.h"
#include "mistakes.h"
#include "setup.h"

struct run {
    const char *file;               /* NULL: $MOIRAI_CONFIG, or none */
    bool json;
    char **program;                 /* NULL-terminated */
};

static int check_config(const struct run *r)
{
    struct moirai_config config = { .size = sizeof config, .file = r->file };
    struct mo_report report = { .list = NULL };
    struct json j = { .comma = false };
    struct mo_setup *s = NULL;
    int rc = mo_setup_read(&config, MO_SETUP_CAUTIOUS, &s, &report);

    if (rc == -ENOMEM)
        rc = tool_failure("run", "out of memory");
    else if (rc != 0)
        rc = TOOL_CONFIG;
    if (rc == TOOL_CONFIG && r->json) {
        json_open(&j, '{');
        json_key(&j, "mistakes");
        mistakes_json(&j, &report);
        json_close(&j, '}');
        json_end();
    } else if (rc == TOOL_CONFIG) {
        mistakes_print(&report);
    }
    mo_setup_close(s);
    mo_report_fini(&report);
    return rc;
}

/* The program may change its directory before it starts a runtime. */
static int export_config(const struct run *r)
{
    const char *file = r->file != NULL ? r->file : getenv("MOIRAI_CONFIG");
    char *path;
    int rc;

    if (file == NULL || file[0] == '\0')
        return 0;
    path = realpath(file, NULL);
    rc = path != NULL ? setenv("MOIRAI_CONFIG", path, 1) : -1;
    if (rc != 0)
        tool_failure("run", "%s: %s", file, strerror(errno));
    free(path);
    return rc;
}

int cmd_run(int argc, char **argv)
{
    static const struct tool_flag flags[] = {
        { 'c', "config", true }, TOOL_FLAG_SET, TOOL_FLAG_JSON,
        TOOL_FLAG_HELP, { 0, NULL, false },
    };
    struct tool_args args = { .command = "run", .flags = flags,
                              .argv = argv, .argc = argc, .next = 1 };
    struct run r = { .file = NULL };
    int flag;
    int rc;

    while ((flag = tool_next(&args)) > 0) {
        if (flag == 'h')
            return tool_explain("run");
        if (flag == '?')
            return TOOL_USAGE;
        if (flag == 'c')
            r.file = args.value;
        if (flag == 's' && (rc = tool_set("run", args.value)) != TOOL_OK)
            return rc;
        r.json = r.json || flag == 'j';
    }
    if (flag == -1)
        return tool_usage("run", "which program?");
    r.program = argv + args.next - 1;
    rc = check_config(&r);
    if (rc == 0 && export_config(&r) != 0)
        rc = TOOL_FAILURE;
    return rc == 0 ? launch(r.program) : rc;
}
