/* SPDX-License-Identifier: MIT */
/*
 * bench_table.c - what `moirai bench` prints for people: the table, and who was
 * not there.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define NAME_WIDTH 28

/* --- one match ----------------------------------------------------------- */

static void put_head(const struct bench *b, const struct bench_match *m,
                     size_t metric)
{
    const struct bench_question *q = m->question;
    enum bench_regime regime = bench_match_regime(b, m);

    printf("\n%s", tool_bold(stdout));
    tool_put(stdout, q->name);
    if (q->metric_count > 1)
        printf(" %s", q->metrics[metric]);
    printf(", %u worker%s%s", m->workers, m->workers > 1 ? "s" : "",
           tool_plain(stdout));
    if (regime != BENCH_ANY)
        printf(" [%s]", bench_regime_name(regime));
    printf("  ");
    tool_put(stdout, q->title);
    if (!m->played)
        printf(" (interrupted)");
    printf("\n");
}

static void put_name(const char *text)
{
    printf("  ");
    tool_put(stdout, text);
    for (size_t n = strlen(text); n < NAME_WIDTH; n++)
        putchar(' ');
}

static void put_entry(const struct bench *b, const struct bench_match *m,
                      const struct bench_entry *e, size_t metric)
{
    const char *name = m->question->metrics[metric];
    struct bench_score s = bench_score(b, m, e, metric);
    char median[BENCH_NUMBER], low[BENCH_NUMBER], high[BENCH_NUMBER];

    put_name(e->who->title);
    if (s.known) {
        printf("%12s  %12s .. %-12s", bench_show(median, name, s.median),
               bench_show(low, name, s.low), bench_show(high, name, s.high));
        if (!s.ranked)
            printf("  other regime");
        else if (s.ratio >= 0 && e->who->kind == BENCH_WALL)
            printf("  (%.2f)", s.ratio);
        else if (s.ratio >= 0)
            printf("  %.2f", s.ratio);
    }
    if (e->fate == BENCH_FAILED) {
        printf("%s%sfailed:%s ", s.known ? "  " : "", tool_red(stdout),
               tool_plain(stdout));
        tool_put(stdout, e->why);
    }
    printf("\n");
}

static void put_targets(const struct bench *b, const struct bench_match *m,
                        size_t metric)
{
    const struct bench_question *q = m->question;

    for (size_t i = 0; i < q->target_count; i++) {
        const struct bench_target *t = &q->targets[i];
        enum bench_verdict verdict;
        char text[200];

        if (t->metric != metric || !bench_concerns(m, t))
            continue;
        verdict = bench_judge(b, m, t, text, sizeof text);
        printf("  target: ");
        tool_put(stdout, text);
        printf(": %s%s%s\n",
               verdict == BENCH_MET ? tool_green(stdout)
                                    : verdict == BENCH_NOT_MET
                                          ? tool_red(stdout) : "",
               bench_verdict_name(verdict), tool_plain(stdout));
    }
}

static void put_match(const struct bench *b, const struct bench_match *m)
{
    size_t *order = malloc((m->entry_count + 1) * sizeof *order);

    for (size_t k = 0; k < m->question->metric_count && order != NULL; k++) {
        size_t n = bench_order(b, m, k, order);

        if (n > 0)
            put_head(b, m, k);
        for (size_t i = 0; i < n; i++)
            put_entry(b, m, &m->entries[order[i]], k);
        if (n > 0)
            put_targets(b, m, k);
    }
    free(order);
}

/* --- the whole ----------------------------------------------------------- */

static void put_sum(const struct bench *b)
{
    size_t counts[3] = { 0 };

    for (size_t i = 0; i < b->match_count; i++) {
        const struct bench_match *m = &b->matches[i];

        for (size_t k = 0; k < m->question->target_count; k++) {
            const struct bench_target *t = &m->question->targets[k];
            char text[200];

            if (bench_concerns(m, t))
                counts[bench_judge(b, m, t, text, sizeof text)]++;
        }
    }
    printf("\nTargets: %zu met, %zu not met, %zu unknown.\n",
           counts[BENCH_MET], counts[BENCH_NOT_MET], counts[BENCH_UNKNOWN]);
}

