/* SPDX-License-Identifier: MIT */
/*
 * bench_none.c - `moirai bench` where it cannot keep a program on one core, nor
 * see to it that nothing of it is left.
 */
#include "tool.h"

int cmd_bench(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return tool_failure("bench", "not on this system; on Linux only");
}
