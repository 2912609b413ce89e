/* SPDX-License-Identifier: MIT */
/*
 * runtime.c - the order of start and stop.
 *
 * Up: configuration and plugins, the world (real or simulated), scheduler,
 * stacks, places, threads. Down: strictly reverse, once every task has ended.
 * Nothing here is an algorithm; what can fail half-way undoes what it did.
 */
#include "runtime.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "attend.h"
#include "child.h"
#include "chosen.h"
#include "depth.h"
#include "dump.h"
#include "effect.h"
#include "embed.h"
#include "fault.h"
#include "fiber.h"
#include "follow.h"
#include "handle.h"
#include "host.h"
#include "idle.h"
#include "log.h"
#include "mem.h"
#include "monitor.h"
#include "name.h"
#include "near.h"
#include "os/sim.h"
#include "pool.h"
#include "scope.h"
#include "staff.h"
#include "stats.h"
#include "task.h"
#include "topo.h"
#include "trace.h"
#include "watch.h"

/* The config of a simulating scheduler begins with one that is for the
 * simulator; of an older one, with less of it. */
static int open_simulation(struct moirai_runtime *rt,
                           const struct mo_chosen *chosen,
                           struct moirai_error *err)
{
    const struct moirai_plugin *plugin = chosen->plugin;
    struct moirai_sim_config config = { .seed = 0 };
    size_t size = sizeof config;
    int rc;

    if (plugin->config_size < size)
        size = plugin->config_size;
    memcpy(&config, chosen->config, size);
    rc = mo_sim_open(&config, rt->staff.most, &rt->os);
    if (rc == 0) {
        mo_inject_open(rt, &config);
        mo_task_forget_sites();
    } else if (rc == -EBUSY)
        moirai_error_set(err, rc, "scheduler %s: this thread plays another "
                         "simulation", plugin->name);
    else if (rc == -ENOMEM)
        moirai_error_set(err, rc, "out of memory");
    else
        moirai_error_set(err, rc, "scheduler %s: %s cannot be written: %s",
                         plugin->name, config.record, strerror(-rc));
    return rc;
}

static int open_world(struct moirai_runtime *rt, struct moirai_error *err)
{
    const struct mo_chosen *chosen = mo_setup_sched(rt->setup);
    uint64_t n = rt->options.workers;
    int rc;

    rt->sched = chosen->ops;
    rt->ordered = (rt->sched->flags & MOIRAI_SCHED_ORDERED) != 0;
    if (rt->embed != NULL && (rt->sched->flags & MOIRAI_SCHED_SIM) != 0)
        return moirai_error_set(err, -EINVAL, "scheduler %s: a simulation "
                                "cannot be embedded", chosen->plugin->name);
    if (n == 0)
        n = rt->sched->flags & MOIRAI_SCHED_SIM ? MO_TOPO_SIM_WORKERS
                                                : mo_topo_workers();
    if (rt->embed != NULL)
        n = rt->options.workers_max = 1;
    mo_staff_plan(rt, (uint32_t)n,
                  (rt->sched->flags & MOIRAI_SCHED_SIM) == 0
                  && rt->embed == NULL);
    rt->os = &mo_os_real;
    rc = mo_seats_open(&rt->options, rt->sched->flags & MOIRAI_SCHED_NODES,
                       rt->worker_count, rt->staff.most, &rt->seats, err);
    if (rc == 0 && (rt->sched->flags & MOIRAI_SCHED_SIM) != 0) {
        rc = open_simulation(rt, chosen, err);
        if (rc != 0)
            mo_seats_close(&rt->seats);
    }
    if (rc != 0)
        return rc;
    rt->biased = rt->os->sim == NULL && !mo_tsan() && mo_os_barrier_init();
    rt->owning = rt->biased && rt->staff.most == 1;
    mo_host_init(rt);
    return 0;
}

static void close_world(struct moirai_runtime *rt)
{
    mo_seats_close(&rt->seats);
    if (rt->os->sim == NULL)
        return;
    mo_inject_close(rt);
    mo_sim_close(rt->os);
}

