/* SPDX-License-Identifier: MIT */
/*
 * sim.c - the world in one thread: virtual clock, seeded choices.
 *
 * Every thread a simulated runtime starts, and the one that started the
 * runtime, is a coroutine here; exactly one of them runs, and control passes
 * only where a thread parks, joins, spins, or (in a build with MO_POINTS) at
 * any atomic operation. Who goes on is chosen from the seed, so the same seed
 * gives the same run. Time stands still while anybody can run; when nobody
 * can, it jumps to the first deadline; when there is none, the program waits
 * for ever, which is reported with the seed that shows it. os/chooser.c has
 * the strategies of choosing; under pct a thread that spins falls below all
 * others, lest the one it waits for never runs, and so does one that keeps them
 * waiting for very long, since its tasks may spin.
 *
 * The interleavings are sequentially consistent: weak memory is not simulated.
 */
#include "os/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <moirai/fork.h>
#include <moirai/time.h>

#include "arch/self.h"
#include "arch/switch.h"
#include "mem.h"
#include "os/chooser.h"

#define SIM_STACK ((size_t)128 << 10)
#define SIM_TICK 50                 /* ns that a look at the clock takes */
#define SIM_PATIENCE 10000          /* points until it seems to wait */

struct mo_sim_thread {
    struct mo_sim *sim;
    void *sp;                       /* while another one runs */
    struct moirai_worker *worker;   /* its moirai_self_worker, likewise */
    struct mo_sanitize *where;      /* the stack it is on */
    struct mo_sanitize own;
    char *stack;                    /* NULL: the first thread's */
    struct mo_thread *thread;
    int saved_errno;
    bool parked, token, ended;
    int64_t until;                  /* while parked */
    uint64_t rank;                  /* under pct the highest goes on */
};

struct mo_sim {
    struct mo_os os;
    pthread_t player;               /* the one real thread */
    struct mo_chooser chooser;
    int64_t clock;
    void (*stuck)(void *arg);
    void *stuck_arg;
    struct mo_sim_thread *current;
    uint32_t points;                /* that it has come to without others */
    uint32_t count, limit;
    struct mo_sim_thread threads[]; /* threads[0] started the runtime */
};

static struct mo_sim *sim_of(struct mo_os *os)
{
    return os->sim;
}

static uint32_t sim_choose(struct mo_os *os, uint32_t n)
{
    return mo_chooser_number(&sim_of(os)->chooser, n);
}

uint32_t mo_sim_pick(struct mo_os *os, const uint32_t *ids, uint32_t n)
{
    return mo_chooser_task(&sim_of(os)->chooser, ids, n);
}

static int64_t sim_now(struct mo_os *os)
{
    struct mo_sim *sim = sim_of(os);

    mo_store_relaxed(&sim->clock, sim->clock + SIM_TICK);
    return sim->clock;
}

static int64_t sim_coarse(const struct mo_os *os)
{
    return mo_load_relaxed(&os->sim->clock);
}

static bool runnable(const struct mo_sim_thread *t)
{
    return !t->ended
        && (!t->parked || t->token || t->until <= t->sim->clock);
}

static uint32_t count_runnable(const struct mo_sim *sim)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < sim->count; i++)
        n += runnable(&sim->threads[i]);
    return n;
}

static _Noreturn void report_stuck(struct mo_sim *sim)
{
    fprintf(stderr, "moirai: simulator: everything waits for ever "
            "(scheduler.seed=%llu, at %lld ns)\n",
            (unsigned long long)sim->chooser.config.seed,
            (long long)sim->clock);
    if (sim->stuck != NULL)
        sim->stuck(sim->stuck_arg);
    abort();
}

/* Nobody can run: lets the clock jump to the first deadline. */
static void pass_time(struct mo_sim *sim)
{
    int64_t first = MOIRAI_NEVER;

    for (uint32_t i = 0; i < sim->count; i++) {
        const struct mo_sim_thread *t = &sim->threads[i];

        if (!t->ended && t->parked && t->until < first)
            first = t->until;
    }
    if (first == MOIRAI_NEVER)
        report_stuck(sim);
    if (first > sim->clock)
        sim->clock = first;
}

static bool is_ranked(const struct mo_sim *sim)
{
    return sim->chooser.config.strategy == MOIRAI_SIM_PCT;
}

