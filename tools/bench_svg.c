/* SPDX-License-Identifier: MIT */
/*
 * bench_svg.c - a plot for each question: bars of medians with whiskers from
 * the least to the greatest value; a panel for each number of workers and each
 * metric.
 *
 * The axis begins at 0; where one bar is more than LOG_FROM times another it is
 * logarithmic, has lines at powers of ten, and says so. Colours follow the
 * reader's preference for light or dark.
 */
#include "bench.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "svg.h"
#include "tool.h"

#define WIDTH 800
#define LEFT 210                    /* where bars begin */
#define LENGTH 420                  /* of the longest bar or whisker */
#define TOP 70                      /* title and what is below it */
#define HEAD 30                     /* of a panel */
#define ROW 22
#define FOOT 26                     /* axis of a panel */
#define LOG_FROM 20

struct panel {
    const struct bench *b;
    const struct bench_match *m;
    size_t metric;
    size_t *order;
    size_t n;                       /* entries with a value, in order */
    double least, most;             /* of all values */
    bool log;
    int y;
};

/* Where a logarithmic axis begins, so that the shortest bar is still one. */
static double lowest(const struct panel *p)
{
    return pow(10, floor(log10(p->least / 1.2)));
}

static double at(const struct panel *p, double value)
{
    double low = p->log ? lowest(p) : 0;

    if (p->most <= low)
        return LEFT;
    if (p->log)
        return LEFT + LENGTH * log(value / low) / log(p->most / low);
    return LEFT + LENGTH * value / p->most;
}

/* --- one panel ----------------------------------------------------------- */

/* Fills in all but y. false: no memory, or nothing to show. */
static bool look(struct panel *p)
{
    size_t kept = 0;

    p->order = malloc((p->m->entry_count + 1) * sizeof *p->order);
    if (p->order == NULL)
        return false;
    p->n = bench_order(p->b, p->m, p->metric, p->order);
    p->most = 0;
    p->least = INFINITY;
    for (size_t i = 0; i < p->n; i++) {
        const struct bench_entry *e = &p->m->entries[p->order[i]];
        struct bench_score s = bench_score(p->b, p->m, e, p->metric);

        if (!s.known)
            continue;
        p->order[kept++] = p->order[i];
        p->least = s.low < p->least ? s.low : p->least;
        p->most = s.high > p->most ? s.high : p->most;
    }
    p->n = kept;
    p->log = p->least > 0 && p->most > LOG_FROM * p->least;
    if (kept == 0)
        free(p->order);
    return kept > 0;
}

static void put_tick(const struct panel *p, double value, FILE *file)
{
    char number[BENCH_NUMBER];
    int bottom = p->y + HEAD + (int)p->n * ROW;
    double x = at(p, value);

    fprintf(file, "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" "
            "y2=\"%d\"/>\n<text class=\"small\" x=\"%.1f\" y=\"%d\" "
            "text-anchor=\"middle\">", x, p->y + HEAD, x, bottom + 4, x,
            bottom + 17);
    svg_put(file, bench_show_short(number, p->m->question->metrics[p->metric],
                                   value));
    fputs("</text>\n", file);
}

/* 1, 2 or 5 times a power of ten, so that there are 2 to 5 steps. */
static double step_for(double most)
{
    double power = pow(10, floor(log10(most)));

    if (most / power >= 5)
        return 2 * power;
    return most / power >= 2 ? power : power / 2;
}

static void put_axis(const struct panel *p, FILE *file)
{
    if (p->most <= 0)
        return;
    if (p->log) {
        for (double v = lowest(p); v <= p->most; v *= 10)
            put_tick(p, v, file);
    } else {
        for (int i = 0; i * step_for(p->most) <= p->most; i++)
            put_tick(p, i * step_for(p->most), file);
    }
}

static void put_bar(const struct panel *p, size_t i, FILE *file)
{
    static const char *const kinds[] = { "own", "peer", "wall" };
    const struct bench_entry *e = &p->m->entries[p->order[i]];
    const char *metric = p->m->question->metrics[p->metric];
    struct bench_score s = bench_score(p->b, p->m, e, p->metric);
    int y = p->y + HEAD + (int)i * ROW;
    double low = at(p, s.low), high = at(p, s.high);
    char number[BENCH_NUMBER];

    fprintf(file, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", LEFT - 8,
            y + 15);
    svg_put(file, e->who->title);
    fprintf(file, "</text>\n<rect class=\"%s\" x=\"%d\" y=\"%d\" "
            "width=\"%.1f\" height=\"%d\"/>\n", kinds[e->who->kind], LEFT,
            y + 3, at(p, s.median) - LEFT, ROW - 6);
    fprintf(file, "<path class=\"whisker\" d=\"M%.1f %dH%.1fM%.1f %dv8M%.1f "
            "%dv8\"/>\n", low, y + ROW / 2, high, low, y + ROW / 2 - 4, high,
            y + ROW / 2 - 4);
    fprintf(file, "<text x=\"%.1f\" y=\"%d\">", high + 6, y + 15);
    svg_put(file, bench_show(number, metric, s.median));
    if (!s.ranked)
        fputs(" (other regime)", file);
    fputs("</text>\n", file);
}

