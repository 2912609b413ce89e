/* SPDX-License-Identifier: MIT */
/*
 * tidy.h - what workers that sleep give back; see tidy.c.
 */
#ifndef MO_TIDY_H
#define MO_TIDY_H

#include "worker.h"

/* When a worker that begins to sleep now is to tidy up; MOIRAI_NEVER. */
int64_t mo_tidy_due(const struct mo_worker *w);

/* Does so. By the worker, on the stack of its loop. */
void mo_tidy(struct mo_worker *w);

#endif
