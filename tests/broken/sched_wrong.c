/* SPDX-License-Identifier: MIT */
/*
 * sched_wrong.c - a scheduler with the fault that its option names; with `none`
 * it keeps its promises.
 *
 * A queue per worker and one for all other threads, oldest task first; every
 * fourth pop looks among the others' first, so that nobody starves.
 */
#include <moirai/sched.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define WORKERS_MAX 16
#define FAIR 4
#define RARELY 50                   /* one task of so many */

enum fault {
    NONE,
    LOSES,                          /* push forgets some tasks */
    TWICE,                          /* pop gives some again */
    UNFAIR,                         /* the newest first, for ever */
    OUTSIDE,                        /* others' tasks when there are no own */
    BLOCKS,                         /* pop waits until there is something */
    LEAKS,                          /* memory of the C library stays */
    KEEPS,                          /* memory of the host stays */
    FILES,                          /* a file stays open */
    HALFWAY,                        /* as KEEPS, when init fails */
    BLIND,                          /* empty sees nothing to steal */
    HOPEFUL,                        /* empty is true before the first push */
    HOARDS,                         /* nothing can be stolen */
    LEAVES,                         /* steal leaves what it gives */
    NEWEST,                         /* pop_oldest gives the newest */
    MISCOUNTS,                      /* length never falls */
    ALLOCATES,                      /* push forgets where there is no memory */
    RACES,                          /* push forgets where it should wait */
    STUMBLES,                       /* steal crashes */
    EXITS,                          /* pop ends the process, as if all were
                                     * well */
    LOOPS,                          /* steal looks until there is something */
    OVERRUNS,                       /* init writes behind the state */
    SILENT                          /* init fails, and says nothing */
};

static const char *const fault_words[] = {
    "none", "loses", "twice", "unfair", "outside", "blocks", "leaks", "keeps",
    "files", "halfway", "blind", "hopeful", "hoards", "leaves", "newest",
    "miscounts", "allocates", "races", "stumbles", "exits", "loops",
    "overruns", "silent", NULL,
};

struct wrong_config {
    uint32_t fault;
};

struct line {
    pthread_mutex_t lock;           /* guards the rest */
    struct moirai_task *head;       /* oldest */
    struct moirai_task *tail;       /* meaningful while head is set */
    uint64_t length;
};

struct wrong {
    enum fault fault;
    struct line others;             /* of threads that are no workers */
    struct wrong_worker *workers[WORKERS_MAX];
    uint32_t count;                 /* of them */
    const struct moirai_host *host;
    void *pieces[2];                /* of the host's memory */
    uint64_t pushes, pops;          /* atomic */
    struct moirai_task *again;
};

struct wrong_worker {
    struct line own;
    uint32_t turns;
};

/* --- lines --------------------------------------------------------------- */

static void line_append(struct line *line, struct moirai_task *task)
{
    task->next = NULL;
    if (line->head == NULL)
        line->head = task;
    else
        line->tail->next = task;
    line->tail = task;
}

static void line_prepend(struct line *line, struct moirai_task *task)
{
    task->next = line->head;
    if (line->head == NULL)
        line->tail = task;
    line->head = task;
}

static struct moirai_task *line_take(struct line *line, bool and_leave)
{
    struct moirai_task *task;

    pthread_mutex_lock(&line->lock);
    task = line->head;
    if (task != NULL && !and_leave) {
        line->head = task->next;
        line->length--;
    }
    pthread_mutex_unlock(&line->lock);
    return task;
}

static struct moirai_task *line_take_newest(struct line *line)
{
    struct moirai_task *before = NULL;
    struct moirai_task *newest;
    struct moirai_task **at = &line->head;

    pthread_mutex_lock(&line->lock);
    for (; *at != NULL && (*at)->next != NULL; at = &(*at)->next)
        before = *at;
    newest = *at;
    *at = NULL;
    line->tail = before;
    line->length -= newest != NULL;
    pthread_mutex_unlock(&line->lock);
    return newest;
}

static uint64_t line_length(struct line *line)
{
    uint64_t length;

    pthread_mutex_lock(&line->lock);
    length = line->length;
    pthread_mutex_unlock(&line->lock);
    return length;
}

static uint64_t lines_length(struct wrong *q)
{
    uint64_t n = line_length(&q->others);

    for (uint32_t i = 0; i < q->count; i++)
        n += line_length(&q->workers[i]->own);
    return n;
}

/* --- the scheduler ------------------------------------------------------- */

static int wrong_start(struct wrong *q, struct moirai_error *err)
{
    if (q->fault == SILENT)
        return -EIO;
    for (int i = 0; i < 2; i++)
        q->pieces[i] = q->host->alloc(q->host->ctx, 64, 16);
    if (q->pieces[0] != NULL && q->pieces[1] != NULL)
        return 0;
    if (q->fault != HALFWAY) {
        q->host->release(q->host->ctx, q->pieces[0]);
        q->host->release(q->host->ctx, q->pieces[1]);
    }
    return moirai_error_set(err, -ENOMEM, "no memory");
}

static int wrong_init(void *state, const void *config,
                      const struct moirai_sched_env *env,
                      struct moirai_error *err)
{
    const struct wrong_config *c = config;
    struct wrong *q = state;
    static void *lost;