static int open_stacks(struct moirai_runtime *rt, struct moirai_error *err)
{
    const struct mo_chosen *chosen = mo_setup_stack(rt->setup);
    int rc;

    rt->stack = chosen->ops;
    rt->stack_state = mo_mem_alloc(rt->stack->state_size, MO_CACHE_LINE);
    if (rt->stack_state == NULL)
        return moirai_error_set(err, -ENOMEM, "out of memory");
    moirai_error_set(err, 0, "%s", "");
    rc = rt->stack->init(rt->stack_state, chosen->config, &rt->host, err);
    if (rc == 0) {
        mo_fiber_classes(rt);
        return 0;
    }
    mo_mem_free(rt->stack_state);
    return mo_chosen_failed(MOIRAI_STACK, chosen->plugin->name, rc, err);
}

static void close_stacks(struct moirai_runtime *rt)
{
    rt->stack->fini(rt->stack_state);
    mo_mem_free(rt->stack_state);
}

static int open_sched(struct moirai_runtime *rt, struct moirai_error *err)
{
    const struct mo_chosen *chosen = mo_setup_sched(rt->setup);
    struct moirai_sched_env env = { .size = sizeof env,
                                    .workers = rt->staff.most,
                                    .host = &rt->host,
                                    .deadline = mo_task_due };
    int rc;

    rt->sched_state = mo_mem_alloc(rt->sched->state_size, MO_CACHE_LINE);
    if (rt->sched_state == NULL || mo_near_open(rt, &env) != 0) {
        mo_mem_free(rt->sched_state);
        return moirai_error_set(err, -ENOMEM, "out of memory");
    }
    moirai_error_set(err, 0, "%s", "");
    rc = rt->sched->init(rt->sched_state, chosen->config, &env, err);
    if (rc == 0)
        return 0;
    mo_near_close(rt);
    mo_mem_free(rt->sched_state);
    return mo_chosen_failed(MOIRAI_SCHED, chosen->plugin->name, rc, err);
}

static void close_sched(struct moirai_runtime *rt)
{
    rt->sched->fini(rt->sched_state);
    mo_near_close(rt);
    mo_mem_free(rt->sched_state);
}

static void join_threads(struct moirai_runtime *rt)
{
    mo_swap(&rt->exiting, 1);
    mo_idle_wake_all(rt);
    mo_staff_join(rt);
}

static int start_threads(struct moirai_runtime *rt, struct moirai_error *err)
{
    uint32_t n = rt->worker_count;

    for (uint32_t i = 0; i < n; i++) {
        const struct mo_thread *thread = &rt->workers[i]->thread;
        int rc = mo_staff_start(rt);

        if (rc == 0)
            continue;
        join_threads(rt);
        if (rc == -EINVAL && thread->processor_count != 0)
            return moirai_error_set(err, rc, "worker %u of %u cannot be bound "
                                    "to processor %u: this process may not "
                                    "run there", i + 1, n,
                                    thread->processors[0]);
        if (rc == -EPERM && thread->priority != 0)
            return moirai_error_set(err, rc, "runtime.realtime: this process "
                                    "may not have threads of that priority; "
                                    "it needs CAP_SYS_NICE, or RLIMIT_RTPRIO "
                                    "of %d", thread->priority);
        return moirai_error_set(err, rc, "cannot start worker %u of %u: %s",
                                i + 1, n, strerror(-rc));
    }
    return 0;
}

/* Who watches the workers, or runs beside them. */
static int start_others(struct moirai_runtime *rt, struct moirai_error *err)
{
    int rc = mo_monitor_open(rt);
    const char *key = rc != 0 ? "runtime.stuck" : "scheduler.hybrid";

    if (rc == 0)
        rc = mo_attend_begin(rt);
    if (rc == 0)
        return 0;
    mo_monitor_close(rt);
    join_threads(rt);
    return moirai_error_set(err, rc, "cannot start the thread that %s asks "
                            "for: %s", key, strerror(-rc));
}

