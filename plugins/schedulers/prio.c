/* SPDX-License-Identifier: MIT */
/*
 * prio.c - the most urgent task first; among equals the oldest.
 *
 * All workers share one order, under one lock: whoever takes a task takes the
 * first of all that are queued then. A running task is never interrupted.
 *
 * Levels. A task's priority gives its level, 0 being the most urgent. Each has
 * a queue, and a bit of `mask` says that it is not empty. With `order: strict`
 * that is all, and a task waits for as long as more urgent ones come.
 *
 * Ageing. After each `age` pushes everything that waits rises by a level. The
 * queues are a ring, so that this takes a few steps however much waits: what is
 * left of the first level goes before what is in the next one, which is the
 * first from now on; the one that was first is empty, and the last. So a task
 * of level n that is pushed goes behind what is queued already and before all
 * that is pushed after the nth rise to come: of what is pushed after it, fewer
 * than n * age tasks run before it. That holds exactly, as does first come
 * first served among those that meet at one level.
 *
 * Deadlines (`order: edf`). Tasks that have one, or whose scope has, go before
 * all others, the earliest deadline first; the rest is strict. They are in a
 * heap, which grows; if there is no memory for that, newer ones go to a list
 * that is kept in order, which takes longer, but loses no promise.
 *
 * Rejected: a queue per worker, and a look at the others' most urgent task with
 * each pop: it reads as many lines as there are workers, and what it finds may
 * be gone. Ageing by the clock: a burst would overtake without bound until the
 * clock has moved. A rank for each task, number of pushes plus age: it has no
 * place to be, as a task has room for one link only.
 */
#include <moirai/sched.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#define PRIO_LEVELS 256
#define PRIO_WORDS (PRIO_LEVELS / 64)
#define PRIO_DUE 64                 /* entries of a new heap */

enum prio_order { PRIO_STRICT, PRIO_AGEING, PRIO_EDF };

struct prio_config {
    uint64_t levels;
    uint64_t age;
    uint32_t order;                 /* enum prio_order */
};

struct prio_queue {
    struct moirai_task *head;       /* oldest */
    struct moirai_task *tail;       /* meaningful only while head is set */
};

struct prio_due {
    int64_t deadline_ns;
    uint64_t number;                /* of the push: first come, first served */
    struct moirai_task *task;
};

struct prio {
    const struct moirai_host *host; /* constant, as are: */
    int64_t (*deadline)(const struct moirai_task *task);    /* or NULL */
    uint64_t age;                   /* 0: nothing rises */
    uint32_t levels;

    pthread_mutex_t lock;           /* guards all that follows */
    atomic_uint_least64_t length;   /* read without it */
    uint32_t first;                 /* the queue of level 0 */
    uint64_t until_rise;            /* pushes */
    uint64_t mask[PRIO_WORDS];
    struct prio_queue queues[PRIO_LEVELS];

    struct prio_due *due;           /* a heap, the earliest on top */
    uint64_t due_count, due_room;
    uint64_t due_number;
    struct moirai_task *spilled;    /* newer than all of the heap, in order */
    struct moirai_task *spilled_last;   /* meaningful while there are some */
};

static struct prio_due *prio_alloc(const struct moirai_host *host, uint64_t n)
{
    return host->alloc(host->ctx, n * sizeof(struct prio_due),
                       _Alignof(struct prio_due));
}

static int prio_init(void *state, const void *config,
                     const struct moirai_sched_env *env,
                     struct moirai_error *err)
{
    const struct prio_config *conf = config;
    struct prio *p = state;
    int rc;

