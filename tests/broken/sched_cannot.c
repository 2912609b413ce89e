/* SPDX-License-Identifier: MIT */
/*
 * sched_cannot.c - cannot run on this machine.
 */
#define NAME cannot
#define PROBE probe
#define RANK 1000

#include <errno.h>

#include <moirai/plugin.h>

static int probe(struct moirai_error *err)
{
    return moirai_error_set(err, -ENODEV, "there is no moon tonight");
}

#include "module.h"
