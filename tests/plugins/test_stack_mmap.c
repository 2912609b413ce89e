/* SPDX-License-Identifier: MIT */
/*
 * test_stack_mmap.c - the preset stack allocator: the promises of every one,
 * for each kind of guard, and what it says of memory and mappings.
 */
#include "conforms.h"

#include <moirai/stack.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

STACK_CONFORMANCE(stack_mmap, stack_mmap, NULL)
STACK_CONFORMANCE(stack_mmap_mprotect, stack_mmap, "guard_kind=mprotect", NULL)
STACK_CONFORMANCE(stack_mmap_unguarded, stack_mmap, "guard_kind=none", NULL)
STACK_CONFORMANCE(stack_mmap_no_pool, stack_mmap, "pool=0", "size=16KiB",
                  "guard=4KiB", "extra=32KiB", NULL)

#define MAPS_LIMIT "/proc/sys/vm/max_map_count"

/* Sanitizers map and touch memory of their own. */
#if defined(MO_SANITIZE_ADDRESS) || defined(MO_SANITIZE_THREAD)
#define EXACT false
#else
#define EXACT true
#endif

struct place {
    const struct moirai_stack_ops *ops;
    void *config;
    void *state;
};

static int place_open(struct place *p, conformance_settings settings,
                      struct moirai_error *err)
{
    p->ops = stack_mmap_LTX_moirai_plugin.ops;
    p->config = conformance_config(&stack_mmap_LTX_moirai_plugin, settings);
    p->state = conformance_state(p->ops->state_size, 128);
    return p->ops->init(p->state, p->config, conformance_host(), err);
}

static void place_free(struct place *p)
{
    conformance_state_free(p->state, p->ops->state_size);
    free(p->config);
    CHECK_EQ(conformance_allocations(), 0);
}

static void place_close(struct place *p)
{
    p->ops->fini(p->state);
    place_free(p);
}

static struct moirai_stack get(struct place *p)
{
    struct moirai_stack stack;

    CHECK_EQ(p->ops->get(p->state, MOIRAI_STACK_TASK, &stack), 0);
    return stack;
}

static struct moirai_stack_usage usage(struct place *p)
{
    struct moirai_stack_usage u;

    p->ops->usage(p->state, &u);
    return u;
}

static uint64_t line_count(const char *path)
{
    FILE *file = fopen(path, "re");
    uint64_t n = 0;
    int c;

    CHECK(file != NULL);
    while ((c = getc(file)) != EOF)
        n += c == '\n';
    fclose(file);
    return n;
}

static uint64_t number_in(const char *path)
{
    FILE *file = fopen(path, "re");
    unsigned long n = 0;

    CHECK(file != NULL);
    CHECK_EQ(fscanf(file, "%lu", &n), 1);
    fclose(file);
    return n;
}

/* Pages of the process that are in memory. */
static uint64_t resident_pages(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long n = 0;

    CHECK(file != NULL);
    CHECK_EQ(fscanf(file, "%*u %lu", &n), 1);
    fclose(file);
    return n;
}

static uint64_t pages_of(const struct moirai_stack *stack)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *vec = malloc(stack->size / page);
    uint64_t n = 0;

    CHECK(vec != NULL);
    CHECK_EQ(mincore(stack->base, stack->size, vec), 0);
    for (size_t i = 0; i < stack->size / page; i++)
        n += vec[i] & 1;
    free(vec);
    return n;
}

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
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

TEST(stack_mmap, sizes_and_guards_are_whole_pages)
{
    static const char *const settings[] = { "size=20000", "guard=5000", NULL };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct moirai_stack stack;
    struct place p;

    CHECK_EQ(place_open(&p, settings, NULL), 0);
    stack = get(&p);
    CHECK_EQ(stack.size, (20000 + page - 1) / page * page);
    CHECK_EQ(stack.guard, (5000 + page - 1) / page * page);
    CHECK_EQ((uintptr_t)stack.base % page, 0);
    CHECK(faults(stack.base - stack.guard));
    p.ops->put(p.state, &stack);
    place_close(&p);
}

