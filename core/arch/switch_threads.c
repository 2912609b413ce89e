/* SPDX-License-Identifier: MIT */
/*
 * switch_threads.c - the switch for systems that have threads and no more.
 *
 * Each context is a thread of the system's, of which one a worker runs and the
 * others wait for a semaphore. To switch is to post the other's and to wait for
 * one's own: two system calls and the system's scheduler, some microseconds.
 * What else the core knows of a thread travels along: which worker it is, and
 * which simulation it plays.
 *
 * The stack is the one that the core gave, where the system lets a thread have
 * such a one; otherwise it is the system's, and the core's stays untouched.
 * glibc keeps the thread's own record at the top of the stack, so a thread has
 * to be gone before its stack is anybody else's: mo_switch_end sees to that.
 * The thread leaves by longjmp, since it was given up in the middle, and its
 * frames are not to run their cleanups; a thread's exit would unwind them.
 *
 * A context that is not running is the address of its record: on its own stack,
 * in mo_switch; or, until it first runs, at the low end of the stack, which
 * nobody uses yet.
 *
 * Rejected: a thread that serves one context after another, which would save
 * the system call of its birth, but keep thread-local data from one task to
 * the next.
 */
#include "arch/switch.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "arch/self.h"

struct context {
    sem_t go;                       /* posted by who resumes or ends it */
    pthread_t thread;
    struct moirai_worker *worker;   /* given by who resumes it, as is */
    struct mo_sim *sim;
    bool over;                      /* it is to end, not to go on */
    void (*entry)(void *);          /* fresh ones: what to call; or NULL */
    void *arg;
    sigset_t mask;                  /* fresh ones: given with the worker */
};

static _Thread_local jmp_buf *ending;   /* threads of ours: how to end */

static void await(struct context *self)
{
    while (sem_wait(&self->go) != 0)
        continue;                   /* interrupted by a signal */
    sem_destroy(&self->go);
    if (self->over)
        longjmp(*ending, 1);
    moirai_self_worker = self->worker;
    mo_self_sim = self->sim;
}

void mo_switch(void **save, void *to)
{
    struct context here = { .thread = pthread_self() };
    struct context *next = to;
    int saved = errno;

    sem_init(&here.go, 0, 0);
    *save = &here;
    next->worker = moirai_self_worker;
    next->sim = mo_self_sim;
    if (next->entry != NULL)
        pthread_sigmask(SIG_SETMASK, NULL, &next->mask);
    sem_post(&next->go);
    await(&here);
    errno = saved;
}

/* Its frame outlives all others of the thread, so jumping here is sound. */
static void *thread_main(void *arg)
{
    struct context *fresh = arg;
    jmp_buf end;
    void (*entry)(void *);
    void *entry_arg;

    if (setjmp(end) != 0)
        return NULL;
    ending = &end;
    await(fresh);
    entry = fresh->entry;
    entry_arg = fresh->arg;
    pthread_sigmask(SIG_SETMASK, &fresh->mask, NULL);
    entry(entry_arg);
    abort();
}

/* Born with every signal blocked; its first switch gives it the mask of the
 * thread that it continues. */
static int start(struct context *fresh, char *base, size_t size)
{
    pthread_attr_t attr;
    sigset_t all, old;
    int rc = pthread_attr_init(&attr);

    if (rc != 0)
        return rc;
    (void)pthread_attr_setstack(&attr, base, size);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&fresh->thread, &attr, thread_main, fresh);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return rc;
}

void *mo_switch_fresh(char *base, size_t size, void (*entry)(void *),
                      void *arg)
{
    struct context *fresh = (struct context *)base;

    *fresh = (struct context){ .entry = entry, .arg = arg };
    sem_init(&fresh->go, 0, 0);
    if (start(fresh, base, size) == 0)
        return fresh;
    sem_destroy(&fresh->go);
    return NULL;
}

void mo_switch_end(void *context)
{
    struct context *last = context;
    pthread_t thread = last->thread;

    last->over = true;
    sem_post(&last->go);
    pthread_join(thread, NULL);
}

/* Other threads' frames cannot be seen from here. */
void mo_switch_walk(void *sp, void (*fn)(void *), void *arg)
{
    (void)sp;
    (void)fn;
    (void)arg;
}
