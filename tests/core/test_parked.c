/* SPDX-License-Identifier: MIT */
/*
 * test_parked.c - what tasks that wait cost: of memory, a page of stack and
 * little more, whatever they did before; of the system's time, nothing, where
 * their stacks have been used before.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "with.h"

#define MOST 4400                   /* bytes of a parked task */
#define MANY 100000
#define SOILED 10000                /* tasks that use much stack first */
#define POOLED 100                  /* that a worker keeps */
#define DEEP 30000                  /* bytes used of a stack */

struct crowd {
    struct moirai_chan *chan;
    moirai_fn *first;               /* what each does before it waits */
    int begun;
};

/* Memory and page tables of this process, in bytes; 0: the system does not
 * say. */
static double memory(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    double sum = 0;
    unsigned long kib;
    int found = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmRSS: %lu", &kib) == 1
            || sscanf(line, "VmPTE: %lu", &kib) == 1) {
            sum += 1024.0 * (double)kib;
            found++;
        }
    if (file != NULL)
        fclose(file);
    return found == 2 ? sum : 0;
}

static int calm(void *arg)
{
    (void)arg;
    return 0;
}

static __attribute__((noinline)) int go_deep(void *arg)
{
    volatile char bytes[DEEP];

    (void)arg;
    for (size_t i = 0; i < sizeof bytes; i += 32)
        bytes[i] = 1;
    return bytes[64];
}

static int resolve(void *arg)
{
    struct addrinfo hint = { .ai_flags = AI_NUMERICHOST };
    struct addrinfo *found;
    char text[64];

    (void)arg;
    snprintf(text, sizeof text, "%.9f", 1.5);
    CHECK_EQ(getaddrinfo("127.0.0.1", "80", &hint, &found), 0);
    freeaddrinfo(found);
    return go_deep(NULL);
}

static int wait_for_close(void *arg)
{
    struct crowd *crowd = arg;
    int message;

    crowd->first(NULL);
    with_add(&crowd->begun, 1);
    CHECK(moirai_chan_recv(crowd->chan, &message, MOIRAI_NEVER) < 0);
    return 0;
}

/* So many tasks wait at once, and end. The bytes by which the process grew, if
 * they are many: to ask takes much stack, which would be counted itself. */
static double gather(moirai_fn *first, int n)
{
    bool measured = n >= SOILED;
    struct moirai_elem elem = MOIRAI_ELEM(int);
    struct crowd crowd = { .first = first };
    struct moirai_scope scope;
    double before = 0, grown = 0;

    CHECK_EQ(moirai_chan_make(moirai_runtime_self(), NULL, NULL, &elem,
                              &crowd.chan, NULL), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    if (measured)
        before = memory();
    for (int i = 0; i < n; i++)
        CHECK_EQ(moirai_spawn(&scope, wait_for_close, &crowd), 0);
    while (with_get(&crowd.begun) < n)
        moirai_yield();
    if (measured)
        grown = memory() - before;
    moirai_chan_close(crowd.chan);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    moirai_chan_put(crowd.chan);
    return grown;
}

static void run(moirai_fn *body)
{
    static const char *const set[] = { "runtime.workers=1",
                                       "stacks.size=64KiB", NULL };
    struct moirai_runtime *rt = with_settings(set);

    CHECK_EQ(moirai_run(rt, body, NULL), 0);
    with_end(rt);
}

/* Why memory cannot be counted here; NULL: it can. */
static const char *why_not(void)
{
#if defined(MO_SANITIZE_ADDRESS) || defined(MO_SANITIZE_THREAD)
    return "a sanitizer needs memory of its own for each stack";
#elif defined(MO_SWITCH_THREADS)
    return "each task that waits is a thread here";
#elif UINTPTR_MAX <= UINT32_MAX
    return "there are not that many addresses";
#else
    if (memory() == 0 || sysconf(_SC_PAGESIZE) != 4096)
        return "pages are not 4 KiB, or the system does not say";
    return NULL;
#endif
}

static void check_bytes(double grown, int n)
{
    CHECK_FMT(grown <= MOST * (double)n, "%d bytes each",
              (int)(grown / (double)n));
}

static int park_many(void *arg)
{
    (void)arg;
    gather(calm, 1000);             /* the place is known for waiting */
    check_bytes(gather(calm, MANY), MANY);
    return 0;
}

TEST_LONG(parked, task_costs_a_page_of_stack_and_little_more, 300)
{
    const char *why = why_not();

    if (why != NULL)
        SKIP(why);
    run(park_many);
}

static int park_soiled(void *arg)
{
    (void)arg;
    gather(resolve, 1000);
    check_bytes(gather(resolve, SOILED), SOILED);
    check_bytes(gather(calm, SOILED), SOILED);
    return 0;
}

TEST_LONG(parked, task_keeps_no_pages_that_it_used_before, 300)
{
    const char *why = why_not();

    if (why != NULL)
        SKIP(why);
    run(park_soiled);
}

static struct moirai_stats counters(void)
{
    struct moirai_stats stats = { .size = sizeof stats };

    CHECK_EQ(moirai_stats_read(moirai_runtime_self(), &stats), 0);
    return stats;
}

static long faults(void)
{
    struct rusage usage;

    CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_minflt;
}

static int park_again(void *arg)
{
    struct moirai_stats before, after;
    long faulted;

    (void)arg;
    for (int i = 0; i < 10; i++)
        gather(calm, POOLED);
    before = counters();
    faulted = faults();
    for (int i = 0; i < 50; i++)
        gather(calm, POOLED);
    faulted = faults() - faulted;
    after = counters();
    CHECK_EQ(after.stacks_made, before.stacks_made);
    CHECK(after.stacks_cleaned - before.stacks_cleaned < 50);   /* our own */
    CHECK(after.stacks_reused - before.stacks_reused >= 50 * POOLED);
    CHECK_FMT(why_not() != NULL || faulted < POOLED, "%d page faults for %d "
              "stacks", (int)faulted, 50 * POOLED);
    return 0;
}

TEST(parked, stack_that_was_used_before_needs_nothing_of_the_system)
{
    run(park_again);
}

/* A task that does nothing but go deep and wait is not cleaned up after each
 * time. */
static int park_deep(void *arg)
{
    struct moirai_stats before = counters();

    (void)arg;
    for (int i = 0; i < 2000; i++) {
        struct moirai_handle *handle;

        go_deep(NULL);
        CHECK_EQ(moirai_spawn_with(NULL, calm, NULL, NULL, &handle), 0);
        CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, NULL), 0);
        moirai_handle_put(handle);
    }
    CHECK_FMT(counters().stacks_cleaned - before.stacks_cleaned < 100,
              "%d times", (int)(counters().stacks_cleaned
                                - before.stacks_cleaned));
    return 0;
}

TEST(parked, task_that_soils_its_stack_always_has_it_seldom_cleaned)
{
    run(park_deep);
}
