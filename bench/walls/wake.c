/* SPDX-License-Identifier: MIT */
/*
 * wake.c - the least that a wake-up can take: a futex on which a thread sleeps,
 * until it runs again. The other computes for 50 us first.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define PAUSE_NS 50000

struct wake {
    uint32_t sent;                  /* atomic, futex: messages */
    uint32_t seen;                  /* atomic: of these, that arrived */
    int64_t sent_ns;
    double *late;
    uint32_t n;
};

static void *sleep_and_look(void *arg)
{
    struct wake *wake = arg;

    for (uint32_t i = 0; i < wake->n; i++) {
        while (__atomic_load_n(&wake->sent, __ATOMIC_ACQUIRE) == i)
            syscall(SYS_futex, &wake->sent, FUTEX_WAIT_PRIVATE, i, NULL, NULL,
                    0);
        wake->late[i] = (double)(bench_clock() - wake->sent_ns);
        __atomic_store_n(&wake->seen, i + 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void wake(const struct bench *bench)
{
    struct wake wake = { .n = (uint32_t)bench_scaled(bench, 2000, 20) };
    pthread_t thread;

    wake.late = bench_alloc(wake.n * sizeof *wake.late);
    bench_need(pthread_create(&thread, NULL, sleep_and_look, &wake),
               "a thread");
    for (uint32_t i = 0; i < wake.n; i++) {
        int64_t end = bench_clock() + PAUSE_NS;

        do
            wake.sent_ns = bench_clock();
        while (wake.sent_ns < end);
        __atomic_store_n(&wake.sent, i + 1, __ATOMIC_RELEASE);
        syscall(SYS_futex, &wake.sent, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        while (__atomic_load_n(&wake.seen, __ATOMIC_ACQUIRE) == i)
            continue;
    }
    pthread_join(thread, NULL);
    bench_print("p50_ns", bench_percentile(wake.late, wake.n, 0.5));
    bench_print("p99_ns", bench_percentile(wake.late, wake.n, 0.99));
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "wake", wake },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
