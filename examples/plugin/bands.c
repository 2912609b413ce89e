/* SPDX-License-Identifier: MIT */
/*
 * bands.c - a scheduler of priorities, in which nobody starves.
 *
 * The 256 priorities of tasks are cut into bands. The highest band that holds
 * tasks goes first, its oldest task first; but a band that was passed over
 * `patience` times in a row gets one turn before all others. So a low band
 * always moves, and slowly enough not to disturb the high ones.
 *
 * A shelf is one set of bands under one lock. `queues: shared` has one, which
 * makes priorities strict over all workers. `queues: each` has one for every
 * worker, which scales: an idle worker takes the most urgent task of another's
 * shelf, but a busy one does not look there.
 *
 * Memory: `held` is written under the lock and read without it. The core
 * fences between a push and its look for sleepers, and a worker between lying
 * down and asking `empty`; so all that `empty` has to do is to read it.
 *
 * Rejected: patience by the clock, which would be read for each pop, and would
 * make runs depend on the machine; a lottery, which promises less.
 */
#include <moirai/sched.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#define BANDS_MAX 64                /* bits in `held` */

enum { QUEUES_SHARED, QUEUES_EACH };

struct bands_config {
    uint64_t bands;
    uint64_t patience;              /* 0: never */
    uint32_t queues;
    bool report;
};

struct band {
    struct moirai_task *head;       /* oldest */
    struct moirai_task *tail;       /* meaningful only while head is set */
    uint64_t since;                 /* `turns` when it last had one, or when
                                     * it began to wait for one */
};

struct shelf {
    _Alignas(128) pthread_mutex_t lock;     /* guards what is below */
    _Atomic uint64_t held;          /* a bit for each band that has tasks */
    uint64_t turns;
    uint64_t early;                 /* of those, the ones out of patience */
    struct band bands[BANDS_MAX];
};

struct bands {
    const struct moirai_host *host; /* this and the next are constant */
    struct bands_config config;
    struct shelf *shelves;
    uint32_t shelf_count;
    _Atomic uint32_t next;          /* shelf for a task from outside */
};

struct bands_worker {
    struct shelf *home;             /* constant */
};

static uint32_t highest(uint64_t held)
{
    return 63 - (uint32_t)__builtin_clzll(held);
}

static void shelf_put(const struct bands *s, struct shelf *shelf,
                      struct moirai_task *task)
{
    uint32_t i = (uint32_t)(task->priority * s->config.bands / 256);
    struct band *band = &shelf->bands[i];

    task->next = NULL;
    pthread_mutex_lock(&shelf->lock);
    if (band->head != NULL) {
        band->tail->next = task;
    } else {
        band->head = task;
        band->since = shelf->turns;
        shelf->held |= UINT64_C(1) << i;
    }
    band->tail = task;
    pthread_mutex_unlock(&shelf->lock);
}

/* The band whose turn it is; `held` is not 0. The lock is held. */
static uint32_t shelf_turn(const struct bands *s, struct shelf *shelf,
                           uint64_t held)
{
    uint32_t top = highest(held);
    uint32_t eldest = top;

    for (uint64_t rest = held; rest != 0; rest ^= UINT64_C(1) << highest(rest))
        if (shelf->bands[highest(rest)].since < shelf->bands[eldest].since)
            eldest = highest(rest);
    if (s->config.patience == 0 ||
        shelf->turns - shelf->bands[eldest].since < s->config.patience)
        eldest = top;
    shelf->early += eldest != top;
    shelf->bands[eldest].since = ++shelf->turns;
    return eldest;
}

static struct moirai_task *shelf_take(const struct bands *s,
                                      struct shelf *shelf)
{
    struct moirai_task *task = NULL;

    if (shelf->held == 0)
        return NULL;                /* leaves the lock to who has business */
    pthread_mutex_lock(&shelf->lock);
    if (shelf->held != 0) {
        uint32_t i = shelf_turn(s, shelf, shelf->held);

        task = shelf->bands[i].head;
        shelf->bands[i].head = task->next;
        if (task->next == NULL)
            shelf->held &= ~(UINT64_C(1) << i);
    }
    pthread_mutex_unlock(&shelf->lock);
    return task;
}

static int bands_init(void *state, const void *config,
                      const struct moirai_sched_env *env,
                      struct moirai_error *err)
{
    const struct moirai_host *host = env->host;
    struct bands *s = state;

