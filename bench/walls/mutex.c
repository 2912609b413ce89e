/* SPDX-License-Identifier: MIT */
/*
 * mutex.c - the least that a lock can cost: one exchange and one store, by one
 * thread after the other, whatever the number of workers; nothing is faster
 * than that they do not meet.
 */
#include "bench.h"

struct shared {
    uint32_t lock;                  /* atomic */
    int64_t counter;                /* guarded by lock */
    int64_t n;
};

static int64_t add_all(void *arg)
{
    struct shared *shared = arg;
    int64_t start = bench_clock(), ns;

    shared->counter = 0;
    for (int64_t i = 0; i < shared->n; i++) {
        while (__atomic_exchange_n(&shared->lock, 1, __ATOMIC_ACQUIRE) != 0)
            continue;
        shared->counter++;
        __atomic_store_n(&shared->lock, 0, __ATOMIC_RELEASE);
    }
    ns = bench_clock() - start;
    bench_expect("additions", shared->counter, shared->n);
    return ns;
}

static void mutex(const struct bench *bench)
{
    struct shared shared = { .n = (int64_t)bench_scaled(bench, 1e6, 1) };
    double ns = bench_median(bench, add_all, &shared);

    bench_print("ns", ns / (double)shared.n);
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "mutex", mutex },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
