/* SPDX-License-Identifier: MIT */
/*
 * sim.c - the simulator's scheduler: any ready task may be next.
 *
 * One pool for all workers, who under the simulator take turns on one thread.
 * Each pop takes one of the pool's tasks by the host's `pick`, so the order
 * of a run follows from the seed alone, and many seeds show many orders. The
 * config is the simulator's, and read by the core; nothing here does.
 *
 * No task starves, whatever the chooser does (one that explores systematically
 * may say 0 for ever): one that has been passed over 64 + 8n times, n being
 * the size of the pool, is next without asking. A fair chooser would leave a
 * task lying that long once in e^8 times in a large pool, and hardly ever in a
 * small one. Yields need no order of their own, so there is no pop_oldest.
 *
 * The pool is an array, for the choice, whose entries are also linked by age.
 * When it cannot grow, tasks wait in a list until there is a free entry.
 *
 * Rejected: to choose by walking a list, which takes n steps for each of n
 * pops: 100,000 tasks are a common test.
 */
#include <moirai/sched.h>

#include <errno.h>
#include <stdalign.h>

#define SIM_NONE UINT32_MAX
#define SIM_ENTRIES 64              /* at first */
#define SIM_ENTRIES_MAX (UINT32_C(1) << 31)

struct sim_entry {
    struct moirai_task *task;
    uint64_t since;                 /* sim.pops when it came */
    uint32_t older, newer;          /* entries, or SIM_NONE */
};

struct sim {                        /* one thread only */
    const struct moirai_host *host;
    struct sim_entry *entries;      /* the first `count` are in use */
    uint32_t *ids;                  /* of their tasks; behind the entries */
    uint32_t count, capacity;
    uint32_t oldest, newest;        /* SIM_NONE: the pool is empty */
    uint64_t pops;
    struct moirai_task *spilled;    /* not in the pool for want of memory */
    struct moirai_task **spill_end; /* where the next is linked */
    uint64_t spill_count;
};

/* Entries and ids in one. */
static struct sim_entry *sim_alloc(const struct moirai_host *host,
                                   uint32_t capacity)
{
    size_t size = sizeof(struct sim_entry) + sizeof(uint32_t);

    return host->alloc(host->ctx, size * capacity, alignof(struct sim_entry));
}

static int sim_init(void *state, const void *config,
                    const struct moirai_sched_env *env,
                    struct moirai_error *err)
{
    const struct moirai_host *host = env->host;
    struct sim *s = state;

    (void)config;
    if (host->size < sizeof *host)
        return moirai_error_set(err, -ENOTSUP, "sim: this moirai is too old");
    s->host = host;
    s->entries = sim_alloc(host, SIM_ENTRIES);
    if (s->entries == NULL)
        return moirai_error_set(err, -ENOMEM, "sim: no memory for the pool");
    s->capacity = SIM_ENTRIES;
    s->ids = (uint32_t *)(s->entries + SIM_ENTRIES);
    s->oldest = s->newest = SIM_NONE;
    s->spill_end = &s->spilled;
    return 0;
}

static void sim_fini(void *state)
{
    struct sim *s = state;

    s->host->release(s->host->ctx, s->entries);
}

static int sim_worker_init(void *state, void *worker, uint32_t index,
                           struct moirai_error *err)
{
    (void)state;
    (void)worker;
    (void)index;
    (void)err;
    return 0;
}

static void sim_worker_fini(void *state, void *worker)
{
    (void)state;
    (void)worker;
}

/* Doubles the pool, or leaves it as it is. */
static void sim_grow(struct sim *s)
{
    const struct moirai_host *host = s->host;
    struct sim_entry *entries;
    uint32_t *ids;

    if (s->capacity >= SIM_ENTRIES_MAX)
        return;
    entries = sim_alloc(host, 2 * s->capacity);
    if (entries == NULL)
        return;
    ids = (uint32_t *)(entries + 2 * (size_t)s->capacity);
    for (uint32_t i = 0; i < s->count; i++) {
        entries[i] = s->entries[i];
        ids[i] = s->ids[i];
    }
    host->release(host->ctx, s->entries);
    s->entries = entries;
    s->ids = ids;
    s->capacity *= 2;
}

/* Makes the neighbours of entry i by age point to it. */
static void sim_link(struct sim *s, uint32_t i)
{
    struct sim_entry *e = &s->entries[i];

    if (e->older != SIM_NONE)
        s->entries[e->older].newer = i;
    else
        s->oldest = i;
    if (e->newer != SIM_NONE)
        s->entries[e->newer].older = i;
    else
        s->newest = i;
}

/* There must be a free entry. */
static void sim_add(struct sim *s, struct moirai_task *task)
{
    s->entries[s->count] = (struct sim_entry){
        .task = task, .since = s->pops, .older = s->newest, .newer = SIM_NONE,
    };
    s->ids[s->count] = task->id;
    sim_link(s, s->count++);
}

/* The last entry moves into the gap. */
static struct moirai_task *sim_remove(struct sim *s, uint32_t i)
{
    struct sim_entry gone = s->entries[i];

    if (gone.older != SIM_NONE)
        s->entries[gone.older].newer = gone.newer;
    else
        s->oldest = gone.newer;
    if (gone.newer != SIM_NONE)
        s->entries[gone.newer].older = gone.older;
    else
        s->newest = gone.older;
    s->count--;
    if (i != s->count) {
        s->entries[i] = s->entries[s->count];
        s->ids[i] = s->ids[s->count];
        sim_link(s, i);
    }
    return gone.task;
}

