/* SPDX-License-Identifier: MIT */
/*
 * handle.c - joining and cancelling one task.
 *
 * `lock` is the object's lock of a join. `fiber_lock` guards only the list of
 * stacks, for cancellation, and is taken inside any other lock: a task that
 * joins another becomes the owner of a stack while it holds the other's lock.
 *
 * Forks that run apart from their parent share its handle as far as being
 * cancelled and its deadline go. It outlives them, since the parent joins them.
 */
#include "handle.h"

#include <errno.h>

#include "runtime.h"

_Static_assert(sizeof(struct moirai_handle) % sizeof(uint64_t) == 0,
               "mo_slab_clear reaches all of it");

static void release(struct mo_worker *w, struct moirai_handle *handle)
{
    if (mo_sub(&handle->references, 1) == 1)
        mo_slab_put(&handle->runtime->handles, w != NULL ? &w->handles : NULL,
                    handle);
}

void mo_handle_finish(struct mo_worker *w, struct moirai_handle *handle,
                      int rc)
{
    struct mo_node *node;

    mo_race_release(&handle->done);
    mo_word_lock(&handle->lock);
    handle->result = rc;
    handle->done = true;
    while ((node = handle->joiners.first) != NULL) {
        struct mo_waiter *waiter = node->waiter;

        mo_queue_remove(&handle->joiners, node);
        if (mo_wait_claim(waiter))
            mo_wait_end(waiter, 0);
    }
    mo_word_unlock(&handle->lock);
    release(w, handle);
}

void mo_handle_link(struct moirai_handle *handle, struct mo_fiber *fiber)
{
    mo_lock_take(&handle->fiber_lock);
    fiber->handle_prev = NULL;
    fiber->handle_next = handle->fibers;
    if (handle->fibers != NULL)
        handle->fibers->handle_prev = fiber;
    handle->fibers = fiber;
    mo_lock_drop(&handle->fiber_lock);
}

void mo_handle_unlink(struct moirai_handle *handle, struct mo_fiber *fiber)
{
    mo_lock_take(&handle->fiber_lock);
    if (fiber->handle_prev != NULL)
        fiber->handle_prev->handle_next = fiber->handle_next;
    else
        handle->fibers = fiber->handle_next;
    if (fiber->handle_next != NULL)
        fiber->handle_next->handle_prev = fiber->handle_prev;
    mo_lock_drop(&handle->fiber_lock);
}

struct moirai_handle *mo_handle_make(struct moirai_runtime *rt,
                                     struct mo_worker *w,
                                     const struct moirai_attr *attr,
                                     bool shared)
{
    struct moirai_handle *handle;

    handle = mo_slab_get(&rt->handles, w != NULL ? &w->handles : NULL);
    if (handle == NULL)
        return NULL;
    mo_slab_clear(handle, sizeof *handle);
    handle->runtime = rt;
    handle->references = shared ? 2 : 1;
    handle->deadline_ns = MOIRAI_NEVER;
    if (attr == NULL)
        return handle;
    handle->name = attr->name;
    if (attr->deadline_ns > 0)
        handle->deadline_ns = attr->deadline_ns;
    if (attr->worker != 0)
        handle->place = rt->workers[attr->worker - 1];
    else if (attr->flags & MOIRAI_PINNED)
        handle->place = w != NULL ? w : rt->workers[0];
    return handle;
}

int moirai_handle_join(struct moirai_handle *handle, int64_t deadline_ns,
                       int *result)
{
    struct moirai_runtime *rt = handle->runtime;
    struct mo_worker *w = mo_self();
    struct mo_native native;
    struct mo_node *node;
    struct mo_wait how = { .kind = MO_WAIT_HANDLE, .object = handle,
                           .deadline_ns = deadline_ns, .lock = &handle->lock };
    int rc = 0;

    if (!mo_runtime_usable(rt))
        return mo_runtime_refusal(rt);
    if (w != NULL && w->task != NULL && w->task->handle == handle)
        return -EDEADLK;
    node = mo_node_self(&native);
    how.waiter = node->waiter;
    mo_word_lock(&handle->lock);
    if (!handle->done && deadline_ns > MOIRAI_NOW) {
        mo_queue_add(&handle->joiners, node);
        rc = mo_wait(&how);
        mo_word_lock(&handle->lock);
        if (mo_queue_holds(&handle->joiners, node))
            mo_queue_remove(&handle->joiners, node);
    } else if (!handle->done) {
        rc = -EAGAIN;
    }
    if (handle->done) {
        mo_race_acquire(&handle->done);
        rc = 0;
    }
    if (rc == 0 && result != NULL)
        *result = handle->result;
    mo_word_unlock(&handle->lock);
    return rc;
}

void moirai_handle_cancel(struct moirai_handle *handle)
{
    struct moirai_runtime *rt = handle->runtime;
    struct mo_fiber *fiber;

    if (!mo_runtime_usable(rt))
        return;
    mo_wait_freeze(rt);
    mo_race_release(&handle->cancelled);
    mo_swap(&handle->cancelled, 1); /* pairs with the claim in a commit */
    mo_lock_take(&handle->fiber_lock);
    for (fiber = handle->fibers; fiber != NULL; fiber = fiber->handle_next)
        mo_wait_cancel(&fiber->waiter);
    mo_lock_drop(&handle->fiber_lock);
    mo_wait_thaw(rt);
}

void moirai_handle_put(struct moirai_handle *handle)
{
    if (handle != NULL && mo_runtime_usable(handle->runtime))
        release(mo_self_in(handle->runtime), handle);
}