static void init_memory(struct moirai_runtime *rt)
{
    mo_slab_init(&rt->tasks, sizeof(struct moirai_task));
    mo_slab_init(&rt->handles, sizeof(struct moirai_handle));
    mo_roster_init(&rt->roster);
    mo_scope_init(&rt->root, rt, NULL);
    rt->root.flags = MO_SCOPE_ROOT;
}

static void fini_memory(struct moirai_runtime *rt)
{
    mo_slab_fini(&rt->tasks);
    mo_slab_fini(&rt->handles);
    mo_roster_fini(&rt->roster);
}

/* What the process is asked by signals: about overflows, and for dumps. */
static int open_signals(struct moirai_runtime *rt, struct moirai_error *err)
{
    int rc = mo_fault_open(rt);

    if (rc != 0)
        return moirai_error_set(err, rc, "out of memory");
    rc = mo_watch_open(rt);
    if (rc != 0) {
        mo_fault_close(rt);
        return moirai_error_set(err, rc, "cannot watch for "
                                "runtime.dump_signal: %s", strerror(-rc));
    }
    return 0;
}

static void close_signals(struct moirai_runtime *rt)
{
    mo_watch_close(rt);
    mo_fault_close(rt);
}

/* Everything from the scheduler to the threads. */
static int open_inside(struct moirai_runtime *rt, struct moirai_error *err)
{
    int rc = open_stacks(rt, err);

    if (rc != 0)
        return rc;
    rc = open_signals(rt, err);
    if (rc != 0)
        goto out_stacks;
    rc = open_sched(rt, err);
    if (rc != 0)
        goto out_signals;
    rc = mo_attend_open(rt, err);
    if (rc != 0)
        goto out_sched;
    rc = mo_workers_open(rt, err);
    if (rc != 0)
        goto out_attend;
    mo_idle_init(rt);
    rc = start_threads(rt, err);
    if (rc == 0)
        rc = start_others(rt, err);
    if (rc == 0) {
        rt->guard_size = rt->workers[0]->guard_size;
        rt->deep_guard = rt->workers[0]->deep_guard;
        return 0;
    }
    mo_workers_close(rt);
out_attend:
    mo_attend_close(rt);
out_sched:
    close_sched(rt);
out_signals:
    close_signals(rt);
out_stacks:
    close_stacks(rt);
    return rc;
}

static int open_all(struct moirai_runtime *rt,
                    const struct moirai_config *config,
                    struct moirai_error *err)
{
    int rc = mo_setup_open(config, &rt->setup, err);

    if (rc != 0)
        return rc;
    rt->options = *mo_setup_runtime(rt->setup);
    rt->io.ops = mo_setup_io(rt->setup)->ops;
    rc = mo_trace_open(rt, err);
    if (rc != 0)
        goto out_setup;
    if (config != NULL && (config->flags & MOIRAI_CONFIG_EMBEDDED) != 0)
        rc = mo_embed_open(rt, err);
    if (rc != 0)
        goto out_trace;
    rc = open_world(rt, err);
    if (rc != 0)
        goto out_embed;
    init_memory(rt);
    rt->names = mo_names_open();
    rt->pool = mo_pool_open((uint32_t)rt->options.blocking_threads);
    rc = -ENOMEM;
    if (rt->names == NULL || rt->pool == NULL || mo_follow_pool(rt) != 0)
        moirai_error_set(err, rc, "out of memory");
    else
        rc = open_inside(rt, err);
    if (rc == 0)
        return 0;
    if (rt->pool != NULL)
        mo_pool_close(rt->pool);
    if (rt->names != NULL)
        mo_names_close(rt->names);
    fini_memory(rt);
    close_world(rt);
out_embed:
    mo_embed_close(rt);
out_trace:
    mo_trace_close(rt);
out_setup:
    mo_setup_close(rt->setup);
    return rc;
}

