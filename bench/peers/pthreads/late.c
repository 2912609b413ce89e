/* SPDX-License-Identifier: MIT */
/*
 * late.c - wake: from a signal on a condition variable until the thread that
 * waits there runs. tail: how late a thread wakes from a sleep of 1 ms while
 * others keep the processors busy.
 */
#include <sched.h>
#include <stdbool.h>
#include <time.h>

#include "threads.h"
#include "work.h"

#define PAUSE_NS 50000
#define PERIOD_NS 1000000
#define BUSY_THREADS 4              /* for each processor */
#define MOST_THREADS 256

/* --- wake ---------------------------------------------------------------- */

struct wake {
    pthread_mutex_t mutex;          /* guards `sent` */
    pthread_cond_t changed;
    size_t sent;
    size_t seen;                    /* atomic */
    int64_t sent_ns;
    double *late;
    size_t n;
};

static void *receive(void *arg)
{
    struct wake *wake = arg;

    for (size_t i = 0; i < wake->n; i++) {
        pthread_mutex_lock(&wake->mutex);
        while (wake->sent == i)
            pthread_cond_wait(&wake->changed, &wake->mutex);
        wake->late[i] = (double)(bench_clock() - wake->sent_ns);
        pthread_mutex_unlock(&wake->mutex);
        __atomic_store_n(&wake->seen, i + 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void send(struct wake *wake, size_t i)
{
    int64_t now = bench_clock(), end = now + PAUSE_NS;

    while (now < end)
        now = bench_clock();
    pthread_mutex_lock(&wake->mutex);
    wake->sent_ns = now;
    wake->sent = i + 1;
    pthread_mutex_unlock(&wake->mutex);
    pthread_cond_signal(&wake->changed);
    while (__atomic_load_n(&wake->seen, __ATOMIC_ACQUIRE) <= i)
        work_burn(1, WORK_STEPS_20NS);
}

void ask_wake(const struct bench *bench)
{
    static struct wake wake = { .mutex = PTHREAD_MUTEX_INITIALIZER,
                                .changed = PTHREAD_COND_INITIALIZER };
    pthread_t thread;

    wake.n = bench_scaled(bench, 2000, 20);
    wake.late = bench_alloc(wake.n * sizeof *wake.late);
    thread = thread_start(receive, &wake);
    for (size_t i = 0; i < wake.n; i++)
        send(&wake, i);
    thread_join(thread);
    bench_print("p50_ns", bench_percentile(wake.late, wake.n, 0.5));
    bench_print("p99_ns", bench_percentile(wake.late, wake.n, 0.99));
}

/* --- tail ---------------------------------------------------------------- */

static bool over;                   /* atomic */

static void *keep_busy(void *arg)
{
    uint64_t *x = arg;

    while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
        *x = work_burn(*x, WORK_STEPS_100US);
        sched_yield();
    }
    return NULL;
}

static double sleep_late(void)
{
    int64_t end = bench_clock() + PERIOD_NS;
    struct timespec until = { .tv_sec = end / 1000000000,
                              .tv_nsec = end % 1000000000 };

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    return (double)(bench_clock() - end);
}

void ask_tail(const struct bench *bench)
{
    size_t n = bench_scaled(bench, 2000, 20);
    unsigned busy = BUSY_THREADS * bench->workers;
    double *late = bench_alloc(n * sizeof *late);
    pthread_t threads[MOST_THREADS];
    uint64_t x[MOST_THREADS];

    if (busy > MOST_THREADS)
        busy = MOST_THREADS;
    for (unsigned i = 0; i < busy; i++) {
        x[i] = i + 1;
        threads[i] = thread_start(keep_busy, &x[i]);
    }
    for (size_t i = 0; i < n; i++)
        late[i] = sleep_late();
    __atomic_store_n(&over, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < busy; i++)
        thread_join(threads[i]);
    bench_print("p50_ns", bench_percentile(late, n, 0.5));
    bench_print("p999_ns", bench_percentile(late, n, 0.999));
}
