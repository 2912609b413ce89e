/* SPDX-License-Identifier: MIT */
/*
 * child.h - what is left of our runtimes in a forked child: nothing.
 */
#ifndef MO_CHILD_H
#define MO_CHILD_H

#include <stdbool.h>

struct moirai_runtime;

/* Between the two no other thread starts or stops a runtime or calls fork(2),
 * so that no child inherits one that is half there. Plain threads. */
void mo_child_forbid(void);
void mo_child_allow(void);

/* forbid, unless that would have to wait. */
bool mo_child_try_forbid(void);

/* Every runtime of the process, by `next`. In between of those. */
struct moirai_runtime *mo_child_runtimes(void);

/* The runtime has threads from now on, or no more. In between of those. */
void mo_child_enlist(struct moirai_runtime *rt);
void mo_child_delist(struct moirai_runtime *rt);

#endif
