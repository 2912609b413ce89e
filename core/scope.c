/* SPDX-License-Identifier: MIT */
/*
 * scope.c - counting tasks in and out, and telling them to stop.
 *
 * `live` counts the tasks that have not ended, plus one that the owner holds
 * until it ends the scope. Exactly one party takes it to zero. If that is the
 * owner, the scope is empty and may go. If it is a worker, it takes the lock,
 * marks the scope as ended, and wakes the owner, who does not return before it
 * has held that lock after: so the worker's last access to the scope is its
 * unlocking.
 *
 * Locks: parent before child (tree and cancellation), then fibers_lock, then
 * nothing. Cancelling sets the flag first and then ends the waits of all tasks
 * that own a stack; a task that begins to wait, or to own a stack, meanwhile
 * reads the flag after it has become visible (wait.c), so none slips through.
 */
#include "scope.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "runtime.h"
#include "task.h"

#define AHEAD 128                   /* tasks counted before they are spawned */

void mo_scope_init(struct moirai_scope *scope, struct moirai_runtime *rt,
                   struct moirai_scope *parent)
{
    memset(scope, 0, offsetof(struct moirai_scope, text));
    scope->text[0] = '\0';
    scope->runtime = rt;
    scope->live = 1;
    scope->parent = parent;
    if (parent == NULL)
        return;
    mo_word_lock(&parent->lock);
    if (mo_load(&parent->cancelled) != 0) {
        mo_store_relaxed(&scope->cancelled, 1);
        scope->error = -ECANCELED;
    }
    scope->sibling_next = parent->children;
    if (parent->children != NULL)
        parent->children->sibling_prev = scope;
    parent->children = scope;
    mo_word_unlock(&parent->lock);
}

static void leave_parent(struct moirai_scope *scope)
{
    struct moirai_scope *parent = scope->parent;

    if (parent == NULL)
        return;
    mo_word_lock(&parent->lock);
    if (scope->sibling_prev != NULL)
        scope->sibling_prev->sibling_next = scope->sibling_next;
    else
        parent->children = scope->sibling_next;
    if (scope->sibling_next != NULL)
        scope->sibling_next->sibling_prev = scope->sibling_prev;
    mo_word_unlock(&parent->lock);
}

void mo_scope_link(struct moirai_scope *scope, struct mo_fiber *fiber)
{
    struct mo_fiber *first;

    mo_word_lock(&scope->fibers_lock);
    first = scope->fibers;
    fiber->prev = NULL;
    fiber->next = first;
    if (first != NULL)
        first->prev = fiber;
    scope->fibers = fiber;
    mo_word_unlock(&scope->fibers_lock);
}

void mo_scope_unlink(struct moirai_scope *scope, struct mo_fiber *fiber)
{
    mo_word_lock(&scope->fibers_lock);
    if (fiber->prev != NULL)
        fiber->prev->next = fiber->next;
    else
        scope->fibers = fiber->next;
    if (fiber->next != NULL)
        fiber->next->prev = fiber->prev;
    mo_word_unlock(&scope->fibers_lock);
    fiber->next = fiber->prev = NULL;
}

static void cancel_waits(struct moirai_scope *scope)
{
    struct mo_fiber *fiber;

    mo_word_lock(&scope->fibers_lock);
    for (fiber = scope->fibers; fiber != NULL; fiber = fiber->next)
        mo_wait_cancel(&fiber->waiter);
    mo_word_unlock(&scope->fibers_lock);
}

/* Cancels the scope and all below it; `code` becomes the error of the first if
 * it has none. */
static void cancel_tree(struct moirai_scope *scope, int code)
{
    mo_race_release(&scope->cancelled);
    mo_word_lock(&scope->lock);
    if (scope->error == 0)
        mo_store_relaxed(&scope->error, code);
    mo_swap(&scope->cancelled, 1);  /* pairs with the claim in a commit */
    cancel_waits(scope);
    for (struct moirai_scope *child = scope->children; child != NULL;
         child = child->sibling_next)
        cancel_tree(child, -ECANCELED);
    mo_word_unlock(&scope->lock);
}

static void cancel(struct moirai_scope *scope, int code)
{
    struct moirai_runtime *rt = scope->runtime;

    mo_wait_freeze(rt);
    cancel_tree(scope, code);
    mo_wait_thaw(rt);
}

void moirai_scope_cancel(struct moirai_scope *scope)
{
    if (!scope->runtime->dead)
        cancel(scope, -ECANCELED);
}

void mo_scope_fail(struct moirai_scope *scope, int code, const char *text)
{
    bool first;

    mo_word_lock(&scope->lock);
    first = scope->error == 0;
    if (first) {
        mo_store_relaxed(&scope->error, code);
        if (text != NULL)
            snprintf(scope->text, sizeof scope->text, "%s", text);
    }
    mo_word_unlock(&scope->lock);
    if (first && (scope->flags & MO_SCOPE_ROOT) == 0)
        cancel(scope, code);
}

