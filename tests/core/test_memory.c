/* SPDX-License-Identifier: MIT */
/*
 * test_memory.c - where memory comes from: the program's allocator, all of it
 * goes back, none is needed after warm-up, and running out of it anywhere in a
 * start is an error that leaves nothing behind.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "mem.h"
#include "with.h"

/* --- malloc, counted --------------------------------------------------------
 * These take the place of libc's for the whole program, which they call. The
 * sanitizers have their own in that place. */

static uint64_t mallocs;

#if !defined(MO_SANITIZE_ADDRESS) && !defined(MO_SANITIZE_THREAD)
#define COUNTS_MALLOC 1

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t align, size_t size);

__attribute__((visibility("default"))) void *malloc(size_t size)
{
    __atomic_fetch_add(&mallocs, 1, __ATOMIC_RELAXED);
    return __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
    __atomic_fetch_add(&mallocs, 1, __ATOMIC_RELAXED);
    return __libc_calloc(n, size);
}

__attribute__((visibility("default"))) void *realloc(void *memory,
                                                     size_t size)
{
    __atomic_fetch_add(&mallocs, 1, __ATOMIC_RELAXED);
    return __libc_realloc(memory, size);
}

__attribute__((visibility("default"))) int posix_memalign(void **memory,
                                                          size_t align,
                                                          size_t size)
{
    __atomic_fetch_add(&mallocs, 1, __ATOMIC_RELAXED);
    *memory = __libc_memalign(align, size);
    return *memory != NULL ? 0 : ENOMEM;
}

__attribute__((visibility("default"))) void *aligned_alloc(size_t align,
                                                           size_t size)
{
    __atomic_fetch_add(&mallocs, 1, __ATOMIC_RELAXED);
    return __libc_memalign(align, size);
}
#endif

struct talk {
    struct moirai_chan *chan;
    struct moirai_chan *meeting;    /* of capacity 0 */
    struct moirai_mutex mutex;
    int n;
    int locked;                     /* guarded by mutex */
};

static int add_one(void *arg)
{
    with_add((int *)arg, 1);
    return 0;
}

static int send_some(void *arg)
{
    struct talk *t = arg;

    for (int i = 0; i < t->n; i++)
        CHECK_EQ(moirai_chan_send(t->chan, &i, MOIRAI_NEVER), 0);
    return 0;
}

static int receive_some(void *arg)
{
    struct talk *t = arg;
    int message;

    for (int i = 0; i < t->n; i++)
        CHECK_EQ(moirai_chan_recv(t->chan, &message, MOIRAI_NEVER), 0);
    return 0;
}

/* In batches, over a rendezvous, and within a deadline. */
static int send_otherwise(void *arg)
{
    struct talk *t = arg;
    int batch[8] = { 0 };

    for (int i = 0; i < t->n; i++)
        CHECK_EQ(moirai_chan_send(t->meeting, &i, moirai_after(MOIRAI_S * 60)),
                 0);
    CHECK_EQ(moirai_chan_send_batch(t->chan, batch, 8, MOIRAI_NEVER), 8);
    return 0;
}

