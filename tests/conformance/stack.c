/* SPDX-License-Identifier: MIT */
/*
 * stack.c - the promises of include/moirai/stack.h.
 *
 * Whether an address faults is tried in a forked child; whether a page is in
 * memory is asked of mincore.
 */
#include "conformance.h"

#include <moirai/stack.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEEP ((size_t)1 << 20)      /* of a stack, what tests write to */

struct place {                      /* a plugin at work */
    const struct moirai_stack_ops *ops;
    void *config;
    void *state;
};

static void place_open(struct place *p, const struct moirai_plugin *plugin,
                       conformance_settings settings)
{
    struct moirai_error err;

    p->ops = plugin->ops;
    p->config = conformance_config(plugin, settings);
    p->state = conformance_state(p->ops->state_size, 128);
    CHECK_EQ(p->ops->init(p->state, p->config, conformance_host(), &err), 0);
}

static void place_close(struct place *p)
{
    p->ops->fini(p->state);
    conformance_state_free(p->state, p->ops->state_size);
    free(p->config);
    CHECK_EQ(conformance_allocations(), 0);
}

static struct moirai_stack get(struct place *p, uint32_t stack_class)
{
    struct moirai_stack stack;

    CHECK_EQ(p->ops->get(p->state, (enum moirai_stack_class)stack_class,
                         &stack), 0);
    return stack;
}

static void put(struct place *p, const struct moirai_stack *stack)
{
    p->ops->put(p->state, stack);
}

/* Does a write to this address end the process by SIGSEGV? */
static bool faults(volatile char *address)
{
    int status;
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        *address = 1;
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

/* How many pages of [start, start + bytes) are in memory; -1: not mapped. */
static int64_t resident(char *start, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = bytes / page;
    unsigned char *vec = malloc(pages);
    int64_t n = 0;

    CHECK(vec != NULL && (uintptr_t)start % page == 0);
    if (mincore(start, bytes, vec) != 0)
        n = -1;
    for (size_t i = 0; i < pages && n >= 0; i++)
        n += vec[i] & 1;
    free(vec);
    return n;
}

static void check_shape(const struct moirai_stack *stack, uint32_t stack_class)
{
    CHECK_EQ(stack->stack_class, stack_class);
    CHECK_EQ((uintptr_t)stack->base % 16, 0);
    CHECK_EQ(stack->size % 16, 0);
    CHECK(stack->guard_kind == MOIRAI_GUARD_NONE ? stack->guard == 0
                                                 : stack->guard > 0);
}

void stack_is_usable_to_the_last_byte(const struct moirai_plugin *plugin,
                                      conformance_settings settings)
{
    struct moirai_stack stacks[40];
    struct place p;

    place_open(&p, plugin, settings);
    for (uint32_t i = 0; i < 40; i++) {
        size_t n;

        stacks[i] = get(&p, i % MOIRAI_STACK_CLASSES);
        check_shape(&stacks[i], i % MOIRAI_STACK_CLASSES);
        n = stacks[i].size < DEEP ? stacks[i].size : DEEP;
        memset(stacks[i].base, (int)i + 1, n);
        memset(stacks[i].base + stacks[i].size - n, (int)i + 1, n);
    }
    for (uint32_t i = 0; i < 40; i++) {
        const struct moirai_stack *s = &stacks[i];

        CHECK_EQ(s->base[0], i + 1);
        CHECK_EQ(s->base[s->size / 2 < DEEP ? s->size / 2 : 0], i + 1);
        CHECK_EQ(s->base[s->size - 1], i + 1);
        for (uint32_t k = 0; k < i; k++)
            CHECK(s->base - s->guard >= stacks[k].base + stacks[k].size ||
                  stacks[k].base - stacks[k].guard >= s->base + s->size);
        put(&p, s);
    }
    place_close(&p);
}

void stack_has_its_class_size(const struct moirai_plugin *plugin,
                              conformance_settings settings)
{
    struct place p;

    place_open(&p, plugin, settings);
    for (uint32_t c = 0; c < MOIRAI_STACK_CLASSES; c++) {
        size_t size = p.ops->class_size(p.state, (enum moirai_stack_class)c);
        struct moirai_stack stack = get(&p, c);

        CHECK(size > 0);
        CHECK_EQ(stack.size, size);
        put(&p, &stack);
    }
    place_close(&p);
}

static void check_guard(const struct moirai_stack *stack)
{
    CHECK(!faults(stack->base));
    CHECK(!faults(stack->base + stack->size - 1));
    if (stack->guard_kind == MOIRAI_GUARD_NONE)
        return;
    CHECK(faults(stack->base - 1));
    CHECK(faults(stack->base - stack->guard / 2));
    CHECK(faults(stack->base - stack->guard));
}

void stack_guard_faults(const struct moirai_plugin *plugin,
                        conformance_settings settings)
{
    struct place p;

    place_open(&p, plugin, settings);
    for (uint32_t c = 0; c < MOIRAI_STACK_CLASSES; c++) {
        struct moirai_stack a = get(&p, c);
        struct moirai_stack b = get(&p, c);

        check_guard(&a);
        check_guard(&b);
        put(&p, &a);
        put(&p, &b);
    }
    place_close(&p);
}

/* More stacks than any pool of moderate size keeps warm. */
void stack_guard_faults_when_reused(const struct moirai_plugin *plugin,
                                    conformance_settings settings)
{
    enum { N = 1000 };
    struct moirai_stack *stacks = calloc(N, sizeof *stacks);
    struct place p;

    CHECK(stacks != NULL);
    place_open(&p, plugin, settings);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++) {
            stacks[i] = get(&p, MOIRAI_STACK_TASK);
            memset(stacks[i].base, 1, 100);
        }
        for (int i = 0; i < N; i += 97)
            check_guard(&stacks[i]);
        for (int i = 0; i < N; i++)
            put(&p, &stacks[i]);
    }
    place_close(&p);
    free(stacks);
}

