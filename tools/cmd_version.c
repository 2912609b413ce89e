/* SPDX-License-Identifier: MIT */
/*
 * cmd_version.c - `moirai version`.
 */
#include "tool.h"

#include <moirai/plugin.h>
#include <moirai/runtime.h>

#include "json.h"

int cmd_version(int argc, char **argv)
{
    static const struct tool_flag flags[] = {
        TOOL_FLAG_JSON, TOOL_FLAG_HELP, { 0, NULL, false },
    };
    struct tool_args args = { .command = "version", .flags = flags,
                              .argv = argv, .argc = argc, .next = 1 };
    struct json j = { .comma = false };
    bool json = false;
    int flag;

    while ((flag = tool_next(&args)) != -1) {
        if (flag == 'h')
            return tool_explain("version");
        if (flag == '?')
            return TOOL_USAGE;
        if (flag == 0)
            return tool_usage("version", "takes no arguments");
        json = true;
    }
    if (!json) {
        printf("moirai %s, plugin ABI %d\n", moirai_version(),
               MOIRAI_PLUGIN_ABI);
        return TOOL_OK;
    }
    json_open(&j, '{');
    json_pair(&j, "version", moirai_version());
    json_key(&j, "plugin_abi");
    json_number(&j, MOIRAI_PLUGIN_ABI);
    json_close(&j, '}');
    json_end();
    return TOOL_OK;
}
