/* SPDX-License-Identifier: MIT */
/*
 * test_task.c - spawning: what attributes do, what is refused and why, and
 * that nothing has happened then.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "with.h"
#include "worker.h"

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int add_one(void *arg)
{
    with_add((int *)arg, 1);
    return 0;
}

/* --- spawn --------------------------------------------------------------- */

static int spawn_many(void *arg)
{
    struct moirai_scope scope;
    int n = *(int *)arg;
    int ran = 0;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < n; i++)
        CHECK_EQ(moirai_spawn(&scope, add_one, &ran), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(ran, n);
    return 0;
}

TEST(task, each_spawned_one_runs_once)
{
    int many = (int)with_times(100000);
    int few = 100;

    with_each(spawn_many, &many);
    with_seeds(50, spawn_many, &few);
}

static int spawn_badly(void *arg)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_handle *handle = (void *)arg;

    attr.size = 3;
    CHECK_EQ(moirai_spawn_with(NULL, nothing, NULL, &attr, &handle), -EINVAL);
    attr = (struct moirai_attr)MOIRAI_ATTR_INIT;
    attr.worker = 3;
    CHECK_EQ(moirai_spawn_with(NULL, nothing, NULL, &attr, &handle), -EINVAL);
    attr = (struct moirai_attr)MOIRAI_ATTR_INIT;
    attr.priority = 256;
    CHECK_EQ(moirai_spawn_with(NULL, nothing, NULL, &attr, &handle), -EINVAL);
    attr = (struct moirai_attr)MOIRAI_ATTR_INIT;
    attr.flags = 1u << 31;
    CHECK_EQ(moirai_spawn_with(NULL, nothing, NULL, &attr, &handle), -EINVAL);
    attr = (struct moirai_attr)MOIRAI_ATTR_INIT;
    attr.stack_size = UINT64_C(1) << 50;
    CHECK_EQ(moirai_spawn_with(NULL, nothing, NULL, &attr, &handle), -EINVAL);
    CHECK((void *)handle == arg);
    return 0;
}

TEST(task, attributes_out_of_range_are_refused)
{
    int anything = 0;

    with_one(2, spawn_badly, &anything);
}

/* What a program compiled against an older header, and a newer one, passes. */
static int other_versions(void *arg)
{
    struct {
        struct moirai_attr attr;
        uint64_t later;
    } newer = { MOIRAI_ATTR_INIT, 0 };
    struct moirai_scope scope;
    int ran = 0;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    newer.attr.size = 8;
    newer.attr.worker = 1000;       /* an older program did not say that */
    CHECK_EQ(moirai_spawn_with(&scope, add_one, &ran, &newer.attr, NULL), 0);
    newer.attr.worker = 1;
    newer.attr.size = sizeof newer;
    CHECK_EQ(moirai_spawn_with(&scope, add_one, &ran, &newer.attr, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(ran, 2);
    return 0;
}

TEST(task, attributes_of_other_versions_are_understood)
{
    with_one(2, other_versions, NULL);
}

static int stay_here(void *arg)
{
    int place = *(int *)arg;

    for (int i = 0; i < 20; i++) {
        CHECK_EQ(moirai_worker_index(), place);
        if (i % 3 == 0)
            moirai_sleep_until(moirai_after(20 * MOIRAI_US));
        else
            moirai_yield();
    }
    return 0;
}

static int placed(void *arg)
{
    static int places[] = { 0, 1, 2, 3 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 40; i++) {
        struct moirai_attr attr = MOIRAI_ATTR_INIT;

        attr.worker = (uint32_t)i % 4 + 1;
        CHECK_EQ(moirai_spawn_with(&scope, stay_here, &places[i % 4], &attr,
                                   NULL), 0);
    }
    return moirai_scope_end(&scope);
}

TEST(task, placed_ones_run_where_they_were_placed)
{
    with_one(4, placed, NULL);
}

static int stay_on_thread(void *arg)
{
    pthread_t self = pthread_self();

    (void)arg;
    for (int i = 0; i < 20; i++) {
        CHECK(pthread_equal(self, pthread_self()));
        moirai_yield();
    }
    return 0;
}

static int pinned_by_attribute(void *arg)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_scope scope;

    (void)arg;
    attr.flags = MOIRAI_PINNED;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 20; i++)
        CHECK_EQ(moirai_spawn_with(&scope, stay_on_thread, NULL, &attr, NULL),
                 0);
    return moirai_scope_end(&scope);
}

TEST(task, pinned_ones_stay_on_their_thread)
{
    with_each(pinned_by_attribute, NULL);
}

static int use_stack(void *arg)
{
    size_t size = *(size_t *)arg;
    volatile char *bytes = __builtin_alloca(size);

    for (size_t i = 0; i < size; i += 1024)
        bytes[i] = (char)i;
    moirai_yield();
    for (size_t i = 0; i < size; i += 1024)
        CHECK_EQ(bytes[i], (char)i);
    return 0;
}

