/* SPDX-License-Identifier: MIT */
/*
 * sched_wrongopsabi.c - built for a scheduler ABI that there is not.
 */
#define NAME wrongopsabi
#define OPS_ABI 77
#include "module.h"
