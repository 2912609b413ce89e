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

static void make_set(cpu_set_t *set, const uint32_t *numbers, uint32_t n)
{
    CPU_ZERO(set);
    for (uint32_t i = 0; i < n; i++)
        if (numbers[i] < MO_AFFINITY_MOST)
            CPU_SET(numbers[i], set);
}

int mo_os_bind(pthread_attr_t *attr, const uint32_t *numbers, uint32_t n)
{
    cpu_set_t set;

    make_set(&set, numbers, n);
    return -pthread_attr_setaffinity_np(attr, sizeof set, &set);
}

int mo_os_rebind(pthread_t thread, const uint32_t *numbers, uint32_t n)
{
    cpu_set_t set;

    make_set(&set, numbers, n);
    return -pthread_setaffinity_np(thread, sizeof set, &set);
}

bool mo_os_is_bound(pthread_t thread, const uint32_t *numbers, uint32_t n)
{
    cpu_set_t set, wanted;

    make_set(&wanted, numbers, n);
    return pthread_getaffinity_np(thread, sizeof set, &set) == 0
        && CPU_EQUAL(&set, &wanted);
}

bool mo_os_prefer(uint32_t node, struct mo_os_policy *before)
{
    unsigned long nodes[MO_AFFINITY_MOST / BITS] = { 0 };

    if (node >= MO_AFFINITY_MOST
        || syscall(SYS_get_mempolicy, &before->mode, before->nodes,
                   (unsigned long)MO_AFFINITY_MOST, NULL, 0ul) != 0)
        return false;
    nodes[node / BITS] = 1ul << node % BITS;
    return syscall(SYS_set_mempolicy, MPOL_PREFERRED, nodes,
                   (unsigned long)MO_AFFINITY_MOST) == 0;
}

void mo_os_restore(const struct mo_os_policy *before)
{
    bool none = before->mode == MPOL_DEFAULT;

    syscall(SYS_set_mempolicy, before->mode, none ? NULL : before->nodes,
            none ? 0ul : (unsigned long)MO_AFFINITY_MOST);
}
