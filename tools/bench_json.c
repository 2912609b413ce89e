/* SPDX-License-Identifier: MIT */
/*
 * bench_json.c - all that was measured, for programs.
 */
#include "bench.h"

#include "json.h"

static void real_pair(struct json *j, const char *key, double value)
{
    json_key(j, key);
    json_real(j, value);
}

static void count_pair(struct json *j, const char *key, size_t value)
{
    json_key(j, key);
    json_unsigned(j, value);
}

static void put_contestants(struct json *j, const struct bench *b)
{
    static const char *const kinds[] = { "own", "peer", "wall" };

    json_key(j, "contestants");
    json_open(j, '[');
    for (size_t i = 0; i < b->contestant_count; i++) {
        const struct bench_contestant *c = &b->contestants[i];

        json_open(j, '{');
        json_pair(j, "name", c->name);
        json_pair(j, "title", c->title);
        json_pair(j, "kind", kinds[c->kind]);
        json_pair(j, "version", c->version);
        json_pair(j, "compiler", c->compiler);
        json_key(j, "packages");
        json_open(j, '[');
        for (size_t k = 0; k < c->package_count; k++)
            json_text(j, c->packages[k]);
        json_close(j, ']');
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void put_metric(struct json *j, const struct bench *b,
                       const struct bench_match *m,
                       const struct bench_entry *e, size_t metric)
{
    struct bench_score s = bench_score(b, m, e, metric);

    json_open(j, '{');
    json_pair(j, "metric", m->question->metrics[metric]);
    real_pair(j, "median", s.median);
    real_pair(j, "low", s.low);
    real_pair(j, "high", s.high);
    json_key(j, "ranked");
    json_bool(j, s.ranked);
    json_key(j, "ratio");
    if (s.ratio >= 0)
        json_real(j, s.ratio);
    else
        json_text(j, NULL);
    json_key(j, "values");
    json_open(j, '[');
    for (size_t i = 0; i < e->run_count; i++)
        json_real(j, e->runs[i].values[metric]);
    json_close(j, ']');
    json_close(j, '}');
}

static void put_entry(struct json *j, const struct bench *b,
                      const struct bench_match *m,
                      const struct bench_entry *e)
{
    static const char *const fates[] = {
        "ran", "absent", "declines", "failed",
    };

    json_open(j, '{');
    json_pair(j, "name", e->who->name);
    json_pair(j, "state", fates[e->fate]);
    json_pair(j, "why", e->why);
    json_key(j, "regimes");
    json_open(j, '[');
    for (size_t i = 0; i < e->run_count; i++)
        json_text(j, bench_regime_name(bench_run_regime(b, &e->runs[i])));
    json_close(j, ']');
    json_key(j, "metrics");
    json_open(j, '[');
    for (size_t k = 0; k < m->question->metric_count && e->run_count > 0; k++)
        put_metric(j, b, m, e, k);
    json_close(j, ']');
    json_close(j, '}');
}

static void put_targets(struct json *j, const struct bench *b,
                        const struct bench_match *m)
{
    json_key(j, "targets");
    json_open(j, '[');
    for (size_t i = 0; i < m->question->target_count; i++) {
        const struct bench_target *t = &m->question->targets[i];
        char text[200];

        if (!bench_concerns(m, t))
            continue;
        json_open(j, '{');
        json_pair(j, "metric", m->question->metrics[t->metric]);
        json_pair(j, "verdict",
                  bench_verdict_name(bench_judge(b, m, t, text, sizeof text)));
        json_pair(j, "text", text);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void put_match(struct json *j, const struct bench *b,
                      const struct bench_match *m)
{
    json_open(j, '{');
    json_pair(j, "question", m->question->name);
    json_pair(j, "title", m->question->title);
    count_pair(j, "workers", m->workers);
    json_key(j, "complete");
    json_bool(j, m->played);
    real_pair(j, "scale", bench_scale(b, m->question));
    json_pair(j, "regime", bench_regime_name(bench_match_regime(b, m)));
    json_key(j, "entries");
    json_open(j, '[');
    for (size_t i = 0; i < m->entry_count; i++)
        put_entry(j, b, m, &m->entries[i]);
    json_close(j, ']');
    put_targets(j, b, m);
    json_close(j, '}');
}

static void put_probe(struct json *j, const struct bench *b)
{
    json_key(j, "cache_line");
    json_open(j, '{');
    real_pair(j, "fast_ns", b->fast_ns);
    real_pair(j, "slow_ns", b->slow_ns);
    real_pair(j, "split_ns", b->split_ns);
    real_pair(j, "fast_share", b->fast_share);
    json_close(j, '}');
}

void bench_json(const struct bench *b, FILE *file)
{
    struct json j = { .file = file };

    json_open(&j, '{');
    json_pair(&j, "date", b->date);
    json_pair(&j, "processor", b->processor);
    json_pair(&j, "kernel", b->kernel);
    count_pair(&j, "cpus", b->cpus);
    count_pair(&j, "rounds", b->rounds);
    real_pair(&j, "scale", b->scale);
    json_key(&j, "complete");
    json_bool(&j, b->signal == 0);
    put_probe(&j, b);
    put_contestants(&j, b);
    json_key(&j, "matches");
    json_open(&j, '[');
    for (size_t i = 0; i < b->match_count; i++)
        put_match(&j, b, &b->matches[i]);
    json_close(&j, ']');
    json_close(&j, '}');
    putc('\n', file);
}
