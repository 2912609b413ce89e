/* SPDX-License-Identifier: MIT */
/*
 * plugins_none.c - `moirai plugins new` and `moirai plugins test` where nothing
 * is built by autotools, and no process can try a plugin for another.
 */
#include "tool.h"

int cmd_plugins_new(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return tool_failure("plugins new", "not on this system; on Linux only");
}

int cmd_plugins_test(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return tool_failure("plugins test", "not on this system; on Linux only");
}
