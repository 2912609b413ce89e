/* SPDX-License-Identifier: MIT */
/*
 * test_stacks.c - one program, every allocator of stacks: what tasks do does
 * not depend on where their stacks come from, only how many there can be.
 */
#include "check.h"
#include "with.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "worker.h"

#if defined(__linux__)
#define IS_LINUX true
#else
#define IS_LINUX false
#endif

#define PAIRS 30
#define ROUNDS 20

/* --- the program ---------------------------------------------------------- */

static int deep(int n)
{
    volatile char frame[512];

    memset((char *)frame, n, sizeof frame);
    return n == 0 ? frame[7] : deep(n - 1) + frame[511] - n;
}

static int fib(void *arg)
{
    int n = (int)(intptr_t)arg;
    struct moirai_frame left;

    if (n < 2)
        return n;
    moirai_fork(&left, fib, (void *)(intptr_t)(n - 1));
    n = fib((void *)(intptr_t)(n - 2));
    return n + moirai_join(&left);
}

struct pair {
    struct moirai_chan *there, *back;
};

static int answer(void *arg)
{
    struct pair *p = arg;
    int n;

    while (moirai_chan_recv(p->there, &n, MOIRAI_NEVER) == 0) {
        CHECK_EQ(deep(n % 20), 0);
        CHECK_EQ(moirai_chan_send(p->back, &n, MOIRAI_NEVER), 0);
    }
    return 0;
}

static int ask(void *arg)
{
    struct pair *p = arg;
    int n;

    for (int i = 0; i < ROUNDS; i++) {
        CHECK_EQ(moirai_chan_send(p->there, &i, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_chan_recv(p->back, &n, MOIRAI_NEVER), 0);
        CHECK_EQ(n, i);
    }
    moirai_chan_close(p->there);
    return 0;
}

static struct moirai_chan *make_chan(void)
{
    static const char *const none[] = { "capacity=0", NULL };
    struct moirai_elem elem = { .size = sizeof elem, .bytes = sizeof(int) };
    struct moirai_chan *chan;

    CHECK_EQ(moirai_chan_make(NULL, NULL, none, &elem, &chan, NULL), 0);
    return chan;
}

static int talk(void *arg)
{
    struct pair pairs[PAIRS];
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < PAIRS; i++) {
        pairs[i] = (struct pair){ make_chan(), make_chan() };
        CHECK_EQ(moirai_spawn(&scope, answer, &pairs[i]), 0);
        CHECK_EQ(moirai_spawn(&scope, ask, &pairs[i]), 0);
    }
    CHECK_EQ(fib((void *)(intptr_t)15), 610);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < PAIRS; i++) {
        moirai_chan_close(pairs[i].back);
        moirai_chan_put(pairs[i].there);
        moirai_chan_put(pairs[i].back);
    }
    return 0;
}

static void run(const char *const *set, moirai_fn *body)
{
    struct moirai_runtime *rt = with_settings(set);

    CHECK_EQ(moirai_run(rt, body, NULL), 0);
    with_end(rt);
}

/* A YAML file says which; the program is the same. */
static void talk_under(const char *allocator)
{
    static const char *const workers[] = { "1", "2", "8" };
    char text[100];

    for (int i = 0; i < 3; i++) {
        struct moirai_config config = { .size = sizeof config, .text = text };
        struct moirai_runtime *rt;

        snprintf(text, sizeof text, "runtime: {workers: %s}\n"
                 "stacks: {plugin: %s}\n", workers[i], allocator);
        CHECK_EQ(moirai_start(&rt, &config, NULL), 0);
        CHECK_EQ(moirai_run(rt, talk, NULL), 0);
        with_end(rt);
    }
}

TEST(stacks, come_from_mmap)
{
    if (!IS_LINUX)
        SKIP("Linux only");
    talk_under("mmap");
}

TEST(stacks, come_from_heap)
{
    talk_under("heap");
}

TEST(stacks, come_from_fixed)
{
    if (!IS_LINUX)
        SKIP("Linux only");
    talk_under("fixed");
}

TEST(stacks, come_from_slab)
{
    if (!IS_LINUX)
        SKIP("Linux only");
    talk_under("slab");
}

/* --- of several sizes ----------------------------------------------------- */

/* Before and after it waits. */
static int see_sizes(void *arg)
{
    size_t *sizes = arg;

    for (int i = 0; i < 2; i++) {
        sizes[i] = ((struct mo_worker *)mo_self())->fiber->stack.size;
        moirai_sleep_until(moirai_after(MOIRAI_MS));
    }
    return 0;
}

/* The least that is enough: of 64 KiB, of 256, of the deep ones, or, if that is
 * what is extra, of 16. */
