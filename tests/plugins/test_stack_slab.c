/* SPDX-License-Identifier: MIT */
/*
 * test_stack_slab.c - stacks out of huge pages: the promises of every
 * allocator, and that who oversteps one is caught when it is put back. It is
 * compiled into this program, because the library has another.
 */
#include "conforms.h"

#include <moirai/stack.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A stack does not begin with a page, so where its pages are is not asked. */
#define SLAB_PROMISES(X, ...)                                                 \
    X(plugin_describes_itself, __VA_ARGS__)                                   \
    X(stack_starts, __VA_ARGS__)                                              \
    X(stack_is_usable_to_the_last_byte, __VA_ARGS__)                          \
    X(stack_has_its_class_size, __VA_ARGS__)                                  \
    X(stack_guard_faults_when_reused, __VA_ARGS__)                            \
    X(stack_is_reused, __VA_ARGS__)                                           \
    X(stack_many_are_as_good_as_one, __VA_ARGS__)                             \
    X(stack_get_survives_no_memory, __VA_ARGS__)                              \
    X(stack_init_fails_cleanly, __VA_ARGS__)                                  \
    X(stack_leaves_nothing, __VA_ARGS__)                                      \
    X(stack_threads_share_none, __VA_ARGS__)

#define SMALL "size=16KiB", "loop=64KiB"

CONFORMANCE_SUITE(SLAB_PROMISES, stack_slab, stack_slab, SMALL, NULL)
CONFORMANCE_SUITE(SLAB_PROMISES, stack_slab_reserved, stack_slab, SMALL,
                  "huge=reserved", NULL)
CONFORMANCE_SUITE(SLAB_PROMISES, stack_slab_colour, stack_slab, SMALL,
                  "huge=none", "colour=true", "extra=48KiB", NULL)

static const struct moirai_stack_ops *ops(void)
{
    return stack_slab_LTX_moirai_plugin.ops;
}

/* Opens one; gives its first two stacks. */
static void *open_slab(conformance_settings set, struct moirai_stack *a,
                       struct moirai_stack *b)
{
    void *config = conformance_config(&stack_slab_LTX_moirai_plugin, set);
    void *state = conformance_state(ops()->state_size, 128);

    CHECK_EQ(ops()->init(state, config, conformance_host(), NULL), 0);
    free(config);
    CHECK_EQ(ops()->get(state, MOIRAI_STACK_TASK, a), 0);
    CHECK_EQ(ops()->get(state, MOIRAI_STACK_TASK, b), 0);
    return state;
}

static void close_slab(void *state, struct moirai_stack *a,
                       struct moirai_stack *b)
{
    ops()->put(state, a);
    ops()->put(state, b);
    ops()->fini(state);
    conformance_state_free(state, ops()->state_size);
}

TEST(stack_slab, ends_the_process_for_who_overstepped_a_stack)
{
    struct moirai_stack a, b;
    void *state = open_slab(NULL, &a, &b);
    int status;
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        a.base[-1] = 0;
        ops()->put(state, &a);
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    close_slab(state, &a, &b);
}

TEST(stack_slab, has_tops_in_different_places_if_told_to)
{
    static const char *const set[] = { "colour=true", NULL };
    struct moirai_stack a, b;
    void *state = open_slab(NULL, &a, &b);

    CHECK_EQ((size_t)(b.base - a.base), a.size + 64);
    close_slab(state, &a, &b);
    state = open_slab(set, &a, &b);
    CHECK((size_t)(b.base - a.base) > a.size + 64);
    CHECK_EQ((uintptr_t)(b.base - a.base) % 64, 0);
    close_slab(state, &a, &b);
}

/* Where none are reserved, it goes on with what the kernel makes. */
TEST(stack_slab, says_once_that_no_huge_pages_are_reserved)
{
    static const char *const set[] = { "huge=reserved", NULL };
    struct moirai_stack many[200], a, b;
    void *state = open_slab(set, &a, &b);

    for (int i = 0; i < 200; i++)
        CHECK_EQ(ops()->get(state, MOIRAI_STACK_TASK, &many[i]), 0);
    CHECK(conformance_warnings() <= 1);
    CHECK(conformance_warnings() == 0
          || strstr(conformance_last_log(), "vm.nr_hugepages") != NULL);
    for (int i = 0; i < 200; i++)
        ops()->put(state, &many[i]);
    close_slab(state, &a, &b);
}
