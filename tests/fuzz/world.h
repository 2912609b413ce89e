/* SPDX-License-Identifier: MIT */
/*
 * world.h - a configuration's surroundings, made up.
 *
 * Targets that read whole configurations are linked so that the core's calls
 * of mo_dl_* and mo_config_read end up here (ld --wrap). Whatever path an
 * input names, no directory is listed, no file read and no module loaded: there
 * is one directory, "modules", with a plugin of each kind that is hard to have,
 * and one file, which is the input.
 */
#ifndef WORLD_H
#define WORLD_H

#include "fuzz.h"
#include "report.h"
#include "setup.h"

/* What the one file is called. */
#define WORLD_FILE "etc/fuzz.yaml"

/* What the next run reads: n bytes (borrowed) as WORLD_FILE, and these
 * variables (NULL-terminated; NULL: the usual ones). */
void world_set(const char *yaml, size_t n, char **environment);

/* Reads it, and the settings over it, and checks what has to hold of any
 * result. NULL: the configuration is wrong. */
struct mo_setup *world_read(const char *const *settings);

/* Checks what has to hold of any report; sorts it. */
void world_judge(struct mo_report *report, const char *yaml, size_t n);

#endif