static int receive_otherwise(void *arg)
{
    struct talk *t = arg;
    int batch[8];

    for (int i = 0; i < t->n; i++)
        CHECK_EQ(moirai_chan_recv(t->meeting, batch, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_chan_recv_batch(t->chan, batch, 8, 8, MOIRAI_NEVER), 8);
    return 0;
}

/* A wait for a lock that is held across a yield, and one for the clock. */
static int lock_and_yield(void *arg)
{
    struct talk *t = arg;

    for (int i = 0; i < 5; i++) {
        CHECK_EQ(moirai_mutex_lock(&t->mutex, MOIRAI_NEVER), 0);
        t->locked++;
        moirai_yield();
        CHECK_EQ(moirai_mutex_unlock(&t->mutex), 0);
        moirai_yield();
    }
    return moirai_sleep_until(moirai_after(MOIRAI_US));
}

static int fork_tree(void *arg)
{
    int depth = *(int *)arg - 1;
    struct moirai_frame fork;

    if (depth == 0)
        return 0;
    moirai_fork(&fork, fork_tree, &depth);
    if (depth == 3)
        moirai_yield();
    fork_tree(&depth);
    return moirai_join(&fork);
}

/* As many tasks as in the rounds that are measured, so that as much has been
 * taken from the system as will ever be needed. */
static void one_round(struct talk *t)
{
    struct moirai_handle *handles[100];
    struct moirai_scope scope;
    int ran = 0, depth = 10;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(moirai_spawn_with(&scope, add_one, &ran, NULL, &handles[i]),
                 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(moirai_spawn(&scope, send_some, t), 0);
        CHECK_EQ(moirai_spawn(&scope, receive_some, t), 0);
        CHECK_EQ(moirai_spawn(&scope, send_otherwise, t), 0);
        CHECK_EQ(moirai_spawn(&scope, receive_otherwise, t), 0);
        CHECK_EQ(moirai_spawn(&scope, lock_and_yield, t), 0);
    }
    fork_tree(&depth);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(moirai_handle_join(handles[i], MOIRAI_NEVER, NULL), 0);
        moirai_handle_put(handles[i]);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(ran, 100);
}

static void open_talk(struct talk *t, int n)
{
    const struct moirai_elem elem = MOIRAI_ELEM(int);
    const char *const rendezvous[] = { "capacity=0", NULL };

    *t = (struct talk){ .mutex = MOIRAI_MUTEX_INIT, .n = n };
    CHECK_EQ(moirai_chan_make(NULL, NULL, NULL, &elem, &t->chan, NULL), 0);
    CHECK_EQ(moirai_chan_make(NULL, NULL, rendezvous, &elem, &t->meeting,
                              NULL), 0);
}

static void close_talk(struct talk *t)
{
    moirai_chan_put(t->meeting);
    moirai_chan_put(t->chan);
}

/* When the workers interleave in a new way, one more stack or batch may be
 * needed than ever before: so the measure is that nearly every round needs
 * nothing, and on one worker none does. */
static int rounds(void *arg)
{
    unsigned workers = *(unsigned *)arg;
    struct talk t;
    int rounds_with = 0;

    open_talk(&t, 50);
    for (int i = 0; i < 500; i++)
        one_round(&t);
    for (int i = 0; i < 100; i++) {
        uint64_t before = with_get(&mallocs);

        one_round(&t);
        rounds_with += with_get(&mallocs) != before;
    }
    CHECK_FMT(rounds_with <= (workers == 1 ? 0 : 2), "%d of 100 rounds called "
              "malloc on %u workers", rounds_with, workers);
    CHECK_EQ(t.locked, 600 * 4 * 5);
    close_talk(&t);
    return 0;
}

TEST(memory, spawn_fork_join_and_every_wait_call_no_malloc_when_warm)
{
#ifdef MO_SWITCH_THREADS
    SKIP("each task that waits is a thread here, whose birth allocates");
#endif
#ifdef COUNTS_MALLOC
    for (unsigned workers = 1; workers <= 4; workers *= 2)
        with_one(workers, rounds, &workers);
    CHECK(mallocs > 0);
#else
    (void)rounds;
    SKIP("the sanitizer has its own malloc");
#endif
}

/* --- the program's allocator --------------------------------------------- */

struct books {
    int64_t live;
    uint64_t asked;
};

static void *book_alloc(void *ctx, size_t size, size_t align)
{
    struct books *books = ctx;
    void *memory = NULL;

    if (align < sizeof memory)
        align = sizeof memory;
    if (posix_memalign(&memory, align, size) != 0)
        return NULL;
    __atomic_fetch_add(&books->live, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&books->asked, 1, __ATOMIC_RELAXED);
    return memset(memory, 0, size);
}

static void book_release(void *ctx, void *memory)
{
    struct books *books = ctx;

    if (memory != NULL)
        __atomic_fetch_add(&books->live, -1, __ATOMIC_RELAXED);
    free(memory);
}

static int use_everything(void *arg)
{
    struct talk t;

    open_talk(&t, 5);
    one_round(&t);
    close_talk(&t);
    CHECK_EQ(moirai_block(add_one, arg), 0);
    return 0;
}

TEST(memory, all_of_it_comes_from_the_programs_allocator_and_goes_back)
{
    static struct books books;
    static const struct moirai_allocator allocator = { book_alloc,
                                                       book_release, &books };
    int n = 0;

    CHECK_EQ(moirai_allocator_set(&allocator), 0);
    with_one(2, use_everything, &n);
    CHECK(books.asked > 0);
    CHECK_EQ(books.live, 0);
    CHECK_EQ(moirai_allocator_set(NULL), -EBUSY);
}

/* --- out of memory ------------------------------------------------------- */

/* Every allocation of a start fails once. Workers take stacks when they begin,
 * so a start may be over before a failure meets them: they try again. */
static void start_out_of_memory(const char *const *set)
{
    struct moirai_config config = { .size = sizeof config, .set = set };
    unsigned in_a_row = 0;

    for (uint64_t at = 1; in_a_row < 5; at++) {
        struct moirai_runtime *rt = NULL;
        struct moirai_error err = { .text = "" };
        struct mo_mem_count count;
        int rc;

        mo_mem_watch(at);
        rc = moirai_start(&rt, &config, &err);
        if (rc == 0) {
            in_a_row++;
            rc = moirai_run(rt, add_one, &(int){ 0 });
            CHECK(rc == 0 || rc == -ENOMEM);
            with_end(rt);
        } else {
            in_a_row = 0;
            CHECK_FMT(rc == -ENOMEM, "allocation %d: %d: %s", (int)at, rc,
                      err.text);
            CHECK(rt == NULL);
            CHECK_FMT(err.text[0] != '\0', "allocation %d: no text", (int)at);
        }
        count = mo_mem_unwatch();
        CHECK_FMT(count.live == 0, "allocation %d: %d leaked", (int)at,
                  (int)count.live);
        with_alone();
    }
}

TEST(memory, running_out_of_it_anywhere_in_a_start_leaves_nothing)
{
    static const char *const real[] = { "runtime.workers=2",
                                        "runtime.trace=64", NULL };
    static const char *const sim[] = { "runtime.workers=2",
                                       "scheduler.plugin=sim", NULL };

    with_end(with_workers(1));      /* what libraries keep for themselves */
    start_out_of_memory(real);
    start_out_of_memory(sim);
}

static int spawn_until_refused(void *arg)
{
    struct moirai_scope scope;
    int ran = 0, refused = 0, spawned = 0;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    mo_mem_watch(*(uint64_t *)arg);
    for (int i = 0; i < 10000; i++) {
        int rc = moirai_spawn(&scope, add_one, &ran);

        spawned += rc == 0;
        refused += rc == -ENOMEM;
    }
    mo_mem_unwatch();
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(ran, spawned);
    CHECK_EQ(spawned + refused, 10000);
    return refused;
}

TEST(memory, a_spawn_without_memory_is_refused_and_the_next_may_do)
{
    int refused = 0;

    for (uint64_t at = 1; at < 10; at++) {
        struct moirai_runtime *rt = with_workers(1);

        refused += moirai_run(rt, spawn_until_refused, &at);
        with_end(rt);
    }
    CHECK(refused > 0);
}
