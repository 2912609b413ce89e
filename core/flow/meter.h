/* SPDX-License-Identifier: MIT */
/*
 * meter.h - the arithmetic of limits: no locks, no clock, no waiting.
 */
#ifndef MO_METER_H
#define MO_METER_H

#include <stdint.h>

#include <moirai/limit.h>

/* Sets what a kind needs. 0 or -EINVAL; the limit is zeroed, but for kind. */
int mo_meter_rate(struct moirai_limit *limit, uint32_t count,
                  int64_t period_ns, uint32_t burst);
int mo_meter_window(struct moirai_limit *limit, uint32_t count,
                    int64_t period_ns);
int mo_meter_gcra(struct moirai_limit *limit, int64_t interval_ns,
                  int64_t tolerance_ns);

/* When `n` units, at most limit->most, can be had: `now` or before, if at once;
 * MOIRAI_NEVER, if only somebody else can bring that about. `now` may be less
 * than in an earlier call: two threads look at the clock, then take the lock
 * the other way round. */
int64_t mo_meter_due(struct moirai_limit *limit, uint32_t n, int64_t now);

/* Takes them. They are due. */
void mo_meter_take(struct moirai_limit *limit, uint32_t n, int64_t now);

#endif
