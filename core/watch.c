/* SPDX-License-Identifier: MIT */
/*
 * watch.c - dumps of all tasks, asked for by a signal.
 *
 * One thread for the process sleeps on a semaphore, which is all that the
 * handler touches, and writes the dumps: so a dump runs where locks and memory
 * are in order, and no thread of the program is held up by it. It is there
 * while a runtime wants it.
 *
 * What a task does that is running, its worker alone can tell: the same signal,
 * sent to that thread, makes its handler note it down. Workers are the only
 * threads of ours that do not block it.
 */
#include "watch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "arch/context.h"
#include "backtrace.h"
#include "child.h"
#include "fault.h"
#include "handle.h"
#include "log.h"
#include "section.h"
#include "worker.h"

#define SIGNALS 3                   /* at once, one a runtime */
#define ANSWER_MS 200               /* how long a worker may take */
#define RETRY_US 1000
#define ROOM_MS 50                  /* between two looks whether to end */

enum {                              /* a worker, by `asked` */
    ASKED_NOT,
    ASKED,
    ASKED_LATE,                     /* nobody waits for its answer any more */
};

struct watched {                    /* a signal */
    int signo;                      /* 0: this entry is free */
    unsigned users;
    struct sigaction before;
};

static struct watched watched[SIGNALS];     /* by mo_child_forbid, as are */
static unsigned users;              /* runtimes that have the thread */
static pthread_t watcher;
static sem_t wake;                  /* a dump is wanted, or the end */
static MO_ATOMIC(uint32_t) wanted;  /* one was asked for that has not begun */
static MO_ATOMIC(bool) ending;
static MO_ATOMIC(uint32_t) ask_lock;
static struct mo_watch_answer said; /* for who holds ask_lock */
static sem_t answered;

/* --- the handler ---------------------------------------------------------- */

static void note_calls(void *context)
{
    said.n = mo_backtrace_from(mo_context_pc(context), said.pcs,
                               MO_WATCH_CALLS);
}

/* Where its calls cannot be followed, where it is will do. */
static void note_down(struct mo_worker *w, void *context)
{
    const struct moirai_task *task = w->task;
    const struct moirai_handle *handle = task != NULL ? task->handle : NULL;

    said.worker = w->hot.index;
    said.id = 0;
    said.n = 0;
    if (task == NULL)
        return;
    said.id = task->id;
    said.name = handle != NULL ? handle->name : NULL;
    said.site = task->site;
    said.function = (uintptr_t)task->fn;
    if (!mo_fault_try(note_calls, context) || said.n == 0) {
        said.pcs[0] = mo_context_pc(context);
        said.n = said.pcs[0] != 0;
    }
}

/* However often a dump is asked for before it begins, it is one. */
static void want_dump(void)
{
    if (mo_swap(&wanted, 1) == 0)
        sem_post(&wake);
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
    struct mo_worker *w = mo_self();
    uint32_t asked = w != NULL ? mo_swap(&w->asked, ASKED_NOT) : ASKED_NOT;
    int kept = errno;

    (void)signo;
    (void)info;
    if (asked == ASKED) {
        note_down(w, context);
        sem_post(&answered);
    } else if (asked == ASKED_NOT) {
        want_dump();
    }
    errno = kept;
}

