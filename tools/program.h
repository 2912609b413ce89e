/* SPDX-License-Identifier: MIT */
/*
 * program.h - what comes before a program is started under a configuration.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdbool.h>

/* Is `file` (NULL: $MOIRAI_CONFIG, or none), with all that was set, right?
 * TOOL_OK, or another status after telling why not. */
int program_check(const char *command, const char *file, bool json);

/* Puts it where the program finds it, whatever directory that changes to. 0, or
 * -1 after saying why not. */
int program_export(const char *command, const char *file);

#endif
