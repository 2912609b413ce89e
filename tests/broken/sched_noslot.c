/* SPDX-License-Identifier: MIT */
/*
 * sched_noslot.c - lacks a function that every scheduler has.
 */
#define NAME noslot
#define POP NULL
#include "module.h"
