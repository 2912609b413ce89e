/* SPDX-License-Identifier: MIT */
/*
 * stress_flow.c - limits, breakers, pools, supervisors and streams, each by a
 * few at once who give up and fail as chance has it: what goes in comes out, or
 * is counted.
 */
#include "stress.h"

#define CROWD 4
#define TURNS 20

static void begin(struct moirai_scope *scope, struct dice *dice)
{
    CHECK_EQ(moirai_scope_begin(scope, stress_rt, roll(dice, 5) != 0
             ? MOIRAI_NEVER : moirai_after(roll(dice, 400) * MOIRAI_US)), 0);
}

static void end(struct moirai_scope *scope, struct dice *dice)
{
    for (uint32_t i = roll(dice, 6); i > 0; i--)
        moirai_yield();
    if (roll(dice, 5) == 0)
        moirai_scope_cancel(scope);
    moirai_scope_end(scope);
    moved();
}

/* --- limits --------------------------------------------------------------- */

struct gate {
    struct moirai_limit limit;
    uint32_t most;                  /* at once; 0: there is no such bound */
    uint32_t inside;                /* atomic, as is */
    uint64_t had;
};

struct guest {
    void *of;                       /* what all share */
    struct dice dice;
};

static int go_through(void *arg)
{
    struct guest *g = arg;
    struct gate *gate = g->of;

    for (int i = 0; i < TURNS; i++) {
        uint32_t n = 1 + roll(&g->dice, 2);
        int rc = moirai_limit_acquire(&gate->limit, n, roll(&g->dice, 2)
                 ? MOIRAI_NOW : moirai_after(roll(&g->dice, 100) * MOIRAI_US));

        CHECK_FMT(rc == 0 || gave_up(rc), "acquire: %d", rc);
        if (rc != 0)
            continue;
        with_add(&gate->had, n);
        if (gate->most == 0)
            continue;
        CHECK(with_add(&gate->inside, n) <= gate->most);
        if (roll(&g->dice, 2))
            moirai_yield();
        with_add(&gate->inside, -n);
        CHECK_EQ(moirai_limit_release(&gate->limit, n), 0);
    }
    return 0;
}

static void make_limit(struct gate *gate, struct dice *dice)
{
    switch (roll(dice, 5)) {
    case 0:
        CHECK_EQ(moirai_limit_tokens(&gate->limit, 5, MOIRAI_MS, 5), 0);
        break;
    case 1:
        CHECK_EQ(moirai_limit_leaky(&gate->limit, 9, MOIRAI_MS, 4), 0);
        break;
    case 2:
        CHECK_EQ(moirai_limit_window(&gate->limit, 9, MOIRAI_MS), 0);
        break;
    case 3:
        CHECK_EQ(moirai_limit_gcra(&gate->limit, 20 * MOIRAI_US,
                                   100 * MOIRAI_US), 0);
        break;
    default:
        gate->most = 2 + roll(dice, 3);
        CHECK_EQ(moirai_limit_concurrent(&gate->limit, gate->most), 0);
    }
}

void stress_limit(struct dice *dice)
{
    struct gate gate = { .most = 0 };
    struct moirai_limit_stats stats;
    struct guest guests[CROWD];
    struct moirai_scope scope;

    make_limit(&gate, dice);
    begin(&scope, dice);
    for (uint32_t i = 0; i < CROWD; i++) {
        guests[i] = (struct guest){ &gate, dice_for(dice, i) };
        moirai_spawn(&scope, go_through, &guests[i]);
    }
    end(&scope, dice);
    moirai_limit_read(&gate.limit, &stats);
    CHECK_EQ(stats.granted, gate.had);
    CHECK_EQ(stats.waiting, 0);
    if (gate.most != 0)
        CHECK_EQ(stats.used, 0);
    stress_count(passed, stats.granted);
}

/* --- breaker -------------------------------------------------------------- */

struct callee {
    struct moirai_breaker breaker;
    uint64_t called, failed;        /* atomic */
};

static int fail_at_times(void *arg)
{
    struct guest *g = arg;
    struct callee *callee = g->of;

    with_add(&callee->called, 1);
    if (roll(&g->dice, 4) == 0)
        moirai_yield();
    if (roll(&g->dice, 3) != 0)
        return 0;
    with_add(&callee->failed, 1);
    return -EIO;
}

static int call_often(void *arg)
{
    struct guest *g = arg;
    struct callee *callee = g->of;

    for (int i = 0; i < TURNS; i++) {
        int rc = moirai_breaker_run(&callee->breaker, fail_at_times, g);

        CHECK(rc == 0 || rc == -EIO || rc == -ECONNREFUSED);
        if (rc == -ECONNREFUSED)
            moirai_sleep_until(moirai_after(20 * MOIRAI_US));
    }
    return 0;
}

