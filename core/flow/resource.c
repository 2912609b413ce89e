/* SPDX-License-Identifier: MIT */
/*
 * resource.c - lending, and waiting for what is lent.
 *
 * What is handed around are slots, of which there are as many as there may be
 * resources. A slot is idle (it has a resource), free (it has none), or
 * somebody's, who alone touches it, without the lock, while resources are made,
 * tried and destroyed. While anybody waits no slot is idle or free: one that
 * becomes so goes to the oldest waiter, with or without a resource. So nobody
 * overtakes, and a slot whose resource broke, or could not be made, is never
 * lost to those who wait: the next makes one.
 *
 * Of idle ones the last one used is lent first, so that the others get old
 * enough to be destroyed when fewer are needed.
 *
 * A task may fail (moirai_fail) in one of the program's functions: a cleanup
 * handler gives its slot back.
 *
 * The last access of whoever gives back a slot is to drop the lock, or, after
 * that, to wake who was taken out of a queue: the pool may be gone then.
 */
#include "flow/resource.h"

#include <errno.h>

#include "flow/chance.h"
#include "runtime.h"
#include "worker.h"

/* --- lists of slots; the lock is held ------------------------------------ */

static void push_idle(struct moirai_resources *pool, uint32_t at)
{
    struct mo_slot *slot = &pool->slots[at];

    slot->prev = MO_NO_SLOT;
    slot->next = pool->idle_first;
    if (slot->next != MO_NO_SLOT)
        pool->slots[slot->next].prev = at;
    else
        pool->idle_last = at;
    pool->idle_first = at;
    pool->stats.idle++;
}

void mo_resource_take_idle(struct moirai_resources *pool, uint32_t at)
{
    struct mo_slot *slot = &pool->slots[at];

    if (slot->prev != MO_NO_SLOT)
        pool->slots[slot->prev].next = slot->next;
    else
        pool->idle_first = slot->next;
    if (slot->next != MO_NO_SLOT)
        pool->slots[slot->next].prev = slot->prev;
    else
        pool->idle_last = slot->prev;
    pool->stats.idle--;
    pool->stats.busy++;
    mo_race_acquire(slot);
}

uint32_t mo_resource_take_free(struct moirai_resources *pool)
{
    uint32_t at = pool->free_first;

    if (at != MO_NO_SLOT) {
        pool->free_first = pool->slots[at].next;
        pool->stats.busy++;
    }
    return at;
}

/* --- giving a slot back -------------------------------------------------- */

static struct mo_waiter *next_waiter(struct mo_queue *queue, uint32_t at)
{
    struct mo_node *node;

    while ((node = queue->first) != NULL) {
        struct mo_waiter *waiter = node->waiter;

        mo_queue_remove(queue, node);
        if (mo_wait_claim(waiter)) {
            node->message = (void *)(uintptr_t)at;
            return waiter;
        }
    }
    return NULL;
}

/* Who closes the pool, if nobody is left in it now: whoever was told that it is
 * closed has to be out, too. */
static struct mo_waiter *last_one(struct moirai_resources *pool)
{
    if (!pool->closed || pool->stats.busy + pool->stats.waiting != 0)
        return NULL;
    return next_waiter(&pool->closers, 0);
}

void mo_resource_release(struct moirai_resources *pool, uint32_t at)
{
    struct mo_slot *slot = &pool->slots[at];
    struct mo_waiter *waiter;

    mo_race_release(slot);
    mo_word_lock(&pool->lock);
    while (pool->closed && slot->value != NULL) {
        mo_word_unlock(&pool->lock);
        mo_resource_destroy(pool, at);
        mo_word_lock(&pool->lock);
    }
    waiter = next_waiter(&pool->waiters, at);
    if (waiter == NULL) {
        pool->stats.busy--;
        if (slot->value != NULL) {
            push_idle(pool, at);
        } else {
            slot->next = pool->free_first;
            pool->free_first = at;
        }
        waiter = last_one(pool);
    }
    mo_word_unlock(&pool->lock);
    if (waiter != NULL)
        mo_wait_end(waiter, 0);
}

