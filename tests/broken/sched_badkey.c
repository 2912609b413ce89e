/* SPDX-License-Identifier: MIT */
/*
 * sched_badkey.c - declares an option that is the core's own.
 */
#define NAME badkey
#define KEY "plugin"
#include "module.h"
