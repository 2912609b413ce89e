/* SPDX-License-Identifier: MIT */
/*
 * task.h - the life of a task, for the rest of the core.
 */
#ifndef MO_TASK_H
#define MO_TASK_H

#include "frame.h"
#include "handle.h"
#include "scope.h"
#include "worker.h"

/* Ids are unique among living tasks and the same in every run of a seed. */
static inline uint32_t mo_task_next_id(struct mo_worker *w)
{
    uint32_t id = mo_load_relaxed(&w->next_id) + w->id_step;

    w->ticket_end += w->id_step;    /* this one is not of the ticket's */
    mo_scope_count_begin(w);
    mo_store_relaxed(&w->id_mark, mo_load_relaxed(&w->id_mark) + w->id_step);
    mo_store_relaxed(&w->next_id, id);
    mo_scope_count_end(w);
    return id;
}

/* Which stack to give it, if it gets one of its own. */
enum moirai_stack_class mo_task_class(const struct moirai_task *task);

enum { MO_SITE_UNKNOWN, MO_SITE_WAITS, MO_SITE_FORKS };     /* own_stack */

/* Is a fresh task better started on a stack of its own? */
static inline bool mo_task_wants_stack(const struct moirai_task *task)
{
    uint32_t known = mo_load_relaxed(&task->site->own_stack);

    if (__builtin_expect(known != MO_SITE_WAITS && task->flags == 0
                         && !mo_race_on(), 1))
        return false;
    if ((task->flags & MO_TASK_OWN) || mo_race_on())
        return true;
    return (task->flags & MO_TASK_DEEP) == 0 && known == MO_SITE_WAITS;
}

/* The one worker that may run it; NULL: any. */
struct mo_worker *mo_task_named(const struct moirai_task *task);

static inline struct mo_worker *mo_task_place(const struct moirai_task *task)
{
    const struct mo_fiber *fiber = task->fiber;

    if (fiber != NULL)
        return fiber->pinned;
    return task->flags & MO_TASK_PLACED ? mo_task_named(task) : NULL;
}

/* The fiber is the task's from now on. */
void mo_task_adopt(struct mo_worker *w, struct mo_fiber *fiber,
                   struct moirai_task *task);

/* The task on this fiber is about to wait: its site learns. */
void mo_task_waits(struct mo_fiber *fiber, enum mo_wait_kind kind);

/* The task has forked: its site learns. */
void mo_task_forks(struct moirai_task *task);

/* The spawn site whose counters are at `index`; NULL: none, or many, at 0. */
const struct moirai_site *mo_task_site(uint32_t index);

/* All sites have yet to learn: so that a simulation does not depend on what
 * ran before it in the same process. */
void mo_task_forget_sites(void);

/* Does nothing belong to the code on the running stack, whose task ends? */
static inline bool mo_task_is_clean(const struct mo_worker *w,
                                    const struct moirai_task *task)
{
    return task->fiber == NULL && w->fiber->used == 0 && !mo_frame_pending(w);
}

/* The last of a task of `scope`: nobody wants anything of it any more. */
static inline void mo_task_free(struct mo_worker *w, struct moirai_task *task,
                                struct moirai_scope *scope)
{
    w->task = NULL;                 /* handlers of signals look there */
    if (!mo_slab_keep(&w->tasks, task))
        mo_slab_put(&w->runtime->tasks, &w->tasks, task);
    mo_scope_left(w, scope);
}

/* The body has returned (or failed): runs what is due at the end on the
 * running stack, tells handle and scope, frees the task. Can wait. */
void mo_task_finish(struct mo_worker *w, struct moirai_task *task, int rc);

/* The part of it that forks share: what belonged to the code on this stack
 * goes, and the stack is nobody's. Can wait. */
void mo_task_leave_fiber(struct mo_worker *w, struct moirai_task *task);

/* Is the task, or its scope, cancelled? In the order of the swap that opened
 * the claim: see wait.c. */
static inline bool mo_task_cancelled(const struct moirai_task *task)
{
    const struct moirai_handle *handle = task->handle;

    return mo_load_seq(&task->scope->cancelled) != 0
        || (handle != NULL && mo_load_seq(&handle->cancelled) != 0);
}

/* The task, which runs, acts on that: what the canceller did comes before. */
void mo_task_saw_cancel(const struct moirai_task *task);

/* By when it should have ended: that, or a scope's. */
int64_t mo_task_due(const struct moirai_task *task);

/* The deadline from its attributes. */
static inline int64_t mo_task_deadline(const struct moirai_task *task)
{
    const struct moirai_handle *handle = task->handle;

    return handle != NULL ? handle->deadline_ns : MOIRAI_NEVER;
}

#endif
