/* SPDX-License-Identifier: MIT */
/*
 * litmus.c - does the checker know C's memory model?
 *
 * The classic small programs, each with what may come out of it, and what must
 * not: all of the former has to be seen, and none of the latter.
 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RELAXED __ATOMIC_RELAXED
#define ACQUIRE __ATOMIC_ACQUIRE
#define RELEASE __ATOMIC_RELEASE
#define TOTAL __ATOMIC_SEQ_CST

static uint32_t x, y;
static uint32_t r[4];               /* what the threads saw */
static uint32_t plain;
static uint32_t seen;               /* outcomes so far, a bit each */

static void begin(void)
{
    x = y = 0;
    memset(r, 0, sizeof r);
}

#define LOAD(p, order) __atomic_load_n(p, order)
#define STORE(p, v, order) __atomic_store_n(p, v, order)

/* Names what came out: the digits of r, read as a number in base 4. */
static void note(void)
{
    seen |= 1u << (r[0] + 4 * r[1]);
}

#define OUTCOME(a, b) (1u << ((a) + 4 * (b)))

/* --- store buffering: may both read 0? ------------------------------------ */

#define SB(name, store, load, fence)                                          \
    static void name##_0(void)                                                \
    {                                                                         \
        STORE(&x, 1, store);                                                  \
        fence;                                                                \
        r[0] = LOAD(&y, load);                                                \
    }                                                                         \
    static void name##_1(void)                                                \
    {                                                                         \
        STORE(&y, 1, store);                                                  \
        fence;                                                                \
        r[1] = LOAD(&x, load);                                                \
    }

SB(sb_total, TOTAL, TOTAL, (void)0)
SB(sb_acquire, TOTAL, ACQUIRE, (void)0)
SB(sb_fence, RELAXED, RELAXED, __atomic_thread_fence(TOTAL))
SB(sb_release, RELEASE, ACQUIRE, (void)0)

/* One side's fence is its compiler's: the other side makes all fence. */
static void sb_barrier_0(void)
{
    STORE(&x, 1, RELAXED);
    r[0] = LOAD(&y, RELAXED);
}

static void sb_barrier_1(void)
{
    STORE(&y, 1, RELAXED);
    model_barrier();
    r[1] = LOAD(&x, RELAXED);
}

/* --- message passing: may it read 1, then 0? ------------------------------ */

#define MP(name, store, load)                                                 \
    static void name##_0(void)                                                \
    {                                                                         \
        STORE(&x, 1, RELAXED);                                                \
        STORE(&y, 1, store);                                                  \
    }                                                                         \
    static void name##_1(void)                                                \
    {                                                                         \
        r[0] = LOAD(&y, load);                                                \
        r[1] = LOAD(&x, RELAXED);                                             \
    }

MP(mp_ordered, RELEASE, ACQUIRE)
MP(mp_relaxed, RELAXED, ACQUIRE)
MP(mp_unread, RELEASE, RELAXED)

/* A read-modify-write in between keeps what was released. */
static void mp_chain_0(void)
{
    STORE(&x, 1, RELAXED);
    STORE(&y, 1, RELEASE);
}

static void mp_chain_1(void)
{
    __atomic_fetch_add(&y, 1, RELAXED);
}

static void mp_chain_2(void)
{
    r[0] = LOAD(&y, ACQUIRE);
    r[1] = LOAD(&x, RELAXED);
}

/* --- 2+2W: may both first stores be the last? ----------------------------- */

#define TWO(name, order)                                                      \
    static void name##_0(void)                                                \
    {                                                                         \
        STORE(&x, 1, order);                                                  \
        STORE(&y, 2, order);                                                  \
    }                                                                         \
    static void name##_1(void)                                                \
    {                                                                         \
        STORE(&y, 1, order);                                                  \
        STORE(&x, 2, order);                                                  \
    }

TWO(two_relaxed, RELEASE)
TWO(two_total, TOTAL)

static void note_memory(void)
{
    r[0] = LOAD(&x, RELAXED);
    r[1] = LOAD(&y, RELAXED);
    note();
}

/* --- independent reads of independent writes: may they disagree? ---------- */

static void iriw_0(void)
{
    STORE(&x, 1, TOTAL);
}

static void iriw_1(void)
{
    STORE(&y, 1, TOTAL);
}

#define IRIW(name, order)                                                     \
    static void name##_2(void)                                                \
    {                                                                         \
        r[0] = LOAD(&x, order);                                               \
        r[1] = LOAD(&y, order);                                               \
    }                                                                         \
    static void name##_3(void)                                                \
    {                                                                         \
        r[2] = LOAD(&y, order);                                               \
        r[3] = LOAD(&x, order);                                               \
    }

IRIW(iriw_total, TOTAL)
IRIW(iriw_acquire, ACQUIRE)

/* 3: they do. */
static void note_iriw(void)
{
    bool differ = r[0] == 1 && r[1] == 0 && r[2] == 1 && r[3] == 0;

    r[0] = r[1] = differ ? 3 : 0;
    note();
}

