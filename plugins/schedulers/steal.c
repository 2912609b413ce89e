/* SPDX-License-Identifier: MIT */
/*
 * steal.c - a deque per worker; who has nothing takes from the others.
 *
 * A worker pushes to its own deque and pops the newest task, whose data is
 * still in its cache; thieves take the oldest, which is the one most likely
 * to bring more work along. Which victim is asked is the core's choice.
 *
 * Tasks from outside, pushed by threads that are no workers, go to the inbox,
 * a list behind a spin lock. A worker takes its share of it when its deque is
 * empty. Newest first would let old tasks wait for ever behind new ones, so
 * each `fairness`th pop takes the oldest, from the inbox and from the deque by
 * turns. A push is never refused: when a deque is full and there is no memory
 * to make it grow, the task goes to the inbox too.
 *
 * Shared: a push or pop writes the worker's own deque and nothing else that
 * other threads use; see moirai/deque.h for why no task is lost or given out
 * twice. The inbox's lock is taken for a bounded number of steps, and a waiter
 * that has spun for a while gives up the processor, as the holder may be off
 * it.
 *
 * Rejected: a list that pushers swap themselves onto, without a lock: a worker
 * could only take all of it at once, in reverse. One swap of top for several
 * stolen tasks: the owner takes without a swap as long as top is below its
 * index, and so could take one of them too. A list of its own for each worker
 * that has no memory: nobody else would find what is in it.
 */
#include <moirai/sched.h>

#include <errno.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>

#define STEAL_RARE __attribute__((noinline))    /* keeps it off the usual way */
#define STEAL_SLOTS 1024            /* of a new deque: 8 KiB */
#define STEAL_SPINS 200             /* loads: some 100 ns */

struct steal_config {
    uint64_t fairness;
    uint64_t batch;
};

struct steal_worker {
    struct moirai_sched_local local;    /* pops: until the next fair one */
    bool inbox_next;                /* whose turn the next fair one is */
};

struct steal {
    struct steal_worker **workers;  /* by index; constant while they run */
    const struct moirai_host *host; /* constant */
    uint64_t fairness;              /* constant */
    uint32_t worker_count;          /* constant */
    uint32_t batch;                 /* constant */

    alignas(MOIRAI_DEQUE_LINE) atomic_bool locked; /* guards the inbox */
    struct moirai_task *head;       /* oldest */
    struct moirai_task *tail;       /* meaningful only while head is set */
    atomic_uint_least64_t waiting;  /* tasks in it; written under the lock */
};

static void steal_lock(struct steal *s)
{
    unsigned spins = 0;

    /* Pairs with the release in steal_unlock. */
    while (atomic_exchange_explicit(&s->locked, true, memory_order_acquire)) {
        while (atomic_load_explicit(&s->locked, memory_order_relaxed)) {
            if (++spins % STEAL_SPINS == 0)
                sched_yield();
        }
    }
}

static void steal_unlock(struct steal *s)
{
    atomic_store_explicit(&s->locked, false, memory_order_release);
}

static int steal_init(void *state, const void *config,
                      const struct moirai_sched_env *env,
                      struct moirai_error *err)
{
    const struct steal_config *conf = config;
    const struct moirai_host *host = env->host;
    struct steal *s = state;

    s->host = host;
    s->fairness = conf->fairness;
    s->batch = (uint32_t)conf->batch;
    s->worker_count = env->workers;
    s->workers = host->alloc(host->ctx, env->workers * sizeof *s->workers,
                             alignof(struct steal_worker *));
    if (s->workers == NULL)
        return moirai_error_set(err, -ENOMEM,
                                "steal: no memory for %u workers",
                                (unsigned)env->workers);
    return 0;
}

static void steal_fini(void *state)
{
    struct steal *s = state;

    s->host->release(s->host->ctx, s->workers);
}

static int steal_worker_init(void *state, void *worker, uint32_t index,
                             struct moirai_error *err)
{
    struct steal *s = state;
    struct steal_worker *w = worker;

