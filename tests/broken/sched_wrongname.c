/* SPDX-License-Identifier: MIT */
/*
 * sched_wrongname.c - says another name than its file.
 */
#define NAME wrongname
#define SAYS "other"
#include "module.h"
