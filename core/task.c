/* SPDX-License-Identifier: MIT */
/*
 * task.c - spawning, and the end of a task.
 *
 * Spawn sites learn. A task that waits costs its worker the loop's deep stack,
 * so a site whose tasks wait is remembered: its later tasks start on a small
 * stack of their own at once. That is decided when one of them has ended and
 * never forked, or when many wait at the same time. If many in a row then never
 * waited, the site is forgotten again. A site whose tasks fork is remembered
 * for good, and keeps deep stacks: fork-join recursion needs the room, and a
 * task that waits first may still fork after.
 */
#include "task.h"

#include <errno.h>
#include <string.h>

#include "fiber.h"
#include "frame.h"
#include "handle.h"
#include "inherit.h"
#include "inject.h"
#include "local.h"
#include "log.h"
#include "runtime.h"
#include "rwlock.h"
#include "scope.h"
#include "sync.h"
#include "trace.h"

#define CALM_RUNS 64                /* own stacks in a row that were no use */
#define MANY 256                    /* tasks that wait, none having ended */

/* Threads that are not workers count one by one, apart from the workers. */
static uint32_t outside_id(struct moirai_runtime *rt)
{
    uint32_t n = mo_add(&rt->outside_id, 1) + 1;

    return n * (rt->staff.most + 1);
}

enum moirai_stack_class mo_task_class(const struct moirai_task *task)
{
    bool small = (task->flags & MO_TASK_OWN) != 0
              || mo_load_relaxed(&task->site->own_stack) == MO_SITE_WAITS;

    if ((task->flags & MO_TASK_EXTRA) != 0)
        return MOIRAI_STACK_EXTRA;
    return small && (task->flags & MO_TASK_DEEP) == 0 ? MOIRAI_STACK_TASK
                                                      : MOIRAI_STACK_LOOP;
}

struct mo_worker *mo_task_named(const struct moirai_task *task)
{
    const struct moirai_handle *handle = task->handle;

    return handle->place;
}

/* Scopes keep what their timers were set to, also after it came. */
int64_t mo_task_due(const struct moirai_task *task)
{
    int64_t due = mo_task_deadline(task);

    for (const struct moirai_scope *scope = task->scope; scope != NULL;
         scope = scope->parent)
        if (scope->timer.fire != NULL && scope->timer.deadline_ns < due)
            due = scope->timer.deadline_ns;
    return due;
}

void mo_task_saw_cancel(const struct moirai_task *task)
{
    struct moirai_handle *handle = task->handle;

    mo_race_acquire(&task->scope->cancelled);
    if (handle != NULL)
        mo_race_acquire(&handle->cancelled);
}

/* The sites that have spawned, by their index. */
static MO_ATOMIC(struct moirai_site *) sites[MO_SITES];

/* The site's slot in every worker's table of counters; 0 counts the sites that
 * came too late for one of their own. */
static MO_COLD uint32_t number_site(struct moirai_site *site)
{
    static MO_ATOMIC(uint32_t) last;
    uint32_t index = 0;
    uint32_t fresh;

    fresh = mo_add_once(&last, 1) + 1;
    if (mo_cas_once(&site->index, &index, fresh))
        index = fresh;
    if (index >= MO_SITES)
        return 0;
    mo_store_relaxed(&sites[index], site);
    return index;
}

static inline uint32_t site_index(struct moirai_site *site)
{
    uint32_t index = mo_load_relaxed(&site->index);

    if (__builtin_expect(index == 0, 0))
        return number_site(site);
    return index < MO_SITES ? index : 0;
}

void mo_task_adopt(struct mo_worker *w, struct mo_fiber *fiber,
                   struct moirai_task *task)
{
    struct moirai_handle *handle = task->handle;