    p->host = env->host;
    p->levels = (uint32_t)conf->levels;
    p->age = conf->order == PRIO_AGEING ? conf->age : 0;
    p->until_rise = p->age;
    if (conf->order == PRIO_EDF && env->size >= sizeof *env)
        p->deadline = env->deadline;
    if (p->deadline != NULL) {
        p->due = prio_alloc(p->host, PRIO_DUE);
        if (p->due == NULL)
            return moirai_error_set(err, -ENOMEM,
                                    "prio: no memory for the deadlines");
        p->due_room = PRIO_DUE;
    }
    rc = pthread_mutex_init(&p->lock, NULL);
    if (rc != 0) {
        p->host->release(p->host->ctx, p->due);
        return moirai_error_set(err, -rc, "prio: cannot create a lock");
    }
    return 0;
}

static void prio_fini(void *state)
{
    struct prio *p = state;

    pthread_mutex_destroy(&p->lock);
    p->host->release(p->host->ctx, p->due);
}

static int prio_worker_init(void *state, void *worker, uint32_t index,
                            struct moirai_error *err)
{
    (void)state;
    (void)worker;
    (void)index;
    (void)err;
    return 0;
}

/* Only what holds the lock adds to it. */
static void prio_count(struct prio *p, uint64_t n)
{
    uint64_t length = atomic_load_explicit(&p->length, memory_order_relaxed);

    atomic_store_explicit(&p->length, length + n, memory_order_seq_cst);
}

/* --- levels --------------------------------------------------------------- */

static uint32_t prio_ring(const struct prio *p, uint32_t level)
{
    uint32_t i = p->first + level;

    return i < p->levels ? i : i - p->levels;
}

static void prio_mark(struct prio *p, uint32_t i, bool there)
{
    uint64_t bit = UINT64_C(1) << i % 64;

    if (there)
        p->mask[i / 64] |= bit;
    else
        p->mask[i / 64] &= ~bit;
}

/* The first queue from i on, of those before `end`, that is not empty. */
static uint32_t prio_scan(const struct prio *p, uint32_t i, uint32_t end)
{
    while (i < end) {
        uint64_t bits = p->mask[i / 64] >> i % 64;

        if (bits != 0)
            return i + (uint32_t)__builtin_ctzll(bits);
        i = (i / 64 + 1) * 64;
    }
    return end;
}

static void prio_rise(struct prio *p)
{
    uint32_t next = prio_ring(p, 1);
    struct prio_queue *old = &p->queues[p->first];
    struct prio_queue *up = &p->queues[next];

    p->until_rise = p->age;
    if (old != up && old->head != NULL) {
        old->tail->next = up->head;
        if (up->head != NULL)
            old->tail = up->tail;
        *up = *old;
        old->head = NULL;
        prio_mark(p, next, true);
        prio_mark(p, p->first, false);
    }
    p->first = next;
}

static void prio_queue_add(struct prio *p, struct moirai_task *task)
{
    uint32_t below = UINT8_MAX - (uint32_t)task->priority;
    uint32_t i = prio_ring(p, below * p->levels / PRIO_LEVELS);
    struct prio_queue *q = &p->queues[i];

    task->next = NULL;
    if (q->head == NULL)
        q->head = task;
    else
        q->tail->next = task;
    q->tail = task;
    prio_mark(p, i, true);
}

/* Whatever queue it has risen to. False: it has a deadline, and is in none. */
static bool prio_queue_remove(struct prio *p, struct moirai_task *task)
{
    for (uint32_t i = prio_scan(p, 0, p->levels); i < p->levels;
         i = prio_scan(p, i + 1, p->levels)) {
        struct prio_queue *q = &p->queues[i];
        struct moirai_task *before = NULL;
        struct moirai_task *at = q->head;

        for (; at != NULL && at != task; at = at->next)
            before = at;
        if (at == NULL)
            continue;
        if (before != NULL)
            before->next = task->next;
        else
            q->head = task->next;
        if (q->tail == task)
            q->tail = before;
        prio_mark(p, i, q->head != NULL);
        return true;
    }
    return false;
}

static struct moirai_task *prio_queue_take(struct prio *p)
{
    uint32_t i = prio_scan(p, p->first, p->levels);
    struct moirai_task *task;

