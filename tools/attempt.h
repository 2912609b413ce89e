/* SPDX-License-Identifier: MIT */
/*
 * attempt.h - doing something in a process of its own that may not survive it.
 */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "conformance.h"

/* Memory that processes share which are forked from now on; zeroed. NULL: there
 * is none. */
void *attempt_share(size_t size);

/* Where a child writes to. */
enum attempt_output {
    ATTEMPT_SILENT,                 /* nowhere */
    ATTEMPT_SHOWN,                  /* all of it to standard error */
    ATTEMPT_SPEAKS                  /* where we do */
};

/* Calls fn(arg) in a child, which has nothing to read. What the child says in
 * *verdict, which is shared, is what came of it; otherwise it is
 * VERDICT_BROKEN, and says how the child ended: after `seconds` it is killed,
 * with all that it started. */
void attempt(void (*fn)(void *arg), void *arg, unsigned seconds,
             enum attempt_output output, struct verdict *verdict);

#endif