    mo_count(&w->sites[site_index(task->site)].adopted, 1);
    task->fiber = fiber;
    mo_store_relaxed(&fiber->shown_id, task->id);
    mo_store_relaxed(&fiber->shown_site, task->site);
    mo_store_relaxed(&fiber->shown_name, handle != NULL ? handle->name : NULL);
    mo_store_relaxed(&fiber->shown_size, fiber->stack.size);
    mo_store(&fiber->task, task);
    mo_scope_link(task->scope, fiber);
    if (task->flags & MO_TASK_PLACED)
        fiber->pinned = handle->place;
    if (handle != NULL)
        mo_handle_link(handle, fiber);
    if (__builtin_expect(fiber->held != NULL, 0))
        mo_inherit_adopted(fiber);
}

static void site_waits(struct moirai_site *site)
{
    uint32_t unknown = MO_SITE_UNKNOWN;

    if (mo_cas(&site->own_stack, &unknown, MO_SITE_WAITS))
        mo_store_relaxed(&site->calm_runs, 0);
}

/* While nothing is known of the site, calm_runs counts those that wait. */
static void count_waiting(struct moirai_site *site)
{
    uint32_t n = mo_load_relaxed(&site->calm_runs) + 1;

    if (mo_load_relaxed(&site->own_stack) != MO_SITE_UNKNOWN)
        return;
    mo_store_relaxed(&site->calm_runs, n);
    if (n == MANY)
        site_waits(site);
}

void mo_task_waits(struct mo_fiber *fiber, enum mo_wait_kind kind)
{
    struct moirai_task *task = fiber->task;

    if (kind == MO_WAIT_FRAME || kind == MO_WAIT_SCOPE)
        return;
    if (!fiber->waited && task->kind == MO_TASK_PLAIN)
        count_waiting(task->site);
    fiber->waited = 1;
}

void mo_task_forks(struct moirai_task *task)
{
    if (mo_load_relaxed(&task->site->own_stack) != MO_SITE_FORKS)
        mo_store_relaxed(&task->site->own_stack, MO_SITE_FORKS);
}

/* The task had a stack of its own: what for? */
static void judge_site(struct moirai_site *site, const struct mo_fiber *fiber)
{
    uint32_t calm = mo_load_relaxed(&site->calm_runs);
    uint32_t known = mo_load_relaxed(&site->own_stack);

    if (known == MO_SITE_UNKNOWN && fiber->waited)
        site_waits(site);
    if (known != MO_SITE_WAITS)
        return;
    if (fiber->waited)
        calm = 0;
    else if (++calm == CALM_RUNS) {
        mo_store_relaxed(&site->own_stack, MO_SITE_UNKNOWN);
        calm = 0;
    }
    mo_store_relaxed(&site->calm_runs, calm);
}

void mo_task_leave_fiber(struct mo_worker *w, struct moirai_task *task)
{
    struct moirai_handle *handle = task->handle;
    struct mo_fiber *fiber = w->fiber;

    if (fiber->locals != NULL)
        mo_local_drop(fiber);       /* may wait: `w` is stale after it */
    if (fiber->held != NULL)
        mo_mutex_pass_on(fiber);
    if (fiber->holds != NULL)
        mo_rwlock_pass_on(fiber);
    fiber->cleanup = NULL;
    fiber->pins = 0;
    fiber->failing = 0;
    fiber->pinned = NULL;           /* also where it never waited */
    if (task->fiber == NULL)
        return;
    mo_scope_unlink(task->scope, fiber);
    if (handle != NULL)
        mo_handle_unlink(handle, fiber);
    if (task->kind == MO_TASK_PLAIN)
        judge_site(task->site, fiber);
    mo_store(&fiber->task, NULL);
}

/* What is left to do, or was left undone. Can wait. */
static MO_COLD void clear_up(struct mo_worker *w, struct moirai_task *task)
{
    if (mo_frame_missing(w))
        mo_panic("a task spawned at %s:%u ended without joining its forks",
                 task->site->file, task->site->line);
    if (mo_scope_open(w->fiber))
        mo_panic("a task spawned at %s:%u ended without ending its scope",
                 task->site->file, task->site->line);
    mo_frame_note(w);
    mo_task_leave_fiber(w, task);
    w = mo_here();
    mo_store_relaxed(&w->slots[0], 0);
    w->fiber->used = 0;
}

