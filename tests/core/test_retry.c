/* SPDX-License-Identifier: MIT */
/*
 * test_retry.c - pauses are as long as the policy says, the same again from the
 * same seed, and none goes on when it makes no sense any more.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "with.h"

#define SLACK (20 * MOIRAI_US)      /* looks at the simulator's clock */
#define FAR (INT64_C(1) << 60)

static void play(unsigned long seed, moirai_fn *body, void *arg)
{
    struct moirai_runtime *rt = with_seed(seed);

    CHECK_EQ(moirai_run(rt, body, arg), 0);
    with_end(rt);
}

/* --- pauses -------------------------------------------------------------- */

static void begin(struct moirai_retry *r, uint32_t jitter, int64_t base,
                  int64_t cap)
{
    struct moirai_retry_policy p = MOIRAI_RETRY_POLICY_INIT;

    p.jitter = jitter;
    p.base_ns = base;
    p.cap_ns = cap;
    CHECK_EQ(moirai_retry_begin(r, &p, MOIRAI_NEVER), 0);
}

static int plain(void *arg)
{
    static const int64_t pauses[] = { 3, 6, 12, 24, 48, 96, 100, 100, 100 };
    struct moirai_retry r;

    (void)arg;
    begin(&r, MOIRAI_RETRY_NONE, 3, 100);
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++)
        CHECK_EQ(moirai_retry_delay(&r), pauses[i]);
    CHECK_EQ(r.attempt, 9);
    begin(&r, MOIRAI_RETRY_NONE, 100, 100);
    CHECK_EQ(moirai_retry_delay(&r), 100);
    return 0;
}

TEST(retry, pauses_twice_as_long_each_time_up_to_the_cap)
{
    play(1, plain, NULL);
}

/* Where chance may put the nth pause, and that it uses all of that. */
static void spread(uint32_t jitter, uint32_t nth, int64_t least, int64_t most)
{
    struct moirai_retry r;
    int64_t lowest = MOIRAI_NEVER, highest = 0;

    for (int i = 0; i < 400; i++) {
        begin(&r, jitter, MOIRAI_MS, 10 * MOIRAI_MS);
        for (uint32_t n = 1; n < nth; n++)
            moirai_retry_delay(&r);
        moirai_retry_delay(&r);
        CHECK(r.delay_ns >= least && r.delay_ns <= most);
        lowest = r.delay_ns < lowest ? r.delay_ns : lowest;
        highest = r.delay_ns > highest ? r.delay_ns : highest;
    }
    CHECK(lowest <= least + (most - least) / 4);
    CHECK(highest >= most - (most - least) / 4);
}

static int spreading(void *arg)
{
    (void)arg;
    spread(MOIRAI_RETRY_FULL, 1, 0, MOIRAI_MS);
    spread(MOIRAI_RETRY_FULL, 3, 0, 4 * MOIRAI_MS);
    spread(MOIRAI_RETRY_FULL, 50, 0, 10 * MOIRAI_MS);
    spread(MOIRAI_RETRY_EQUAL, 1, MOIRAI_MS / 2, MOIRAI_MS);
    spread(MOIRAI_RETRY_EQUAL, 3, 2 * MOIRAI_MS, 4 * MOIRAI_MS);
    spread(MOIRAI_RETRY_EQUAL, 50, 5 * MOIRAI_MS, 10 * MOIRAI_MS);
    spread(MOIRAI_RETRY_DECORRELATED, 1, MOIRAI_MS, 3 * MOIRAI_MS);
    spread(MOIRAI_RETRY_DECORRELATED, 2, MOIRAI_MS, 9 * MOIRAI_MS);
    spread(MOIRAI_RETRY_DECORRELATED, 50, MOIRAI_MS, 10 * MOIRAI_MS);
    return 0;
}

TEST(retry, spreads_pauses_over_all_of_their_range)
{
    play(1, spreading, NULL);
}

