/* SPDX-License-Identifier: MIT */
/*
 * profile_none.c - `moirai profile stacks` where the system does not say what
 * of a stack was used.
 */
#include "tool.h"

int cmd_profile_stacks(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return tool_failure("profile stacks", "not on this system; on Linux only");
}
