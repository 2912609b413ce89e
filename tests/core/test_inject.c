/* SPDX-License-Identifier: MIT */
/*
 * test_inject.c - what a simulation brings about when it is asked to, and that
 * it does so only then and there.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "with.h"

static struct moirai_runtime *start(unsigned long seed, const char *fault,
                                    const char *more)
{
    char text[40];
    const char *const set[] = { "scheduler.plugin=sim", "runtime.workers=2",
                                "runtime.trace=65536", text,
                                fault != NULL ? fault : more,
                                fault != NULL ? more : NULL, NULL };

    snprintf(text, sizeof text, "scheduler.seed=%lu", seed);
    return with_settings(set);
}

static unsigned times(const char *text, const char *word)
{
    unsigned n = 0;

    while ((text = strstr(text, word)) != NULL) {
        text += strlen(word);
        n++;
    }
    return n;
}

/* --- a program that bears all of it --------------------------------------- */

static struct moirai_mutex mutex;
static struct moirai_cond changed;
static int turn;                    /* guarded by the mutex */
static int cancelled;               /* tasks that were */

/* Waits for its turn, however often it is woken, and passes it on. */
static int take_turns(void *arg)
{
    int mine = *(const int *)arg;
    int rc = 0;

    for (int i = 0; i < 5 && rc == 0; i++) {
        CHECK_EQ(moirai_mutex_lock(&mutex, MOIRAI_NEVER), 0);
        while (rc == 0 && turn != mine)
            rc = moirai_cond_wait(&changed, &mutex, MOIRAI_NEVER);
        turn = !mine;
        moirai_cond_broadcast(&changed);
        CHECK_EQ(moirai_mutex_unlock(&mutex), 0);
    }
    return rc;
}

static int nap(void *arg)
{
    int64_t due = moirai_after(MOIRAI_MS);
    int rc = moirai_sleep_until(due);

    (void)arg;
    CHECK(rc == -ECANCELED || (rc == 0 && moirai_now() >= due));
    with_add(&cancelled, rc == -ECANCELED);
    return 0;
}

static int program(void *arg)
{
    static const int numbers[] = { 0, 1 };
    struct moirai_handle *naps[4] = { NULL };
    struct moirai_scope scope;
    int rc = 0;

    (void)arg;
    turn = cancelled = 0;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 4; i++)
        moirai_spawn_with(&scope, nap, NULL, NULL, &naps[i]);
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = moirai_spawn(&scope, take_turns, (void *)(uintptr_t)&numbers[i]);
    if (rc != 0)
        moirai_scope_cancel(&scope);
    for (int i = 0; i < 4; i++) {
        if (naps[i] == NULL)
            continue;
        CHECK_EQ(moirai_handle_join(naps[i], MOIRAI_NEVER, NULL), 0);
        moirai_handle_put(naps[i]);
    }
    CHECK_EQ(moirai_scope_end(&scope), rc != 0 ? -ECANCELED : 0);
    return rc;
}

static char *trace_of(unsigned long seed, const char *fault, const char *more)
{
    struct moirai_runtime *rt = start(seed, fault, more);
    int rc = moirai_run(rt, program, NULL);
    char *text = with_trace(rt);

    CHECK_FMT(rc == 0 || (rc == -ENOMEM && strstr(text, "no memory") != NULL),
              "scheduler.seed=%lu, %s: %d", seed, fault, rc);
    return text;
}

static const char *const faults[] = {
    "scheduler.inject_memory=7", "scheduler.inject_wakes=3",
    "scheduler.inject_timers=2", "scheduler.inject_cancels=3",
};

static const char *const words[] = { " no memory\n", " woken for nothing\n",
                                     " late timer\n", " cancelled\n" };

TEST(inject, nothing_that_was_not_asked_for)
{
    for (unsigned seed = 1; seed <= with_times(50); seed++) {
        char *text = trace_of(seed, NULL, "scheduler.inject_delay=1s");

        CHECK_EQ(times(text, "injected:"), 0);
        CHECK_EQ(cancelled, 0);
        free(text);
    }
}

