/* SPDX-License-Identifier: MIT */
/*
 * affinity.c - which processors a thread may run on, and whose memory it gets.
 */
#include "os/affinity.h"

#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NODES 1024                  /* bits of a set of them */
#define BITS (8 * sizeof(unsigned long))

_Static_assert(MO_AFFINITY_MOST == CPU_SETSIZE, "what a cpu_set_t holds");

uint32_t mo_os_affinity(uint32_t *numbers)
{
    cpu_set_t set;
    uint32_t n = 0;

    if (sched_getaffinity(0, sizeof set, &set) != 0)
        CPU_ZERO(&set);
    for (uint32_t i = 0; i < MO_AFFINITY_MOST; i++)
        if (CPU_ISSET(i, &set))
            numbers[n++] = i;
    if (n == 0)
        numbers[n++] = 0;
    return n;
}

/* The file lists them: "0", or "0-3", or "0,2". */
bool mo_os_has_nodes(void)
{
    FILE *f = fopen("/sys/devices/system/node/has_cpu", "re");
    char list[64] = "";

    if (f == NULL)
        return false;
    if (fgets(list, sizeof list, f) == NULL)
        list[0] = '\0';
    fclose(f);
    return strpbrk(list, "-,") != NULL;
}

bool mo_os_can_bind(void)
{
    return true;
}

int mo_os_bind(pthread_attr_t *attr, const uint32_t *numbers, uint32_t n)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    for (uint32_t i = 0; i < n; i++)
        if (numbers[i] < MO_AFFINITY_MOST)
            CPU_SET(numbers[i], &set);
    return -pthread_attr_setaffinity_np(attr, sizeof set, &set);
}

void mo_os_prefer_node(int64_t node)
{
    unsigned long nodes[NODES / BITS] = { 0 };

    if (node >= NODES)
        return;
    if (node >= 0)
        nodes[(size_t)node / BITS] |= 1ul << (size_t)node % BITS;
    syscall(SYS_set_mempolicy, node < 0 ? MPOL_DEFAULT : MPOL_PREFERRED,
            node < 0 ? NULL : nodes, node < 0 ? 0ul : (unsigned long)NODES);
}