static void count_late(struct mo_worker *w, int64_t deadline_ns)
{
    if (deadline_ns != MOIRAI_NEVER
        && mo_runtime_now(w->runtime) > deadline_ns)
        mo_count(&w->count.deadlines_missed, 1);
}

/* What somebody wants to know of its end. */
static MO_COLD void tell_end(struct mo_worker *w, struct moirai_task *task,
                             int rc)
{
    if (rc < 0 && rc != -ECANCELED)
        mo_scope_fail(task->scope, rc, NULL);
    if (task->handle != NULL) {
        count_late(w, mo_task_deadline(task));
        mo_handle_finish(w, task->handle, rc);
    }
    if (w->runtime->options.max_tasks != 0)
        mo_sub(&w->runtime->admitted, 1);
}

void mo_task_finish(struct mo_worker *w, struct moirai_task *task, int rc)
{
    struct moirai_scope *scope = task->scope;

    if (!mo_task_is_clean(w, task)) {
        clear_up(w, task);
        w = mo_here();
    }
    mo_race_release(scope);
    mo_trace(w, MO_TRACE_END, task->id, rc < 0);
    if (rc < 0 || task->handle != NULL || w->noted)
        tell_end(w, task, rc);
    mo_task_free(w, task, scope);
}

static bool admit(struct moirai_runtime *rt)
{
    int64_t limit = (int64_t)rt->options.max_tasks;

    if (limit == 0 || mo_add(&rt->admitted, 1) < limit)
        return true;
    mo_sub(&rt->admitted, 1);
    return false;
}

/* Older programs have a shorter struct: what they do not know is preset. */
static int read_attr(const struct moirai_runtime *rt,
                     const struct moirai_attr *given, struct moirai_attr *attr)
{
    size_t deep = rt->stack_sizes[MOIRAI_STACK_LOOP];

    memset(attr, 0, sizeof *attr);
    if (given->size < sizeof given->size || given->size > 4096)
        return -EINVAL;
    memcpy(attr, given, given->size < sizeof *attr ? given->size
                                                   : sizeof *attr);
    if (attr->worker > mo_load(&rt->staff.started) || attr->priority > 255
        || (attr->flags & ~MOIRAI_PINNED) != 0 || attr->stack_size > deep)
        return -EINVAL;
    if (attr->guard_size > rt->deep_guard || attr->allocator != NULL)
        return -ENOTSUP;
    return 0;
}

/* The smallest class that has so much. Who asks for a larger guard than all
 * have gets a deep one. */
static uint8_t stack_flags(const struct moirai_runtime *rt,
                           const struct moirai_attr *attr)
{
    size_t own = rt->stack_sizes[MOIRAI_STACK_TASK];
    size_t extra = rt->stack_sizes[MOIRAI_STACK_EXTRA];
    uint64_t size = attr->stack_size;

    if (attr->guard_size > rt->guard_size)
        return MO_TASK_DEEP;
    if (size == 0)
        return 0;
    if (size <= extra && extra < rt->stack_sizes[MOIRAI_STACK_LOOP]
        && attr->guard_size == 0 && (size > own || extra < own))
        return MO_TASK_OWN | MO_TASK_EXTRA;
    return size <= own ? MO_TASK_OWN : MO_TASK_DEEP;
}

static void apply_attr(const struct moirai_runtime *rt,
                       struct moirai_task *task,
                       const struct moirai_attr *attr)
{
    const struct moirai_handle *handle = task->handle;

    if (attr->priority != 0)
        task->priority = (uint8_t)attr->priority;
    task->flags |= stack_flags(rt, attr);
    if (handle != NULL && handle->place != NULL)
        task->flags |= MO_TASK_PLACED;
}

const struct moirai_site *mo_task_site(uint32_t index)
{
    return index < MO_SITES ? mo_load_relaxed(&sites[index]) : NULL;
}

void mo_task_forget_sites(void)
{
    for (uint32_t i = 0; i < MO_SITES; i++) {
        struct moirai_site *site = mo_load_relaxed(&sites[i]);

        if (site == NULL)
            continue;
        mo_store_relaxed(&site->own_stack, MO_SITE_UNKNOWN);
        mo_store_relaxed(&site->calm_runs, 0);
    }
}

