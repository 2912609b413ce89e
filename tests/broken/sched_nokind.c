/* SPDX-License-Identifier: MIT */
/*
 * sched_nokind.c - of a kind that there is not.
 */
#define NAME nokind
#define KIND 4711
#include "module.h"
