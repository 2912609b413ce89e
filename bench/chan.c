/* SPDX-License-Identifier: MIT */
/*
 * chan.c - what a message costs: ns per message or round trip, medians.
 *
 *     bench/chan [MESSAGES [ROUNDS]]
 */
#include <moirai/chan.h>
#include <moirai/runtime.h>
#include <moirai/scope.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH 64
#define MOST_ROUNDS 101

struct work {
    struct moirai_chan *to, *from;
    int64_t n;                      /* messages in all */
};

static int64_t messages = 1000000;
static int rounds = 9;

static int produce(void *arg)
{
    struct work *work = arg;

    for (int64_t i = 0; i < work->n; i++)
        moirai_chan_send(work->to, &i, MOIRAI_NEVER);
    return 0;
}

static int consume(void *arg)
{
    struct work *work = arg;
    int64_t message;

    for (int64_t i = 0; i < work->n; i++)
        moirai_chan_recv(work->to, &message, MOIRAI_NEVER);
    return 0;
}

static int produce_batches(void *arg)
{
    struct work *work = arg;
    int64_t batch[BATCH] = { 0 };

    for (int64_t i = 0; i < work->n; i += BATCH)
        moirai_chan_send_batch(work->to, batch, BATCH, MOIRAI_NEVER);
    return 0;
}

static int consume_batches(void *arg)
{
    struct work *work = arg;
    int64_t batch[BATCH];

    for (int64_t left = work->n; left > 0;)
        left -= moirai_chan_recv_batch(work->to, batch, 1, BATCH,
                                       MOIRAI_NEVER);
    return 0;
}

static int ping(void *arg)
{
    struct work *work = arg;

    for (int64_t i = 0; i < work->n; i++) {
        moirai_chan_send(work->to, &i, MOIRAI_NEVER);
        moirai_chan_recv(work->from, &i, MOIRAI_NEVER);
    }
    return 0;
}

static int pong(void *arg)
{
    struct work *work = arg;
    int64_t message;

    for (int64_t i = 0; i < work->n; i++) {
        moirai_chan_recv(work->to, &message, MOIRAI_NEVER);
        moirai_chan_send(work->from, &message, MOIRAI_NEVER);
    }
    return 0;
}

struct bench {
    const char *name;
    const char *capacity;
    moirai_fn *a, *b;
    int pairs;                      /* of tasks on the same channel */
};

static const struct bench benches[] = {
    { "buffered 1:1, message", "capacity=1024", produce, consume, 1 },
    { "buffered 4:4, message", "capacity=1024", produce, consume, 4 },
    { "buffered 1:1 in batches of 64, message", "capacity=1024",
      produce_batches, consume_batches, 1 },
    { "unbuffered 1:1, message", "capacity=0", produce, consume, 1 },
    { "ping-pong, round trip", "capacity=0", ping, pong, 1 },
};

static void need(int rc, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "bench/chan: %s: %d\n", what, rc);
    exit(1);
}

static struct moirai_chan *make(struct moirai_runtime *rt, const char *option)
{
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    const char *const options[] = { option, NULL };
    struct moirai_chan *chan;

    need(moirai_chan_make(rt, NULL, options, &elem, &chan, NULL), "make");
    return chan;
}

struct run {
    const struct bench *bench;
    struct work *work;
    double ns;
};

static int run_tasks(void *arg)
{
    struct run *run = arg;
    struct moirai_scope scope;
    int64_t start = moirai_now();

    need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), "scope");
    for (int i = 0; i < run->bench->pairs; i++) {
        need(moirai_spawn(&scope, run->bench->a, run->work), "spawn");
        need(moirai_spawn(&scope, run->bench->b, run->work), "spawn");
    }
    need(moirai_scope_end(&scope), "end");
    run->ns = (double)(moirai_now() - start)
            / (double)(run->work->n * run->bench->pairs);
    return 0;
}

static double run_once(struct moirai_runtime *rt, const struct bench *bench)
{
    struct work work = { .n = messages / bench->pairs / BATCH * BATCH };
    struct run run = { .bench = bench, .work = &work };

    work.to = make(rt, bench->capacity);
    work.from = make(rt, bench->capacity);
    need(moirai_run(rt, run_tasks, &run), "run");
    moirai_chan_put(work.to);
    moirai_chan_put(work.from);
    return run.ns;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(const struct bench *bench, const char *workers)
{
    const char *const set[] = { workers, NULL };
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_runtime *rt;
    double ns[MOST_ROUNDS];

    need(moirai_start(&rt, &config, NULL), "start");
    run_once(rt, bench);
    for (int i = 0; i < rounds; i++)
        ns[i] = run_once(rt, bench);
    need(moirai_stop(rt, MOIRAI_NEVER, NULL), "stop");
    qsort(ns, (size_t)rounds, sizeof ns[0], by_value);
    printf("%-42s %s  %8.1f ns  (%.1f to %.1f)\n", bench->name, workers,
           ns[rounds / 2], ns[0], ns[rounds - 1]);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        messages = strtoll(argv[1], NULL, 10);
    if (argc > 2)
        rounds = atoi(argv[2]);
    if (messages < 4 * BATCH || rounds < 1 || rounds > MOST_ROUNDS) {
        fprintf(stderr, "usage: bench/chan [MESSAGES [ROUNDS]]\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof benches / sizeof benches[0]; i++) {
        report(&benches[i], "runtime.workers=1");
        report(&benches[i], "runtime.workers=2");
    }
    return 0;
}
