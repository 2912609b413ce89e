/* SPDX-License-Identifier: MIT */
/*
 * work.h - the work that the benchmark programs of all contestants share.
 *
 * The one definition of what a tree, a leaf and an input array are, so that
 * every contestant, in whatever language, does the same and can be checked by
 * the same numbers. C and C++ include it, the others state it again. All
 * arithmetic on hashes is modulo 2^64.
 *
 * SCALE: arrays, batches, leaves, root children and messages are multiplied
 * by it (at least 1); fib and nqueens, which grow by themselves, by
 * work_fib_n and work_queens_n.
 */
#ifndef BENCH_SUPPORT_WORK_H
#define BENCH_SUPPORT_WORK_H

#include <sched.h>
#include <stdint.h>

/* Steps of work_burn that take about this long at 3.6 GHz: 60 per 100 ns. */
enum {
    WORK_STEPS_20NS = 12,           /* irregular: every iteration */
    WORK_STEPS_100NS = 60,          /* skewed, nested: a leaf */
    WORK_STEPS_2000NS = 1200,       /* irregular: one iteration in 64 more */
    WORK_STEPS_5US = 3000,          /* mixed: after a sleep */
    WORK_STEPS_100US = 60000,       /* tail, mixed: a piece */
    WORK_STEPS_100MS = 60000000     /* cpu */
};

/* Arithmetic that no compiler shortens: each step needs the one before, six
 * cycles; `x` is not 0. Add up (wrapping) what it gives and check the sum. The
 * barrier keeps compilers from doing several calls at once in a vector, which
 * would halve the work for whose loops they see through. */
static inline uint64_t work_burn(uint64_t x, unsigned steps)
{
    __asm__ volatile("" : "+r"(x));
    while (steps-- > 0) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    return x;
}

static inline uint64_t work_hash(uint64_t x)    /* splitmix64 */
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/*
 * uts: child number `i` of a node with hash h has hash work_hash(h + i); the
 * root's hash is work_hash(28), it has 2000 * SCALE children; any other node
 * has 8 if work_uts_inner(hash), else none. Nodes in all, the root counted:
 * 502009 at scale 1, 7001 at 0.1, 149 at 0.01, 3 at 0.001.
 */
enum { WORK_UTS_SEED = 28, WORK_UTS_ROOT = 2000, WORK_UTS_CHILDREN = 8 };

static inline int work_uts_inner(uint64_t hash)
{
    return hash < UINT64_C(2296619637176839168);        /* 0.1245 * 2^64 */
}

/* sleepers: tasks that are made at most this fast are all there when the first
 * one is due; which is when task i is, in ns after that. */
enum { WORK_SLEEP_EACH_NS = 5000, WORK_SLEEP_SPREAD_NS = 100000000 };

static inline int64_t work_sleep_after(uint64_t i)
{
    return (int64_t)(work_hash(i) % WORK_SLEEP_SPREAD_NS);
}

/* spawn: 1e6 tasks at scale 1, in whole batches of so many: each is spawned
 * into one scope or group, which is waited for before the next begins. */
enum { WORK_SPAWN_BATCH = 10000 };

/* fib: 34 at scale 1, one less per factor 1.618 below and one more above;
 * fib(n) makes 2 * fib(n + 1) - 1 calls, fib(34) = 5702887: 18454929. */
static inline int work_fib_n(double scale)
{
    int n = 34;

    for (; scale <= 1 / 1.618 && n > 5; n--)
        scale *= 1.618;
    for (; scale >= 1.618; n++)
        scale /= 1.618;
    return n;
}

/* nqueens: nodes of the whole search on an n x n board, the empty board and
 * every allowed placement counted. */
static inline uint64_t work_queens_nodes(int n)
{
    static const uint32_t nodes[] = { 1, 2, 3, 6, 17, 54, 153, 552, 2057,
        8394, 35539, 166926, 856189, 4674890, 27358553 };

    return nodes[n];
}

/* The board: 12 at scale 1, else the largest with no more nodes than scale
 * times that, at least 6, at most 14. */
static inline int work_queens_n(double scale)
{
    int n = 6;

    while (n < 14 && work_queens_nodes(n + 1) <= scale * 856189)
        n++;
    return n;
}

/*
 * skewed: a node has a range of leaves [first, first + n). n = 1: a leaf,
 * whose value is work_burn(first + 1, WORK_STEPS_100NS). Else the left child
 * has the first work_skewed_left(n) of them, the right child the rest.
 */
static inline uint64_t work_skewed_left(uint64_t n)
{
    return n >= 16 ? n / 16 : 1;
}

/*
 * region: who comes here stays until `all` have, so that nobody can do the part
 * of two. `*came` counts, from 0, over all regions. Others get the processor
 * now and then, should there be fewer of these than workers.
 */
static inline void work_meet(uint64_t *came, unsigned all)
{
    uint64_t me = __atomic_fetch_add(came, 1, __ATOMIC_ACQ_REL);
    uint64_t last = me - me % all + all;

    for (unsigned tries = 1; __atomic_load_n(came, __ATOMIC_ACQUIRE) < last;
         tries++)
        if (tries % 2000 == 0)
            sched_yield();
}

/* irregular: iteration i is work_burn(i + 1, work_irregular_steps(i)). */
static inline unsigned work_irregular_steps(uint64_t i)
{
    return WORK_STEPS_20NS + (work_hash(i) % 64 == 0 ? WORK_STEPS_2000NS : 0);
}

/*
 * region: work_meet.
 * nested: item j of row i is work_burn(64 * i + j + 1, WORK_STEPS_100NS).
 * saxpy: y = 2 * x + y, all x = 1, y = 0 at first: y = 2 per round.
 * stencil: out = 0.2f * (middle + left + right + above + below) inside, the
 *   border stays; a cell of row r, column c is (r + c) % 16 at first; sums of
 *   rows or a plain sweep check it. Each sweep reads in and writes out.
 * reduce: element i is i % 1024, so that sums of doubles are exact.
 * scan: element i is i % 8, from one array to another.
 * sort: element i is work_sort_item(i), ascending; filled again each round.
 */
static inline uint32_t work_sort_item(uint64_t i)
{
    return (uint32_t)(work_hash(i) >> 32);
}

#endif
