/* SPDX-License-Identifier: MIT */
/*
 * child.c - the list of runtimes, without fork(2).
 *
 * Where a system has fork after all, a child must not touch the runtimes that
 * it inherited: nothing tells it so here.
 */
#include "child.h"

#include <pthread.h>
#include <stdlib.h>

#include "runtime.h"

/* Guards the list, and the loading of plugins, which is not thread-safe.
 * Recursive, as a plugin may ask for what is loaded while it is. */
static pthread_mutex_t lock;
static struct moirai_runtime *runtimes;     /* guarded by lock */

static void prepare(void)
{
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&lock, &attr);
    pthread_mutexattr_destroy(&attr);
}

static void be_prepared(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, prepare);
}

void mo_child_forbid(void)
{
    be_prepared();
    pthread_mutex_lock(&lock);
}

void mo_child_allow(void)
{
    pthread_mutex_unlock(&lock);
}

bool mo_child_try_forbid(void)
{
    be_prepared();
    return pthread_mutex_trylock(&lock) == 0;
}

struct moirai_runtime *mo_child_runtimes(void)
{
    return runtimes;
}

void mo_child_enlist(struct moirai_runtime *rt)
{
    rt->next = runtimes;
    runtimes = rt;
}

void mo_child_delist(struct moirai_runtime *rt)
{
    struct moirai_runtime **at = &runtimes;

    while (*at != rt)
        at = &(*at)->next;
    *at = rt->next;
}

bool mo_runtime_orphan(void)
{
    return false;
}

bool mo_runtime_bereft(void)
{
    return false;
}

void mo_runtime_orphaned(void)
{
    abort();
}
