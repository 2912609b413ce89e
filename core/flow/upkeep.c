/* SPDX-License-Identifier: MIT */
/*
 * upkeep.c - opening, tending and closing a pool of resources.
 */
#include "flow/resource.h"

#include <errno.h>
#include <string.h>

#include "mem.h"
#include "runtime.h"

#define MOST 65536u
#define AGAIN_NS (1 * MOIRAI_S)     /* after none could be created */

static bool is_sound(const struct moirai_resources_config *c)
{
    return c->create != NULL && c->destroy != NULL && c->most <= MOST
        && c->least <= c->most && c->idle_ns >= 0 && c->life_ns >= 0
        && c->check_ns >= 0;
}

int moirai_resource_open(struct moirai_resources **pool,
                         const struct moirai_resources_config *config)
{
    struct moirai_resources_config c = MOIRAI_RESOURCES_CONFIG_INIT;
    struct moirai_resources *p;

    memcpy(&c, config, config->size < sizeof c ? config->size : sizeof c);
    if (c.most == 0)
        c.most = 16;
    if (!is_sound(&c))
        return -EINVAL;
    p = mo_mem_alloc(sizeof *p + c.most * sizeof p->slots[0],
                     _Alignof(struct moirai_resources));
    if (p == NULL)
        return -ENOMEM;
    p->config = c;
    p->timed = c.idle_ns != 0 || c.life_ns != 0
        || (c.check != NULL && c.check_ns != 0);
    p->idle_first = p->idle_last = MO_NO_SLOT;
    for (uint32_t i = 0; i < c.most; i++) {
        p->slots[i].until_ns = MOIRAI_NEVER;
        p->slots[i].next = i + 1 < c.most ? i + 1 : MO_NO_SLOT;
    }
    *pool = p;
    return 0;
}

/* When an idle one has to go, if that does not change. */
static int64_t end_of(const struct moirai_resources *pool,
                      const struct mo_slot *slot)
{
    int64_t idle = pool->config.idle_ns;

    if (idle == 0 || pool->stats.idle + pool->stats.busy <= pool->config.least
        || idle >= MOIRAI_NEVER - slot->since_ns
        || slot->since_ns + idle > slot->until_ns)
        return slot->until_ns;
    return slot->since_ns + idle;
}

/* Takes one that has to go, from among those unused for longest; or says when
 * the next one has to. */
static uint32_t take_old(struct moirai_resources *pool, int64_t now,
                         int64_t *next)
{
    uint32_t at;

    *next = MOIRAI_NEVER;
    mo_word_lock(&pool->lock);
    for (at = pool->idle_last; at != MO_NO_SLOT; at = pool->slots[at].prev) {
        int64_t end = end_of(pool, &pool->slots[at]);

        if (end <= now) {
            mo_resource_take_idle(pool, at);
            break;
        }
        *next = end < *next ? end : *next;
    }
    mo_word_unlock(&pool->lock);
    return at;
}

static uint32_t take_missing(struct moirai_resources *pool)
{
    uint32_t at = MO_NO_SLOT;

    mo_word_lock(&pool->lock);
    if (!pool->closed
        && pool->stats.idle + pool->stats.busy < pool->config.least)
        at = mo_resource_take_free(pool);
    mo_word_unlock(&pool->lock);
    return at;
}

/* What is idle or made from now on has to be looked at by then. */
static int64_t look_again(const struct moirai_resources *pool, int64_t now,
                          int64_t next, int rc)
{
    int64_t idle = pool->config.idle_ns;
    int64_t life = pool->config.life_ns;

    if (rc != 0 && next - now > AGAIN_NS)
        next = now + AGAIN_NS;
    if (idle != 0 && next - now > idle)
        next = now + idle;
    if (life != 0 && next - now > life - life / 10)
        next = now + (life - life / 10);
    return next;
}

int moirai_resource_tend(struct moirai_resources *pool, int64_t deadline_ns,
                         int64_t *next_ns)
{
    int64_t now = moirai_now();
    int64_t next;
    uint32_t at;
    int rc = 0;

    while ((at = take_old(pool, now, &next)) != MO_NO_SLOT) {
        mo_resource_destroy(pool, at);
        mo_resource_release(pool, at);
    }
    while (rc == 0 && (at = take_missing(pool)) != MO_NO_SLOT) {
        rc = mo_resource_create(pool, at, deadline_ns);
        mo_resource_release(pool, at);
    }
    if (next_ns != NULL)
        *next_ns = look_again(pool, now, next, rc);
    return rc;
}

void moirai_resource_read(struct moirai_resources *pool,
                          struct moirai_resources_stats *stats)
{
    mo_word_lock(&pool->lock);
    *stats = pool->stats;
    mo_word_unlock(&pool->lock);
}

/* --- closing ------------------------------------------------------------- */

/* The lock is held. */
static void dismiss(struct mo_queue *waiters)
{
    struct mo_node *node;

    while ((node = waiters->first) != NULL) {
        struct mo_waiter *waiter = node->waiter;

        mo_queue_remove(waiters, node);
        if (mo_wait_claim(waiter))
            mo_wait_end(waiter, -EPIPE);
    }
}

/* Destroys what is idle. The lock is held, and dropped meanwhile. */
static void empty(struct moirai_resources *pool)
{
    uint32_t at;

    while ((at = pool->idle_first) != MO_NO_SLOT) {
        mo_resource_take_idle(pool, at);
        mo_word_unlock(&pool->lock);
        mo_resource_release(pool, at);
        mo_word_lock(&pool->lock);
    }
}

/* Waits for the last one. The lock is held, and on return again. */
static int wait_last(struct moirai_resources *pool, int64_t deadline_ns)
{
    struct mo_native native;
    struct mo_node *node = mo_node_self(&native);
    struct mo_wait how = { .waiter = node->waiter, .kind = MO_WAIT_RESOURCE,
                           .object = pool, .deadline_ns = deadline_ns,
                           .lock = &pool->lock };
    int rc;

    mo_queue_add(&pool->closers, node);
    rc = mo_wait(&how);
    mo_word_lock(&pool->lock);
    if (rc != 0 && mo_queue_holds(&pool->closers, node))
        mo_queue_remove(&pool->closers, node);
    return rc;
}

int moirai_resource_close(struct moirai_resources *pool, int64_t deadline_ns)
{
    int rc = 0;

    mo_word_lock(&pool->lock);
    pool->closed = true;
    dismiss(&pool->waiters);
    empty(pool);
    if (pool->stats.busy + pool->stats.waiting == 0)
        rc = 0;
    else if (deadline_ns <= MOIRAI_NOW)
        rc = -EAGAIN;
    else if (mo_runtime_bereft())
        rc = -ECHILD;
    else
        rc = wait_last(pool, deadline_ns);
    mo_word_unlock(&pool->lock);
    if (rc == 0)
        mo_mem_free(pool);
    return rc;
}
