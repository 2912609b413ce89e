/* SPDX-License-Identifier: MIT */
/*
 * cmd_run.c - `moirai run`: start a program under a configuration.
 */
#include "tool.h"

#include "launch.h"
#include "program.h"

struct run {
    const char *file;               /* NULL: $MOIRAI_CONFIG, or none */
    bool json;
    char **program;                 /* NULL-terminated */
};

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
    rc = program_check("run", r.file, r.json);
    if (rc == 0 && program_export("run", r.file) != 0)
        rc = TOOL_FAILURE;
    return rc == 0 ? launch(r.program) : rc;
}