/* Those that are had keep theirs, and all can be had again. */
TEST(stack_mmap, cooled_it_keeps_no_memory_of_those_put_back)
{
    enum { STACKS = 150 };
    struct moirai_stack stacks[STACKS];
    struct moirai_stack kept;
    struct place p;

    CHECK_EQ(place_open(&p, NULL, NULL), 0);
    kept = get(&p);
    kept.base[0] = 1;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < STACKS; i++) {
            stacks[i] = get(&p);
            memset(stacks[i].base, 1, stacks[i].size);
        }
        for (int i = 0; i < STACKS; i++)
            p.ops->put(p.state, &stacks[i]);
        CHECK(pages_of(&stacks[0]) > 0);
        p.ops->cool(p.state);
        for (int i = 0; i < STACKS; i++)
            CHECK_EQ(pages_of(&stacks[i]), 0);
        CHECK(kept.base[0] == 1);
        CHECK_EQ(usage(&p).stacks, 1);
        CHECK_EQ(usage(&p).pooled, STACKS);
    }
    p.ops->put(p.state, &kept);
    place_close(&p);
}

TEST(stack_mmap, takes_the_kind_of_guard_it_is_told)
{
    static const char *const settings[][2] = {
        { "guard_kind=none", NULL },
        { "guard_kind=mprotect", NULL },
        { "guard_kind=install", NULL },
    };

    for (uint32_t kind = 0; kind <= MOIRAI_GUARD_INSTALL; kind++) {
        struct moirai_error err = { 0 };
        struct moirai_stack stack;
        struct place p;
        int rc = place_open(&p, settings[kind], &err);

        if (rc != 0) {              /* an older kernel says so */
            CHECK_EQ(kind, MOIRAI_GUARD_INSTALL);
            CHECK_EQ(rc, -ENOTSUP);
            CHECK(strstr(err.text, "guard_kind") != NULL);
            place_free(&p);
            continue;
        }
        stack = get(&p);
        CHECK_EQ(stack.guard_kind, kind);
        CHECK_EQ(usage(&p).guard_kind, kind);
        p.ops->put(p.state, &stack);
        place_close(&p);
    }
}

TEST(stack_mmap, pool_keeps_so_many_warm)
{
    static const char *const settings[] = { "pool=3", NULL };
    struct moirai_stack stacks[10];
    uint64_t warm = 0;
    struct place p;

    CHECK_EQ(place_open(&p, settings, NULL), 0);
    for (int i = 0; i < 10; i++) {
        stacks[i] = get(&p);
        memset(stacks[i].base, 1, stacks[i].size);
    }
    CHECK_EQ(usage(&p).stacks, 10);
    for (int i = 0; i < 10; i++)
        p.ops->put(p.state, &stacks[i]);
    for (int i = 0; i < 10; i++)
        warm += pages_of(&stacks[i]) > 0;
    CHECK_EQ(warm, 3);
    CHECK_EQ(usage(&p).stacks, 0);
    CHECK_EQ(usage(&p).pooled, 10);
    place_close(&p);
}

TEST(stack_mmap, warm_loop_stacks_keep_only_their_top)
{
    static const char *const settings[] = { "loop=8MiB", NULL };
    struct moirai_stack stack;
    struct place p;

    CHECK_EQ(place_open(&p, settings, NULL), 0);
    CHECK_EQ(p.ops->get(p.state, MOIRAI_STACK_LOOP, &stack), 0);
    CHECK_EQ(stack.size, 8 << 20);
    memset(stack.base, 1, stack.size);
    p.ops->put(p.state, &stack);
    CHECK_EQ(pages_of(&stack), (256 << 10) / sysconf(_SC_PAGESIZE));
    CHECK_EQ(stack.base[stack.size - 1], 1);
    place_close(&p);
}

