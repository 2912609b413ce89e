/* SPDX-License-Identifier: MIT */
/*
 * real.c - time, chance and threads as the operating system has them.
 *
 * Parking is a futex on the parker's token: 1 means "go on", 2 "the owner is
 * asleep". unpark swaps in a 1 and makes the system call only over a 2. The
 * swap is the last access: the address is still handed to futex after that,
 * but a wake on memory that has gone wakes nobody or is refused.
 */
#include "os/os.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <moirai/time.h>

#include "arch/cpu.h"
#include "arch/sanitize.h"
#include "os/affinity.h"

enum { TOKEN_NONE, TOKEN_THERE, TOKEN_ASLEEP, TOKEN_AWAY };

static int64_t real_now(struct mo_os *os)
{
    struct timespec ts;

    (void)os;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * MOIRAI_S + ts.tv_nsec;
}

static int64_t real_coarse(const struct mo_os *os)
{
    struct timespec ts;

    (void)os;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (int64_t)ts.tv_sec * MOIRAI_S + ts.tv_nsec;
}

/* Used where chance only spreads load, and for seeds; workers have generators
 * of their own for their hot paths. */
static uint32_t real_choose(struct mo_os *os, uint32_t n)
{
    uint32_t r = 0;

    if (getrandom(&r, sizeof r, GRND_NONBLOCK) != (ssize_t)sizeof r)
        r = (uint32_t)real_now(os);
    return (uint32_t)(((uint64_t)r * n) >> 32);
}

void mo_os_block_signals(sigset_t *old)
{
    static const int synchronous[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL,
                                       SIGTRAP, SIGABRT, SIGSYS, SIGPROF };
    sigset_t set;

    sigfillset(&set);
    for (size_t i = 0; i < sizeof synchronous / sizeof *synchronous; i++)
        sigdelset(&set, synchronous[i]);
    pthread_sigmask(SIG_SETMASK, &set, old);
}

/* The kernel's struct sched_attr, as it was at first. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

#define SLICE_NS 100000             /* the least that there is */

/* Who asks for short slices goes before those with longer ones as soon as it
 * wakes, if it has not had its share (Linux 6.12; others do not mind). And its
 * sleeps end when they should, not up to 50 us later. */
static void make_prompt(void)
{
    struct attributes attr = { .size = sizeof attr };

    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    if (syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0U) != 0
        || attr.policy != SCHED_OTHER)
        return;
    attr.runtime = SLICE_NS;
    syscall(SYS_sched_setattr, 0, &attr, 0U);
}

static void *thread_main(void *arg)
{
    struct mo_thread *thread = arg;

    mo_store(&thread->id, (int32_t)syscall(SYS_gettid));
    prctl(PR_SET_NAME, thread->name);
    if (thread->prompt)
        make_prompt();
    thread->body(thread->arg);
    return NULL;
}

/* First come, first served, by those of this priority. */
static int make_urgent(pthread_attr_t *attr, int priority)
{
    struct sched_param param = { .sched_priority = priority };
    int rc = pthread_attr_setinheritsched(attr, PTHREAD_EXPLICIT_SCHED);

    if (rc == 0)
        rc = pthread_attr_setschedpolicy(attr, SCHED_FIFO);
    if (rc == 0)
        rc = pthread_attr_setschedparam(attr, &param);
    return -rc;
}

/* The new thread inherits the mask, so not even its first instruction can be
 * interrupted by a signal that is not for it. */
