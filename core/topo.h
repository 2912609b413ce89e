/* SPDX-License-Identifier: MIT */
/*
 * topo.h - how much of the machine this process may use.
 */
#ifndef MO_TOPO_H
#define MO_TOPO_H

#include <stdint.h>

/* How many workers `auto` means: the processors in this process's mask, but no
 * more than its control groups' quota (rounded up); at least 1. */
uint32_t mo_topo_workers(void);

#endif