static void count_spawn(struct moirai_runtime *rt, struct mo_worker *w,
                        struct moirai_task *task)
{
    uint32_t index;

    if (w != NULL) {
        task->id = mo_task_next_id(w);
        mo_count(&w->count.spawned, 1);
        mo_count(&w->sites[site_index(task->site)].spawned, 1);
        mo_trace(w, MO_TRACE_SPAWN, task->id, task->site->line);
        return;
    }
    index = site_index(task->site);
    task->id = outside_id(rt);
    mo_lock_take(&rt->outside_lock);
    mo_count(&rt->outside.spawned, 1);
    mo_count(&rt->outside_sites[index].spawned, 1);
    mo_lock_drop(&rt->outside_lock);
}

/* Is more than counting to be done for each task? */
static bool noted(const struct moirai_runtime *rt)
{
    return rt->workers[0]->noted;
}

/* A task with its handle, not yet known to anybody. */
static int make(struct moirai_runtime *rt, struct mo_worker *w,
                const struct moirai_task *like, const struct moirai_attr *attr,
                bool shared, struct moirai_task **made)
{
    struct moirai_task *task;

    if (mo_injects() && mo_inject_here(MO_INJECT_MEMORY))
        return -ENOMEM;             /* else only each hundredth asks for it */
    task = mo_slab_get(&rt->tasks, w != NULL ? &w->tasks : NULL);
    if (task == NULL)
        return -ENOMEM;
    *task = *like;
    if (attr != NULL || shared) {
        task->handle = mo_handle_make(rt, w, attr, shared);
        if (task->handle == NULL) {
            mo_slab_put(&rt->tasks, w != NULL ? &w->tasks : NULL, task);
            return -ENOMEM;
        }
    }
    if (task->handle != NULL || noted(rt))
        task->flags |= MO_TASK_WATCHED;
    if (attr != NULL)
        apply_attr(rt, task, attr);
    *made = task;
    return 0;
}

static int spawn(const struct moirai_task *like,
                 const struct moirai_attr *attr, struct moirai_handle **handle)
{
    struct moirai_scope *scope = like->scope;
    struct moirai_runtime *rt = scope->runtime;
    struct mo_worker *w = mo_self_in(rt);
    struct moirai_attr own;
    struct moirai_task *task;
    int rc;

    if (!mo_runtime_usable(rt))
        return mo_runtime_refusal(rt);
    if (mo_load(&scope->cancelled) != 0)
        return -ECANCELED;
    if (attr != NULL) {
        rc = read_attr(rt, attr, &own);
        if (rc != 0)
            return rc;
        attr = &own;
    }
    if (!admit(rt))
        return -EAGAIN;
    rc = make(rt, w, like, attr, handle != NULL, &task);
    if (rc != 0) {
        if (rt->options.max_tasks != 0)
            mo_sub(&rt->admitted, 1);
        return rc;
    }
    mo_scope_enter(w, scope);
    count_spawn(rt, w, task);
    if (handle != NULL)
        *handle = task->handle;
    mo_race_release(task);
    mo_worker_ready(rt, task);
    return 0;
}

/* Any spawn, with all checks. */
static MO_COLD int spawn_slow(struct moirai_site *site,
                              struct moirai_scope *scope, moirai_fn *fn,
                              void *arg, const struct moirai_attr *attr,
                              struct moirai_handle **handle)
{
    struct mo_worker *w = mo_self();
    struct moirai_task like = {
        .fn = fn, .arg = arg, .site = site, .scope = scope,
        .priority = MOIRAI_PRIORITY_NORMAL, .kind = MO_TASK_PLAIN,
    };

    if (scope == NULL) {
        if (w == NULL || w->task == NULL)
            return mo_runtime_orphan() ? -ECHILD : -EINVAL;
        like.scope = w->task->scope;
    }
    return spawn(&like, attr, handle);
}

