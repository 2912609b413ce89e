/* SPDX-License-Identifier: MIT */
/*
 * bench_probe.h - how fast two cores hand a cache line to and fro.
 *
 * On virtual machines that changes within minutes, by a factor of four, and
 * with it everything fine-grained that has more than one worker.
 */
#ifndef BENCH_PROBE_H
#define BENCH_PROBE_H

/* Nanoseconds for a line to go to the other core and back, out of some
 * milliseconds' tries; 0 if there is but one core, or no thread to be had. */
double bench_probe(void);

#endif
