/* SPDX-License-Identifier: MIT */
/*
 * once.h - who is doing what is done once, for the rest of the core.
 */
#ifndef MO_ONCE_H
#define MO_ONCE_H

#include <moirai/event.h>

#include "owner.h"

/* Who is doing it: NULL and *thread: a plain thread; NULL alone: nobody. */
const struct mo_fiber *mo_once_owner(const struct moirai_once *once,
                                     bool *thread);

#endif
