/* SPDX-License-Identifier: MIT */
/*
 * stats.h - what was counted, for people.
 */
#ifndef MO_STATS_H
#define MO_STATS_H

#include <stdint.h>

struct moirai_runtime;

/* Writes a table of the counters to a file descriptor. */
void mo_stats_print(struct moirai_runtime *rt, int fd);

/* Tasks that were spawned at the site with this index. */
uint64_t mo_stats_spawned(const struct moirai_runtime *rt, uint32_t index);

#endif
