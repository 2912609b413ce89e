/* SPDX-License-Identifier: MIT */
/*
 * source.c - the bytes of a configuration file, by C's own means.
 *
 * A pipe that nobody writes into keeps its reader waiting here.
 */
#include "source.h"

#include <errno.h>
#include <stdio.h>

int mo_source_read(const char *path, char *bytes, size_t room, size_t *n)
{
    FILE *file = fopen(path, "rb");
    int rc = 0;

    if (file == NULL)
        return errno != 0 ? -errno : -EIO;
    errno = 0;
    *n = fread(bytes, 1, room, file);
    if (ferror(file))
        rc = errno != 0 ? -errno : -EIO;
    fclose(file);
    return rc;
}
