/* SPDX-License-Identifier: MIT */
/*
 * wake.c - how late a task runs: wake, from when a message is sent to a task
 * whose worker is asleep until the task runs; tail, from when a sleep was to
 * end until it does, while other tasks keep every worker busy.
 *
 * wake: the sender computes for 50 us, so that the other worker sleeps, and
 * after sending until the receiver has run. With one worker the sender is a
 * plain thread.
 */
#include "task.h"
#include "work.h"

#define PAUSE_NS 50000
#define PERIOD_NS MOIRAI_MS
#define BUSY_TASKS 4                /* for each worker */

struct wake {
    struct moirai_chan *chan;
    double *late;                   /* ns, one for each message */
    size_t n;
    size_t woken;                   /* atomic: messages that have arrived */
};

static void compute_until_woken(const struct wake *wake, size_t messages)
{
    while (__atomic_load_n(&wake->woken, __ATOMIC_ACQUIRE) < messages)
        work_burn(1, WORK_STEPS_20NS);
}

static int send_messages(void *arg)
{
    struct wake *wake = arg;

    for (size_t i = 0; i < wake->n; i++) {
        int64_t now = bench_clock(), end = now + PAUSE_NS;

        while (now < end)
            now = bench_clock();
        bench_need(moirai_chan_send(wake->chan, &now, MOIRAI_NEVER), "send");
        compute_until_woken(wake, i + 1);
    }
    return 0;
}

static int receive_messages(void *arg)
{
    struct wake *wake = arg;
    int64_t sent;

    for (size_t i = 0; i < wake->n; i++) {
        bench_need(moirai_chan_recv(wake->chan, &sent, MOIRAI_NEVER), "recv");
        wake->late[i] = (double)(bench_clock() - sent);
        __atomic_store_n(&wake->woken, i + 1, __ATOMIC_RELEASE);
    }
    return 0;
}

static int open_chan(void *arg)
{
    *(struct moirai_chan **)arg = bench_chan(1);
    return 0;
}

static void wake(const struct bench *bench)
{
    struct moirai_runtime *runtime = bench_start(bench, NULL);
    struct moirai_scope *all = moirai_runtime_scope(runtime);
    struct wake wake = { .n = bench_scaled(bench, 2000, 20) };

    wake.late = bench_alloc(wake.n * sizeof *wake.late);
    bench_need(moirai_run(runtime, open_chan, &wake.chan), "a channel");
    bench_need(moirai_spawn(all, receive_messages, &wake), "a task");
    if (bench->workers > 1)
        moirai_run(runtime, send_messages, &wake);
    else
        send_messages(&wake);
    moirai_chan_put(wake.chan);
    bench_stop(runtime);
    bench_print("p50_ns", bench_percentile(wake.late, wake.n, 0.5));
    bench_print("p99_ns", bench_percentile(wake.late, wake.n, 0.99));
}

struct tail {
    double *late;
    size_t n;
    unsigned busy;                  /* tasks that compute */
    bool over;                      /* atomic: the busy tasks are to end */
};

static int keep_busy(void *arg)
{
    struct tail *tail = arg;
    uint64_t x = 1;

    while (!__atomic_load_n(&tail->over, __ATOMIC_RELAXED)) {
        x = work_burn(x, WORK_STEPS_100US);
        moirai_yield();
    }
    return x == 0 ? -1 : 0;
}

static int sleep_and_look(void *arg)
{
    struct tail *tail = arg;
    struct moirai_scope scope;

    bench_need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), "a scope");
    for (unsigned i = 0; i < tail->busy; i++)
        bench_need(moirai_spawn(&scope, keep_busy, tail), "a task");
    for (size_t i = 0; i < tail->n; i++) {
        int64_t end = moirai_after(PERIOD_NS);

        bench_need(moirai_sleep_until(end), "sleep");
        tail->late[i] = (double)(moirai_now() - end);
    }
    __atomic_store_n(&tail->over, true, __ATOMIC_RELAXED);
    return moirai_scope_end(&scope);
}

static void tail(const struct bench *bench)
{
    struct tail tail = { .n = bench_scaled(bench, 2000, 20),
                         .busy = BUSY_TASKS * bench->workers };

    tail.late = bench_alloc(tail.n * sizeof *tail.late);
    bench_task(bench, sleep_and_look, &tail);
    bench_print("p50_ns", bench_percentile(tail.late, tail.n, 0.5));
    bench_print("p999_ns", bench_percentile(tail.late, tail.n, 0.999));
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "wake", wake },
        { "tail", tail },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