void stack_is_reused(const struct moirai_plugin *plugin,
                     conformance_settings settings)
{
    struct moirai_stack_usage before = { 0 };
    struct moirai_stack_usage after = { 0 };
    struct place p;

    place_open(&p, plugin, settings);
    for (uint32_t i = 0; i < 30000; i++) {
        struct moirai_stack a = get(&p, i % MOIRAI_STACK_CLASSES);
        struct moirai_stack b = get(&p, i % MOIRAI_STACK_CLASSES);

        b.base[0] = a.base[a.size - 1] = 1;
        if (i == 10 && p.ops->usage != NULL) {
            p.ops->usage(p.state, &before);
            CHECK_EQ(before.stacks, 2);
        }
        put(&p, &a);
        put(&p, &b);
    }
    if (p.ops->usage != NULL) {
        p.ops->usage(p.state, &after);
        CHECK_EQ(after.stacks, 0);
        CHECK_EQ(after.reserved_bytes, before.reserved_bytes);
    }
    place_close(&p);
}

/* Got together and put singly, and the other way round. */
void stack_many_are_as_good_as_one(const struct moirai_plugin *plugin,
                                   conformance_settings settings)
{
    enum { N = 150 };
    struct moirai_stack stacks[N];
    struct place p;

    place_open(&p, plugin, settings);
    for (int round = 0; round < 6 && p.ops->get_many != NULL; round++) {
        uint32_t n = round % 2 == 0 ? N : 1;

        CHECK_EQ(p.ops->get_many(p.state, MOIRAI_STACK_TASK, stacks, n), n);
        for (uint32_t i = n; i < N; i++)
            stacks[i] = get(&p, MOIRAI_STACK_TASK);
        for (uint32_t i = 0; i < N; i++) {
            check_shape(&stacks[i], MOIRAI_STACK_TASK);
            memset(stacks[i].base, (int)i + 1, stacks[i].size);
        }
        for (uint32_t i = 0; i < N; i++)
            CHECK_EQ((unsigned char)stacks[i].base[stacks[i].size / 2], i + 1);
        for (uint32_t i = 0; i < N; i += N / 3)
            check_guard(&stacks[i]);
        if (round < 3)
            p.ops->put_many(p.state, stacks, N);
        for (uint32_t i = 0; i < N && round >= 3; i++)
            put(&p, &stacks[i]);
    }
    place_close(&p);
}

void stack_trim_gives_pages_back(const struct moirai_plugin *plugin,
                                 conformance_settings settings)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct moirai_stack s;
    struct place p;
    size_t half;
    char *low;

    place_open(&p, plugin, settings);
    s = get(&p, MOIRAI_STACK_TASK);
    if (p.ops->trim == NULL) {
        put(&p, &s);
        place_close(&p);
        return;
    }
    half = s.size / 2 / page * page;
    memset(s.base, 7, s.size);
    CHECK_EQ(resident(s.base, s.size), s.size / page);
    low = s.base + half + 100;      /* inside a page, which stays */
    p.ops->trim(p.state, &s, low);
    CHECK_EQ(resident(s.base, half), 0);
    CHECK_EQ(resident(s.base + half, s.size - half), (s.size - half) / page);
    for (char *c = low; c < s.base + s.size; c++)
        CHECK_EQ(*c, 7);
    p.ops->trim(p.state, &s, s.base);
    p.ops->trim(p.state, &s, s.base + 1);
    CHECK_EQ(resident(s.base + half, s.size - half), (s.size - half) / page);
    memset(s.base, 8, half);        /* can be used again */
    put(&p, &s);
    place_close(&p);
}

