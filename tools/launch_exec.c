/* SPDX-License-Identifier: MIT */
/*
 * launch_exec.c - becoming a program: signals and status are its own then.
 */
#include "launch.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

int launch(char **program)
{
    int code;

    execvp(program[0], program);
    code = errno;
    tool_failure("run", "%s: %s", program[0], strerror(code));
    return code == ENOENT ? STATUS_NO_PROGRAM : STATUS_CANNOT_START;
}