static void put_regimes(const struct bench *b)
{
    if (b->split_ns > 0)
        printf("A cache line goes to the other core and back in %.0f ns [fast] "
               "in %.0f %% of the\nprobes, else in %.0f ns [slow]. With "
               "several workers only rounds of the regime shown\ncount.\n",
               b->fast_ns, 100 * b->fast_share, b->slow_ns);
    else if (b->fast_ns > 0)
        printf("A cache line goes to the other core and back in %.0f ns, all "
               "the time.\n", b->fast_ns);
}

void bench_print(const struct bench *b)
{
    printf("%s\n%s, %u CPU%s, %s\n%u round%s at scale %g, medians; the last "
           "column is the ratio to the best peer,\nor to moirai where there is "
           "none.\n",
           b->date, b->processor, b->cpus, b->cpus > 1 ? "s" : "", b->kernel,
           b->rounds, b->rounds > 1 ? "s" : "", b->scale);
    for (size_t i = 0; i < b->match_count; i++)
        put_match(b, &b->matches[i]);
    put_sum(b);
    put_regimes(b);
    bench_absent(b, stdout);
}

/* --- who is not there ---------------------------------------------------- */

/* Why the contestant is missing where it was wanted; NULL: it is not. */
static const char *missing(const struct bench *b,
                           const struct bench_contestant *who)
{
    for (size_t i = 0; i < b->match_count; i++) {
        const struct bench_match *m = &b->matches[i];

        for (size_t k = 0; k < m->entry_count; k++) {
            if (m->entries[k].who == who && m->entries[k].fate == BENCH_ABSENT)
                return m->entries[k].why;
        }
    }
    return NULL;
}

static void put_missing(const struct bench_contestant *who, const char *why,
                        FILE *file)
{
    fprintf(file, "  ");
    tool_put(file, who->title);
    if (who->package_count > 0 && who->version == NULL)
        fprintf(file, ": needs");
    for (size_t i = 0; i < who->package_count && who->version == NULL; i++) {
        putc(' ', file);
        tool_put(file, who->packages[i]);
    }
    fprintf(file, " (");
    tool_put(file, why);
    fprintf(file, ")\n");
}

/* Is there a peer that is asked at all, and none that is there? */
static bool no_peer(const struct bench *b)
{
    bool asked = false;

    for (size_t i = 0; i < b->match_count; i++) {
        const struct bench_match *m = &b->matches[i];

        for (size_t k = 0; k < m->entry_count; k++) {
            if (m->entries[k].who->kind != BENCH_PEER)
                continue;
            if (m->entries[k].fate != BENCH_ABSENT)
                return false;
            asked = true;
        }
    }
    return asked;
}

void bench_absent(const struct bench *b, FILE *file)
{
    bool peerless = no_peer(b);
    bool any = false;

    if (peerless)
        fprintf(file, "No peer is there; \"make bench\" in the sources builds "
                      "and asks them.\n");
    for (size_t i = 0; i < b->contestant_count; i++) {
        const struct bench_contestant *who = &b->contestants[i];
        const char *why = missing(b, who);

        if (why == NULL || (peerless && who->kind == BENCH_PEER))
            continue;
        if (!any)
            fprintf(file, "Not there, or not for every question:\n");
        any = true;
        put_missing(who, why, file);
    }
}

/* --- the list ------------------------------------------------------------ */

static bool is_there(const struct bench *b, const struct bench_question *q,
                     size_t who)
{
    for (size_t i = 0; i < b->match_count; i++) {
        const struct bench_match *m = &b->matches[i];

        for (size_t k = 0; k < m->entry_count && m->question == q; k++) {
            if (m->entries[k].who == &b->contestants[who])
                return m->entries[k].fate == BENCH_PLAYS;
        }
    }
    return false;
}

void bench_list(const struct bench *b)
{
    for (size_t i = 0; i < b->question_count; i++) {
        const struct bench_question *q = &b->questions[i];

        if (!q->chosen)
            continue;
        fputs(tool_bold(stdout), stdout);
        tool_put(stdout, q->name);
        printf("%s  ", tool_plain(stdout));
        tool_put(stdout, q->title);
        printf("\n   ");
        for (size_t k = 0; k < q->contestant_count; k++) {
            if (!is_there(b, q, q->contestants[k]))
                continue;
            putchar(' ');
            tool_put(stdout, b->contestants[q->contestants[k]].name);
        }
        printf("\n");
    }
    bench_absent(b, stdout);
}
