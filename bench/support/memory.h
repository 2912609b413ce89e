/* SPDX-License-Identifier: MIT */
/*
 * memory.h - how much memory this process has: what is resident of it, and the
 * page tables.
 */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stdio.h>

/* In bytes; 0 where the system does not say. */
static inline double bench_memory(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    double sum = 0;
    unsigned long kib;

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmRSS: %lu", &kib) == 1
            || sscanf(line, "VmPTE: %lu", &kib) == 1)
            sum += 1024.0 * (double)kib;
    if (file != NULL)
        fclose(file);
    return sum;
}

#endif
