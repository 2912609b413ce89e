/* SPDX-License-Identifier: MIT */
/*
 * conformance.h - what is checked of every plugin of a kind.
 *
 * Each promise of include/moirai/{sched,stack,chan_ops}.h that can be checked
 * from outside is a function here, which takes any plugin of the kind and
 * returns if the promise holds. SCHED_CONFORMANCE(fifo, sched_fifo, ...) makes
 * a suite of tests out of them. A promise is made of contracts alone: what
 * only one plugin does is in tests/plugins.
 *
 * Plugins get a fake host: it counts what it lends, and can run out of memory.
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <moirai/plugin.h>

#include <stdbool.h>
#include <stdint.h>

#include "check.h"

#define CONFORMANCE_WORKERS 8

/* "name=value", NULL at the end; what is not named has its preset. */
typedef const char *const *conformance_settings;

/* --- host.c: what plugins are given ------------------------------------- */

/* All runs of a test share it; no test has two plugins at a time. */
const struct moirai_host *conformance_host(void);

/* From now on: so many more allocations succeed; -1: all. */
void conformance_allow(int64_t allocations);

int64_t conformance_allocations(void);      /* not yet released */
int64_t conformance_warnings(void);         /* written so far */
const char *conformance_last_log(void);

/* What `choose` says from now on: the same number for ever, or, with -1, one
 * after another out of a generator, which is how it begins. */
void conformance_choose(int64_t always);

/* The plugin's config struct, filled by its option table; give it to free. */
void *conformance_config(const struct moirai_plugin *plugin,
                         conformance_settings settings);

/* Zeroed memory on a boundary of `align`, followed by bytes that must not be
 * written; conformance_state_free looks. */
void *conformance_state(size_t size, size_t align);
void conformance_state_free(void *state, size_t size);

/* Seconds on a clock, to bound loops that end when nothing is lost. */
double conformance_seconds(void);

/* Its descriptor says what the loader wants to read. */
void plugin_describes_itself(const struct moirai_plugin *plugin,
                             conformance_settings settings);

/* --- sched.c ------------------------------------------------------------ */

#define SCHED_PROMISES(X, suite, plugin, settings)                            \
    X(plugin_describes_itself, suite, plugin, settings)                       \
    X(sched_gives_each_task_once, suite, plugin, settings)                    \
    X(sched_lends_its_deque, suite, plugin, settings)                         \
    X(sched_empty_is_honest, suite, plugin, settings)                         \
    X(sched_counts_its_tasks, suite, plugin, settings)                        \
    X(sched_busy_worker_keeps_nothing, suite, plugin, settings)               \
    X(sched_old_tasks_run_behind_new_ones, suite, plugin, settings)           \
    X(sched_foreign_tasks_run_behind_new_ones, suite, plugin, settings)       \
    X(sched_yielding_tasks_let_others_run, suite, plugin, settings)           \
    X(sched_push_needs_no_memory, suite, plugin, settings)                    \
    X(sched_init_fails_cleanly, suite, plugin, settings)                      \
    X(sched_foreign_threads_push, suite, plugin, settings)                    \
    X(sched_1_thread_loses_nothing, suite, plugin, settings)                  \
    X(sched_2_threads_lose_nothing, suite, plugin, settings)                  \
    X(sched_4_threads_lose_nothing, suite, plugin, settings)                  \
    X(sched_8_threads_lose_nothing, suite, plugin, settings)                  \
    X(sched_threads_lose_nothing_without_memory, suite, plugin, settings)

/* --- stack.c ------------------------------------------------------------ */

#define STACK_PROMISES(X, suite, plugin, settings)                            \
    X(plugin_describes_itself, suite, plugin, settings)                       \
    X(stack_is_usable_to_the_last_byte, suite, plugin, settings)              \
    X(stack_has_its_class_size, suite, plugin, settings)                      \
    X(stack_guard_faults, suite, plugin, settings)                            \
    X(stack_guard_faults_when_reused, suite, plugin, settings)                \
    X(stack_is_reused, suite, plugin, settings)                               \
    X(stack_many_are_as_good_as_one, suite, plugin, settings)                 \
    X(stack_trim_gives_pages_back, suite, plugin, settings)                   \
    X(stack_get_survives_no_memory, suite, plugin, settings)                  \
    X(stack_init_fails_cleanly, suite, plugin, settings)                      \
    X(stack_fini_unmaps, suite, plugin, settings)                             \
    X(stack_threads_share_none, suite, plugin, settings)

/* --- chan.c, and of what the core makes of it, chan_talk.c --------------- */

#define CHAN_PROMISES(X, suite, plugin, settings)                             \
    X(plugin_describes_itself, suite, plugin, settings)                       \
    X(chan_gives_each_message_once, suite, plugin, settings)                  \
    X(chan_holds_what_it_says, suite, plugin, settings)                       \
    X(chan_moves_batches, suite, plugin, settings)                            \
    X(chan_lends_slots, suite, plugin, settings)                              \
    X(chan_knows_what_it_can, suite, plugin, settings)                        \
    X(chan_refuses_what_cannot_be, suite, plugin, settings)                   \
    X(chan_keeps_deadlines, suite, plugin, settings)                          \
    X(chan_ends_every_wait, suite, plugin, settings)                          \
    X(chan_loses_nothing_in_a_crowd, suite, plugin, settings)                 \
    X(chan_is_picked_evenly, suite, plugin, settings)

#define CONFORMANCE_DECLARE(promise, suite, plugin, settings)                 \
    void promise(const struct moirai_plugin *plugin_,                         \
                 conformance_settings settings_);

SCHED_PROMISES(CONFORMANCE_DECLARE, , , )
STACK_PROMISES(CONFORMANCE_DECLARE, , , )
CHAN_PROMISES(CONFORMANCE_DECLARE, , , )

/* A suite of tests: SCHED_CONFORMANCE(sched_fifo, sched_fifo, "batch=1"). */
#define CONFORMANCE_TEST(promise, suite, plugin, settings)                    \
    TEST(suite, promise)                                                      \
    {                                                                         \
        promise(&plugin##_LTX_moirai_plugin, settings);                       \
    }

#define CONFORMANCE_SUITE(PROMISES, suite, plugin, ...)                       \
    extern const struct moirai_plugin plugin##_LTX_moirai_plugin;             \
    static const char *const suite##_settings[] = { __VA_ARGS__ };            \
    PROMISES(CONFORMANCE_TEST, suite, plugin, suite##_settings)

#define SCHED_CONFORMANCE(suite, plugin, ...)                                 \
    CONFORMANCE_SUITE(SCHED_PROMISES, suite, plugin, __VA_ARGS__)
#define STACK_CONFORMANCE(suite, plugin, ...)                                 \
    CONFORMANCE_SUITE(STACK_PROMISES, suite, plugin, __VA_ARGS__)
#define CHAN_CONFORMANCE(suite, plugin, ...)                                  \
    CONFORMANCE_SUITE(CHAN_PROMISES, suite, plugin, __VA_ARGS__)

#endif
