/* SPDX-License-Identifier: MIT */
/*
 * sim_none.c - `moirai sim` where it cannot see to it that nothing of a program
 * is left.
 */
#include "tool.h"

int cmd_sim(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return tool_failure("sim", "not on this system; on Linux only");
}
