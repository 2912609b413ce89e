/* SPDX-License-Identifier: MIT */
/*
 * moirai/host.h - what the core lends a plugin.
 *
 * A plugin has no undefined symbols but libc's: everything it needs from the
 * runtime it is handed as this table, so that it can be tested with a fake
 * one, and so that under the simulator clock and chance come from the seed.
 *
 * The table is constant and outlives the plugin's `fini`. Every function may
 * be called from any thread that the plugin's own functions are called on.
 */
#ifndef MOIRAI_HOST_H
#define MOIRAI_HOST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOIRAI_HOST_ABI 1

enum moirai_level {
    MOIRAI_LOG_ERROR = 1,
    MOIRAI_LOG_WARN = 2,
    MOIRAI_LOG_INFO = 3,
    MOIRAI_LOG_DEBUG = 4
};

struct moirai_host {
    uint32_t abi;                   /* MOIRAI_HOST_ABI */
    uint32_t size;                  /* of the table the core was built with */
    void *ctx;                      /* first argument of every function */

    /* Writes one line, printf style. Never blocks on a task's behalf. */
    void (*log)(void *ctx, enum moirai_level level, const char *format, ...);

    /* The runtime's clock in ns; virtual under the simulator. */
    int64_t (*now)(void *ctx);

    /* A number in [0, n), n > 0. Each choice whose outcome could change the
     * order of a run is made here, so that a seed replays it. Unless
     * simulated it may be a system call: for hot paths take a seed once. */
    uint32_t (*choose)(void *ctx, uint32_t n);

    /* Memory through the program's allocator hook. alloc gives zeroed bytes
     * on a boundary of `align` (a power of two) or NULL; release takes back
     * what alloc gave, NULL included. Neither is for hot paths. */
    void *(*alloc)(void *ctx, size_t size, size_t align);
    void (*release)(void *ctx, void *memory);

    /* Under the simulator: which of `n` > 0 tasks, whose ids these are, is to
     * be next; the index of one. Each choice between tasks is made here. */
    uint32_t (*pick)(void *ctx, const uint32_t *ids, uint32_t n);
};

#ifdef __cplusplus
}
#endif

#endif
