/* SPDX-License-Identifier: MIT */
/*
 * meter.c - when may the next one go?
 *
 * Token bucket, leaky bucket and GCRA are one algorithm: the generic cell rate
 * algorithm in the form that ITU-T recommendation I.371, annex A calls virtual
 * scheduling. It keeps one time, here `ahead`: the theoretical arrival of the
 * next unit. A unit may come up to a tolerance before it; each takes `step`,
 * the interval; and while nobody comes, `ahead` stays behind the clock. A
 * bucket of b tokens is a tolerance of b - 1 intervals, as the recommendation
 * shows; the leaky bucket as a queue (Tanenbaum, Computer Networks) has none.
 * `depth` is the tolerance and one interval: how far n units may reach ahead.
 *
 * period / count is rarely whole. Times are kept as ns and `scale` parts of
 * one, where scale is the count, so nothing is ever rounded but the moment that
 * somebody is to come back, which is rounded up.
 *
 * The sliding window counts what went in each of 32 slots, and in the one that
 * has begun, as Cloudflare does with two ("How we built rate limiting capable
 * of scaling to millions of domains", 2017). Theirs takes a part of the older
 * slot for what is still in the window, which admits too much if all of that
 * came late; here a slot counts in full until the last moment of it is outside.
 *
 * Rejected: reservations, where each who waits is told a time of its own and
 * all later ones build on it. Who gives up cannot return what those behind him
 * were promised on top; golang/go issues 56924 and 69419 are about that.
 */
#include "flow/meter.h"

#include <errno.h>

#define SLOTS (MOIRAI_LIMIT_SLOTS - 1)
#define LONGEST (MOIRAI_NEVER / 4)  /* so that sums of them are in range */

struct span {                       /* of time; part < the limit's scale */
    int64_t ns;
    uint64_t part;
};

static struct span sum(const struct moirai_limit *limit, struct span a,
                       struct span b)
{
    struct span s = { a.ns + b.ns, a.part + b.part };

    if (s.part >= limit->scale) {
        s.part -= limit->scale;
        s.ns++;
    }
    return s;
}

/* What n units take. */
static struct span steps(const struct moirai_limit *limit, uint32_t n)
{
    uint64_t parts = (uint64_t)n * limit->step_part;

    return (struct span){ n * limit->step_ns + (int64_t)(parts / limit->scale),
                          parts % limit->scale };
}

int mo_meter_rate(struct moirai_limit *limit, uint32_t count,
                  int64_t period_ns, uint32_t burst)
{
    struct span depth;

    if (count == 0 || burst == 0 || period_ns <= 0 || period_ns > LONGEST)
        return -EINVAL;
    limit->scale = count;
    limit->step_ns = period_ns / count;
    limit->step_part = (uint32_t)(period_ns % count);
    if (limit->step_ns >= LONGEST / burst)
        return -EINVAL;
    depth = steps(limit, burst);
    limit->depth_ns = depth.ns;
    limit->depth_part = (uint32_t)depth.part;
    limit->most = burst;
    return 0;
}

int mo_meter_gcra(struct moirai_limit *limit, int64_t interval_ns,
                  int64_t tolerance_ns)
{
    int64_t most;

    if (interval_ns <= 0 || interval_ns > LONGEST || tolerance_ns < 0
        || tolerance_ns > LONGEST)
        return -EINVAL;
    limit->scale = 1;
    limit->step_ns = interval_ns;
    limit->depth_ns = interval_ns + tolerance_ns;
    most = limit->depth_ns / interval_ns;
    limit->most = most > UINT32_MAX ? UINT32_MAX : (uint32_t)most;
    return 0;
}

int mo_meter_window(struct moirai_limit *limit, uint32_t count,
                    int64_t period_ns)
{
    if (count == 0 || period_ns <= 0 || period_ns > LONGEST)
        return -EINVAL;
    limit->most = count;
    limit->step_ns = (period_ns + SLOTS - 1) / SLOTS;
    return 0;
}

/* Empties the slots that time has passed. */
static void slide(struct moirai_limit *limit, int64_t now)
{
    int64_t slot = now / limit->step_ns;
    int64_t from = limit->slot + 1;

    if (slot <= limit->slot)
        return;
    if (slot - from >= MOIRAI_LIMIT_SLOTS)
        from = slot - SLOTS;
    for (; from <= slot; from++) {
        uint32_t *n = &limit->slots[from % MOIRAI_LIMIT_SLOTS];

        limit->used -= *n;
        *n = 0;
    }
    limit->slot = slot;
}

/* As many as are too many leave with the oldest slots. */
static int64_t window_due(struct moirai_limit *limit, uint32_t n, int64_t now)
{
    int64_t oldest;
    uint32_t used;

    slide(limit, now);
    used = limit->used;
    if (used <= limit->most - n)
        return now;
    oldest = limit->slot > SLOTS ? limit->slot - SLOTS : 0;
    while ((used -= limit->slots[oldest % MOIRAI_LIMIT_SLOTS])
           > limit->most - n)
        oldest++;
    return (oldest + MOIRAI_LIMIT_SLOTS) * limit->step_ns;
}

static int64_t rate_due(const struct moirai_limit *limit, uint32_t n,
                        int64_t now)
{
    struct span ahead = { limit->ahead_ns, limit->ahead_part };

    if (ahead.ns < now)
        return now;
    if (limit->kind != MOIRAI_LIMIT_LEAKY) {
        ahead = sum(limit, ahead, steps(limit, n));
        ahead.ns -= limit->depth_ns;
        if (ahead.part < limit->depth_part) {
            ahead.ns--;
            ahead.part += limit->scale;
        }
        ahead.part -= limit->depth_part;
    }
    return ahead.ns + (ahead.part != 0);
}

int64_t mo_meter_due(struct moirai_limit *limit, uint32_t n, int64_t now)
{
    switch (limit->kind) {
    case MOIRAI_LIMIT_CONCURRENT:
        return limit->used <= limit->most - n ? now : MOIRAI_NEVER;
    case MOIRAI_LIMIT_WINDOW:
        return window_due(limit, n, now);
    default:
        return rate_due(limit, n, now);
    }
}

void mo_meter_take(struct moirai_limit *limit, uint32_t n, int64_t now)
{
    struct span ahead = { limit->ahead_ns, limit->ahead_part };

    switch (limit->kind) {
    case MOIRAI_LIMIT_CONCURRENT:
        limit->used += n;
        return;
    case MOIRAI_LIMIT_WINDOW:
        slide(limit, now);
        limit->slots[limit->slot % MOIRAI_LIMIT_SLOTS] += n;
        limit->used += n;
        return;
    default:
        if (ahead.ns < now)
            ahead = (struct span){ now, 0 };
        ahead = sum(limit, ahead, steps(limit, n));
        limit->ahead_ns = ahead.ns;
        limit->ahead_part = (uint32_t)ahead.part;
    }
}
