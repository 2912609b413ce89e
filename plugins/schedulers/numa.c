/* SPDX-License-Identifier: MIT */
/*
 * numa.c - steal, for machines with several memory nodes.
 *
 * Each worker has a deque and each node an inbox (queues.h), from which the
 * workers of that node take. What a worker spawns, or wakes while its stack is
 * on that worker's node, goes to its deque; what it wakes of another node, to
 * that node's inbox, where it finds its stack near. Tasks from outside go to
 * inboxes in turn, as many to each as it has workers.
 *
 * Who has nothing asks workers of its own node, then those of the next, and so
 * on: the core knows how far they are. From a worker of another node it takes
 * what that one has queued, half of it like steal; when there is none, one
 * task of the inbox there. So nothing waits for its node while anybody is idle.
 *
 * Where there is one node, or workers are not bound, this is steal.
 */
#include "queues.h"

struct numa {
    struct queues queues;
    struct queues_inbox *inboxes;   /* by node; constant */
    const uint32_t *node_of;        /* by worker; NULL: one node; constant */
    uint32_t nodes;                 /* constant */
    uint32_t started;               /* constant */
    atomic_uint_least32_t next;     /* worker whose node gets the next task
                                     * from outside */
};

static uint32_t numa_node(const struct numa *s, uint32_t worker)
{
    return s->node_of != NULL ? s->node_of[worker] : 0;
}

static int numa_init(void *state, const void *config,
                     const struct moirai_sched_env *env,
                     struct moirai_error *err)
{
    const struct moirai_host *host = env->host;
    struct numa *s = state;
    int rc = queues_init(&s->queues, "numa", config, env, err);

    if (rc != 0)
        return rc;
    s->nodes = env->nodes > 1 ? env->nodes : 1;
    s->node_of = env->nodes > 1 ? env->node_of : NULL;
    s->started = env->nodes > 1 ? env->started : 1;
    s->inboxes = host->alloc(host->ctx, s->nodes * sizeof *s->inboxes,
                             alignof(struct queues_inbox));
    if (s->inboxes == NULL) {
        queues_fini(&s->queues);
        return moirai_error_set(err, -ENOMEM, "numa: no memory for %u nodes",
                                (unsigned)s->nodes);
    }
    for (uint32_t i = 0; i < env->workers; i++)
        s->inboxes[numa_node(s, i)].sharers++;
    return 0;
}

static void numa_fini(void *state)
{
    struct numa *s = state;

    s->queues.host->release(s->queues.host->ctx, s->inboxes);
    queues_fini(&s->queues);
}

static int numa_worker_init(void *state, void *worker, uint32_t index,
                            struct moirai_error *err)
{
    struct numa *s = state;

    return queues_worker_init(&s->queues, "numa", worker, index,
                              &s->inboxes[numa_node(s, index)], err);
}

static void numa_worker_fini(void *state, void *worker)
{
    struct numa *s = state;

    queues_worker_fini(&s->queues, worker);
}

static void numa_push(void *state, void *worker, struct moirai_task *task)
{
    struct numa *s = state;
    uint32_t next;

    if (worker != NULL) {
        queues_push(worker, task);
        return;
    }
    next = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed);
    queues_inbox_push(&s->inboxes[numa_node(s, next % s->started)], task);
}

static void numa_push_home(void *state, void *worker,
                           struct moirai_task *task, uint32_t node)
{
    struct numa *s = state;

    (void)worker;
    queues_inbox_push(&s->inboxes[node], task);
}

static struct moirai_task *numa_pop(void *state, void *worker)
{
    struct numa *s = state;

    return queues_pop(&s->queues, worker);
}

static struct moirai_task *numa_pop_oldest(void *state, void *worker)
{
    struct numa *s = state;

    return queues_pop_oldest(&s->queues, worker);
}

static struct moirai_task *numa_steal(void *state, void *worker, void *victim)
{
    struct numa *s = state;
    struct queues_worker *w = worker;
    struct queues_worker *v = victim;
    struct moirai_task *task = queues_steal(&s->queues, w, v);

    if (task == NULL && v->inbox != w->inbox
        && queues_inbox_length(v->inbox) != 0)
        task = queues_inbox_cut(v->inbox, 1);
    return task;
}

static uint64_t numa_waiting(struct numa *s)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < s->nodes; i++)
        n += queues_inbox_length(&s->inboxes[i]);
    return n;
}

static bool numa_empty(void *state, void *worker)
{
    struct numa *s = state;

    (void)worker;
    return numa_waiting(s) == 0 && queues_length(&s->queues, 1) == 0;
}

static uint64_t numa_length(void *state)
{
    struct numa *s = state;

    return numa_waiting(s) + queues_length(&s->queues, UINT64_MAX);
}

static const struct moirai_option numa_options[] = { QUEUES_OPTIONS };

static const struct moirai_sched_ops numa_ops = {
    .flags = MOIRAI_SCHED_DEQUE | MOIRAI_SCHED_NODES,
    .state_size = sizeof(struct numa),
    .worker_size = sizeof(struct queues_worker),
    .init = numa_init,
    .fini = numa_fini,
    .worker_init = numa_worker_init,
    .worker_fini = numa_worker_fini,
    .push = numa_push,
    .pop = numa_pop,
    .pop_oldest = numa_pop_oldest,
    .steal = numa_steal,
    .empty = numa_empty,
    .length = numa_length,
    .push_home = numa_push_home,
};

MOIRAI_PLUGIN(sched, numa) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_SCHED,
    .ops_abi = MOIRAI_SCHED_ABI,
    .name = "numa",
    .version = "1.0",
    .summary = "like steal; tasks stay on their memory node, nearest stolen "
               "first",
    .options = numa_options,
    .config_size = sizeof(struct queues_config),
    .ops = &numa_ops,
    .ops_size = sizeof numa_ops,
};