int moirai_start(struct moirai_runtime **runtime,
                 const struct moirai_config *config, struct moirai_error *err)
{
    struct moirai_runtime *rt;
    int rc;

    if (mo_self() != NULL)
        return moirai_error_set(err, -EDEADLK, "a task cannot start a "
                                "runtime: do it from a plain thread");
    mo_child_forbid();
    rt = mo_mem_alloc(sizeof *rt, MO_CACHE_LINE);
    if (rt == NULL) {
        rc = moirai_error_set(err, -ENOMEM, "out of memory");
    } else {
        rc = open_all(rt, config, err);
        if (rc == 0)
            mo_child_enlist(rt);
        else
            mo_mem_free(rt);
    }
    mo_child_allow();
    if (rc == 0)
        *runtime = rt;
    return rc;
}

static void close_all(struct moirai_runtime *rt)
{
    mo_child_forbid();
    mo_child_delist(rt);
    mo_monitor_close(rt);
    join_threads(rt);
    for (uint32_t round = 0; mo_load(&rt->visitors) != 0; round++)
        mo_relax(round);
    mo_pool_close(rt->pool);
    mo_depth_report(rt);
    mo_io_close(rt);
    mo_effect_report(rt);
    mo_attend_close(rt);
    mo_workers_close(rt);
    close_sched(rt);
    close_signals(rt);
    close_stacks(rt);
    mo_names_close(rt->names);
    fini_memory(rt);
    close_world(rt);
    mo_embed_close(rt);
    mo_trace_close(rt);
    mo_setup_close(rt->setup);
    mo_mem_free(rt);
    mo_child_allow();
}

/* The root scope's own share of its count, once. */
static bool let_root_go(struct moirai_runtime *rt)
{
    if (rt->stopping)
        return false;
    rt->stopping = true;
    return mo_sub(&rt->root.live, 1) == 1;
}

int moirai_stop(struct moirai_runtime *rt, int64_t deadline_ns,
                struct moirai_stop_report *report)
{
    int64_t grace;
    int rc = 0;

    if (!mo_runtime_usable(rt))
        return mo_runtime_refusal(rt);
    if (mo_self() != NULL || mo_pool_here(rt->pool))
        return -EDEADLK;
    if (mo_embed_elsewhere(rt))
        return -EPERM;
    mo_dump_report_clear(report);
    if (!let_root_go(rt)
        && mo_scope_wait(&rt->root, true, deadline_ns) != 0) {
        mo_dump_report(rt, report);
        moirai_scope_cancel(&rt->root);
        grace = mo_runtime_now(rt) + rt->options.stop_grace;
        rc = -ECANCELED;
        if (mo_scope_wait(&rt->root, true, grace) != 0) {
            mo_dump_report_left(rt, report);
            return -EBUSY;
        }
    }
    mo_race_acquire(&rt->root);
    if (rt->options.stats_at_exit)
        mo_stats_print(rt, STDERR_FILENO);
    close_all(rt);
    return rc;
}

int moirai_run_at(struct moirai_site *site, struct moirai_runtime *rt,
                  moirai_fn *fn, void *arg)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_handle *handle;
    int result = 0;
    int rc;

    if (!mo_runtime_usable(rt))
        return mo_runtime_refusal(rt);
    if (mo_self() != NULL)
        return -EDEADLK;
    attr.stack_size = rt->stack_sizes[MOIRAI_STACK_LOOP];
    if (rt->inject.on)
        rt->inject.spared = site;
    rc = moirai_spawn_at(site, &rt->root, fn, arg, &attr, &handle);
    if (rc != 0)
        return rc;
    rc = moirai_handle_join(handle, MOIRAI_NEVER, &result);
    moirai_handle_put(handle);
    return rc != 0 ? rc : result;
}

struct moirai_scope *moirai_runtime_scope(struct moirai_runtime *rt)
{
    return &rt->root;
}

struct moirai_runtime *moirai_runtime_self(void)
{
    struct mo_worker *w = mo_self();

    return w != NULL ? w->runtime : NULL;
}

int mo_runtime_refusal(const struct moirai_runtime *rt)
{
    return rt->dead ? -ECHILD : -EPERM;
}
