/* SPDX-License-Identifier: MIT */
/*
 * dump.c - looking at tasks while they run.
 *
 * No lock is waited for: records of fibers stay while somebody walks the
 * roster, and hold a copy of what is shown of their task; spawn sites are for
 * ever. A task that waits is held for the moment in which its stack is read.
 * What is read of the others may be of different instants, or of a task that
 * has just ended; it is never invalid.
 *
 * A hundred thousand tasks mostly wait in a few ways: names of functions are
 * looked up once, and a backtrace that was shown before is named by the task
 * that it was shown of.
 */
#include "dump.h"

#include <string.h>

#include "backtrace.h"
#include "depth.h"
#include "fault.h"
#include "follow.h"
#include "line.h"
#include "mem.h"
#include "os/symbol.h"
#include "reason.h"
#include "watch.h"
#include "worker.h"

#define TEXT ((size_t)32 << 10)     /* written at a time */
#define NAMES 1024                  /* addresses remembered, and backtraces */
#define CALLS 64                    /* of a backtrace */
#define ANSWERS 1024                /* there are no more workers */

struct name {
    uintptr_t pc;
    bool ours;                      /* in the core, and not public */
    uintptr_t start;                /* of its function */
    char text[MO_SYMBOL_NAME + 64];
};

struct shown {                      /* a backtrace that was written */
    uint64_t hash;
    uint32_t id;
};

struct dump {
    const struct moirai_runtime *runtime;
    struct mo_line line;
    int64_t now;
    const void *core;               /* the object that the core is in */
    uint64_t tasks;                 /* written so far */
    size_t answers;
    uint32_t answered[ANSWERS];     /* ids of tasks that are running */
    size_t n;                       /* calls in pcs */
    uintptr_t pcs[CALLS];
    struct name names[NAMES];
    struct shown shown[NAMES];
    char text[TEXT];
};

static bool describe(const struct mo_fiber *fiber, struct moirai_waiting *out)
{
    const struct moirai_site *site = mo_load_relaxed(&fiber->shown_site);
    uint32_t kind = mo_load_relaxed(&fiber->waiter.kind);

    if (mo_load(&fiber->task) == NULL || site == NULL)
        return false;
    out->id = mo_load_relaxed(&fiber->shown_id);
    out->name = mo_load_relaxed(&fiber->shown_name);
    out->file = site->file;
    out->line = site->line;
    out->waits_on = kind == MO_WAIT_NONE ? "running" : mo_wait_name(kind);
    return true;
}

/* --- backtraces ----------------------------------------------------------- */

static bool is_internal(const struct dump *d, uintptr_t pc,
                        const struct mo_symbol *symbol)
{
    if (strncmp(symbol->name, "moirai_", 7) == 0)
        return false;
    return strncmp(symbol->name, "mo_", 3) == 0
        || (d->core != NULL && mo_symbol_object(pc) == d->core);
}

/* A return address is behind its call, perhaps in the next function. */
static const struct name *name_of(struct dump *d, uintptr_t pc)
{
    struct name *name = &d->names[pc / 2 % NAMES];
    struct mo_line line = { name->text, sizeof name->text - 1, 0, -1 };
    struct mo_symbol symbol;

    if (name->pc == pc)
        return name;
    mo_symbol_find(pc - 1, &symbol);
    name->pc = pc;
    name->start = symbol.start;
    name->ours = is_internal(d, pc - 1, &symbol);
    mo_line_text(&line, symbol.name[0] != '\0' ? symbol.name : "?");
    mo_line_text(&line, " (");
    mo_line_text(&line, symbol.object[0] != '\0' ? symbol.object : "?");
    mo_line_text(&line, "+");
    mo_line_hex(&line, symbol.offset + 1);
    mo_line_text(&line, ")");
    name->text[line.used] = '\0';
    return name;
}

