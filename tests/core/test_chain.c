/* SPDX-License-Identifier: MIT */
/*
 * test_chain.c - scans, collect and filter give what a serial loop would,
 * however their pieces came to be known.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "mem.h"
#include "with.h"

struct numbers {
    size_t n;
    int64_t *from, *to;
    int exclusive;
    int yields;
};

static int fold_sum(size_t begin, size_t end, void *into, void *arg)
{
    const struct numbers *all = arg;
    int64_t *sum = into;

    if (all->yields && begin % 3 == 0)
        moirai_yield();
    for (size_t i = begin; i < end; i++)
        *sum += all->from[i];
    return 0;
}

static int scan_sum(size_t begin, size_t end, void *into, void *arg)
{
    const struct numbers *all = arg;
    int64_t sum = *(int64_t *)into;

    if (all->yields && begin % 2 == 0)
        moirai_yield();
    for (size_t i = begin; i < end; i++) {
        if (all->exclusive)
            all->to[i] = sum;
        sum += all->from[i];
        if (!all->exclusive)
            all->to[i] = sum;
    }
    *(int64_t *)into = sum;
    return 0;
}

static void join_sum(void *into, const void *from, void *arg)
{
    (void)arg;
    *(int64_t *)into += *(const int64_t *)from;
}

static const int64_t zero;
static const struct moirai_fold sum_op = { sizeof zero, &zero, fold_sum,
                                           join_sum, scan_sum };

static void scan_one(size_t n, size_t grain, int exclusive, int yields)
{
    struct moirai_par_attr attr = { .size = sizeof attr, .grain = grain };
    struct numbers all = { n, calloc(n + 1, 8), calloc(n + 1, 8), exclusive,
                           yields };
    int64_t total = -1, sum = 0;

    CHECK(all.from != NULL && all.to != NULL);
    for (size_t i = 0; i < n; i++)
        all.from[i] = (int64_t)(i * 2654435761u % 1000) - 400;
    CHECK_EQ(moirai_par_scan(0, n, &sum_op, &all, &total, &attr), 0);
    for (size_t i = 0; i < n; i++) {
        if (exclusive)
            CHECK_EQ(all.to[i], sum);
        sum += all.from[i];
        if (!exclusive)
            CHECK_EQ(all.to[i], sum);
    }
    CHECK_EQ(total, sum);
    CHECK_EQ(moirai_par_scan(0, n, &sum_op, &all, NULL, &attr), 0);
    free(all.from);
    free(all.to);
}

static int scans(void *arg)
{
    (void)arg;
    for (int exclusive = 0; exclusive < 2; exclusive++) {
        for (size_t n = 0; n < 40; n += 1 + n / 5)
            for (size_t grain = 0; grain < 12; grain += 1 + grain)
                scan_one(n, grain, exclusive, n % 2);
        scan_one(100000, 0, exclusive, 0);
        scan_one(100000, 100, exclusive, 1);
    }
    return 0;
}

TEST(chain, scans_are_as_a_serial_loop_makes_them)
{
    for (unsigned i = 0; i < with_times(5); i++)
        with_each(scans, NULL);
    CHECK_EQ(scans(NULL), 0);
}

static int short_scans(void *arg)
{
    (void)arg;
    scan_one(12, 1, 0, 1);
    scan_one(30, 4, 1, 0);
    return 0;
}

TEST(chain, scans_are_so_in_every_order)
{
    with_seeds(1000, short_scans, NULL);
}

/* --- ends ---------------------------------------------------------------- */

static int stop_at_10(size_t begin, size_t end, void *into, void *arg)
{
    (void)into;
    (void)arg;
    moirai_yield();
    return end > 10 ? (int)begin : 0;
}

static int ends_early(void *arg)
{
    static const struct moirai_fold op = { sizeof zero, &zero, stop_at_10,
                                           join_sum, stop_at_10 };
    struct moirai_par_attr attr = { .size = sizeof attr, .grain = 5 };
    int rc = moirai_par_scan(0, 1000, &op, NULL, NULL, &attr);

    (void)arg;
    CHECK_FMT(rc >= 10 && rc < 1000 && rc % 5 == 0, "%d", rc);
    return 0;
}

TEST(chain, a_body_ends_the_scan_with_its_value)
{
    with_each(ends_early, NULL);
    with_seeds(200, ends_early, NULL);
}

struct cancel {
    struct moirai_scope scope;
    int calls;
    int outcome;
};

static int cancel_third(size_t begin, size_t end, void *into, void *arg)
{
    struct cancel *c = arg;

    (void)begin;
    (void)end;
    (void)into;
    if (with_add(&c->calls, 1) == 3)
        moirai_scope_cancel(&c->scope);
    moirai_yield();
    return 0;
}

static int scan_for_long(void *arg)
{
    static const struct moirai_fold op = { sizeof zero, &zero, cancel_third,
                                           join_sum, cancel_third };
    struct moirai_par_attr attr = { .size = sizeof attr, .grain = 1 };
    struct cancel *c = arg;

    c->outcome = moirai_par_scan(0, 10000, &op, c, NULL, &attr);
    return 0;
}

static int cancelled(void *arg)
{
    struct cancel c = { .calls = 0 };

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&c.scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&c.scope, scan_for_long, &c), 0);
    CHECK_EQ(moirai_scope_end(&c.scope), -ECANCELED);
    CHECK_EQ(c.outcome, -ECANCELED);
    CHECK(c.calls < 10000);
    return 0;
}

