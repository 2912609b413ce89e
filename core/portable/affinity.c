/* SPDX-License-Identifier: MIT */
/*
 * affinity.c - where no thread is held to anything.
 */
#include "os/affinity.h"

#include <errno.h>
#include <unistd.h>

uint32_t mo_os_affinity(uint32_t *numbers)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    if (n < 1)
        n = 1;
    if (n > MO_AFFINITY_MOST)
        n = MO_AFFINITY_MOST;
    for (uint32_t i = 0; i < (uint32_t)n; i++)
        numbers[i] = i;
    return (uint32_t)n;
}

bool mo_os_has_nodes(void)
{
    return false;
}

bool mo_os_can_bind(void)
{
    return false;
}

int mo_os_bind(pthread_attr_t *attr, const uint32_t *numbers, uint32_t n)
{
    (void)attr;
    (void)numbers;
    (void)n;
    return -ENOTSUP;
}

int mo_os_rebind(pthread_t thread, const uint32_t *numbers, uint32_t n)
{
    (void)thread;
    (void)numbers;
    (void)n;
    return -ENOTSUP;
}

bool mo_os_is_bound(pthread_t thread, const uint32_t *numbers, uint32_t n)
{
    (void)thread;
    (void)numbers;
    (void)n;
    return false;
}

bool mo_os_prefer(uint32_t node, struct mo_os_policy *before)
{
    (void)node;
    (void)before;
    return false;
}

void mo_os_restore(const struct mo_os_policy *before)
{
    (void)before;
}
