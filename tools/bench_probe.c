/* SPDX-License-Identifier: MIT */
/*
 * bench_probe.c - how fast two cores hand a cache line to and fro.
 *
 * Two threads, a core each, write one number by turns: the first the odd ones,
 * the second the even ones. The lower quartile of the batches counts: whoever
 * else wants a core makes some of them longer, and none shorter.
 */
#include "bench_probe.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "atomic.h"

#define BATCHES 20u
#define TRIPS 500u                  /* in a batch */
#define LOOK 100u                   /* trips between looks at the clock */
#define PATIENCE_NS INT64_C(200000000)

struct probe {
    /* Whoever sees the other's number writes the next one. The store of one
     * side pairs with the load of the other. */
    _Alignas(128) MO_ATOMIC(uint32_t) turn;
    _Alignas(128) MO_ATOMIC(uint32_t) given_up;
    double batches[BATCHES];
    size_t batch_count;
};

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Until the number is there; false: it will not come. */
static bool await(struct probe *p, uint32_t number)
{
    while (mo_load(&p->turn) != number) {
        if (mo_load_relaxed(&p->given_up) != 0)
            return false;
    }
    return true;
}

static void *answer(void *memory)
{
    struct probe *p = memory;

    for (uint32_t i = 0; i < BATCHES * TRIPS; i++) {
        if (!await(p, 2 * i + 1))
            break;
        mo_store(&p->turn, 2 * i + 2);
    }
    return NULL;
}

static void *ask(void *memory)
{
    struct probe *p = memory;
    int64_t first = now_ns();
    int64_t begin = first;

    for (uint32_t i = 0; i < BATCHES * TRIPS; i++) {
        int64_t now;

        mo_store(&p->turn, 2 * i + 1);
        if (!await(p, 2 * i + 2))
            break;
        if ((i + 1) % LOOK != 0)
            continue;
        now = now_ns();
        if (now - first > PATIENCE_NS)
            break;
        if ((i + 1) % TRIPS != 0)
            continue;
        p->batches[p->batch_count++] = (double)(now - begin) / TRIPS;
        begin = now;
    }
    mo_store(&p->given_up, 1);
    return NULL;
}

/* Starts a thread on the n-th of the CPUs that may be used. */
static bool start(pthread_t *thread, int n, void *(*run)(void *),
                  struct probe *p)
{
    cpu_set_t all, one;
    pthread_attr_t attr;
    int cpu = 0;
    int rc;

    if (sched_getaffinity(0, sizeof all, &all) != 0 || CPU_COUNT(&all) <= n)
        return false;
    while (!CPU_ISSET(cpu, &all) || n-- > 0)
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_attr_init(&attr);
    rc = pthread_attr_setaffinity_np(&attr, sizeof one, &one);
    if (rc == 0)
        rc = pthread_create(thread, &attr, run, p);
    pthread_attr_destroy(&attr);
    return rc == 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_probe(void)
{
    struct probe p = { .turn = 0 };
    pthread_t first, second;

    if (!start(&second, 1, answer, &p))
        return 0;
    if (start(&first, 0, ask, &p))
        pthread_join(first, NULL);
    mo_store(&p.given_up, 1);
    pthread_join(second, NULL);
    if (p.batch_count == 0)
        return 0;
    qsort(p.batches, p.batch_count, sizeof p.batches[0], compare);
    return p.batches[p.batch_count / 4];
}
