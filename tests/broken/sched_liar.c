/* SPDX-License-Identifier: MIT */
/*
 * sched_liar.c - says it is larger than it is.
 */
#define NAME liar
#define SIZE 4096
#include "module.h"