void stress_breaker(struct dice *dice)
{
    struct moirai_breaker_config config = MOIRAI_BREAKER_CONFIG_INIT;
    struct callee *callee = stress_zeroed(sizeof *callee);
    struct moirai_breaker_stats stats;
    struct guest guests[CROWD];
    struct moirai_scope scope;

    config.window = 8;
    config.failures = 40;
    config.open_ns = 50 * MOIRAI_US;
    config.probes = 2;
    CHECK_EQ(moirai_breaker_init(&callee->breaker, &config), 0);
    begin(&scope, dice);
    for (uint32_t i = 0; i < CROWD; i++) {
        guests[i] = (struct guest){ callee, dice_for(dice, i) };
        moirai_spawn(&scope, call_often, &guests[i]);
    }
    end(&scope, dice);
    moirai_breaker_read(&callee->breaker, &stats);
    CHECK_EQ(stats.allowed, callee->called);
    CHECK_EQ(stats.failed, callee->failed);
    CHECK_EQ(stats.succeeded + stats.failed + stats.ignored, stats.allowed);
    stress_count(passed, stats.allowed);
    free(callee);
}

/* --- resource pool -------------------------------------------------------- */

struct thing {
    uint32_t used;                  /* atomic: by so many */
};

struct shop {
    struct moirai_resources *pool;
    uint32_t live, most;            /* atomic; constant */
    uint64_t made;                  /* atomic */
};

static int make_thing(void **value, int64_t deadline_ns, void *arg)
{
    struct shop *shop = arg;

    (void)deadline_ns;
    if (with_add(&shop->made, 1) % 11 == 0)
        return -EIO;
    CHECK(with_add(&shop->live, 1) <= shop->most);
    moirai_yield();
    *value = stress_zeroed(sizeof(struct thing));
    return 0;
}

static void destroy_thing(void *value, void *arg)
{
    struct shop *shop = arg;
    struct thing *thing = value;

    CHECK_EQ(thing->used, 0);
    with_add(&shop->live, -1);
    free(thing);
}

static int check_thing(void *value, int64_t deadline_ns, void *arg)
{
    struct shop *shop = arg;

    (void)deadline_ns;
    CHECK_EQ(((struct thing *)value)->used, 0);
    return with_get(&shop->made) % 5 == 0 ? -EPIPE : 0;
}

static int borrow(void *arg)
{
    struct guest *g = arg;
    struct shop *shop = g->of;

    for (int i = 0; i < TURNS; i++) {
        struct moirai_resource lent;
        struct thing *thing;
        int rc = moirai_resource_get(shop->pool, &lent, some_time(&g->dice));

        CHECK_FMT(rc == 0 || rc == -EIO || gave_up(rc), "get: %d", rc);
        if (rc != 0)
            continue;
        thing = lent.value;
        CHECK_EQ(with_add(&thing->used, 1), 1);
        if (roll(&g->dice, 2))
            moirai_yield();
        with_add(&thing->used, -1);
        CHECK_EQ(roll(&g->dice, 4) == 0 ? moirai_resource_drop(&lent)
                                        : moirai_resource_put(&lent), 0);
        stress_count(lent, 1);
    }
    if (roll(&g->dice, 4) == 0)
        moirai_resource_tend(shop->pool, MOIRAI_NOW, NULL);
    return 0;
}

void stress_resource(struct dice *dice)
{
    struct moirai_resources_config config = MOIRAI_RESOURCES_CONFIG_INIT;
    struct shop shop = { .most = 1 + roll(dice, 3) };
    struct guest guests[CROWD];
    struct moirai_scope scope;

    config.most = shop.most;
    config.create = make_thing;
    config.destroy = destroy_thing;
    config.check = roll(dice, 2) ? check_thing : NULL;
    config.idle_ns = 50 * MOIRAI_US;
    config.arg = &shop;
    CHECK_EQ(moirai_resource_open(&shop.pool, &config), 0);
    begin(&scope, dice);
    for (uint32_t i = 0; i < CROWD; i++) {
        guests[i] = (struct guest){ &shop, dice_for(dice, i) };
        moirai_spawn(&scope, borrow, &guests[i]);
    }
    end(&scope, dice);
    CHECK_EQ(moirai_resource_close(shop.pool, MOIRAI_NEVER), 0);
    CHECK_EQ(shop.live, 0);
}

/* --- supervisor ----------------------------------------------------------- */

struct family {
    struct moirai_supervisor supervisor;
    struct moirai_child children[3];
    struct guest guests[3];
    uint32_t running[3];            /* atomic: at most one of each */
    uint32_t starts;                /* atomic */
};

static int live(void *arg)
{
    struct guest *g = arg;
    struct family *f = g->of;
    uint32_t me = (uint32_t)(g - f->guests);
    int rc = 0;

    CHECK_EQ(with_add(&f->running[me], 1), 1);
    with_add(&f->starts, 1);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = moirai_sleep_until(moirai_after(roll(&g->dice, 60) * MOIRAI_US));
    if (rc == 0 && roll(&g->dice, 3) == 0)
        rc = -EIO;
    with_add(&f->running[me], -1);
    return rc;
}

static int stop_it(void *arg)
{
    struct guest *g = arg;
    struct family *f = g->of;

    moirai_sleep_until(moirai_after(roll(&g->dice, 300) * MOIRAI_US));
    moirai_supervisor_stop(&f->supervisor);
    return 0;
}