/* Linux 6.15 takes advice about many ranges, and an emulator none. */
static bool can_populate(void)
{
    char page[64];
    struct iovec range = { page, 0 };

    return syscall(440, -10000, &range, (size_t)1, 23, 0) == 0;
}

static long minor_faults(void)
{
    struct rusage usage;

    CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_minflt;
}

/* What was got together has its first pages; what is taken from the pool again
 * still has them. */
TEST(stack_mmap, many_at_once_cost_no_faults)
{
    enum { N = 250 };
    struct moirai_stack stacks[N];
    struct place p;
    long faults_before;

    memset(stacks, 0, sizeof stacks);
    CHECK_EQ(place_open(&p, NULL, NULL), 0);
    for (int round = 0; round < 3; round++) {
        CHECK_EQ(p.ops->get_many(p.state, MOIRAI_STACK_TASK, stacks, N), N);
        faults_before = minor_faults();
        for (int i = 0; i < N; i++)
            stacks[i].base[stacks[i].size - 1] = 1;
        if (EXACT && (round > 0 || can_populate()))
            CHECK_FMT(minor_faults() - faults_before < N / 10, "%d faults",
                      (int)(minor_faults() - faults_before));
        p.ops->put_many(p.state, stacks, N);
    }
    place_close(&p);
}

static void opened_and_closed(const char *kind)
{
    const char *const set[] = { kind, "guard=32KiB", NULL };
    struct moirai_stack stack;
    struct place p;
    size_t room;

    CHECK_EQ(place_open(&p, set, NULL), 0);
    stack = get(&p);
    room = p.ops->relax(p.state, &stack, true);
    CHECK_EQ(room, stack.guard - (size_t)sysconf(_SC_PAGESIZE));
    memset(stack.base - room, 1, room);
    CHECK(faults(stack.base - room - 1));
    CHECK_EQ(p.ops->relax(p.state, &stack, false), room);
    CHECK(faults(stack.base - 1));
    CHECK(faults(stack.base - stack.guard));
    p.ops->put(p.state, &stack);
    place_close(&p);
}

TEST(stack_mmap, opens_a_guard_but_for_its_lowest_page)
{
    opened_and_closed("guard_kind=auto");
    opened_and_closed("guard_kind=mprotect");
}

/* Two hundred thousand guarded stacks at once (five thousand where addresses
 * have 32 bits), the rest of the machine's mappings untouched; each costs the
 * page it uses and its share of tables. */
TEST(stack_mmap, reserves_many_stacks_at_once)
{
    const uint32_t n = UINTPTR_MAX > UINT32_MAX ? 200000 : 5000;
    struct moirai_stack *stacks = calloc(n, sizeof *stacks);
    uint64_t maps = line_count("/proc/self/maps");
    uint64_t pages;
    struct place p;

    CHECK(stacks != NULL);
    memset(stacks, 1, n * sizeof *stacks);
    CHECK_EQ(place_open(&p, NULL, NULL), 0);
    if (usage(&p).guard_kind != MOIRAI_GUARD_INSTALL) {
        place_close(&p);
        free(stacks);
        SKIP("this kernel cannot install guards");
    }
    pages = resident_pages();
    for (uint32_t i = 0; i < n; i++) {
        stacks[i] = get(&p);
        stacks[i].base[stacks[i].size - 1] = 1;
        CHECK_EQ(stacks[i].guard_kind, MOIRAI_GUARD_INSTALL);
    }
    CHECK_EQ(usage(&p).stacks, n);
    CHECK(line_count("/proc/self/maps") - maps < (EXACT ? 2000 : 20000));
    CHECK(!EXACT || resident_pages() - pages < n + n / 10);
    for (uint32_t i = 0; i < n; i += n / 10 + 11)
        CHECK(faults(stacks[i].base - 1));
    for (uint32_t i = 0; i < n; i++)
        p.ops->put(p.state, &stacks[i]);
    CHECK(!EXACT || resident_pages() - pages < n / 10);
    CHECK_EQ(conformance_warnings(), 0);
    place_close(&p);
    CHECK(!EXACT || line_count("/proc/self/maps") - maps < 10);
    free(stacks);
}