/* Of each kind, from one unit up to the longest, thousands of times. */
static int extremes(void *arg)
{
    static const int64_t caps[] = { 1, 2, 1000, UINT32_MAX, FAR };
    struct moirai_retry r;

    (void)arg;
    for (uint32_t jitter = 0; jitter <= MOIRAI_RETRY_NONE; jitter++)
        for (int c = 0; c < 5; c++) {
            begin(&r, jitter, 1, caps[c]);
            for (int i = 0; i < 3000; i++) {
                int64_t ns = moirai_retry_delay(&r);

                CHECK(ns >= 0 && ns <= caps[c]);
            }
            begin(&r, jitter, caps[c], caps[c]);
            for (int i = 0; i < 100; i++)
                CHECK(moirai_retry_delay(&r) <= caps[c]);
        }
    return 0;
}

TEST(retry, never_pauses_beyond_the_cap_however_often)
{
    play(1, extremes, NULL);
}

static int draw_some(void *arg)
{
    int64_t *pauses = arg;
    struct moirai_retry r;

    for (uint32_t jitter = 0; jitter < MOIRAI_RETRY_NONE; jitter++) {
        begin(&r, jitter, MOIRAI_MS, MOIRAI_S);
        for (int i = 0; i < 10; i++)
            *pauses++ = moirai_retry_delay(&r);
    }
    return 0;
}

TEST(retry, pauses_alike_from_the_same_seed)
{
    int64_t first[30], again[30], other[30];

    play(5, draw_some, first);
    play(5, draw_some, again);
    play(6, draw_some, other);
    CHECK_EQ(memcmp(first, again, sizeof first), 0);
    CHECK(memcmp(first, other, sizeof first) != 0);
}

/* --- attempts ------------------------------------------------------------ */

struct callee {
    struct moirai_retry_policy policy;
    int fails;                      /* so often, */
    int rc;                         /* with this */
    int n;
    int64_t when[40];
    int64_t takes_ns;
};

static int answer(void *arg)
{
    struct callee *c = arg;

    CHECK(c->n < 40);
    c->when[c->n++] = moirai_now();
    if (c->takes_ns != 0)
        CHECK_EQ(moirai_sleep_until(moirai_after(c->takes_ns)), 0);
    return c->n <= c->fails ? c->rc : 7;
}

static struct callee callee(int fails, int rc)
{
    struct callee c = { .policy = MOIRAI_RETRY_POLICY_INIT, .fails = fails,
                        .rc = rc };

    c.policy.jitter = MOIRAI_RETRY_NONE;
    c.policy.base_ns = MOIRAI_MS;
    c.policy.cap_ns = 8 * MOIRAI_MS;
    c.policy.attempts = 10;
    return c;
}

static int run(struct callee *c, int64_t deadline_ns)
{
    return moirai_retry_run(&c->policy, answer, c, deadline_ns);
}

static int in_time(void *arg)
{
    static const int64_t at[] = { 0, 1, 3, 7, 15, 23, 31 };     /* ms */
    struct callee c = callee(6, -ECONNRESET);

    (void)arg;
    CHECK_EQ(run(&c, MOIRAI_NEVER), 7);
    CHECK_EQ(c.n, 7);
    for (int i = 0; i < 7; i++) {
        int64_t since = c.when[i] - c.when[0];

        CHECK(since >= at[i] * MOIRAI_MS && since < at[i] * MOIRAI_MS + SLACK);
    }
    return 0;
}

TEST(retry, calls_again_when_the_pause_is_over)
{
    play(1, in_time, NULL);
}

static bool only_eio(int rc, void *arg)
{
    ++*(int *)arg;
    return rc == -EIO;
}

