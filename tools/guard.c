/* SPDX-License-Identifier: MIT */
/*
 * guard.c - trying a stack allocator, to see which guard is in force.
 */
#include "guard.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <moirai/stack.h>

#include "log.h"
#include "mem.h"

#define STATE_ALIGN 128

__attribute__((format(printf, 3, 4)))
static void host_log(void *ctx, enum moirai_level level, const char *format,
                     ...)
{
    va_list args;

    (void)ctx;
    va_start(args, format);
    mo_log_list(level, format, args);
    va_end(args);
}

static int64_t host_now(void *ctx)
{
    struct timespec now;

    (void)ctx;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint32_t host_choose(void *ctx, uint32_t n)
{
    (void)ctx;
    (void)n;
    return 0;
}

static void *host_alloc(void *ctx, size_t size, size_t align)
{
    (void)ctx;
    return mo_mem_alloc(size, align);
}

static void host_release(void *ctx, void *memory)
{
    (void)ctx;
    mo_mem_free(memory);
}

static const struct moirai_host host = {
    .abi = MOIRAI_HOST_ABI,
    .size = sizeof host,
    .log = host_log,
    .now = host_now,
    .choose = host_choose,
    .alloc = host_alloc,
    .release = host_release,
};

const char *guard_describe(uint32_t kind)
{
    switch (kind) {
    case MOIRAI_GUARD_INSTALL:
        return "guarded by MADV_GUARD_INSTALL";
    case MOIRAI_GUARD_MPROTECT:
        return "guarded by mprotect, a mapping each: up to the system's limit";
    case MOIRAI_GUARD_NONE:
        return "not guarded";
    default:
        return "";
    }
}

int guard_in_force(const struct mo_chosen *chosen, uint32_t *kind,
                   struct moirai_error *err)
{
    const struct moirai_stack_ops *ops = chosen->ops;
    struct moirai_stack_usage usage = { .stacks = 0 };
    void *state;
    int rc;

    *kind = GUARD_UNTOLD;
    if (ops->usage == NULL)
        return 0;
    state = mo_mem_alloc(ops->state_size, STATE_ALIGN);
    if (state == NULL)
        return moirai_error_set(err, -ENOMEM, "out of memory");
    rc = ops->init(state, chosen->config, &host, err);
    if (rc == 0) {
        ops->usage(state, &usage);
        *kind = usage.guard_kind;
        ops->fini(state);
    }
    mo_mem_free(state);
    return rc;
}
