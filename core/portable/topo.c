/* SPDX-License-Identifier: MIT */
/*
 * topo.c - processors that are on; masks and quotas are the system's own.
 */
#include "topo.h"

#include <unistd.h>

void mo_topo_read(struct mo_topo *topo)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    *topo = (struct mo_topo){ .processors = n > 0 ? (uint32_t)n : 1 };
    topo->workers = topo->processors;
}

uint32_t mo_topo_workers(void)
{
    struct mo_topo topo;

    mo_topo_read(&topo);
    return topo.workers;
}