/* All others go first, from now on. */
static void fall(struct mo_sim *sim)
{
    if (is_ranked(sim))
        sim->current->rank = mo_chooser_lowest(&sim->chooser);
}

/* There is one that can run. */
static struct mo_sim_thread *highest(struct mo_sim *sim)
{
    struct mo_sim_thread *best = NULL;

    for (uint32_t i = 0; i < sim->count; i++) {
        struct mo_sim_thread *t = &sim->threads[i];

        if (runnable(t) && (best == NULL || t->rank > best->rank))
            best = t;
    }
    return best;
}

static struct mo_sim_thread *pick(struct mo_sim *sim)
{
    uint32_t n = count_runnable(sim);
    uint32_t at;

    if (n == 0) {
        pass_time(sim);
        n = count_runnable(sim);
    }
    if (is_ranked(sim))
        return highest(sim);
    at = n == 1 ? 0 : sim_choose(&sim->os, n);
    for (uint32_t i = 0;; i++)
        if (runnable(&sim->threads[i]) && at-- == 0)
            return &sim->threads[i];
}

/* Back on a thread's stack after somebody chose it. */
static void arrive(struct mo_sim *sim)
{
    struct mo_sim_thread *self = sim->current;

    mo_sanitize_arrive(self->where);
    moirai_self_worker = self->worker;
    errno = self->saved_errno;
}

static void hand_over_to(struct mo_sim *sim, struct mo_sim_thread *to)
{
    struct mo_sim_thread *from = sim->current;

    if (to == from)
        return;
    from->worker = moirai_self_worker;
    from->saved_errno = errno;
    sim->current = to;
    sim->points = 0;
    mo_sanitize_leave(from->where, to->where, from->ended);
    mo_switch(&from->sp, to->sp);
    arrive(sim);
}

static void hand_over(struct mo_sim *sim)
{
    hand_over_to(sim, pick(sim));
}

/* The one that can run after this in the order of threads. */
static struct mo_sim_thread *neighbour(struct mo_sim *sim)
{
    uint32_t at = (uint32_t)(sim->current - sim->threads);

    do
        at = (at + 1) % sim->count;
    while (!runnable(&sim->threads[at]));
    return &sim->threads[at];
}

bool mo_sim_park(struct mo_parker *parker, int64_t until)
{
    struct mo_sim_thread *self = parker->sim;
    bool came;

    if (!self->token) {
        self->parked = true;
        self->until = until;
        hand_over(self->sim);
        self->parked = false;
    }
    came = self->token;
    self->token = false;
    return came;
}

void mo_sim_unpark(struct mo_parker *parker)
{
    parker->sim->token = true;
}

/* Others first: this one goes on, but has nothing to do. That is no choice:
 * among given ones, it would have no end. */
static void give_way(struct mo_sim *sim)
{
    fall(sim);
    if (sim->chooser.config.strategy == MOIRAI_SIM_GIVEN)
        hand_over_to(sim, neighbour(sim));
    else
        hand_over(sim);
}

bool mo_sim_relax(void)
{
    struct mo_sim *sim = mo_self_sim;

    if (sim == NULL)
        return false;
    sim->clock += SIM_TICK;
    give_way(sim);
    return true;
}

void mo_sim_moved(struct mo_sanitize *to)
{
    if (mo_self_sim != NULL)
        mo_self_sim->current->where = to;
}

#ifdef MO_POINTS
/* One in eight: enough to break any short sequence within some seeds, while
 * runs stay long enough to get somewhere. Given choices are between tasks. */
void mo_point(void)
{
    struct mo_sim *sim = mo_self_sim;

    if (sim == NULL)
        return;
    if (is_ranked(sim)) {
        if (mo_chooser_step(&sim->chooser) || ++sim->points == SIM_PATIENCE)
            fall(sim);
        hand_over(sim);
    } else if (sim->chooser.config.strategy == MOIRAI_SIM_RANDOM
               && sim_choose(&sim->os, 8) == 0) {
        hand_over(sim);
    }
}

void (*mo_wrote_hook)(const volatile void *p);

void mo_wrote(const volatile void *p)
{
    if (mo_wrote_hook != NULL)
        mo_wrote_hook(p);
}
#endif

