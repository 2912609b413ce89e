/* SPDX-License-Identifier: MIT */
/*
 * test_stack_fixed.c - stacks that are all there from the start: the promises
 * of every allocator, and that nothing is asked of the system afterwards. It is
 * compiled into this program, because the library has another.
 */
#include "conforms.h"
#include "with.h"

#include <moirai/stack.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem.h"

#define ENOUGH "count=1200", "loops=300", "size=64KiB"

STACK_CONFORMANCE(stack_fixed, stack_fixed, ENOUGH, NULL)
STACK_CONFORMANCE(stack_fixed_unguarded, stack_fixed, ENOUGH, "guard=0", NULL)
STACK_CONFORMANCE(stack_fixed_there, stack_fixed, "count=1200", "loops=300",
                  "size=16KiB", "loop=64KiB", "prefault=true", "extra=32KiB",
                  "extras=500", NULL)

/* Sanitizers ask for memory of their own. */
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
    p->ops = stack_fixed_LTX_moirai_plugin.ops;
    p->config = conformance_config(&stack_fixed_LTX_moirai_plugin, settings);
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

/* --- counting what memory is asked for ------------------------------------ */

static int asked;                   /* calls that were refused */

static void on_refused(int signo)
{
    (void)signo;
    with_add(&asked, 1);
}

#define REFUSE(call)                                                          \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1),                    \
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)

/* From now on each system call of this thread that is about memory is refused
 * and counted. False: there is no such filter here. */
static bool refuse_memory(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_mmap
        REFUSE(mmap),
#endif
#ifdef SYS_mmap2
        REFUSE(mmap2),
#endif
        REFUSE(munmap), REFUSE(mremap), REFUSE(mprotect), REFUSE(madvise),
        REFUSE(brk), REFUSE(mlock), REFUSE(munlock),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };
    sigset_t set;

    signal(SIGSYS, on_refused);
    sigemptyset(&set);
    sigaddset(&set, SIGSYS);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Runs it in a child, which ends itself: the end of a thread is about memory,
 * too. */
static void in_child(void (*body)(void))
{
    int status;
    pid_t pid;

    if (!EXACT)
        SKIP("sanitizers ask for memory of their own");
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        body();
        _exit(1);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void use_all(void)
{
    static const char *const set[] = { "count=70", "loops=30", NULL };
    static struct moirai_stack stacks[100];
    struct place p;

    CHECK_EQ(place_open(&p, set, NULL), 0);
    refuse_memory();                /* or else only host->alloc is refused */
    conformance_allow(0);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 100; i++) {
            CHECK_EQ(p.ops->get(p.state, (enum moirai_stack_class)(i / 70),
                                &stacks[i]), 0);
            memset(stacks[i].base, i, stacks[i].size);
        }
        for (int i = 0; i < 100; i++)
            p.ops->put(p.state, &stacks[i]);
    }
    CHECK_EQ(with_get(&asked), 0);
    _exit(0);
}

TEST(stack_fixed, asks_for_nothing_after_init)
{
    in_child(use_all);
}

static void ask_once(void)
{
    bool filtered = refuse_memory();

    madvise(NULL, 0, MADV_NORMAL);
    CHECK_EQ(with_get(&asked), filtered);
    _exit(0);
}

TEST(stack_fixed, would_be_seen_to_ask)
{
    in_child(ask_once);
}

/* --- a whole program ------------------------------------------------------ */

#define CROWD 50

static int wait_twice(void *arg)
{
    (void)arg;
    moirai_yield();
    moirai_sleep_until(moirai_now() + MOIRAI_US);
    return 0;
}

