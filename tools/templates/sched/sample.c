/* SPDX-License-Identifier: MIT */
/*
 * sample.c - a scheduler for moirai: a queue per worker, oldest task first.
 *
 * What other threads push has a queue of its own, where a worker looks first in
 * one of so many pops, so that nobody starves; and a worker that has nothing
 * takes from the others. moirai/sched.h has the contract.
 */
#include <moirai/sched.h>

#include <errno.h>
#include <pthread.h>

struct sample_config {              /* filled by the options below */
    uint64_t others;
};

struct sample_queue {
    pthread_mutex_t lock;           /* guards the rest */
    struct moirai_task *head;       /* oldest */
    struct moirai_task *tail;       /* meaningful while head is set */
    uint64_t length;
};

struct sample_worker {              /* one for each worker, zeroed */
    struct sample_queue own;
    uint64_t pops;                  /* its owner's */
};

struct sample {                     /* one for each runtime, zeroed */
    struct sample_queue others;
    struct sample_worker **workers;
    uint32_t count;                 /* of them */
    uint64_t every;                 /* constant */
    const struct moirai_host *host;
};

static void sample_append(struct sample_queue *q, struct moirai_task *task)
{
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

static struct moirai_task *sample_take(struct sample_queue *q)
{
    struct moirai_task *task;

    pthread_mutex_lock(&q->lock);
    task = q->head;
    if (task != NULL) {
        q->head = task->next;
        q->length--;
    }
    pthread_mutex_unlock(&q->lock);
    return task;
}

static uint64_t sample_count(struct sample_queue *q)
{
    uint64_t length;

    pthread_mutex_lock(&q->lock);
    length = q->length;
    pthread_mutex_unlock(&q->lock);
    return length;
}

static int sample_init(void *state, const void *config,
                       const struct moirai_sched_env *env,
                       struct moirai_error *err)
{
    const struct sample_config *c = config;
    struct sample *s = state;
    int rc;

    s->host = env->host;
    s->every = c->others;
    s->workers = env->host->alloc(env->host->ctx,
                                  env->workers * sizeof *s->workers,
                                  _Alignof(void *));
    if (s->workers == NULL)
        return moirai_error_set(err, -ENOMEM, "sample: no memory for %u "
                                "workers", (unsigned)env->workers);
    rc = pthread_mutex_init(&s->others.lock, NULL);
    if (rc != 0) {
        s->host->release(s->host->ctx, s->workers);
        return moirai_error_set(err, -rc, "sample: cannot create a lock");
    }
    return 0;
}

static void sample_fini(void *state)
{
    struct sample *s = state;

    pthread_mutex_destroy(&s->others.lock);
    s->host->release(s->host->ctx, s->workers);
}

static int sample_worker_init(void *state, void *worker, uint32_t index,
                              struct moirai_error *err)
{
    struct sample *s = state;
    struct sample_worker *w = worker;
    int rc = pthread_mutex_init(&w->own.lock, NULL);

    if (rc != 0)
        return moirai_error_set(err, -rc, "sample: cannot create a lock");
    s->workers[index] = w;
    s->count = index + 1;
    return 0;
}

static void sample_worker_fini(void *state, void *worker)
{
    struct sample *s = state;
    struct sample_worker *w = worker;

    s->count--;
    pthread_mutex_destroy(&w->own.lock);
}

static void sample_push(void *state, void *worker, struct moirai_task *task)
{
    struct sample *s = state;
    struct sample_worker *w = worker;

    sample_append(w != NULL ? &w->own : &s->others, task);
}

static struct moirai_task *sample_pop(void *state, void *worker)
{
    struct sample *s = state;
    struct sample_worker *w = worker;
    bool others_first = ++w->pops % s->every == 0;
    struct moirai_task *task = sample_take(others_first ? &s->others
                                                        : &w->own);

    if (task == NULL)
        task = sample_take(others_first ? &w->own : &s->others);
    return task;
}

static struct moirai_task *sample_steal(void *state, void *worker,
                                        void *victim)
{
    struct sample_worker *v = victim;

    (void)state;
    (void)worker;
    return sample_take(&v->own);
}

static uint64_t sample_length(void *state)
{
    struct sample *s = state;
    uint64_t n = sample_count(&s->others);

    for (uint32_t i = 0; i < s->count; i++)
        n += sample_count(&s->workers[i]->own);
    return n;
}

/* Whatever is queued, any worker gets by pop or by steal. */
static bool sample_empty(void *state, void *worker)
{
    (void)worker;
    return sample_length(state) == 0;
}

static const struct moirai_option sample_options[] = {
    { .name = "others", .preset = "4",
      .help = "one of so many looks is for tasks of other threads first",
      .type = MOIRAI_UINT, .offset = offsetof(struct sample_config, others),
      .min = 1, .max = 1000 },
    { .name = NULL },
};

static const struct moirai_sched_ops sample_ops = {
    .state_size = sizeof(struct sample),
    .worker_size = sizeof(struct sample_worker),
    .init = sample_init,
    .fini = sample_fini,
    .worker_init = sample_worker_init,
    .worker_fini = sample_worker_fini,
    .push = sample_push,
    .pop = sample_pop,
    .steal = sample_steal,
    .empty = sample_empty,
    .length = sample_length,
};

MOIRAI_PLUGIN(sched, sample) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_SCHED,
    .ops_abi = MOIRAI_SCHED_ABI,
    .name = "sample",
    .version = "1.0",
    .summary = "a queue per worker, oldest task first",
    .options = sample_options,
    .config_size = sizeof(struct sample_config),
    .ops = &sample_ops,
    .ops_size = sizeof sample_ops,
};
