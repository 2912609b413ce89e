/* SPDX-License-Identifier: MIT */
/*
 * inject.c - which occasions are faults.
 *
 * Each kind counts its occasions, and the seed and the number say whether it is
 * one. So the kinds do not disturb each other, nor the order of tasks, which is
 * chosen apart: up to its first fault a run is the same with faults as without.
 *
 * All of them are what a program has to bear in any case. Memory: what a task
 * asks the library for (a task to spawn, a channel, ...), not the program's own
 * malloc; a stack that is refused is asked for again. Wake-ups: of conditions,
 * which alone may return for nothing. Timers: whatever has a deadline may
 * notice it late. Cancellation: of tasks whose handle somebody holds, who could
 * have done it; so not of that of moirai_run.
 */
#include "inject.h"

#include <moirai/sched.h>
#include <moirai/task.h>

#include "handle.h"
#include "mem.h"
#include "trace.h"
#include "wait.h"
#include "worker.h"

MO_ATOMIC(uint32_t) mo_injecting;

static const char *const names[MO_INJECT_KINDS] = {
    [MO_INJECT_MEMORY] = "no memory",
    [MO_INJECT_WAKE] = "woken for nothing",
    [MO_INJECT_TIMER] = "late timer",
    [MO_INJECT_CANCEL] = "cancelled",
};

const char *mo_inject_name(uint32_t kind)
{
    return kind < MO_INJECT_KINDS ? names[kind] : "?";
}

static bool memory_allowed(void)
{
    return !mo_injects() || !mo_inject_here(MO_INJECT_MEMORY);
}

void mo_inject_open(struct moirai_runtime *rt,
                    const struct moirai_sim_config *config)
{
    rt->inject = (struct mo_inject){
        .seed = config->seed,
        .every = { config->inject_memory, config->inject_wakes,
                   config->inject_timers, config->inject_cancels },
        .left = config->inject_limit != 0 ? config->inject_limit : UINT64_MAX,
        .delay_ns = config->inject_delay,
    };
    for (unsigned kind = 0; kind < MO_INJECT_KINDS; kind++)
        rt->inject.on = rt->inject.on || rt->inject.every[kind] != 0;
    if (rt->inject.every[MO_INJECT_MEMORY] != 0)
        mo_mem_judge(memory_allowed);
    if (rt->inject.on)
        mo_add_once(&mo_injecting, 1);
}

void mo_inject_close(struct moirai_runtime *rt)
{
    if (rt->inject.on)
        mo_add_once(&mo_injecting, -1);
}

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);     /* splitmix64 */
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Of this occasion. */
static uint64_t drawn(const struct mo_inject *in, enum mo_inject_kind kind)
{
    return mix(mix(in->seed + UINT64_C(0x9e3779b97f4a7c15) * (kind + 1))
               + in->occasions[kind]);
}

static bool strikes(struct mo_inject *in, enum mo_inject_kind kind)
{
    if (in->every[kind] == 0)
        return false;
    in->occasions[kind]++;
    if (in->left == 0 || drawn(in, kind) % in->every[kind] != 0)
        return false;
    if (in->left != UINT64_MAX)
        in->left--;
    return true;
}

bool mo_inject_here(enum mo_inject_kind kind)
{
    struct mo_worker *w = mo_self();

    if (w == NULL || w->task == NULL || !strikes(&w->runtime->inject, kind))
        return false;
    mo_trace(w, MO_TRACE_INJECT, w->task->id, kind);
    return true;
}

void mo_inject_turns(void)
{
    struct mo_os *os = mo_here()->runtime->os;

    while (os->choose(os, 2) != 0)
        moirai_yield();
}

/* Each size of delay is as likely as the others: an order may hang on
 * microseconds, or on seconds. */
static int64_t delay(const struct mo_inject *in)
{
    uint64_t number = mix(drawn(in, MO_INJECT_TIMER));
    uint64_t most = (uint64_t)in->delay_ns;
    unsigned sizes = 64 - (unsigned)__builtin_clzll(most | 1);

    most = most >> number % sizes;
    return (int64_t)(1 + (number >> 8) % (most != 0 ? most : 1));
}

int64_t mo_inject_late(const struct moirai_task *task, int64_t deadline_ns)
{
    struct mo_worker *w = mo_here();
    struct mo_inject *in = &w->runtime->inject;
    int64_t by;

    if (deadline_ns == MOIRAI_NEVER || !strikes(in, MO_INJECT_TIMER))
        return deadline_ns;
    mo_trace(w, MO_TRACE_INJECT, task->id, MO_INJECT_TIMER);
    by = delay(in);
    return deadline_ns < MOIRAI_NEVER - by ? deadline_ns + by : MOIRAI_NEVER;
}

void mo_inject_cancel(const struct moirai_task *task,
                      const struct mo_wait *how)
{
    struct moirai_handle *handle = task->handle;
    const struct mo_inject *in = &mo_here()->runtime->inject;

    if (how->masked || task->kind != MO_TASK_PLAIN
        || task->site == in->spared
        || mo_load_relaxed(&handle->references) < 2
        || mo_load_relaxed(&handle->cancelled) != 0)
        return;
    if (mo_inject_here(MO_INJECT_CANCEL))
        moirai_handle_cancel(handle);
}