/* Half of the deepest there are. */
#define DEEP ((size_t)(UINTPTR_MAX > UINT32_MAX ? 4096 : 512) << 10)

static int stack_sizes(void *arg)
{
    static size_t sizes[] = { 1 << 10, 128 << 10, DEEP / 4, DEEP };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++) {
            struct moirai_attr attr = MOIRAI_ATTR_INIT;

            attr.stack_size = sizes[i] * 3 / 2;
            CHECK_EQ(moirai_spawn_with(&scope, use_stack, &sizes[i], &attr,
                                       NULL), 0);
        }
    }
    return moirai_scope_end(&scope);
}

TEST(task, stacks_are_as_large_as_was_asked_for)
{
    with_each(stack_sizes, NULL);
}

/* --- admission ----------------------------------------------------------- */

static int wait_for_go(void *arg)
{
    with_wait(arg);
    return 0;
}

TEST(task, those_beyond_the_limit_are_refused_until_others_end)
{
    static const char *const set[] = { "runtime.max_tasks=10",
                                       "runtime.workers=2", NULL };
    struct moirai_runtime *rt = with_settings(set);
    struct moirai_handle *handle = NULL;
    struct moirai_scope scope;
    int go = 0;

    for (int round = 0; round < 20; round++) {
        with_set(&go, 0);
        CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
        for (int i = 0; i < 10; i++)
            CHECK_EQ(moirai_spawn(&scope, wait_for_go, &go), 0);
        CHECK_EQ(moirai_spawn(&scope, nothing, NULL), -EAGAIN);
        CHECK_EQ(moirai_spawn_with(&scope, nothing, NULL, NULL, &handle),
                 -EAGAIN);
        CHECK(handle == NULL);
        with_set(&go, 1);
        CHECK_EQ(moirai_scope_end(&scope), 0);
    }
    with_end(rt);
}

static int spawn_late(void *arg)
{
    struct moirai_handle *handle = NULL;

    (void)arg;
    while (!moirai_cancelled())
        moirai_yield();
    CHECK_EQ(moirai_spawn_with(NULL, nothing, NULL, NULL, &handle),
             -ECANCELED);
    CHECK(handle == NULL);
    return 0;
}

static int cancelled_scope(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, spawn_late, NULL), 0);
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    return 0;
}

TEST(task, none_is_spawned_in_a_cancelled_scope)
{
    with_each(cancelled_scope, NULL);
}

/* --- who am I ------------------------------------------------------------ */

struct ids {
    uint32_t id[200];
    int n;
};

static int note_id(void *arg)
{
    struct ids *ids = arg;
    uint32_t id = moirai_task_id();

    CHECK(id != 0);
    ids->id[with_add(&ids->n, 1) - 1] = id;
    moirai_yield();
    CHECK_EQ(moirai_task_id(), id);
    CHECK(moirai_worker_index() >= 0);
    CHECK(moirai_runtime_self() != NULL);
    return 0;
}

TEST(task, ids_are_unique_whoever_spawns)
{
    struct moirai_runtime *rt = with_workers(4);
    struct moirai_scope scope;
    struct ids ids = { .n = 0 };

    CHECK_EQ(moirai_task_id(), 0);
    CHECK_EQ(moirai_worker_index(), -1);
    CHECK(moirai_runtime_self() == NULL);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < 200; i++)
        CHECK_EQ(moirai_spawn(&scope, note_id, &ids), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(ids.n, 200);
    for (int i = 0; i < 200; i++)
        for (int j = 0; j < i; j++)
            CHECK(ids.id[i] != ids.id[j]);
    with_end(rt);
}

/* --- pin ----------------------------------------------------------------- */

static int pin_now_and_then(void *arg)
{
    (void)arg;
    moirai_yield();
    for (int i = 0; i < 10; i++) {
        pthread_t self;

        moirai_pin();
        self = pthread_self();
        moirai_pin();
        moirai_yield();
        moirai_unpin();
        moirai_sleep_until(moirai_after(20 * MOIRAI_US));
        CHECK(pthread_equal(self, pthread_self()));
        moirai_unpin();
        moirai_yield();
    }
    moirai_unpin();                 /* one too many does no harm */
    return 0;
}

static int pins(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 50; i++)
        CHECK_EQ(moirai_spawn(&scope, pin_now_and_then, NULL), 0);
    return moirai_scope_end(&scope);
}

TEST(task, pinned_for_a_while_stays_on_its_thread_across_waits)
{
    with_each(pins, NULL);
    moirai_pin();                   /* nothing to do on a plain thread */
    moirai_unpin();
}

static int end_pinned(void *arg)
{
    (void)arg;
    moirai_pin();
    return 0;
}

/* One task that computes keeps the second worker busy or does not: a task that
 * never asked to be pinned must be able to leave the worker it began on. */
