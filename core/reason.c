/* SPDX-License-Identifier: MIT */
/*
 * reason.c - what a task waits for, and who could end that.
 *
 * While a waiter is held nobody can end its wait, so the object it waits for
 * cannot go: whoever ends a channel, a handle or a scope ends the waits on it
 * first. But whoever tries to may hold the object's lock meanwhile and spin on
 * the waiter; so a lock is only tried here, and where it is taken the line says
 * less.
 */
#include "reason.h"

#include <moirai/supervisor.h>

#include "chan.h"
#include "frame.h"
#include "handle.h"
#include "name.h"
#include "once.h"
#include "pool.h"
#include "readiness.h"
#include "rwlock.h"
#include "select.h"
#include "sync.h"
#include "worker.h"

#define SHOWN 4                     /* tasks of a scope, cases of a select */

static void name_fiber(struct mo_line *line, const struct mo_fiber *fiber)
{
    const char *name = mo_load_relaxed(&fiber->shown_name);

    mo_line_text(line, "task ");
    mo_line_number(line, mo_load_relaxed(&fiber->shown_id));
    if (name != NULL) {
        mo_line_text(line, " \"");
        mo_line_text(line, name);
        mo_line_text(line, "\"");
    }
}

static void name_channel(struct mo_line *line, const struct mo_chan *c)
{
    if (c->name != NULL) {
        mo_line_text(line, "\"");
        mo_line_text(line, c->name->text);
        mo_line_text(line, "\"");
    } else {
        mo_line_hex(line, (uintptr_t)c);
    }
    mo_line_text(line, " (");
    mo_line_text(line, c->plugin);
    mo_line_text(line, ")");
}

static void name_case(struct mo_line *line, const struct moirai_case *it)
{
    static const char *const names[] = {
        [MOIRAI_CASE_SEND] = "send on ",
        [MOIRAI_CASE_RECV] = "receive on ",
        [MOIRAI_CASE_TIME] = "the clock",
        [MOIRAI_CASE_TASK] = "the end of a task",
        [MOIRAI_CASE_GATE] = "an event or latch",
        [MOIRAI_CASE_FD] = "descriptor ",
    };

    mo_line_text(line, names[it->kind]);
    if (it->kind == MOIRAI_CASE_SEND || it->kind == MOIRAI_CASE_RECV)
        name_channel(line, ((const struct moirai_chan *)it->object)->to);
    else if (it->kind == MOIRAI_CASE_FD)
        mo_line_number(line, (uint64_t)mo_readiness_fd(it));
}

static bool is_awaited(const struct moirai_case *it)
{
    return it->kind == MOIRAI_CASE_TIME
        || (it->kind == MOIRAI_CASE_FD && mo_readiness_fd(it) >= 0)
        || (it->kind != MOIRAI_CASE_OFF && it->object != NULL);
}

static void name_cases(struct mo_line *line, const struct mo_select *s)
{
    unsigned shown = 0;
    size_t i = 0;

    mo_line_text(line, " of ");
    mo_line_number(line, s->n);
    mo_line_text(line, s->n == 1 ? " case" : " cases");
    for (; i < s->n && shown < SHOWN; i++) {
        if (!is_awaited(&s->cases[i]))
            continue;
        mo_line_text(line, shown++ == 0 ? ": " : ", ");
        name_case(line, &s->cases[i]);
    }
    mo_line_text(line, i < s->n ? ", ..." : "");
}

static void describe_children(struct mo_line *line,
                              const struct moirai_supervisor *supervisor)
{
    mo_line_text(line, " (");
    mo_line_number(line, mo_load_relaxed(&supervisor->running));
    mo_line_text(line, " of ");
    mo_line_number(line, supervisor->n);
    mo_line_text(line, " run, restarts: ");
    mo_line_number(line, mo_load_relaxed(&supervisor->restarted));
    mo_line_text(line, ")");
}

static void describe_call(struct mo_line *line, const void *call)
{
    int fd;
    const char *doing = mo_io_describe(call, &fd);

    mo_line_text(line, ": ");
    mo_line_text(line, doing);
    mo_line_text(line, " descriptor ");
    mo_line_number(line, (uint64_t)fd);
}