static int real_start(struct mo_os *os, struct mo_thread *thread)
{
    pthread_attr_t attr;
    sigset_t old;
    int rc;

    (void)os;
    rc = -pthread_attr_init(&attr);
    if (rc != 0)
        return rc;
    if (thread->processor_count != 0)
        rc = mo_os_bind(&attr, thread->processors, thread->processor_count);
    if (rc == 0 && thread->priority != 0)
        rc = make_urgent(&attr, thread->priority);
    if (rc == 0) {
        mo_os_block_signals(&old);
        rc = -pthread_create(&thread->real, &attr, thread_main, thread);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    pthread_attr_destroy(&attr);
    return rc;
}

static void real_join(struct mo_os *os, struct mo_thread *thread)
{
    (void)os;
    pthread_join(thread->real, NULL);
}

static void real_parker_init(struct mo_os *os, struct mo_parker *parker)
{
    (void)os;
    mo_store(&parker->token, TOKEN_NONE);
}

struct mo_os mo_os_real = {
    .sim = NULL,
    .now = real_now,
    .coarse = real_coarse,
    .choose = real_choose,
    .start = real_start,
    .join = real_join,
    .parker_init = real_parker_init,
};

/* 32-bit machines have two calls, and a timespec as libc is told to have it:
 * the one that takes 64-bit times is right whatever that is. (Linux 5.1.) */
#ifdef SYS_futex_time64
#define FUTEX SYS_futex_time64
#else
#define FUTEX SYS_futex
#endif

struct kernel_time {
    int64_t seconds;
    int64_t nanoseconds;
};

/* Sleeps while *word == value. False when the time is up. */
static bool futex_wait(uint32_t *word, uint32_t value, int64_t until)
{
    struct kernel_time time = { 0, 0 };
    long rc;

    if (until == MOIRAI_NEVER) {
        syscall(FUTEX, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
        return true;
    }
    if (until > 0) {
        time.seconds = until / MOIRAI_S;
        time.nanoseconds = until % MOIRAI_S;
    }
    rc = syscall(FUTEX, word, FUTEX_WAIT_BITSET_PRIVATE, value, &time, NULL,
                 FUTEX_BITSET_MATCH_ANY);   /* absolute, CLOCK_MONOTONIC */
    return rc == 0 || errno != ETIMEDOUT;
}

static bool take_token(struct mo_parker *parker, uint32_t held)
{
    uint32_t found = held;

    return mo_cas(&parker->token, &found, TOKEN_NONE);
}

bool mo_park(struct mo_parker *parker, int64_t until)
{
    uint32_t found = TOKEN_NONE;
    int saved = errno;
    bool in_time = true;

    if (parker->sim != NULL)
        return mo_sim_park(parker, until);
    if (take_token(parker, TOKEN_THERE))
        return true;
    mo_cas(&parker->token, &found, TOKEN_ASLEEP);
    while (in_time && mo_load(&parker->token) == TOKEN_ASLEEP)
        in_time = futex_wait(&parker->token, TOKEN_ASLEEP, until);
    errno = saved;
    return mo_swap(&parker->token, TOKEN_NONE) == TOKEN_THERE;
}

bool mo_park_away(struct mo_parker *parker)
{
    uint32_t found = TOKEN_NONE;

    if (mo_cas(&parker->token, &found, TOKEN_AWAY))
        return true;
    mo_swap(&parker->token, TOKEN_NONE);
    return false;
}

bool mo_park_back(struct mo_parker *parker)
{
    return mo_swap(&parker->token, TOKEN_NONE) == TOKEN_THERE;
}

void mo_unpark(struct mo_parker *parker)
{
    uint32_t found;
    int saved;

    if (parker->sim != NULL) {
        mo_sim_unpark(parker);
        return;
    }
    found = mo_swap(&parker->token, TOKEN_THERE);
    if (found == TOKEN_AWAY)
        parker->rouse(parker);
    if (found != TOKEN_ASLEEP)
        return;
    saved = errno;
    syscall(FUTEX, &parker->token, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    errno = saved;
}

/* valgrind does not know the call, and runs one thread at a time: each sees
 * what the others stored. So what it counts is what runs elsewhere. */
bool mo_os_barrier_init(void)
{
    if (mo_valgrind())
        return true;
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
                   0, 0) == 0;
}

/* Where the system call is refused later on, by a filter of the program's,
 * waiting does: no store stays in its processor for so long. */
void mo_os_barrier(void)
{
    struct timespec drained = { 0, 10 * MOIRAI_MS };

    if (mo_valgrind())
        return;
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
        nanosleep(&drained, NULL);
}
