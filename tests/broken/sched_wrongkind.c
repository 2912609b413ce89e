/* SPDX-License-Identifier: MIT */
/*
 * sched_wrongkind.c - a scheduler by its name, but it says otherwise.
 */
#define NAME wrongkind
#define KIND MOIRAI_STACK
#include "module.h"