void mo_reason_object(struct mo_line *line, const struct mo_waiter *waiter)
{
    uint32_t kind = mo_load_relaxed(&waiter->kind);

    mo_line_text(line, mo_wait_name(kind));
    if (waiter->object == NULL)
        return;
    if (kind == MO_WAIT_SEND || kind == MO_WAIT_RECV) {
        mo_line_text(line, " on ");
        name_channel(line, waiter->object);
    } else if (kind == MO_WAIT_SELECT) {
        name_cases(line, waiter->object);
    } else if (kind == MO_WAIT_CHILDREN) {
        describe_children(line, waiter->object);
    } else if (kind == MO_WAIT_INPUT || kind == MO_WAIT_OUTPUT) {
        describe_call(line, waiter->object);
    }
}

static void count_ends(struct mo_line *line, uint32_t n, const char *doing)
{
    mo_line_text(line, n == 0 ? "nobody, for no endpoint may "
                              : "whoever has ");
    if (n != 0) {
        mo_line_text(line, n > 1 ? "one of the " : "the ");
        mo_line_number(line, n);
        mo_line_text(line, n > 1 ? " endpoints that may "
                                 : " endpoint that may ");
    }
    mo_line_text(line, doing);
}

/* Endpoints are the program's to hand around: how many there are is known. */
static void party_of_channel(struct mo_line *line,
                             const struct mo_waiter *waiter)
{
    const struct mo_chan *c = waiter->object;
    uint32_t all;

    if (c == NULL)
        return;
    all = mo_load_relaxed(&c->endpoints);
    if (mo_load_relaxed(&waiter->kind) == MO_WAIT_SEND)
        count_ends(line, all > 0 ? all - 1 : 0, "receive");
    else
        count_ends(line, mo_load_relaxed(&c->sending), "send");
}

/* An owner: see owner.h. */
static void name_owner(struct mo_line *line, const struct mo_fiber *owner,
                       bool thread, const char *doing)
{
    if (owner != NULL)
        name_fiber(line, owner);
    else if (thread)
        mo_line_text(line, "a plain thread");
    else
        return;
    mo_line_text(line, doing);
}

static void party_of_mutex(struct mo_line *line, const struct mo_waiter *waiter)
{
    bool thread;
    const struct mo_fiber *owner = mo_mutex_owner(waiter->object, &thread);

    name_owner(line, owner, thread, ", which holds it");
}

struct naming {
    struct mo_line *line;
    unsigned n;
};

static bool name_holder(const struct mo_fiber *owner, bool thread, void *arg)
{
    struct naming *naming = arg;

    if (naming->n > 0)
        mo_line_text(naming->line, ", ");
    if (naming->n++ == SHOWN) {
        mo_line_text(naming->line, "...");
        return false;
    }
    name_owner(naming->line, owner, thread, "");
    return true;
}

static void party_of_rwlock(struct mo_line *line,
                            const struct mo_waiter *waiter)
{
    struct naming naming = { line, 0 };

    mo_rwlock_try_holders((struct moirai_rwlock *)waiter->object, name_holder,
                          &naming);
    if (naming.n > 0)
        mo_line_text(line, naming.n == 1 ? ", which holds it"
                                         : ", which hold it");
}

static void party_of_once(struct mo_line *line, const struct mo_waiter *waiter)
{
    bool thread;
    const struct mo_fiber *owner = mo_once_owner(waiter->object, &thread);

    name_owner(line, owner, thread, ", which is doing it");
}

/* What anybody may do: how much of it is missing is known. */
static void party_of_count(struct mo_line *line, const uint32_t *count,
                           const char *one, const char *several)
{
    uint32_t n = mo_load_relaxed(count);

    mo_line_number(line, n);
    mo_line_text(line, n == 1 ? one : several);
}

