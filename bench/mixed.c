/* SPDX-License-Identifier: MIT */
/*
 * mixed.c - tasks that wait beside tasks that compute all the time.
 *
 * The waiting half: 16 tasks that sleep for 1 ms at a time, compute for 5 us,
 * and note how late they went on. The computing half: four tasks for each
 * worker, begun after those, that yield between two turns; the question's name
 * says what a turn is: trees of forks with leaves of 2 us, for 1 ms (fork), or
 * 1, 10 or 100 ms of computing.
 *
 * mixed-net-*: the waiting half are 16 clients that sleep for 1 ms, send 64
 * bytes over a connection, and wait for the answer; and 16 servers that compute
 * for 5 us for each.
 *
 *   compute_ns  the workers' time for 100 us of computing
 *   wait_ns     for one sleep with what follows it
 *   p50_ns, p99_ns  how late it went on; of clients, from when the question was
 *               due until the answer
 *   answer_ns   of clients, 99 % have the answer so soon after the question
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <moirai/net.h>

#include "task.h"
#include "work.h"

#define WAITERS 16
#define BUSY_TASKS 4                /* for each worker */
#define PERIOD_NS MOIRAI_MS
#define LONG_NS 1e9                 /* of the whole, at scale 1 */
#define PIECE_LEAVES 50             /* of 2 us */
#define REQUEST 64                  /* bytes, and of the answer */

struct mixed {
    unsigned pieces;                /* of 100 us in a turn */
    bool forks;
    int listener;                   /* or -1: the waiting half only sleeps */
    char address[MOIRAI_ADDRESS_SIZE];
    size_t most;                    /* sleeps of a task */
    bool over;                      /* atomic */
};

struct busy {
    struct mixed *mixed;
    size_t pieces;                  /* done */
};

struct waiter {
    struct mixed *mixed;
    double *late, *took;
    size_t n;
};

static bool is_over(const struct mixed *mixed)
{
    return __atomic_load_n(&mixed->over, __ATOMIC_RELAXED);
}

/* --- computing ------------------------------------------------------------ */

struct tree {
    unsigned leaves;
    uint64_t sum;
};

static int walk_tree(void *arg)
{
    struct tree *tree = arg;
    struct tree left = { tree->leaves / 2, 0 };
    struct tree right = { tree->leaves - left.leaves, 0 };
    struct moirai_frame fork;

    if (tree->leaves == 1) {
        tree->sum = work_burn(1, WORK_STEPS_2000NS);
        return 0;
    }
    moirai_fork(&fork, walk_tree, &left);
    walk_tree(&right);
    moirai_join(&fork);
    tree->sum = left.sum + right.sum;
    return 0;
}

static void compute_piece(const struct mixed *mixed)
{
    struct tree tree = { PIECE_LEAVES, 0 };

    if (mixed->forks)
        walk_tree(&tree);
    else
        tree.sum = work_burn(1, WORK_STEPS_100US);
    bench_expect("computing", tree.sum != 0, 1);
}

static int keep_busy(void *arg)
{
    struct busy *busy = arg;
    const struct mixed *mixed = busy->mixed;

    while (!is_over(mixed)) {
        for (unsigned i = 0; i < mixed->pieces && !is_over(mixed); i++) {
            compute_piece(mixed);
            busy->pieces++;
        }
        moirai_yield();
    }
    return 0;
}

/* --- waiting -------------------------------------------------------------- */

static int sleep_and_look(void *arg)
{
    struct waiter *waiter = arg;

    do {
        int64_t end = moirai_after(PERIOD_NS);

        bench_need(moirai_sleep_until(end), "sleep");
        waiter->late[waiter->n++] = (double)(moirai_now() - end);
        bench_expect("work", work_burn(1, WORK_STEPS_5US) != 0, 1);
    } while (waiter->n < waiter->mixed->most && !is_over(waiter->mixed));
    return 0;
}

static void move_all(int64_t n, const char *what)
{
    if (n != REQUEST)
        bench_fail_with(n < 0 ? (int)n : -EIO, what);
}

static int serve(void *arg)
{
    const struct mixed *mixed = arg;
    int fd = moirai_accept(mixed->listener, MOIRAI_NEVER);
    char bytes[REQUEST];
    int64_t n;

    if (fd < 0)
        bench_fail_with(fd, "accept");
    while ((n = moirai_recv(fd, bytes, sizeof bytes, MSG_WAITALL,
                            MOIRAI_NEVER)) != 0) {
        move_all(n, "a request");
        bench_expect("work", work_burn(1, WORK_STEPS_5US) != 0, 1);
        move_all(moirai_send(fd, bytes, sizeof bytes, 0, MOIRAI_NEVER),
                 "an answer");
    }
    return moirai_close(fd);
}

static int ask_and_look(void *arg)
{
    struct waiter *waiter = arg;
    const struct mixed *mixed = waiter->mixed;
    int fd = moirai_connect(mixed->address, NULL, MOIRAI_NEVER);
    char bytes[REQUEST] = { 0 };

    if (fd < 0)
        bench_fail_with(fd, "connect");
    do {
        int64_t due = moirai_after(PERIOD_NS);
        int64_t start;

        bench_need(moirai_sleep_until(due), "sleep");
        start = moirai_now();
        move_all(moirai_send(fd, bytes, sizeof bytes, 0, MOIRAI_NEVER),
                 "a request");
        move_all(moirai_recv(fd, bytes, sizeof bytes, MSG_WAITALL,
                             MOIRAI_NEVER), "an answer");
        waiter->took[waiter->n] = (double)(moirai_now() - start);
        waiter->late[waiter->n++] = (double)(moirai_now() - due);
    } while (waiter->n < mixed->most && !is_over(mixed));
    return moirai_close(fd);
}