    if (moirai_deque_init(&w->local.deque, s->host, STEAL_SLOTS) != 0)
        return moirai_error_set(err, -ENOMEM,
                                "steal: no memory for the queue of worker %u",
                                (unsigned)index);
    w->local.pops = s->fairness;
    w->local.alone = s->worker_count == 1;
    s->workers[index] = w;
    return 0;
}

static void steal_worker_fini(void *state, void *worker)
{
    struct steal *s = state;
    struct steal_worker *w = worker;

    for (uint32_t i = 0; i < s->worker_count; i++) {
        if (s->workers[i] == w)
            s->workers[i] = NULL;
    }
    moirai_deque_fini(&w->local.deque);
}

static uint64_t steal_inbox_length(struct steal *s)
{
    return atomic_load_explicit(&s->waiting, memory_order_seq_cst);
}

static void steal_inbox_add(struct steal *s, uint64_t n)
{
    uint64_t waiting = atomic_load_explicit(&s->waiting, memory_order_relaxed);

    atomic_store_explicit(&s->waiting, waiting + n, memory_order_release);
}

static STEAL_RARE void steal_inbox_push(struct steal *s,
                                        struct moirai_task *task)
{
    task->next = NULL;
    steal_lock(s);
    if (s->head == NULL)
        s->head = task;
    else
        s->tail->next = task;
    s->tail = task;
    steal_inbox_add(s, 1);
    steal_unlock(s);
}

/* Cuts up to n > 0 tasks off the front of the inbox. */
static struct moirai_task *steal_inbox_cut(struct steal *s, uint64_t n)
{
    struct moirai_task *first;
    struct moirai_task *last;
    uint64_t cut = 1;

    steal_lock(s);
    first = last = s->head;
    if (first != NULL) {
        for (; cut < n && last->next != NULL; cut++)
            last = last->next;
        s->head = last->next;
        last->next = NULL;
        steal_inbox_add(s, -cut);
    }
    steal_unlock(s);
    return first;
}

static void steal_push(void *state, void *worker, struct moirai_task *task)
{
    struct steal_worker *w = worker;

    if (w == NULL || !moirai_deque_push(&w->local.deque, task))
        steal_inbox_push(state, task);
}

/* Returns the oldest task of the inbox and moves the rest of the worker's fair
 * share to its deque, as far as there is room without growing. */
static STEAL_RARE struct moirai_task *steal_inbox_pop(struct steal *s,
                                                      struct steal_worker *w)
{
    uint64_t share = steal_inbox_length(s);
    uint64_t room;
    struct moirai_task *first;
    struct moirai_task *task;

    if (share == 0)
        return NULL;
    room = (uint64_t)moirai_deque_room(&w->local.deque);
    share = (share + s->worker_count - 1) / s->worker_count;
    if (share > s->batch)
        share = s->batch;
    if (share > room + 1)
        share = room + 1;
    first = steal_inbox_cut(s, share);
    if (first == NULL)
        return NULL;
    task = first->next;
    while (task != NULL) {
        struct moirai_task *next = task->next;

        steal_push(s, w, task);
        task = next;
    }
    return first;
}

static struct moirai_task *steal_take_oldest(struct steal_worker *w)
{
    return w->local.alone ? moirai_deque_take_oldest_alone(&w->local.deque)
                          : moirai_deque_take_oldest(&w->local.deque);
}

/* The pop that keeps old tasks from starving behind new ones. */
static STEAL_RARE struct moirai_task *steal_fair_pop(struct steal *s,
                                                     struct steal_worker *w)
{
    struct moirai_task *task = NULL;

    w->local.pops = s->fairness;
    w->inbox_next = !w->inbox_next;
    if (w->inbox_next)
        task = steal_inbox_pop(s, w);
    if (task == NULL)
        task = steal_take_oldest(w);
    return task;
}

