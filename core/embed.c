/* SPDX-License-Identifier: MIT */
/*
 * embed.c - the worker of a runtime that is inside a foreign loop.
 *
 * Such a runtime has one worker and no thread for it. moirai_embed_run is the
 * worker's thread for as long as it takes: it switches to the worker's loop,
 * which switches back where it would sleep (mo_embed_sleep), or after its time
 * (mo_embed_pause). The loop's frames stay on its stack meanwhile, where the
 * next run finds them. Between two runs the worker is asleep, on the list of
 * sleepers and away from its parker (mo_park_away), so whoever wakes it rings
 * the bell; its deadlines are the bell's, and the bell listens to the I/O
 * backend. So the bell's descriptor alone says that there is something to do.
 *
 * Where the thread waits as a plain one, for a task of its own perhaps, it runs
 * the runtime meanwhile, with the bell's parker in place of one on its stack.
 */
#include "embed.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <moirai/embed.h>

#include "backend.h"
#include "leave.h"
#include "mem.h"
#include "os/bell.h"
#include "runtime.h"
#include "worker.h"

#define LISTEN_AGAIN (5 * MOIRAI_MS)    /* until another try */

struct mo_embed {
    struct mo_bell *bell;
    pthread_t thread;               /* the only one to run it; constant */
    int64_t until;                  /* of this run */
    int64_t next;                   /* when it wants to be run again */
    bool more;                      /* at once */
    bool listens;                   /* the bell does, to the backend */
};

static _Thread_local struct moirai_runtime *here;

int mo_embed_open(struct moirai_runtime *rt, struct moirai_error *err)
{
    struct mo_embed *e;
    int rc;

    if (here != NULL && !here->dead)
        return moirai_error_set(err, -EBUSY, "another runtime is embedded in "
                                "this thread");
    e = mo_mem_alloc(sizeof *e, MO_CACHE_LINE);
    if (e == NULL)
        return moirai_error_set(err, -ENOMEM, "out of memory");
    rc = mo_bell_open(&e->bell);
    if (rc != 0) {
        mo_mem_free(e);
        return moirai_error_set(err, rc, "cannot make what tells a foreign "
                                "loop: %s", strerror(-rc));
    }
    e->thread = pthread_self();
    rt->embed = e;
    here = rt;
    return 0;
}

void mo_embed_close(struct moirai_runtime *rt)
{
    struct mo_embed *e = rt->embed;

    if (e == NULL)
        return;
    here = NULL;
    mo_bell_close(e->bell);
    mo_mem_free(e);
}

bool mo_embed_elsewhere(const struct moirai_runtime *rt)
{
    return rt->embed != NULL
        && !pthread_equal(rt->embed->thread, pthread_self());
}

/* --- between the two loops ------------------------------------------------ */

static void rouse(struct mo_parker *parker)
{
    struct mo_worker *w = (struct mo_worker *)
        ((char *)parker - offsetof(struct mo_worker, parker));

    mo_bell_ring(w->runtime->embed->bell);
}

void mo_embed_start(struct mo_worker *w)
{
    w->thread.real = pthread_self();
    w->parker.rouse = rouse;
    mo_worker_begin(w);
    moirai_self_worker = mo_outside;
    mo_bell_ring(w->runtime->embed->bell);  /* it is not asleep yet */
}

/* From the thread's own stack to the loop, and back. */
static void visit(struct mo_worker *w)
{
    moirai_self_worker = &w->hot;
    mo_go(w, w->loop, false);
    moirai_self_worker = mo_outside;
}

void mo_embed_join(struct mo_worker *w)
{
    moirai_self_worker = &w->hot;
    mo_go(w, w->loop, false);
    mo_worker_end(w);
}

/* From the loop to the thread's own stack, and back. */
static void leave(struct mo_worker *w, int64_t next, bool more)
{
    struct mo_embed *e = w->runtime->embed;

    e->next = next;
    e->more = more;
    mo_go(w, &w->native, false);
}

/* Until the bell listens, the backend is looked into by and by. */
static void hear(struct mo_worker *w, struct mo_embed *e)
{
    struct mo_io *io = &w->runtime->io;
    int fd = io->ops->pollable != NULL ? io->ops->pollable(io->state, w->ring)
                                       : -1;

    e->listens = fd >= 0 && mo_bell_add(e->bell, fd) == 0;
}

void mo_embed_sleep(struct mo_worker *w, int64_t until, bool poll)
{
    struct mo_embed *e = w->runtime->embed;

    if (!mo_park_away(&w->parker))
        return;
    if (poll && !e->listens)
        hear(w, e);
    if (poll && mo_io_look(w)) {
        mo_park_back(&w->parker);
        return;
    }
    if (poll && !e->listens && until > moirai_after(LISTEN_AGAIN))
        until = moirai_after(LISTEN_AGAIN);
    mo_bell_set(e->bell, until);
    leave(w, until, false);
    mo_park_back(&w->parker);
}

void mo_embed_pause(struct mo_worker *w)
{
    struct mo_embed *e = w->runtime->embed;

    if (mo_runtime_now(w->runtime) < e->until)
        return;
    mo_bell_ring(e->bell);
    leave(w, MOIRAI_NOW, true);
}

/* --- the thread as a plain one -------------------------------------------- */

static int run(struct moirai_runtime *rt, int64_t until_ns)
{
    struct mo_embed *e = rt->embed;

    mo_bell_hush(e->bell);
    e->until = until_ns;
    visit(rt->workers[0]);
    return e->more ? 1 : 0;
}

struct mo_parker *mo_embed_parker(void)
{
    return here != NULL && !here->dead ? &here->embed->bell->parker : NULL;
}

/* Who unparks it rings only while it is away: so the token is looked for after
 * each run, which hushes the bell. */
bool mo_embed_park(int64_t until)
{
    struct moirai_runtime *rt = here;
    struct mo_bell *bell = rt->embed->bell;

    for (;;) {
        int64_t now;

        if (run(rt, MOIRAI_NOW) == 0 || mo_load(&bell->parker.token) != 0) {
            if (!mo_park_away(&bell->parker))
                return true;
            mo_bell_wait(bell, until);
            if (mo_park_back(&bell->parker))
                return true;
        }
        now = mo_runtime_now(rt);
        if (until <= now)
            return mo_park(&bell->parker, MOIRAI_NOW);
    }
}

/* --- for the program ------------------------------------------------------ */

int moirai_embed_fd(struct moirai_runtime *rt)
{
    if (!mo_runtime_usable(rt))
        return mo_runtime_refusal(rt);
    return rt->embed != NULL ? rt->embed->bell->set : -EPERM;
}

int moirai_embed_run(struct moirai_runtime *rt, int64_t until_ns,
                     int64_t *next_ns)
{
    int rc;

    if (!mo_runtime_usable(rt))
        return mo_runtime_refusal(rt);
    if (mo_self() != NULL)
        return -EDEADLK;
    if (rt->embed == NULL || mo_embed_elsewhere(rt))
        return -EPERM;
    rc = run(rt, until_ns);
    if (next_ns != NULL)
        *next_ns = rt->embed->next;
    return rc;
}
