/* SPDX-License-Identifier: MIT */
/*
 * test_shared.c - what a worker does for itself, it does in memory of its own.
 *
 * A runtime of 128 places, all taken up. Two of them do the same, each with its
 * own tasks, scope and channel, one after the other, while the rest blocks. Of
 * what they write to, no cache line may be both's: it would travel between 128
 * cores with each operation. What is done once for many operations may be.
 *
 * Seen are the core's atomic writes. What is shared is written by nothing else,
 * but under locks, and to take one is an atomic write.
 */
#include <semaphore.h>
#include <string.h>

#include "arch/cpu.h"
#include "atomic.h"
#include "check.h"
#include "with.h"

#define PLACES 128
#define OPERATIONS 2000
#define ONCE_IN 10                  /* operations per write that is shared */
#define LINES 65536                 /* a power of two, far more than written */

struct line {
    uintptr_t number;               /* 0: none */
    uint32_t writes[2];             /* by the two places */
};

static struct line lines[LINES];
static _Thread_local int writer = -1;   /* which place this is, if it counts */

static void note(const volatile void *p)
{
    uintptr_t number = (uintptr_t)p / MO_CACHE_LINE;
    size_t at = number * UINT64_C(0x9e3779b97f4a7c15) >> 40;

    if (writer < 0)
        return;
    while (lines[at % LINES].number != number && lines[at % LINES].number != 0)
        at++;
    lines[at % LINES].number = number;
    lines[at % LINES].writes[writer]++;
}

static uint32_t shared_writes(void)
{
    uint32_t n = 0;

    for (size_t i = 0; i < LINES; i++)
        if (lines[i].writes[0] != 0 && lines[i].writes[1] != 0)
            n += lines[i].writes[0] + lines[i].writes[1];
    return n;
}

/* --- operations ----------------------------------------------------------- */

struct own {                        /* of a place */
    struct moirai_chan *chan;
};

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int grow(void *arg)          /* 2^n - 1 forks */
{
    intptr_t n = (intptr_t)arg;
    struct moirai_frame fork;

    if (n == 0)
        return 0;
    moirai_fork(&fork, grow, (void *)(n - 1));
    grow((void *)(n - 1));
    return moirai_join(&fork);
}

static void fork_and_join(struct own *own)
{
    (void)own;
    grow((void *)11);
}

static void spawn(struct own *own)
{
    struct moirai_scope scope;

    (void)own;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < OPERATIONS; i++)
        CHECK_EQ(moirai_spawn(&scope, nothing, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
}

static int yield_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < OPERATIONS / 2; i++)
        moirai_yield();
    return 0;
}

static void yield(struct own *own)
{
    struct moirai_scope scope;

    (void)own;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, yield_often, NULL), 0);
    CHECK_EQ(moirai_spawn(&scope, yield_often, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
}

static void send_and_receive(struct own *own)
{
    int64_t message = 0;

    for (int i = 0; i < OPERATIONS; i++) {
        CHECK_EQ(moirai_chan_send(own->chan, &message, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_chan_recv(own->chan, &message, MOIRAI_NEVER), 0);
    }
}

/* --- 128 places ----------------------------------------------------------- */

struct play {
    void (*operation)(struct own *own);
    struct own own[2];
    sem_t turn[2];
    sem_t over;
    int taken;
};

static void open_own(struct own *own)
{
    const struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    const char *const options[] = { "capacity=64", NULL };

    CHECK_EQ(moirai_chan_make(NULL, NULL, options, &elem, &own->chan, NULL),
             0);
}

static void measure(struct play *play, int who)
{
    play->operation(&play->own[who]);   /* warm */
    writer = who;
    play->operation(&play->own[who]);
    writer = -1;
}

/* Takes up a place: the thread itself blocks, as in a long computation. */
static int hold(void *arg)
{
    struct play *play = arg;
    int who = moirai_worker_index() == 0            ? 0
            : moirai_worker_index() == PLACES - 1   ? 1
                                                    : -1;

    if (who >= 0)
        open_own(&play->own[who]);
    if (with_add(&play->taken, 1) == PLACES)
        sem_post(&play->turn[0]);
    if (who < 0) {
        sem_wait(&play->over);
        return 0;
    }
    sem_wait(&play->turn[who]);
    measure(play, who);
    if (who == 0)
        sem_post(&play->turn[1]);
    for (int i = 0; who == 1 && i < PLACES; i++)
        sem_post(&play->over);
    sem_wait(&play->over);
    moirai_chan_put(play->own[who].chan);
    return 0;
}

static int hold_all(void *arg)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (uint32_t i = 1; i <= PLACES; i++) {
        attr.worker = i;
        CHECK_EQ(moirai_spawn_with(&scope, hold, arg, &attr, NULL), 0);
    }
    return moirai_scope_end(&scope);
}

static void few_are_shared(void (*operation)(struct own *own))
{
    const char *const set[] = { "runtime.workers=128", "stacks.loop=1MiB",
                                "scheduler.plugin=steal", NULL };
    struct moirai_runtime *runtime;
    struct play play = { .operation = operation };

    mo_wrote_hook = note;           /* before there are other threads */
    runtime = with_settings(set);
    memset(lines, 0, sizeof lines);
    sem_init(&play.turn[0], 0, 0);
    sem_init(&play.turn[1], 0, 0);
    sem_init(&play.over, 0, 0);
    CHECK_EQ(moirai_run(runtime, hold_all, &play), 0);
    with_end(runtime);
    CHECK_FMT(shared_writes() <= 2 * OPERATIONS / ONCE_IN,
              "%u shared writes in twice %d operations",
              (unsigned)shared_writes(), OPERATIONS);
}

#define SUITE(name, operation)                                                \
    TEST(shared, name)                                                        \
    {                                                                         \
        few_are_shared(operation);                                            \
    }

SUITE(writes_are_not_made_by_fork_and_join, fork_and_join)
SUITE(writes_are_not_made_by_spawning, spawn)
SUITE(writes_are_not_made_by_yielding, yield)
SUITE(writes_are_not_made_by_a_channel_of_ones_own, send_and_receive)
