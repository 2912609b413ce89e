/* SPDX-License-Identifier: MIT */
/*
 * stdlib.h - the environment and names of files.
 */
#ifndef MO_WINDOWS_STDLIB_H
#define MO_WINDOWS_STDLIB_H

#include_next <stdlib.h>

/* No program runs with another user's rights as by setuid. */
static inline char *secure_getenv(const char *name)
{
    return getenv(name);
}

/* An empty value takes the variable away: Windows has none that are empty. */
static inline int setenv(const char *name, const char *value, int replace)
{
    if (!replace && getenv(name) != NULL)
        return 0;
    return _putenv_s(name, value) == 0 ? 0 : -1;
}

/* Links are not followed. */
static inline char *realpath(const char *path, char *room)
{
    return _fullpath(room, path, room != NULL ? _MAX_PATH : 0);
}

#endif
