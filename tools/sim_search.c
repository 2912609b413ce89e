/* SPDX-License-Identifier: MIT */
/*
 * sim_search.c - many schedules, several at a time, until one fails.
 *
 * Seeds are run in their order, and the first that fails is the lowest: when
 * one has failed, those before it are still waited for. An exhaustive search is
 * depth-first: a run is given some choices, takes the first of each after them,
 * and records of how many each was one; then each other outcome of each choice
 * after the given ones is a schedule to be run, once. What is left to do is a
 * stack, on which the latest choices are on top.
 *
 * Of a first run the choices are recorded in any case: without a record there
 * was no simulation.
 */
#include "sim.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signals.h"
#include "sim_child.h"
#include "tool.h"

#define LONG_STEP 200               /* ms between two looks at the clock */
#define SIM_PATH 300                /* bytes of a folder's name */

struct slot {
    struct sim_child child;
    struct sim_case which;
    char record[SIM_PATH + 12];     /* a file, or "" */
    bool used;
};

struct search {
    struct sim *sim;
    struct slot *slots;             /* sim->jobs of them */
    char folder[SIM_PATH];          /* of records */
    uint64_t next;                  /* number of the next case */
    char **left;                    /* choices of schedules to run, a stack */
    size_t left_count, left_room;
    bool cut;                       /* a schedule had more choices than bound */
    const char *why_not;            /* the search cannot go on; or NULL */
    int64_t said_ms;                /* when progress was told */
    bool terminal;
};

/* --- what is run --------------------------------------------------------- */

static int settings(const struct sim *sim, const struct sim_case *which,
                    const char *record, const char *trace, char *text,
                    size_t size)
{
    const char *said = getenv("MOIRAI_SET");
    int n = snprintf(text, size, "%s%s", said != NULL ? said : "",
                     said != NULL ? "\n" : "");

    n += (int)sim_settings(sim, which, (size_t)n < size ? text + n : NULL,
                           (size_t)n < size ? size - (size_t)n : 0);
    if (record[0] != '\0')
        n += snprintf((size_t)n < size ? text + n : NULL,
                      (size_t)n < size ? size - (size_t)n : 0,
                      "\nscheduler.record=%s", record);
    if (trace != NULL)
        n += snprintf((size_t)n < size ? text + n : NULL,
                      (size_t)n < size ? size - (size_t)n : 0,
                      "\nruntime.trace_file=%s", trace);
    return n;
}

/* With a trace in any case: to keep one takes other ways through the runtime,
 * and the replay shall go the same. */
size_t sim_settings(const struct sim *sim, const struct sim_case *which,
                    char *text, size_t size)
{
    static const char same[] = "scheduler.plugin=sim\nruntime.trace=64\n";
    int n;

    if (sim->exhaustive)
        n = snprintf(text, size, "%sruntime.workers=1\n"
                     "scheduler.strategy=given\nscheduler.bound=%llu\n"
                     "scheduler.choices=%s", same,
                     (unsigned long long)sim->bound, which->choices);
    else if (strcmp(sim->strategy, "pct") == 0)
        n = snprintf(text, size, "%sscheduler.seed=%llu\n"
                     "scheduler.strategy=pct\nscheduler.depth=%llu%s", same,
                     (unsigned long long)which->seed,
                     (unsigned long long)sim->depth, sim->inject);
    else
        n = snprintf(text, size, "%sscheduler.seed=%llu\n"
                     "scheduler.strategy=%s%s", same,
                     (unsigned long long)which->seed, sim->strategy,
                     sim->inject);
    return (size_t)n;
}

/* 0 or errno. */
static int start(const struct sim *sim, const struct sim_case *which,
                 const char *record, const char *trace,
                 struct sim_child *child)
{
    int n = settings(sim, which, record, trace, NULL, 0);
    char *text = malloc((size_t)n + 1);
    int rc;

    if (text == NULL)
        return ENOMEM;
    settings(sim, which, record, trace, text, (size_t)n + 1);
    rc = sim_child_start(child, sim->program, text, sim->timeout_s,
                         trace != NULL, sim->json);
    free(text);
    return rc;
}

/* --- what is left to do -------------------------------------------------- */

static bool push(struct search *s, char *choices)
{
    if (s->left_count == s->left_room) {
        size_t room = 2 * s->left_room + 64;
        char **left = realloc(s->left, room * sizeof *left);

        if (left == NULL)
            return false;
        s->left = left;
        s->left_room = room;
    }
    s->left[s->left_count++] = choices;
    return choices != NULL;
}

/* The next case to run; false: there is none now. */
static bool next_case(struct search *s, struct sim_case *which)
{
    const struct sim *sim = s->sim;

    if (sim->failed || sim->signal != 0 || s->why_not != NULL
        || s->next > sim->last - sim->first
        || (sim->exhaustive && s->left_count == 0))
        return false;
    *which = (struct sim_case){ .number = s->next,
                                .seed = sim->first + s->next };
    if (sim->exhaustive)
        which->choices = s->left[--s->left_count];
    s->next++;
    return true;
}

