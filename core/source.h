/* SPDX-License-Identifier: MIT */
/*
 * source.h - the bytes of a configuration file, whatever kind of file it is.
 */
#ifndef MO_SOURCE_H
#define MO_SOURCE_H

#include <stddef.h>

/* How long a pipe or a terminal may take to say all it has to say. */
#define MO_SOURCE_SECONDS 10

/* Reads the file at `path` to its end, or `room` bytes of it, into `bytes`;
 * *n is how many there were. Does not wait for ever on a file that never ends
 * or never begins. 0 or a negative errno; -ETIMEDOUT: it kept us waiting. */
int mo_source_read(const char *path, char *bytes, size_t room, size_t *n);

#endif