static void check_sizes(const char *plugin, const char *extra,
                        const uint64_t wanted[][2])
{
    const char *const set[] = { plugin, extra, "stacks.size=64KiB",
                                "stacks.loop=1MiB", "runtime.workers=2",
                                NULL };
    struct moirai_runtime *rt = with_settings(set);
    struct moirai_attr attr = MOIRAI_ATTR_INIT;

    for (int i = 0; wanted[i][0] != 0; i++) {
        struct moirai_handle *handle;
        size_t sizes[2];

        attr.stack_size = wanted[i][0] << 10;
        CHECK_EQ(moirai_spawn_with(moirai_runtime_scope(rt), see_sizes, sizes,
                                   &attr, &handle), 0);
        CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, NULL), 0);
        moirai_handle_put(handle);
        CHECK_EQ(sizes[0], wanted[i][1] << 10);
        CHECK_EQ(sizes[1], wanted[i][1] << 10);
    }
    with_end(rt);
}

TEST(stacks, are_the_least_that_are_enough)
{
    static const char *const plugins[] = {
        "stacks.plugin=mmap", "stacks.plugin=slab", "stacks.plugin=fixed",
        "stacks.plugin=heap"
    };
    static const uint64_t none[][2] = { { 1, 64 }, { 64, 64 }, { 65, 1024 },
                                        { 1024, 1024 }, { 0, 0 } };
    static const uint64_t larger[][2] = { { 1, 64 }, { 64, 64 }, { 65, 256 },
                                          { 256, 256 }, { 257, 1024 },
                                          { 0, 0 } };
    static const uint64_t smaller[][2] = { { 1, 16 }, { 16, 16 }, { 17, 64 },
                                           { 64, 64 }, { 65, 1024 },
                                           { 0, 0 } };

    for (int i = IS_LINUX ? 0 : 3; i < 4; i++) {
        check_sizes(plugins[i], "stacks.extra=none", none);
        check_sizes(plugins[i], "stacks.extra=256KiB", larger);
        check_sizes(plugins[i], "stacks.extra=16KiB", smaller);
        check_sizes(plugins[i], "stacks.extra=2MiB", none);
    }
}

/* --- when there are no more ----------------------------------------------- */

#define CROWD 100

static int nap(void *arg)
{
    with_add((int *)arg, 1);
    moirai_sleep_until(moirai_now() + MOIRAI_MS / 10);
    return 0;
}

/* Many more tasks that wait than there are stacks: all have their turn. */
static int crowd(void *arg)
{
    struct moirai_scope scope;
    int ran = 0;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < CROWD; i++)
        CHECK_EQ(moirai_spawn(&scope, nap, &ran), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(ran, CROWD);
    return 0;
}

TEST(stacks, that_are_all_taken_are_waited_for)
{
    static const char *const one[] = {
        "stacks.plugin=fixed", "stacks.count=3", "stacks.loops=3",
        "runtime.workers=1", NULL
    };
    static const char *const four[] = {
        "stacks.plugin=fixed", "stacks.count=6", "stacks.loops=10",
        "runtime.workers=4", NULL
    };

    if (!IS_LINUX)
        SKIP("Linux only");
    run(one, crowd);
    run(four, crowd);
}

/* What one worker keeps in reserve, another gets that has none: a task that
 * only that one may run is not kept waiting by idle stacks. */
static int pinned(void *arg)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_scope scope;
    int ran = 0;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (uint32_t i = 0; i < 100; i++) {
        attr.worker = i / 25 % 4 + 1;
        attr.stack_size = 1;        /* a stack of its own at once */
        CHECK_EQ(moirai_spawn_with(&scope, nap, &ran, &attr, NULL), 0);
        if (i % 25 == 24)
            moirai_sleep_until(moirai_now() + MOIRAI_MS);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(ran, 100);
    return 0;
}

TEST(stacks, in_reserve_go_to_who_has_none)
{
    static const char *const set[] = {
        "stacks.plugin=fixed", "stacks.count=4", "stacks.loops=9",
        "runtime.workers=4", NULL
    };

    if (!IS_LINUX)
        SKIP("Linux only");
    run(set, pinned);
}

TEST(stacks, too_few_to_start_with_are_told)
{
    static const char *const set[] = {
        "stacks.plugin=fixed", "stacks.loops=1", "runtime.workers=2", NULL
    };
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_error err = { 0 };
    struct moirai_runtime *rt;

    if (!IS_LINUX)
        SKIP("Linux only");
    CHECK_EQ(moirai_start(&rt, &config, &err), -ENOMEM);
    CHECK(strstr(err.text, "cannot start worker 2 of 2") != NULL);
}
