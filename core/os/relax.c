/* SPDX-License-Identifier: MIT */
/*
 * relax.c - letting other threads get on.
 */
#include "os/os.h"

#include <sched.h>

#include "arch/cpu.h"

#define MOST_DOUBLINGS 5            /* 32 pauses: 1 us or so */
#define YIELD_EVERY 16

/* Other threads may be waiting for the very processor we spin on. */
void mo_relax(uint32_t round)
{
    uint32_t pauses = 1u << (round < MOST_DOUBLINGS ? round : MOST_DOUBLINGS);

    if (mo_sim_relax())
        return;
    if (round % YIELD_EVERY == YIELD_EVERY - 1)
        sched_yield();
    else
        while (pauses-- != 0)
            mo_cpu_pause();
}

void mo_os_yield(void)
{
    if (!mo_sim_relax())
        sched_yield();
}
