/* SPDX-License-Identifier: MIT */
/*
 * sched_badoffset.c - an option lies outside of its config struct.
 */
#define NAME badoffset
#define OFFSET 8
#include "module.h"
