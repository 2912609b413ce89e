/* SPDX-License-Identifier: MIT */
/*
 * sched_fails.c - cannot even say whether it can run.
 */
#define NAME fails
#define PROBE probe
#define RANK 2000

#include <errno.h>

#include <moirai/plugin.h>

static int probe(struct moirai_error *err)
{
    return moirai_error_set(err, -EIO, "the disk is on fire");
}

#include "module.h"
