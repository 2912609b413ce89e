/* SPDX-License-Identifier: MIT */
/*
 * factory.h - a pool of things that know whether they are used rightly.
 */
#ifndef FACTORY_H
#define FACTORY_H

#include <errno.h>

#include "check.h"
#include "with.h"

#define with_swap(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)
#define THINGS 1000                 /* then the first ones again */

struct thing {
    int used;                       /* by so many now */
    bool there, sick;
};

/* Makes things out of those it has; `live` and what is live never differ. */
struct factory {
    struct moirai_resources_config config;
    struct moirai_resources *pool;
    struct thing things[THINGS];
    int made, live, most, checks;
    int error;                      /* creating fails with it */
    int64_t takes_ns;               /* creating waits for so long */
    int fail;                       /* the task fails in: 1 create, 2 check,
                                     * 3 destroy */
};

static inline int make(void **value, int64_t deadline_ns, void *arg)
{
    struct factory *f = arg;
    struct thing *t;

    if (f->takes_ns != 0) {
        int64_t until = moirai_after(f->takes_ns);
        int rc = moirai_sleep_until(until < deadline_ns ? until : deadline_ns);

        if (rc != 0)
            return rc;
        if (until > deadline_ns)
            return -ETIMEDOUT;
    }
    if (f->fail == 1)
        moirai_fail(-EIO, "in create");
    if (f->error != 0)
        return f->error;
    CHECK(with_add(&f->live, 1) <= f->most);
    t = &f->things[(with_add(&f->made, 1) - 1) % THINGS];
    while (with_get(&t->there) || with_swap(&t->there, true))
        t = t + 1 < f->things + THINGS ? t + 1 : f->things;
    t->used = 0;
    t->sick = false;
    *value = t;
    return 0;
}

static inline void destroy(void *value, void *arg)
{
    struct factory *f = arg;
    struct thing *t = value;

    CHECK(with_get(&t->there));
    CHECK_EQ(t->used, 0);
    with_set(&t->there, false);
    with_add(&f->live, -1);
    if (f->fail == 3)
        moirai_fail(-EIO, "in destroy");
}

static inline int check(void *value, int64_t deadline_ns, void *arg)
{
    struct factory *f = arg;

    (void)deadline_ns;
    with_add(&f->checks, 1);
    if (f->fail == 2)
        moirai_fail(-EIO, "in check");
    return ((struct thing *)value)->sick ? -EPIPE : 0;
}

static inline void set_up(struct factory *f, uint32_t most)
{
    *f = (struct factory){ .config = MOIRAI_RESOURCES_CONFIG_INIT,
                           .most = (int)most };
    f->config.most = most;
    f->config.create = make;
    f->config.destroy = destroy;
    f->config.arg = f;
}

static inline void start(struct factory *f)
{
    CHECK_EQ(moirai_resource_open(&f->pool, &f->config), 0);
}

static inline void finish(struct factory *f)
{
    CHECK_EQ(moirai_resource_close(f->pool, MOIRAI_NEVER), 0);
    CHECK_EQ(f->live, 0);
}

static inline struct moirai_resources_stats stats_of(struct factory *f)
{
    struct moirai_resources_stats stats;

    moirai_resource_read(f->pool, &stats);
    return stats;
}

static inline void play(moirai_fn *body)
{
    static const char *const set[] = { "scheduler.plugin=sim",
                                       "scheduler.seed=2",
                                       "runtime.workers=1", NULL };
    struct moirai_runtime *rt = with_settings(set);

    CHECK_EQ(moirai_run(rt, body, NULL), 0);
    with_end(rt);
}

#endif