static uint64_t hash_of(const struct dump *d)
{
    uint64_t hash = UINT64_C(14695981039346656037);     /* FNV-1a, by words */

    for (size_t i = 0; i < d->n; i++)
        hash = (hash ^ d->pcs[i]) * UINT64_C(1099511628211);
    return hash | 1;
}

/* From the program's call into the runtime to the task's own function. */
static void write_calls(struct dump *d, uintptr_t task_function)
{
    size_t i = 0;

    while (i < d->n && name_of(d, d->pcs[i])->ours)
        i++;
    for (; i < d->n; i++) {
        const struct name *name = name_of(d, d->pcs[i]);

        if (name->ours)
            break;
        mo_line_text(&d->line, "    ");
        mo_line_text(&d->line, name->text);
        mo_line_end(&d->line);
        if (name->start != 0 && name->start == task_function)
            break;
    }
    if (d->n == CALLS) {
        mo_line_text(&d->line, "    ...");
        mo_line_end(&d->line);
    }
}

static void write_backtrace(struct dump *d, uint32_t id, uintptr_t function)
{
    uint64_t hash = hash_of(d);
    struct shown *shown = &d->shown[hash / 2 % NAMES];

    if (d->n == 0)
        return;
    if (shown->hash == hash) {
        mo_line_text(&d->line, "    calls as those of task ");
        mo_line_number(&d->line, shown->id);
        mo_line_end(&d->line);
        return;
    }
    *shown = (struct shown){ hash, id };
    write_calls(d, function);
}

/* --- tasks that have a stack ---------------------------------------------- */

static void write_head(struct dump *d, uint32_t id, const char *name)
{
    d->tasks++;
    mo_line_text(&d->line, "task ");
    mo_line_number(&d->line, id);
    if (name != NULL) {
        mo_line_text(&d->line, " \"");
        mo_line_text(&d->line, name);
        mo_line_text(&d->line, "\"");
    }
    mo_line_text(&d->line, ": ");
}

static void write_site(struct dump *d, const char *file, uint32_t line)
{
    mo_line_text(&d->line, ", spawned at ");
    mo_line_text(&d->line, file);
    mo_line_text(&d->line, ":");
    mo_line_number(&d->line, line);
}

/* At a task that is held: nothing is written to a file meanwhile, which might
 * take long. */
struct look {
    struct dump *d;
    const struct mo_fiber *fiber;
    struct mo_line object;          /* what it waits for */
    struct mo_line party;           /* who could end that */
    char object_text[160];
    char party_text[256];
    int64_t since_ns;
    uintptr_t function;             /* the task's */
};

/* Reads what may be broken, in a program that is looked at because it is. */
static void look_at(void *arg)
{
    struct look *look = arg;
    struct dump *d = look->d;
    const struct mo_waiter *waiter = &look->fiber->waiter;

    look->since_ns = waiter->since_ns;
    mo_reason_object(&look->object, waiter);
    mo_reason_party(&look->party, waiter, d->now);
    look->function = (uintptr_t)look->fiber->task->fn;
    d->n = mo_backtrace_of(look->fiber->sp, d->pcs, CALLS);
}

static void write_line(struct dump *d, struct mo_line *line)
{
    line->text[line->used] = '\0';
    mo_line_text(&d->line, line->text);
}

/* What tasks of its site have used so far, if that is measured. */
static void write_depth(struct dump *d, const struct moirai_site *site)
{
    struct mo_depth_sum sum;
    uint32_t index = site != NULL ? mo_load_relaxed(&site->index) : 0;
    uint64_t most = 0;

    mo_depth_read(d->runtime, index < MO_SITES ? index : 0, &sum);
    for (int c = 0; c < MOIRAI_STACK_CLASSES; c++)
        most = sum.deepest[c] > most ? sum.deepest[c] : most;
    if (most == 0)
        return;
    mo_line_text(&d->line, " (such tasks use up to ");
    mo_line_size(&d->line, most);
    mo_line_text(&d->line, ")");
}

