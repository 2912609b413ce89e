/* SPDX-License-Identifier: MIT */
/*
 * keys.c - the keys of `runtime:`, of which there are many.
 */
#include "keys.h"

#include <signal.h>
#include <stddef.h>

#include "section.h"
#include "setup.h"

static const char *const auto_word[] = { "auto", NULL };

static const char *const signal_words[] = { "none", "quit", "usr1", "usr2",
                                            NULL };
const int mo_section_signals[] = { 0, SIGQUIT, SIGUSR1, SIGUSR2 };

const char *const mo_section_binds[] = {
    [MO_BIND_AUTO] = "auto",
    [MO_BIND_NONE] = "none",
    [MO_BIND_CLOSE] = "close",
    [MO_BIND_SPREAD] = "spread",
    [MO_BIND_NODE] = "node",
    NULL,
};

const struct moirai_option mo_keys_runtime[] = {
    { .name = "workers", .preset = "auto",
      .help = "threads that run tasks; auto: what this process may use",
      .type = MOIRAI_UINT, .min = 1, .max = 1024, .choices = auto_word,
      .offset = offsetof(struct mo_runtime_options, workers) },
    { .name = "workers_max", .preset = "auto",
      .help = "most workers that a program may ask for as it runs; auto: as "
              "many as it starts with",
      .type = MOIRAI_UINT, .min = 1, .max = 1024, .choices = auto_word,
      .offset = offsetof(struct mo_runtime_options, workers_max) },
    { .name = "stuck", .preset = "0",
      .help = "a worker that is in one task for longer is stuck, and another "
              "one stands in; 0: nobody looks",
      .type = MOIRAI_DURATION, .min = 0, .max = UINT64_C(3600000000000),
      .offset = offsetof(struct mo_runtime_options, stuck) },
    { .name = "spares", .preset = "4",
      .help = "most workers that stand in for stuck ones",
      .type = MOIRAI_UINT, .min = 1, .max = 256,
      .offset = offsetof(struct mo_runtime_options, spares) },
    { .name = "blocking_threads", .preset = "64",
      .help = "most threads for calls that block",
      .type = MOIRAI_UINT, .min = 1, .max = 65536,
      .offset = offsetof(struct mo_runtime_options, blocking_threads) },
    { .name = "max_tasks", .preset = "0",
      .help = "tasks alive at once; 0: no limit", .type = MOIRAI_UINT,
      .min = 0, .max = INT64_MAX,
      .offset = offsetof(struct mo_runtime_options, max_tasks) },
    { .name = "trace", .preset = "0",
      .help = "events kept per worker; 0: none",
      .type = MOIRAI_UINT, .min = 0, .max = 1u << 26,
      .offset = offsetof(struct mo_runtime_options, trace) },
    { .name = "trace_file", .preset = "",
      .help = "a file that each event is added to as it happens: slow, for "
              "simulations",
      .type = MOIRAI_STRING,
      .offset = offsetof(struct mo_runtime_options, trace_file) },
    { .name = "stop_grace", .preset = "1s",
      .help = "how long a stop waits after cancelling",
      .type = MOIRAI_DURATION, .min = 0, .max = UINT64_C(86400000000000),
      .offset = offsetof(struct mo_runtime_options, stop_grace) },
    { .name = "dump_signal", .preset = "quit",
      .help = "signal that writes every task to stderr, unless the program "
              "handles it",
      .type = MOIRAI_CHOICE, .choices = signal_words,
      .offset = offsetof(struct mo_runtime_options, dump_signal) },
    { .name = "bind", .preset = "auto",
      .help = "what each worker is held to: nothing (none), a hardware thread "
              "near the others' (close) or far from them (spread), or a node; "
              "auto: its node if the scheduler goes by nodes, else nothing",
      .type = MOIRAI_CHOICE, .choices = mo_section_binds,
      .offset = offsetof(struct mo_runtime_options, bind) },
    { .name = "topology", .preset = "",
      .help = "a made-up machine in hwloc's words, \"numa:4 core:8 pu:2\", to "
              "place workers on, without binding them; empty: this one",
      .type = MOIRAI_STRING,
      .offset = offsetof(struct mo_runtime_options, topology) },
    { .name = "realtime", .preset = "0",
      .help = "SCHED_FIFO priority of workers; 0: they are ordinary threads",
      .type = MOIRAI_UINT, .min = 0, .max = 99,
      .offset = offsetof(struct mo_runtime_options, realtime) },
    { .name = "stats_at_exit", .preset = "false",
      .help = "write the counters to stderr when the runtime stops",
      .type = MOIRAI_BOOL,
      .offset = offsetof(struct mo_runtime_options, stats_at_exit) },
    { .name = NULL },
};
