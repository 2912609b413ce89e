/* SPDX-License-Identifier: MIT */
/*
 * retry.c - pauses that grow, spread by chance.
 *
 * The three ways to spread them are those of M. Brooker, "Exponential backoff
 * and jitter" (AWS Architecture Blog, 2015), where full jitter costs the
 * callee least work and decorrelated the callers least time. A budget for
 * retries, filled by first attempts, is in Site Reliability Engineering (2016),
 * chapter 21, and in Finagle: when most calls fail, what is repeated must not
 * multiply the load.
 *
 * Pauses saturate at the cap, which holds after chance was added; other
 * libraries found pauses to be negative, endless, or beyond their cap after
 * many attempts (Polly issues 1866 and 2163).
 */
#include <moirai/retry.h>

#include <errno.h>
#include <string.h>

#include "flow/chance.h"

#define LONGEST (MOIRAI_NEVER / 4)
#define MOST 1000000u               /* so that hundredths of it fit */

/* A number in [0, n]: of steps and within one, as a choice has 32 bits. */
static int64_t draw(int64_t n)
{
    int64_t step = (n >> 31) + 1;
    int64_t at = mo_chance((uint32_t)(n / step) + 1) * step;

    at += mo_chance((uint32_t)step);
    return at < n ? at : n;
}

static int64_t doubled(const struct moirai_retry *retry)
{
    int64_t cap = retry->policy.cap_ns;
    int64_t ns = retry->policy.base_ns;

    for (uint32_t i = 0; i < retry->attempt && ns < cap; i++)
        ns = ns > cap / 2 ? cap : ns * 2;
    return ns;
}

static int64_t decorrelated(const struct moirai_retry *retry)
{
    int64_t base = retry->policy.base_ns;
    int64_t cap = retry->policy.cap_ns;
    int64_t last = retry->attempt == 0 ? base : retry->delay_ns;
    int64_t ns = base + draw(3 * last - base);

    return ns < cap ? ns : cap;
}

int64_t moirai_retry_delay(struct moirai_retry *retry)
{
    int64_t ns = doubled(retry);

    switch (retry->policy.jitter) {
    case MOIRAI_RETRY_FULL:
        ns = draw(ns);
        break;
    case MOIRAI_RETRY_EQUAL:
        ns = ns - ns / 2 + draw(ns / 2);
        break;
    case MOIRAI_RETRY_DECORRELATED:
        ns = decorrelated(retry);
        break;
    default:
        break;
    }
    retry->attempt++;
    retry->delay_ns = ns;
    return ns;
}

/* --- budgets ------------------------------------------------------------- */

int moirai_retry_budget_init(struct moirai_retry_budget *budget,
                             uint32_t percent, uint32_t most)
{
    if (percent == 0 || percent > MOST || most == 0 || most > MOST)
        return -EINVAL;
    *budget = (struct moirai_retry_budget){ .level = most * 100,
                                            .most = most * 100,
                                            .percent = percent };
    return 0;
}

static void earn(struct moirai_retry_budget *budget)
{
    uint32_t level = mo_load_relaxed(&budget->level);
    uint32_t more;

    do {
        more = level + budget->percent;
        if (more > budget->most)
            more = budget->most;
    } while (more != level && !mo_cas(&budget->level, &level, more));
}

static bool spend(struct moirai_retry_budget *budget)
{
    uint32_t level = mo_load_relaxed(&budget->level);

    do {
        if (level < 100)
            return false;
    } while (!mo_cas(&budget->level, &level, level - 100));
    return true;
}

/* --- attempts ------------------------------------------------------------ */

bool moirai_retry_transient(int rc, void *arg)
{
    (void)arg;
    switch (-rc) {
    case EAGAIN: case EBUSY: case ECONNABORTED: case ECONNREFUSED:
    case ECONNRESET: case EHOSTUNREACH: case EINTR: case ENETDOWN:
    case ENETUNREACH: case ENOBUFS: case EPIPE: case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

static bool is_sound(const struct moirai_retry_policy *p)
{
    return p->base_ns > 0 && p->cap_ns >= p->base_ns && p->cap_ns <= LONGEST
        && p->jitter <= MOIRAI_RETRY_NONE;
}

int moirai_retry_begin(struct moirai_retry *retry,
                       const struct moirai_retry_policy *policy,
                       int64_t deadline_ns)
{
    struct moirai_retry_policy p = MOIRAI_RETRY_POLICY_INIT;

    if (policy != NULL)
        memcpy(&p, policy, policy->size < sizeof p ? policy->size : sizeof p);
    if (p.attempts == 0)
        p.attempts = 4;
    if (p.base_ns == 0)
        p.base_ns = 100 * MOIRAI_MS;
    if (p.cap_ns == 0)
        p.cap_ns = p.base_ns > 10 * MOIRAI_S ? p.base_ns : 10 * MOIRAI_S;
    if (p.again == NULL)
        p.again = moirai_retry_transient;
    if (!is_sound(&p))
        return -EINVAL;
    *retry = (struct moirai_retry){ .policy = p, .deadline_ns = deadline_ns };
    if (p.budget != NULL)
        earn(p.budget);
    return 0;
}

void moirai_retry_after(struct moirai_retry *retry, int64_t time_ns)
{
    retry->not_before_ns = time_ns;
}

/* Is an error like that to be followed by another attempt at all? */
static bool may_pass(const struct moirai_retry *retry, int rc)
{
    const struct moirai_retry_policy *p = &retry->policy;

    return rc < 0 && rc != -ECANCELED
        && (retry->attempt + 1 < p->attempts || p->attempts == UINT32_MAX)
        && p->again(rc, p->arg);
}

bool moirai_retry_again(struct moirai_retry *retry, int *rc)
{
    struct moirai_retry_budget *budget = retry->policy.budget;
    int64_t until;
    int ended;

    if (!may_pass(retry, *rc))
        return false;
    until = moirai_after(moirai_retry_delay(retry));
    if (until < retry->not_before_ns)
        until = retry->not_before_ns;
    retry->not_before_ns = 0;
    if (until >= retry->deadline_ns || (budget != NULL && !spend(budget)))
        return false;
    ended = moirai_sleep_until(until);
    if (ended != 0)
        *rc = ended;
    return ended == 0;
}

int moirai_retry_run(const struct moirai_retry_policy *policy, moirai_fn *fn,
                     void *arg, int64_t deadline_ns)
{
    struct moirai_retry retry;
    int rc = moirai_retry_begin(&retry, policy, deadline_ns);

    if (rc != 0)
        return rc;
    do
        rc = fn(arg);
    while (moirai_retry_again(&retry, &rc));
    return rc;
}