void stack_get_survives_no_memory(const struct moirai_plugin *plugin,
                                  conformance_settings settings)
{
    struct moirai_stack *stacks = calloc(10000, sizeof *stacks);
    struct place p;
    int n = 0;

    CHECK(stacks != NULL);
    place_open(&p, plugin, settings);
    for (int64_t grants = 0; grants < 4; grants++) {
        int rc = 0;

        conformance_allow(grants);
        while (n < 10000 && rc == 0) {
            rc = p.ops->get(p.state, MOIRAI_STACK_TASK, &stacks[n]);
            if (rc == 0)
                stacks[n++].base[0] = 1;
        }
        CHECK(rc == 0 || rc == -ENOMEM || rc == -EAGAIN);
    }
    for (int i = 0; i < n; i++)     /* needs no memory */
        put(&p, &stacks[i]);
    conformance_allow(-1);
    stacks[0] = get(&p, MOIRAI_STACK_TASK);
    put(&p, &stacks[0]);
    place_close(&p);
    free(stacks);
}

void stack_init_fails_cleanly(const struct moirai_plugin *plugin,
                              conformance_settings settings)
{
    const struct moirai_stack_ops *ops = plugin->ops;
    void *config = conformance_config(plugin, settings);
    int rc = -1;

    for (int64_t grants = 0; rc != 0; grants++) {
        struct moirai_error err = { 0 };
        void *state = conformance_state(ops->state_size, 128);

        conformance_allow(grants);
        rc = ops->init(state, config, conformance_host(), &err);
        conformance_allow(-1);
        if (rc == 0) {
            ops->fini(state);
        } else {
            CHECK_EQ(rc, -ENOMEM);
            CHECK_EQ(err.code, -ENOMEM);
            CHECK(err.text[0] != '\0');
        }
        conformance_state_free(state, ops->state_size);
        CHECK_EQ(conformance_allocations(), 0);
        CHECK(grants < 100);
    }
    free(config);
}

void stack_fini_unmaps(const struct moirai_plugin *plugin,
                       conformance_settings settings)
{
    struct moirai_stack stacks[MOIRAI_STACK_CLASSES];
    struct place p;

    place_open(&p, plugin, settings);
    for (uint32_t c = 0; c < MOIRAI_STACK_CLASSES; c++) {
        stacks[c] = get(&p, c);
        CHECK(resident(stacks[c].base, stacks[c].size) >= 0);
    }
    for (uint32_t c = 0; c < MOIRAI_STACK_CLASSES; c++)
        put(&p, &stacks[c]);
    place_close(&p);
    for (uint32_t c = 0; c < MOIRAI_STACK_CLASSES; c++)
        CHECK_EQ(resident(stacks[c].base, stacks[c].size), -1);
}

/* --- threads ------------------------------------------------------------ */

#define HELD 50

struct user {
    struct place *place;
    pthread_t thread;
    uint64_t tag;
};

/* Writes its tag to both ends of each stack it holds, and finds it again. */
static void *use(void *arg)
{
    struct user *user = arg;
    struct moirai_stack held[HELD];
    int rounds = check_long() ? 2000 : 100;

    for (int round = 0; round < rounds; round++) {
        int n = 1 + (round * 7 + (int)user->tag) % HELD;

        for (int i = 0; i < n; i++) {
            held[i] = get(user->place, (uint32_t)i % MOIRAI_STACK_CLASSES);
            memcpy(held[i].base, &user->tag, sizeof user->tag);
            memcpy(held[i].base + held[i].size - sizeof user->tag, &user->tag,
                   sizeof user->tag);
        }
        for (int i = 0; i < n; i++) {
            CHECK(memcmp(held[i].base, &user->tag, sizeof user->tag) == 0);
            CHECK(memcmp(held[i].base + held[i].size - sizeof user->tag,
                         &user->tag, sizeof user->tag) == 0);
            put(user->place, &held[i]);
        }
    }
    return NULL;
}

void stack_threads_share_none(const struct moirai_plugin *plugin,
                              conformance_settings settings)
{
    struct user users[CONFORMANCE_WORKERS];
    struct place p;

    place_open(&p, plugin, settings);
    for (int i = 0; i < CONFORMANCE_WORKERS; i++) {
        users[i] = (struct user){ .place = &p, .tag = (uint64_t)i + 1 };
        CHECK_EQ(pthread_create(&users[i].thread, NULL, use, &users[i]), 0);
    }
    for (int i = 0; i < CONFORMANCE_WORKERS; i++)
        CHECK_EQ(pthread_join(users[i].thread, NULL), 0);
    place_close(&p);
}