static void gather(void)
{
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < CROWD; i++)
        CHECK_EQ(moirai_spawn(&scope, wait_twice, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
}

/* Once, so that the core has room for so many tasks; then nothing is asked of
 * the system, nor of the C library. */
static int gather_again(void *arg)
{
    (void)arg;
    gather();
    mo_mem_watch(0);
    refuse_memory();
    for (int i = 0; i < 20; i++)
        gather();
    CHECK_EQ(mo_mem_unwatch().asked, 0);
    CHECK_EQ(with_get(&asked), 0);
    _exit(0);
}

static void run_program(void)
{
    static const char *const set[] = { "stacks.plugin=fixed",
                                       "runtime.workers=1", NULL };

    moirai_run(with_settings(set), gather_again, NULL);
}

TEST(stack_fixed, lets_a_program_run_without_asking_for_memory)
{
    in_child(run_program);
}

/* --- what else it says ---------------------------------------------------- */

TEST(stack_fixed, says_when_all_are_taken)
{
    static const char *const set[] = { "count=2", "loops=1", NULL };
    struct moirai_stack a, b, c, loop;
    struct moirai_stack_usage usage;
    struct place p;

    CHECK_EQ(place_open(&p, set, NULL), 0);
    CHECK_EQ(p.ops->get(p.state, MOIRAI_STACK_TASK, &a), 0);
    CHECK_EQ(p.ops->get(p.state, MOIRAI_STACK_TASK, &b), 0);
    CHECK_EQ(p.ops->get(p.state, MOIRAI_STACK_TASK, &c), -EAGAIN);
    CHECK_EQ(p.ops->get(p.state, MOIRAI_STACK_LOOP, &loop), 0);
    p.ops->usage(p.state, &usage);
    CHECK_EQ(usage.stacks, 3);
    CHECK_EQ(usage.pooled, 0);
    p.ops->put(p.state, &a);
    CHECK_EQ(p.ops->get(p.state, MOIRAI_STACK_TASK, &c), 0);
    CHECK(c.base == a.base);
    p.ops->put(p.state, &b);
    p.ops->put(p.state, &c);
    p.ops->put(p.state, &loop);
    place_close(&p);
}

static size_t pages_in_memory(const struct moirai_stack *stack)
{
    size_t pages = stack->size / (size_t)sysconf(_SC_PAGESIZE);
    unsigned char vec[64];
    size_t n = 0;

    CHECK(pages <= sizeof vec);
    CHECK_EQ(mincore(stack->base, stack->size, vec), 0);
    for (size_t i = 0; i < pages; i++)
        n += vec[i] & 1;
    return n;
}

TEST(stack_fixed, has_its_pages_from_the_start_if_told_to)
{
    static const char *const no[] = { "count=3", "loops=1", NULL };
    static const char *const yes[] = { "count=3", "loops=1", "prefault=true",
                                       NULL };
    struct moirai_stack stack;
    struct place p;

    CHECK_EQ(place_open(&p, no, NULL), 0);
    CHECK_EQ(p.ops->get(p.state, MOIRAI_STACK_TASK, &stack), 0);
    CHECK_EQ(pages_in_memory(&stack), 0);
    p.ops->put(p.state, &stack);
    place_close(&p);
    CHECK_EQ(place_open(&p, yes, NULL), 0);
    CHECK_EQ(p.ops->get(p.state, MOIRAI_STACK_TASK, &stack), 0);
    CHECK_EQ(pages_in_memory(&stack),
             stack.size / (size_t)sysconf(_SC_PAGESIZE));
    p.ops->put(p.state, &stack);
    place_close(&p);
}

/* What may be locked in memory is limited; who asks for more is told. */
TEST(stack_fixed, is_locked_in_memory_or_says_that_it_cannot_be)
{
    static const char *const set[] = { "count=3", "loops=1", "lock=true",
                                       "size=16KiB", "loop=64KiB", NULL };
    const struct rlimit none = { 0, 0 };
    struct moirai_error err = { 0 };
    struct moirai_stack stack;
    struct place p;
    int rc = place_open(&p, set, &err);

    if (rc == 0) {
        CHECK_EQ(p.ops->get(p.state, MOIRAI_STACK_TASK, &stack), 0);
        if (EXACT)                  /* sanitizers lock nothing */
            CHECK_EQ(pages_in_memory(&stack),
                     stack.size / (size_t)sysconf(_SC_PAGESIZE));
        p.ops->put(p.state, &stack);
        place_close(&p);
    } else {
        CHECK(strstr(err.text, "ulimit -l") != NULL);
        place_free(&p);
    }
    CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &none), 0);
    rc = place_open(&p, set, &err);
    if (rc == 0) {                  /* root may anyway */
        place_close(&p);
        return;
    }
    CHECK(strstr(err.text, "ulimit -l") != NULL);
    place_free(&p);
}

TEST(stack_fixed, opens_a_guard_but_for_its_lowest_page)
{
    static const char *const set[] = { "count=2", "loops=1", NULL };
    struct moirai_stack stack;
    struct place p;
    size_t room;

    CHECK_EQ(place_open(&p, set, NULL), 0);
    CHECK_EQ(p.ops->get(p.state, MOIRAI_STACK_TASK, &stack), 0);
    room = p.ops->relax(p.state, &stack, true);
    CHECK_EQ(room, stack.guard - (size_t)sysconf(_SC_PAGESIZE));
    memset(stack.base - room, 1, room);
    CHECK_EQ(p.ops->relax(p.state, &stack, false), room);
    p.ops->put(p.state, &stack);
    place_close(&p);
}
