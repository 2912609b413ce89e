/* SPDX-License-Identifier: MIT */
/*
 * subject.h - the plugin that `moirai plugins test` tries, and its options.
 */
#ifndef SUBJECT_H
#define SUBJECT_H

#include <stdbool.h>

#include "conformance.h"
#include "kind.h"

struct target {
    const struct mo_kind *kind;
    char *plugin;                   /* its name, or its path from "/" on */
    const char *asked;              /* as the user called it */
    const char *file;               /* a configuration; NULL: none */
    bool json;                      /* how mistakes in it are told */
};

/* What people want to read of it; shared. */
struct portrait {
    struct verdict verdict;
    char name[100];
    char version[200];
    char summary[200];
};

/* Which plugin `text` means: a file, NAME or KIND_NAME. TOOL_OK, or another
 * status after saying why not. Loads nothing. */
int subject_find(const char *text, struct target *target);
void subject_forget(struct target *target);

/* In a child that may be lost: loads it, with a child of its own that tries
 * first, and tells who it is; if it or its options are not right, its verdict
 * says so, and mistakes are told to `out`, or on standard error. */
void subject_look(const struct target *target, struct portrait *portrait,
                  FILE *out);

/* In a child, when all that was right: loads it. False: no memory. */
bool subject_open(const struct target *target, struct subject *subject);

#endif
