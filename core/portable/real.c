/* SPDX-License-Identifier: MIT */
/*
 * real.c - time, chance and threads by what POSIX and C11 have everywhere.
 *
 * A parker may be gone the moment its owner has the token, so no mutex can lie
 * in it. Sleepers meet at one of some places that are never gone, by their
 * parker's address; who shares a place is woken now and then for nothing. The
 * token says the same as in os/real.c: 2 is "the owner is asleep, or about to
 * look once more under the place's lock", and only over a 2 unpark takes that
 * lock.
 *
 * Not every system lets a condition variable go by the monotonic clock. The
 * other one may be set while somebody sleeps by it, so nobody sleeps for more
 * than SLICE without looking at the monotonic clock again.
 */
#include "os/os.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include <moirai/time.h>

#include "arch/cpu.h"

#define SLICE (MOIRAI_S / 2)

enum { TOKEN_NONE, TOKEN_THERE, TOKEN_ASLEEP, TOKEN_AWAY };

struct place {
    pthread_mutex_t lock;
    pthread_cond_t woken;           /* a token here is not TOKEN_ASLEEP any
                                     * more, and became so under the lock */
};

#define PLACE { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER }
#define PLACES4 PLACE, PLACE, PLACE, PLACE
#define PLACES16 PLACES4, PLACES4, PLACES4, PLACES4

static struct place places[] = { PLACES16, PLACES16, PLACES16, PLACES16 };

static int64_t clock_ns(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * MOIRAI_S + ts.tv_nsec;
}

static int64_t real_now(struct mo_os *os)
{
    (void)os;
    return clock_ns(CLOCK_MONOTONIC);
}

static int64_t real_coarse(const struct mo_os *os)
{
    (void)os;
    return clock_ns(CLOCK_MONOTONIC);
}

/* Spreads load, and makes seeds: it need not be hard to guess, but two that ask
 * at once, or two processes, must not get the same. */
static uint32_t real_choose(struct mo_os *os, uint32_t n)
{
    static MO_ATOMIC(uint64_t) asked;
    uint64_t x = mo_add(&asked, UINT64_C(0x9e3779b97f4a7c15));

    (void)os;
    x += (uint64_t)clock_ns(CLOCK_REALTIME) ^ (uint64_t)(uintptr_t)&x;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(((x >> 32) * n) >> 32);
}

/* Those that C has: which others are about the thread itself, systems differ
 * in. */
void mo_os_block_signals(sigset_t *old)
{
    sigset_t set;

    sigfillset(&set);
    sigdelset(&set, SIGSEGV);
    sigdelset(&set, SIGFPE);
    sigdelset(&set, SIGILL);
    sigdelset(&set, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &set, old);
}

static void *thread_main(void *arg)
{
    struct mo_thread *thread = arg;

    thread->body(thread->arg);
    return NULL;
}

/* The new thread inherits the mask. */
static int real_start(struct mo_os *os, struct mo_thread *thread)
{
    sigset_t old;
    int rc;

    (void)os;
    if (thread->priority != 0)
        return -ENOTSUP;
    mo_os_block_signals(&old);
    rc = pthread_create(&thread->real, NULL, thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return -rc;
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

static struct place *place_of(const struct mo_parker *parker)
{
    uint32_t hash = (uint32_t)((uintptr_t)parker >> 4) * UINT32_C(2654435769);

    return &places[hash % (sizeof places / sizeof places[0])];
}

/* Until somebody comes to the place, or a while. False: it is past `until`. The
 * lock is held. */
static bool sleep_at(struct place *place, int64_t until)
{
    struct timespec time;
    int64_t left;

    if (until == MOIRAI_NEVER) {
        pthread_cond_wait(&place->woken, &place->lock);
        return true;
    }
    left = until - clock_ns(CLOCK_MONOTONIC);
    if (left <= 0)
        return false;
    left = (left < SLICE ? left : SLICE) + clock_ns(CLOCK_REALTIME);
    time.tv_sec = (time_t)(left / MOIRAI_S);
    time.tv_nsec = (long)(left % MOIRAI_S);
    pthread_cond_timedwait(&place->woken, &place->lock, &time);
    return true;
}

static bool take_token(struct mo_parker *parker, uint32_t held)
{
    uint32_t found = held;

    return mo_cas(&parker->token, &found, TOKEN_NONE);
}

bool mo_park(struct mo_parker *parker, int64_t until)
{
    struct place *place = place_of(parker);
    uint32_t found = TOKEN_NONE;
    int saved = errno;
    bool in_time = true;

    if (parker->sim != NULL)
        return mo_sim_park(parker, until);
    if (take_token(parker, TOKEN_THERE))
        return true;
    mo_cas(&parker->token, &found, TOKEN_ASLEEP);
    pthread_mutex_lock(&place->lock);
    while (in_time && mo_load(&parker->token) == TOKEN_ASLEEP)
        in_time = sleep_at(place, until);
    pthread_mutex_unlock(&place->lock);
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

/* The swap is the last access to the parker. Who sleeps has looked at it under
 * the lock before, or will look after. */
void mo_unpark(struct mo_parker *parker)
{
    struct place *place = place_of(parker);
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
    pthread_mutex_lock(&place->lock);
    pthread_cond_broadcast(&place->woken);
    pthread_mutex_unlock(&place->lock);
    errno = saved;
}

bool mo_os_barrier_init(void)
{
    return false;
}

void mo_os_barrier(void)
{
}
