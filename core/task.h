/* SPDX-License-Identifier: MIT */
/*
 * task.h - the life of a task, for the rest of the core.
 */
#ifndef MO_TASK_H
#define MO_TASK_H

#include "worker.h"

/* Ids are unique among living tasks and the same in every run of a seed. */
uint32_t mo_task_next_id(struct mo_worker *w);

/* Which stack to give it, if it gets one of its own. */
enum moirai_stack_class mo_task_class(const struct moirai_task *task);

/* Is a fresh task better started on a stack of its own? */
bool mo_task_wants_stack(const struct moirai_task *task);

/* The one worker that may run it; NULL: any. */
struct mo_worker *mo_task_place(const struct moirai_runtime *rt,
                                const struct moirai_task *task);

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

/* The body has returned (or failed): runs what is due at the end on the
 * running stack, tells handle and scope, frees the task. Can wait. */
void mo_task_finish(struct mo_worker *w, struct moirai_task *task, int rc);

/* The part of it that forks share: what belonged to the code on this stack
 * goes, and the stack is nobody's. Can wait. */
void mo_task_leave_fiber(struct mo_worker *w, struct moirai_task *task);

/* Is the task, or its scope, cancelled? */
bool mo_task_cancelled(const struct moirai_task *task);

/* The task, which runs, acts on that: what the canceller did comes before. */
void mo_task_saw_cancel(const struct moirai_task *task);

/* The deadline from its attributes. */
int64_t mo_task_deadline(const struct moirai_task *task);

#endif