static struct moirai_task *steal_pop(void *state, void *worker)
{
    struct steal_worker *w = worker;
    struct moirai_task *task = NULL;

    if (--w->local.pops == 0)
        task = steal_fair_pop(state, w);
    if (task == NULL)
        task = w->local.alone ? moirai_deque_take_alone(&w->local.deque)
                              : moirai_deque_take(&w->local.deque);
    if (task == NULL)
        task = steal_inbox_pop(state, w);
    return task;
}

static struct moirai_task *steal_pop_oldest(void *state, void *worker)
{
    struct steal_worker *w = worker;
    struct moirai_task *task = NULL;

    if (--w->local.pops == 0)
        task = steal_fair_pop(state, w);
    if (task == NULL)
        task = steal_take_oldest(w);
    if (task == NULL)
        task = steal_inbox_pop(state, w);
    return task;
}

/* Takes half of what the victim has, at most s->batch tasks, one at a time. */
static struct moirai_task *steal_steal(void *state, void *worker, void *victim)
{
    struct steal *s = state;
    struct steal_worker *v = victim;
    int64_t n = (moirai_deque_length(&v->local.deque) + 1) / 2;
    struct moirai_task *first = moirai_deque_take_oldest(&v->local.deque);
    struct moirai_task *task;

    if (n > s->batch)
        n = s->batch;
    for (int64_t i = 1; i < n && first != NULL; i++) {
        if (!moirai_deque_steal(&v->local.deque, &task) || task == NULL)
            break;                  /* others are at it: leave it to them */
        steal_push(s, worker, task);
    }
    return first;
}

static bool steal_empty(void *state, void *worker)
{
    struct steal *s = state;

    (void)worker;
    if (steal_inbox_length(s) != 0)
        return false;
    for (uint32_t i = 0; i < s->worker_count; i++) {
        struct steal_worker *w = s->workers[i];

        if (w != NULL && moirai_deque_length(&w->local.deque) != 0)
            return false;
    }
    return true;
}

static uint64_t steal_length(void *state)
{
    struct steal *s = state;
    uint64_t n = steal_inbox_length(s);

    for (uint32_t i = 0; i < s->worker_count; i++) {
        if (s->workers[i] != NULL)
            n += (uint64_t)moirai_deque_length(&s->workers[i]->local.deque);
    }
    return n;
}

static const struct moirai_option steal_options[] = {
    { .name = "fairness", .preset = "61",
      .help = "each so many pops the oldest task is taken, not the newest",
      .type = MOIRAI_UINT, .offset = offsetof(struct steal_config, fairness),
      .min = 1, .max = 65536 },
    { .name = "batch", .preset = "32",
      .help = "tasks moved at once, from another worker or from outside",
      .type = MOIRAI_UINT, .offset = offsetof(struct steal_config, batch),
      .min = 1, .max = STEAL_SLOTS / 2 },
    { .name = NULL },
};

_Static_assert(offsetof(struct steal_worker, local) == 0,
               "what MOIRAI_SCHED_DEQUE says");

static const struct moirai_sched_ops steal_ops = {
    .flags = MOIRAI_SCHED_DEQUE,
    .state_size = sizeof(struct steal),
    .worker_size = sizeof(struct steal_worker),
    .init = steal_init,
    .fini = steal_fini,
    .worker_init = steal_worker_init,
    .worker_fini = steal_worker_fini,
    .push = steal_push,
    .pop = steal_pop,
    .pop_oldest = steal_pop_oldest,
    .steal = steal_steal,
    .empty = steal_empty,
    .length = steal_length,
};

MOIRAI_PLUGIN(sched, steal) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_SCHED,
    .ops_abi = MOIRAI_SCHED_ABI,
    .name = "steal",
    .version = "1.0",
    .summary = "a queue per worker, newest task first; idle workers steal",
    .options = steal_options,
    .config_size = sizeof(struct steal_config),
    .rank = 10,
    .ops = &steal_ops,
    .ops_size = sizeof steal_ops,
};
