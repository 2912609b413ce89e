/* SPDX-License-Identifier: MIT */
/*
 * chan.c - what a message costs: chan (one sender, one receiver), chan-44 (four
 * of each), chan-batch (one of each, 64 messages at a time), select (one sends
 * to three channels by turns, one selects), ns per message; pingpong over two
 * channels without a buffer, ns per round trip.
 */
#include "task.h"

#define CAPACITY 1024
#define BATCH 64

struct talk {
    struct moirai_chan *to, *from;
    int64_t n;                      /* messages of one sender */
    int64_t sum;                    /* atomic: of all that was received */
    moirai_fn *a, *b;
    int pairs;                      /* of a and b */
};

static int produce(void *arg)
{
    struct talk *talk = arg;

    for (int64_t i = 0; i < talk->n; i++)
        bench_need(moirai_chan_send(talk->to, &i, MOIRAI_NEVER), "send");
    return 0;
}

static int consume(void *arg)
{
    struct talk *talk = arg;
    int64_t message, sum = 0;

    for (int64_t i = 0; i < talk->n; i++) {
        bench_need(moirai_chan_recv(talk->to, &message, MOIRAI_NEVER), "recv");
        sum += message;
    }
    __atomic_fetch_add(&talk->sum, sum, __ATOMIC_RELAXED);
    return 0;
}

static int produce_batches(void *arg)
{
    struct talk *talk = arg;
    int64_t batch[BATCH];

    for (int64_t i = 0; i < talk->n; i += BATCH) {
        for (int j = 0; j < BATCH; j++)
            batch[j] = i + j;
        bench_expect("sent", moirai_chan_send_batch(talk->to, batch, BATCH,
                                                    MOIRAI_NEVER), BATCH);
    }
    return 0;
}

static int consume_batches(void *arg)
{
    struct talk *talk = arg;
    int64_t batch[BATCH], got;

    for (int64_t left = talk->n; left > 0; left -= got) {
        got = moirai_chan_recv_batch(talk->to, batch, 1, BATCH, MOIRAI_NEVER);
        bench_need(got < 0 ? (int)got : 0, "recv");
        for (int64_t j = 0; j < got; j++)
            talk->sum += batch[j];
    }
    return 0;
}

static int ping(void *arg)
{
    struct talk *talk = arg;
    int64_t message = 0;

    for (int64_t i = 0; i < talk->n; i++) {
        talk->sum += message - i;
        bench_need(moirai_chan_send(talk->to, &i, MOIRAI_NEVER), "send");
        bench_need(moirai_chan_recv(talk->from, &message, MOIRAI_NEVER),
                   "recv");
    }
    return 0;
}

static int pong(void *arg)
{
    struct talk *talk = arg;
    int64_t message;

    for (int64_t i = 0; i < talk->n; i++) {
        bench_need(moirai_chan_recv(talk->to, &message, MOIRAI_NEVER), "recv");
        message++;
        bench_need(moirai_chan_send(talk->from, &message, MOIRAI_NEVER),
                   "send");
    }
    return 0;
}

static int64_t run_talk(void *arg)
{
    struct talk *talk = arg;
    struct moirai_scope scope;
    int64_t start = bench_clock(), ns;
    int64_t sum = talk->a == ping ? 0 : talk->n * (talk->n - 1) / 2;

    talk->sum = 0;
    bench_need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), "a scope");
    for (int i = 0; i < talk->pairs; i++) {
        bench_need(moirai_spawn(&scope, talk->a, talk), "a task");
        bench_need(moirai_spawn(&scope, talk->b, talk), "a task");
    }
    bench_need(moirai_scope_end(&scope), "the scope");
    ns = bench_clock() - start;
    bench_expect("sum", talk->sum, sum * talk->pairs);
    return ns;
}

struct question {
    const struct bench *bench;
    struct talk talk;
    unsigned capacity;
    double ns;
};

