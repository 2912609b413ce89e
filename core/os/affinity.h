/* SPDX-License-Identifier: MIT */
/*
 * affinity.h - which processors a thread may run on.
 */
#ifndef MO_AFFINITY_H
#define MO_AFFINITY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define MO_AFFINITY_MOST 1024       /* processors that are looked at */

/* The numbers of the processors that the calling thread may run on, ascending,
 * into `numbers` (MO_AFFINITY_MOST of them). At least one is told. */
uint32_t mo_os_affinity(uint32_t *numbers);

/* May this machine have more than one node with processors? Cheap. */
bool mo_os_has_nodes(void);

/* Whether threads can be held to processors here. */
bool mo_os_can_bind(void);

/* A thread that is started with `attr` is held to these from its first
 * instruction. 0 or a negative errno; that they are forbidden, the start itself
 * tells. */
int mo_os_bind(pthread_attr_t *attr, const uint32_t *numbers, uint32_t n);

/* A thread that runs is held to these from now on. 0 or a negative errno. */
int mo_os_rebind(pthread_t thread, const uint32_t *numbers, uint32_t n);

/* Is it held to just these? */
bool mo_os_is_bound(pthread_t thread, const uint32_t *numbers, uint32_t n);

/* Whose memory a thread gets. */
struct mo_os_policy {
    int mode;
    unsigned long nodes[MO_AFFINITY_MOST / (8 * sizeof(unsigned long))];
};

/* Pages that the calling thread touches first come from this node (the
 * system's number) as long as it has any, until mo_os_restore. False: the
 * system has no such thing, or forbids it. */
bool mo_os_prefer(uint32_t node, struct mo_os_policy *before);
void mo_os_restore(const struct mo_os_policy *before);

#endif
