/* SPDX-License-Identifier: MIT */
/*
 * self.h - writing what moirai_self reads.
 */
#ifndef MO_SELF_H
#define MO_SELF_H

#include <moirai/fork.h>

/* The thread's worker; mo_outside on threads that are nobody's. Only for
 * code that cannot switch between reading and using it: others ask
 * moirai_self(). */
extern _Thread_local struct moirai_worker *moirai_self_worker;
extern struct moirai_worker mo_outside[8];   /* the first, and zeros after */

/* The simulation that the thread plays; os/sim.c alone looks at it. It is here
 * for a switch between threads to take it along. */
struct mo_sim;
extern _Thread_local struct mo_sim *mo_self_sim;

#endif
