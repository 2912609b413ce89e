/* SPDX-License-Identifier: MIT */
/*
 * sched_good.c - nothing is wrong with this one.
 */
#define NAME good
#include "module.h"
