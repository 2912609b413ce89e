/* SPDX-License-Identifier: MIT */
/*
 * moirai/retry.h - to try again, later, and not for ever.
 *
 * A call that failed for a reason that passes is made again after a pause. The
 * pauses grow, and chance spreads them, so that many who failed together do not
 * come back together.
 *
 *     struct moirai_retry retry;
 *     int rc;
 *     moirai_retry_begin(&retry, &policy, deadline_ns);
 *     do {
 *         rc = ask(...);
 *     } while (moirai_retry_again(&retry, &rc));
 *
 * Chance is the runtime's: from the same seed the simulator pauses alike.
 */
#ifndef MOIRAI_RETRY_H
#define MOIRAI_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include <moirai/task.h>
#include <moirai/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How chance spreads pauses; b is base_ns, doubled after each, up to cap_ns. */
enum moirai_retry_jitter {
    MOIRAI_RETRY_FULL = 0,          /* between 0 and b */
    MOIRAI_RETRY_EQUAL = 1,         /* between half of b and b */
    MOIRAI_RETRY_DECORRELATED = 2,  /* between base_ns and three times the one
                                     * before, and no more than cap_ns */
    MOIRAI_RETRY_NONE = 3           /* b: for one caller alone */
};

/* How many of all calls may be repetitions, over all who share it. Caller's
 * memory; the field is the core's. */
struct moirai_retry_budget {
    uint32_t level;                 /* atomic; hundredths of a retry */
    uint32_t most;                  /* constant, as is */
    uint32_t percent;
};

/* When to try again. Zeroed fields mean the preset. */
struct moirai_retry_policy {
    uint32_t size;                  /* sizeof(struct moirai_retry_policy) */
    uint32_t attempts;              /* calls in all; 4. UINT32_MAX: as many as
                                     * the deadline allows */
    uint32_t jitter;                /* enum moirai_retry_jitter; FULL */
    uint32_t reserved;
    int64_t base_ns;                /* 100 ms */
    int64_t cap_ns;                 /* no pause is longer; 10 s, or base_ns if
                                     * that is more */
    /* Is that an error that may pass? NULL: moirai_retry_transient. Not asked
     * of -ECANCELED. */
    bool (*again)(int rc, void *arg);
    void *arg;
    struct moirai_retry_budget *budget;     /* borrowed; NULL: no such bound */
};

#define MOIRAI_RETRY_POLICY_INIT                                              \
    { sizeof(struct moirai_retry_policy), 0, 0, 0, 0, 0, NULL, NULL, NULL }

/* One operation, with all its attempts: caller's memory, of one task or
 * thread at a time. `attempt` and `delay_ns` may be read; every field is the
 * core's. */
struct moirai_retry {
    struct moirai_retry_policy policy;
    int64_t deadline_ns;
    int64_t not_before_ns;          /* as somebody said; or 0 */
    int64_t delay_ns;               /* the last pause */
    uint32_t attempt;               /* calls that have failed so far */
    uint32_t reserved;
};

/* Before the first attempt. `policy` is borrowed; NULL: presets. 0, or -EINVAL:
 * a negative time, one beyond what a clock counts, base_ns beyond cap_ns, or no
 * such jitter. Does not wait. */
int moirai_retry_begin(struct moirai_retry *retry,
                       const struct moirai_retry_policy *policy,
                       int64_t deadline_ns);

/* An attempt returned *rc: is there to be another? true, after the pause. Or
 * false, and *rc is the result of it all: as it was if it is no error, or one
 * that does not pass, or there are no attempts left, or no budget, or the pause
 * would not end before the deadline, in which case there is none. -ECANCELED
 * or -ETIMEDOUT, if the pause was cut short by a cancellation or a deadline of
 * the task. Can wait. */
bool moirai_retry_again(struct moirai_retry *retry, int *rc);

/* The callee said when to come back: the next pause is not shorter. cap_ns does
 * not hold for it; the deadline does. Does not wait. */
void moirai_retry_after(struct moirai_retry *retry, int64_t time_ns);

/* The next pause, drawn, and counted as an attempt; for programs that pause in
 * a way of their own. Does not wait. */
int64_t moirai_retry_delay(struct moirai_retry *retry);

/* All of it around fn(arg). The last result, or -EINVAL as from begin. Can
 * wait. */
int moirai_retry_run(const struct moirai_retry_policy *policy, moirai_fn *fn,
                     void *arg, int64_t deadline_ns);

/* Errors that may pass: -EAGAIN, -EBUSY, -ECONNABORTED, -ECONNREFUSED,
 * -ECONNRESET, -EHOSTUNREACH, -EINTR, -ENETDOWN, -ENETUNREACH, -ENOBUFS,
 * -EPIPE, -ETIMEDOUT. Whether what was asked for has happened all the same,
 * none of them says: to repeat it must do no harm. */
bool moirai_retry_transient(int rc, void *arg);

/* Lets at most `percent` of all operations be repeated over time, once each,
 * and `most` retries in a burst. 0, or -EINVAL: a 0, or beyond 1,000,000. */
int moirai_retry_budget_init(struct moirai_retry_budget *budget,
                             uint32_t percent, uint32_t most);

#ifdef __cplusplus
}
#endif

#endif
