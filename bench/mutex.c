/* SPDX-License-Identifier: MIT */
/*
 * mutex.c - mutex: 8 tasks lock, add, unlock; ns per operation.
 */
#include "task.h"

#define TASKS 8

struct shared {
    struct moirai_mutex mutex;
    int64_t counter;                /* guarded by mutex */
    int64_t each;
};

static int add(void *arg)
{
    struct shared *shared = arg;

    for (int64_t i = 0; i < shared->each; i++) {
        bench_need(moirai_mutex_lock(&shared->mutex, MOIRAI_NEVER), "lock");
        shared->counter++;
        moirai_mutex_unlock(&shared->mutex);
    }
    return 0;
}

static int64_t run_tasks(void *arg)
{
    struct shared *shared = arg;
    struct moirai_scope scope;
    int64_t start = bench_clock(), ns;

    shared->counter = 0;
    bench_need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), "a scope");
    for (int i = 0; i < TASKS; i++)
        bench_need(moirai_spawn(&scope, add, shared), "a task");
    bench_need(moirai_scope_end(&scope), "the scope");
    ns = bench_clock() - start;
    bench_expect("additions", shared->counter, TASKS * shared->each);
    return ns;
}

static void mutex(const struct bench *bench)
{
    static struct shared shared;
    double ns;

    shared.each = (int64_t)bench_scaled(bench, 1e6 / TASKS, 1);
    ns = bench_task_median(bench, run_tasks, &shared);
    bench_print("ns", ns / (double)(TASKS * shared.each));
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "mutex", mutex },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
