/* SPDX-License-Identifier: MIT */
/*
 * host.c - the core's side of moirai/host.h.
 */
#include "host.h"

#include <stdarg.h>

#include "log.h"
#include "mem.h"
#include "os/sim.h"
#include "worker.h"

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
    return mo_runtime_now(ctx);
}

static uint32_t host_choose(void *ctx, uint32_t n)
{
    struct moirai_runtime *rt = ctx;

    return rt->os->choose(rt->os, n);
}

static uint32_t host_pick(void *ctx, const uint32_t *ids, uint32_t n)
{
    struct moirai_runtime *rt = ctx;

    return mo_sim_pick(rt->os, ids, n);
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

void mo_host_init(struct moirai_runtime *rt)
{
    rt->host = (struct moirai_host){
        .abi = MOIRAI_HOST_ABI, .size = sizeof rt->host, .ctx = rt,
        .log = host_log, .now = host_now, .choose = host_choose,
        .alloc = host_alloc, .release = host_release,
        .pick = host_pick,
    };
}