/* --- the program's functions --------------------------------------------- */

/* For as long as one of them runs. */
struct guard {
    struct moirai_cleanup cleanup;
    struct moirai_resources *pool;
    uint32_t at;
    bool in_task;
};

static void give_up(void *arg)
{
    struct guard *guard = arg;

    if (guard->pool->slots[guard->at].value != NULL)
        mo_resource_destroy(guard->pool, guard->at);
    mo_resource_release(guard->pool, guard->at);
}

static void begin(struct guard *guard, struct moirai_resources *pool,
                  uint32_t at)
{
    guard->pool = pool;
    guard->at = at;
    guard->in_task = mo_here()->task != NULL;
    if (guard->in_task)
        moirai_cleanup_push(&guard->cleanup, give_up, guard);
}

static void end(struct guard *guard)
{
    if (guard->in_task)
        moirai_cleanup_pop(&guard->cleanup, false);
}

static void count(struct moirai_resources *pool, uint64_t *counter, int n)
{
    mo_word_lock(&pool->lock);
    *counter += (uint64_t)n;
    mo_word_unlock(&pool->lock);
}

void mo_resource_destroy(struct moirai_resources *pool, uint32_t at)
{
    void *value = pool->slots[at].value;
    struct guard guard;

    pool->slots[at].value = NULL;
    count(pool, &pool->stats.destroyed, 1);
    begin(&guard, pool, at);
    pool->config.destroy(value, pool->config.arg);
    end(&guard);
}

/* The end of a life that begins now: up to a tenth before its time. */
static int64_t end_of_life(const struct moirai_resources *pool, int64_t now)
{
    int64_t life = pool->config.life_ns;

    if (life == 0 || life >= MOIRAI_NEVER - now)
        return MOIRAI_NEVER;
    return now + life - life / 10 / 1024 * mo_chance(1024);
}

int mo_resource_create(struct moirai_resources *pool, uint32_t at,
                       int64_t deadline_ns)
{
    struct mo_slot *slot = &pool->slots[at];
    struct guard guard;
    void *value = NULL;
    int rc;

    begin(&guard, pool, at);
    rc = pool->config.create(&value, deadline_ns, pool->config.arg);
    end(&guard);
    if (rc < 0 || value == NULL) {
        count(pool, &pool->stats.failed, 1);
        return rc < 0 ? rc : -EINVAL;
    }
    slot->value = value;
    slot->since_ns = pool->timed ? moirai_now() : 0;
    slot->until_ns = end_of_life(pool, slot->since_ns);
    count(pool, &pool->stats.created, 1);
    return 0;
}

static bool is_sick(struct moirai_resources *pool, uint32_t at, int64_t now,
                    int64_t deadline_ns)
{
    struct mo_slot *slot = &pool->slots[at];
    struct guard guard;
    int rc;

    if (pool->config.check == NULL
        || now - slot->since_ns < pool->config.check_ns)
        return false;
    begin(&guard, pool, at);
    rc = pool->config.check(slot->value, deadline_ns, pool->config.arg);
    end(&guard);
    if (rc != 0)
        count(pool, &pool->stats.sick, 1);
    return rc != 0;
}

/* Sees to it that there is a sound resource in the caller's slot. */
static int prepare(struct moirai_resources *pool, uint32_t at,
                   int64_t deadline_ns)
{
    struct mo_slot *slot = &pool->slots[at];
    int64_t now = pool->timed ? moirai_now() : 0;

    if (slot->value != NULL
        && (now >= slot->until_ns || is_sick(pool, at, now, deadline_ns)))
        mo_resource_destroy(pool, at);
    return slot->value != NULL ? 0
                               : mo_resource_create(pool, at, deadline_ns);
}

/* --- get and put --------------------------------------------------------- */