static void thread_entry(void *arg)
{
    struct mo_sim_thread *self = arg;

    arrive(self->sim);
    self->thread->body(self->thread->arg);
    self->ended = true;
    for (;;)
        hand_over(self->sim);
}

static int sim_start(struct mo_os *os, struct mo_thread *thread)
{
    struct mo_sim *sim = sim_of(os);
    struct mo_sim_thread *t = &sim->threads[sim->count];

    if (sim->count == sim->limit)
        return -EAGAIN;
    t->stack = mo_mem_alloc(SIM_STACK, 64);
    if (t->stack == NULL)
        return -ENOMEM;
    t->sp = mo_switch_fresh(t->stack, SIM_STACK, thread_entry, t);
    if (t->sp == NULL) {
        mo_mem_free(t->stack);
        return -EAGAIN;
    }
    sim->count++;
    t->sim = sim;
    t->thread = thread;
    t->where = &t->own;
    t->rank = is_ranked(sim) ? mo_chooser_rank(&sim->chooser) : 0;
    mo_sanitize_born(&t->own, t->stack, SIM_STACK);
    thread->sim = t;
    return 0;
}

static void sim_join(struct mo_os *os, struct mo_thread *thread)
{
    struct mo_sim *sim = sim_of(os);
    struct mo_sim_thread *self = sim->current;

    self->parked = true;
    while (!thread->sim->ended) {
        self->until = sim->clock;   /* may be chosen, to look again */
        if (count_runnable(sim) == 1) {
            self->until = MOIRAI_NEVER;     /* time passes for the others */
            pass_time(sim);
            self->until = sim->clock;       /* who may end at once */
        }
        give_way(sim);
    }
    self->parked = false;
}

static void sim_parker_init(struct mo_os *os, struct mo_parker *parker)
{
    parker->sim = sim_of(os)->current;
    mo_store_relaxed(&parker->token, 0);
}

static void init_first_thread(struct mo_sim *sim)
{
    sim->count = 1;
    sim->current = &sim->threads[0];
    sim->current->sim = sim;
    sim->current->where = &sim->current->own;
    if (is_ranked(sim))
        sim->current->rank = mo_chooser_rank(&sim->chooser);
    mo_sanitize_native(&sim->current->own);
}

int mo_sim_open(const struct moirai_sim_config *config, uint32_t threads,
                struct mo_os **os)
{
    struct mo_sim *sim;
    int rc;

    if (mo_self_sim != NULL)
        return -EBUSY;
    sim = mo_mem_alloc(sizeof *sim + (threads + 1) * sizeof sim->threads[0],
                       64);
    if (sim == NULL)
        return -ENOMEM;
    rc = mo_chooser_open(&sim->chooser, config);
    if (rc != 0) {
        mo_mem_free(sim);
        return rc;
    }
    sim->os = (struct mo_os){ .sim = sim, .now = sim_now, .coarse = sim_coarse,
                              .choose = sim_choose, .start = sim_start,
                              .join = sim_join,
                              .parker_init = sim_parker_init };
    sim->player = pthread_self();
    sim->clock = MOIRAI_S;          /* no deadline of a program is 0 */
    sim->limit = threads + 1;
    init_first_thread(sim);
    mo_self_sim = sim;
    *os = &sim->os;
    return 0;
}

void mo_sim_close(struct mo_os *os)
{
    struct mo_sim *sim = sim_of(os);

    for (uint32_t i = 1; i < sim->count; i++) {
        mo_switch_end(sim->threads[i].sp);
        mo_sanitize_dead(&sim->threads[i].own);
        mo_mem_free(sim->threads[i].stack);
    }
    mo_self_sim = NULL;
    mo_chooser_close(&sim->chooser);
    mo_mem_free(sim);
}

struct mo_os *mo_os_here(void)
{
    return mo_self_sim != NULL ? &mo_self_sim->os : &mo_os_real;
}

void mo_os_forked(void)
{
    mo_self_sim = NULL;
}

bool mo_sim_here(const struct mo_os *os)
{
    return os->sim == mo_self_sim;
}

void mo_sim_on_stuck(struct mo_os *os, void (*stuck)(void *), void *arg)
{
    sim_of(os)->stuck = stuck;
    sim_of(os)->stuck_arg = arg;
}
