/* SPDX-License-Identifier: MIT */
/*
 * columns.c - how wide a terminal is.
 */
#include "tool.h"

#include <sys/ioctl.h>

int tool_columns(int fd)
{
    struct winsize size;

    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
