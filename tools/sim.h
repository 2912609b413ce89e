/* SPDX-License-Identifier: MIT */
/*
 * sim.h - running a program under many schedules: what is searched, and what
 * was found.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_LINE 200                /* of what a failing program said */

enum sim_end {
    SIM_FINE,
    SIM_STATUS,                     /* code: its exit status, not 0 */
    SIM_SIGNAL,                     /* code: the signal that killed it */
    SIM_LATE,                       /* it still ran when its time was up */
    SIM_UNSTARTED                   /* code: errno */
};

struct sim_outcome {
    enum sim_end end;
    int code;
    char said[SIM_LINE];            /* the line that tells most, or "" */
};

/* One schedule. */
struct sim_case {
    uint64_t number;                /* in the order of the search */
    uint64_t seed;
    char *choices;                  /* of an exhaustive search, or NULL */
};

struct sim {
    /* What is asked for. */
    char **program;                 /* NULL-terminated */
    uint64_t first, last;           /* seeds; or the most schedules, from 1 */
    unsigned jobs;
    const char *strategy;
    uint64_t depth;
    unsigned timeout_s;
    const char *trace;              /* the file for the replay */
    bool exhaustive;
    uint64_t bound;                 /* choices of a schedule that are varied */
    char inject[600];               /* settings, each after a newline; or "" */
    bool json;
    /* What came of it. */
    uint64_t runs;                  /* that ended */
    bool complete;                  /* all that there are were run */
    bool failed;
    struct sim_case found;          /* the first that failed, */
    struct sim_outcome outcome;     /* how, */
    struct sim_outcome again;       /* and how its replay did */
    int signal;                     /* ended the search; 0: none */
};

/* Searches until the first failure. TOOL_OK, or another status after saying
 * why there was no search. Between signals_open and signals_close. */
int sim_search(struct sim *sim);

/* Runs what was found once more, with its output shown and traced. */
int sim_replay(struct sim *sim);

/* The settings that make a schedule, a line each, into `text`; the number of
 * bytes there should be room for. trace, record: NULL, or files. */
size_t sim_settings(const struct sim *sim, const struct sim_case *which,
                    char *text, size_t size);

/* Takes "KIND=N,..." of --inject, and cuts it up. TOOL_OK, or another status
 * after saying what is wrong with it. */
int sim_inject(struct sim *sim, char *text);

/* Can the trace be written? Leaves no file that was not there. TOOL_OK, or
 * another status after saying why not. */
int sim_trace_check(const struct sim *sim);

/* An empty file for the trace, and its path from the root, which is the
 * caller's to free; NULL, after saying why. What is no plain file stays. */
char *sim_trace_begin(const struct sim *sim);

/* Faults of the replay, as its trace has them. */
uint64_t sim_injected(const struct sim *sim);

/* How it ended, in words. */
void sim_describe(const struct sim_outcome *outcome, unsigned timeout_s,
                  char *text, size_t size);

#endif