static bool is_ours(int signo)
{
    struct sigaction now;

    return sigaction(signo, NULL, &now) == 0
        && (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_signal;
}

/* Waits for the answer. The task's name and site stay; the rest is a copy. */
static bool await_answer(struct mo_worker *w)
{
    uint32_t asked = ASKED;
    struct timespec until;
    int rc;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += ANSWER_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    do
        rc = sem_timedwait(&answered, &until);
    while (rc != 0 && errno == EINTR);
    if (rc == 0)
        return true;
    if (mo_cas(&w->asked, &asked, ASKED_LATE))
        return false;               /* it will not answer any more */
    while (sem_wait(&answered) != 0)
        continue;                   /* it is just about to */
    return true;
}

bool mo_watch_ask(struct mo_worker *w, struct mo_watch_answer *answer)
{
    struct moirai_runtime *rt = w->runtime;
    bool told = false;

    if (rt->dump_signal == 0 || rt->os->sim != NULL
        || mo_load_relaxed(&w->idle) || mo_load_relaxed(&w->benched)
        || mo_load(&rt->staff.started) <= w->hot.index
        || !is_ours(rt->dump_signal)
        || !mo_word_try(&ask_lock))
        return false;
    mo_store(&w->asked, ASKED);
    if (pthread_kill(w->thread.real, rt->dump_signal) == 0)
        told = await_answer(w);
    else
        mo_store(&w->asked, ASKED_NOT);
    if (told)
        *answer = said;
    mo_word_unlock(&ask_lock);
    return told;
}

/* --- the thread ----------------------------------------------------------- */

static void dump_all(int fd)
{
    for (struct moirai_runtime *rt = mo_child_runtimes(); rt != NULL;
         rt = rt->next)
        moirai_dump(rt, fd);
}

/* Whoever starts or stops a runtime may be about to end this thread: it must
 * not wait for them. False: it ends. */
static bool dump_if_allowed(int fd)
{
    struct timespec pause = { 0, RETRY_US * 1000L };

    while (!mo_load(&ending)) {
        if (mo_child_try_forbid()) {
            dump_all(fd);
            mo_child_allow();
            return true;
        }
        nanosleep(&pause, NULL);
    }
    return false;
}

/* Can standard error take a piece of PIPE_BUF bytes? Nobody may be reading it,
 * and then this thread has to be able to end. */
static bool await_room(void)
{
    struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

    while (!mo_load(&ending))
        if (poll(&fd, 1, ROOM_MS) > 0)
            return (fd.revents & POLLOUT) != 0;
    return false;
}

static void copy_out(int from)
{
    char piece[PIPE_BUF];
    ssize_t n;

    while ((n = read(from, piece, sizeof piece)) > 0 && await_room())
        if (write(STDERR_FILENO, piece, (size_t)n) < 0)
            return;
}

/* First into memory: while standard error does not take it, no runtime could be
 * started or stopped, and nobody could fork. */
static void dump(void)
{
    int fd = memfd_create("moirai dump", MFD_CLOEXEC);

    if (fd < 0)
        dump_if_allowed(STDERR_FILENO);
    else if (dump_if_allowed(fd) && lseek(fd, 0, SEEK_SET) == 0)
        copy_out(fd);
    if (fd >= 0)
        close(fd);
}

static void *watch(void *arg)
{
    (void)arg;
    pthread_setname_np(pthread_self(), "moirai/watch");
    while (!mo_load(&ending))
        if (sem_wait(&wake) == 0) {
            mo_store(&wanted, 0);
            dump();
        }
    return NULL;
}

static int start_watcher(void)
{
    sigset_t old;
    int rc;

    mo_store(&ending, false);
    mo_store(&wanted, 0);
    sem_init(&wake, 0, 0);
    sem_init(&answered, 0, 0);
    mo_os_block_signals(&old);
    rc = pthread_create(&watcher, NULL, watch, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0) {
        sem_destroy(&wake);
        sem_destroy(&answered);
    }
    return -rc;
}

/* The semaphores stay: a handler may just have been entered. */
static void stop_watcher(void)
{
    mo_store(&ending, true);
    sem_post(&wake);
    pthread_join(watcher, NULL);
}

/* --- signals -------------------------------------------------------------- */

static struct watched *entry_of(int signo)
{
    for (size_t i = 0; i < SIGNALS; i++)
        if (watched[i].signo == signo)
            return &watched[i];
    return NULL;
}

/* False: the program handles the signal, and shall go on to. One that ignores
 * it rarely says so itself: shells do that for what they start with `&`. */
static bool claim_signal(int signo)
{
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags =
                                SA_SIGINFO | SA_ONSTACK | SA_RESTART };
    struct watched *entry = entry_of(signo);
    struct sigaction now;

    if (entry != NULL) {
        entry->users++;
        return true;
    }
    if (sigaction(signo, NULL, &now) != 0 || (now.sa_flags & SA_SIGINFO) != 0
        || (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN))
        return false;
    entry = entry_of(0);
    sigemptyset(&action.sa_mask);
    sigaction(signo, &action, &entry->before);
    entry->signo = signo;
    entry->users = 1;
    return true;
}

static void restore(struct watched *entry)
{
    if (is_ours(entry->signo))
        sigaction(entry->signo, &entry->before, NULL);
    entry->signo = 0;
}

int mo_watch_open(struct moirai_runtime *rt)
{
    int signo = mo_section_signals[rt->options.dump_signal];
    int rc;

    if (signo == 0)
        return 0;
    rc = users == 0 ? start_watcher() : 0;
    if (rc != 0)
        return rc;
    users++;
    if (claim_signal(signo)) {
        rt->dump_signal = signo;
        return 0;
    }
    mo_log(MOIRAI_LOG_INFO, "runtime.dump_signal: the program has a use for "
           "the signal; it is left alone");
    if (--users == 0)
        stop_watcher();
    return 0;
}

void mo_watch_close(struct moirai_runtime *rt)
{
    struct watched *entry = entry_of(rt->dump_signal);

    if (rt->dump_signal == 0)
        return;
    if (--entry->users == 0)
        restore(entry);
    rt->dump_signal = 0;
    if (--users == 0)
        stop_watcher();
}

void mo_watch_forked(void)
{
    for (size_t i = 0; i < SIGNALS; i++)
        if (watched[i].signo != 0)
            restore(&watched[i]);
    users = 0;
    mo_store(&ask_lock, 0);         /* somebody may have held it */
}