void mo_scope_leave(struct moirai_scope *scope, int64_t n)
{
    struct mo_waiter *waiter;

    if (mo_sub(&scope->live, n) != n)
        return;
    mo_word_lock(&scope->lock);
    scope->flags |= MO_SCOPE_ENDED;
    waiter = scope->waiter;
    if (waiter != NULL && !mo_wait_claim(waiter))
        waiter = NULL;              /* it will find the flag */
    scope->waiter = NULL;
    mo_word_unlock(&scope->lock);
    if (waiter != NULL)
        mo_wait_end(waiter, 0);
}

void mo_scope_balance(struct mo_worker *w)
{
    uint64_t finished = mo_load_relaxed(&w->count.finished);
    uint32_t next_id = mo_load_relaxed(&w->next_id);
    uint32_t spawned;

    w->owed += (int64_t)(finished - w->ended_mark);
    w->ended_mark = finished;
    if (next_id == w->id_mark)
        return;
    spawned = mo_scope_uncounted(w);
    w->owed -= spawned;
    mo_scope_count_begin(w);
    mo_store_relaxed(&w->id_mark, next_id);
    mo_count(&w->count.spawned, spawned);
    mo_count(&w->ticket_count->spawned, spawned);
    mo_scope_count_end(w);
}

void mo_scope_settle(struct mo_worker *w)
{
    struct moirai_scope *scope = w->owed_scope;
    int64_t n;

    if (scope == NULL)
        return;
    mo_scope_balance(w);
    n = w->owed;
    mo_store_relaxed(&w->ticket, NULL);
    w->owed_scope = NULL;
    w->owed = 0;
    if (n != 0)
        mo_scope_leave(scope, n);
}

/* May the worker owe tasks that it has not spawned? See mo_scope_settle. */
static bool may_owe(const struct mo_worker *w, const struct moirai_scope *scope)
{
    return w != NULL && w->task != NULL
        && (w->task->scope == scope || w->fiber->cleanup == &scope->cleanup);
}

/* From now on it owes to this scope, and so many. */
static void begin_owing(struct mo_worker *w, struct moirai_scope *scope,
                        int64_t n)
{
    w->owed_scope = scope;
    w->owed = n;
    w->ended_end = w->ended_mark + (uint64_t)(MO_SCOPE_DEBT - n);
}

/* Sees to it that it owes some to this scope. */
static bool get_ahead(struct mo_worker *w, struct moirai_scope *scope)
{
    if (w == NULL)
        return false;
    if (w->owed_scope == scope) {
        mo_scope_balance(w);
        if (w->owed > 0)
            return true;
    }
    if (!may_owe(w, scope))
        return false;
    mo_scope_settle(w);
    mo_add(&scope->live, AHEAD);
    begin_owing(w, scope, AHEAD);
    return true;
}

void mo_scope_enter_slowly(struct mo_worker *w, struct moirai_scope *scope)
{
    if (!get_ahead(w, scope)) {
        mo_add(&scope->live, 1);
        return;
    }
    mo_store_relaxed(&w->ticket, NULL);     /* it was for one more */
    w->owed--;
}

bool mo_scope_ticket(struct mo_worker *w, struct moirai_scope *scope,
                     struct moirai_site *site, struct mo_site_counters *count)
{
    if (!get_ahead(w, scope))
        return false;
    w->ticket_count = count;
    w->ticket_end = mo_load_relaxed(&w->next_id)
                    + (uint32_t)w->owed * w->id_step;
    mo_scope_count_begin(w);
    mo_store_relaxed(&w->ticket, site);
    mo_scope_count_end(w);
    return true;
}

void mo_scope_owe(struct mo_worker *w, struct moirai_scope *scope)
{
    if (w->owed_scope == scope)
        mo_scope_balance(w);
    if (w->owed_scope != scope || w->owed >= MO_SCOPE_DEBT) {
        mo_scope_settle(w);
        begin_owing(w, scope, 0);
    }
    w->ended_end = w->ended_mark + (uint64_t)(MO_SCOPE_DEBT - w->owed);
    mo_store_relaxed(&w->count.finished, w->ended_mark + 1);
}

int mo_scope_wait(struct moirai_scope *scope, bool masked, int64_t deadline_ns)
{
    struct mo_native native;
    struct mo_waiter *waiter = mo_node_self(&native)->waiter;
    struct mo_wait how = {
        .waiter = waiter, .kind = MO_WAIT_SCOPE, .masked = masked,
        .object = scope, .deadline_ns = deadline_ns, .lock = &scope->lock,
    };
    int rc;

    mo_word_lock(&scope->lock);
    if (scope->flags & MO_SCOPE_ENDED) {
        mo_word_unlock(&scope->lock);
        return 0;
    }
    scope->waiter = waiter;
    rc = mo_wait(&how);
    if (rc == 0)
        return 0;
    mo_word_lock(&scope->lock);
    scope->waiter = NULL;
    if (scope->flags & MO_SCOPE_ENDED)
        rc = 0;
    mo_word_unlock(&scope->lock);
    return rc;
}

