/* SPDX-License-Identifier: MIT */
/*
 * bench_play.c - the matches: who plays, and round by round what they answer.
 *
 * In each round every entry runs once, in an order that moves on by one from
 * round to round, so that nobody always runs behind the same neighbour. The
 * cores are probed between runs. Who fails once is out of the match: it would
 * most likely fail again, and after a timeout that takes long. So is who says
 * that the question is not its.
 */
#include "bench.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_child.h"
#include "bench_probe.h"
#include "bench_progress.h"
#include "text.h"
#include "tool.h"

#define DECLINED 77                 /* exit status: not my question */
#define SIGNALLED 128

/* --- who plays ----------------------------------------------------------- */

/* Can the question be put with so many workers? What is for one worker alone is
 * not; what needs several, not with fewer. */
static bool bears(const struct bench_question *q, unsigned workers)
{
    unsigned least = q->workers[0], most = q->workers[0];

    for (size_t i = 1; i < q->worker_count; i++) {
        least = q->workers[i] < least ? q->workers[i] : least;
        most = q->workers[i] > most ? q->workers[i] : most;
    }
    return workers >= least && (most > 1 || workers == 1);
}

static bool add_entry(struct bench *b, const struct bench_match *m,
                      struct bench_entry *e, struct bench_contestant *who)
{
    e->who = who;
    e->runs = mo_arena_alloc(&b->arena, b->rounds * sizeof *e->runs);
    if (e->runs == NULL || !bench_command(b, m, e))
        return false;
    if (access(e->arguments[0], X_OK) != 0) {
        e->fate = BENCH_ABSENT;
        e->why = mo_arena_printf(&b->arena, "%s: %s", e->arguments[0],
                                 strerror(errno));
    }
    if (who->compiler == NULL)
        who->compiler = bench_compiler(b, e->arguments[0]);
    return e->fate != BENCH_ABSENT || e->why != NULL;
}

static bool add_match(struct bench *b, const struct bench_question *q,
                      unsigned workers)
{
    struct bench_match *m = &b->matches[b->match_count++];

    *m = (struct bench_match){ .question = q, .workers = workers };
    m->entries = mo_arena_alloc(&b->arena, (q->contestant_count + 1) *
                                           sizeof *m->entries);
    for (size_t i = 0; i < q->contestant_count && m->entries != NULL; i++) {
        struct bench_contestant *who = &b->contestants[q->contestants[i]];

        if (who->chosen &&
            !add_entry(b, m, &m->entries[m->entry_count++], who))
            return false;
    }
    return m->entries != NULL;
}

bool bench_arrange(struct bench *b)
{
    b->matches = mo_arena_alloc(&b->arena, b->question_count * BENCH_WORKERS *
                                           sizeof *b->matches + 1);
    if (b->matches == NULL)
        return false;
    for (size_t i = 0; i < b->question_count; i++) {
        const struct bench_question *q = &b->questions[i];
        const unsigned *workers = b->worker_count > 0 ? b->workers
                                                      : q->workers;
        size_t n = b->worker_count > 0 ? b->worker_count : q->worker_count;

        for (size_t k = 0; k < n && q->chosen; k++) {
            if (bears(q, workers[k]) && !add_match(b, q, workers[k]))
                return false;
        }
    }
    return true;
}

/* --- one run ------------------------------------------------------------- */

/* A sentence that lasts; a shorter one if there is no memory for it. */
__attribute__((format(printf, 2, 3)))
static const char *told(struct bench *b, const char *format, ...)
{
    const char *text;
    va_list args;

    va_start(args, format);
    text = mo_arena_vprintf(&b->arena, format, args);
    va_end(args);
    return text != NULL ? text : "failed";
}

/* Takes a line "NAME VALUE". false: it is none. */
static bool take_line(const struct bench_question *q, char *line,
                      double *values)
{
    char *space = strchr(line, ' ');
    double value;
    char *end;

    if (space == NULL)
        return false;
    *space = '\0';
    value = strtod(space + 1, &end);
    if (end == space + 1 || *end != '\0' || !isfinite(value) || value < 0)
        return false;
    for (size_t i = 0; i < q->metric_count; i++) {
        if (strcmp(q->metrics[i], line) == 0)
            values[i] = value;
    }
    return true;
}

