/* SPDX-License-Identifier: MIT */
/*
 * test_depth.c - how deep tasks go in their stacks, per place where they are
 * spawned, under every allocator; and who is told that little is left.
 */
#include "check.h"
#include "with.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Where the stacks' contents are a sanitizer's, nothing is measured. */
#if defined(MO_SANITIZE_ADDRESS) || defined(MO_SANITIZE_THREAD)
#define MEASURES false
#else
#define MEASURES true
#endif

#define TASKS 40

static int dive(int bytes)
{
    volatile char frame[1024];

    memset((char *)frame, 1, sizeof frame);
    return bytes <= 0 ? frame[9] : dive(bytes - 1024) + frame[1000];
}

static int wait_then_dive(void *arg)
{
    moirai_yield();
    moirai_yield();
    return dive((int)(intptr_t)arg) > 0 ? 0 : -1;
}

static int only_dive(void *arg)
{
    return dive((int)(intptr_t)arg) > 0 ? 0 : -1;
}

static int dive_then_wait(void *arg)
{
    CHECK(dive((int)(intptr_t)arg) > 0);
    for (int i = 0; i < 5; i++)
        moirai_yield();
    return 0;
}

static unsigned lines[4];           /* where they are spawned */

static int body(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++) {
        lines[0] = __LINE__ + 1;
        moirai_spawn(&scope, wait_then_dive, (void *)(intptr_t)(3 << 10));
        lines[1] = __LINE__ + 1;
        moirai_spawn(&scope, wait_then_dive, (void *)(intptr_t)(20 << 10));
        lines[2] = __LINE__ + 1;
        moirai_spawn(&scope, only_dive, (void *)(intptr_t)(12 << 10));
        lines[3] = __LINE__ + 1;
        moirai_spawn(&scope, dive_then_wait, (void *)(intptr_t)(15 << 10));
        moirai_yield();
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

static void run(const char *const *set, moirai_fn *fn)
{
    struct moirai_runtime *rt = with_settings(set);

    CHECK_EQ(moirai_run(rt, fn, NULL), 0);
    with_end(rt);
}

/* What the file says of the stacks of the tasks spawned at that line. */
static unsigned long deepest(const char *path, unsigned line,
                             unsigned long *measured)
{
    FILE *file = fopen(path, "re");
    unsigned long most = 0;
    char text[500], end[20];

    CHECK(file != NULL);
    snprintf(end, sizeof end, ":%u\n", line);
    while (fgets(text, sizeof text, file) != NULL) {
        unsigned long depth;

        if (strstr(text, "test_depth.c") == NULL || strlen(text) < strlen(end)
            || strcmp(text + strlen(text) - strlen(end), end) != 0)
            continue;
        CHECK_EQ(sscanf(text, "%*s %*u %lu %lu", measured, &depth), 2);
        most = depth > most ? depth : most;
    }
    fclose(file);
    return most;
}

static void check_depth(const char *path, int which, unsigned long bytes)
{
    unsigned long measured = 0;
    unsigned long depth = deepest(path, lines[which], &measured);

    CHECK_FMT(depth >= bytes && depth <= bytes + bytes / 4 + (6 << 10),
              "%d: %lu bytes, not about %lu", which, depth, bytes);
    CHECK_EQ(measured, TASKS);
}

static void measure_all(const char *plugin, const char *workers)
{
    char stacks[50], threads[50], path[60], file[90];
    const char *const set[] = { stacks, threads, file, "stacks.watermark=all",
                                NULL };

    if (!MEASURES)
        SKIP("stacks are a sanitizer's");
    snprintf(path, sizeof path, "depth-%s-%ld", plugin, (long)getpid());
    snprintf(stacks, sizeof stacks, "stacks.plugin=%s", plugin);
    snprintf(threads, sizeof threads, "runtime.workers=%s", workers);
    snprintf(file, sizeof file, "stacks.watermark_file=%s", path);
    run(set, body);
    check_depth(path, 0, 3 << 10);
    check_depth(path, 1, 20 << 10);
    check_depth(path, 2, 12 << 10);
    check_depth(path, 3, 15 << 10);
    CHECK_EQ(unlink(path), 0);
}

TEST(depth, is_seen_in_stacks_of_mmap)
{
    measure_all("mmap", "1");
    measure_all("mmap", "4");
}

TEST(depth, is_seen_in_stacks_of_heap)
{
    measure_all("heap", "2");
}

TEST(depth, is_seen_in_stacks_of_fixed)
{
    measure_all("fixed", "2");
}

TEST(depth, is_seen_in_stacks_of_slab)
{
    measure_all("slab", "2");
}

/* --- what is not measured one by one -------------------------------------- */

/* Each stack is looked at now and then, and what was left there is seen. */
static int one_of_many(void *arg)
{
    moirai_yield();
    dive(*(int *)arg);
    return 0;
}

static int many(void *arg)
{
    struct moirai_scope scope;
    int shallow = 1 << 10, deeper = 30 << 10;

    (void)arg;
    for (int i = 0; i < 2000; i++) {
        CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
        lines[0] = __LINE__ + 2;
        for (int k = 0; k < 2; k++)
            moirai_spawn(&scope, one_of_many, i == 1500 ? &deeper : &shallow);
        CHECK_EQ(moirai_scope_end(&scope), 0);
    }
    return 0;
}

TEST(depth, of_the_deepest_is_seen_though_few_are_measured)
{
    char path[60], file[90];
    const char *const set[] = { "stacks.watermark=on", file,
                                "runtime.workers=1", NULL };
    unsigned long measured = 0;
    unsigned long depth;

    if (!MEASURES)
        SKIP("stacks are a sanitizer's");
    snprintf(path, sizeof path, "depth-on-%ld", (long)getpid());
    snprintf(file, sizeof file, "stacks.watermark_file=%s", path);
    run(set, many);
    depth = deepest(path, lines[0], &measured);
    CHECK_FMT(depth > 30 << 10 && depth < 40 << 10, "%lu bytes", depth);
    CHECK(measured > 0 && measured < 4000);
    CHECK_EQ(unlink(path), 0);
}

/* --- who is near the end -------------------------------------------------- */

static int near_the_end(void *arg)
{
    return dive_then_wait(arg);
}

static int spawn_some(void *arg)
{
    struct moirai_scope scope;
    struct moirai_attr attr = MOIRAI_ATTR_INIT;

    (void)arg;
    attr.stack_size = 1;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(moirai_spawn_with(&scope, near_the_end,
                                   (void *)(intptr_t)(58 << 10), &attr, NULL),
                 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

TEST(depth, that_leaves_little_is_warned_of_once)
{
    static const char *const set[] = { "stacks.size=64KiB",
                                       "stacks.watermark=all", NULL };
    char text[4000] = "";
    int told = memfd_create("told", 0);
    const char *found;

    if (!MEASURES)
        SKIP("stacks are a sanitizer's");
    CHECK(told >= 0 && dup2(told, STDERR_FILENO) >= 0);
    run(set, spawn_some);
    CHECK(pread(told, text, sizeof text - 1, 0) > 0);
    found = strstr(text, "test_depth.c");
    CHECK(found != NULL && strstr(found + 1, "test_depth.c") == NULL);
    CHECK(strstr(text, "of 64 KiB of stack. For twice as much, write "
                 "`stacks: {size: 128KiB}`") != NULL);
}

TEST(depth, is_told_of_at_exit)
{
    static const char *const set[] = { "stacks.watermark=all",
                                       "runtime.stats_at_exit=true", NULL };
    char text[8000] = "";
    int told = memfd_create("told", 0);

    if (!MEASURES)
        SKIP("stacks are a sanitizer's");
    CHECK(told >= 0 && dup2(told, STDERR_FILENO) >= 0);
    run(set, body);
    CHECK(pread(told, text, sizeof text - 1, 0) > 0);
    CHECK(strstr(text, "of stacks.size used by tasks spawned at") != NULL);
}
