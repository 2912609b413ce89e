/* SPDX-License-Identifier: MIT */
/*
 * bench_score.c - what was measured, as medians, ratios and verdicts.
 *
 * On virtual machines two cores exchange a cache line in one of two speeds,
 * which flip within minutes. The probes of all runs are split where it leaves
 * the least variance on both sides (Jenks' natural breaks, on logarithms); are
 * the two means not REGIMES_APART, there was one regime. A run belongs to a
 * regime if the probes before and after it do. With one worker, on one core,
 * the regime does not matter; with more, only runs of the match's more frequent
 * regime count.
 */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REGIMES_APART 1.8           /* factor between their means */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Of n > 0 sorted values. */
static double middle(const double *values, size_t n)
{
    return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

/* --- regimes ------------------------------------------------------------- */

/* All probes, sorted; NULL: none. */
static double *gather(const struct bench *b, size_t *n)
{
    double *probes;
    size_t most = 0;

    *n = 0;
    for (size_t i = 0; i < b->match_count; i++)
        most += b->matches[i].entry_count * b->rounds;
    probes = malloc(2 * most * sizeof *probes + 1);
    for (size_t i = 0; i < b->match_count && probes != NULL; i++) {
        const struct bench_match *m = &b->matches[i];

        for (size_t k = 0; k < m->entry_count; k++) {
            const struct bench_entry *e = &m->entries[k];

            for (size_t r = 0; r < e->run_count; r++) {
                if (e->runs[r].before_ns > 0 && e->runs[r].after_ns > 0) {
                    probes[(*n)++] = e->runs[r].before_ns;
                    probes[(*n)++] = e->runs[r].after_ns;
                }
            }
        }
    }
    if (probes != NULL)
        qsort(probes, *n, sizeof *probes, compare);
    return probes;
}

/* How many of n sorted probes are fast; n: there is one regime. Least variance
 * inside is most variance between. */
static size_t split(const double *probes, size_t n)
{
    double sum = 0, left = 0, most = 0, apart = 0;
    size_t best = n;

    for (size_t i = 0; i < n; i++)
        sum += log(probes[i]);
    for (size_t i = 1; i < n; i++) {
        double gap, between;

        left += log(probes[i - 1]);
        gap = (sum - left) / (double)(n - i) - left / (double)i;
        between = (double)i * (double)(n - i) * gap * gap;
        if (between > most) {
            most = between;
            apart = gap;
            best = i;
        }
    }
    return apart >= log(REGIMES_APART) ? best : n;
}

void bench_regimes(struct bench *b)
{
    size_t n;
    double *probes = gather(b, &n);
    size_t fast = probes != NULL ? split(probes, n) : 0;

    b->split_ns = 0;
    if (probes != NULL && n > 0) {
        b->fast_ns = middle(probes, fast);
        b->fast_share = (double)fast / (double)n;
        if (fast < n) {
            b->slow_ns = middle(probes + fast, n - fast);
            b->split_ns = probes[fast];
        }
    }
    free(probes);
}

enum bench_regime bench_run_regime(const struct bench *b,
                                   const struct bench_run *run)
{
    bool before = run->before_ns >= b->split_ns;
    bool after = run->after_ns >= b->split_ns;

    if (b->split_ns <= 0)
        return BENCH_ANY;
    if (before != after)
        return BENCH_MIXED;
    return before ? BENCH_SLOW : BENCH_FAST;
}

enum bench_regime bench_match_regime(const struct bench *b,
                                     const struct bench_match *m)
{
    size_t fast = 0, slow = 0;

    if (m->workers == 1 || b->split_ns <= 0)
        return BENCH_ANY;
    for (size_t i = 0; i < m->entry_count; i++) {
        for (size_t k = 0; k < m->entries[i].run_count; k++) {
            enum bench_regime r = bench_run_regime(b, &m->entries[i].runs[k]);

            fast += r == BENCH_FAST;
            slow += r == BENCH_SLOW;
        }
    }
    return slow > fast ? BENCH_SLOW : BENCH_FAST;
}

const char *bench_regime_name(enum bench_regime regime)
{
    static const char *const names[] = { "any", "fast", "slow", "mixed" };

    return names[regime];
}

/* --- scores -------------------------------------------------------------- */

/* The values of the runs in the regime, or of all; sorted, into `values`. */
static size_t collect(const struct bench *b, const struct bench_entry *e,
                      size_t metric, enum bench_regime regime, double *values)
{
    size_t n = 0;

    for (size_t i = 0; i < e->run_count; i++) {
        if (regime == BENCH_ANY ||
            bench_run_regime(b, &e->runs[i]) == regime)
            values[n++] = e->runs[i].values[metric];
    }
    qsort(values, n, sizeof *values, compare);
    return n;
}

/* All but the ratio. */
static struct bench_score measure(const struct bench *b,
                                  const struct bench_match *m,
                                  const struct bench_entry *e, size_t metric)
{
    struct bench_score s = { .known = e->run_count > 0, .ratio = -1 };
    enum bench_regime regime = bench_match_regime(b, m);
    double *values = malloc((e->run_count + 1) * sizeof *values);
    size_t n;

    if (!s.known || values == NULL) {
        s.known = false;
        free(values);
        return s;
    }
    n = collect(b, e, metric, regime, values);
    s.ranked = n > 0;
    if (n == 0)
        n = collect(b, e, metric, BENCH_ANY, values);
    s.runs = n;
    s.low = values[0];
    s.high = values[n - 1];
    s.median = middle(values, n);
    free(values);
    return s;
}

/* The ranked entry with the least median of those that `to` (by contestant), or
 * if that is NULL, all peers. */
static const struct bench_entry *least(const struct bench *b,
                                       const struct bench_match *m,
                                       size_t metric, const bool *to)
{
    const struct bench_entry *best = NULL;
    double median = 0;

    for (size_t i = 0; i < m->entry_count; i++) {
        const struct bench_entry *e = &m->entries[i];
        bool counts = to != NULL ? to[e->who - b->contestants]
                                 : e->who->kind == BENCH_PEER;
        struct bench_score s;

        if (!counts || e->fate != BENCH_PLAYS)
            continue;
        s = measure(b, m, e, metric);
        if (s.ranked && (best == NULL || s.median < median)) {
            best = e;
            median = s.median;
        }
    }
    return best;
}

const struct bench_entry *bench_best(const struct bench *b,
                                     const struct bench_match *m,
                                     size_t metric)
{
    return least(b, m, metric, NULL);
}

struct bench_score bench_score(const struct bench *b,
                               const struct bench_match *m,
                               const struct bench_entry *e, size_t metric)
{
    struct bench_score s = measure(b, m, e, metric);
    const struct bench_entry *best = bench_best(b, m, metric);
    const struct bench_entry *to = best != NULL ? best : bench_own(m);
    struct bench_score base;

    if (to == NULL)
        return s;
    base = measure(b, m, to, metric);
    if (s.ranked && base.ranked && base.median > 0)
        s.ratio = s.median / base.median;
    return s;
}

const struct bench_entry *bench_own(const struct bench_match *m)
{
    for (size_t i = 0; i < m->entry_count; i++) {
        const struct bench_entry *e = &m->entries[i];

        if (e->who->kind == BENCH_OWN)
            return e->fate == BENCH_PLAYS && e->run_count > 0 ? e : NULL;
    }
    return NULL;
}

/* --- targets ------------------------------------------------------------- */

bool bench_concerns(const struct bench_match *m, const struct bench_target *t)
{
    return t->workers == 0 || t->workers == m->workers;
}

const char *bench_verdict_name(enum bench_verdict verdict)
{
    static const char *const names[] = { "unknown", "met", "not met" };

    return names[verdict];
}

static void describe(const struct bench_match *m, const struct bench_target *t,
                     char *text, size_t size)
{
    char number[BENCH_NUMBER];
    const char *metric = m->question->metrics[t->metric];

    snprintf(text, size, "%s%s%s", t->most >= 0 ? "at most " : "",
             t->most >= 0 ? bench_show_short(number, metric, t->most) : "",
             t->most >= 0 && t->ratio >= 0 ? " and " : "");
    if (t->ratio >= 0)
        snprintf(text + strlen(text), size - strlen(text), "%.2f of %s",
                 t->ratio, t->to_text);
}

enum bench_verdict bench_judge(const struct bench *b,
                               const struct bench_match *m,
                               const struct bench_target *t, char *text,
                               size_t size)
{
    const struct bench_entry *own = bench_own(m);
    const struct bench_entry *best = least(b, m, t->metric, t->to);
    struct bench_score s;

    describe(m, t, text, size);
    if (own == NULL)
        return BENCH_UNKNOWN;
    s = measure(b, m, own, t->metric);
    if (!s.ranked || (t->ratio >= 0 && best == NULL))
        return BENCH_UNKNOWN;
    if (t->most >= 0 && s.median > t->most)
        return BENCH_NOT_MET;
    if (t->ratio >= 0 &&
        s.median > t->ratio * measure(b, m, best, t->metric).median)
        return BENCH_NOT_MET;
    return BENCH_MET;
}

/* --- for tables ---------------------------------------------------------- */

/* Where the entry stands, the lowest first: a block, then its median. */
static double standing(const struct bench *b, const struct bench_match *m,
                       const struct bench_entry *e, size_t metric,
                       int *block)
{
    struct bench_score s = measure(b, m, e, metric);

    *block = e->fate == BENCH_FAILED ? 3 : (int)e->who->kind;
    return s.known && e->who->kind != BENCH_OWN ? s.median : 0;
}

static bool stands_before(const struct bench *b, const struct bench_match *m,
                          size_t metric, size_t one, size_t other)
{
    int block, other_block;
    double a = standing(b, m, &m->entries[one], metric, &block);
    double c = standing(b, m, &m->entries[other], metric, &other_block);

    return block != other_block ? block < other_block : a < c;
}

size_t bench_order(const struct bench *b, const struct bench_match *m,
                   size_t metric, size_t *order)
{
    size_t n = 0;

    for (size_t i = 0; i < m->entry_count; i++) {
        size_t at = n;

        if (m->entries[i].fate != BENCH_FAILED &&
            m->entries[i].run_count == 0)
            continue;
        for (; at > 0 && stands_before(b, m, metric, i, order[at - 1]); at--)
            order[at] = order[at - 1];
        order[at] = i;
        n++;
    }
    return n;
}

/* So that there are three digits, or more where they stand before the point. */
static int decimals(double value)
{
    if (value >= 100 || value <= 0)
        return 0;
    if (value >= 10)
        return 1;
    return value >= 1 ? 2 : 3;
}

const char *bench_show(char *out, const char *metric, double value)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 } };
    const char *ending = strrchr(metric, '_');
    const char *unit = ending != NULL ? ending + 1 : metric;
    size_t i = 0;

    while (i < 4 && strcmp(units[i].name, unit) != 0)
        i++;
    for (; i < 3 && value >= 10000; i++)
        value /= 1000;
    snprintf(out, BENCH_NUMBER, "%.*f %s", i < 4 ? decimals(value) : 0, value,
             i < 4 ? units[i].name : unit);
    return out;
}

const char *bench_show_short(char *out, const char *metric, double value)
{
    char *point = strchr(bench_show(out, metric, value), '.');
    char *unit = strchr(out, ' ');
    char *end = unit;

    while (point != NULL && end > point && (end[-1] == '0' || end[-1] == '.'))
        end--;
    memmove(end, unit, strlen(unit) + 1);
    return out;
}
