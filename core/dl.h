/* SPDX-License-Identifier: MIT */
/*
 * dl.h - modules as files: open, look inside, list a directory.
 *
 * A module that was opened stays until the process ends: it may own thread-
 * local destructors and its constant is pointed into. One thread at a time:
 * libltdl is not safe against itself.
 */
#ifndef MO_DL_H
#define MO_DL_H

#include <stddef.h>

/* Room for the linker's own words. */
#define MO_DL_WHY 512

/* Opens the module at `path` with everything it needs resolved now. 0 with
 * *handle, -ENOMEM, or another negative errno with the reason in `why`
 * (MO_DL_WHY bytes). */
int mo_dl_open(const char *path, void **handle, char *why);

/* The module's object `name`, which libltdl finds as <file>_LTX_<name>; NULL:
 * none. *size is its size as the file says, or 0 if that is not known. */
const void *mo_dl_symbol(void *handle, const char *name, size_t *size);

/* Opens a shared library of the system's by its name, with everything it needs
 * resolved now; for good. NULL with the reason in `why` (MO_DL_WHY bytes):
 * there is none, or this program loads none. Any thread. */
void *mo_dl_library(const char *name, char *why);

/* A function of such a library; NULL with the reason. */
void *mo_dl_function(void *library, const char *name, char *why);

/* Calls fn(ctx, name) for each entry of a directory, in order of the names,
 * while it returns 0. What fn returned last, -ENOMEM, or a negative errno if
 * the directory cannot be read. */
int mo_dl_list(const char *directory, int (*fn)(void *ctx, const char *name),
               void *ctx);

#endif