static void write_waiting(struct dump *d, struct mo_fiber *fiber,
                          const struct moirai_waiting *it)
{
    struct look look = { .d = d, .fiber = fiber };
    bool whole;

    look.object = (struct mo_line){ look.object_text,
                                    sizeof look.object_text - 1, 0, -1 };
    look.party = (struct mo_line){ look.party_text,
                                   sizeof look.party_text - 1, 0, -1 };
    d->n = 0;
    whole = mo_fault_try(look_at, &look);
    mo_wait_release(&fiber->waiter);
    write_line(d, &look.object);
    mo_line_text(&d->line, whole ? "" : " (its stack cannot be read)");
    if (look.since_ns != 0) {
        mo_line_text(&d->line, " for ");
        mo_line_span(&d->line, d->now > look.since_ns
                                   ? d->now - look.since_ns : 0);
    }
    write_site(d, it->file, it->line);
    mo_line_text(&d->line, ", stack ");
    mo_line_size(&d->line, mo_load_relaxed(&fiber->shown_size));
    write_depth(d, mo_load_relaxed(&fiber->shown_site));
    mo_line_end(&d->line);
    if (look.party.used > 0) {
        mo_line_text(&d->line, "    could be ended by ");
        write_line(d, &look.party);
        mo_line_end(&d->line);
    }
    write_backtrace(d, it->id, look.function);
}

/* Has its worker said already what it is doing? */
static bool was_answered(const struct dump *d, uint32_t id)
{
    for (size_t i = 0; i < d->answers; i++)
        if (d->answered[i] == id)
            return true;
    return false;
}

static void write_fiber(struct dump *d, struct mo_fiber *fiber)
{
    struct moirai_waiting it;

    if (!describe(fiber, &it) || was_answered(d, it.id))
        return;
    write_head(d, it.id, it.name);
    if (mo_wait_hold(&fiber->waiter)) {
        write_waiting(d, fiber, &it);
        return;
    }
    mo_line_text(&d->line, mo_load_relaxed(&fiber->waiter.kind) == MO_WAIT_NONE
                               ? "running" : "ready, waits for a worker");
    write_site(d, it.file, it.line);
    mo_line_text(&d->line, ", stack ");
    mo_line_size(&d->line, mo_load_relaxed(&fiber->shown_size));
    mo_line_end(&d->line);
}

/* --- workers -------------------------------------------------------------- */

static void write_answer(struct dump *d, const struct mo_watch_answer *answer)
{
    if (answer->id == 0)
        return;
    if (d->answers < ANSWERS)
        d->answered[d->answers++] = answer->id;
    write_head(d, answer->id, answer->name);
    mo_line_text(&d->line, "running on worker ");
    mo_line_number(&d->line, answer->worker);
    write_site(d, answer->site->file, answer->site->line);
    mo_line_end(&d->line);
    d->n = answer->n < CALLS ? answer->n : CALLS;
    memcpy(d->pcs, answer->pcs, d->n * sizeof *d->pcs);
    if (d->n > 0)
        d->pcs[0]++;                /* where it is, not where it returns to */
    write_backtrace(d, answer->id, answer->function);
}

/* What the worker is held to. */
static void write_seat(struct dump *d, const struct mo_worker *w)
{
    uint32_t at = mo_load_relaxed(&w->sits_at);

    if (w->runtime->seats.each == NULL)
        return;
    mo_line_text(&d->line, ", on node ");
    mo_line_number(&d->line, mo_load_relaxed(&w->sits_on_node));
    if (at == MO_SITS_ANYWHERE)
        return;
    mo_line_text(&d->line, ", processor ");
    mo_line_number(&d->line, at);
}

