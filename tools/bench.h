/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what the parts of `moirai bench` share.
 *
 * A question is put to contestants, with so many workers: that is a match, and
 * each contestant has an entry in it. A match is played in rounds, in each of
 * which every entry runs once, so that what changes on the machine meanwhile
 * changes for all of them. One thread; all memory is in one arena.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "arena.h"

#define BENCH_METRICS 5             /* of a question */
#define BENCH_WORKERS 8             /* numbers of workers in a list */
#define BENCH_NUMBER 32             /* room for a number and its unit */

/* --- what is asked (bench_read.c) --------------------------------------- */

enum bench_kind { BENCH_OWN, BENCH_PEER, BENCH_WALL };

struct bench_contestant {
    const char *name, *title;
    const char *run;                /* words; see bench_command.c */
    enum bench_kind kind;
    const char **packages;          /* of Debian, that bring it */
    size_t package_count;
    const char *version;            /* of the first package; NULL: unknown */
    const char *compiler;           /* as its build.sh says; NULL: unknown */
    bool chosen;                    /* by the user */
};

/* What moirai must come to. */
struct bench_target {
    size_t metric;
    unsigned workers;               /* 0: any number */
    double most;                    /* below 0: no matter */
    double ratio;                   /* to the best of `to`; below 0: none */
    bool *to;                       /* by contestant */
    const char *to_text;            /* "Go", "the best peer" */
};

struct bench_question {
    const char *name, *title, *what;
    const char *program;            /* stands for {program} */
    unsigned workers[BENCH_WORKERS];
    size_t worker_count;
    const char *metrics[BENCH_METRICS];
    size_t metric_count;
    size_t *contestants;            /* indices, in order of the file */
    size_t contestant_count;
    struct bench_target *targets;
    size_t target_count;
    double scale;                   /* 0: as for all */
    bool chosen;                    /* by the user */
};

/* --- what came of it (bench_play.c) ------------------------------------- */

/* How fast the cores exchange cache lines, beside a run. */
enum bench_regime { BENCH_ANY, BENCH_FAST, BENCH_SLOW, BENCH_MIXED };

struct bench_run {
    unsigned round;                 /* from 1 */
    double before_ns, after_ns;     /* probes; 0: not probed */
    double values[BENCH_METRICS];
};

enum bench_fate {
    BENCH_PLAYS,
    BENCH_ABSENT,                   /* there is no such program */
    BENCH_DECLINES,                 /* exit status 77: not its question */
    BENCH_FAILED                    /* `why` tells */
};

struct bench_entry {
    const struct bench_contestant *who;
    enum bench_fate fate;
    const char *why;                /* it failed, or is absent; else NULL */
    char **environment;             /* "NAME=VALUE", NULL-terminated */
    char **arguments;               /* the program first, NULL-terminated */
    struct bench_run *runs;         /* room for one a round */
    size_t run_count;
};

struct bench_match {
    const struct bench_question *question;
    unsigned workers;
    struct bench_entry *entries;
    size_t entry_count;
    bool played;                    /* to the last round */
};

struct bench {
    struct mo_arena arena;
    /* As asked for. */
    const char *questions_file, *programs;
    unsigned rounds;
    double scale;
    int timeout_s;                  /* for one run */
    unsigned workers[BENCH_WORKERS];    /* in place of the questions' */
    size_t worker_count;
    /* As read. */
    struct bench_contestant *contestants;
    size_t contestant_count;
    struct bench_question *questions;
    size_t question_count;
    /* As measured. */
    struct bench_match *matches;
    size_t match_count;
    double split_ns;                /* probes from here on are slow; 0: there
                                     * was one regime */
    double fast_ns, slow_ns;        /* medians of the regimes' probes */
    double fast_share;              /* of all probes, 0 to 1 */
    int signal;                     /* that ended it early, or 0 */
    /* The surroundings (bench_machine.c). */
    const char *date, *processor, *kernel;
    unsigned cpus;                  /* this process may use */
};

/* Reads b->questions_file. TOOL_OK, or another status after saying why, as
 * JSON if so asked. */
int bench_read(struct bench *b, bool json);

/* Fills in the entry's environment and arguments. false: no memory, or far too
 * many words. */
bool bench_command(struct bench *b, const struct bench_match *m,
                   struct bench_entry *e);

/* The scale at which the question is put. */
static inline double bench_scale(const struct bench *b,
                                 const struct bench_question *q)
{
    return q->scale > 0 ? q->scale : b->scale;
}

/* Sets up b->matches out of what was chosen. false: no memory. */
bool bench_arrange(struct bench *b);

/* Runs all matches. TOOL_OK, TOOL_FAILURE if an entry failed, or 128 +
 * b->signal. */
int bench_play(struct bench *b);

/* Fills in date, processor, kernel and versions. false: no memory. */
bool bench_look(struct bench *b);

/* The first line of a file called `compiler` beside the program, or NULL. */
const char *bench_compiler(struct bench *b, const char *program);

/* --- what it means (bench_score.c) -------------------------------------- */

struct bench_score {
    bool known;                     /* it has a value at all */
    bool ranked;                    /* and one in the match's regime */
    double median, low, high;       /* of those runs */
    size_t runs;
    double ratio;                   /* to the best peer, or if there is none,
                                     * to moirai; below 0: nor that */
};

enum bench_verdict { BENCH_UNKNOWN, BENCH_MET, BENCH_NOT_MET };

/* Finds the regimes in all probes. */
void bench_regimes(struct bench *b);

/* The regime that counts for this match: the more frequent one. */
enum bench_regime bench_match_regime(const struct bench *b,
                                     const struct bench_match *m);
enum bench_regime bench_run_regime(const struct bench *b,
                                   const struct bench_run *run);
const char *bench_regime_name(enum bench_regime regime);

struct bench_score bench_score(const struct bench *b,
                               const struct bench_match *m,
                               const struct bench_entry *e, size_t metric);

/* The entry of moirai itself, and of the best peer; NULL: there is none with
 * a value. */
const struct bench_entry *bench_own(const struct bench_match *m);
const struct bench_entry *bench_best(const struct bench *b,
                                     const struct bench_match *m,
                                     size_t metric);

/* Is the target met in this match? Also what it asks for, into `text` (size
 * bytes): "at most 10 ns", "0.30 of Go". */
enum bench_verdict bench_judge(const struct bench *b,
                               const struct bench_match *m,
                               const struct bench_target *t, char *text,
                               size_t size);
bool bench_concerns(const struct bench_match *m,
                    const struct bench_target *t);
const char *bench_verdict_name(enum bench_verdict verdict);

/* Indices of the entries with something to show, own ones first, then peers by
 * median, then walls, then what failed. Returns how many. */
size_t bench_order(const struct bench *b, const struct bench_match *m,
                   size_t metric, size_t *order);

/* The value with its unit, into `out` (BENCH_NUMBER bytes). Returns `out`. */
const char *bench_show(char *out, const char *metric, double value);

/* The same without zeros at the end. */
const char *bench_show_short(char *out, const char *metric, double value);

/* --- telling it ---------------------------------------------------------- */

void bench_print(const struct bench *b);
void bench_markdown(const struct bench *b, FILE *file);
void bench_json(const struct bench *b, FILE *file);

/* A file DIR/QUESTION.svg each. false after saying why. */
bool bench_svg(const struct bench *b, const char *dir);

/* Who is not there, and what would bring them. */
void bench_absent(const struct bench *b, FILE *file);

/* The questions and who is there to answer them. */
void bench_list(const struct bench *b);

#endif
