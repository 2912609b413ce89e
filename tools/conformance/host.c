/* SPDX-License-Identifier: MIT */
/*
 * host.c - the fake host that plugins are tested with, and their options.
 */
#include "conformance.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "value.h"

#define CANARY 0xa5
#define CANARY_BYTES 64

static atomic_int_least64_t allowed = -1;
static atomic_int_least64_t live;
static atomic_int_least64_t warnings;
static atomic_int_least64_t always = -1;
static atomic_uint_least64_t generator = 1;
static struct mo_arena strings;     /* of config structs, until the end */
static unsigned effort = 100;
static double patience = 30;
static char last_log[300];          /* written on one thread at a time */

__attribute__((format(printf, 3, 4)))
static void host_log(void *ctx, enum moirai_level level, const char *format,
                     ...)
{
    va_list args;

    (void)ctx;
    va_start(args, format);
    vsnprintf(last_log, sizeof last_log, format, args);
    va_end(args);
    if (level <= MOIRAI_LOG_WARN)
        atomic_fetch_add(&warnings, 1);
}

static int64_t host_now(void *ctx)
{
    (void)ctx;
    return (int64_t)(conformance_seconds() * 1e9);
}

static uint32_t host_choose(void *ctx, uint32_t n)
{
    int64_t fixed = atomic_load(&always);
    uint64_t x;

    (void)ctx;
    HOLDS(n > 0, "it asks the host to choose one of none");
    if (fixed >= 0)
        return (uint32_t)(fixed % n);
    x = atomic_fetch_add(&generator, UINT64_C(0x9e3779b97f4a7c15));
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((x ^ (x >> 31)) % n);
}

static uint32_t host_pick(void *ctx, const uint32_t *ids, uint32_t n)
{
    HOLDS(ids != NULL, "it asks the host to pick a task, and names none");
    return host_choose(ctx, n);
}

static void *host_alloc(void *ctx, size_t size, size_t align)
{
    void *memory;

    (void)ctx;
    HOLDS(align > 0 && (align & (align - 1)) == 0, "it asks the host for "
          "memory on a boundary of %zu", align);
    if (atomic_load(&allowed) == 0)
        return NULL;
    if (atomic_load(&allowed) > 0)
        atomic_fetch_sub(&allowed, 1);
    if (align < sizeof(void *))
        align = sizeof(void *);
    if (posix_memalign(&memory, align, size) != 0)
        return NULL;
    memset(memory, 0, size);
    atomic_fetch_add(&live, 1);
    return memory;
}

static void host_release(void *ctx, void *memory)
{
    (void)ctx;
    if (memory != NULL)
        atomic_fetch_sub(&live, 1);
    free(memory);
}

static const struct moirai_host host = {
    .abi = MOIRAI_HOST_ABI,
    .size = sizeof(struct moirai_host),
    .log = host_log,
    .now = host_now,
    .choose = host_choose,
    .alloc = host_alloc,
    .release = host_release,
    .pick = host_pick,
};

const struct moirai_host *conformance_host(void)
{
    return &host;
}

void conformance_allow(int64_t allocations)
{
    atomic_store(&allowed, allocations);
}

int64_t conformance_allocations(void)
{
    return atomic_load(&live);
}

int64_t conformance_warnings(void)
{
    return atomic_load(&warnings);
}

const char *conformance_last_log(void)
{
    return last_log;
}

void conformance_choose(int64_t choice)
{
    atomic_store(&always, choice);
}

double conformance_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The text that the settings have for an option, or its preset. */
static const char *setting(const struct moirai_option *option,
                           conformance_settings settings)
{
    size_t n = strlen(option->name);

    for (; settings != NULL && *settings != NULL; settings++) {
        if (strncmp(*settings, option->name, n) == 0 && (*settings)[n] == '=')
            return *settings + n + 1;
    }
    return option->preset;
}

void *conformance_config(const struct moirai_plugin *plugin,
                         conformance_settings settings)
{
    const struct moirai_option *option = plugin->options;
    char *config = calloc(1, plugin->config_size + 1);
    char why[MO_VALUE_WHY];

    NEEDS(config != NULL, "no memory for the test itself");
    for (; option != NULL && option->name != NULL; option++) {
        const char *text = setting(option, settings);
        int rc;

        HOLDS(text != NULL, "option %s is required", option->name);
        rc = mo_value_parse(option, text, config, &strings, why);
        HOLDS(rc == 0, "option %s: %s", option->name, why);
    }
    return config;
}

void *conformance_state(size_t size, size_t align)
{
    void *state;

    HOLDS(posix_memalign(&state, align, size + CANARY_BYTES) == 0,
          "no memory for the %zu bytes of state that it wants", size);
    memset(state, 0, size);
    memset((char *)state + size, CANARY, CANARY_BYTES);
    return state;
}

void conformance_state_free(void *state, size_t size)
{
    const unsigned char *after = (unsigned char *)state + size;

    for (int i = 0; i < CANARY_BYTES; i++)
        HOLDS(after[i] == CANARY, "it wrote behind the %zu bytes of state "
              "that it asked for", size);
    free(state);
}

void conformance_patience(double seconds)
{
    patience = seconds;
}

double conformance_wait(void)
{
    return patience;
}

void conformance_effort(unsigned percent)
{
    effort = percent;
}

uint64_t conformance_times(uint64_t usual)
{
    uint64_t times = usual * effort / 100;

    return times > 0 ? times : 1;
}

uint64_t conformance_fewer(uint64_t usual)
{
    return effort < 100 ? conformance_times(usual) : usual;
}
