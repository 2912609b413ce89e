/* SPDX-License-Identifier: MIT */
/*
 * bench_progress.c - saying on standard error how far it is.
 *
 * The line is rewritten with a carriage return and blanks, so that it needs no
 * terminal that knows sequences.
 */
#include "bench_progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

#define LINE 160
#define COLUMNS 80                  /* if the terminal does not tell */

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool is_terminal(void)
{
    const char *term = getenv("TERM");

    return isatty(STDERR_FILENO) != 0 && term != NULL &&
           strcmp(term, "dumb") != 0;
}

void bench_progress_init(struct bench_progress *p)
{
    *p = (struct bench_progress){ .terminal = is_terminal(),
                                  .begin_s = now_s() };
}

void bench_progress_match(struct bench_progress *p)
{
    p->match_s = now_s();
}

static int columns(void)
{
    int n = tool_columns(STDERR_FILENO);

    if (n == 0)
        return COLUMNS;
    return n < LINE ? n : LINE;
}

/* Puts the text in place of what stands on the line, cut to fit. */
static void rewrite(struct bench_progress *p, const char *text)
{
    int room = columns() - 1;
    int n = (int)strlen(text);

    n = n < room ? n : room;
    fprintf(stderr, "\r%.*s%*s\r%.*s", n, text,
            p->width > n ? p->width - n : 0, "", n, text);
    fflush(stderr);
    p->width = n;
}

/* How many runs are to come, if nobody fails. */
static size_t runs_left(const struct bench *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->match_count; i++) {
        const struct bench_match *m = &b->matches[i];

        for (size_t k = 0; k < m->entry_count; k++) {
            if (m->entries[k].fate == BENCH_PLAYS)
                n += b->rounds - m->entries[k].run_count;
        }
    }
    return n;
}

void bench_progress_run(struct bench_progress *p, const struct bench *b,
                        const struct bench_match *m,
                        const struct bench_entry *e, unsigned round)
{
    double spent = now_s() - p->begin_s;
    size_t done = p->done++;
    size_t left = runs_left(b);
    char when[40] = "";
    char line[LINE + 40];

    if (!p->terminal)
        return;
    if (spent > 5)
        snprintf(when, sizeof when, ", %.0f min left",
                 spent / (double)done * (double)left / 60);
    snprintf(line, sizeof line,
             "%3.0f %%%s: %s, %u worker%s, round %u of %u: %s",
             100.0 * (double)done / (double)(done + left), when,
             m->question->name, m->workers, m->workers > 1 ? "s" : "", round,
             b->rounds, e->who->title);
    rewrite(p, line);
}

void bench_progress_done(struct bench_progress *p,
                         const struct bench_match *m)
{
    size_t playing = 0;

    for (size_t i = 0; i < m->entry_count; i++)
        playing += m->entries[i].run_count > 0;
    if (!p->terminal)
        fprintf(stderr, "%s, %u worker%s: %zu answered in %.1f s\n",
                m->question->name, m->workers, m->workers > 1 ? "s" : "",
                playing, now_s() - p->match_s);
}

void bench_progress_fini(struct bench_progress *p)
{
    if (p->terminal)
        rewrite(p, "");
}