/* Of waits that anybody may end. */
static void party_of_gate(struct mo_line *line, const struct mo_waiter *waiter,
                          uint32_t kind)
{
    const struct moirai_latch *latch = waiter->object;
    const struct moirai_waitgroup *group = waiter->object;
    const struct moirai_barrier *barrier = waiter->object;
    uint32_t missing;

    if (kind == MO_WAIT_EVENT)
        mo_line_text(line, "whoever sets it");
    else if (kind == MO_WAIT_LATCH)
        party_of_count(line, &latch->left, " more arrival", " more arrivals");
    else if (kind == MO_WAIT_GROUP)
        party_of_count(line, &group->count, " that is not done",
                       " that are not done");
    else if (kind == MO_WAIT_FUTURE)
        mo_line_text(line, "whoever completes it");
    else if (kind == MO_WAIT_COND)
        mo_line_text(line, "whoever signals it");
    else if (kind == MO_WAIT_SEMAPHORE)
        mo_line_text(line, "whoever posts to it");
    if (kind != MO_WAIT_BARRIER)
        return;
    missing = barrier->parties - mo_load_relaxed(&barrier->arrived);
    party_of_count(line, &missing, " party that has not come",
                   " parties that have not come");
}

static void party_of_handle(struct mo_line *line,
                            const struct mo_waiter *waiter)
{
    struct moirai_handle *handle = (struct moirai_handle *)waiter->object;
    const struct mo_fiber *fiber;

    if (!mo_word_try(&handle->fiber_lock.word))
        return;
    fiber = handle->fibers;
    if (fiber != NULL)
        name_fiber(line, fiber);
    else
        mo_line_text(line, handle->name != NULL ? handle->name : "its task");
    mo_lock_drop(&handle->fiber_lock);
    mo_line_text(line, ", when it ends");
}

static void party_of_scope(struct mo_line *line, const struct mo_waiter *waiter)
{
    struct moirai_scope *scope = (struct moirai_scope *)waiter->object;
    const struct mo_fiber *fiber;
    int64_t live = mo_load_relaxed(&scope->live);
    unsigned n = 0;

    if (!mo_word_try(&scope->fibers_lock))
        return;
    mo_line_text(line, "its tasks that have not ended, ");
    mo_line_number(line, live > 0 ? (uint64_t)live : 0);
    for (fiber = scope->fibers; fiber != NULL && n < SHOWN;
         fiber = fiber->next) {
        mo_line_text(line, n++ == 0 ? ": " : ", ");
        name_fiber(line, fiber);
    }
    mo_line_text(line, fiber != NULL ? ", ..." : "");
    mo_word_unlock(&scope->fibers_lock);
}

static void party_of_frame(struct mo_line *line, const struct mo_waiter *waiter)
{
    const struct moirai_frame *frame = waiter->object;

    mo_line_text(line, "task ");
    mo_line_number(line, frame->task.id);
    mo_line_text(line, ", the fork");
}

void mo_reason_party(struct mo_line *line, const struct mo_waiter *waiter,
                     int64_t now)
{
    int64_t deadline = waiter->deadline_ns;
    uint32_t kind = mo_load_relaxed(&waiter->kind);
    const char *text;

    party_of_gate(line, waiter, kind);
    if (kind == MO_WAIT_SEND || kind == MO_WAIT_RECV)
        party_of_channel(line, waiter);
    else if (kind == MO_WAIT_MUTEX)
        party_of_mutex(line, waiter);
    else if (kind == MO_WAIT_READ || kind == MO_WAIT_WRITE)
        party_of_rwlock(line, waiter);
    else if (kind == MO_WAIT_ONCE)
        party_of_once(line, waiter);
    else if (kind == MO_WAIT_HANDLE)
        party_of_handle(line, waiter);
    else if (kind == MO_WAIT_SCOPE)
        party_of_scope(line, waiter);
    else if (kind == MO_WAIT_FRAME)
        party_of_frame(line, waiter);
    else if (kind == MO_WAIT_RESOURCE)
        mo_line_text(line, "whoever has been lent one of the pool");
    else if (kind == MO_WAIT_CHILDREN)
        mo_line_text(line, "a child that ends, or who tells it to stop");
    else if (kind == MO_WAIT_INPUT || kind == MO_WAIT_OUTPUT)
        mo_line_text(line, "the other end of it, or who closes it");
    else if (kind == MO_WAIT_LIMIT)
        mo_line_text(line, "what the limit allows, and who came before it");
    else if (kind == MO_WAIT_BLOCK
             && (text = mo_pool_state((void *)waiter->object)) != NULL)
        mo_line_text(line, text);
    if (deadline == MOIRAI_NEVER)
        return;
    mo_line_text(line, kind == MO_WAIT_SLEEP ? "the clock, in "
                                             : "; or its deadline, in ");
    mo_line_span(line, deadline - now);
}