void stress_supervisor(struct dice *dice)
{
    struct moirai_supervisor_attr attr = MOIRAI_SUPERVISOR_ATTR_INIT;
    struct moirai_supervisor_stats stats = { .size = sizeof stats };
    struct family *f = stress_zeroed(sizeof *f);
    struct guest killer = { f, dice_for(dice, 7) };
    struct moirai_scope scope;

    attr.policy = roll(dice, 3);
    attr.restarts = (int32_t)roll(dice, 8);
    attr.backoff_ns = -1;
    for (uint32_t i = 0; i < 3; i++) {
        f->guests[i] = (struct guest){ f, dice_for(dice, i) };
        f->children[i] = (struct moirai_child){ .name = "child", .fn = live,
            .arg = &f->guests[i], .restart = roll(dice, 3) };
    }
    CHECK_EQ(moirai_supervisor_init(&f->supervisor, f->children, 3, &attr),
             0);
    CHECK_EQ(moirai_scope_begin(&scope, stress_rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, stop_it, &killer), 0);
    moirai_supervisor_run(&f->supervisor, stress_rt);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(moirai_supervisor_read(&f->supervisor, &stats), 0);
    CHECK_EQ(stats.running, 0);
    CHECK_EQ(stats.started, f->starts);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(f->running[i], 0);
    stress_count(restarted, stats.restarted);
    moved();
    free(f);
}

/* --- stream --------------------------------------------------------------- */

#define NUMBERS 200

struct river {
    int64_t made, seen;             /* of one task at a time each */
    int64_t live;                   /* atomic: messages that own memory */
    int64_t fails_at;
    struct dice dice;
};

struct drop_of_it {
    int64_t *value;
};

static struct drop_of_it drop_make(struct river *r, int64_t value)
{
    struct drop_of_it drop = { stress_zeroed(sizeof value) };

    *drop.value = value;
    with_add(&r->live, 1);
    return drop;
}

static void drop_destroy(void *message, void *ctx)
{
    struct drop_of_it *drop = message;
    struct river *r = ctx;

    with_add(&r->live, drop->value != NULL ? -1 : 0);
    free(drop->value);
}

static int spring(void *message, void *arg)
{
    struct river *r = arg;

    if (r->made == NUMBERS)
        return MOIRAI_STREAM_END;
    *(struct drop_of_it *)message = drop_make(r, r->made++);
    return 0;
}

static int copy_drop(void *from, void *to, void *arg)
{
    *(struct drop_of_it *)to = drop_make(arg,
                                         *((struct drop_of_it *)from)->value);
    return 0;
}

static int mouth(void *message, void *arg)
{
    struct river *r = arg;

    if (r->seen == r->fails_at)
        return -EIO;
    CHECK_EQ(*((struct drop_of_it *)message)->value, r->seen);
    r->seen++;
    return 0;
}

static int run_river(void *arg)
{
    struct river *r = arg;
    struct moirai_elem elem = MOIRAI_ELEM(struct drop_of_it);
    struct moirai_stream_report report = { .size = sizeof report };
    struct moirai_stage stages[6];
    size_t n = 0;
    int rc;

    elem.drop = drop_destroy;
    elem.ctx = r;
    stages[n++] = moirai_stream_generate(spring, r, elem);
    if (roll(&r->dice, 2))
        stages[n++] = moirai_stream_async(1 + roll(&r->dice, 4),
                                          roll(&r->dice, 4));
    if (roll(&r->dice, 2))
        stages[n++] = moirai_stream_workers(1 + roll(&r->dice, 3), 4,
                                            roll(&r->dice, 4),
                                            MOIRAI_STREAM_ORDERED);
    else if (roll(&r->dice, 2))
        stages[n++] = moirai_stream_pool(1, 3, roll(&r->dice, 30) * MOIRAI_US,
                                         4, MOIRAI_STREAM_ORDERED);
    stages[n++] = moirai_stream_map(copy_drop, r, elem);
    if (roll(&r->dice, 2))
        stages[n++] = moirai_stream_async(2, 0);
    stages[n++] = moirai_stream_each(mouth, r);
    rc = moirai_stream_run(stress_rt, stages, n, roll(&r->dice, 4) != 0
         ? MOIRAI_NEVER : moirai_after(roll(&r->dice, 400) * MOIRAI_US),
         &report);
    CHECK_FMT(rc == 0 || rc == -EIO || gave_up(rc), "stream: %d: %s", rc,
              report.error.text);
    CHECK(rc != 0 || r->seen == NUMBERS);
    CHECK(rc != -EIO || r->seen == r->fails_at);
    CHECK(r->seen <= r->made);
    stress_count(streamed, (uint64_t)r->seen);
    return 0;
}

void stress_stream(struct dice *dice)
{
    struct river r = { .fails_at = (int64_t)roll(dice, 2 * NUMBERS),
                       .dice = dice_for(dice, 1) };
    struct moirai_scope scope;

    begin(&scope, dice);
    moirai_spawn(&scope, run_river, &r);
    end(&scope, dice);
    CHECK_EQ(r.live, 0);
}