/* Is there a ticket for such spawns now? */
static bool get_ticket(struct mo_worker *w, struct moirai_site *site,
                       struct moirai_scope *scope)
{
    if (w->task == NULL || w->noted || scope->runtime != w->runtime
        || mo_load(&scope->cancelled) != 0 || w->tasks.count == 0)
        return false;
    return mo_scope_ticket(w, scope, site, &w->sites[site_index(site)]);
}

static inline bool has_ticket(const struct mo_worker *w,
                              const struct moirai_site *site,
                              const struct moirai_scope *scope)
{
    return mo_load_relaxed(&w->ticket) == site && w->owed_scope == scope
        && mo_load_relaxed(&w->next_id) != w->ticket_end;
}

/* Where the deque is not enough. */
static MO_COLD int push_slow(struct moirai_task *task)
{
    mo_worker_push(mo_here(), task);
    return 0;
}

static MO_APART int tell_others(void)
{
    mo_idle_notify(mo_here()->runtime);
    return 0;
}

/* With a ticket. All that it calls comes last: it needs no frame. */
static inline __attribute__((always_inline))
int spawn_quick(struct mo_worker *w, struct moirai_site *site,
                struct moirai_scope *scope, moirai_fn *fn, void *arg)
{
    struct moirai_sched_local *local = w->queue.local;
    struct moirai_task *task;
    uint32_t id;

    if (__builtin_expect(mo_load(&scope->cancelled) != 0, 0))
        return -ECANCELED;
    if (__builtin_expect(w->tasks.count == 0, 0))
        return spawn_slow(site, scope, fn, arg, NULL, NULL);
    task = mo_slab_take(&w->tasks);
    task->fn = fn;                  /* first, which frees the registers */
    task->arg = arg;
    task->site = site;
    task->scope = scope;
    id = mo_load_relaxed(&w->next_id) + w->id_step;
    mo_store_relaxed(&w->next_id, id);
    task->fiber = NULL;
    task->handle = NULL;
    task->id = id;
    task->flags = 0;
    task->kind = MO_TASK_PLAIN;
    task->priority = MOIRAI_PRIORITY_NORMAL;
    if (__builtin_expect(local == NULL
                         || !mo_deque_put(&local->deque, task), 0))
        return push_slow(task);
    return __builtin_expect(w->queue.alone, 1) ? 0 : tell_others();
}

/* Most spawns get no further than the ticket that the last one had. */
static MO_COLD int spawn_first(struct moirai_site *site,
                               struct moirai_scope *scope, moirai_fn *fn,
                               void *arg)
{
    struct mo_worker *w = mo_here();

    if (scope == NULL && w->task != NULL)
        scope = w->task->scope;
    if (scope == NULL || (!has_ticket(w, site, scope)
                          && !get_ticket(w, site, scope)))
        return spawn_slow(site, scope, fn, arg, NULL, NULL);
    return spawn_quick(w, site, scope, fn, arg);
}

int moirai_spawn_at(struct moirai_site *site, struct moirai_scope *scope,
                    moirai_fn *fn, void *arg, const struct moirai_attr *attr,
                    struct moirai_handle **handle)
{
    struct mo_worker *w = mo_here();

    if (__builtin_expect(attr != NULL || handle != NULL, 0))
        return spawn_slow(site, scope, fn, arg, attr, handle);
    if (__builtin_expect(!has_ticket(w, site, scope), 0))
        return spawn_first(site, scope, fn, arg);
    return spawn_quick(w, site, scope, fn, arg);
}

bool moirai_cancelled(void)
{
    struct mo_worker *w = mo_self();

    if (w == NULL || w->task == NULL || !mo_task_cancelled(w->task))
        return false;
    mo_task_saw_cancel(w->task);
    return true;
}

uint32_t moirai_task_id(void)
{
    struct mo_worker *w = mo_self();

    return w != NULL && w->task != NULL ? w->task->id : 0;
}

int moirai_worker_index(void)
{
    struct mo_worker *w = mo_self();

    return w != NULL ? (int)w->hot.index : -1;
}