    if (i == p->levels)
        i = prio_scan(p, 0, p->first);
    task = p->queues[i].head;
    p->queues[i].head = task->next;
    if (task->next == NULL)
        prio_mark(p, i, false);
    return task;
}

/* --- deadlines ----------------------------------------------------------- */

static bool prio_before(const struct prio_due *a, const struct prio_due *b)
{
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns
                                            : a->number < b->number;
}

/* There is room for one more, or could be made. */
static bool prio_heap_room(struct prio *p)
{
    struct prio_due *due;

    if (p->due_count < p->due_room)
        return true;
    due = prio_alloc(p->host, 2 * p->due_room);
    if (due == NULL)
        return false;
    for (uint64_t i = 0; i < p->due_count; i++)
        due[i] = p->due[i];
    p->host->release(p->host->ctx, p->due);
    p->due = due;
    p->due_room *= 2;
    return true;
}

static void prio_heap_add(struct prio *p, struct moirai_task *task,
                          int64_t deadline_ns)
{
    struct prio_due entry = { deadline_ns, p->due_number++, task };
    uint64_t i = p->due_count++;

    for (; i > 0 && prio_before(&entry, &p->due[(i - 1) / 2]); i = (i - 1) / 2)
        p->due[i] = p->due[(i - 1) / 2];
    p->due[i] = entry;
}

static struct moirai_task *prio_heap_take(struct prio *p)
{
    struct moirai_task *task = p->due[0].task;
    struct prio_due last = p->due[--p->due_count];
    uint64_t i = 0;

    for (;;) {
        uint64_t child = 2 * i + 1;

        if (child + 1 < p->due_count
            && prio_before(&p->due[child + 1], &p->due[child]))
            child++;
        if (child >= p->due_count || !prio_before(&p->due[child], &last))
            break;
        p->due[i] = p->due[child];
        i = child;
    }
    p->due[i] = last;
    return task;
}

static void prio_spill(struct prio *p, struct moirai_task *task,
                       int64_t deadline_ns)
{
    struct moirai_task **at = &p->spilled;

    if (p->spilled != NULL && p->deadline(p->spilled_last) <= deadline_ns)
        at = &p->spilled_last->next;
    while (*at != NULL && p->deadline(*at) <= deadline_ns)
        at = &(*at)->next;
    task->next = *at;
    *at = task;
    if (task->next == NULL)
        p->spilled_last = task;
}

/* False: it has none. */
static bool prio_due_add(struct prio *p, struct moirai_task *task)
{
    int64_t deadline_ns = p->deadline(task);

    if (deadline_ns == MOIRAI_NEVER)
        return false;
    if (p->spilled == NULL && prio_heap_room(p))
        prio_heap_add(p, task, deadline_ns);
    else
        prio_spill(p, task, deadline_ns);
    return true;
}

/* NULL: nobody queued has a deadline. Of equal ones, the heap's are older. */
static struct moirai_task *prio_due_take(struct prio *p)
{
    struct moirai_task *first = p->spilled;
    struct moirai_task *task = NULL;

    if (p->due_count != 0 && (first == NULL
                              || p->due[0].deadline_ns <= p->deadline(first)))
        task = prio_heap_take(p);
    if (first == NULL)
        return task;
    p->spilled = first->next;
    if (task == NULL)
        return first;
    prio_heap_add(p, first, p->deadline(first));    /* there is room now */
    return task;
}

/* --- what the core calls -------------------------------------------------- */

static void prio_push(void *state, void *worker, struct moirai_task *task)
{
    struct prio *p = state;

    (void)worker;
    pthread_mutex_lock(&p->lock);
    task->flags |= MOIRAI_TASK_QUEUED;
    if (p->deadline == NULL || !prio_due_add(p, task))
        prio_queue_add(p, task);
    if (p->age != 0 && --p->until_rise == 0)
        prio_rise(p);
    prio_count(p, 1);
    pthread_mutex_unlock(&p->lock);
}

