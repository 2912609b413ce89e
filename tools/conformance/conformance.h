/* SPDX-License-Identifier: MIT */
/*
 * conformance.h - what is checked of every plugin of a kind.
 *
 * Each promise of include/moirai/{sched,stack,chan_ops,io_ops}.h that can be
 * checked from outside is a function here, under a sentence that says it. It
 * takes any plugin of the kind, and returns if the promise holds; if not, HOLDS
 * ends the process with a sentence that says what was seen. A promise is made
 * of contracts alone: what only one plugin does is in tests/plugins.
 *
 * `moirai plugins test` runs all of a kind, each in a process of its own; so do
 * the test programs (tests/support/conforms.h), as tests. Plugins get a fake
 * host: it counts what it lends, and can run out of memory.
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <moirai/plugin.h>

#include <stdbool.h>
#include <stdint.h>

#define CONFORMANCE_WORKERS 8

/* What is tried: a plugin, and its config struct, which is constant. */
struct subject {
    const struct moirai_plugin *plugin;
    const void *config;
};

struct promise {
    const char *name;               /* "sched_counts_its_tasks" */
    const char *sentence;           /* that is true if it is kept */
    void (*try)(const struct subject *subject);
};

/* Head of the function that tries a promise. */
#define PROMISE(which, text)                                                  \
    static void which##_try(const struct subject *subject);                   \
    const struct promise which = { #which, text, which##_try };               \
    static void which##_try(const struct subject *subject)

/* Else the promise is broken, and the printf-style text says what was seen. */
#define HOLDS(cond, ...)                                                      \
    ((cond) ? (void)0                                                         \
            : conformance_end(VERDICT_BROKEN, __FILE__, __LINE__, __VA_ARGS__))

/* Else the promise cannot be tried, which is not its fault. */
#define NEEDS(cond, ...)                                                      \
    ((cond) ? (void)0                                                         \
            : conformance_end(VERDICT_FAILED, __FILE__, __LINE__, __VA_ARGS__))

/* --- verdict.c: what came of it ------------------------------------------ */

#define VERDICT_TEXT 1000
#define VERDICT_AT 80

enum verdict_kind {
    VERDICT_NONE,                   /* nothing was said: it ended otherwise */
    VERDICT_KEPT,
    VERDICT_WAIVED,                 /* it does not concern this plugin */
    VERDICT_BROKEN,
    VERDICT_REFUSED,                /* the loader does not take the plugin */
    VERDICT_CONFIG,                 /* its options are wrong */
    VERDICT_FAILED                  /* it could not be tried */
};

/* Lies in memory that the process which tries shares with the one that asks;
 * the first thread that says something is believed. */
struct verdict {
    int taken;                      /* atomic: somebody fills the rest */
    int kind;                       /* enum verdict_kind; written last */
    char text[VERDICT_TEXT];        /* what was seen, or why it is waived */
    char where[VERDICT_AT];         /* the line that saw it */
    const char *at;                 /* the plugin's function that runs now; a
                                     * constant text, of both processes */
};

/* Where verdicts go from now on; NULL, which is the preset: a broken promise
 * is said on standard error, with its line, and nothing else is. */
void conformance_verdict(struct verdict *verdict);

/* Any thread, any stack; ends the process. */
__attribute__((noreturn, format(printf, 4, 5)))
void conformance_end(enum verdict_kind kind, const char *file, int line,
                     const char *format, ...);

/* The promise does not concern this plugin, because of `why`; its function
 * returns after that. */
void conformance_waive(const char *why);

/* Any other verdict. */
void conformance_say(enum verdict_kind kind, const char *text);

/* The plugin's function that is called next, for the case that it does not
 * return: a constant text; NULL: none. Of the thread that tries the promise; of
 * others it is not noted. */
void conformance_at(const char *function);

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

/* "name=value", NULL at the end; what is not named has its preset. */
typedef const char *const *conformance_settings;

/* The plugin's config struct, filled by its option table; give it to free. */
void *conformance_config(const struct moirai_plugin *plugin,
                         conformance_settings settings);

/* Zeroed memory on a boundary of `align`, followed by bytes that must not be
 * written; conformance_state_free looks. */
void *conformance_state(size_t size, size_t align);
void conformance_state_free(void *state, size_t size);

/* Seconds on a clock, to bound loops that end when nothing is lost. */
double conformance_seconds(void);

/* How many seconds a worker looks for a task until it counts as lost; 30, if
 * nothing else is said. */
void conformance_patience(double seconds);
double conformance_wait(void);

/* How much is repeated what is repeated because chance has a part in it: in
 * percent of the usual. */
void conformance_effort(unsigned percent);
uint64_t conformance_times(uint64_t usual);

/* The same of what is large enough: never more than usual. */
uint64_t conformance_fewer(uint64_t usual);

/* --- every.c -------------------------------------------------------------- */

/* Starts a plugin with so many pieces of the host's memory (-1: all), and ends
 * it if it has started. Returns what the start did, and *err is as it left it.
 */
typedef int conformance_start(const struct subject *subject, int64_t grants,
                              struct moirai_error *err);

void conformance_starts(const struct subject *subject,
                        conformance_start *start);
void conformance_fails_cleanly(const struct subject *subject,
                               conformance_start *start);

/* Opens and closes a plugin often: nothing of it may stay, be it the host's
 * memory or the C library's, descriptors or threads. */
void conformance_leaves_nothing(const struct subject *subject,
                                void (*open_and_close)(const struct subject *));

/* --- promises.c: all of them --------------------------------------------- */

/* The promises of a kind, NULL at the end; NULL: there are none yet. */
const struct promise *const *conformance_promises(uint32_t kind);

#define SCHED_PROMISES(X, ...)                                                \
    X(plugin_describes_itself, __VA_ARGS__)                                   \
    X(sched_starts, __VA_ARGS__)                                              \
    X(sched_gives_each_task_once, __VA_ARGS__)                                \
    X(sched_lends_its_deque, __VA_ARGS__)                                     \
    X(sched_empty_is_honest, __VA_ARGS__)                                     \
    X(sched_counts_its_tasks, __VA_ARGS__)                                    \
    X(sched_busy_worker_keeps_nothing, __VA_ARGS__)                           \
    X(sched_old_tasks_run_behind_new_ones, __VA_ARGS__)                       \
    X(sched_foreign_tasks_run_behind_new_ones, __VA_ARGS__)                   \
    X(sched_yielding_tasks_let_others_run, __VA_ARGS__)                       \
    X(sched_push_needs_no_memory, __VA_ARGS__)                                \
    X(sched_init_fails_cleanly, __VA_ARGS__)                                  \
    X(sched_leaves_nothing, __VA_ARGS__)                                      \
    X(sched_foreign_threads_push, __VA_ARGS__)                                \
    X(sched_1_thread_loses_nothing, __VA_ARGS__)                              \
    X(sched_2_threads_lose_nothing, __VA_ARGS__)                              \
    X(sched_4_threads_lose_nothing, __VA_ARGS__)                              \
    X(sched_8_threads_lose_nothing, __VA_ARGS__)                              \
    X(sched_threads_lose_nothing_without_memory, __VA_ARGS__)

#define STACK_PROMISES(X, ...)                                                \
    X(plugin_describes_itself, __VA_ARGS__)                                   \
    X(stack_starts, __VA_ARGS__)                                              \
    X(stack_is_usable_to_the_last_byte, __VA_ARGS__)                          \
    X(stack_has_its_class_size, __VA_ARGS__)                                  \
    X(stack_guard_faults, __VA_ARGS__)                                        \
    X(stack_guard_faults_when_reused, __VA_ARGS__)                            \
    X(stack_is_reused, __VA_ARGS__)                                           \
    X(stack_many_are_as_good_as_one, __VA_ARGS__)                             \
    X(stack_trim_gives_pages_back, __VA_ARGS__)                               \
    X(stack_get_survives_no_memory, __VA_ARGS__)                              \
    X(stack_init_fails_cleanly, __VA_ARGS__)                                  \
    X(stack_leaves_nothing, __VA_ARGS__)                                      \
    X(stack_fini_unmaps, __VA_ARGS__)                                         \
    X(stack_threads_share_none, __VA_ARGS__)

/* Of the discipline itself, and of what the core makes of it. */
#define CHAN_PROMISES(X, ...)                                                 \
    X(plugin_describes_itself, __VA_ARGS__)                                   \
    X(chan_starts, __VA_ARGS__)                                               \
    X(chan_gives_each_message_once, __VA_ARGS__)                              \
    X(chan_holds_what_it_says, __VA_ARGS__)                                   \
    X(chan_moves_batches, __VA_ARGS__)                                        \
    X(chan_lends_slots, __VA_ARGS__)                                          \
    X(chan_knows_what_it_can, __VA_ARGS__)                                    \
    X(chan_refuses_what_cannot_be, __VA_ARGS__)                               \
    X(chan_init_fails_cleanly, __VA_ARGS__)                                   \
    X(chan_leaves_nothing, __VA_ARGS__)                                       \
    X(chan_keeps_deadlines, __VA_ARGS__)                                      \
    X(chan_ends_every_wait, __VA_ARGS__)                                      \
    X(chan_loses_nothing_in_a_crowd, __VA_ARGS__)                             \
    X(chan_is_picked_evenly, __VA_ARGS__)

#define IO_PROMISES(X, ...)                                                   \
    X(plugin_describes_itself, __VA_ARGS__)                                   \
    X(io_starts, __VA_ARGS__)                                                 \
    X(io_init_fails_cleanly, __VA_ARGS__)                                     \
    X(io_poll_tells_readiness, __VA_ARGS__)                                   \
    X(io_poll_has_many_waiters, __VA_ARGS__)                                  \
    X(io_poll_tells_the_end, __VA_ARGS__)                                     \
    X(io_reads_and_writes_pipes, __VA_ARGS__)                                 \
    X(io_reads_terminals, __VA_ARGS__)                                        \
    X(io_refuses_what_it_cannot, __VA_ARGS__)                                 \
    X(io_refuses_no_descriptor, __VA_ARGS__)                                  \
    X(io_reads_and_writes_files, __VA_ARGS__)                                 \
    X(io_sends_and_receives, __VA_ARGS__)                                     \
    X(io_keeps_order, __VA_ARGS__)                                            \
    X(io_moves_much, __VA_ARGS__)                                             \
    X(io_scatters_and_gathers, __VA_ARGS__)                                   \
    X(io_takes_flags, __VA_ARGS__)                                            \
    X(io_tells_the_end_of_a_stream, __VA_ARGS__)                              \
    X(io_tells_resets, __VA_ARGS__)                                           \
    X(io_keeps_datagrams_apart, __VA_ARGS__)                                  \
    X(io_passes_descriptors, __VA_ARGS__)                                     \
    X(io_accepts_and_connects, __VA_ARGS__)                                   \
    X(io_tells_refusals, __VA_ARGS__)                                         \
    X(io_cancels_connects, __VA_ARGS__)                                       \
    X(io_survives_too_many_descriptors, __VA_ARGS__)                          \
    X(io_cancels_what_waits, __VA_ARGS__)                                     \
    X(io_cancels_polls, __VA_ARGS__)                                          \
    X(io_cancel_after_the_end, __VA_ARGS__)                                   \
    X(io_forget_ends_requests, __VA_ARGS__)                                   \
    X(io_forget_closes, __VA_ARGS__)                                          \
    X(io_numbers_are_used_again, __VA_ARGS__)                                 \
    X(io_copies_report_nothing, __VA_ARGS__)                                  \
    X(io_waits_until_deadline, __VA_ARGS__)                                   \
    X(io_wake_before_wait_counts, __VA_ARGS__)                                \
    X(io_wake_ends_wait, __VA_ARGS__)                                         \
    X(io_flush_takes_no_wakes, __VA_ARGS__)                                   \
    X(io_wakes_are_for_each, __VA_ARGS__)                                     \
    X(io_flush_tells, __VA_ARGS__)                                            \
    X(io_waits_for_thousands, __VA_ARGS__)                                    \
    X(io_survives_no_memory, __VA_ARGS__)                                     \
    X(io_pollable_is_readable, __VA_ARGS__)                                   \
    X(io_threads_pass_messages, __VA_ARGS__)                                  \
    X(io_cancel_races_lose_nothing, __VA_ARGS__)                              \
    X(io_forget_races_end_all, __VA_ARGS__)                                   \
    X(io_leaves_nothing, __VA_ARGS__)

#define CONFORMANCE_DECLARE(which, ...) extern const struct promise which;

CONFORMANCE_DECLARE(plugin_describes_itself, )
SCHED_PROMISES(CONFORMANCE_DECLARE, )
STACK_PROMISES(CONFORMANCE_DECLARE, )
CHAN_PROMISES(CONFORMANCE_DECLARE, )
IO_PROMISES(CONFORMANCE_DECLARE, )

#endif
