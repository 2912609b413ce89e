/* SPDX-License-Identifier: MIT */
/*
 * share.c - channels that many tasks have in common.
 *
 * share: four tasks for each worker, each with an endpoint of its own, receive
 * a message and send one, from 16 that each of them sends first; of the
 * discipline that BENCH_CHAN names, steal by preset; share-work: and compute
 * for some 200 ns in between; ns for all of that.
 *
 * broadcast-1, broadcast-10, ...: one task sends messages of 1 KiB to so many
 * that receive each of them, in place or (BENCH_COPIES=1) as a copy, and read
 * its first and its last word; ns for each that is received.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "task.h"
#include "work.h"

#define SHARERS 4                   /* for each worker */
#define IN_HAND 16                  /* messages of each of them */
#define STEPS 100                   /* of what they compute, 2 ns each */
#define WORDS 128                   /* of a message to many */

/* --- work that makes work ------------------------------------------------- */

struct share {
    struct moirai_chan *chan;
    unsigned tasks;
    int64_t n;                      /* turns of each task */
    int64_t sum;                    /* atomic: of all that was received */
    unsigned steps;                 /* of what is computed for each */
};

static int64_t receive(struct moirai_chan *chan)
{
    int64_t message;

    bench_need(moirai_chan_recv(chan, &message, MOIRAI_NEVER), "receive");
    return message;
}

static int take_turns(void *arg)
{
    struct share *share = arg;
    struct moirai_chan *own;
    int64_t one = 1, sum = 0;
    uint64_t burnt = 1;

    bench_need(moirai_chan_dup(share->chan, MOIRAI_BOTH, &own), "an endpoint");
    for (int i = 0; i < IN_HAND; i++)
        bench_need(moirai_chan_send(own, &one, MOIRAI_NEVER), "send");
    for (int64_t i = 0; i < share->n; i++) {
        int64_t message = receive(own);

        sum += message;
        burnt = work_burn(burnt, share->steps);
        bench_need(moirai_chan_send(own, &message, MOIRAI_NEVER), "send");
    }
    for (int i = 0; i < IN_HAND; i++)
        sum += receive(own);
    bench_expect("burnt", burnt != 0, 1);
    moirai_chan_put(own);
    __atomic_fetch_add(&share->sum, sum, __ATOMIC_RELAXED);
    return 0;
}

static int64_t run_share(void *arg)
{
    struct share *share = arg;
    struct moirai_scope scope;
    int64_t start = bench_clock(), ns;

    share->sum = 0;
    bench_need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), "a scope");
    for (unsigned i = 0; i < share->tasks; i++)
        bench_need(moirai_spawn(&scope, take_turns, share), "a task");
    bench_need(moirai_scope_end(&scope), "the scope");
    ns = bench_clock() - start;
    bench_expect("sum", share->sum, (share->n + IN_HAND) * share->tasks);
    return ns;
}

static int64_t make_and_share(void *arg)
{
    static const char *const options[] = { "capacity=1024", NULL };
    const struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    const char *plugin = getenv("BENCH_CHAN");
    struct share *share = arg;
    int64_t ns;

    bench_need(moirai_chan_make(NULL, plugin != NULL ? plugin : "steal",
                                options, &elem, &share->chan, NULL),
               "a channel");
    ns = run_share(share);
    moirai_chan_put(share->chan);
    return ns;
}

static void ask_share(const struct bench *bench, unsigned steps)
{
    struct share share = { .tasks = SHARERS * bench->workers,
                           .steps = steps };
    double turns = 2e6 / share.tasks;
    double ns;

    share.n = (int64_t)bench_scaled(bench, turns, 1);
    ns = bench_task_median(bench, make_and_share, &share);
    bench_print("ns", ns / (double)(share.n * share.tasks));
}

static void share(const struct bench *bench)
{
    ask_share(bench, 0);
}

static void share_work(const struct bench *bench)
{
    ask_share(bench, STEPS);
}

/* --- to each of many ------------------------------------------------------ */

struct spread {
    struct moirai_chan *from;       /* the sender's endpoint */
    size_t tasks;
    int64_t n;                      /* messages */
    int64_t sum;                    /* atomic */
    bool copies;
};