static struct moirai_task *prio_pop(void *state, void *worker)
{
    struct prio *p = state;
    struct moirai_task *task = NULL;

    (void)worker;
    if (atomic_load_explicit(&p->length, memory_order_relaxed) == 0)
        return NULL;
    pthread_mutex_lock(&p->lock);
    if (atomic_load_explicit(&p->length, memory_order_relaxed) != 0) {
        if (p->deadline != NULL)
            task = prio_due_take(p);
        if (task == NULL)
            task = prio_queue_take(p);
        task->flags &= (uint16_t)~MOIRAI_TASK_QUEUED;
        prio_count(p, -UINT64_C(1));
    }
    pthread_mutex_unlock(&p->lock);
    return task;
}

/* It goes behind its new equals. To find it takes a look at each task queued
 * before it, at worst: a task is seldom queued while it holds a mutex that more
 * urgent ones wait for. */
static void prio_reprioritise(void *state, struct moirai_task *task,
                              uint32_t priority)
{
    struct prio *p = state;
    bool moves;

    pthread_mutex_lock(&p->lock);
    moves = (task->flags & MOIRAI_TASK_QUEUED) != 0
         && prio_queue_remove(p, task);
    __atomic_store_n(&task->priority, (uint8_t)priority, __ATOMIC_RELAXED);
    if (moves)
        prio_queue_add(p, task);
    pthread_mutex_unlock(&p->lock);
}

static uint64_t prio_length(void *state)
{
    struct prio *p = state;

    return atomic_load_explicit(&p->length, memory_order_seq_cst);
}

static bool prio_empty(void *state, void *worker)
{
    (void)worker;
    return prio_length(state) == 0;
}

static const char *const prio_orders[] = {
    [PRIO_STRICT] = "strict",
    [PRIO_AGEING] = "ageing",
    [PRIO_EDF] = "edf",
    NULL,
};

static const struct moirai_option prio_options[] = {
    { .name = "order", .preset = "ageing",
      .help = "strict: the most urgent task first, whoever waits; ageing: the "
              "same, but those that wait rise; edf: the earliest deadline "
              "first, then strict",
      .type = MOIRAI_CHOICE, .choices = prio_orders,
      .offset = offsetof(struct prio_config, order) },
    { .name = "levels", .preset = "256",
      .help = "how many levels the priorities 255 to 0 are divided into",
      .type = MOIRAI_UINT, .offset = offsetof(struct prio_config, levels),
      .min = 1, .max = PRIO_LEVELS },
    { .name = "age", .preset = "8",
      .help = "ageing: after so many tasks have become ready, all that wait "
              "rise by a level",
      .type = MOIRAI_UINT, .offset = offsetof(struct prio_config, age),
      .min = 1, .max = 1000000000 },
    { .name = NULL },
};

static const struct moirai_sched_ops prio_ops = {
    .flags = MOIRAI_SCHED_ORDERED | MOIRAI_SCHED_RANKED,
    .state_size = sizeof(struct prio),
    .worker_size = 1,               /* nothing per worker, but an address */
    .init = prio_init,
    .fini = prio_fini,
    .worker_init = prio_worker_init,
    .push = prio_push,
    .pop = prio_pop,
    .empty = prio_empty,
    .length = prio_length,
    .reprioritise = prio_reprioritise,
};

MOIRAI_PLUGIN(sched, prio) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_SCHED,
    .ops_abi = MOIRAI_SCHED_ABI,
    .name = "prio",
    .version = "1.0",
    .summary = "the most urgent task first, for all workers; with ageing or "
               "deadlines",
    .options = prio_options,
    .config_size = sizeof(struct prio_config),
    .rank = -5,
    .ops = &prio_ops,
    .ops_size = sizeof prio_ops,
};
