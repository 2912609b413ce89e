/* SPDX-License-Identifier: MIT */
/*
 * bench_markdown.c - the table that stands in bench/README.md.
 *
 * A row for each question, number of workers and metric.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

/* In a cell: a bar would end it. */
static void put(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("|*_<>`\\", *text) != NULL)
            putc('\\', file);
        putc(*text == '\n' ? ' ' : *text, file);
    }
}

static void put_value(const struct bench *b, const struct bench_match *m,
                      const struct bench_entry *e, size_t metric, FILE *file)
{
    struct bench_score s = bench_score(b, m, e, metric);
    char number[BENCH_NUMBER];

    put(file, s.known ? bench_show(number, m->question->metrics[metric],
                                   s.median)
                      : "failed");
    if (s.known && !s.ranked)
        fputs(" (other regime)", file);
    else if (s.known && e->fate == BENCH_FAILED)
        fputs(" (then failed)", file);
}

/* The walls, or all others but moirai and the best peer. */
static void put_others(const struct bench *b, const struct bench_match *m,
                       size_t metric, bool walls, FILE *file)
{
    const struct bench_entry *own = bench_own(m);
    const struct bench_entry *best = bench_best(b, m, metric);
    size_t *order = malloc((m->entry_count + 1) * sizeof *order);
    size_t n = order != NULL ? bench_order(b, m, metric, order) : 0;
    const char *between = "";

    for (size_t i = 0; i < n; i++) {
        const struct bench_entry *e = &m->entries[order[i]];

        if ((e->who->kind == BENCH_WALL) != walls || e == own || e == best)
            continue;
        fputs(between, file);
        if (!walls) {
            put(file, e->who->title);
            putc(' ', file);
        }
        put_value(b, m, e, metric, file);
        between = "; ";
    }
    free(order);
}

static void put_targets(const struct bench *b, const struct bench_match *m,
                        size_t metric, FILE *file)
{
    const char *between = "";

    for (size_t i = 0; i < m->question->target_count; i++) {
        const struct bench_target *t = &m->question->targets[i];
        enum bench_verdict verdict;
        char text[200];

        if (t->metric != metric || !bench_concerns(m, t))
            continue;
        verdict = bench_judge(b, m, t, text, sizeof text);
        fputs(between, file);
        put(file, text);
        fprintf(file, verdict == BENCH_MET ? ": %s" : ": **%s**",
                bench_verdict_name(verdict));
        between = "; ";
    }
}

static void put_row(const struct bench *b, const struct bench_match *m,
                    size_t metric, FILE *file)
{
    const struct bench_question *q = m->question;
    const struct bench_entry *own = bench_own(m);
    const struct bench_entry *best = bench_best(b, m, metric);
    enum bench_regime regime = bench_match_regime(b, m);
    struct bench_score s = { .ratio = -1 };

    fputs("| ", file);
    put(file, q->name);
    if (q->metric_count > 1) {
        fputs(", ", file);
        put(file, q->metrics[metric]);
    }
    if (q->scale > 0)
        fprintf(file, " (scale %g)", q->scale);
    fprintf(file, " | %u%s%s | ", m->workers, regime != BENCH_ANY ? " " : "",
            regime != BENCH_ANY ? bench_regime_name(regime) : "");
    if (own != NULL) {
        s = bench_score(b, m, own, metric);
        put_value(b, m, own, metric, file);
    }
    fputs(" | ", file);
    if (best != NULL) {
        put(file, best->who->title);
        putc(' ', file);
        put_value(b, m, best, metric, file);
    }
    fprintf(file, best != NULL && s.ratio >= 0 ? " | %.2f | " : " | | ",
            s.ratio);
    put_others(b, m, metric, false, file);
    fputs(" | ", file);
    put_others(b, m, metric, true, file);
    fputs(" | ", file);
    put_targets(b, m, metric, file);
    fputs(" |\n", file);
}

static void put_versions(const struct bench *b, FILE *file)
{
    const char *between = "\nVersions: ";
    bool any = false;

    for (size_t i = 0; i < b->contestant_count; i++) {
        const struct bench_contestant *c = &b->contestants[i];

        if (c->version == NULL || !c->chosen)
            continue;
        fputs(between, file);
        put(file, c->title);
        putc(' ', file);
        put(file, c->version);
        if (c->compiler != NULL) {
            fputs(" (", file);
            put(file, c->compiler);
            putc(')', file);
        }
        between = "; ";
        any = true;
    }
    fputs(any ? ".\n\n" : "\n", file);
}

void bench_markdown(const struct bench *b, FILE *file)
{
    fprintf(file, "%s; ", b->date);
    put(file, b->processor);
    fprintf(file, ", %u CPU%s; %s. %u round%s at scale %g.\n", b->cpus,
            b->cpus > 1 ? "s" : "", b->kernel, b->rounds,
            b->rounds > 1 ? "s" : "", b->scale);
    if (b->split_ns > 0)
        fprintf(file, "Cache line to the other core and back: %.0f ns (fast) in"
                      " %.0f %% of the probes, else %.0f ns (slow).\n",
                b->fast_ns, 100 * b->fast_share, b->slow_ns);
    else if (b->fast_ns > 0)
        fprintf(file, "Cache line to the other core and back: %.0f ns.\n",
                b->fast_ns);
    put_versions(b, file);
    fputs("| question | workers | moirai | best peer | ratio | others | "
          "wall | target |\n| --- | --- | --- | --- | --- | --- | --- | --- "
          "|\n", file);
    for (size_t i = 0; i < b->match_count; i++) {
        const struct bench_match *m = &b->matches[i];

        for (size_t k = 0; k < m->question->metric_count; k++) {
            if (m->played)
                put_row(b, m, k, file);
        }
    }
}
