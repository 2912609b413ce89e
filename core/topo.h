/* SPDX-License-Identifier: MIT */
/*
 * topo.h - how much of the machine this process may use.
 */
#ifndef MO_TOPO_H
#define MO_TOPO_H

#include <stdint.h>

/* How many workers `auto` means in a simulation. */
#define MO_TOPO_SIM_WORKERS 2

struct mo_topo {
    uint32_t processors;            /* in this process's mask */
    uint32_t quota;                 /* of its control groups; 0: none */
    char group[256];                /* the one with the tightest quota */
    uint32_t workers;               /* the smaller of the two; at least 1 */
};

void mo_topo_read(struct mo_topo *topo);

/* How many workers `auto` means: the processors in this process's mask, but no
 * more than its control groups' quota (rounded up); at least 1. */
uint32_t mo_topo_workers(void);

#endif