static int move_on(void *arg)
{
    int began = moirai_worker_index();
    bool *moved = arg;

    for (int i = 0; i < 20000 && !*moved; i++) {
        moirai_yield();
        *moved = moirai_worker_index() != began;
    }
    return 0;
}

static int pin_is_not_inherited(void *arg)
{
    struct moirai_scope scope;
    bool moved[8] = { false };
    int any = 0;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(moirai_spawn(&scope, end_pinned, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(moirai_spawn(&scope, move_on, &moved[i]), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < 8; i++)
        any += moved[i];
    CHECK(any > 0);
    return 0;
}

TEST(task, a_pin_ends_with_its_task)
{
    with_one(2, pin_is_not_inherited, NULL);
}

/* --- errno --------------------------------------------------------------- */

static __attribute__((noinline)) void set_errno(int value)
{
    errno = value;
}

static __attribute__((noinline)) int get_errno(void)
{
    return errno;
}

static int keep_errno(void *arg)
{
    int mine = *(int *)arg;

    for (int i = 0; i < 50; i++) {
        set_errno(mine + i);
        if (i % 5 == 0)
            moirai_sleep_until(moirai_after(20 * MOIRAI_US));
        else
            moirai_yield();
        CHECK_EQ(get_errno(), mine + i);
    }
    return 0;
}

static int errnos(void *arg)
{
    static int values[20];
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 20; i++) {
        values[i] = 1000 * (i + 1);
        CHECK_EQ(moirai_spawn(&scope, keep_errno, &values[i]), 0);
    }
    return moirai_scope_end(&scope);
}

TEST(task, errno_is_kept_across_waits_and_workers)
{
    with_each(errnos, NULL);
    with_seeds(50, errnos, NULL);
}

static int see_priority(void *arg)
{
    struct mo_worker *w = mo_self();

    *(int *)arg = w->task->priority;
    return 0;
}

/* Before and after it waits. */
static int see_guards(void *arg)
{
    size_t *guards = arg;

    for (int i = 0; i < 2; i++) {
        guards[i] = ((struct mo_worker *)mo_self())->fiber->stack.guard;
        moirai_sleep_until(moirai_after(MOIRAI_MS));
    }
    return 0;
}

TEST(task, has_the_guard_that_it_asks_for)
{
    static const char *const set[] = { "stacks.guard=64KiB",
                                       "runtime.workers=1", NULL };
    struct moirai_runtime *rt = with_settings(set);
    struct moirai_scope *scope = moirai_runtime_scope(rt);
    const size_t sizes[] = { 1, 64 << 10, (64 << 10) + 1, rt->deep_guard };
    struct moirai_attr attr = MOIRAI_ATTR_INIT;

    for (int i = 0; i < 20; i++) {  /* those that wait begin elsewhere then */
        struct moirai_handle *handle;
        size_t guards[2];

        attr.guard_size = sizes[i % 4];
        CHECK_EQ(moirai_spawn_with(scope, see_guards, guards, &attr, &handle),
                 rt->deep_guard >= sizes[i % 4] ? 0 : -ENOTSUP);
        if (rt->deep_guard < sizes[i % 4])
            continue;               /* the kernel, or a sanitizer, has none */
        CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, NULL), 0);
        moirai_handle_put(handle);
        CHECK(guards[0] >= sizes[i % 4] && guards[1] >= sizes[i % 4]);
    }
    with_end(rt);
}

/* And what this version has not. */
TEST(task, attributes_reach_the_task_or_are_refused)
{
    static const struct moirai_allocator allocator = { NULL, NULL, NULL };
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_scope *scope = moirai_runtime_scope(rt);
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_handle *handle;
    int seen = 0;

    attr.priority = 200;
    CHECK_EQ(moirai_spawn_with(scope, see_priority, &seen, &attr, &handle),
             0);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, NULL), 0);
    moirai_handle_put(handle);
    CHECK_EQ(seen, 200);
    attr.guard_size = rt->deep_guard + 1;
    CHECK_EQ(moirai_spawn_with(scope, see_priority, &seen, &attr, NULL),
             -ENOTSUP);
    attr.guard_size = 0;
    attr.allocator = &allocator;
    CHECK_EQ(moirai_spawn_with(scope, see_priority, &seen, &attr, NULL),
             -ENOTSUP);
    with_end(rt);
}

/* Programs that make their sites, as bindings do, may have more of them than
 * are counted one by one. */
TEST(task, sites_without_end_share_a_counter)
{
    static struct moirai_site sites[MO_SITES + 10];
    struct moirai_runtime *rt = with_workers(1);
    int ran = 0;

    for (int i = 0; i < MO_SITES + 10; i++) {
        sites[i] = (struct moirai_site)MOIRAI_SITE_INIT;
        CHECK_EQ(moirai_spawn_at(&sites[i], moirai_runtime_scope(rt),
                                 see_priority, &ran, NULL, NULL), 0);
    }
    with_end(rt);
    CHECK_EQ(ran, MOIRAI_PRIORITY_NORMAL);
}
