/* SPDX-License-Identifier: MIT */
/*
 * child.h - what is left of our runtimes in a forked child: nothing.
 */
#ifndef MO_CHILD_H
#define MO_CHILD_H

struct moirai_runtime;

/* The runtime has threads from now on, or no more. */
void mo_child_enlist(struct moirai_runtime *rt);
void mo_child_delist(struct moirai_runtime *rt);

#endif
