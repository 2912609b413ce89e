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
    void *state;
    uint32_t classes;               /* of stacks that it has */
};

static size_t class_size(struct place *p, uint32_t stack_class)
{
    return p->ops->class_size(p->state, (enum moirai_stack_class)stack_class);
}

static void place_open(struct place *p, const struct subject *subject)
{
    struct moirai_error err = { 0 };
    int rc;

    p->ops = subject->plugin->ops;
    p->state = conformance_state(p->ops->state_size, 128);
    conformance_at("init");
    rc = p->ops->init(p->state, subject->config, conformance_host(), &err);
    conformance_at(NULL);
    NEEDS(rc == 0, "init returned %d: %s", rc, err.text);
    p->classes = MOIRAI_STACK_EXTRA;
    if (p->ops->classes > MOIRAI_STACK_EXTRA
        && class_size(p, MOIRAI_STACK_EXTRA) > 0)
        p->classes = MOIRAI_STACK_EXTRA + 1;
}

static void place_close(struct place *p)
{
    conformance_at("fini");
    p->ops->fini(p->state);
    conformance_at(NULL);
    conformance_state_free(p->state, p->ops->state_size);
    HOLDS(conformance_allocations() == 0, "after fini it still holds %lld "
          "pieces of the host's memory", (long long)conformance_allocations());
}

static struct moirai_stack get(struct place *p, uint32_t stack_class)
{
    struct moirai_stack stack;
    int rc;

    conformance_at("get");
    rc = p->ops->get(p->state, (enum moirai_stack_class)stack_class, &stack);
    conformance_at(NULL);
    HOLDS(rc == 0, "get returned %d", rc);
    return stack;
}

/* So many small ones, or as many as it may give at all. */
static int get_some(struct place *p, struct moirai_stack *stacks, int n)
{
    for (int i = 0; i < n; i++) {
        int rc;

        conformance_at("get");
        rc = p->ops->get(p->state, MOIRAI_STACK_TASK, &stacks[i]);
        conformance_at(NULL);
        if (rc == -EAGAIN && i > 0)
            return i;
        HOLDS(rc == 0, "get returned %d", rc);
    }
    return n;
}

static void put(struct place *p, const struct moirai_stack *stack)
{
    conformance_at("put");
    p->ops->put(p->state, stack);
    conformance_at(NULL);
}

/* Does a write to this address end the process by SIGSEGV? */
static bool faults(volatile char *address)
{
    int status;
    pid_t pid = fork();

    NEEDS(pid >= 0, "no process for the test itself");
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        *address = 1;
        _exit(0);
    }
    while (waitpid(pid, &status, 0) < 0)
        continue;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

/* How many pages of [start, start + bytes) are in memory; -1: not mapped. */
static int64_t resident(char *start, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = bytes / page;
    unsigned char *vec = malloc(pages);
    int64_t n = 0;

    HOLDS(vec != NULL && (uintptr_t)start % page == 0,
          "a stack begins at %p, which is inside a page", (void *)start);
    if (mincore(start, bytes, vec) != 0)
        n = -1;
    for (size_t i = 0; i < pages && n >= 0; i++)
        n += vec[i] & 1;
    free(vec);
    return n;
}

static void check_shape(const struct moirai_stack *stack, uint32_t stack_class)
{
    HOLDS(stack->stack_class == stack_class, "asked for a stack of class %u, "
          "it gives one of class %u", (unsigned)stack_class,
          (unsigned)stack->stack_class);
    HOLDS((uintptr_t)stack->base % 16 == 0 && stack->size % 16 == 0,
          "a stack of %zu bytes begins at %p: one of them is no multiple of 16",
          stack->size, (void *)stack->base);
    HOLDS((stack->guard_kind == MOIRAI_GUARD_NONE) == (stack->guard == 0),
          "a stack has a guard of kind %u, of %zu bytes",
          (unsigned)stack->guard_kind, stack->guard);
}

static int start_with(const struct subject *subject, int64_t grants,
                      struct moirai_error *err)
{
    const struct moirai_stack_ops *ops = subject->plugin->ops;
    void *state = conformance_state(ops->state_size, 128);
    int rc;

    *err = (struct moirai_error){ 0 };
    conformance_allow(grants);
    conformance_at("init");
    rc = ops->init(state, subject->config, conformance_host(), err);
    conformance_allow(-1);
    conformance_at("fini");
    if (rc == 0)
        ops->fini(state);
    conformance_at(NULL);
    conformance_state_free(state, ops->state_size);
    return rc;
}

PROMISE(stack_starts, "`init` succeeds.")
{
    conformance_starts(subject, start_with);
}