static int which(void *arg)
{
    struct callee c = callee(100, -ENOENT);
    int asked = 0;

    (void)arg;
    CHECK_EQ(run(&c, MOIRAI_NEVER), -ENOENT);
    CHECK_EQ(c.n, 1);
    c = callee(100, -EAGAIN);
    CHECK_EQ(run(&c, MOIRAI_NEVER), -EAGAIN);
    CHECK_EQ(c.n, 10);
    c = callee(100, -EAGAIN);
    c.policy.attempts = 1;
    CHECK_EQ(run(&c, MOIRAI_NEVER), -EAGAIN);
    CHECK_EQ(c.n, 1);
    c = callee(100, -EIO);
    c.policy.again = only_eio;
    c.policy.arg = &asked;
    CHECK_EQ(run(&c, MOIRAI_NEVER), -EIO);
    CHECK_EQ(c.n, 10);
    CHECK_EQ(asked, 9);
    c = callee(100, -ECANCELED);
    c.policy.again = only_eio;
    c.policy.arg = &asked;
    CHECK_EQ(run(&c, MOIRAI_NEVER), -ECANCELED);
    CHECK_EQ(c.n, 1);
    CHECK_EQ(asked, 9);
    c = callee(30, -EINTR);
    c.policy.attempts = UINT32_MAX;
    CHECK_EQ(run(&c, MOIRAI_NEVER), 7);
    CHECK_EQ(c.n, 31);
    return 0;
}

TEST(retry, calls_again_only_what_may_pass_and_so_often)
{
    play(1, which, NULL);
    CHECK(moirai_retry_transient(-ETIMEDOUT, NULL));
    CHECK(!moirai_retry_transient(-EINVAL, NULL));
    CHECK(!moirai_retry_transient(EAGAIN, NULL));
}

/* The fourth attempt would be at 7 ms. */
static int deadlines(void *arg)
{
    struct callee c = callee(100, -EAGAIN);
    int64_t start = moirai_now();

    (void)arg;
    CHECK_EQ(run(&c, start + 7 * MOIRAI_MS), -EAGAIN);
    CHECK_EQ(c.n, 3);
    CHECK(moirai_now() < start + 3 * MOIRAI_MS + SLACK);    /* and no pause */
    c = callee(100, -EAGAIN);
    start = moirai_now();
    CHECK_EQ(run(&c, start + 7 * MOIRAI_MS + SLACK), -EAGAIN);
    CHECK_EQ(c.n, 4);
    c = callee(100, -EAGAIN);
    CHECK_EQ(run(&c, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(c.n, 1);
    c = callee(1, -EAGAIN);
    c.takes_ns = 2 * MOIRAI_MS;             /* attempts take time, too */
    CHECK_EQ(run(&c, moirai_after(3 * MOIRAI_MS)), -EAGAIN);
    CHECK_EQ(c.n, 1);
    return 0;
}

TEST(retry, does_not_pause_for_what_would_be_too_late)
{
    play(1, deadlines, NULL);
}

static int be_told(void *arg)
{
    struct moirai_retry_policy p = MOIRAI_RETRY_POLICY_INIT;
    struct moirai_retry r;
    int64_t start = moirai_now();
    int rc = -EAGAIN;

    (void)arg;
    p.jitter = MOIRAI_RETRY_NONE;
    p.base_ns = p.cap_ns = MOIRAI_MS;
    CHECK_EQ(moirai_retry_begin(&r, &p, start + MOIRAI_S), 0);
    moirai_retry_after(&r, start + 500 * MOIRAI_MS);
    CHECK(moirai_retry_again(&r, &rc));
    CHECK(moirai_now() >= start + 500 * MOIRAI_MS);
    CHECK(moirai_now() < start + 500 * MOIRAI_MS + SLACK);
    CHECK(moirai_retry_again(&r, &rc));     /* that was for once */
    CHECK(moirai_now() < start + 502 * MOIRAI_MS);
    moirai_retry_after(&r, start + MOIRAI_S);
    CHECK(!moirai_retry_again(&r, &rc));
    CHECK_EQ(rc, -EAGAIN);
    return 0;
}

TEST(retry, comes_back_when_the_callee_says_so)
{
    play(1, be_told, NULL);
}

static int long_pause(void *arg)
{
    struct callee *c = arg;
    int rc;

    c->policy.base_ns = c->policy.cap_ns = 3600 * MOIRAI_S;
    rc = run(c, MOIRAI_NEVER);
    CHECK_EQ(c->n, 1);
    return rc;
}

static int cut_short(void *arg)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct callee c = callee(100, -EAGAIN);
    struct moirai_handle *handle;
    struct moirai_scope scope;
    int64_t start = moirai_now();
    int rc;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn_with(&scope, long_pause, &c, NULL, &handle), 0);
    CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    moirai_handle_cancel(handle);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &rc), 0);
    CHECK_EQ(rc, -ECANCELED);
    moirai_handle_put(handle);
    CHECK_EQ(moirai_scope_end(&scope), 0);

    attr.deadline_ns = moirai_after(MOIRAI_MS);
    c = callee(100, -EAGAIN);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn_with(&scope, long_pause, &c, &attr, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), -ETIMEDOUT);
    CHECK(moirai_now() < start + 10 * MOIRAI_MS);
    return 0;
}

