/* SPDX-License-Identifier: MIT */
/*
 * bugs.h - the list of bugs.c.
 */
#ifndef BUGS_H
#define BUGS_H

#include <stddef.h>

struct bug {
    const char *name;
    int (*run)(void);               /* in a task; not 0: it shows */
};

extern const struct bug bugs[];
extern const size_t bug_count;

#endif
