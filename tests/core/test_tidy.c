/* SPDX-License-Identifier: MIT */
/*
 * test_tidy.c - what an idle process keeps of the stacks that it had, which is
 * asked of the system, page by page; and that it goes on as before.
 */
#include <moirai/moirai.h>

#include <sched.h>
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "with.h"

#if defined(__linux__) && !defined(MO_SANITIZE_THREAD)                        \
    && !defined(MO_SANITIZE_ADDRESS)
#include <sys/mman.h>
#include <unistd.h>
#define CAN_LOOK true

/* Is the page with that byte in memory? */
static bool is_there(const char *byte)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    unsigned char there = 0;

    CHECK_EQ(mincore((char *)((uintptr_t)byte / page * page), 1, &there), 0);
    return (there & 1) != 0;
}
#else
#define CAN_LOOK false

static bool is_there(const char *byte)
{
    return byte == NULL;
}
#endif

#define TASKS 300
#define DEEP (96 << 10)             /* bytes, of stacks of 256 KiB */

struct crowd {
    struct moirai_event go;
    const char *lowest[TASKS];      /* byte that each has written */
    uint32_t wait;                  /* which of them do */
    int ran;
};

struct member {
    struct crowd *crowd;
    uint32_t number;
};

__attribute__((noinline)) static const char *go_deep(void)
{
    char bytes[DEEP];
    char *volatile lowest = bytes;

    memset(bytes, 1, sizeof bytes);
    return lowest;
}

static int take_part(void *arg)
{
    const struct member *member = arg;
    struct crowd *crowd = member->crowd;

    crowd->lowest[member->number] = go_deep();
    if (member->number % 2 < crowd->wait)
        CHECK_EQ(moirai_event_wait(&crowd->go, MOIRAI_NEVER), 0);
    crowd->lowest[member->number] = go_deep();
    with_add(&crowd->ran, 1);
    return 0;
}

/* Many at once, of which none, every other one, or all wait. */
static int gather(void *arg)
{
    struct crowd *crowd = arg;
    struct member members[TASKS];
    struct moirai_scope scope;

    crowd->go = (struct moirai_event)MOIRAI_EVENT_INIT;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (uint32_t i = 0; i < TASKS; i++) {
        members[i] = (struct member){ crowd, i };
        CHECK_EQ(moirai_spawn(&scope, take_part, &members[i]), 0);
    }
    CHECK_EQ(moirai_yield(), 0);
    moirai_event_set(&crowd->go);
    return moirai_scope_end(&scope);
}

/* Until nothing is left of what they used, however long that takes. */
static void wait_until_gone(const struct crowd *crowd)
{
    for (uint32_t i = 0; i < TASKS; i++)
        while (is_there(crowd->lowest[i]))
            sched_yield();
}

TEST(tidy, an_idle_process_keeps_nothing_of_its_stacks)
{
    static const char *const set[] = { "stacks.keep=1ms", "runtime.workers=4",
                                       NULL };
    struct moirai_runtime *rt;

    if (!CAN_LOOK)
        SKIP("asks Linux for pages, which sanitizers have more of");
    rt = with_settings(set);
    for (uint32_t wait = 0; wait <= 2; wait++) {
        struct crowd crowd = { .wait = wait };

        CHECK_EQ(moirai_run(rt, gather, &crowd), 0);
        CHECK_EQ(crowd.ran, TASKS);
        wait_until_gone(&crowd);
    }
    with_end(rt);
}

/* Workers tidy up as soon as they sleep, under every allocator. */
static void come_and_go(const char *stacks)
{
    const char *set[] = { stacks, "stacks.keep=1ns", "scheduler.spin=0us",
                          "runtime.workers=4", NULL };
    struct moirai_runtime *rt = with_settings(set);

    for (uint32_t i = 0; i < with_times(100); i++) {
        struct crowd crowd = { .wait = i % 3 };

        CHECK_EQ(moirai_run(rt, gather, &crowd), 0);
        CHECK_EQ(crowd.ran, TASKS);
    }
    with_end(rt);
}

TEST(tidy, nothing_is_lost_by_it)
{
    come_and_go("stacks.size=256KiB");
    come_and_go("stacks.plugin=heap");
}

TEST(tidy, can_be_left_out)
{
    static const char *const set[] = { "stacks.keep=never", NULL };
    struct crowd crowd = { .wait = 1 };

    with_as(set, gather, &crowd);
    CHECK_EQ(crowd.ran, TASKS);
}
