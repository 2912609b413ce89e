/* SPDX-License-Identifier: MIT */
/*
 * stats.c - adding up what the workers counted.
 */
#include "stats.h"

#include <errno.h>
#include <string.h>

#include "line.h"
#include "runtime.h"
#include "task.h"

#define TRIES 10000                 /* to see a worker's counts at rest */
#define ALL UINT32_MAX              /* sites */
#define COLUMN 20                   /* where the numbers begin */

/* The fields by name, in the order they are shown in. */
static const struct field {
    const char *name;
    size_t offset;
} fields[] = {
#define FIELD(name) { #name, offsetof(struct moirai_stats, name) }
    FIELD(spawned), FIELD(finished), FIELD(failed), FIELD(parked),
    FIELD(woken), FIELD(yielded), FIELD(stolen), FIELD(forks_stolen),
    FIELD(forks_exported), FIELD(sleeps), FIELD(wakes), FIELD(timers_fired),
    FIELD(switches), FIELD(stacks_made), FIELD(stacks_reused),
    FIELD(blocking_calls), FIELD(sent), FIELD(received),
    FIELD(stacks_cleaned), FIELD(dropped), FIELD(deadlines_missed),
    FIELD(stuck), FIELD(stolen_on_node), FIELD(stolen_next),
    FIELD(stolen_far), FIELD(sent_home), FIELD(stacks_sent),
    FIELD(io_calls),
    FIELD(attended),
#undef FIELD
};

static void add(struct moirai_stats *sum, const struct mo_counters *c)
{
    sum->spawned += mo_load_relaxed(&c->spawned);
    sum->finished += mo_load_relaxed(&c->finished);
    sum->failed += mo_load_relaxed(&c->failed);
    sum->parked += mo_load_relaxed(&c->parked);
    sum->woken += mo_load_relaxed(&c->woken);
    sum->yielded += mo_load_relaxed(&c->yielded);
    sum->stolen += mo_load_relaxed(&c->stolen);
    sum->forks_stolen += mo_load_relaxed(&c->forks_stolen);
    sum->forks_exported += mo_load_relaxed(&c->forks_exported);
    sum->sleeps += mo_load_relaxed(&c->sleeps);
    sum->wakes += mo_load_relaxed(&c->wakes);
    sum->timers_fired += mo_load_relaxed(&c->timers_fired);
    sum->switches += mo_load_relaxed(&c->switches);
    sum->stacks_made += mo_load_relaxed(&c->stacks_made);
    sum->stacks_reused += mo_load_relaxed(&c->stacks_reused);
    sum->blocking_calls += mo_load_relaxed(&c->blocking_calls);
    sum->sent += mo_load_relaxed(&c->sent);
    sum->received += mo_load_relaxed(&c->received);
    sum->stacks_cleaned += mo_load_relaxed(&c->stacks_cleaned);
    sum->dropped += mo_load_relaxed(&c->dropped);
    sum->deadlines_missed += mo_load_relaxed(&c->deadlines_missed);
    sum->stolen_on_node += mo_load_relaxed(&c->stolen_on_node);
    sum->stolen_next += mo_load_relaxed(&c->stolen_next);
    sum->stolen_far += mo_load_relaxed(&c->stolen_far);
    sum->io_calls += mo_load_relaxed(&c->io_calls);
    sum->sent_home += mo_load_relaxed(&c->sent_home);
    sum->stacks_sent += mo_load_relaxed(&c->stacks_sent);
    sum->attended += mo_load_relaxed(&c->attended);
}

/* What a worker has spawned: all, or at the site with this index, whose counter
 * that is. A worker that was stopped in the middle of counting is not waited
 * for for ever. */
static uint64_t spawned_by(const struct mo_worker *w,
                           const uint64_t *counter,
                           uint32_t index)
{
    uint64_t spawned = 0;
    uint32_t before;

    for (uint32_t round = 0; round < TRIES; mo_relax(round++)) {
        const struct moirai_site *ticket;

        before = mo_scope_counting(w);
        ticket = mo_load_relaxed(&w->ticket);
        spawned = mo_load_relaxed(counter);
        if (index == ALL || (ticket != NULL
                             && mo_load_relaxed(&ticket->index) == index))
            spawned += mo_scope_uncounted(w);
        if (before % 2 == 0 && mo_scope_counting(w) == before)
            break;
    }
    return spawned;
}

int moirai_stats_read(struct moirai_runtime *rt, struct moirai_stats *stats)
{
    uint32_t size = stats->size;
    struct moirai_stats sum = {
        .size = size, .workers = mo_load(&rt->staff.wanted)
    };

    if (size < 8 || size > sizeof sum)
        return -EINVAL;
    for (uint32_t i = 0; i < mo_load_relaxed(&rt->worker_count); i++) {
        const struct mo_worker *w = rt->workers[i];
        uint64_t spawned = sum.spawned + spawned_by(w, &w->count.spawned, ALL);

        add(&sum, &w->count);
        sum.spawned = spawned;
    }
    add(&sum, &rt->outside);
    sum.stuck = mo_load_relaxed(&rt->monitor.stuck);
    memcpy(stats, &sum, size);
    return 0;
}

static void print_field(struct mo_line *line, const char *name, uint64_t value)
{
    mo_line_text(line, "moirai: ");
    mo_line_text(line, name);
    for (size_t n = strlen(name); n < COLUMN; n++)
        mo_line_text(line, " ");
    mo_line_number(line, value);
    mo_line_end(line);
}

static struct mo_site_counters count_site(const struct moirai_runtime *rt,
                                          uint32_t index)
{
    struct mo_site_counters sum = {
        mo_load_relaxed(&rt->outside_sites[index].spawned), 0
    };

    for (uint32_t i = 0; i < mo_load_relaxed(&rt->worker_count); i++) {
        const struct mo_worker *w = rt->workers[i];
        const struct mo_site_counters *c = &w->sites[index];

        sum.spawned += spawned_by(w, &c->spawned, index);
        sum.adopted += mo_load_relaxed(&c->adopted);
    }
    return sum;
}

uint64_t mo_stats_spawned(const struct moirai_runtime *rt, uint32_t index)
{
    return count_site(rt, index).spawned;
}

static void print_sites(const struct moirai_runtime *rt, struct mo_line *line)
{
    for (uint32_t i = 0; i < MO_SITES; i++) {
        const struct moirai_site *site = mo_task_site(i);
        struct mo_site_counters sum = count_site(rt, i);

        if (sum.spawned == 0)
            continue;
        mo_line_text(line, "moirai: ");
        mo_line_number(line, sum.spawned);
        mo_line_text(line, " tasks spawned at ");
        mo_line_text(line, site != NULL ? site->file : "other places");
        if (site != NULL) {
            mo_line_text(line, ":");
            mo_line_number(line, site->line);
        }
        mo_line_text(line, "; they and their forks got a stack ");
        mo_line_number(line, sum.adopted);
        mo_line_text(line, " times");
        mo_line_end(line);
    }
}

void mo_stats_print(struct moirai_runtime *rt, int fd)
{
    struct moirai_stats stats = { .size = sizeof stats };
    char text[2048];
    struct mo_line line = { text, sizeof text, 0, fd };

    moirai_stats_read(rt, &stats);
    print_field(&line, "workers", stats.workers);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        uint64_t value;

        memcpy(&value, (const char *)&stats + fields[i].offset, sizeof value);
        print_field(&line, fields[i].name, value);
    }
    print_sites(rt, &line);
    mo_line_flush(&line);
}
