/* SPDX-License-Identifier: MIT */
/*
 * test_meter.c - what limits grant, and when, to the ns.
 */
#include "flow/meter.h"

#include <errno.h>

#include "check.h"

#define START (1000 * MOIRAI_S)     /* a clock does not begin at 0 */

static uint64_t dice;

static uint32_t roll(uint32_t n)
{
    dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(((dice >> 32) * n) >> 32);
}

static bool take(struct moirai_limit *limit, uint32_t n, int64_t now)
{
    if (mo_meter_due(limit, n, now) > now)
        return false;
    mo_meter_take(limit, n, now);
    return true;
}

TEST(meter, a_token_bucket_holds_a_burst_and_fills_at_its_rate)
{
    struct moirai_limit l;

    CHECK_EQ(moirai_limit_tokens(&l, 10, MOIRAI_S, 5), 0);
    CHECK(take(&l, 5, START));
    CHECK_EQ(mo_meter_due(&l, 1, START), START + 100 * MOIRAI_MS);
    CHECK_EQ(mo_meter_due(&l, 5, START), START + 500 * MOIRAI_MS);
    CHECK(!take(&l, 1, START + 100 * MOIRAI_MS - 1));
    CHECK(take(&l, 1, START + 100 * MOIRAI_MS));
    CHECK(!take(&l, 1, START + 100 * MOIRAI_MS));
    CHECK(take(&l, 5, START + 10 * MOIRAI_S));      /* and no more than 5 */
    CHECK(!take(&l, 1, START + 10 * MOIRAI_S));
}

TEST(meter, a_rate_that_is_no_whole_number_of_ns_does_not_drift)
{
    struct moirai_limit l;
    int64_t now = START;

    CHECK_EQ(moirai_limit_tokens(&l, 3, MOIRAI_S, 2), 0);
    CHECK(take(&l, 1, now));
    for (int64_t i = 0; i < 300000; i++) {
        CHECK_EQ(now, START + (i * MOIRAI_S + 2) / 3);
        CHECK(take(&l, 1, now));
        now = mo_meter_due(&l, 1, now);
    }
    CHECK_EQ(now, START + 100000 * MOIRAI_S);
}

/* Tokens times the period, which is whole whenever one looks. */
TEST(meter, a_token_bucket_is_what_counting_tokens_says)
{
    for (dice = 1; dice < 200; dice++) {
        uint64_t seed = dice;
        uint32_t count = 1 + roll(50), burst = 1 + roll(20);
        int64_t period = 1 + roll(1000), now = START;
        int64_t full = burst * period, tokens = full;
        struct moirai_limit l;

        CHECK_EQ(moirai_limit_tokens(&l, count, period, burst), 0);
        for (int i = 0; i < 500; i++) {
            uint32_t n = 1 + roll(burst);
            int64_t step = roll(3) == 0 ? roll(200) : roll(8);
            int64_t missing = n * period - tokens;
            int64_t due = mo_meter_due(&l, n, now);

            CHECK_EQ(due < now ? now : due, missing <= 0 ? now
                     : now + (missing + count - 1) / count);
            if (take(&l, n, now))
                tokens -= n * period;
            now += step;
            tokens += step * count;
            tokens = tokens < full ? tokens : full;
        }
        dice = seed;
    }
}

TEST(meter, a_cell_may_be_early_by_the_tolerance_and_not_by_more)
{
    struct moirai_limit l;

    CHECK_EQ(moirai_limit_gcra(&l, 100, 30), 0);
    CHECK(take(&l, 1, START));
    CHECK(!take(&l, 1, START + 69));
    CHECK(take(&l, 1, START + 70));                 /* next: at 200, or 170 */
    CHECK(!take(&l, 1, START + 169));
    CHECK(take(&l, 1, START + 170));
    CHECK(take(&l, 1, START + 1000));               /* late: counts from here */
    CHECK(!take(&l, 1, START + 1069));
    CHECK(take(&l, 1, START + 1070));
    CHECK_EQ(l.most, 1);
}

TEST(meter, a_leaky_bucket_lets_out_one_at_a_time)
{
    struct moirai_limit l;

    CHECK_EQ(moirai_limit_leaky(&l, 4, 1000, 10), 0);
    CHECK(take(&l, 1, START));
    CHECK(!take(&l, 1, START + 249));
    CHECK(take(&l, 2, START + 250));                /* and a pause for two */
    CHECK(!take(&l, 1, START + 749));
    CHECK(take(&l, 1, START + 750));
    CHECK(take(&l, 1, START + 5000));               /* nothing was saved up */
    CHECK(!take(&l, 1, START + 5249));
}