static int run_question(void *arg)
{
    struct question *question = arg;
    struct talk *talk = &question->talk;

    talk->to = bench_chan(question->capacity);
    talk->from = bench_chan(question->capacity);
    question->ns = bench_median(question->bench, run_talk, talk);
    moirai_chan_put(talk->to);
    moirai_chan_put(talk->from);
    return 0;
}

static void answer(const struct bench *bench, const struct talk *talk,
                   unsigned capacity)
{
    struct question question = { bench, *talk, capacity, 0 };

    bench_task(bench, run_question, &question);
    bench_print("ns", question.ns / (double)(talk->n * talk->pairs));
}

static void buffered(const struct bench *bench)
{
    int64_t n = (int64_t)bench_scaled(bench, 1e6, 1);

    answer(bench, &(struct talk){ .n = n, .a = produce, .b = consume,
                                  .pairs = 1 }, CAPACITY);
}

static void four_to_four(const struct bench *bench)
{
    int64_t n = (int64_t)bench_scaled(bench, 1e6 / 4, 1);

    answer(bench, &(struct talk){ .n = n, .a = produce, .b = consume,
                                  .pairs = 4 }, CAPACITY);
}

static void batches(const struct bench *bench)
{
    int64_t n = (int64_t)bench_scaled(bench, 1e6 / BATCH, 1) * BATCH;

    answer(bench, &(struct talk){ .n = n, .a = produce_batches,
                                  .b = consume_batches, .pairs = 1 },
           CAPACITY);
}

static void pingpong(const struct bench *bench)
{
    int64_t n = (int64_t)bench_scaled(bench, 2e5, 1);

    answer(bench, &(struct talk){ .n = n, .a = ping, .b = pong, .pairs = 1 },
           0);
}

/* --- select --------------------------------------------------------------- */

#define SELECTED 3

struct selecting {
    struct moirai_chan *chans[SELECTED];
    int64_t n, sum;
};

static int send_by_turns(void *arg)
{
    struct selecting *selecting = arg;

    for (int64_t i = 0; i < selecting->n; i++)
        bench_need(moirai_chan_send(selecting->chans[i % SELECTED], &i,
                                    MOIRAI_NEVER), "send");
    return 0;
}

static int select_all(void *arg)
{
    struct selecting *selecting = arg;
    int64_t message[SELECTED], sum = 0;
    struct moirai_case cases[SELECTED] = {
        MOIRAI_ON_RECV(selecting->chans[0], &message[0]),
        MOIRAI_ON_RECV(selecting->chans[1], &message[1]),
        MOIRAI_ON_RECV(selecting->chans[2], &message[2]),
    };

    for (int64_t i = 0; i < selecting->n; i++) {
        int64_t which = moirai_select(cases, SELECTED, MOIRAI_NEVER);

        bench_need(which < 0 ? (int)which : cases[which].result, "select");
        sum += message[which];
    }
    selecting->sum = sum;
    return 0;
}

static int64_t run_selecting(void *arg)
{
    struct selecting *selecting = arg;
    struct moirai_scope scope;
    int64_t start, ns;

    for (int i = 0; i < SELECTED; i++)
        selecting->chans[i] = bench_chan(CAPACITY);
    start = bench_clock();
    bench_need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), "a scope");
    bench_need(moirai_spawn(&scope, send_by_turns, selecting), "a task");
    bench_need(moirai_spawn(&scope, select_all, selecting), "a task");
    bench_need(moirai_scope_end(&scope), "the scope");
    ns = bench_clock() - start;
    for (int i = 0; i < SELECTED; i++)
        moirai_chan_put(selecting->chans[i]);
    bench_expect("sum", selecting->sum,
                 selecting->n * (selecting->n - 1) / 2);
    return ns;
}

static void selects(const struct bench *bench)
{
    struct selecting selecting = { .n = (int64_t)bench_scaled(bench, 1e6, 1) };
    double ns = bench_task_median(bench, run_selecting, &selecting);

    bench_print("ns", ns / (double)selecting.n);
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "chan", buffered },
        { "chan-44", four_to_four },
        { "chan-batch", batches },
        { "pingpong", pingpong },
        { "select", selects },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