TEST(inject, each_kind_alone_and_the_same_again)
{
    for (int kind = 0; kind < 4; kind++) {
        unsigned n = 0, differ = 0;

        for (unsigned seed = 1; seed <= 10 + with_times(50); seed++) {
            char *first = trace_of(seed, faults[kind], NULL);
            char *again = trace_of(seed, faults[kind], NULL);

            CHECK_STR(first, again);
            CHECK_EQ(times(first, " injected: "), times(first, words[kind]));
            n += times(first, words[kind]);
            differ += times(first, words[kind]) != 1;
            free(first);
            free(again);
        }
        CHECK_FMT(n > 10 && differ > 0, "%s: %u faults", faults[kind], n);
    }
}

TEST(inject, no_more_than_the_limit)
{
    for (unsigned seed = 1; seed <= 10 + with_times(50); seed++) {
        char *one = trace_of(seed, "scheduler.inject_wakes=1",
                             "scheduler.inject_limit=1");
        char *three = trace_of(seed, "scheduler.inject_wakes=1",
                               "scheduler.inject_limit=3");

        CHECK(times(one, "injected:") <= 1);
        CHECK(times(three, "injected:") <= 3);
        free(one);
        free(three);
    }
}

/* Up to the first fault nothing is different. */
TEST(inject, leaves_the_order_of_tasks_to_the_seed)
{
    for (unsigned seed = 1; seed <= with_times(50); seed++) {
        struct moirai_runtime *rt = start(seed, "runtime.workers=1", NULL);
        const char *first;
        char *plain, *faulty;

        CHECK_EQ(moirai_run(rt, program, NULL), 0);
        plain = with_trace(rt);
        rt = start(seed, "runtime.workers=1", "scheduler.inject_wakes=4");
        CHECK_EQ(moirai_run(rt, program, NULL), 0);
        faulty = with_trace(rt);
        first = strstr(faulty, "0 injected:");
        if (first == NULL)
            CHECK_STR(plain, faulty);
        else
            CHECK(strncmp(plain, faulty, (size_t)(first - faulty)) == 0);
        free(plain);
        free(faulty);
    }
}

/* --- memory --------------------------------------------------------------- */

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int ask_for_memory(void *arg)
{
    struct moirai_elem elem = MOIRAI_ELEM(int);
    struct moirai_chan *chan = NULL;
    unsigned *refused = arg;

    for (int i = 0; i < 20; i++) {
        int rc = moirai_chan_make(NULL, NULL, NULL, &elem, &chan, NULL);

        CHECK(rc == 0 || rc == -ENOMEM);
        refused[0] += rc != 0;
        if (rc == 0)
            moirai_chan_put(chan);
        rc = moirai_spawn(NULL, do_nothing, NULL);
        CHECK(rc == 0 || rc == -ENOMEM);
        refused[1] += rc != 0;
    }
    return 0;
}

TEST(inject, refuses_memory_to_tasks_and_to_nobody_else)
{
    unsigned refused[2] = { 0 };

    for (unsigned seed = 1; seed <= 20; seed++) {
        struct moirai_runtime *rt = start(seed, "scheduler.inject_memory=3",
                                          NULL);
        struct moirai_elem elem = MOIRAI_ELEM(int);
        struct moirai_chan *chan;

        CHECK_EQ(moirai_run(rt, ask_for_memory, refused), 0);
        for (int i = 0; i < 20; i++) {
            CHECK_EQ(moirai_chan_make(rt, NULL, NULL, &elem, &chan, NULL), 0);
            moirai_chan_put(chan);
        }
        free(with_trace(rt));
    }
    CHECK_FMT(refused[0] > 20 && refused[1] > 20, "%u channels, %u tasks",
              refused[0], refused[1]);
}

/* --- timers --------------------------------------------------------------- */

#define MOST (200 * MOIRAI_US)      /* that one is late, as it is set below */

static int sleep_and_look(void *arg)
{
    int64_t *worst = arg;
    int64_t due = moirai_after(MOIRAI_MS);

    CHECK_EQ(moirai_sleep_until(due), 0);
    CHECK(moirai_now() >= due);
    if (moirai_now() - due > *worst)
        *worst = moirai_now() - due;
    return 0;
}

TEST(inject, makes_timers_late_by_as_much_as_was_said)
{
    int64_t worst = 0;

    for (unsigned seed = 1; seed <= 100; seed++) {
        struct moirai_runtime *rt = start(seed, "scheduler.inject_timers=1",
                                          "scheduler.inject_delay=200us");

        CHECK_EQ(moirai_run(rt, sleep_and_look, &worst), 0);
        free(with_trace(rt));
    }
    CHECK_FMT(worst > MOST / 4 && worst < MOST + 10 * MOIRAI_US,
              "late by %lld ns", (long long)worst);
}

