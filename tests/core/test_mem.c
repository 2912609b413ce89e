/* SPDX-License-Identifier: MIT */
/*
 * test_mem.c - the allocator hook, failures on demand, arenas.
 */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <moirai/runtime.h>

#include "arena.h"
#include "mem.h"

static bool all_zero(const void *memory, size_t n)
{
    const char *p = memory;

    while (n > 0 && p[n - 1] == 0)
        n--;
    return n == 0;
}

TEST(mem, gives_zeroes_on_the_boundary_asked_for)
{
    for (size_t align = 1; align <= 65536; align *= 2) {
        for (size_t size = 0; size < 300; size += 99) {
            char *p = mo_mem_alloc(size, align);

            CHECK(p != NULL);
            CHECK_EQ((uintptr_t)p % align, 0);
            CHECK(all_zero(p, size));
            memset(p, 0xaa, size);
            mo_mem_free(p);
        }
    }
    mo_mem_free(NULL);
}

TEST(mem, answers_null_when_it_is_too_much)
{
#if defined(MO_SANITIZE_ADDRESS) || defined(MO_SANITIZE_THREAD)
    SKIP("the sanitizer ends the process instead");
#endif
    CHECK(mo_mem_alloc(SIZE_MAX - 999, 64) == NULL);
    CHECK(mo_mem_alloc(SIZE_MAX - 999, 1) == NULL);
}

struct counts {
    int allocs, releases;
};

static void *counting_alloc(void *ctx, size_t size, size_t align)
{
    struct counts *c = ctx;

    (void)align;
    c->allocs++;
    return calloc(1, size);
}

static void counting_release(void *ctx, void *memory)
{
    struct counts *c = ctx;

    c->releases++;
    free(memory);
}

TEST(mem, goes_through_the_hook_of_the_program)
{
    static struct counts c;
    static const struct moirai_allocator hook = {
        .alloc = counting_alloc, .release = counting_release, .ctx = &c,
    };

    CHECK_EQ(moirai_allocator_set(&hook), 0);
    mo_mem_free(mo_mem_alloc(10, 1));
    mo_mem_free(mo_mem_strdup("x"));
    CHECK_EQ(c.allocs, 2);
    CHECK_EQ(c.releases, 2);
}

TEST(mem, keeps_its_hook_once_used)
{
    static const struct moirai_allocator hook = {
        .alloc = counting_alloc, .release = counting_release,
    };

    CHECK_EQ(moirai_allocator_set(&hook), 0);
    CHECK_EQ(moirai_allocator_set(NULL), 0);
    mo_mem_free(mo_mem_alloc(10, 1));
    CHECK_EQ(moirai_allocator_set(&hook), -EBUSY);
    CHECK_EQ(moirai_allocator_set(NULL), -EBUSY);
}

TEST(mem, fails_the_allocation_that_the_test_names)
{
    struct mo_mem_count count;
    void *first;
    void *third;

    mo_mem_watch(2);
    first = mo_mem_alloc(1, 1);
    CHECK(first != NULL);
    CHECK(mo_mem_alloc(1, 1) == NULL);
    third = mo_mem_strdup("x");
    CHECK(third != NULL);
    count = mo_mem_unwatch();
    CHECK_EQ(count.asked, 3);
    CHECK_EQ(count.live, 2);
    mo_mem_free(first);
    mo_mem_free(third);
}

TEST(mem, arena_gives_everything_back_at_once)
{
    struct mo_arena arena = { NULL };
    struct mo_mem_count count;

    mo_mem_watch(0);
    for (size_t i = 1; i < 9000; i += 7) {
        char *p = mo_arena_alloc(&arena, i);

        CHECK(p != NULL && all_zero(p, i));
        CHECK_EQ((uintptr_t)p % _Alignof(max_align_t), 0);
        memset(p, 0xaa, i);
    }
    CHECK_STR(mo_arena_strdup(&arena, "text"), "text");
    CHECK_STR(mo_arena_strndup(&arena, "text", 2), "te");
    CHECK_STR(mo_arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    mo_arena_fini(&arena);
    count = mo_mem_unwatch();
    CHECK_EQ(count.live, 0);
    CHECK(mo_arena_alloc(&arena, SIZE_MAX - 3) == NULL);
}

TEST(mem, arena_takes_over_what_another_holds)
{
    struct mo_arena a = { NULL };
    struct mo_arena b = { NULL };
    char *kept;

    mo_mem_watch(0);
    CHECK(mo_arena_alloc(&a, 1) != NULL);
    kept = mo_arena_strdup(&b, "kept");
    mo_arena_join(&a, &b);
    mo_arena_fini(&b);
    CHECK_STR(kept, "kept");
    mo_arena_fini(&a);
    CHECK_EQ(mo_mem_unwatch().live, 0);
}

TEST(mem, arena_has_no_room_for_what_no_address_space_holds)
{
    struct mo_arena arena = { NULL };

    CHECK(mo_arena_alloc(&arena, SIZE_MAX - 40) == NULL);
    CHECK(mo_arena_alloc(&arena, SIZE_MAX) == NULL);
    CHECK(arena.chunks == NULL);
}
