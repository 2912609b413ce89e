/* SPDX-License-Identifier: MIT */
/*
 * sched_mute.c - fails to start, and does not say why.
 */
#define NAME mute
#define INIT(err) ((void)(err), -E2BIG)

#include <errno.h>

#include "module.h"