/* By mprotect, guards end before the process has no mappings left; it is said
 * once, and stacks go on without. */
TEST(stack_mmap, guards_end_at_the_limit_of_mappings)
{
    static const char *const settings[] = { "guard_kind=mprotect",
                                            "size=16KiB", NULL };
    uint64_t limit = number_in(MAPS_LIMIT);
    uint32_t n = (uint32_t)limit / 2 + 1000;
    struct moirai_stack *stacks = calloc(n, sizeof *stacks);
    uint32_t guarded = 0;
    struct place p;

    if (limit > 1000000) {
        free(stacks);
        SKIP("vm.max_map_count is too high to reach");
    }
    CHECK(stacks != NULL);
    CHECK_EQ(place_open(&p, settings, NULL), 0);
    for (uint32_t i = 0; i < n; i++) {
        stacks[i] = get(&p);
        guarded += stacks[i].guard_kind == MOIRAI_GUARD_MPROTECT;
        CHECK_EQ(stacks[i].guard > 0, stacks[i].guard_kind != 0);
    }
    CHECK_EQ(guarded, (limit - limit / 4) / 2);
    CHECK(line_count("/proc/self/maps") < limit - limit / 5);
    CHECK(faults(stacks[0].base - 1));
    CHECK_EQ(conformance_warnings(), 1);
    CHECK(strstr(conformance_last_log(), "vm.max_map_count") != NULL);
    CHECK_EQ(usage(&p).guard_kind, MOIRAI_GUARD_NONE);
    for (uint32_t i = 0; i < n; i++)
        p.ops->put(p.state, &stacks[i]);
    for (uint32_t i = 0; i < n; i++) {      /* which was which is kept */
        stacks[i] = get(&p);
        guarded -= stacks[i].guard_kind == MOIRAI_GUARD_MPROTECT;
    }
    CHECK_EQ(guarded, 0);
    CHECK_EQ(conformance_warnings(), 1);
    for (uint32_t i = 0; i < n; i++)
        p.ops->put(p.state, &stacks[i]);
    place_close(&p);
    free(stacks);
}

/* Bytes of address space that the process uses. */
static uint64_t address_space(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long n = 0;

    CHECK(file != NULL);
    CHECK_EQ(fscanf(file, "%lu", &n), 1);
    fclose(file);
    return (uint64_t)n * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* False: there is no such limit here, as in qemu-user. */
static bool limit_address_space(uint64_t more)
{
    struct rlimit limit, now;

    CHECK_EQ(getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur = (rlim_t)(address_space() + more);
    CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
    CHECK_EQ(getrlimit(RLIMIT_AS, &now), 0);
    return now.rlim_cur == limit.rlim_cur;
}

/* A region would be 16 stacks of 128 MiB; there is room for 4 in all. */
TEST(stack_mmap, takes_smaller_regions_when_large_ones_are_refused)
{
    static const char *const settings[] = { "size=128MiB", "guard=4KiB", NULL };
    struct moirai_stack stacks[5];
    struct place p;

    if (!limit_address_space(UINT64_C(9) << 26))
        SKIP("address space cannot be limited");
    CHECK_EQ(place_open(&p, settings, NULL), 0);
    for (int i = 0; i < 4; i++) {
        stacks[i] = get(&p);
        stacks[i].base[0] = stacks[i].base[stacks[i].size - 1] = 1;
    }
    CHECK_EQ(p.ops->get(p.state, MOIRAI_STACK_TASK, &stacks[4]), -ENOMEM);
    CHECK_EQ(usage(&p).stacks, 4);
    p.ops->put(p.state, &stacks[0]);
    stacks[0] = get(&p);
    for (int i = 0; i < 4; i++)
        p.ops->put(p.state, &stacks[i]);
    place_close(&p);
}