TEST(chain, cancelling_leaves_out_pieces)
{
    with_each(cancelled, NULL);
    with_seeds(100, cancelled, NULL);
}

static int fail_somewhere(size_t begin, size_t end, void *into, void *arg)
{
    (void)end;
    (void)into;
    (void)arg;
    moirai_yield();
    if (begin == 7)
        moirai_fail(-EIO, NULL);
    return 0;
}

static int scan_and_fail(void *arg)
{
    static const struct moirai_fold op = { sizeof zero, &zero, fail_somewhere,
                                           join_sum, fail_somewhere };
    struct moirai_par_attr attr = { .size = sizeof attr, .grain = 1 };

    (void)arg;
    moirai_par_scan(0, 20, &op, NULL, NULL, &attr);
    CHECK(false);
    return 0;
}

static int failing(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, scan_and_fail, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), -EIO);
    return 0;
}

TEST(chain, scratch_memory_goes_back_if_a_body_fails)
{
    with_each(failing, NULL);       /* under ASan leaks are found */
    with_seeds(100, failing, NULL);
}

/* --- collect and filter -------------------------------------------------- */

/* Writes one past what it counts, as code without branches does. */
static ptrdiff_t take_odd(const void *from, size_t n, void *to, void *arg)
{
    const uint32_t *a = from;
    uint64_t *b = to;
    ptrdiff_t k = 0;

    if (*(int *)arg)
        moirai_yield();
    for (size_t i = 0; i < n; i++) {
        b[k] = a[i] * UINT64_C(10);
        k += a[i] % 2;
    }
    return k;
}

static int wanted(const void *element, void *arg)
{
    uint32_t x;

    (void)arg;
    memcpy(&x, element, sizeof x);
    return x % 2;
}

static void collect_one(size_t n, size_t grain, int yields)
{
    struct moirai_par_attr attr = { .size = sizeof attr, .grain = grain };
    uint32_t *from = calloc(n + 1, 4), *kept = calloc(n + 1, 4);
    uint64_t *to = calloc(n + 1, 8);
    size_t count = 99, filtered = 99, k = 0;

    CHECK(from != NULL && kept != NULL && to != NULL);
    for (size_t i = 0; i < n; i++)
        from[i] = (uint32_t)(i * 2654435761u) >> (i / 100 % 2 ? 3 : 31);
    to[n] = 7;
    CHECK_EQ(moirai_par_collect(from, 4, to, 8, n, &count, take_odd, &yields,
                                &attr), 0);
    CHECK_EQ(moirai_par_filter(from, 4, kept, n, &filtered, wanted, NULL,
                               &attr), 0);
    for (size_t i = 0; i < n; i++)
        if (from[i] % 2 != 0) {
            CHECK_EQ(to[k], from[i] * UINT64_C(10));
            CHECK_EQ(kept[k++], from[i]);
        }
    CHECK_EQ(count, k);
    CHECK_EQ(filtered, k);
    CHECK_EQ(to[n], 7);
    free(from);
    free(kept);
    free(to);
}

static int collects(void *arg)
{
    (void)arg;
    for (size_t n = 0; n < 3000; n = n * 2 + 1) {
        collect_one(n, 0, 0);
        collect_one(n, 7, 1);
    }
    collect_one(200000, 0, 1);
    return 0;
}

TEST(chain, what_is_wanted_is_kept_in_order)
{
    for (unsigned i = 0; i < with_times(5); i++)
        with_each(collects, NULL);
    CHECK_EQ(collects(NULL), 0);
}

static int short_collects(void *arg)
{
    (void)arg;
    collect_one(20, 3, 1);
    return 0;
}

TEST(chain, it_is_so_in_every_order)
{
    with_seeds(300, short_collects, NULL);
}

static ptrdiff_t refuse(const void *from, size_t n, void *to, void *arg)
{
    (void)from;
    (void)n;
    (void)to;
    (void)arg;
    return -EIO;
}

static int refused(void *arg)
{
    char from[100] = { 0 }, to[100];
    size_t count = 5;

    (void)arg;
    CHECK_EQ(moirai_par_collect(from, 1, to, 1, 100, &count, refuse, NULL,
                                NULL), -EIO);
    return 0;
}

TEST(chain, an_error_ends_a_collect)
{
    with_each(refused, NULL);
}

/* --- memory -------------------------------------------------------------- */

static int out_of_memory(void *arg)
{
    static char room[100000];
    struct moirai_par_attr attr = { .size = sizeof attr, .scratch = room,
                                    .scratch_size = sizeof room };
    int64_t one = 1, to;
    struct numbers all = { 1, &one, &to, 0, 0 };
    size_t count;

    (void)arg;
    mo_mem_watch(1);
    CHECK_EQ(moirai_par_scan(0, 1, &sum_op, &all, NULL, NULL), -ENOMEM);
    mo_mem_fail(1, 1);
    CHECK_EQ(moirai_par_filter(&one, 8, &to, 1, &count, wanted, NULL, NULL),
             -ENOMEM);
    mo_mem_fail(1, 1);
    CHECK_EQ(moirai_par_scan(0, 1, &sum_op, &all, NULL, &attr), 0);
    CHECK_EQ(moirai_par_filter(&one, 8, &to, 1, &count, wanted, NULL, &attr),
             0);
    CHECK_EQ(mo_mem_unwatch().asked, 0);
    CHECK_EQ(count, 1);
    return 0;
}

TEST(chain, without_memory_nothing_is_done)
{
    with_one(1, out_of_memory, NULL);
}
