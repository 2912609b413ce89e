/* SPDX-License-Identifier: MIT */
/*
 * queues.h - a deque per worker, and inboxes: what `steal` and `numa` share.
 *
 * A worker pushes to its own deque and pops the newest task, whose data is
 * still in its cache; thieves take the oldest, which is the one most likely
 * to bring more work along. Which victim is asked is the core's choice.
 *
 * Tasks from outside, pushed by threads that are no workers, go to an inbox, a
 * list behind a spin lock, that several workers take from. A worker takes its
 * share of it when its deque is empty. Newest first would let old tasks wait
 * for ever behind new ones, so each `fairness`th pop takes the oldest, from the
 * inbox and from the deque by turns. With `order: fifo` a worker takes its
 * oldest, too, and each `fairness`th pop one of the inbox; the core then leaves
 * all taking to these functions. A push is never refused: when a deque is full
 * and there is no memory to make it grow, the task goes to the inbox too.
 *
 * Shared: a push or pop writes the worker's own deque and nothing else that
 * other threads use; see moirai/deque.h for why no task is lost or given out
 * twice. An inbox's lock is taken for a bounded number of steps, and a waiter
 * that has spun for a while gives up the processor, as the holder may be off
 * it.
 *
 * Rejected: a list that pushers swap themselves onto, without a lock: a worker
 * could only take all of it at once, in reverse. One swap of top for several
 * stolen tasks: the owner takes without a swap as long as top is below its
 * index, and so could take one of them too. A list of its own for each worker
 * that has no memory: nobody else would find what is in it.
 */
#ifndef QUEUES_H
#define QUEUES_H

#include <moirai/sched.h>

#include <errno.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>

#define QUEUES_RARE __attribute__((noinline))   /* keeps it off the usual way */
#define QUEUES_SLOTS 1024           /* of a new deque: 8 KiB */
#define QUEUES_SPINS 200            /* loads: some 100 ns */

struct queues_inbox {
    alignas(MOIRAI_DEQUE_LINE) atomic_bool locked; /* guards what follows */
    struct moirai_task *head;       /* oldest */
    struct moirai_task *tail;       /* meaningful only while head is set */
    atomic_uint_least64_t waiting;  /* tasks in it; written under the lock */
    uint32_t sharers;               /* workers that take from it; constant */
};

struct queues_worker {
    struct moirai_sched_local local;    /* pops: until the next fair one */
    bool inbox_next;                /* whose turn the next fair one is */
    uint64_t until;                 /* fifo: pops until the next of the inbox */
    struct queues_inbox *inbox;     /* constant */
};

enum queues_order { QUEUES_LIFO, QUEUES_FIFO };

struct queues_config {
    uint64_t fairness;
    uint64_t batch;                 /* 0: half of what there is */
    uint32_t order;                 /* enum queues_order */
};

struct queues {
    struct queues_worker **workers; /* by index; constant while they run */
    const struct moirai_host *host; /* constant */
    uint64_t fairness;              /* constant */
    uint32_t worker_count;          /* constant */
    uint32_t batch;                 /* constant */
    bool fifo;                      /* constant */
};

static const char *const queues_order_words[] = {
    [QUEUES_LIFO] = "lifo", [QUEUES_FIFO] = "fifo", NULL,
};

static const char *const queues_batch_words[] = { "half", NULL };

/* The options of both, which are all of them. */
#define QUEUES_OPTIONS                                                        \
    { .name = "order", .preset = "lifo",                                      \
      .help = "which of its own tasks a worker takes next: lifo: the "        \
              "newest; fifo: the oldest",                                     \
      .type = MOIRAI_CHOICE,                                                  \
      .offset = offsetof(struct queues_config, order),                        \
      .choices = queues_order_words },                                        \
    { .name = "fairness", .preset = "61",                                     \
      .help = "each so many pops the oldest task is taken, not the newest; "  \
              "fifo: one from outside",                                       \
      .type = MOIRAI_UINT,                                                    \
      .offset = offsetof(struct queues_config, fairness),                     \
      .min = 1, .max = 65536 },                                               \
    { .name = "batch", .preset = "32",                                        \
      .help = "tasks moved at once, from another worker, of whose tasks it "  \
              "is half at most, or from outside; half: as many as that",      \
      .type = MOIRAI_UINT, .offset = offsetof(struct queues_config, batch),   \
      .min = 1, .max = QUEUES_SLOTS / 2, .choices = queues_batch_words },     \
    { .name = NULL }