/* "0.2" and 1 are "0.2.1". */
static char *extended(const char *choices, unsigned long taken)
{
    size_t size = strlen(choices) + 24;
    char *text = malloc(size);

    if (text != NULL)
        snprintf(text, size, "%s%s%lu", choices,
                 choices[0] != '\0' ? "." : "", taken);
    return text;
}

static size_t count_of(const char *choices)
{
    size_t n = choices[0] != '\0';

    for (; *choices != '\0'; choices++)
        n += *choices == '.';
    return n;
}

/* Puts the other outcomes of the choices after the given ones on the stack. */
static bool branch(struct search *s, const struct slot *slot)
{
    FILE *file = fopen(slot->record, "re");
    char *path = strdup("");
    size_t given = count_of(slot->which.choices);
    unsigned long of, taken;
    size_t at = 0;
    bool done = path != NULL;

    while (done && file != NULL && fscanf(file, "%lu %lu", &of, &taken) == 2) {
        char *longer;

        if (of == 0) {              /* from here on, some are left to chance */
            s->cut = true;
            continue;
        }
        longer = extended(path, taken);
        for (unsigned long other = 1; at >= given && done && other < of;
             other++)
            done = push(s, extended(path, other));
        free(path);
        path = longer;
        done = done && path != NULL;
        at++;
    }
    if (file != NULL)
        fclose(file);
    free(path);
    return done;
}

/* --- the search ---------------------------------------------------------- */

static void name_record(struct search *s, struct slot *slot)
{
    slot->record[0] = '\0';
    if (s->sim->exhaustive || slot->which.number == 0)
        snprintf(slot->record, sizeof slot->record, "%s/%zu", s->folder,
                 (size_t)(slot - s->slots));
}

static unsigned running(const struct search *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->sim->jobs; i++)
        n += s->slots[i].used;
    return n;
}

/* It was the next case, and is again. */
static bool put_back(struct search *s, const struct sim_case *which)
{
    s->next--;
    return !s->sim->exhaustive || push(s, which->choices);
}

static void fill_slots(struct search *s)
{
    for (unsigned i = 0; i < s->sim->jobs; i++) {
        struct slot *slot = &s->slots[i];
        int rc;

        if (slot->used || !next_case(s, &slot->which))
            continue;
        name_record(s, slot);
        rc = start(s->sim, &slot->which, slot->record, NULL, &slot->child);
        slot->used = rc == 0;
        if (rc != 0 && running(s) > 0 && put_back(s, &slot->which))
            return;                 /* so many at a time are too many */
        if (rc != 0) {
            s->why_not = strerror(rc);
            free(slot->which.choices);
        }
        if (slot->which.number == 0)
            return;                 /* is there a simulation at all? */
    }
}

/* It failed: those that come later do not matter any more. */
static void found(struct search *s, struct slot *slot,
                  const struct sim_outcome *outcome)
{
    struct sim *sim = s->sim;

    if (sim->failed)
        free(sim->found.choices);
    sim->failed = true;
    sim->found = slot->which;
    sim->outcome = *outcome;
    slot->which.choices = NULL;
    for (unsigned i = 0; i < sim->jobs; i++) {
        struct slot *other = &s->slots[i];

        if (other->used && other->which.number > sim->found.number) {
            sim_child_kill(&other->child);
            free(other->which.choices);
            other->used = false;
        }
    }
}

static void finish(struct search *s, struct slot *slot,
                   const struct sim_outcome *outcome)
{
    struct sim *sim = s->sim;

    slot->used = false;
    sim->runs++;
    if (outcome->end == SIM_UNSTARTED)
        s->why_not = strerror(outcome->code);
    else if (slot->which.number == 0 && outcome->end != SIM_LATE
             && access(slot->record, F_OK) != 0)
        s->why_not = outcome->end == SIM_FINE
            ? "it started no runtime that the simulator could play"
            : "it ended with an error before it started a runtime";
    else if (outcome->end != SIM_FINE)
        found(s, slot, outcome);
    else if (sim->exhaustive && access(slot->record, R_OK) != 0)
        s->why_not = "there is no record of its choices: is the disk full?";
    else if (sim->exhaustive && !branch(s, slot))
        s->why_not = strerror(ENOMEM);
    if (slot->record[0] != '\0')
        unlink(slot->record);
    free(slot->which.choices);
    slot->which.choices = NULL;
}

static void tell_progress(struct search *s, bool last)
{
    const struct sim *sim = s->sim;
    int64_t now = sim_child_now_ms();

    if (!s->terminal || (!last && now - s->said_ms < LONG_STEP))
        return;
    s->said_ms = now;
    if (last)
        fprintf(stderr, "\r%60s\r", "");
    else if (sim->exhaustive)
        fprintf(stderr, "\r%llu schedules, %zu known to be left   ",
                (unsigned long long)sim->runs, s->left_count);
    else
        fprintf(stderr, "\r%llu of %llu seeds",
                (unsigned long long)sim->runs,
                (unsigned long long)(sim->last - sim->first + 1));
    fflush(stderr);
}

