/* SPDX-License-Identifier: MIT */
/*
 * moirai/plugin.h - what a module says about itself.
 *
 * A module exports one constant, described here. Everything the core wants to
 * know before it runs any of the module's code is data in that constant, so
 * `moirai plugins` can print it and YAML can be checked against it.
 *
 * Fields are only ever appended. `abi` moves when an old field changes its
 * meaning, and the core then refuses the module; `size` lets a module built
 * earlier leave out the fields added since, which the core reads as zero.
 *
 * The file is called <kind>_<name>.so; nothing in it but the constant is
 * visible. A module is never unloaded before the process ends.
 */
#ifndef MOIRAI_PLUGIN_H
#define MOIRAI_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#include <moirai/error.h>
#include <moirai/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOIRAI_PLUGIN_ABI 1

/* The numbers are part of the ABI; new kinds are appended. */
enum moirai_kind {
    MOIRAI_SCHED = 1,               /* moirai/sched.h */
    MOIRAI_STACK = 2,               /* moirai/stack.h */
    MOIRAI_CHAN = 3,                /* moirai/chan_ops.h */
    MOIRAI_TRAN = 4,                /* moirai/tran.h */
    MOIRAI_IO = 5                   /* moirai/io_ops.h */
};

/* How an option's text is read, and what lies at its offset. */
enum moirai_type {
    MOIRAI_BOOL = 1,                /* bool: true false yes no on off */
    MOIRAI_UINT = 2,                /* uint64_t */
    MOIRAI_INT = 3,                 /* int64_t */
    MOIRAI_SIZE = 4,                /* uint64_t bytes: 64, 64KiB, 1MiB, 2GB */
    MOIRAI_DURATION = 5,            /* int64_t ns: 20us, 250ms, 1s, 2m, 1h */
    MOIRAI_STRING = 6,              /* const char *, owned by the runtime */
    MOIRAI_CHOICE = 7               /* uint32_t: index into `choices` */
};

struct moirai_option {              /* one key of the module's YAML section */
    const char *name;               /* NULL ends the table */
    const char *preset;             /* parsed like user text; NULL: required */
    const char *help;               /* one line */
    uint32_t type;                  /* enum moirai_type */
    uint32_t offset;                /* into the module's config struct */
    uint64_t min, max;              /* inclusive; both 0: unbounded. Of a
                                     * MOIRAI_STRING: its length in bytes */
    const char *const *choices;     /* MOIRAI_CHOICE: NULL-terminated. Of a
                                     * number: words that may stand in its
                                     * place, for 0, 1, ..., bounds or not */
};

struct moirai_plugin {
    uint32_t abi;                   /* MOIRAI_PLUGIN_ABI */
    uint32_t size;                  /* sizeof(struct moirai_plugin) */
    uint32_t kind;                  /* enum moirai_kind */
    uint32_t ops_abi;               /* MOIRAI_SCHED_ABI, ... of the kind */
    const char *name;               /* as in the file's name and in YAML */
    const char *version;            /* the module's own */
    const char *summary;            /* one line */
    const struct moirai_option *options;    /* NULL: none */
    size_t config_size;             /* of the struct the options fill */
    int32_t rank;                   /* `auto` takes the highest that can run */

    /* May it run on this machine? 0, -ENODEV with the reason in *err, or
     * another error, which stops start-up. NULL: it always may. Must not
     * start threads or keep memory. */
    int (*probe)(struct moirai_error *err);

    const void *ops;                /* struct moirai_sched_ops, ... */
    size_t ops_size;
};

#if defined(__GNUC__)
#define MOIRAI_EXPORT __attribute__((visibility("default")))
#else
#define MOIRAI_EXPORT
#endif

/* Head of the definition of the one symbol a module exports:
 *     MOIRAI_PLUGIN(sched, fifo) = { .abi = MOIRAI_PLUGIN_ABI, ... };
 * libltdl finds it as "moirai_plugin" in sched_fifo.so, and several modules
 * link into one program without a clash. */
#define MOIRAI_PLUGIN(kind, name)                                             \
    extern MOIRAI_EXPORT const struct moirai_plugin                           \
        kind##_##name##_LTX_moirai_plugin;                                    \
    MOIRAI_EXPORT const struct moirai_plugin kind##_##name##_LTX_moirai_plugin

#ifdef __cplusplus
}
#endif

#endif