static void put_panel(const struct panel *p, FILE *file)
{
    const struct bench_question *q = p->m->question;
    enum bench_regime regime = bench_match_regime(p->b, p->m);

    fprintf(file, "<text class=\"head\" x=\"16\" y=\"%d\">%u worker%s",
            p->y + 19, p->m->workers, p->m->workers > 1 ? "s" : "");
    if (q->metric_count > 1) {
        fputs(", ", file);
        svg_put(file, q->metrics[p->metric]);
    }
    if (regime != BENCH_ANY)
        fprintf(file, ", %s cache lines", bench_regime_name(regime));
    fprintf(file, "%s</text>\n", p->log ? ", logarithmic" : "");
    put_axis(p, file);
    for (size_t i = 0; i < p->n; i++)
        put_bar(p, i, file);
}

/* --- one question -------------------------------------------------------- */

static int height(const struct panel *panels, size_t n)
{
    int y = TOP;

    for (size_t i = 0; i < n; i++)
        y += HEAD + (int)panels[i].n * ROW + FOOT;
    return y + 8;
}

static void put_head(const struct bench_question *q, int high, FILE *file)
{
    fprintf(file, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
            "height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n<title>",
            WIDTH, high, WIDTH, high);
    svg_put(file, q->title);
    fputs("</title>\n<style>\n"
          "text { font: 13px sans-serif; fill: #222; }\n"
          ".title { font-size: 18px; font-weight: bold; }\n"
          ".head { font-weight: bold; }\n"
          ".small { font-size: 11px; fill: #666; }\n"
          ".ground { fill: #fff; }\n"
          ".own { fill: #d9662b; }\n"
          ".peer { fill: #7c93ab; }\n"
          ".wall { fill: #c9c9c9; }\n"
          ".grid { stroke: #ddd; }\n"
          ".whisker { stroke: #222; fill: none; }\n"
          "@media (prefers-color-scheme: dark) {\n"
          "text { fill: #e4e4e4; }\n"
          ".small { fill: #a0a0a0; }\n"
          ".ground { fill: #16181c; }\n"
          ".own { fill: #e8803f; }\n"
          ".peer { fill: #5d7590; }\n"
          ".wall { fill: #565656; }\n"
          ".grid { stroke: #3a3d42; }\n"
          ".whisker { stroke: #e4e4e4; }\n"
          "}\n</style>\n", file);
    fprintf(file, "<rect class=\"ground\" width=\"%d\" height=\"%d\"/>\n"
            "<text class=\"title\" x=\"16\" y=\"26\">", WIDTH, high);
    svg_put(file, q->title);
    fputs("</text>\n<text class=\"small\" x=\"16\" y=\"45\">", file);
    svg_put(file, q->what);
    fputs("</text>\n<text class=\"small\" x=\"16\" y=\"61\">shorter is better; "
          "whiskers: least and greatest of the rounds</text>\n", file);
}

/* Panels of the question; their orders are malloc'ed. */
static size_t gather(const struct bench *b, const struct bench_question *q,
                     struct panel *panels)
{
    size_t n = 0;
    int y = TOP;

    for (size_t i = 0; i < b->match_count; i++) {
        for (size_t k = 0; k < q->metric_count; k++) {
            struct panel *p = &panels[n];

            *p = (struct panel){ .b = b, .m = &b->matches[i], .metric = k,
                                 .y = y };
            if (p->m->question != q || !look(p))
                continue;
            y += HEAD + (int)p->n * ROW + FOOT;
            n++;
        }
    }
    return n;
}

/* 0 or an errno value. */
static int write_plot(const char *path, const struct bench_question *q,
                      const struct panel *panels, size_t n)
{
    FILE *file = fopen(path, "w");

    if (file == NULL)
        return errno;
    put_head(q, height(panels, n), file);
    for (size_t i = 0; i < n; i++)
        put_panel(&panels[i], file);
    fputs("</svg>\n", file);
    return svg_close(file);
}

static bool plot(const struct bench *b, const struct bench_question *q,
                 const char *dir)
{
    static struct panel panels[BENCH_WORKERS * BENCH_METRICS];
    size_t n = gather(b, q, panels);
    char path[4096];
    int code = 0;

    if ((size_t)snprintf(path, sizeof path, "%s/%s.svg", dir, q->name) >=
        sizeof path)
        code = ENAMETOOLONG;
    if (n > 0 && code == 0)
        code = write_plot(path, q, panels, n);
    for (size_t i = 0; i < n; i++)
        free(panels[i].order);
    if (code != 0)
        tool_failure("bench", "%s: %s", path, strerror(code));
    return code == 0;
}

bool bench_svg(const struct bench *b, const char *dir)
{
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        tool_failure("bench", "%s: %s", dir, strerror(errno));
        return false;
    }
    for (size_t i = 0; i < b->question_count; i++) {
        if (b->questions[i].chosen && !plot(b, &b->questions[i], dir))
            return false;
    }
    return true;
}