static int sleep_for_ever(void *arg)
{
    int64_t due = *(const int64_t *)arg;

    CHECK_EQ(moirai_sleep_until(MOIRAI_NEVER), -ETIMEDOUT);
    CHECK(moirai_now() >= due);
    return 0;
}

/* A select's deadline, a channel's, and that of a task. */
static int wait_in_other_ways(void *arg)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_handle *handle;
    struct moirai_elem elem = MOIRAI_ELEM(int);
    struct moirai_chan *chan;
    int64_t due = moirai_after(MOIRAI_MS);
    int message;

    (void)arg;
    CHECK_EQ(moirai_chan_make(NULL, NULL, NULL, &elem, &chan, NULL), 0);
    struct moirai_case cases[] = { MOIRAI_ON_RECV(chan, &message) };

    CHECK_EQ(moirai_select(cases, 1, due), -ETIMEDOUT);
    CHECK(moirai_now() >= due);
    due = moirai_after(MOIRAI_MS);
    CHECK_EQ(moirai_chan_recv(chan, &message, due), -ETIMEDOUT);
    CHECK(moirai_now() >= due);
    attr.deadline_ns = moirai_after(MOIRAI_MS);
    CHECK_EQ(moirai_spawn_with(NULL, sleep_for_ever, &attr.deadline_ns, &attr,
                               &handle), 0);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, NULL), 0);
    moirai_handle_put(handle);
    moirai_chan_put(chan);
    return 0;
}

TEST(inject, makes_all_kinds_of_deadlines_late)
{
    unsigned late = 0;

    for (unsigned seed = 1; seed <= 50; seed++) {
        struct moirai_runtime *rt = start(seed, "scheduler.inject_timers=1",
                                          NULL);
        char *text;

        CHECK_EQ(moirai_run(rt, wait_in_other_ways, NULL), 0);
        text = with_trace(rt);
        late += times(text, "late timer");
        free(text);
    }
    CHECK_EQ(late, 150);
}

/* --- cancellation --------------------------------------------------------- */

static int sleep_a_while(void *arg)
{
    int rc = moirai_sleep_until(moirai_after(MOIRAI_MS));

    with_add((int *)arg, rc != 0);
    return 0;
}

/* Nobody else has the handle of the task that waits here, and there is none of
 * one of those it spawns. */
static int spawn_three(void *arg)
{
    int (*noticed)[3] = arg;
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_handle *handle;
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, sleep_a_while, &(*noticed)[0]), 0);
    attr.name = "nobody's";
    CHECK_EQ(moirai_spawn_with(&scope, sleep_a_while, &(*noticed)[1], &attr,
                               NULL), 0);
    CHECK_EQ(moirai_spawn_with(&scope, sleep_a_while, &(*noticed)[2], NULL,
                               &handle), 0);
    CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_US)), 0);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, NULL), 0);
    moirai_handle_put(handle);
    return moirai_scope_end(&scope);
}

TEST(inject, cancels_only_what_somebody_could_have_cancelled)
{
    int noticed[3] = { 0 };

    for (unsigned seed = 1; seed <= 100; seed++) {
        struct moirai_runtime *rt = start(seed, "scheduler.inject_cancels=1",
                                          NULL);

        CHECK_EQ(moirai_run(rt, spawn_three, &noticed), 0);
        free(with_trace(rt));
    }
    CHECK_EQ(noticed[0], 0);
    CHECK_EQ(noticed[1], 0);
    CHECK_EQ(noticed[2], 100);
}

/* --- what is beside it ---------------------------------------------------- */

static void *simulate(void *arg)
{
    int *stop = arg;

    for (unsigned seed = 1; with_get(stop) == 0; seed++)
        free(trace_of(seed, faults[seed % 4], NULL));
    return NULL;
}

TEST(inject, leaves_real_runtimes_of_the_process_alone)
{
    struct moirai_runtime *rt = with_workers(2);
    unsigned refused[2] = { 0 };
    pthread_t thread;
    int stop = 0;

    CHECK_EQ(pthread_create(&thread, NULL, simulate, &stop), 0);
    for (unsigned i = 0; i < 10 + with_times(200); i++)
        CHECK_EQ(moirai_run(rt, ask_for_memory, refused), 0);
    with_set(&stop, 1);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(refused[0] + refused[1], 0);
    with_end(rt);
}
