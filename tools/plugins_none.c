/* SPDX-License-Identifier: MIT */
/*
 * plugins_none.c - `moirai plugins test` where no process can try a plugin for
 * another.
 */
#include "tool.h"

int cmd_plugins_test(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return tool_failure("plugins test", "not on this system; on Linux only");
}
