/* SPDX-License-Identifier: MIT */
/*
 * test_trace.c - what happened is written down; the same seed gives the same
 * trace, another seed another.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "with.h"

static struct moirai_mutex mutex;

static int nap(void *arg)
{
    (void)arg;
    return moirai_sleep_until(moirai_after(30 * MOIRAI_US));
}

static int lock_and_yield(void *arg)
{
    (void)arg;
    CHECK_EQ(moirai_mutex_lock(&mutex, MOIRAI_NEVER), 0);
    moirai_yield();
    CHECK_EQ(moirai_mutex_unlock(&mutex), 0);
    return 0;
}

static int fork_once(void *arg)
{
    struct moirai_frame fork;

    moirai_fork(&fork, nap, arg);
    moirai_yield();
    return moirai_join(&fork);
}

static int program(void *arg)
{
    static moirai_fn *const bodies[] = { nap, lock_and_yield, fork_once };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 30; i++)
        CHECK_EQ(moirai_spawn(&scope, bodies[i % 3], NULL), 0);
    return moirai_scope_end(&scope);
}

/* The text of a run's trace, to be freed. */
static char *trace_of(unsigned long seed, const char *events)
{
    char seed_text[40], trace_text[40];
    const char *const set[] = { "scheduler.plugin=sim", "runtime.workers=2",
                                seed_text, trace_text, NULL };
    struct moirai_runtime *rt;

    snprintf(seed_text, sizeof seed_text, "scheduler.seed=%lu", seed);
    snprintf(trace_text, sizeof trace_text, "runtime.trace=%s", events);
    rt = with_settings(set);
    CHECK_EQ(moirai_run(rt, program, NULL), 0);
    return with_trace(rt);
}

/* Lines are "WORKER EVENT TASK ARGUMENT"; those of the event, or all. */
static unsigned events(const char *text, const char *event)
{
    unsigned n = 0;

    while (*text != '\0') {
        char word[20];

        CHECK_EQ(sscanf(text, "%*u %19s %*u", word), 1);
        n += event == NULL || strcmp(word, event) == 0;
        text = strchr(text, '\n') + 1;
    }
    return n;
}

TEST(trace, of_a_seed_is_always_the_same)
{
    for (unsigned long seed = 1; seed <= with_times(100); seed++) {
        char *first = trace_of(seed, "65536");
        char *second = trace_of(seed, "65536");

        CHECK_FMT(strcmp(first, second) == 0, "scheduler.seed=%lu gave two "
                  "traces", seed);
        free(first);
        free(second);
    }
}

TEST(trace, of_other_seeds_differ)
{
    char *first = trace_of(1, "65536");
    unsigned differ = 0;

    for (unsigned long seed = 2; seed <= 11; seed++) {
        char *other = trace_of(seed, "65536");

        differ += strcmp(first, other) != 0;
        free(other);
    }
    free(first);
    CHECK_FMT(differ == 10, "only %u of 10 seeds gave another order", differ);
}

TEST(trace, tells_each_start_and_end)
{
    char *text = trace_of(3, "65536");

    CHECK_EQ(events(text, "spawn"), 30);    /* the first one was outside */
    CHECK_EQ(events(text, "start"), 41);    /* ten forks as well */
    CHECK_EQ(events(text, "end"), 41);
    CHECK(events(text, "park") > 40);
    CHECK(events(text, "yield") == 20);
    CHECK(strstr(text, " sleep\n") != NULL);
    CHECK(strstr(text, " mutex\n") != NULL);
    free(text);
}

TEST(trace, keeps_the_newest_events_when_its_ring_is_full)
{
    char *all = trace_of(5, "65536");
    char *few = trace_of(5, "64");
    char *off = trace_of(5, "0");

    CHECK(events(all, NULL) > 128);
    CHECK(events(few, NULL) >= 64 && events(few, NULL) <= 128);
    CHECK_STR(off, "");
    CHECK_STR(strrchr(all, ' '), strrchr(few, ' '));
    free(all);
    free(few);
    free(off);
}