/* The lock is held, and dropped in here. */
static int wait_turn(struct moirai_resources *pool, int64_t deadline_ns,
                     uint32_t *at)
{
    struct mo_native native;
    struct mo_node *node = mo_node_self(&native);
    struct mo_wait how = { .waiter = node->waiter, .kind = MO_WAIT_RESOURCE,
                           .object = pool, .deadline_ns = deadline_ns,
                           .lock = &pool->lock };
    struct mo_waiter *last;
    int rc;

    mo_queue_add(&pool->waiters, node);
    pool->stats.waited++;
    pool->stats.waiting++;
    rc = mo_wait(&how);
    mo_word_lock(&pool->lock);
    pool->stats.waiting--;
    pool->stats.lent += rc == 0;
    pool->stats.left += rc != 0;
    if (rc != 0 && mo_queue_holds(&pool->waiters, node))
        mo_queue_remove(&pool->waiters, node);
    last = last_one(pool);
    mo_word_unlock(&pool->lock);
    if (last != NULL)
        mo_wait_end(last, 0);
    *at = (uint32_t)(uintptr_t)node->message;
    return rc;
}

static int take_slot(struct moirai_resources *pool, int64_t deadline_ns,
                     uint32_t *at)
{
    int rc = 0;

    mo_word_lock(&pool->lock);
    *at = pool->idle_first;
    if (pool->closed)
        rc = -EPIPE;
    else if (*at != MO_NO_SLOT)
        mo_resource_take_idle(pool, *at);
    else if ((*at = mo_resource_take_free(pool)) != MO_NO_SLOT)
        ;
    else if (deadline_ns <= MOIRAI_NOW)
        rc = -EAGAIN;
    else if (mo_runtime_bereft())
        rc = -ECHILD;
    else
        return wait_turn(pool, deadline_ns, at);
    pool->stats.lent += rc == 0;
    mo_word_unlock(&pool->lock);
    return rc;
}

int moirai_resource_get(struct moirai_resources *pool,
                        struct moirai_resource *lent, int64_t deadline_ns)
{
    struct mo_slot *slot;
    uint32_t at;
    int rc = take_slot(pool, deadline_ns, &at);

    if (rc != 0)
        return rc;
    rc = prepare(pool, at, deadline_ns);
    if (rc != 0) {
        count(pool, &pool->stats.lent, -1);
        mo_resource_release(pool, at);
        return rc;
    }
    slot = &pool->slots[at];
    mo_store_relaxed(&slot->turn, slot->turn + 1);
    *lent = (struct moirai_resource){ slot->value, pool, at, slot->turn };
    return 0;
}

/* Who gives back the same twice, or gives back a copy, finds another turn. */
static int take_back(struct moirai_resource *lent)
{
    struct moirai_resources *pool = lent->pool;
    struct mo_slot *slot;
    uint32_t turn = lent->turn;

    if (pool == NULL)
        return -EINVAL;
    lent->pool = NULL;
    slot = &pool->slots[lent->slot];
    return mo_cas(&slot->turn, &turn, turn + 1) ? 0 : -EINVAL;
}

int moirai_resource_put(struct moirai_resource *lent)
{
    struct moirai_resources *pool = lent->pool;
    struct mo_slot *slot;
    int rc = take_back(lent);

    if (rc != 0)
        return rc;
    slot = &pool->slots[lent->slot];
    if (pool->timed)
        slot->since_ns = moirai_now();
    if (slot->since_ns >= slot->until_ns)
        mo_resource_destroy(pool, lent->slot);
    mo_resource_release(pool, lent->slot);
    return 0;
}

int moirai_resource_drop(struct moirai_resource *lent)
{
    struct moirai_resources *pool = lent->pool;
    int rc = take_back(lent);

    if (rc != 0)
        return rc;
    mo_resource_destroy(pool, lent->slot);
    mo_resource_release(pool, lent->slot);
    return 0;
}