static void check_apart(const struct moirai_stack *a,
                        const struct moirai_stack *b)
{
    HOLDS(a->base - a->guard >= b->base + b->size ||
              b->base - b->guard >= a->base + a->size,
          "two stacks overlap: %zu bytes at %p and %zu at %p", a->size,
          (void *)a->base, b->size, (void *)b->base);
}

static void check_byte(const struct moirai_stack *stack, size_t i,
                       uint32_t wanted)
{
    HOLDS((unsigned char)stack->base[i] == wanted, "byte %zu of a stack is %u, "
          "and was written as %u", i, (unsigned)(unsigned char)stack->base[i],
          (unsigned)wanted);
}

PROMISE(stack_is_usable_to_the_last_byte,
        "A stack can be read and written to its ends, and is nobody else's.")
{
    struct moirai_stack stacks[40];
    struct place p;

    place_open(&p, subject);
    for (uint32_t i = 0; i < 40; i++) {
        size_t n;

        stacks[i] = get(&p, i % p.classes);
        check_shape(&stacks[i], i % p.classes);
        for (uint32_t k = 0; k < i; k++)
            check_apart(&stacks[i], &stacks[k]);
        n = stacks[i].size < DEEP ? stacks[i].size : DEEP;
        memset(stacks[i].base, (int)i + 1, n);
        memset(stacks[i].base + stacks[i].size - n, (int)i + 1, n);
    }
    for (uint32_t i = 0; i < 40; i++) {
        const struct moirai_stack *s = &stacks[i];

        check_byte(s, 0, i + 1);
        check_byte(s, s->size / 2 < DEEP ? s->size / 2 : 0, i + 1);
        check_byte(s, s->size - 1, i + 1);
        put(&p, s);
    }
    place_close(&p);
}

PROMISE(stack_has_its_class_size,
        "Stacks of a class have the size that `class_size` says.")
{
    struct place p;

    place_open(&p, subject);
    for (uint32_t c = 0; c < p.classes; c++) {
        size_t size = class_size(&p, c);
        struct moirai_stack stack = get(&p, c);

        HOLDS(size > 0, "stacks of class %u have no bytes", (unsigned)c);
        HOLDS(stack.size == size, "class %u has stacks of %zu bytes, it says, "
              "and gives one of %zu", (unsigned)c, size, stack.size);
        put(&p, &stack);
    }
    place_close(&p);
}

static void check_faults(const struct moirai_stack *stack, size_t below)
{
    HOLDS(faults(stack->base - below), "a write %zu bytes below a stack, which "
          "has a guard of %zu, is not caught", below, stack->guard);
}

static void check_guard(const struct moirai_stack *stack)
{
    HOLDS(!faults(stack->base) && !faults(stack->base + stack->size - 1),
          "a stack of %zu bytes cannot be written at its ends", stack->size);
    if (stack->guard_kind == MOIRAI_GUARD_NONE)
        return;
    check_faults(stack, 1);
    check_faults(stack, stack->guard / 2);
    check_faults(stack, stack->guard);
}