/* --- one place: never older than before ----------------------------------- */

static void coherent_0(void)
{
    STORE(&x, 1, RELAXED);
    STORE(&x, 2, RELAXED);
}

static void coherent_1(void)
{
    r[0] = LOAD(&x, RELAXED);
    r[1] = LOAD(&x, RELAXED);
}

/* --- additions are not lost, and a lock is one ---------------------------- */

static void sum(void)
{
    __atomic_fetch_add(&x, 1, RELAXED);
}

static void note_sum(void)
{
    r[0] = x;
    note();
}

static void locked(void)
{
    while (__atomic_exchange_n(&y, 1, ACQUIRE) != 0)
        while (LOAD(&y, RELAXED) != 0)
            model_relax();
    plain++;
    STORE(&y, 0, RELEASE);
}

static void begin_plain(void)
{
    begin();
    plain = 0;
}

static void note_plain(void)
{
    r[0] = plain;
    note();
}

/* --- what has to come out ------------------------------------------------- */

static void all_seen(void);

#define LITMUS(name, a, b, c, d, note)                                        \
    { #name, begin, { a, b, c, d }, note }, { "+" #name, begin,               \
                                              { all_seen }, NULL }

const struct model models[] = {
    LITMUS(sb_total, sb_total_0, sb_total_1, NULL, NULL, note),
    LITMUS(sb_acquire, sb_acquire_0, sb_acquire_1, NULL, NULL, note),
    LITMUS(sb_fence, sb_fence_0, sb_fence_1, NULL, NULL, note),
    LITMUS(sb_release, sb_release_0, sb_release_1, NULL, NULL, note),
    LITMUS(sb_barrier, sb_barrier_0, sb_barrier_1, NULL, NULL, note),
    LITMUS(mp_ordered, mp_ordered_0, mp_ordered_1, NULL, NULL, note),
    LITMUS(mp_relaxed, mp_relaxed_0, mp_relaxed_1, NULL, NULL, note),
    LITMUS(mp_unread, mp_unread_0, mp_unread_1, NULL, NULL, note),
    LITMUS(mp_chain, mp_chain_0, mp_chain_1, mp_chain_2, NULL, note),
    LITMUS(two_relaxed, two_relaxed_0, two_relaxed_1, NULL, NULL,
           note_memory),
    LITMUS(two_total, two_total_0, two_total_1, NULL, NULL, note_memory),
    LITMUS(iriw_total, iriw_0, iriw_1, iriw_total_2, iriw_total_3, note_iriw),
    LITMUS(iriw_acquire, iriw_0, iriw_1, iriw_acquire_2, iriw_acquire_3,
           note_iriw),
    LITMUS(coherent, coherent_0, coherent_1, NULL, NULL, note),
    LITMUS(sum, sum, sum, sum, NULL, note_sum),
    { "lock", begin_plain, { locked, locked }, note_plain },
    { "+lock", begin, { all_seen }, NULL },
    { NULL, NULL, { NULL }, NULL }
};

#define ALL4 (OUTCOME(0, 0) | OUTCOME(0, 1) | OUTCOME(1, 0) | OUTCOME(1, 1))
#define MP3 (OUTCOME(0, 0) | OUTCOME(0, 1) | OUTCOME(1, 1))
#define TWO3 (OUTCOME(1, 2) | OUTCOME(2, 1) | OUTCOME(2, 2))

static const uint32_t expected[] = {
    ALL4 & ~OUTCOME(0, 0),          /* sb_total */
    ALL4,                           /* sb_acquire */
    ALL4 & ~OUTCOME(0, 0),          /* sb_fence */
    ALL4,                           /* sb_release */
    ALL4 & ~OUTCOME(0, 0),          /* sb_barrier */
    MP3,                            /* mp_ordered */
    ALL4,                           /* mp_relaxed */
    ALL4,                           /* mp_unread */
    MP3 | OUTCOME(1, 0) | OUTCOME(2, 1),    /* mp_chain; see below */
    TWO3 | OUTCOME(1, 1),           /* two_relaxed */
    TWO3,                           /* two_total */
    OUTCOME(0, 0),                  /* iriw_total */
    OUTCOME(0, 0) | OUTCOME(3, 3),  /* iriw_acquire */
    OUTCOME(0, 0) | OUTCOME(0, 1) | OUTCOME(0, 2) | OUTCOME(1, 1)
        | OUTCOME(1, 2) | OUTCOME(2, 2),    /* coherent */
    OUTCOME(3, 0),                  /* sum */
    OUTCOME(2, 0),                  /* lock */
};

/* 1 may also be the addition's, which came before the store. */
static void all_seen(void)
{
    static uint32_t at;

    if (seen != expected[at])
        fprintf(stderr, "litmus %s: %#x came out, not %#x\n",
                models[2 * at].name, seen, expected[at]);
    MODEL_CHECK(seen == expected[at]);
    at++;
    seen = 0;
}
