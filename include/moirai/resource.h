/* SPDX-License-Identifier: MIT */
/*
 * moirai/resource.h - a pool of what is dear to make: connections, contexts.
 *
 * A pool lends each of its resources to one borrower at a time. It makes them
 * when they are needed, up to so many; who finds none waits, first come first
 * served; what is given back serves the next. Resources that are too old, idle
 * for too long, or found broken are destroyed.
 *
 *     struct moirai_resource lent;
 *     rc = moirai_resource_get(pool, &lent, deadline_ns);
 *     if (rc == 0) {
 *         rc = query(lent.value);
 *         if (rc == -EPIPE)
 *             moirai_resource_drop(&lent);
 *         else
 *             moirai_resource_put(&lent);
 *     }
 *
 * The functions that make, try and destroy resources are the program's, and may
 * wait: nobody else is held up meanwhile.
 */
#ifndef MOIRAI_RESOURCE_H
#define MOIRAI_RESOURCE_H

#include <stdint.h>

#include <moirai/time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct moirai_resources;            /* a pool of them */

/* Zeroed fields mean the preset. */
struct moirai_resources_config {
    uint32_t size;                  /* sizeof(struct moirai_resources_config) */
    uint32_t least;                 /* moirai_resource_tend keeps so many; 0 */
    uint32_t most;                  /* at once; 16 */
    uint32_t reserved;
    int64_t idle_ns;                /* tend destroys what is idle for so long,
                                     * unless it is one of the least; 0: not */
    int64_t life_ns;                /* destroyed when so old, and not in use;
                                     * up to a tenth earlier, as chance has it,
                                     * lest all end together. 0: not */
    int64_t check_ns;               /* checked before it is lent after so long
                                     * a pause; 0: each time */

    /* Makes one: 0 and *value (not NULL), or a negative errno value, which get
     * returns. The deadline is that of the call it is made in. */
    int (*create)(void **value, int64_t deadline_ns, void *arg);
    void (*destroy)(void *value, void *arg);
    /* Is it of use? 0, or it is destroyed, and another made. NULL: it is. */
    int (*check)(void *value, int64_t deadline_ns, void *arg);
    void *arg;                      /* of all three */
};

#define MOIRAI_RESOURCES_CONFIG_INIT                                          \
    { sizeof(struct moirai_resources_config), 0, 0, 0, 0, 0, 0, NULL, NULL,   \
      NULL, NULL }

/* One that is lent: caller's memory, filled by get. */
struct moirai_resource {
    void *value;
    struct moirai_resources *pool;  /* the core's, as is what follows */
    uint32_t slot, turn;
};

/* What has happened so far. */
struct moirai_resources_stats {
    uint64_t lent;                  /* calls of get that gave one */
    uint64_t waited;                /* calls that had to wait */
    uint64_t left;                  /* of those, by time, cancellation, close */
    uint64_t created;
    uint64_t destroyed;
    uint64_t failed;                /* times that none could be created */
    uint64_t sick;                  /* times that a check found one broken */
    uint32_t idle;                  /* now */
    uint32_t busy;                  /* now: lent, or being made or destroyed */
    uint32_t waiting;               /* now */
    uint32_t reserved;
};

/* Gives a pool, with nothing in it. `config` is borrowed; create and destroy
 * have to be there. 0; -EINVAL: they are not, more than 65,536, least beyond
 * most, a negative time; -ENOMEM. Does not wait. */
int moirai_resource_open(struct moirai_resources **pool,
                         const struct moirai_resources_config *config);

/* Lends one: the one that was in use last, or a new one, or, when there are as
 * many as may be, whatever is given back when it is the caller's turn. 0;
 * -EPIPE: the pool was closed; -EAGAIN for MOIRAI_NOW, -ETIMEDOUT, -ECANCELED;
 * -ECHILD: this is a forked child, and who has them is not in it; or what
 * create returned. On an error nothing is lent. Can wait. */
int moirai_resource_get(struct moirai_resources *pool,
                        struct moirai_resource *lent, int64_t deadline_ns);

/* Gives it back, for the next to use. 0, or -EINVAL: it was given back already.
 * Any thread. Can wait if destroy can. */
int moirai_resource_put(struct moirai_resource *lent);

/* Gives it back to be destroyed, as it is broken. Otherwise as put. */
int moirai_resource_drop(struct moirai_resource *lent);

/* Destroys what is idle for too long or too old, and creates up to the least.
 * 0, or what create returned. *next_ns (may be NULL) is when to come back:
 * MOIRAI_NEVER if there is nothing to look after. For a task of the program's
 * own, which sleeps until then. Can wait if create and destroy can. */
int moirai_resource_tend(struct moirai_resources *pool, int64_t deadline_ns,
                         int64_t *next_ns);

/* Ends it: who waits is told, what is idle destroyed, what is lent waited for.
 * 0: the pool is gone. -EAGAIN, -ETIMEDOUT, -ECANCELED, -ECHILD: some are still
 * lent, and it is to be called again; nothing more is lent meanwhile. By one
 * caller, and once nobody will call get or tend any more. Can wait. */
int moirai_resource_close(struct moirai_resources *pool, int64_t deadline_ns);

/* Fills *stats (borrowed). Any thread; does not wait. */
void moirai_resource_read(struct moirai_resources *pool,
                          struct moirai_resources_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