static void deadline_came(struct moirai_timer *timer)
{
    struct moirai_scope *scope = (struct moirai_scope *)
        ((char *)timer - offsetof(struct moirai_scope, timer));

    mo_count(&mo_here()->count.deadlines_missed, 1);
    cancel(scope, -ETIMEDOUT);
}

/* The owner fails while the scope is open. */
static void end_failing(void *arg)
{
    struct moirai_scope *scope = arg;

    moirai_scope_cancel(scope);
    moirai_scope_end(scope);
}

static void push_open(struct mo_fiber *fiber, struct moirai_scope *scope)
{
    scope->cleanup.fn = end_failing;
    scope->cleanup.arg = scope;
    scope->cleanup.outer = fiber->cleanup;
    fiber->cleanup = &scope->cleanup;
    fiber->used = 1;
}

/* Usually the newest; but handlers pushed since may still be there. */
static void pop_open(struct mo_fiber *fiber, struct moirai_scope *scope)
{
    struct moirai_cleanup **at = &fiber->cleanup;

    while (*at != NULL && *at != &scope->cleanup)
        at = &(*at)->outer;
    if (*at != NULL)
        *at = scope->cleanup.outer;
}

bool mo_scope_open(const struct mo_fiber *fiber)
{
    const struct moirai_cleanup *cleanup = fiber->cleanup;

    while (cleanup != NULL && cleanup->fn != end_failing)
        cleanup = cleanup->outer;
    return cleanup != NULL;
}

/* Opens it below `parent`, whose runtime is usable. */
static inline void open_below(struct moirai_scope *scope,
                              struct moirai_scope *parent,
                              struct mo_worker *w, int64_t deadline_ns)
{
    struct moirai_runtime *runtime = parent->runtime;
    struct mo_worker *place;

    mo_scope_init(scope, runtime, parent);
    if (w != NULL && w->task != NULL)
        push_open(w->fiber, scope);
    if (deadline_ns == MOIRAI_NEVER)
        return;
    place = mo_self_in(runtime);
    if (place == NULL)
        place = runtime->workers[0];
    mo_timer_arm(place, &scope->timer, deadline_ns, deadline_came);
}

int moirai_scope_begin(struct moirai_scope *scope,
                       struct moirai_runtime *runtime, int64_t deadline_ns)
{
    struct mo_worker *w = mo_self();
    struct moirai_scope *parent = NULL;

    if (w != NULL && w->task != NULL) {
        parent = w->task->scope;
        if (runtime == NULL)
            runtime = parent->runtime;
        else if (runtime != parent->runtime)
            parent = NULL;
    }
    if (runtime == NULL)
        return -EINVAL;
    if (!mo_runtime_usable(runtime))
        return mo_runtime_refusal(runtime);
    open_below(scope, parent != NULL ? parent : &runtime->root, w,
               deadline_ns);
    return 0;
}

int moirai_scope_begin_in(struct moirai_scope *scope,
                          struct moirai_scope *outer, int64_t deadline_ns)
{
    if (!mo_runtime_usable(outer->runtime))
        return mo_runtime_refusal(outer->runtime);
    open_below(scope, outer, mo_self(), deadline_ns);
    return 0;
}

/* The owner lets go. True: it was the last, nobody else will touch the scope
 * for counting. */
static bool let_go(struct moirai_scope *scope)
{
    struct mo_worker *w = mo_self();

    if (w != NULL && w->owed_scope == scope)
        mo_scope_settle(w);
    return mo_sub(&scope->live, 1) == 1;
}

int moirai_scope_end(struct moirai_scope *scope)
{
    int error;

    if (scope->runtime->dead)
        return -ECHILD;
    if (!let_go(scope)) {
        if (mo_scope_wait(scope, false, MOIRAI_NEVER) != 0) {
            moirai_scope_cancel(scope);
            mo_scope_wait(scope, true, MOIRAI_NEVER);
        }
    }
    if (mo_self() != NULL)
        pop_open(mo_here()->fiber, scope);
    if (scope->children != NULL)
        mo_panic("a scope ended before a scope inside it");
    mo_timer_disarm(&scope->timer);
    leave_parent(scope);
    mo_race_acquire_last(scope);
    error = scope->error;
    return error;
}

int moirai_scope_error(const struct moirai_scope *scope)
{
    return mo_load_relaxed(&scope->error);
}

const char *moirai_scope_text(const struct moirai_scope *scope)
{
    return scope->text;
}
