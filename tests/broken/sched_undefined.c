/* SPDX-License-Identifier: MIT */
/*
 * sched_undefined.c - calls a function that exists nowhere.
 */
#define NAME undefined
#define PROBE probe

#include <moirai/plugin.h>

int moirai_test_nowhere(struct moirai_error *err);

static int probe(struct moirai_error *err)
{
    return moirai_test_nowhere(err);
}

#include "module.h"
