/* SPDX-License-Identifier: MIT */
/*
 * chan.c - chan, chan-44: the queue of the textbooks, a ring behind a mutex and
 * two condition variables, which are signalled only when somebody waits.
 * pingpong: the same with one place, which a sender leaves when its message has
 * been taken. mutex: eight threads and a mutex.
 */
#include <stdbool.h>

#include "threads.h"

#define CAPACITY 1024u
#define MOST_PAIRS 4
#define MUTEX_THREADS 8

/* --- the queue ----------------------------------------------------------- */

struct queue {
    pthread_mutex_t mutex;          /* guards everything */
    pthread_cond_t not_empty, not_full;
    uint64_t head, tail;
    unsigned receivers, senders;    /* that wait */
    int64_t slots[CAPACITY];
};

static void queue_init(struct queue *queue)
{
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->not_empty, NULL);
    pthread_cond_init(&queue->not_full, NULL);
}

/* Signalling after the unlock: who wakes does not run into the lock. */
static void queue_send(struct queue *queue, int64_t message)
{
    bool signal;

    pthread_mutex_lock(&queue->mutex);
    while (queue->tail - queue->head == CAPACITY) {
        queue->senders++;
        pthread_cond_wait(&queue->not_full, &queue->mutex);
        queue->senders--;
    }
    queue->slots[queue->tail++ % CAPACITY] = message;
    signal = queue->receivers > 0;
    pthread_mutex_unlock(&queue->mutex);
    if (signal)
        pthread_cond_signal(&queue->not_empty);
}

static int64_t queue_receive(struct queue *queue)
{
    int64_t message;
    bool signal;

    pthread_mutex_lock(&queue->mutex);
    while (queue->tail == queue->head) {
        queue->receivers++;
        pthread_cond_wait(&queue->not_empty, &queue->mutex);
        queue->receivers--;
    }
    message = queue->slots[queue->head++ % CAPACITY];
    signal = queue->senders > 0;
    pthread_mutex_unlock(&queue->mutex);
    if (signal)
        pthread_cond_signal(&queue->not_full);
    return message;
}

/* --- chan, chan-44 ------------------------------------------------------- */

struct talk {
    struct queue queue;
    int64_t n;                      /* messages of one sender */
    int pairs;
    int64_t sum;                    /* atomic: of what was received */
};

static void *produce(void *arg)
{
    struct talk *talk = arg;

    for (int64_t i = 0; i < talk->n; i++)
        queue_send(&talk->queue, i);
    return NULL;
}

static void *consume(void *arg)
{
    struct talk *talk = arg;
    int64_t sum = 0;

    for (int64_t i = 0; i < talk->n; i++)
        sum += queue_receive(&talk->queue);
    __atomic_fetch_add(&talk->sum, sum, __ATOMIC_RELAXED);
    return NULL;
}

static int64_t run_talk(void *arg)
{
    struct talk *talk = arg;
    pthread_t threads[2 * MOST_PAIRS];
    int64_t start = bench_clock(), ns;

    talk->sum = 0;
    for (int i = 0; i < 2 * talk->pairs; i++)
        threads[i] = thread_start(i % 2 == 0 ? produce : consume, talk);
    for (int i = 0; i < 2 * talk->pairs; i++)
        thread_join(threads[i]);
    ns = bench_clock() - start;
    bench_expect("sum", talk->sum,
                 talk->pairs * (talk->n * (talk->n - 1) / 2));
    return ns;
}

static void ask_pairs(const struct bench *bench, int pairs)
{
    static struct talk talk;
    double ns;

    queue_init(&talk.queue);
    talk.pairs = pairs;
    talk.n = (int64_t)bench_scaled(bench, 1e6 / pairs, 1);
    ns = bench_median(bench, run_talk, &talk);
    bench_print("ns", ns / (double)(talk.n * pairs));
}

void ask_chan(const struct bench *bench)
{
    ask_pairs(bench, 1);
}

void ask_chan_44(const struct bench *bench)
{
    ask_pairs(bench, MOST_PAIRS);
}

/* --- pingpong ------------------------------------------------------------ */

struct place {
    pthread_mutex_t mutex;          /* guards everything */
    pthread_cond_t changed;
    bool full;
    int64_t message;
};

struct pingpong {
    struct place to, from;
    int64_t n;
};

static void give(struct place *place, int64_t message)
{
    pthread_mutex_lock(&place->mutex);
    place->message = message;
    place->full = true;
    pthread_cond_signal(&place->changed);
    while (place->full)
        pthread_cond_wait(&place->changed, &place->mutex);
    pthread_mutex_unlock(&place->mutex);
}

static int64_t take(struct place *place)
{
    int64_t message;

    pthread_mutex_lock(&place->mutex);
    while (!place->full)
        pthread_cond_wait(&place->changed, &place->mutex);
    message = place->message;
    place->full = false;
    pthread_cond_signal(&place->changed);
    pthread_mutex_unlock(&place->mutex);
    return message;
}

static void *pong(void *arg)
{
    struct pingpong *pingpong = arg;

    for (int64_t i = 0; i < pingpong->n; i++)
        give(&pingpong->from, take(&pingpong->to) + 1);
    return NULL;
}

static int64_t run_pingpong(void *arg)
{
    struct pingpong *pingpong = arg;
    int64_t start = bench_clock();
    pthread_t other = thread_start(pong, pingpong);

    for (int64_t i = 0; i < pingpong->n; i++) {
        give(&pingpong->to, i);
        bench_expect("value", take(&pingpong->from), i + 1);
    }
    thread_join(other);
    return bench_clock() - start;
}

void ask_pingpong(const struct bench *bench)
{
    static struct pingpong pingpong = {
        { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0 },
        { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0 }, 0,
    };

    pingpong.n = (int64_t)bench_scaled(bench, 2e4, 1);
    bench_print("ns", bench_median(bench, run_pingpong, &pingpong)
                      / (double)pingpong.n);
}

/* --- mutex --------------------------------------------------------------- */

struct shared {
    pthread_mutex_t mutex;
    int64_t counter;                /* guarded by mutex */
    int64_t each;
};

static void *add(void *arg)
{
    struct shared *shared = arg;

    for (int64_t i = 0; i < shared->each; i++) {
        pthread_mutex_lock(&shared->mutex);
        shared->counter++;
        pthread_mutex_unlock(&shared->mutex);
    }
    return NULL;
}

static int64_t run_mutex(void *arg)
{
    struct shared *shared = arg;
    pthread_t threads[MUTEX_THREADS];
    int64_t start = bench_clock(), ns;

    shared->counter = 0;
    for (int i = 0; i < MUTEX_THREADS; i++)
        threads[i] = thread_start(add, shared);
    for (int i = 0; i < MUTEX_THREADS; i++)
        thread_join(threads[i]);
    ns = bench_clock() - start;
    bench_expect("additions", shared->counter, MUTEX_THREADS * shared->each);
    return ns;
}

void ask_mutex(const struct bench *bench)
{
    static struct shared shared = { PTHREAD_MUTEX_INITIALIZER, 0, 0 };
    double ns;

    shared.each = (int64_t)bench_scaled(bench, 1e6 / MUTEX_THREADS, 1);
    ns = bench_median(bench, run_mutex, &shared);
    bench_print("ns", ns / (double)(MUTEX_THREADS * shared.each));
}