PROMISE(stack_guard_faults,
        "A write below a stack that has a guard ends in a fault.")
{
    struct place p;

    place_open(&p, subject);
    for (uint32_t c = 0; c < p.classes; c++) {
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
PROMISE(stack_guard_faults_when_reused,
        "Stacks that were put and come again are guarded as before.")
{
    const int most = (int)conformance_fewer(1000);
    struct moirai_stack *stacks = calloc((size_t)most, sizeof *stacks);
    struct place p;

    NEEDS(stacks != NULL, "no memory for the test itself");
    place_open(&p, subject);
    for (int round = 0; round < 3; round++) {
        int n = get_some(&p, stacks, most);

        for (int i = 0; i < n; i++)
            memset(stacks[i].base, 1, 100);
        for (int i = 0; i < n; i += 97)
            check_guard(&stacks[i]);
        for (int i = 0; i < n; i++)
            put(&p, &stacks[i]);
    }
    place_close(&p);
    free(stacks);
}

static struct moirai_stack_usage usage(struct place *p, uint64_t stacks)
{
    struct moirai_stack_usage usage = { .stacks = stacks };

    if (p->ops->usage != NULL) {
        conformance_at("usage");
        p->ops->usage(p->state, &usage);
        conformance_at(NULL);
    }
    HOLDS(usage.stacks == stacks, "%llu stacks are out, and `usage` says %llu",
          (unsigned long long)stacks, (unsigned long long)usage.stacks);
    return usage;
}

PROMISE(stack_is_reused,
        "Stacks that were put are given again: the memory does not grow.")
{
    struct moirai_stack_usage before = { 0 };
    const uint32_t rounds = (uint32_t)conformance_fewer(30000);
    struct moirai_stack_usage after;
    struct place p;

    place_open(&p, subject);
    for (uint32_t i = 0; i < rounds; i++) {
        struct moirai_stack a = get(&p, i % p.classes);
        struct moirai_stack b = get(&p, i % p.classes);

        b.base[0] = a.base[a.size - 1] = 1;
        if (i == 10)
            before = usage(&p, 2);
        put(&p, &a);
        put(&p, &b);
    }
    after = usage(&p, 0);
    HOLDS(after.reserved_bytes == before.reserved_bytes, "two stacks at a time "
          "took %llu bytes of addresses, and after %u times %llu",
          (unsigned long long)before.reserved_bytes, (unsigned)rounds,
          (unsigned long long)after.reserved_bytes);
    place_close(&p);
}

#define MANY 150

/* Gets MANY, `n` of them by one call. */
static void get_many(struct place *p, struct moirai_stack *stacks, uint32_t n)
{
    uint32_t got;

    conformance_at("get_many");
    got = p->ops->get_many(p->state, MOIRAI_STACK_TASK, stacks, n);
    conformance_at(NULL);
    HOLDS(got == n, "asked for %u stacks, get_many gives %u", (unsigned)n,
          (unsigned)got);
    for (uint32_t i = n; i < MANY; i++)
        stacks[i] = get(p, MOIRAI_STACK_TASK);
}

static void put_many(struct place *p, const struct moirai_stack *stacks)
{
    conformance_at("put_many");
    p->ops->put_many(p->state, stacks, MANY);
    conformance_at(NULL);
}

/* Got together and put singly, and the other way round. */
PROMISE(stack_many_are_as_good_as_one,
        "Stacks that come and go by `get_many` and `put_many` are the same.")
{
    struct moirai_stack stacks[MANY];
    struct place p;

    place_open(&p, subject);
    if (p.ops->get_many == NULL)
        conformance_waive("it has no get_many");
    for (int round = 0; round < 6 && p.ops->get_many != NULL; round++) {
        get_many(&p, stacks, round % 2 == 0 ? MANY : 1);
        for (uint32_t i = 0; i < MANY; i++) {
            check_shape(&stacks[i], MOIRAI_STACK_TASK);
            memset(stacks[i].base, (int)i + 1, stacks[i].size);
        }
        for (uint32_t i = 0; i < MANY; i++)
            check_byte(&stacks[i], stacks[i].size / 2, i + 1);
        for (uint32_t i = 0; i < MANY; i += MANY / 3)
            check_guard(&stacks[i]);
        if (round < 3)
            put_many(&p, stacks);
        for (uint32_t i = 0; i < MANY && round >= 3; i++)
            put(&p, &stacks[i]);
    }
    place_close(&p);
}

static void trim(struct place *p, const struct moirai_stack *stack, char *low)
{
    conformance_at("trim");
    p->ops->trim(p->state, stack, low);
    conformance_at(NULL);
}

/* All of the upper part of a stack, from a page on, is in memory. */
static void check_kept(const struct moirai_stack *stack, size_t from)
{
    size_t pages = (stack->size - from) / (size_t)sysconf(_SC_PAGESIZE);
    int64_t n = resident(stack->base + from, stack->size - from);

    HOLDS(n == (int64_t)pages, "of %zu pages that are in use, %lld are in "
          "memory after a trim", pages, (long long)n);
}

static void trim_half(struct place *p, const struct moirai_stack *s)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t half = s->size / 2 / page * page;
    char *low = s->base + half + 100;   /* inside a page, which stays */

    memset(s->base, 7, s->size);
    check_kept(s, 0);
    trim(p, s, low);
    HOLDS(resident(s->base, half) == 0, "%lld pages that a trim was to give "
          "back are in memory", (long long)resident(s->base, half));
    check_kept(s, half);
    for (char *c = low; c < s->base + s->size; c++)
        check_byte(s, (size_t)(c - s->base), 7);
    trim(p, s, s->base);
    trim(p, s, s->base + 1);
    check_kept(s, half);
    memset(s->base, 8, half);       /* can be used again */
}

PROMISE(stack_trim_gives_pages_back,
        "`trim` gives back the pages below what is in use, and no others.")
{
    struct moirai_stack s;
    struct place p;

    place_open(&p, subject);
    s = get(&p, MOIRAI_STACK_TASK);
    if (p.ops->trim != NULL)
        trim_half(&p, &s);
    else
        conformance_waive("it has no trim");
    put(&p, &s);
    place_close(&p);
}

/* As many as there are, most of them without memory. Returns how many. */
static int get_without_memory(struct place *p, struct moirai_stack *stacks,
                              int most)
{
    int n = 0;

    for (int64_t grants = 0; grants < 4; grants++) {
        int rc = 0;

        conformance_allow(grants);
        while (n < most && rc == 0) {
            conformance_at("get");
            rc = p->ops->get(p->state, MOIRAI_STACK_TASK, &stacks[n]);
            if (rc == 0)
                stacks[n++].base[0] = 1;
        }
        HOLDS(rc == 0 || rc == -ENOMEM || rc == -EAGAIN,
              "without memory get returns %d", rc);
    }
    conformance_at(NULL);
    return n;
}

PROMISE(stack_get_survives_no_memory,
        "`get` without memory fails, `put` needs none, and all goes on.")
{
    const int most = (int)conformance_fewer(10000);
    struct moirai_stack *stacks = calloc((size_t)most, sizeof *stacks);
    struct place p;
    int n;

    NEEDS(stacks != NULL, "no memory for the test itself");
    place_open(&p, subject);
    n = get_without_memory(&p, stacks, most);
    for (int i = 0; i < n; i++)     /* needs no memory */
        put(&p, &stacks[i]);
    conformance_allow(-1);
    stacks[0] = get(&p, MOIRAI_STACK_TASK);
    put(&p, &stacks[0]);
    place_close(&p);
    free(stacks);
}

PROMISE(stack_init_fails_cleanly,
        "`init` without memory says so, and leaves nothing.")
{
    conformance_fails_cleanly(subject, start_with);
}

static void open_and_close(const struct subject *subject)
{
    struct moirai_stack stacks[8];
    struct place p;

    place_open(&p, subject);
    for (uint32_t i = 0; i < 8; i++)
        stacks[i] = get(&p, i % p.classes);
    for (uint32_t i = 0; i < 8; i++)
        put(&p, &stacks[i]);
    place_close(&p);
}

PROMISE(stack_leaves_nothing,
        "After `fini` nothing stays: no memory, no threads, no open files.")
{
    conformance_leaves_nothing(subject, open_and_close);
}

static bool is_on_page(const struct moirai_stack *stack)
{
    return (uintptr_t)stack->base % (uintptr_t)sysconf(_SC_PAGESIZE) == 0;
}

PROMISE(stack_fini_unmaps,
        "After `fini` no stack is mapped any more.")
{
    struct moirai_stack stacks[MOIRAI_STACK_CLASSES];
    struct place p;
    bool paged = true;

    place_open(&p, subject);
    for (uint32_t c = 0; c < p.classes; c++) {
        stacks[c] = get(&p, c);
        paged = paged && is_on_page(&stacks[c]);
        HOLDS(!paged || resident(stacks[c].base, stacks[c].size) >= 0,
              "a stack of class %u is not mapped", (unsigned)c);
    }
    for (uint32_t c = 0; c < p.classes; c++)
        put(&p, &stacks[c]);
    place_close(&p);
    for (uint32_t c = 0; c < p.classes && paged; c++)
        HOLDS(resident(stacks[c].base, stacks[c].size) < 0,
              "a stack of class %u is still mapped", (unsigned)c);
    if (!paged)
        conformance_waive("its stacks do not begin on pages");
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
    int rounds = (int)conformance_times(100);

    for (int round = 0; round < rounds; round++) {
        int n = 1 + (round * 7 + (int)user->tag) % HELD;

        for (int i = 0; i < n; i++) {
            held[i] = get(user->place, (uint32_t)i % user->place->classes);
            memcpy(held[i].base, &user->tag, sizeof user->tag);
            memcpy(held[i].base + held[i].size - sizeof user->tag, &user->tag,
                   sizeof user->tag);
        }
        for (int i = 0; i < n; i++) {
            HOLDS(memcmp(held[i].base, &user->tag, sizeof user->tag) == 0 &&
                      memcmp(held[i].base + held[i].size - sizeof user->tag,
                             &user->tag, sizeof user->tag) == 0,
                  "two threads have the same stack at one time");
            put(user->place, &held[i]);
        }
    }
    return NULL;
}

PROMISE(stack_threads_share_none,
        "Eight threads that get and put stacks never have the same one.")
{
    struct user users[CONFORMANCE_WORKERS];
    struct place p;

    place_open(&p, subject);
    for (int i = 0; i < CONFORMANCE_WORKERS; i++) {
        users[i] = (struct user){ .place = &p, .tag = (uint64_t)i + 1 };
        NEEDS(pthread_create(&users[i].thread, NULL, use, &users[i]) == 0,
              "no thread for the test itself");
    }
    for (int i = 0; i < CONFORMANCE_WORKERS; i++)
        pthread_join(users[i].thread, NULL);
    place_close(&p);
}
