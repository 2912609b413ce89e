/* SPDX-License-Identifier: MIT */
/*
 * chan.c - the least that a message can cost.
 *
 * With one worker, a plain ring that is filled and emptied. With more: chan, a
 * ring of one writer and one reader, which publish SHARE messages at a time;
 * chan-44, four writers and four readers in D. Vyukov's bounded queue, all of
 * them on as many threads as there are workers. pingpong: a value handed to and
 * fro between two stacks of one thread, whatever the number of workers.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "bench.h"
#include "switch.h"
#include "team.h"

#define CAPACITY 1024u
#define MASK (CAPACITY - 1)
#define SHARE 8
#define PAIRS 4
#define LINE 64
#define STACK_BYTES 16384

struct cell {
    uint64_t turn;                  /* atomic: whose the cell is, see below */
    int64_t message;
};

struct ring {
    _Alignas(LINE) uint64_t head;   /* atomic: read so far */
    _Alignas(LINE) uint64_t tail;   /* atomic: written so far */
    _Alignas(LINE) int64_t slots[CAPACITY];
    _Alignas(LINE) struct cell cells[CAPACITY];
    _Alignas(LINE) int64_t n;       /* messages */
    unsigned workers;
    struct team *team;
    int64_t sum;                    /* atomic: of those received */
};

/* --- one thread ---------------------------------------------------------- */

static void send_and_receive(struct ring *ring)
{
    uint64_t head = 0, tail = 0;
    int64_t sum = 0, left = ring->n;

    while (left > 0) {
        int64_t some = left < CAPACITY ? left : CAPACITY;

        for (int64_t i = 0; i < some; i++) {
            ring->slots[tail & MASK] = (int64_t)tail;
            tail++;
            __asm__ volatile("" ::: "memory");
        }
        for (int64_t i = 0; i < some; i++) {
            sum += ring->slots[head & MASK];
            head++;
            __asm__ volatile("" ::: "memory");
        }
        left -= some;
    }
    ring->sum = sum;
}

/* --- one writer, one reader: each has a line, and publishes what it did --- */

static void write_all(struct ring *ring)
{
    uint64_t tail = 0, room = CAPACITY, end = (uint64_t)ring->n;
    unsigned tries = 0;

    while (tail < end) {
        if (tail == room) {
            room = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) + CAPACITY;
            if (tail == room)
                team_relax(&tries);
            continue;
        }
        ring->slots[tail & MASK] = (int64_t)tail;
        if (++tail % SHARE == 0 || tail == room || tail == end)
            __atomic_store_n(&ring->tail, tail, __ATOMIC_RELEASE);
    }
}

static void read_all(struct ring *ring)
{
    uint64_t head = 0, there = 0, end = (uint64_t)ring->n;
    unsigned tries = 0;
    int64_t sum = 0;

    while (head < end) {
        if (head == there) {
            there = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
            if (head == there)
                team_relax(&tries);
            continue;
        }
        sum += ring->slots[head & MASK];
        if (++head % SHARE == 0 || head == there)
            __atomic_store_n(&ring->head, head, __ATOMIC_RELEASE);
    }
    ring->sum = sum;
}

/* --- many of both: cell i is a writer's for message m when its turn is m, a
 * reader's when it is m + 1, and is then given to message m + CAPACITY ---- */

