/* SPDX-License-Identifier: MIT */
/*
 * test_slab.c - objects are given to one at a time, whole, aligned, and come
 * back into use wherever they were put.
 */
#include "slab.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "mem.h"
#include "with.h"

#define OBJECTS 3000

static void fill(void *object, size_t size, int value)
{
    memset(object, value, size);
}

static void check_filled(const void *object, size_t size, int value)
{
    const unsigned char *bytes = object;

    for (size_t i = 0; i < size; i++)
        CHECK_EQ(bytes[i], (unsigned char)value);
}

/* Random gets and puts through two magazines and none. */
static void churn(size_t size)
{
    struct mo_slab slab;
    struct mo_magazine magazines[2] = { { .count = 0 }, { .count = 0 } };
    void **objects = calloc(OBJECTS, sizeof *objects);

    CHECK(objects != NULL);
    mo_slab_init(&slab, size);
    srand(1);
    for (int i = 0; i < 30 * OBJECTS; i++) {
        int at = rand() % OBJECTS;
        int which = rand() % 3;
        struct mo_magazine *m = which < 2 ? &magazines[which] : NULL;

        if (objects[at] != NULL) {
            check_filled(objects[at], size, at);
            mo_slab_put(&slab, m, objects[at]);
            objects[at] = NULL;
            continue;
        }
        objects[at] = mo_slab_get(&slab, m);
        CHECK(objects[at] != NULL);
        if (size % 64 == 0)
            CHECK_EQ((uintptr_t)objects[at] % 64, 0);
        fill(objects[at], size, at);
    }
    free(objects);
    mo_slab_fini(&slab);
}

TEST(slab, objects_do_not_overlap_and_keep_their_contents)
{
    static const size_t sizes[] = { 16, 24, 64, 128, 1000, 4096 };

    mo_mem_watch(0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        churn(sizes[i]);
    CHECK_EQ(mo_mem_unwatch().live, 0);
}

TEST(slab, what_was_put_is_used_again)
{
    struct mo_slab slab;
    struct mo_magazine one = { .count = 0 }, two = { .count = 0 };
    struct mo_mem_count count;

    mo_slab_init(&slab, 64);
    mo_mem_watch(0);
    for (int i = 0; i < 100000; i++) {
        void *object = mo_slab_get(&slab, &one);

        CHECK(object != NULL);
        mo_slab_put(&slab, &two, object);   /* made here, ends there */
    }
    count = mo_mem_unwatch();
    CHECK_FMT(count.asked <= 4, "%d allocations for one object at a time",
              (int)count.asked);
    mo_slab_fini(&slab);
}

TEST(slab, without_memory_gives_null_and_recovers)
{
    struct mo_slab slab;
    struct mo_magazine magazine = { .count = 0 };

    mo_slab_init(&slab, 64);
    mo_mem_watch(1);
    CHECK(mo_slab_get(&slab, &magazine) == NULL);
    CHECK(mo_slab_get(&slab, &magazine) != NULL);
    mo_mem_watch(1);
    while (mo_slab_get(&slab, &magazine) != NULL)
        continue;
    CHECK(mo_slab_get(&slab, NULL) != NULL);
    mo_mem_unwatch();
    mo_slab_fini(&slab);
}

static struct mo_slab shared;

/* Each thread gets with its own magazine, and puts what another got. */
static void *trade(void *arg)
{
    struct mo_magazine magazine = { .count = 0 };
    static void *hands[16];
    unsigned seed = (unsigned)(uintptr_t)arg;

    for (unsigned i = 0; i < with_times(200000); i++) {
        void *object = mo_slab_get(&shared, &magazine);

        CHECK(object != NULL);
        fill(object, 64, 1);
        object = __atomic_exchange_n(&hands[rand_r(&seed) % 16], object,
                                     __ATOMIC_ACQ_REL);
        if (object != NULL)
            mo_slab_put(&shared, i % 8 ? &magazine : NULL, object);
    }
    return NULL;
}

TEST(slab, is_shared_by_threads_with_magazines)
{
    pthread_t threads[4];

    mo_slab_init(&shared, 64);
    for (uintptr_t i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, trade, (void *)i), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    mo_slab_fini(&shared);
}
