/* SPDX-License-Identifier: MIT */
/*
 * test_deque.c - the work-stealing deque by itself.
 *
 * Besides plain tests and threads: `explored` runs an owner and two thieves as
 * coroutines that can be stopped before each access to shared memory, and
 * tries every interleaving with at most three switches that neither had to
 * make, and many random ones. That shows what accesses in one order can do; of
 * weaker orders it knows nothing, and ThreadSanitizer little. Those are argued
 * in deque.h.
 */
static void point(void);
#define MOIRAI_ATOMIC_POINT() point()
#include <moirai/deque.h>

#include "conforms.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define TASKS 4096

static struct moirai_task tasks[TASKS];
static atomic_uint taken[TASKS];

static void set_up(struct moirai_deque *d, int64_t slots)
{
    memset(d, 0, sizeof *d);
    CHECK_EQ(moirai_deque_init(d, conformance_host(), slots), 0);
}

static void tear_down(struct moirai_deque *d)
{
    CHECK_EQ(moirai_deque_length(d), 0);
    moirai_deque_fini(d);
    CHECK_EQ(conformance_allocations(), 0);
}

static void push(struct moirai_deque *d, int first, int n)
{
    for (int i = first; i < first + n; i++)
        CHECK(moirai_deque_push(d, &tasks[i]));
}

/* The number of the task; -1: none. */
static int64_t number(const struct moirai_task *task)
{
    return task == NULL ? -1 : task - tasks;
}

static int64_t steal(struct moirai_deque *d)
{
    struct moirai_task *task;

    CHECK(moirai_deque_steal(d, &task));
    return number(task);
}

TEST(deque, owner_takes_newest_and_thief_oldest)
{
    struct moirai_deque d;

    set_up(&d, 8);
    push(&d, 0, 6);
    CHECK_EQ(moirai_deque_length(&d), 6);
    CHECK_EQ(number(moirai_deque_take(&d)), 5);
    CHECK_EQ(steal(&d), 0);
    CHECK_EQ(number(moirai_deque_take_oldest(&d)), 1);
    CHECK_EQ(number(moirai_deque_take(&d)), 4);
    CHECK_EQ(steal(&d), 2);
    CHECK_EQ(number(moirai_deque_take(&d)), 3);
    CHECK_EQ(number(moirai_deque_take(&d)), -1);
    CHECK_EQ(steal(&d), -1);
    CHECK_EQ(number(moirai_deque_take_oldest(&d)), -1);
    tear_down(&d);
}

TEST(deque, grows_from_any_position)
{
    for (int before = 0; before < 20; before++) {
        struct moirai_deque d;

        set_up(&d, 2);
        push(&d, 0, before);
        for (int i = 0; i < before; i++)
            CHECK_EQ(steal(&d), i);
        push(&d, 0, 500);
        for (int i = 0; i < 250; i++) {
            CHECK_EQ(steal(&d), i);
            CHECK_EQ(number(moirai_deque_take(&d)), 499 - i);
        }
        tear_down(&d);
    }
}

TEST(deque, full_and_without_memory_refuses_and_keeps_all)
{
    struct moirai_deque d;

    set_up(&d, 4);
    conformance_allow(0);
    CHECK_EQ(moirai_deque_room(&d), 4);
    push(&d, 0, 4);
    CHECK_EQ(moirai_deque_room(&d), 0);
    CHECK(!moirai_deque_push(&d, &tasks[4]));
    CHECK_EQ(steal(&d), 0);
    push(&d, 4, 1);
    CHECK(!moirai_deque_push(&d, &tasks[5]));
    conformance_allow(-1);
    push(&d, 5, 1);
    CHECK_EQ(moirai_deque_room(&d), 3);
    for (int i = 1; i < 6; i++)
        CHECK_EQ(steal(&d), i);
    tear_down(&d);
}

