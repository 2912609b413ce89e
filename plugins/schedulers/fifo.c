/* SPDX-License-Identifier: MIT */
/*
 * fifo.c - one queue for all workers, oldest task first.
 *
 * The reference scheduler: short enough to check by eye, and what the others
 * are measured against. A worker takes tasks in batches, so the shared lock
 * is taken once per `batch` pops; what it has taken and not yet run can be
 * stolen, so that a task does not wait behind a long one while another worker
 * is idle.
 *
 * Locks: a worker's own, then the shared one. Both are held for a few
 * instructions; `empty` takes the workers' one after the other.
 *
 * Rejected: a lock-free queue. It needs safe reclamation, which would make
 * the yardstick harder to trust than the things it measures. Also: batches
 * that belong to their worker alone, which would save the lock around
 * `taken`, but let one long task hold up the rest of its batch.
 */
#include <moirai/sched.h>

#include <pthread.h>

struct fifo_config {
    uint64_t batch;
};

struct fifo_worker {
    pthread_mutex_t lock;           /* guards taken */
    struct moirai_task *taken;      /* oldest first */
    struct fifo_worker *next;       /* constant once workers run */
};

struct fifo {
    pthread_mutex_t lock;           /* guards head, tail and length */
    struct moirai_task *head;
    struct moirai_task *tail;       /* meaningful only while head is set */
    uint64_t length;
    uint64_t batch;                 /* constant after init */
    struct fifo_worker *workers;    /* constant once workers run */
};

static int fifo_lock_init(pthread_mutex_t *lock, struct moirai_error *err)
{
    int rc = pthread_mutex_init(lock, NULL);

    if (rc != 0)
        return moirai_error_set(err, -rc, "fifo: cannot create a lock");
    return 0;
}

static int fifo_init(void *state, const void *config,
                     const struct moirai_sched_env *env,
                     struct moirai_error *err)
{
    const struct fifo_config *conf = config;
    struct fifo *q = state;

    (void)env;
    q->batch = conf->batch;
    return fifo_lock_init(&q->lock, err);
}

static void fifo_fini(void *state)
{
    struct fifo *q = state;

    pthread_mutex_destroy(&q->lock);
}

static int fifo_worker_init(void *state, void *worker, uint32_t index,
                            struct moirai_error *err)
{
    struct fifo *q = state;
    struct fifo_worker *w = worker;
    int rc = fifo_lock_init(&w->lock, err);

    (void)index;
    if (rc != 0)
        return rc;
    w->next = q->workers;
    q->workers = w;
    return 0;
}

static void fifo_worker_fini(void *state, void *worker)
{
    struct fifo *q = state;
    struct fifo_worker *w = worker;
    struct fifo_worker **link = &q->workers;

    while (*link != w)
        link = &(*link)->next;
    *link = w->next;
    pthread_mutex_destroy(&w->lock);
}

static void fifo_push(void *state, void *worker, struct moirai_task *task)
{
    struct fifo *q = state;

    (void)worker;
    task->next = NULL;
    pthread_mutex_lock(&q->lock);
    if (q->head == NULL)
        q->head = task;
    else
        q->tail->next = task;
    q->tail = task;
    q->length++;
    pthread_mutex_unlock(&q->lock);
}

/* Cuts up to q->batch tasks off the front. */
static struct moirai_task *fifo_take(struct fifo *q)
{
    struct moirai_task *first;
    struct moirai_task *last;
    uint64_t n = 1;

    pthread_mutex_lock(&q->lock);
    first = last = q->head;
    if (first != NULL) {
        for (; n < q->batch && last->next != NULL; n++)
            last = last->next;
        q->head = last->next;
        q->length -= n;
        last->next = NULL;
    }
    pthread_mutex_unlock(&q->lock);
    return first;
}

static struct moirai_task *fifo_pop(void *state, void *worker)
{
    struct fifo_worker *w = worker;
    struct moirai_task *task;

    pthread_mutex_lock(&w->lock);
    if (w->taken == NULL)
        w->taken = fifo_take(state);
    task = w->taken;
    if (task != NULL)
        w->taken = task->next;
    pthread_mutex_unlock(&w->lock);
    return task;
}

static struct moirai_task *fifo_steal(void *state, void *worker, void *victim)
{
    struct fifo_worker *v = victim;
    struct moirai_task *task;

    (void)state;
    (void)worker;
    pthread_mutex_lock(&v->lock);
    task = v->taken;
    if (task != NULL)
        v->taken = task->next;
    pthread_mutex_unlock(&v->lock);
    return task;
}

static bool fifo_empty(void *state, void *worker)
{
    struct fifo *q = state;
    bool empty;

    (void)worker;
    pthread_mutex_lock(&q->lock);
    empty = q->head == NULL;
    pthread_mutex_unlock(&q->lock);
    for (struct fifo_worker *w = q->workers; w != NULL && empty; w = w->next) {
        pthread_mutex_lock(&w->lock);
        empty = w->taken == NULL;
        pthread_mutex_unlock(&w->lock);
    }
    return empty;
}

/* Without what workers have taken: at most a batch each. */
static uint64_t fifo_length(void *state)
{
    struct fifo *q = state;
    uint64_t length;

    pthread_mutex_lock(&q->lock);
    length = q->length;
    pthread_mutex_unlock(&q->lock);
    return length;
}

static const struct moirai_option fifo_options[] = {
    { .name = "batch", .preset = "8", .help = "tasks a worker takes at once",
      .type = MOIRAI_UINT, .offset = offsetof(struct fifo_config, batch),
      .min = 1, .max = 256 },
    { .name = NULL },
};

static const struct moirai_sched_ops fifo_ops = {
    .flags = MOIRAI_SCHED_ORDERED,
    .state_size = sizeof(struct fifo),
    .worker_size = sizeof(struct fifo_worker),
    .init = fifo_init,
    .fini = fifo_fini,
    .worker_init = fifo_worker_init,
    .worker_fini = fifo_worker_fini,
    .push = fifo_push,
    .pop = fifo_pop,
    .steal = fifo_steal,
    .empty = fifo_empty,
    .length = fifo_length,
};

MOIRAI_PLUGIN(sched, fifo) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_SCHED,
    .ops_abi = MOIRAI_SCHED_ABI,
    .name = "fifo",
    .version = "1.0",
    .summary = "one shared queue, oldest task first",
    .options = fifo_options,
    .config_size = sizeof(struct fifo_config),
    .ops = &fifo_ops,
    .ops_size = sizeof fifo_ops,
};