    q->host = env->host;
    q->fault = (enum fault)c->fault;
    pthread_mutex_init(&q->others.lock, NULL);
    if (q->fault == LEAKS) {
        *(void **)(lost = malloc(100)) = NULL;
        lost = NULL;
    }
    if (q->fault == FILES && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
        return moirai_error_set(err, -EMFILE, "too many files");
    if (q->fault == OVERRUNS)
        ((volatile char *)state)[sizeof *q] = 1;
    return wrong_start(q, err);
}

static void wrong_fini(void *state)
{
    struct wrong *q = state;

    pthread_mutex_destroy(&q->others.lock);
    q->host->release(q->host->ctx, q->pieces[0]);
    if (q->fault != KEEPS)
        q->host->release(q->host->ctx, q->pieces[1]);
}

static int wrong_worker_init(void *state, void *worker, uint32_t index,
                             struct moirai_error *err)
{
    struct wrong *q = state;
    struct wrong_worker *w = worker;

    (void)err;
    pthread_mutex_init(&w->own.lock, NULL);
    q->workers[index] = w;
    q->count = index + 1;
    return 0;
}

static void wrong_worker_fini(void *state, void *worker)
{
    struct wrong *q = state;
    struct wrong_worker *w = worker;

    pthread_mutex_destroy(&w->own.lock);
    q->count--;
}

/* Is a task that is pushed queued? Then the line is locked. */
static bool wrong_takes(struct wrong *q, struct line *line)
{
    uint64_t n = __atomic_add_fetch(&q->pushes, 1, __ATOMIC_RELAXED);
    void *piece;

    if (q->fault == LOSES && n % RARELY == 0)
        return false;
    if (q->fault == RACES)
        return pthread_mutex_trylock(&line->lock) == 0 && sched_yield() == 0;
    if (q->fault == ALLOCATES) {
        piece = q->host->alloc(q->host->ctx, 64, 16);
        q->host->release(q->host->ctx, piece);
        if (piece == NULL)
            return false;
    }
    return pthread_mutex_lock(&line->lock) == 0;
}

static void wrong_push(void *state, void *worker, struct moirai_task *task)
{
    struct wrong *q = state;
    struct wrong_worker *w = worker;
    struct line *line = w != NULL ? &w->own : &q->others;

    if (!wrong_takes(q, line))
        return;
    if (q->fault == UNFAIR)
        line_prepend(line, task);
    else
        line_append(line, task);
    line->length++;
    pthread_mutex_unlock(&line->lock);
}

/* What pop gives in place of a task. */
static struct moirai_task *wrong_gives(struct wrong *q,
                                       struct moirai_task *task)
{
    uint64_t n = __atomic_add_fetch(&q->pops, 1, __ATOMIC_RELAXED);

    if (q->fault != TWICE)
        return task;
    if (task == NULL)
        return __atomic_exchange_n(&q->again, NULL, __ATOMIC_ACQ_REL);
    if (n % RARELY == 0)
        __atomic_store_n(&q->again, task, __ATOMIC_RELEASE);
    return task;
}

static struct moirai_task *wrong_pop(void *state, void *worker)
{
    struct wrong *q = state;
    struct wrong_worker *w = worker;
    bool others_first = ++w->turns % FAIR == 0 && q->fault != OUTSIDE
                     && q->fault != UNFAIR;
    struct moirai_task *task;

    if (q->fault == EXITS)
        exit(0);
    while (q->fault == BLOCKS && lines_length(q) == 0)
        usleep(1000);
    task = line_take(others_first ? &q->others : &w->own, false);
    if (task == NULL)
        task = line_take(others_first ? &w->own : &q->others, false);
    return wrong_gives(q, task);
}

static struct moirai_task *wrong_pop_oldest(void *state, void *worker)
{
    struct wrong *q = state;
    struct wrong_worker *w = worker;

    return q->fault == NEWEST ? line_take_newest(&w->own)
                              : wrong_pop(state, worker);
}

static struct moirai_task *wrong_steal(void *state, void *worker, void *victim)
{
    struct wrong *q = state;
    struct wrong_worker *v = victim;
    struct moirai_task *task;

    (void)worker;
    if (q->fault == HOARDS)
        return NULL;
    if (q->fault == STUMBLES)
        abort();
    do
        task = line_take(&v->own, q->fault == LEAVES);
    while (task == NULL && q->fault == LOOPS);
    return task;
}

static bool wrong_empty(void *state, void *worker)
{
    struct wrong *q = state;
    struct wrong_worker *w = worker;

    if (q->fault == BLIND)
        return line_length(&w->own) + line_length(&q->others) == 0;
    if (q->fault == HOPEFUL)
        return __atomic_load_n(&q->pushes, __ATOMIC_RELAXED) == 0;
    return lines_length(q) == 0;
}

static uint64_t wrong_length(void *state)
{
    struct wrong *q = state;

    return q->fault == MISCOUNTS
        ? __atomic_load_n(&q->pushes, __ATOMIC_RELAXED) : lines_length(q);
}

static const struct moirai_option wrong_options[] = {
    { .name = "fault", .preset = "none", .help = "what is wrong",
      .type = MOIRAI_CHOICE, .choices = fault_words,
      .offset = offsetof(struct wrong_config, fault) },
    { .name = NULL },
};

static const struct moirai_sched_ops wrong_ops = {
    .state_size = sizeof(struct wrong),
    .worker_size = sizeof(struct wrong_worker),
    .init = wrong_init,
    .fini = wrong_fini,
    .worker_init = wrong_worker_init,
    .worker_fini = wrong_worker_fini,
    .push = wrong_push,
    .pop = wrong_pop,
    .pop_oldest = wrong_pop_oldest,
    .steal = wrong_steal,
    .empty = wrong_empty,
    .length = wrong_length,
};

MOIRAI_PLUGIN(sched, wrong) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_SCHED,
    .ops_abi = MOIRAI_SCHED_ABI,
    .name = "wrong",
    .version = "0.1",
    .summary = "has a fault, as its option says",
    .options = wrong_options,
    .config_size = sizeof(struct wrong_config),
    .ops = &wrong_ops,
    .ops_size = sizeof wrong_ops,
};
