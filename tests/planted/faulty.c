/* SPDX-License-Identifier: MIT */
/*
 * faulty.c - programs that are right as long as nothing goes wrong.
 */
#include "bugs.h"

#include <moirai/moirai.h>

#include <errno.h>

/* --- surely long enough --------------------------------------------------- */

static int answer;

static int compute(void *arg)
{
    (void)arg;
    moirai_sleep_until(moirai_after(10 * MOIRAI_US));
    __atomic_store_n(&answer, 42, __ATOMIC_RELEASE);
    return 0;
}

int sleep_for_join(void)
{
    struct moirai_scope scope;
    int seen;

    answer = 0;
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    moirai_spawn(&scope, compute, NULL);
    moirai_sleep_until(moirai_after(2 * MOIRAI_MS));
    seen = __atomic_load_n(&answer, __ATOMIC_ACQUIRE);
    moirai_scope_end(&scope);
    return seen != 42;
}

/* --- woken, so it must be there ------------------------------------------- */

static struct moirai_mutex mutex;
static struct moirai_cond filled;
static int there, seen_empty;       /* guarded by the mutex */

static int wait_once(void *arg)
{
    (void)arg;
    moirai_mutex_lock(&mutex, MOIRAI_NEVER);
    if (!there)
        moirai_cond_wait(&filled, &mutex, MOIRAI_NEVER);
    seen_empty = !there;
    return moirai_mutex_unlock(&mutex);
}

static int fill(void *arg)
{
    (void)arg;
    moirai_mutex_lock(&mutex, MOIRAI_NEVER);
    there = 1;
    moirai_cond_signal(&filled);
    return moirai_mutex_unlock(&mutex);
}

int if_for_while(void)
{
    mutex = (struct moirai_mutex)MOIRAI_MUTEX_INIT;
    filled = (struct moirai_cond)MOIRAI_COND_INIT;
    there = seen_empty = 0;
    BUGS_TOGETHER(wait_once, fill);
    return seen_empty;
}

/* --- as many as were spawned: unless one was not -------------------------- */

#define PARTS 3

static struct moirai_latch parts;

static int do_part(void *arg)
{
    (void)arg;
    moirai_latch_arrive(&parts, 1);
    return 0;
}

int spawn_unchecked(void)
{
    struct moirai_scope scope;

    parts = (struct moirai_latch)MOIRAI_LATCH_INIT(PARTS);
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    for (int i = 0; i < PARTS; i++)
        moirai_spawn(&scope, do_part, NULL);
    moirai_latch_wait(&parts, MOIRAI_NEVER);
    return moirai_scope_end(&scope);
}

/* --- taken, and not given back where the function is left early ----------- */

static struct moirai_semaphore permits;

static int work_with_permit(void *arg)
{
    int rc;

    (void)arg;
    rc = moirai_semaphore_wait(&permits, 1, MOIRAI_NEVER);
    if (rc != 0)
        return 0;
    rc = moirai_sleep_until(moirai_after(MOIRAI_US));
    if (rc != 0)
        return 0;                   /* with the permit */
    moirai_semaphore_post(&permits, 1);
    return 0;
}

int permit_kept(void)
{
    struct moirai_handle *handle;
    struct moirai_scope scope;
    int rc;

    permits = (struct moirai_semaphore)MOIRAI_SEMAPHORE_INIT(1);
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    rc = moirai_spawn_with(&scope, work_with_permit, NULL, NULL, &handle);
    rc |= moirai_spawn(&scope, work_with_permit, NULL);
    if (rc == 0) {
        moirai_handle_join(handle, MOIRAI_NEVER, NULL);
        moirai_handle_put(handle);
    }
    return rc | moirai_scope_end(&scope);
}