_Static_assert(offsetof(struct queues_worker, local) == 0,
               "what MOIRAI_SCHED_DEQUE says");

static void queues_lock(struct queues_inbox *inbox)
{
    unsigned spins = 0;

    /* Pairs with the release in queues_unlock. */
    while (atomic_exchange_explicit(&inbox->locked, true,
                                    memory_order_acquire)) {
        while (atomic_load_explicit(&inbox->locked, memory_order_relaxed)) {
            if (++spins % QUEUES_SPINS == 0)
                sched_yield();
        }
    }
}

static void queues_unlock(struct queues_inbox *inbox)
{
    atomic_store_explicit(&inbox->locked, false, memory_order_release);
}

/* `name` is the plugin's, for complaints. */
static int queues_init(struct queues *q, const char *name,
                       const struct queues_config *config,
                       const struct moirai_sched_env *env,
                       struct moirai_error *err)
{
    const struct moirai_host *host = env->host;

    q->host = host;
    q->fairness = config->fairness;
    q->batch = config->batch != 0 ? (uint32_t)config->batch : UINT32_MAX;
    q->fifo = config->order == QUEUES_FIFO;
    q->worker_count = env->workers;
    q->workers = host->alloc(host->ctx, env->workers * sizeof *q->workers,
                             alignof(struct queues_worker *));
    if (q->workers == NULL)
        return moirai_error_set(err, -ENOMEM, "%s: no memory for %u workers",
                                name, (unsigned)env->workers);
    return 0;
}

static void queues_fini(struct queues *q)
{
    q->host->release(q->host->ctx, q->workers);
}

static int queues_worker_init(struct queues *q, const char *name,
                              struct queues_worker *w, uint32_t index,
                              struct queues_inbox *inbox,
                              struct moirai_error *err)
{
    if (moirai_deque_init(&w->local.deque, q->host, QUEUES_SLOTS) != 0)
        return moirai_error_set(err, -ENOMEM,
                                "%s: no memory for the queue of worker %u",
                                name, (unsigned)index);
    w->local.pops = q->fifo ? 0 : q->fairness;  /* 0: the core always asks */
    w->until = q->fairness;
    w->local.alone = q->worker_count == 1;
    w->inbox = inbox;
    q->workers[index] = w;
    return 0;
}

static void queues_worker_fini(struct queues *q, struct queues_worker *w)
{
    for (uint32_t i = 0; i < q->worker_count; i++) {
        if (q->workers[i] == w)
            q->workers[i] = NULL;
    }
    moirai_deque_fini(&w->local.deque);
}

static uint64_t queues_inbox_length(struct queues_inbox *inbox)
{
    return atomic_load_explicit(&inbox->waiting, memory_order_seq_cst);
}

static void queues_inbox_add(struct queues_inbox *inbox, uint64_t n)
{
    uint64_t waiting = atomic_load_explicit(&inbox->waiting,
                                            memory_order_relaxed);

    atomic_store_explicit(&inbox->waiting, waiting + n, memory_order_release);
}

static QUEUES_RARE void queues_inbox_push(struct queues_inbox *inbox,
                                          struct moirai_task *task)
{
    task->next = NULL;
    queues_lock(inbox);
    if (inbox->head == NULL)
        inbox->head = task;
    else
        inbox->tail->next = task;
    inbox->tail = task;
    queues_inbox_add(inbox, 1);
    queues_unlock(inbox);
}

/* Cuts up to n > 0 tasks off the front of the inbox. */
static struct moirai_task *queues_inbox_cut(struct queues_inbox *inbox,
                                            uint64_t n)
{
    struct moirai_task *first;
    struct moirai_task *last;
    uint64_t cut = 1;

    queues_lock(inbox);
    first = last = inbox->head;
    if (first != NULL) {
        for (; cut < n && last->next != NULL; cut++)
            last = last->next;
        inbox->head = last->next;
        last->next = NULL;
        queues_inbox_add(inbox, -cut);
    }
    queues_unlock(inbox);
    return first;
}

/* By the worker. */
static void queues_push(struct queues_worker *w, struct moirai_task *task)
{
    if (!moirai_deque_push(&w->local.deque, task))
        queues_inbox_push(w->inbox, task);
}