/* Whatever comes, no period has more than it may; and nobody is held back for
 * more than a slot longer than the whole log of grants would. */
TEST(meter, a_window_is_never_exceeded_and_hardly_ever_late)
{
    enum { EVENTS = 2000 };

    for (dice = 1; dice < 60; dice++) {
        static int64_t when[EVENTS];
        uint64_t seed = dice;
        uint32_t count = 1 + roll(40);
        int64_t period = 1 + roll(20000), now = START + roll(1000);
        int64_t slot = (period + 31) / 32, latest = 33 * slot;
        struct moirai_limit l;
        uint32_t n = 0;

        CHECK_EQ(moirai_limit_window(&l, count, period), 0);
        while (n < EVENTS) {
            if (take(&l, 1, now)) {
                CHECK(n < count || when[n - count] + period <= now);
                when[n++] = now;
            } else {
                int64_t due = mo_meter_due(&l, 1, now);

                CHECK(n >= count && when[n - count] + latest > now);
                CHECK(due > now && due <= when[n - count] + latest);
                CHECK(mo_meter_due(&l, 1, due - 1) == due);
                if (roll(3) == 0)
                    now = due;
            }
            now += roll(2) == 0 ? 0 : roll((uint32_t)(2 * period / count) + 2);
        }
        dice = seed;
    }
}

TEST(meter, a_window_may_be_asked_for_all_at_once)
{
    struct moirai_limit l;

    CHECK_EQ(moirai_limit_window(&l, 10, 3200), 0);
    CHECK(take(&l, 6, START));
    CHECK(take(&l, 4, START + 1000));
    CHECK_EQ(mo_meter_due(&l, 6, START + 1000), START + 3300);
    CHECK_EQ(mo_meter_due(&l, 7, START + 1000), START + 4300);
    CHECK_EQ(mo_meter_due(&l, 10, START + 1000), START + 4300);
    CHECK(!take(&l, 1, START + 500));       /* a clock read earlier */
}

TEST(meter, the_ends_of_what_can_be_counted_are_no_trap)
{
    struct moirai_limit l;
    int64_t far = MOIRAI_NEVER / 4;

    CHECK_EQ(moirai_limit_tokens(&l, 0, MOIRAI_S, 1), -EINVAL);
    CHECK_EQ(moirai_limit_tokens(&l, 1, 0, 1), -EINVAL);
    CHECK_EQ(moirai_limit_tokens(&l, 1, MOIRAI_S, 0), -EINVAL);
    CHECK_EQ(moirai_limit_tokens(&l, 1, MOIRAI_NEVER, 1), -EINVAL);
    CHECK_EQ(moirai_limit_tokens(&l, 1, far / 2, 3), -EINVAL);
    CHECK_EQ(moirai_limit_tokens(&l, UINT32_MAX, MOIRAI_S, UINT32_MAX), 0);
    CHECK(take(&l, UINT32_MAX, START));
    CHECK_EQ(mo_meter_due(&l, UINT32_MAX, START), START + MOIRAI_S);
    CHECK_EQ(mo_meter_due(&l, 1, START), START + 1);
    CHECK_EQ(moirai_limit_gcra(&l, 0, 0), -EINVAL);
    CHECK_EQ(moirai_limit_gcra(&l, 1, -1), -EINVAL);
    CHECK_EQ(moirai_limit_gcra(&l, far, far), 0);
    CHECK(take(&l, 2, far));
    CHECK_EQ(mo_meter_due(&l, 1, far), 2 * far);
    CHECK_EQ(moirai_limit_gcra(&l, 1, far), 0);
    CHECK_EQ(l.most, UINT32_MAX);
    CHECK_EQ(moirai_limit_window(&l, 1, -1), -EINVAL);
    CHECK_EQ(moirai_limit_window(&l, 0, 1), -EINVAL);
    CHECK_EQ(moirai_limit_window(&l, 1, 1), 0);
    CHECK(take(&l, 1, START));
    CHECK_EQ(mo_meter_due(&l, 1, START), START + 33);
    CHECK_EQ(moirai_limit_leaky(&l, 0, 1, 1), -EINVAL);
    CHECK_EQ(moirai_limit_concurrent(&l, 0), -EINVAL);
}