    s->host = host;
    s->config = *(const struct bands_config *)config;
    s->shelf_count = s->config.queues == QUEUES_EACH ? env->workers : 1;
    s->shelves = host->alloc(host->ctx, s->shelf_count * sizeof *s->shelves,
                             _Alignof(struct shelf));
    if (s->shelves == NULL)
        return moirai_error_set(err, -ENOMEM, "bands: no memory for %u queues",
                                (unsigned)s->shelf_count);
    for (uint32_t i = 0; i < s->shelf_count; i++)
        s->shelves[i].lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    return 0;
}

static void bands_fini(void *state)
{
    struct bands *s = state;
    const struct moirai_host *host = s->host;
    uint64_t turns = 0;
    uint64_t early = 0;

    for (uint32_t i = 0; i < s->shelf_count; i++) {
        turns += s->shelves[i].turns;
        early += s->shelves[i].early;
        pthread_mutex_destroy(&s->shelves[i].lock);
    }
    if (s->config.report)
        host->log(host->ctx, MOIRAI_LOG_INFO,
                  "bands: %llu turns, %llu of them out of patience",
                  (unsigned long long)turns, (unsigned long long)early);
    host->release(host->ctx, s->shelves);
}

static int bands_worker_init(void *state, void *worker, uint32_t index,
                             struct moirai_error *err)
{
    struct bands *s = state;
    struct bands_worker *w = worker;

    (void)err;
    w->home = &s->shelves[index % s->shelf_count];
    return 0;
}

static void bands_push(void *state, void *worker, struct moirai_task *task)
{
    struct bands *s = state;
    struct bands_worker *w = worker;

    if (w != NULL)
        shelf_put(s, w->home, task);
    else
        shelf_put(s, &s->shelves[s->next++ % s->shelf_count], task);
}

static struct moirai_task *bands_pop(void *state, void *worker)
{
    struct bands_worker *w = worker;

    return shelf_take(state, w->home);
}

static struct moirai_task *bands_steal(void *state, void *worker, void *victim)
{
    struct bands_worker *w = worker;
    struct bands_worker *v = victim;

    return v->home != w->home ? shelf_take(state, v->home) : NULL;
}

static bool bands_empty(void *state, void *worker)
{
    struct bands *s = state;
    uint64_t held = 0;

    (void)worker;
    for (uint32_t i = 0; i < s->shelf_count; i++)
        held |= s->shelves[i].held;
    return held == 0;
}

static const char *const patience_words[] = { "never", NULL };
static const char *const queues_words[] = { "shared", "each", NULL };

static const struct moirai_option bands_options[] = {
    { .name = "bands", .preset = "8", .type = MOIRAI_UINT,
      .help = "into how many the 256 priorities are cut",
      .offset = offsetof(struct bands_config, bands),
      .min = 1, .max = BANDS_MAX },
    { .name = "patience", .preset = "64", .type = MOIRAI_UINT,
      .help = "passed over so many times, a band gets a turn",
      .offset = offsetof(struct bands_config, patience),
      .min = 1, .max = UINT32_MAX, .choices = patience_words },
    { .name = "queues", .preset = "shared", .type = MOIRAI_CHOICE,
      .help = "shared: strict over all workers; each: a lock per worker",
      .offset = offsetof(struct bands_config, queues),
      .choices = queues_words },
    { .name = "report", .preset = "no", .type = MOIRAI_BOOL,
      .help = "log at the end how often patience ran out (level info)",
      .offset = offsetof(struct bands_config, report) },
    { .name = NULL },
};

static const struct moirai_sched_ops bands_ops = {
    .flags = MOIRAI_SCHED_ORDERED,  /* no fork overtakes a higher band */
    .state_size = sizeof(struct bands),
    .worker_size = sizeof(struct bands_worker),
    .init = bands_init,
    .fini = bands_fini,
    .worker_init = bands_worker_init,
    .push = bands_push,
    .pop = bands_pop,
    .steal = bands_steal,
    .empty = bands_empty,
};

MOIRAI_PLUGIN(sched, bands) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_SCHED,
    .ops_abi = MOIRAI_SCHED_ABI,
    .name = "bands",
    .version = "1.0",
    .summary = "by priority, in bands; a band passed over too often goes first",
    .options = bands_options,
    .config_size = sizeof(struct bands_config),
    .ops = &bands_ops,
    .ops_size = sizeof bands_ops,
};
