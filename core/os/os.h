/* SPDX-License-Identifier: MIT */
/*
 * os.h - everything a runtime asks of the world: time, chance, threads.
 *
 * Each runtime has a table of these functions, and asks nobody else. One fill
 * is real (os/real.c): clocks, futexes, pthreads. The other is the simulator
 * (os/sim.c): one operating-system thread plays them all, the clock is a
 * number that moves when everybody waits, and every choice comes from a seed.
 */
#ifndef MO_OS_H
#define MO_OS_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/sanitize.h"
#include "atomic.h"

struct mo_sim;
struct moirai_sim_config;
struct mo_sim_thread;

/* One thread's place to sleep. A token: unpark puts it there, park takes it or
 * waits for it. Tokens do not add up. */
struct mo_parker {
    MO_ATOMIC(uint32_t) token;      /* 0 none, 1 there, 2 somebody sleeps, 3
                                     * he does so elsewhere, and is woken by */
    void (*rouse)(struct mo_parker *parker);    /* constant */
    struct mo_sim_thread *sim;      /* NULL: a real thread */
};

struct mo_thread {
    pthread_t real;
    MO_ATOMIC(int32_t) id;          /* the system's; 0: not known (yet) */
    struct mo_sim_thread *sim;
    void (*body)(void *arg);
    void *arg;
    const char *name;               /* at most 15 bytes; kept */
    const uint32_t *processors;     /* the only ones it may run on; kept */
    uint32_t processor_count;       /* 0: on any */
    int priority;                   /* as real-time threads have; 0: none */
    bool prompt;                    /* it runs seldom and shortly, and then at
                                     * once, if the system can see to that */
};

struct mo_os {
    struct mo_sim *sim;             /* NULL: the real world */
    int64_t (*now)(struct mo_os *os);
    /* The same, cheap, and a few ms behind; does not move a simulated clock, so
     * any thread may look. */
    int64_t (*coarse)(const struct mo_os *os);
    uint32_t (*choose)(struct mo_os *os, uint32_t n);

    /* Starts thread->body(thread->arg). 0 or a negative errno; -EINVAL: its
     * processors are forbidden. */
    int (*start)(struct mo_os *os, struct mo_thread *thread);
    void (*join)(struct mo_os *os, struct mo_thread *thread);

    /* Prepares the calling thread's parker, which is zeroed. */
    void (*parker_init)(struct mo_os *os, struct mo_parker *parker);
};

/* The real world; shared by all its runtimes. */
extern struct mo_os mo_os_real;

/* The world of the calling thread: simulated if it plays a simulation. */
struct mo_os *mo_os_here(void);

/* A simulated one, whose first thread is the caller. `threads` bounds how many
 * it may start. 0, or a negative errno: -EBUSY, the caller plays one already;
 * -ENOMEM; or that config->record cannot be written. Strings are kept. */
int mo_sim_open(const struct moirai_sim_config *config, uint32_t threads,
                struct mo_os **os);
void mo_sim_close(struct mo_os *os);
/* Is the calling thread the one that plays this simulation? */
bool mo_sim_here(const struct mo_os *os);

/* Takes the token, waiting for it until `until` (ns on the runtime's clock,
 * MOIRAI_NEVER: for ever). True if it came. Own thread only. */
bool mo_park(struct mo_parker *parker, int64_t until);

/* Puts the token there and wakes the sleeper. Any thread. The parker may be
 * gone the moment its owner has the token: nothing is touched after. */
void mo_unpark(struct mo_parker *parker);

/* For who sleeps elsewhere, in what `rouse` ends: announces it, unless there is
 * the token, which it takes then (false). And that it is over, taking the token
 * if there is one (true). Own thread only; not simulated. */
bool mo_park_away(struct mo_parker *parker);
bool mo_park_back(struct mo_parker *parker);

/* In a loop that waits for another thread to get on with it. `round` counts its
 * turns, each of which is longer than the last, up to about a microsecond: who
 * looks at a lock all the time takes its line away from who holds it, and whom
 * nobody disturbs comes back to it several times meanwhile. After a while the
 * processor is given up, too. */
#define MO_RELAX_SHORT 3             /* a round of some 100 ns */

void mo_relax(uint32_t round);

/* Blocks, for the calling thread and those it starts, every signal but those
 * that are about the thread itself: the others are for the program's threads.
 * *old is the mask there was. */
void mo_os_block_signals(sigset_t *old);

/* Lets other threads go first: a plain thread's way to yield. */
void mo_os_yield(void);

/* Makes every other thread of the process fence before this returns. False, at
 * the first: the system cannot. */
bool mo_os_barrier_init(void);
void mo_os_barrier(void);

/* This process is a forked child: no simulation goes on here. */
void mo_os_forked(void);

/* The simulator's side of mo_park and friends; os/sim.c. */
bool mo_sim_park(struct mo_parker *parker, int64_t until);
void mo_sim_unpark(struct mo_parker *parker);
bool mo_sim_relax(void);

#endif
