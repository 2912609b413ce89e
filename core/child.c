/* SPDX-License-Identifier: MIT */
/*
 * child.c - fork(2).
 *
 * A forked child has one thread, none of it ours. Every runtime it inherits is
 * marked dead, and the thread, which may have been a worker, becomes a plain
 * one, with the signals a plain one has; so every call finds that out on its
 * usual checks and returns -ECHILD.
 * Memory of the parent's runtimes stays as it is: a child that goes on for
 * long without exec keeps it.
 */
#include "child.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "fault.h"
#include "log.h"
#include "runtime.h"
#include "watch.h"

/* Guards the list, and the loading of plugins, which is not thread-safe.
 * Recursive, because a plugin may call fork while it is loaded. */
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static struct moirai_runtime *runtimes;     /* guarded by lock */
static bool orphan;
static sigset_t program_mask;       /* of who started the newest runtime */

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void after_fork_parent(void)
{
    pthread_mutex_unlock(&lock);
}

static void after_fork_child(void)
{
    orphan = orphan || runtimes != NULL;
    for (struct moirai_runtime *rt = runtimes; rt != NULL; rt = rt->next)
        rt->dead = 1;
    runtimes = NULL;
    mo_fault_forked();
    mo_watch_forked();
    if (moirai_self_worker != mo_outside)
        pthread_sigmask(SIG_SETMASK, &program_mask, NULL);
    moirai_self_worker = mo_outside;
    mo_os_forked();
    lock = (pthread_mutex_t)PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
}

static void register_handlers(void)
{
    pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

void mo_child_forbid(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, register_handlers);
    pthread_mutex_lock(&lock);
}

void mo_child_allow(void)
{
    pthread_mutex_unlock(&lock);
}

bool mo_child_try_forbid(void)
{
    return pthread_mutex_trylock(&lock) == 0;
}

struct moirai_runtime *mo_child_runtimes(void)
{
    return runtimes;
}

void mo_child_enlist(struct moirai_runtime *rt)
{
    pthread_sigmask(SIG_SETMASK, NULL, &program_mask);
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
    return orphan;
}

bool mo_runtime_bereft(void)
{
    return orphan && runtimes == NULL;
}

void mo_runtime_orphaned(void)
{
    mo_log(MOIRAI_LOG_ERROR, "a task called fork and came to its end in the "
           "child, which has no runtime to go on in and ends");
    _exit(EXIT_FAILURE);
}