/* Until somebody writes or ends, a signal comes, or some time has passed. */
static void wait_for_some(const struct search *s, struct pollfd *polled)
{
    nfds_t n = 1;

    polled[0] = (struct pollfd){ .fd = signals_fd(), .events = POLLIN };
    for (unsigned i = 0; i < s->sim->jobs; i++)
        if (s->slots[i].used && s->slots[i].child.error >= 0)
            polled[n++] = (struct pollfd){ .fd = s->slots[i].child.error,
                                           .events = POLLIN };
    poll(polled, n, LONG_STEP);
}

static void play(struct search *s, struct pollfd *polled)
{
    struct sim *sim = s->sim;
    struct sim_outcome outcome;

    fill_slots(s);
    while (running(s) > 0) {
        wait_for_some(s, polled);
        sim->signal = signals_take();
        for (unsigned i = 0; i < sim->jobs; i++) {
            struct slot *slot = &s->slots[i];

            if (slot->used && sim->signal != 0) {
                sim_child_kill(&slot->child);
                free(slot->which.choices);
                slot->used = false;
            } else if (slot->used && sim_child_ended(&slot->child, &outcome)) {
                finish(s, slot, &outcome);
            }
        }
        tell_progress(s, false);
        fill_slots(s);
    }
    tell_progress(s, true);
}

static bool is_terminal(void)
{
    const char *term = getenv("TERM");

    return isatty(STDERR_FILENO) != 0 && term != NULL
        && strcmp(term, "dumb") != 0;
}

static void clean_up(struct search *s)
{
    char path[sizeof s->slots->record];

    for (unsigned i = 0; i < s->sim->jobs; i++) {
        snprintf(path, sizeof path, "%s/%u", s->folder, i);
        unlink(path);
    }
    rmdir(s->folder);
    while (s->left_count > 0)
        free(s->left[--s->left_count]);
    free(s->left);
}

static bool make_folder(struct search *s)
{
    const char *where = getenv("TMPDIR");
    int n = snprintf(s->folder, sizeof s->folder, "%s/moirai-sim.XXXXXX",
                     where != NULL && where[0] != '\0' ? where : "/tmp");

    errno = ENAMETOOLONG;
    return (size_t)n < sizeof s->folder && mkdtemp(s->folder) != NULL;
}

int sim_search(struct sim *sim)
{
    struct search s = { .sim = sim, .terminal = is_terminal() };
    struct pollfd *polled = calloc(sim->jobs + 1, sizeof *polled);
    int rc = TOOL_OK;

    s.slots = calloc(sim->jobs, sizeof *s.slots);
    if (s.slots == NULL || polled == NULL
        || (sim->exhaustive && !push(&s, strdup("")))) {
        rc = tool_failure("sim", "out of memory");
    } else if (!make_folder(&s)) {
        rc = tool_failure("sim", "%s: %s", s.folder, strerror(errno));
    } else {
        play(&s, polled);
        sim->complete = !sim->failed && sim->signal == 0 && !s.cut
            && (!sim->exhaustive || s.left_count == 0);
        if (s.why_not != NULL)
            rc = tool_failure("sim", "%s: %s", sim->program[0], s.why_not);
        clean_up(&s);
    }
    free(s.slots);
    free(polled);
    return rc;
}

int sim_replay(struct sim *sim)
{
    char *trace = sim_trace_begin(sim);     /* wherever the program goes */
    struct sim_child child;
    int rc;

    if (trace == NULL)
        return TOOL_FAILURE;
    rc = start(sim, &sim->found, "", trace, &child);
    free(trace);
    if (rc != 0)
        return tool_failure("sim", "%s: %s", sim->program[0], strerror(rc));
    while (!sim_child_ended(&child, &sim->again)) {
        struct pollfd polled = { .fd = signals_fd(), .events = POLLIN };

        poll(&polled, 1, LONG_STEP);
        sim->signal = signals_take();
        if (sim->signal != 0) {
            sim_child_kill(&child);
            break;
        }
    }
    return TOOL_OK;
}

void sim_describe(const struct sim_outcome *outcome, unsigned timeout_s,
                  char *text, size_t size)
{
    switch (outcome->end) {
    case SIM_FINE:
        snprintf(text, size, "ended well");
        break;
    case SIM_STATUS:
        snprintf(text, size, "ended with status %d", outcome->code);
        break;
    case SIM_SIGNAL:
        snprintf(text, size, "was killed by signal %d, %s", outcome->code,
                 strsignal(outcome->code));
        break;
    case SIM_LATE:
        snprintf(text, size, "still ran after %u s", timeout_s);
        break;
    case SIM_UNSTARTED:
        snprintf(text, size, "could not be started: %s",
                 strerror(outcome->code));
        break;
    }
}