TEST(deque, owner_and_thief_lines_are_apart)
{
    struct moirai_deque d;

    CHECK_EQ((char *)&d.top - (char *)&d.bottom, MOIRAI_DEQUE_LINE);
    CHECK_EQ(sizeof d, 2 * MOIRAI_DEQUE_LINE);
    CHECK_EQ((uintptr_t)&d % MOIRAI_DEQUE_LINE, 0);
}

/* --- threads ------------------------------------------------------------ */

static struct moirai_deque shared;
static atomic_bool over;

static void count(struct moirai_task *task)
{
    CHECK_EQ((uintptr_t)task->arg, number(task) + 1);
    atomic_fetch_add(&taken[number(task)], 1);
}

static void *thief(void *arg)
{
    (void)arg;
    while (!atomic_load(&over)) {
        struct moirai_task *task;

        if (moirai_deque_steal(&shared, &task) && task != NULL)
            count(task);
    }
    return NULL;
}

/* Short and long runs of pushes and takes: nearly empty most of the time,
 * growing now and then. `n` tasks in all. */
static void own(int n)
{
    int pushed = 0;

    for (int i = 0; pushed < n; i++) {
        int k = i % 64 == 0 ? 200 : i % 5;

        for (int j = 0; j < k && pushed < n; j++) {
            tasks[pushed].arg = (void *)(uintptr_t)(pushed + 1);
            CHECK(moirai_deque_push(&shared, &tasks[pushed++]));
        }
        for (int j = 0; j < k; j++) {
            struct moirai_task *task;

            task = i % 7 == 0 ? moirai_deque_take_oldest(&shared)
                              : moirai_deque_take(&shared);
            if (task != NULL)
                count(task);
        }
    }
}

static void fight(int thieves)
{
    pthread_t threads[8];
    struct moirai_task *task;

    set_up(&shared, 2);
    atomic_store(&over, false);
    for (int i = 0; i < TASKS; i++)
        atomic_store(&taken[i], 0);
    for (int i = 0; i < thieves; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, thief, NULL), 0);
    own(TASKS);
    while ((task = moirai_deque_take(&shared)) != NULL)
        count(task);
    atomic_store(&over, true);
    for (int i = 0; i < thieves; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_FMT(atomic_load(&taken[i]) == 1, "task %d was taken %u times", i,
                  atomic_load(&taken[i]));
    tear_down(&shared);
}

TEST(deque, thieves_and_owner_take_each_task_once)
{
    double end = conformance_seconds() + (check_long() ? 20.0 : 2.0);

    while (conformance_seconds() < end) {
        for (int thieves = 1; thieves <= 7; thieves = 2 * thieves + 1)
            fight(thieves);
    }
}

/* --- all interleavings of a few accesses -------------------------------- */

#define ACTORS 3
#define PREEMPTIONS 3               /* at most, in the systematic search */
#define DECISIONS 200

enum step { PUSH, TAKE, OLDEST, STEAL, END };

static const enum step scripts[][ACTORS][9] = {
    { { PUSH, TAKE, PUSH, TAKE, END }, { STEAL, END }, { STEAL, END } },
    { { PUSH, PUSH, TAKE, TAKE, PUSH, TAKE, END }, { STEAL, STEAL, END },
      { STEAL, END } },
    { { PUSH, PUSH, PUSH, TAKE, TAKE, TAKE, END }, { STEAL, STEAL, END },
      { END } },
    { { PUSH, PUSH, OLDEST, TAKE, PUSH, TAKE, END }, { STEAL, STEAL, END },
      { END } },
};

struct coroutine {
    ucontext_t context;
    char stack[64 << 10];
    const enum step *script;
    bool ended;
};

static struct coroutine actors[ACTORS];
static ucontext_t explorer;
static struct moirai_deque explored;
static int running = -1;            /* actor; -1: nobody can be stopped */
static int pushed;
static int gone[TASKS];             /* how often it was taken */

/* The decision made at each point: the n-th of the actors that could go on,
 * 0 being the one that was running. */
static int decisions[DECISIONS];
static int options[DECISIONS];      /* how many there were */
static int decision_count;