/* Reads the answer. NULL, or what is wrong with it. */
static const char *take_answer(struct bench *b,
                               const struct bench_question *q, char *out,
                               double *values)
{
    char *rest = NULL;

    for (size_t i = 0; i < q->metric_count; i++)
        values[i] = NAN;
    for (char *line = strtok_r(out, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char quoted[MO_TEXT_QUOTED];

        mo_text_quote(quoted, line);
        if (!take_line(q, line, values))
            return told(b, "prints nonsense: %s", quoted);
    }
    for (size_t i = 0; i < q->metric_count; i++) {
        if (isnan(values[i]))
            return told(b, "does not print \"%s\"", q->metrics[i]);
    }
    return NULL;
}

/* Why the run failed; NULL: it did not, or declined. */
static const char *judge(struct bench *b, const struct bench_child *c)
{
    char complaint[4 * BENCH_LINE + 1];
    const char *colon = c->complaint[0] != '\0' ? ": " : "";

    mo_text_show(complaint, c->complaint);
    if (c->code != 0)
        return told(b, "cannot be started: %s", strerror(c->code));
    if (c->late)
        return told(b, "killed after %d s%s%s", c->timeout_s, colon,
                    complaint);
    if (c->status > SIGNALLED)
        return told(b, "ended by signal %d%s%s", c->status - SIGNALLED, colon,
                    complaint);
    if (c->status != 0)
        return told(b, "exit status %d%s%s", c->status, colon, complaint);
    return NULL;
}

/* One run of the entry. false: a signal came. */
static bool run(struct bench *b, struct bench_match *m, struct bench_entry *e,
                struct bench_run *result)
{
    struct bench_child c = { .environment = e->environment,
                             .arguments = e->arguments,
                             .one_cpu = m->workers == 1,
                             .timeout_s = b->timeout_s };
    const char *why;

    bench_child_run(&c);
    b->signal = c.signal;
    if (b->signal != 0)
        return false;
    if (c.status == DECLINED && c.code == 0 && !c.late && c.out[0] == '\0') {
        e->fate = BENCH_DECLINES;
        return true;
    }
    why = judge(b, &c);
    if (why == NULL)
        why = take_answer(b, m->question, c.out, result->values);
    if (why != NULL)
        e->fate = BENCH_FAILED;
    else
        e->run_count++;
    e->why = why;
    return true;
}

/* --- rounds -------------------------------------------------------------- */

static bool any_plays(const struct bench_match *m)
{
    for (size_t i = 0; i < m->entry_count; i++) {
        if (m->entries[i].fate == BENCH_PLAYS)
            return true;
    }
    return false;
}

/* One round. false: a signal came. */
static bool play_round(struct bench *b, struct bench_match *m, unsigned round,
                       struct bench_progress *p)
{
    double before = bench_probe();

    for (size_t i = 0; i < m->entry_count; i++) {
        struct bench_entry *e = &m->entries[(i + round - 1) % m->entry_count];
        struct bench_run *result = &e->runs[e->run_count];
        bool go_on;

        if (e->fate != BENCH_PLAYS)
            continue;
        bench_progress_run(p, b, m, e, round);
        go_on = run(b, m, e, result);
        result->round = round;
        result->before_ns = before;
        result->after_ns = before = bench_probe();
        if (!go_on)
            return false;
    }
    return true;
}

static void play_match(struct bench *b, struct bench_match *m,
                       struct bench_progress *p)
{
    m->played = !any_plays(m);
    if (m->played)
        return;
    bench_progress_match(p);
    for (unsigned round = 1; round <= b->rounds && any_plays(m); round++) {
        if (!play_round(b, m, round, p))
            return;
    }
    m->played = true;
    bench_progress_done(p, m);
}

static bool any_failed(const struct bench *b)
{
    for (size_t i = 0; i < b->match_count; i++) {
        for (size_t k = 0; k < b->matches[i].entry_count; k++) {
            if (b->matches[i].entries[k].fate == BENCH_FAILED)
                return true;
        }
    }
    return false;
}

int bench_play(struct bench *b)
{
    struct bench_progress p;

    bench_progress_init(&p);
    for (size_t i = 0; i < b->match_count && b->signal == 0; i++)
        play_match(b, &b->matches[i], &p);
    bench_progress_fini(&p);
    if (b->signal != 0)
        return SIGNALLED + b->signal;
    return any_failed(b) ? TOOL_FAILURE : TOOL_OK;
}
