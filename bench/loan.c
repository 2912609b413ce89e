/* SPDX-License-Identifier: MIT */
/*
 * loan.c - what it costs to pass a large message on, in place or
 * (BENCH_COPIES=1) from buffer to channel to buffer: loan-1k, loan-4k and more;
 * and what it costs if all of it is written and read, too: loan-used-1k and
 * more; ns per message.
 *
 * What is not used whole is written and read in its first and its last word;
 * what is, in a word of each cache line.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "task.h"

#define CAPACITY "capacity=64"
#define LINE 8                      /* words of a cache line */

struct large {
    struct moirai_chan *chan;
    size_t words;                   /* of a message */
    size_t stride;                  /* from one that is used to the next */
    int64_t n;
    int64_t sum;
};

static void write_words(const struct large *large, int64_t *message,
                        int64_t number)
{
    for (size_t i = 0; i < large->words; i += large->stride)
        message[i] = number;
}

static int64_t read_words(const struct large *large, const int64_t *message)
{
    int64_t sum = 0;

    for (size_t i = 0; i < large->words; i += large->stride)
        sum += message[i];
    return sum;
}

static int lend(void *arg)
{
    struct large *large = arg;
    void *message;

    for (int64_t i = 0; i < large->n; i++) {
        bench_need(moirai_loan_get(large->chan, 0, &message), "a loan");
        write_words(large, message, i);
        bench_need(moirai_loan_send(large->chan, message, MOIRAI_NEVER),
                   "send");
    }
    return 0;
}

static int take(void *arg)
{
    struct large *large = arg;
    void *message;
    int64_t sum = 0;

    for (int64_t i = 0; i < large->n; i++) {
        bench_need(moirai_loan_recv(large->chan, &message, MOIRAI_NEVER),
                   "receive");
        sum += read_words(large, message);
        moirai_loan_put(message);
    }
    large->sum = sum;
    return 0;
}

static int copy_in(void *arg)
{
    struct large *large = arg;
    int64_t *message = bench_alloc(large->words * sizeof *message);

    for (int64_t i = 0; i < large->n; i++) {
        write_words(large, message, i);
        bench_need(moirai_chan_send(large->chan, message, MOIRAI_NEVER),
                   "send");
    }
    return 0;
}

static int copy_out(void *arg)
{
    struct large *large = arg;
    int64_t *message = bench_alloc(large->words * sizeof *message);
    int64_t sum = 0;

    for (int64_t i = 0; i < large->n; i++) {
        bench_need(moirai_chan_recv(large->chan, message, MOIRAI_NEVER),
                   "receive");
        sum += read_words(large, message);
    }
    large->sum = sum;
    return 0;
}

static int64_t run(void *arg)
{
    struct large *large = arg;
    bool copies = getenv("BENCH_COPIES") != NULL;
    size_t bytes = large->words * sizeof(int64_t);
    struct moirai_elem elem = MOIRAI_ELEM_BYTES(bytes, bytes);
    static const char *const options[] = { CAPACITY, NULL };
    struct moirai_scope scope;
    int64_t start, ns;

    if (copies)
        elem.limit = 0;
    elem.align = 64;
    bench_need(moirai_chan_make(NULL, "ring", options, &elem, &large->chan,
                                NULL), "a channel");
    start = bench_clock();
    bench_need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), "a scope");
    bench_need(moirai_spawn(&scope, copies ? copy_in : lend, large), "a task");
    bench_need(moirai_spawn(&scope, copies ? copy_out : take, large),
               "a task");
    bench_need(moirai_scope_end(&scope), "the scope");
    ns = bench_clock() - start;
    moirai_chan_put(large->chan);
    bench_expect("sum", large->sum,
                 (int64_t)((large->words + large->stride - 1) / large->stride)
                 * (large->n * (large->n - 1) / 2));
    return ns;
}

/* A message has as many KiB as the question's name says; the more, the fewer
 * there are. */
static void ask(const struct bench *bench, bool whole)
{
    size_t bytes = (size_t)atoi(strrchr(bench->question, '-') + 1) * 1024;
    struct large large = { .words = bytes / sizeof(int64_t) };
    double ns;

    large.stride = whole ? LINE : large.words - 1;
    large.n = (int64_t)bench_scaled(bench, 1.6e9 / (double)bytes, 1);
    ns = bench_task_median(bench, run, &large);
    bench_print("ns", ns / (double)large.n);
}

static void touched(const struct bench *bench)
{
    ask(bench, false);
}

static void used(const struct bench *bench)
{
    ask(bench, true);
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "loan-1k", touched },
        { "loan-4k", touched },
        { "loan-16k", touched },
        { "loan-64k", touched },
        { "loan-used-1k", used },
        { "loan-used-4k", used },
        { "loan-used-16k", used },
        { "loan-used-64k", used },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
