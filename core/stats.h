/* SPDX-License-Identifier: MIT */
/*
 * stats.h - what was counted, for people.
 */
#ifndef MO_STATS_H
#define MO_STATS_H

struct moirai_runtime;

/* Writes a table of the counters to a file descriptor. */
void mo_stats_print(struct moirai_runtime *rt, int fd);

#endif