TEST(retry, ends_a_pause_when_the_task_is_cancelled_or_late)
{
    with_seeds(50, cut_short, NULL);
}

TEST(retry, refuses_what_makes_no_sense)
{
    static const struct moirai_retry_policy bad[] = {
        { .size = sizeof bad[0], .base_ns = -1 },
        { .size = sizeof bad[0], .cap_ns = -1 },
        { .size = sizeof bad[0], .base_ns = 2, .cap_ns = 1 },
        { .size = sizeof bad[0], .cap_ns = MOIRAI_NEVER },
        { .size = sizeof bad[0], .jitter = MOIRAI_RETRY_NONE + 1 },
    };
    struct moirai_retry_budget b;
    struct moirai_retry r;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_EQ(moirai_retry_begin(&r, &bad[i], MOIRAI_NEVER), -EINVAL);
    CHECK_EQ(moirai_retry_begin(&r, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(r.policy.attempts, 4);
    CHECK_EQ(moirai_retry_budget_init(&b, 0, 1), -EINVAL);
    CHECK_EQ(moirai_retry_budget_init(&b, 10, 0), -EINVAL);
    CHECK_EQ(moirai_retry_budget_init(&b, 10, 1000001), -EINVAL);
}

/* --- budgets ------------------------------------------------------------- */

struct sharing {
    struct moirai_retry_budget budget;
    int operations, attempts, times;
};

static int count_attempt(void *arg)
{
    struct sharing *s = arg;

    with_add(&s->attempts, 1);
    return -EAGAIN;
}

static int keep_trying(void *arg)
{
    struct sharing *s = arg;
    struct moirai_retry_policy p = MOIRAI_RETRY_POLICY_INIT;

    p.base_ns = p.cap_ns = MOIRAI_US;
    p.budget = &s->budget;
    for (int i = 0; i < s->times; i++) {
        with_add(&s->operations, 1);
        CHECK_EQ(moirai_retry_run(&p, count_attempt, s, MOIRAI_NEVER),
                 -EAGAIN);
    }
    return 0;
}

static void *keep_trying_thread(void *arg)
{
    CHECK_EQ(keep_trying(arg), 0);
    return NULL;
}

/* All fail, so all of the budget is used: 20 at first, then a tenth. What an
 * operation earns while the purse is full is lost, of which there is little. */
static void check_sharing(const struct sharing *s)
{
    int retries = s->attempts - s->operations;

    CHECK(retries <= 20 + s->operations / 10);
    CHECK(retries >= s->operations / 10);
}

static int share(void *arg)
{
    struct sharing s = { .times = 50 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_retry_budget_init(&s.budget, 10, 20), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(moirai_spawn(&scope, keep_trying, &s), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    check_sharing(&s);
    return 0;
}

TEST(retry, repeats_no_more_than_the_budget_allows_to_all)
{
    struct moirai_runtime *rt;
    struct moirai_scope scope;
    struct sharing s = { .times = 50 };
    pthread_t threads[4];

    with_seeds(20, share, NULL);
    with_each(share, NULL);
    rt = with_workers(2);
    CHECK_EQ(moirai_retry_budget_init(&s.budget, 10, 20), 0);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(moirai_spawn(&scope, keep_trying, &s), 0);
        CHECK_EQ(pthread_create(&threads[i], NULL, keep_trying_thread, &s), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    with_end(rt);
    check_sharing(&s);
}
