/* SPDX-License-Identifier: MIT */
/*
 * override.h - what environment, command line and API say, into the same tree.
 */
#ifndef MO_OVERRIDE_H
#define MO_OVERRIDE_H

#include "tree.h"

/* MOIRAI_WORKERS, MOIRAI_STACK_SIZE, and every MOIRAI_<SECTION>__<KEY>.
 * Ignored in a program that runs with more rights than its user. 0 or
 * -ENOMEM; mistakes are reported. */
int mo_override_environment(struct mo_tree *tree);

/* What `moirai -s` says: the variable MOIRAI_SET, a setting a line. It travels
 * in the environment to the program that `moirai run` starts. */
int mo_override_command(struct mo_tree *tree);

/* "scheduler.plugin=fifo", ...; NULL-terminated, or NULL. A key that has dots
 * itself stands in double quotes: channels."a.b".capacity=4. */
int mo_override_api(struct mo_tree *tree, const char *const *set);

#endif
