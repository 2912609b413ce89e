/* SPDX-License-Identifier: MIT */
/*
 * model_counting.c - what a worker has spawned, read while it counts: nobody is
 * seen twice, or not at all.
 *
 * About: core/scope.h, core/stats.c.
 */
#include "world.h"

#include "scope.c"

#define mo_relax(round) ((void)(round), model_skip())
#include "stats.c"

#include "task.h"

static struct moirai_runtime runtime;
static struct mo_worker worker;
static struct moirai_scope scope;
static struct moirai_site sites[2];
static struct mo_site_counters counters[2];

static void begin(void)
{
    memset(&worker, 0, sizeof worker);
    memset(&scope, 0, sizeof scope);
    memset(sites, 0, sizeof sites);
    memset(counters, 0, sizeof counters);
    model_be_outside();
    worker.runtime = scope.runtime = &runtime;
    worker.id_step = 1;
    worker.owed_scope = &scope;
    worker.owed = 8;
    sites[0].index = 1;
    sites[1].index = 2;
    worker.ticket = &sites[0];
    worker.ticket_count = &counters[0];
    worker.ticket_end = 8;
}

/* As moirai_spawn's quick way does. */
static void spawn(void)
{
    mo_store_relaxed(&worker.next_id, mo_load_relaxed(&worker.next_id) + 1);
}

static void spawn_and_balance(void)
{
    model_be(&worker);
    spawn();
    mo_scope_balance(&worker);
    spawn();
}

/* One at one site, and one at the next. */
static void spawn_at_two(void)
{
    model_be(&worker);
    spawn();
    mo_scope_ticket(&worker, &scope, &sites[1], &counters[1]);
    spawn();
}

static void read_all(void)
{
    MODEL_CHECK(spawned_by(&worker, &worker.count.spawned, ALL) <= 2);
}

static void read_site(void)
{
    MODEL_CHECK(spawned_by(&worker, &counters[0].spawned, 1) <= 1);
}

static void read_other(void)
{
    MODEL_CHECK(spawned_by(&worker, &counters[1].spawned, 2) <= 1);
}

static void end(void)
{
    MODEL_CHECK(spawned_by(&worker, &counters[0].spawned, 1) == 1);
    MODEL_CHECK(spawned_by(&worker, &counters[1].spawned, 2) == 1);
}

const struct model models[] = {
    { "all, while they are balanced", begin,
      { spawn_and_balance, read_all }, NULL },
    { "of a site, while the ticket changes", begin,
      { spawn_at_two, read_site }, end },
    { "of the next site", begin, { spawn_at_two, read_other }, end },
    { NULL, NULL, { NULL }, NULL }
};