static void sim_push(void *state, void *worker, struct moirai_task *task)
{
    struct sim *s = state;

    (void)worker;
    if (s->count == s->capacity)
        sim_grow(s);
    if (s->count < s->capacity) {
        sim_add(s, task);
        return;
    }
    task->next = NULL;
    *s->spill_end = task;
    s->spill_end = &task->next;
    s->spill_count++;
}

/* Moves the first spilled task to the pool, which has a free entry. */
static void sim_unspill(struct sim *s)
{
    struct moirai_task *task = s->spilled;

    s->spilled = task->next;
    if (s->spilled == NULL)
        s->spill_end = &s->spilled;
    s->spill_count--;
    sim_add(s, task);
}

static struct moirai_task *sim_pop(void *state, void *worker)
{
    struct sim *s = state;
    struct moirai_task *task;
    uint32_t i = s->oldest;

    (void)worker;
    if (s->count == 0)
        return NULL;
    s->pops++;
    if (s->count > 1 &&
        s->pops - s->entries[i].since <= 64 + 8 * (uint64_t)s->count)
        i = s->host->pick(s->host->ctx, s->ids, s->count);
    task = sim_remove(s, i);
    if (s->spilled != NULL)
        sim_unspill(s);
    return task;
}

static bool sim_empty(void *state, void *worker)
{
    const struct sim *s = state;

    (void)worker;
    return s->count == 0;
}

static uint64_t sim_length(void *state)
{
    const struct sim *s = state;

    return s->count + s->spill_count;
}

#define SIM_AT(field) .offset = offsetof(struct moirai_sim_config, field)

static const char *const sim_strategies[] = {
    [MOIRAI_SIM_RANDOM] = "random",
    [MOIRAI_SIM_PCT] = "pct",
    [MOIRAI_SIM_GIVEN] = "given",
    NULL,
};

static const char *const sim_unknown[] = { "auto", NULL };

static const char *const sim_any[] = { "any", NULL };
static const char *const sim_never[] = { "never", NULL };

#define SIM_INJECT(which, what)                                               \
    { .name = #which, .preset = "never",                                      \
      .help = "a fault: one in so many " what,                                \
      .type = MOIRAI_UINT, .min = 1, .max = UINT32_MAX,                       \
      .choices = sim_never, SIM_AT(which) }

static const struct moirai_option sim_options[] = {
    { .name = "seed", .preset = "1",
      .help = "the same seed makes the same run",
      .type = MOIRAI_UINT, SIM_AT(seed) },
    { .name = "strategy", .preset = "random",
      .help = "random: every choice by chance; pct: the highest of ranks, of "
              "which depth - 1 fall; given: as choices say",
      .type = MOIRAI_CHOICE, .choices = sim_strategies, SIM_AT(strategy) },
    { .name = "depth", .preset = "3",
      .help = "pct: how many steps must come in a certain order for a fault "
              "to show",
      .type = MOIRAI_UINT, .min = 1, .max = MOIRAI_SIM_DEPTH, SIM_AT(depth) },
    { .name = "steps", .preset = "auto",
      .help = "pct: turns of tasks in a run; auto: any number",
      .type = MOIRAI_UINT, .min = 1, .max = UINT32_MAX,
      .choices = sim_unknown, SIM_AT(steps) },
    { .name = "choices", .preset = "",
      .help = "given: choices to make, from 0, with dots between; then the "
              "first of all",
      .type = MOIRAI_STRING, SIM_AT(choices) },
    { .name = "bound", .preset = "10000",
      .help = "given: choices until chance makes them",
      .type = MOIRAI_UINT, .min = 0, .max = UINT32_MAX, SIM_AT(bound) },
    { .name = "record", .preset = "",
      .help = "given: a file to write the choices to, a line each: of how "
              "many, and which",
      .type = MOIRAI_STRING, SIM_AT(record) },
    SIM_INJECT(inject_memory, "allocations of the library for a task fails"),
    SIM_INJECT(inject_wakes, "waits for a condition ends for nothing"),
    SIM_INJECT(inject_timers, "deadlines of waits is noticed late"),
    SIM_INJECT(inject_cancels, "waits of a task with a handle cancels it"),
    { .name = "inject_limit", .preset = "100",
      .help = "faults in a run, at most", .type = MOIRAI_UINT, .min = 1,
      .max = UINT32_MAX, .choices = sim_any, SIM_AT(inject_limit) },
    { .name = "inject_delay", .preset = "100ms",
      .help = "how late a deadline is noticed, at most",
      .type = MOIRAI_DURATION, .min = 1, .max = INT64_MAX,
      SIM_AT(inject_delay) },
    { .name = NULL },
};

static const struct moirai_sched_ops sim_ops = {
    .flags = MOIRAI_SCHED_ORDERED | MOIRAI_SCHED_SIM,
    .state_size = sizeof(struct sim),
    .worker_size = 1,               /* nothing per worker, but an address */
    .init = sim_init,
    .fini = sim_fini,
    .worker_init = sim_worker_init,
    .worker_fini = sim_worker_fini,
    .push = sim_push,
    .pop = sim_pop,
    .empty = sim_empty,
    .length = sim_length,
};

MOIRAI_PLUGIN(sched, sim) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_SCHED,
    .ops_abi = MOIRAI_SCHED_ABI,
    .name = "sim",
    .version = "1.0",
    .summary = "one thread, virtual clock, seeded order: for finding bugs",
    .options = sim_options,
    .config_size = sizeof(struct moirai_sim_config),
    .rank = -10,
    .ops = &sim_ops,
    .ops_size = sizeof sim_ops,
};
