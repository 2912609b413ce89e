/* SPDX-License-Identifier: MIT */
/*
 * with.h - a body of a test, with the runtimes it is to hold on.
 *
 * What a test says of tasks must be true whoever schedules them and on however
 * many workers; and in every order, of which the simulator plays one per seed.
 */
#ifndef WITH_H
#define WITH_H

#include <moirai/moirai.h>

/* A runtime of so many workers (0: as the environment says, or its cores). */
struct moirai_runtime *with_workers(unsigned workers);

/* One as these "section.key=value" texts say, NULL-terminated. */
struct moirai_runtime *with_settings(const char *const *set);

/* A simulated one of two workers. */
struct moirai_runtime *with_seed(unsigned long seed);

/* Stops it; every task must have ended, or end, by itself. */
void with_end(struct moirai_runtime *runtime);

/* Stops it; its trace as text, to be freed. */
char *with_trace(struct moirai_runtime *runtime);

/* Runs body(arg) as a task, which must return 0, on a runtime of its own. */
void with_one(unsigned workers, moirai_fn *body, void *arg);

/* The same on one that is as these texts say. */
void with_as(const char *const *set, moirai_fn *body, void *arg);

/* The same on 1, 2, 4 and 8 workers, and on two under `fifo`, `prio`, and
 * `numa`, with a node each. */
void with_each(moirai_fn *body, void *arg);

/* The same for `seeds` seeds of the simulator, fewer under sanitizers, and no
 * more than MO_TEST_SEEDS says. Says which seed it was if the body did not
 * return 0. */
void with_seeds(unsigned long seeds, moirai_fn *body, void *arg);

/* How often to repeat what takes a while: less under sanitizers, and where
 * MO_TEST_BRIEF is set because all is repeated. */
unsigned with_times(unsigned times);

/* The threads of this process. */
unsigned with_threads(void);

/* Waits until there are no more threads than before the test's first runtime:
 * those that were joined may show for a moment longer. */
void with_alone(void);

/* Waits until `flag` is not 0, however long: the test's deadline ends it. In a
 * task other tasks run meanwhile; a plain thread yields. */
void with_wait(const int *flag);

/* Atomic, for flags and counters that bodies share. */
#define with_get(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define with_set(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define with_add(p, v) __atomic_add_fetch((p), (v), __ATOMIC_ACQ_REL)

#endif
