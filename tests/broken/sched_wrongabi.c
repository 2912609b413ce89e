/* SPDX-License-Identifier: MIT */
/*
 * sched_wrongabi.c - built for a plugin ABI that there is not.
 */
#define NAME wrongabi
#define ABI 999
#include "module.h"