/* --- both ----------------------------------------------------------------- */

static void rest_for(double ns)
{
    struct timespec span = { .tv_sec = (time_t)(ns / 1e9) };

    span.tv_nsec = (long)(ns - (double)span.tv_sec * 1e9);
    while (nanosleep(&span, &span) != 0)
        continue;
}

static void report(const struct bench *bench, const struct busy *busy,
                   const struct waiter *waiters, double ns)
{
    size_t pieces = 0;
    size_t n = 0;
    double *late, *took;

    for (unsigned i = 0; i < BUSY_TASKS * bench->workers; i++)
        pieces += busy[i].pieces;
    for (unsigned i = 0; i < WAITERS; i++)
        n += waiters[i].n;
    late = bench_alloc(n * sizeof *late);
    took = bench_alloc(n * sizeof *took);
    n = 0;
    for (unsigned i = 0; i < WAITERS; i++) {
        memcpy(late + n, waiters[i].late, waiters[i].n * sizeof *late);
        memcpy(took + n, waiters[i].took, waiters[i].n * sizeof *took);
        n += waiters[i].n;
    }
    pieces = pieces > 0 ? pieces : 1;
    bench_print("compute_ns", ns * bench->workers / (double)pieces);
    bench_print("wait_ns", ns * WAITERS / (double)n);
    bench_print("p50_ns", bench_percentile(late, n, 0.5));
    bench_print("p99_ns", bench_percentile(late, n, 0.99));
    if (waiters->mixed->listener >= 0)
        bench_print("answer_ns", bench_percentile(took, n, 0.99));
}

/* A program of two halves says so, unless it is asked what comes of not saying
 * it. */
static const char *policy(void)
{
    const char *hybrid = getenv("BENCH_HYBRID");

    return hybrid != NULL && strcmp(hybrid, "off") == 0
               ? "scheduler.hybrid=off" : "scheduler.hybrid=on";
}

static void listen_for(struct mixed *mixed)
{
    mixed->listener = moirai_listen("127.0.0.1:0", NULL);
    if (mixed->listener < 0)
        bench_fail_with(mixed->listener, "listen");
    bench_need(moirai_socket_name(mixed->listener, mixed->address,
                                  sizeof mixed->address), "its name");
}

static void begin_to_wait(struct mixed *mixed, struct waiter *waiter,
                          struct moirai_scope *all)
{
    *waiter = (struct waiter){ .mixed = mixed };
    waiter->late = bench_alloc(mixed->most * sizeof(double));
    waiter->took = bench_alloc(mixed->most * sizeof(double));
    if (mixed->listener >= 0) {
        bench_need(moirai_spawn(all, serve, mixed), "a task");
        bench_need(moirai_spawn(all, ask_and_look, waiter), "a task");
    } else {
        bench_need(moirai_spawn(all, sleep_and_look, waiter), "a task");
    }
}

static void mix(const struct bench *bench, unsigned pieces, bool forks,
                bool sockets)
{
    struct moirai_runtime *runtime = bench_start(bench, policy());
    struct moirai_scope *all = moirai_runtime_scope(runtime);
    double ns = LONG_NS * bench->scale;
    struct mixed mixed = { pieces, forks, .listener = -1,
                           .most = (size_t)(ns / PERIOD_NS) + 2 };
    struct busy *busy = bench_alloc(BUSY_TASKS * bench->workers
                                    * sizeof *busy);
    struct waiter waiters[WAITERS];
    int64_t start = bench_clock();

    if (sockets)
        listen_for(&mixed);
    for (unsigned i = 0; i < WAITERS; i++)
        begin_to_wait(&mixed, &waiters[i], all);
    for (unsigned i = 0; i < BUSY_TASKS * bench->workers; i++) {
        busy[i].mixed = &mixed;
        bench_need(moirai_spawn(all, keep_busy, &busy[i]), "a task");
    }
    rest_for(ns);
    __atomic_store_n(&mixed.over, true, __ATOMIC_RELAXED);
    ns = (double)(bench_clock() - start);
    bench_stop(runtime);
    report(bench, busy, waiters, ns);
}

static void mixed_fork(const struct bench *bench)
{
    mix(bench, 10, true, false);
}

static void mixed_1ms(const struct bench *bench)
{
    mix(bench, 10, false, false);
}

static void mixed_10ms(const struct bench *bench)
{
    mix(bench, 100, false, false);
}

static void mixed_100ms(const struct bench *bench)
{
    mix(bench, 1000, false, false);
}

static void mixed_net_1ms(const struct bench *bench)
{
    mix(bench, 10, false, true);
}

static void mixed_net_10ms(const struct bench *bench)
{
    mix(bench, 100, false, true);
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "mixed-fork", mixed_fork },
        { "mixed-1ms", mixed_1ms },
        { "mixed-10ms", mixed_10ms },
        { "mixed-100ms", mixed_100ms },
        { "mixed-net-1ms", mixed_net_1ms },
        { "mixed-net-10ms", mixed_net_10ms },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