static void point(void)
{
    if (running >= 0)
        swapcontext(&actors[running].context, &explorer);
}

static void act(int self)
{
    struct moirai_task *task = NULL;

    for (const enum step *s = actors[self].script; *s != END; s++) {
        if (*s == PUSH)
            CHECK(moirai_deque_push(&explored, &tasks[pushed++]));
        else if (*s == TAKE)
            task = moirai_deque_take(&explored);
        else if (*s == OLDEST)
            task = moirai_deque_take_oldest(&explored);
        else if (!moirai_deque_steal(&explored, &task))
            task = NULL;            /* it was somebody else's */
        if (*s != PUSH && task != NULL)
            gone[number(task)]++;
    }
    actors[self].ended = true;
    setcontext(&explorer);
}

static void actor_start(int i, const enum step *script)
{
    struct coroutine *a = &actors[i];

    a->script = script;
    a->ended = false;
    CHECK_EQ(getcontext(&a->context), 0);
    a->context.uc_stack.ss_sp = a->stack;
    a->context.uc_stack.ss_size = sizeof a->stack;
    makecontext(&a->context, (void (*)(void))act, 1, i);
}

/* Which actor is the n-th that can go on, counted from `from`; -1: none. */
static int runnable(int from, int n)
{
    for (int i = 0; i < ACTORS; i++) {
        int actor = (from + i) % ACTORS;

        if (!actors[actor].ended && n-- == 0)
            return actor;
    }
    return -1;
}

/* Runs the script to its end along `decisions`, of which the first `given`
 * are made; the others are 0, or at random. */
static void explore_once(const enum step script[ACTORS][9], int given,
                         bool random)
{
    int current = 0;

    set_up(&explored, 1);
    pushed = 0;
    memset(gone, 0, sizeof gone[0] * 16);
    for (int i = 0; i < ACTORS; i++)
        actor_start(i, script[i]);
    for (decision_count = 0; runnable(current, 0) >= 0; decision_count++) {
        int n = 0;

        CHECK(decision_count < DECISIONS);
        while (n < ACTORS && runnable(current, n) >= 0)
            n++;
        if (decision_count >= given)
            decisions[decision_count] = random ? rand() % n : 0;
        options[decision_count] = n;
        current = running = runnable(current, decisions[decision_count]);
        swapcontext(&explorer, &actors[current].context);
        running = -1;
    }
    for (struct moirai_task *t; (t = moirai_deque_take(&explored)) != NULL;)
        gone[number(t)]++;
    for (int i = 0; i < pushed; i++)
        CHECK_FMT(gone[i] == 1, "task %d was taken %d times", i, gone[i]);
    tear_down(&explored);
}

/* Changes the last decision that has another way to go; false: none has. */
static bool next_decisions(int *given)
{
    int preemptions = 0;

    for (int i = 0; i < decision_count; i++)
        preemptions += decisions[i] > 0;
    for (int i = decision_count - 1; i >= 0; i--) {
        preemptions -= decisions[i] > 0;
        if (decisions[i] + 1 < options[i] && preemptions < PREEMPTIONS) {
            decisions[i]++;
            *given = i + 1;
            return true;
        }
    }
    return false;
}

TEST_LONG(deque, explored, 120)
{
    uint64_t runs = 0;

#ifdef MO_SANITIZE_THREAD
    SKIP("ThreadSanitizer does not follow ucontext");
#endif
    if (getenv("MO_TEST_BRIEF") != NULL)
        SKIP("a minute's work, where tests are to be brief");
    for (size_t s = 0; s < sizeof scripts / sizeof scripts[0]; s++) {
        int given = 0;

        do {
            explore_once(scripts[s], given, false);
            runs++;
        } while (next_decisions(&given));
        for (int i = 0; i < (check_long() ? 1000000 : 20000); i++)
            explore_once(scripts[s], 0, true);
    }
    CHECK_FMT(runs > 10000, "only %llu interleavings",
              (unsigned long long)runs);
}
