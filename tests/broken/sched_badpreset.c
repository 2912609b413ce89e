/* SPDX-License-Identifier: MIT */
/*
 * sched_badpreset.c - its own preset is out of its own bounds.
 */
#define NAME badpreset
#define PRESET "0"
#include "module.h"