static bool try_send(struct ring *ring, int64_t message)
{
    uint64_t m = __atomic_load_n(&ring->tail, __ATOMIC_RELAXED);
    struct cell *cell = &ring->cells[m & MASK];

    if (__atomic_load_n(&cell->turn, __ATOMIC_ACQUIRE) != m
        || !__atomic_compare_exchange_n(&ring->tail, &m, m + 1, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return false;
    cell->message = message;
    __atomic_store_n(&cell->turn, m + 1, __ATOMIC_RELEASE);
    return true;
}

static bool try_receive(struct ring *ring, int64_t *message)
{
    uint64_t m = __atomic_load_n(&ring->head, __ATOMIC_RELAXED);
    struct cell *cell = &ring->cells[m & MASK];

    if (__atomic_load_n(&cell->turn, __ATOMIC_ACQUIRE) != m + 1
        || !__atomic_compare_exchange_n(&ring->head, &m, m + 1, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return false;
    *message = cell->message;
    __atomic_store_n(&cell->turn, m + CAPACITY, __ATOMIC_RELEASE);
    return true;
}

/* Half of the threads write, half read; what four would do, shared out. */
static void write_or_read(void *arg, unsigned member)
{
    struct ring *ring = arg;
    unsigned threads = ring->workers / 2;
    unsigned which = member / 2;
    int64_t from = team_from(ring->n, which, threads);
    int64_t to = team_from(ring->n, which + 1, threads);
    int64_t sum = 0, message;
    unsigned tries = 0;

    for (int64_t i = from; i < to && which < threads; i++) {
        if (member % 2 == 0) {
            while (!try_send(ring, i))
                team_relax(&tries);
            continue;
        }
        while (!try_receive(ring, &message))
            team_relax(&tries);
        sum += message;
    }
    __atomic_fetch_add(&ring->sum, sum, __ATOMIC_RELAXED);
}

static void write_and_read(void *arg, unsigned member)
{
    if (member == 0)
        write_all(arg);
    else if (member == 1)
        read_all(arg);
}

/* --- running them -------------------------------------------------------- */

static int64_t run(struct ring *ring, team_job *job)
{
    int64_t start, ns;

    ring->head = ring->tail = 0;
    ring->sum = 0;
    for (uint64_t i = 0; i < CAPACITY; i++)
        ring->cells[i].turn = i;
    start = bench_clock();
    if (ring->workers == 1)
        send_and_receive(ring);
    else
        team_run(ring->team, job, ring);
    ns = bench_clock() - start;
    bench_expect("sum", ring->sum, ring->n * (ring->n - 1) / 2);
    return ns;
}

static int64_t run_one(void *arg)
{
    return run(arg, write_and_read);
}

static int64_t run_four(void *arg)
{
    return run(arg, write_or_read);
}

static void ask(const struct bench *bench, bench_round *round)
{
    struct ring *ring = bench_alloc(sizeof *ring);
    double ns;

    ring->n = (int64_t)bench_scaled(bench, 1e6, 1);
    ring->workers = bench->workers;
    ring->team = team_start(bench->workers);
    ns = bench_median(bench, round, ring);
    team_stop(ring->team);
    bench_print("ns", ns / (double)ring->n);
}

static void one_to_one(const struct bench *bench)
{
    ask(bench, run_one);
}

static void four_to_four(const struct bench *bench)
{
    ask(bench, run_four);
}

/* --- ping-pong ------------------------------------------------------------ */

#ifdef HAVE_SWITCH

struct pingpong {
    struct place ping, pong;
    int64_t n;
    int64_t value;
};

static struct pingpong *handed;     /* for who cannot be given an argument */

static void add_one(void)
{
    struct pingpong *pingpong = handed;

    for (;;) {
        pingpong->value++;
        change_place(&pingpong->pong, &pingpong->ping);
    }
}

static int64_t hand_over(void *arg)
{
    struct pingpong *pingpong = arg;
    int64_t start = bench_clock(), ns;

    pingpong->value = 0;
    for (int64_t i = 0; i < pingpong->n; i++) {
        pingpong->value++;
        change_place(&pingpong->ping, &pingpong->pong);
    }
    ns = bench_clock() - start;
    bench_expect("value", pingpong->value, 2 * pingpong->n);
    return ns;
}

static void pingpong(const struct bench *bench)
{
    struct pingpong *pingpong = bench_alloc(sizeof *pingpong);
    char *stack = bench_alloc(STACK_BYTES);
    double ns;

    pingpong->n = (int64_t)bench_scaled(bench, 2e5, 1);
    handed = pingpong;
    new_place(&pingpong->pong, stack + STACK_BYTES, add_one);
    ns = bench_median(bench, hand_over, pingpong);
    bench_print("ns", ns / (double)pingpong->n);
}

#else

static void pingpong(const struct bench *bench)
{
    (void)bench;
    bench_none();
}

#endif

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "chan", one_to_one },
        { "chan-44", four_to_four },
        { "pingpong", pingpong },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
