/* SPDX-License-Identifier: MIT */
/*
 * monitor.h - the thread that notices workers that are stuck in a task.
 */
#ifndef MO_MONITOR_H
#define MO_MONITOR_H

#include "worker.h"

/* Starts it, if the options ask for it. 0 or a negative errno. */
int mo_monitor_open(struct moirai_runtime *rt);

/* Ends it: from here on nobody starts workers but who asks for that. */
void mo_monitor_close(struct moirai_runtime *rt);

void mo_monitor_wake(struct moirai_runtime *rt);

/* A worker goes back to work. */
static inline void mo_monitor_notify(struct moirai_runtime *rt)
{
    if (mo_load_seq(&rt->monitor.asleep) != 0)  /* pairs with rest() */
        mo_monitor_wake(rt);
}

#endif