struct listener {
    struct spread *spread;
    struct moirai_chan *own;
};

static int64_t look_at(const int64_t *message)
{
    return message[0] + message[WORDS - 1];
}

static int64_t take_one(const struct listener *listener)
{
    int64_t copy[WORDS];
    void *message;
    int64_t sum;

    if (listener->spread->copies) {
        bench_need(moirai_chan_recv(listener->own, copy, MOIRAI_NEVER),
                   "receive");
        return look_at(copy);
    }
    bench_need(moirai_loan_recv(listener->own, &message, MOIRAI_NEVER),
               "receive");
    sum = look_at(message);
    moirai_loan_put(message);
    return sum;
}

static int take_all(void *arg)
{
    const struct listener *listener = arg;
    int64_t sum = 0;

    for (int64_t i = 0; i < listener->spread->n; i++)
        sum += take_one(listener);
    __atomic_fetch_add(&listener->spread->sum, sum, __ATOMIC_RELAXED);
    return 0;
}

static int send_all(void *arg)
{
    struct spread *spread = arg;
    int64_t copy[WORDS] = { 0 };
    void *message = copy;

    for (int64_t i = 0; i < spread->n; i++) {
        if (!spread->copies)
            bench_need(moirai_loan_get(spread->from, 0, &message), "a loan");
        ((int64_t *)message)[0] = ((int64_t *)message)[WORDS - 1] = i;
        bench_need(spread->copies
                       ? moirai_chan_send(spread->from, message, MOIRAI_NEVER)
                       : moirai_loan_send(spread->from, message,
                                          MOIRAI_NEVER), "send");
    }
    return 0;
}

/* One endpoint to send, and one for each listener: no other is left. */
static struct listener *open_spread(struct spread *spread)
{
    static const char *const options[] = { "capacity=64", NULL };
    struct moirai_elem elem = { .size = sizeof elem, .align = 64,
                                .bytes = WORDS * sizeof(int64_t) };
    struct listener *listeners
        = bench_alloc(spread->tasks * sizeof *listeners);
    struct moirai_chan *chan;

    if (!spread->copies)
        elem.limit = elem.bytes;
    bench_need(moirai_chan_make(NULL, "broadcast", options, &elem, &chan, NULL),
               "a channel");
    bench_need(moirai_chan_dup(chan, MOIRAI_SEND, &spread->from),
               "an endpoint");
    for (size_t i = 0; i < spread->tasks; i++) {
        listeners[i].spread = spread;
        bench_need(moirai_chan_dup(chan, MOIRAI_RECV, &listeners[i].own),
                   "an endpoint");
    }
    moirai_chan_put(chan);
    return listeners;
}

static int64_t run_spread(void *arg)
{
    struct spread *spread = arg;
    struct listener *listeners = open_spread(spread);
    struct moirai_scope scope;
    int64_t start = bench_clock(), ns;

    spread->sum = 0;
    bench_need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), "a scope");
    for (size_t i = 0; i < spread->tasks; i++)
        bench_need(moirai_spawn(&scope, take_all, &listeners[i]), "a task");
    bench_need(moirai_spawn(&scope, send_all, spread), "a task");
    bench_need(moirai_scope_end(&scope), "the scope");
    ns = bench_clock() - start;
    bench_expect("sum", spread->sum,
                 spread->n * (spread->n - 1) * (int64_t)spread->tasks);
    for (size_t i = 0; i < spread->tasks; i++)
        moirai_chan_put(listeners[i].own);
    moirai_chan_put(spread->from);
    free(listeners);
    return ns;
}

static void broadcast(const struct bench *bench)
{
    struct spread spread = { .copies = getenv("BENCH_COPIES") != NULL };
    double ns;

    spread.tasks = (size_t)atoi(bench->question + sizeof "broadcast");
    spread.n = (int64_t)bench_scaled(bench, 2e6 / (double)spread.tasks, 1);
    ns = bench_task_median(bench, run_spread, &spread);
    bench_print("ns", ns / ((double)spread.n * (double)spread.tasks));
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "share", share },
        { "share-work", share_work },
        { "broadcast-1", broadcast },
        { "broadcast-10", broadcast },
        { "broadcast-100", broadcast },
        { "broadcast-1000", broadcast },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