static void write_state(struct dump *d, const struct mo_worker *w)
{
    int64_t span = d->now - mo_load_relaxed(&w->stuck_since);
    uint32_t stuck = mo_load_relaxed(&w->stuck);

    if (w->attends)
        mo_line_text(&d->line, "attends to tasks that waited");
    else if (mo_load_relaxed(&w->benched))
        mo_line_text(&d->line, "not needed");
    else if (mo_load_relaxed(&w->idle))
        mo_line_text(&d->line, "asleep");
    else if (stuck == MO_STUCK_NOT)
        mo_line_text(&d->line, "awake");
    else
        mo_line_text(&d->line, stuck == MO_STUCK_BLOCKED
                                   ? "blocked by one task for "
                                   : "busy with one task for ");
    if (stuck != MO_STUCK_NOT)
        mo_line_span(&d->line, span > 0 ? span : 0);
    mo_line_text(&d->line, ", ");
}

static void write_worker(struct dump *d, struct mo_worker *w)
{
    struct mo_watch_answer answer;

    mo_line_text(&d->line, "worker ");
    mo_line_number(&d->line, w->hot.index);
    mo_line_text(&d->line, ": ");
    write_state(d, w);
    mo_line_number(&d->line, mo_load_relaxed(&w->count.finished));
    mo_line_text(&d->line, " tasks ended, ");
    mo_line_number(&d->line, mo_load_relaxed(&w->count.parked));
    mo_line_text(&d->line, " waits");
    write_seat(d, w);
    mo_line_end(&d->line);
    if (mo_watch_ask(w, &answer))
        write_answer(d, &answer);
}

static struct dump *new_dump(struct moirai_runtime *rt, int fd)
{
    struct dump *d = mo_mem_alloc(sizeof *d, 64);

    if (d == NULL)
        return NULL;
    d->line = (struct mo_line){ d->text, sizeof d->text, 0, fd };
    d->runtime = rt;
    d->now = rt->os->coarse(rt->os);
    d->core = mo_symbol_object((uintptr_t)&moirai_dump);
    if (d->core == mo_symbol_object(mo_symbol_program()))
        d->core = NULL;             /* linked in: names have to do */
    return d;
}

static bool write_each(struct mo_fiber *fiber, void *arg)
{
    write_fiber(arg, fiber);
    return true;
}

void moirai_dump(struct moirai_runtime *rt, int fd)
{
    struct dump *d = new_dump(rt, fd);

    if (d == NULL)
        return;
    for (uint32_t i = 0; i < mo_load_relaxed(&rt->worker_count); i++)
        write_worker(d, rt->workers[i]);
    mo_wait_freeze(rt);
    mo_roster_walk(&rt->roster, write_each, d);
    mo_wait_thaw(rt);
    mo_line_number(&d->line, d->tasks);
    mo_line_text(&d->line, " tasks that have begun");
    mo_line_end(&d->line);
    mo_line_flush(&d->line);
    mo_mem_free(d);
}

/* --- the report of a stop ------------------------------------------------- */

void mo_dump_report_clear(struct moirai_stop_report *report)
{
    if (report == NULL)
        return;
    report->listed = 0;
    report->waiting = report->left = 0;
}

/* Tasks of the root scope; those that nested scopes own are behind them. */
static uint64_t count_left(struct moirai_runtime *rt)
{
    int64_t live = mo_load(&rt->root.live);

    return live > 0 ? (uint64_t)live : 0;
}

static bool report_each(struct mo_fiber *fiber, void *arg)
{
    struct moirai_stop_report *report = arg;

    report->listed += describe(fiber, &report->tasks[report->listed]);
    return report->listed < MOIRAI_REPORT_TASKS;
}

void mo_dump_report(struct moirai_runtime *rt,
                    struct moirai_stop_report *report)
{
    if (report == NULL)
        return;
    report->waiting = count_left(rt);
    mo_roster_walk(&rt->roster, report_each, report);
}

void mo_dump_report_left(struct moirai_runtime *rt,
                         struct moirai_stop_report *report)
{
    if (report != NULL)
        report->left = count_left(rt);
}