/* Returns the oldest task of an inbox and moves the rest of a sharer's part to
 * the worker's deque, as far as there is room without growing. */
static QUEUES_RARE struct moirai_task *queues_inbox_pop(
    const struct queues *q, struct queues_worker *w,
    struct queues_inbox *inbox)
{
    uint64_t share = queues_inbox_length(inbox);
    uint64_t room;
    struct moirai_task *first;
    struct moirai_task *task;

    if (share == 0)
        return NULL;
    room = (uint64_t)moirai_deque_room(&w->local.deque);
    share = (share + inbox->sharers - 1) / inbox->sharers;
    if (share > q->batch)
        share = q->batch;
    if (share > room + 1)
        share = room + 1;
    first = queues_inbox_cut(inbox, share);
    if (first == NULL)
        return NULL;
    task = first->next;
    while (task != NULL) {
        struct moirai_task *next = task->next;

        queues_push(w, task);
        task = next;
    }
    return first;
}

static struct moirai_task *queues_take_oldest(struct queues_worker *w)
{
    return w->local.alone ? moirai_deque_take_oldest_alone(&w->local.deque)
                          : moirai_deque_take_oldest(&w->local.deque);
}

/* The pop that keeps old tasks from starving behind new ones. */
static QUEUES_RARE struct moirai_task *queues_fair_pop(
    const struct queues *q, struct queues_worker *w)
{
    struct moirai_task *task = NULL;

    w->local.pops = q->fairness;
    w->inbox_next = !w->inbox_next;
    if (w->inbox_next)
        task = queues_inbox_pop(q, w, w->inbox);
    if (task == NULL)
        task = queues_take_oldest(w);
    return task;
}

/* The inbox has the fair pops to itself: the deque is in order. */
static QUEUES_RARE struct moirai_task *queues_pop_fifo(
    const struct queues *q, struct queues_worker *w)
{
    struct moirai_task *task = NULL;

    if (--w->until == 0) {
        w->until = q->fairness;
        task = queues_inbox_pop(q, w, w->inbox);
    }
    if (task == NULL)
        task = queues_take_oldest(w);
    if (task == NULL)
        task = queues_inbox_pop(q, w, w->inbox);
    return task;
}

static struct moirai_task *queues_pop(const struct queues *q,
                                      struct queues_worker *w)
{
    struct moirai_task *task = NULL;

    if (q->fifo)
        return queues_pop_fifo(q, w);
    if (--w->local.pops == 0)
        task = queues_fair_pop(q, w);
    if (task == NULL)
        task = w->local.alone ? moirai_deque_take_alone(&w->local.deque)
                              : moirai_deque_take(&w->local.deque);
    if (task == NULL)
        task = queues_inbox_pop(q, w, w->inbox);
    return task;
}

static struct moirai_task *queues_pop_oldest(const struct queues *q,
                                             struct queues_worker *w)
{
    struct moirai_task *task = NULL;

    if (q->fifo)
        return queues_pop_fifo(q, w);
    if (--w->local.pops == 0)
        task = queues_fair_pop(q, w);
    if (task == NULL)
        task = queues_take_oldest(w);
    if (task == NULL)
        task = queues_inbox_pop(q, w, w->inbox);
    return task;
}

/* Takes half of what the victim has, at most q->batch tasks, one at a time. */
static struct moirai_task *queues_steal(const struct queues *q,
                                        struct queues_worker *w,
                                        struct queues_worker *victim)
{
    int64_t n = (moirai_deque_length(&victim->local.deque) + 1) / 2;
    struct moirai_task *first = moirai_deque_take_oldest(
        &victim->local.deque);
    struct moirai_task *task;

    if (n > q->batch)
        n = q->batch;
    for (int64_t i = 1; i < n && first != NULL; i++) {
        if (!moirai_deque_steal(&victim->local.deque, &task) || task == NULL)
            break;                  /* others are at it: leave it to them */
        queues_push(w, task);
    }
    return first;
}

/* Tasks in all deques; `most`: stop counting there. */
static uint64_t queues_length(const struct queues *q, uint64_t most)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < q->worker_count && n < most; i++) {
        if (q->workers[i] != NULL)
            n += (uint64_t)moirai_deque_length(&q->workers[i]->local.deque);
    }
    return n;
}

#endif
