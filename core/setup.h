/* SPDX-License-Identifier: MIT */
/*
 * setup.h - what a runtime was told to be: configuration, read and checked.
 *
 * A setup is everything the YAML file, the environment and the API said about
 * one runtime, after every option has been parsed and every named plugin has
 * been found, loaded and checked. It is made before any worker exists and is
 * constant afterwards; strings and config structs in it live as long as it.
 */
#ifndef MO_SETUP_H
#define MO_SETUP_H

#include <stdbool.h>

#include <moirai/plugin.h>
#include <moirai/runtime.h>

#include "report.h"

/* What becomes of a task that needs more stack than it has. */
enum mo_overflow {
    MO_OVERFLOW_REPORT,             /* it is reported, and the process ends */
    MO_OVERFLOW_KILL,               /* the task alone, where that is sound */
    MO_OVERFLOW_IGNORE              /* faults are none of our business */
};

/* What workers are held to. */
enum mo_bind {
    MO_BIND_AUTO,                   /* their node, if the scheduler goes by
                                     * nodes and there are several */
    MO_BIND_NONE,
    MO_BIND_CLOSE,                  /* a hardware thread each, neighbours */
    MO_BIND_SPREAD,                 /* the same, far from each other */
    MO_BIND_NODE                    /* the processors of a node */
};

/* Whose depth in its stack is measured. */
enum mo_watermark {
    MO_WATERMARK_OFF,
    MO_WATERMARK_ON,                /* as many tasks as cost little */
    MO_WATERMARK_ALL
};

/* What a worker does that has looked for work in vain. */
enum mo_idle_policy {
    MO_IDLE_PARK,                   /* it sleeps until it is woken */
    MO_IDLE_YIELD,                  /* lets other threads run, looks again */
    MO_IDLE_SPIN                    /* looks again */
};

/* Whom a worker that looks for work asks first; see victim.c. */
enum mo_victims_order {
    MO_VICTIMS_AUTO,
    MO_VICTIMS_RANDOM,
    MO_VICTIMS_ROUND,
    MO_VICTIMS_NEAREST
};

/* What a full channel does. */
enum mo_spill_policy {
    MO_SPILL_WAIT,
    MO_SPILL_OLDEST,
    MO_SPILL_NEWEST,
    MO_SPILL_ERROR
};

/* The `runtime:` section, and what of `scheduler:` is the core's. */
enum mo_hybrid {                    /* tasks that were woken go first */
    MO_HYBRID_OFF,
    MO_HYBRID_AUTO,
    MO_HYBRID_ON
};

struct mo_runtime_options {
    uint64_t workers;               /* 0: as many as this process may use */
    uint64_t workers_max;           /* later; 0: no more than at first */
    int64_t stuck;                  /* ns in one task; 0: nobody looks */
    uint64_t spares;                /* stand in for workers that are */
    uint64_t blocking_threads;      /* most threads of the blocking pool */
    uint64_t max_tasks;             /* live at once; 0: no limit */
    uint64_t trace;                 /* events kept per worker; 0: off */
    const char *trace_file;         /* for each as it happens; "": none */
    int64_t stop_grace;             /* ns a stop waits after cancelling */
    uint64_t realtime;              /* priority of workers; 0: none */
    int64_t spin;                   /* ns a worker looks before it sleeps */
    uint32_t idle;                  /* enum mo_idle_policy */
    uint32_t victims;               /* enum mo_victims_order */
    uint32_t dump_signal;           /* index into mo_section_signals */
    uint32_t bind;                  /* enum mo_bind */
    const char *topology;           /* of a made-up machine; "": this one */
    bool stats_at_exit;             /* counters go to stderr at a stop */
    uint32_t on_overflow;           /* enum mo_overflow */
    uint32_t watermark;             /* enum mo_watermark */
    const char *watermark_file;     /* for what was measured; "": none */
    int64_t keep;                   /* ns that sleepers keep stacks; 0: ever */
    uint32_t hybrid;                /* enum mo_hybrid */
    const char *hybrid_file;        /* for what came of it; "": none */
};

struct mo_option_value;             /* option.h */
struct mo_plugin;                   /* plugin.h */
struct mo_plugins;

/* A plugin that was chosen, with its options filled in. */
struct mo_chosen {
    const struct moirai_plugin *plugin;     /* the loader's checked copy */
    const void *ops;                /* zero-extended to the core's size */
    const void *config;             /* as the plugin's options say */
    uint32_t overflow;              /* of a channel: enum mo_spill_policy */

    /* For who explains it. */
    const char *path;               /* the section: "channels.words" */
    const struct mo_plugin *from;   /* NULL: none was found */
    const char *asked;              /* name, path or "auto" */
    struct mo_place place;          /* who asked */
    const char *reason;             /* why none was found; or NULL */
    const struct mo_option_value *values;   /* the section's, first of all */
};

struct mo_sections;                 /* section.h */
struct mo_setup;

/* Reads and checks everything `config` (borrowed, NULL: environment and
 * presets only) says. On 0 *setup is the caller's, to be given back with
 * mo_setup_close. Otherwise -EINVAL (or another negative errno), and *err
 * lists every mistake, a line each. Not thread-safe against itself: libltdl
 * is not; the caller (mo_runtime) serialises. */
int mo_setup_open(const struct moirai_config *config, struct mo_setup **setup,
                  struct moirai_error *err);
void mo_setup_close(struct mo_setup *setup);

const struct mo_runtime_options *mo_setup_runtime(const struct mo_setup *s);
const struct mo_chosen *mo_setup_sched(const struct mo_setup *s);
const struct mo_chosen *mo_setup_stack(const struct mo_setup *s);
const struct mo_chosen *mo_setup_io(const struct mo_setup *s);  /* plugin NULL:
                                     * there is none that runs here */

/* The channel that YAML calls `name`; NULL if there is none. */
const struct mo_chosen *mo_setup_chan(const struct mo_setup *s,
                                      const char *name);

/* A channel described by the program: plugin `name` (NULL: "ring") and its
 * options as "key=value" texts, NULL-terminated (NULL: presets). The result
 * lives as long as the setup and is shared by calls that say the same. Thread-
 * safe; loads no file: only what is builtin or already loaded can be named. */
int mo_setup_chan_make(struct mo_setup *s, const char *name,
                       const char *const *options,
                       const struct mo_chosen **chosen,
                       struct moirai_error *err);

/* For the tools. mo_setup_read is mo_setup_open with every mistake in its
 * report (zeroed; the caller's). The others show what was read: all sections,
 * each value that counts with its origin, and each plugin that was come
 * across. */
#define MO_SETUP_CAUTIOUS 1u        /* a child process tries each module */
#define MO_SETUP_KEEP 2u            /* *setup is given beside mistakes, too,
                                     * unless they hid the whole; else NULL */
int mo_setup_read(const struct moirai_config *config, unsigned flags,
                  struct mo_setup **setup, struct mo_report *report);
const struct mo_sections *mo_setup_sections(const struct mo_setup *s);
const struct mo_option_value *mo_setup_values(const struct mo_setup *s);
struct mo_plugins *mo_setup_plugins(struct mo_setup *s);

#endif
