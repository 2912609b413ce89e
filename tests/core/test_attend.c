/* SPDX-License-Identifier: MIT */
/*
 * test_attend.c - tasks that wait go on beside tasks that keep all workers.
 *
 * Each body whose computing tasks spin until a waiting one says so would never
 * end without somebody who attends to that.
 */
#include "check.h"
#include "with.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attend.h"
#include "mem.h"

#define SLEEPS 5
#define SLEEPERS 8

/* --- the history of a site ------------------------------------------------ */

/* How often a task is refused until the next one is let through. */
static unsigned refusals(struct mo_history *history)
{
    unsigned n = 0;

    while (!mo_history_admits(history))
        n++;
    return n;
}

TEST(history, lets_through_who_has_not_been_seen_to_compute)
{
    struct mo_history history = { .refusals = 0 };

    CHECK(mo_history_admits(&history));
    mo_history_judge(&history, MO_HISTORY_LONG);
    CHECK(mo_history_admits(&history));
    CHECK_EQ(history.turned_down, 0);
}

TEST(history, tries_who_computes_less_and_less_often)
{
    struct mo_history history = { .refusals = 0 };

    for (unsigned n = MO_HISTORY_FIRST; n < 4 * MO_HISTORY_MOST; n *= 2) {
        mo_history_judge(&history, MO_HISTORY_LONG + 1);
        CHECK_EQ(refusals(&history),
                 n < MO_HISTORY_MOST ? n : MO_HISTORY_MOST);
    }
    CHECK(history.turned_down > MO_HISTORY_MOST);
}

TEST(history, forgives_who_is_short_again)
{
    struct mo_history history = { .refusals = 0 };

    mo_history_judge(&history, MO_HISTORY_LONG + 1);
    refusals(&history);
    mo_history_judge(&history, MO_HISTORY_LONG + 1);
    CHECK_EQ(refusals(&history), 2 * MO_HISTORY_FIRST);
    mo_history_judge(&history, 1);
    mo_history_judge(&history, MO_HISTORY_LONG + 1);
    CHECK_EQ(refusals(&history), MO_HISTORY_FIRST);
}

TEST(history, knows_who_was_found_computing_on_a_worker)
{
    struct mo_history history = { .refusals = 0 };

    mo_history_found_busy(&history);
    mo_history_found_busy(&history);
    CHECK_EQ(history.busy, 2);
    CHECK_EQ(refusals(&history), MO_HISTORY_FIRST);
}

TEST(history, adds_up_how_late_timers_were)
{
    struct mo_history history = { .refusals = 0 };

    mo_history_woke(&history, 10);
    mo_history_woke(&history, -1);
    mo_history_woke(&history, 30);
    CHECK_EQ(history.woken, 3);
    CHECK_EQ(history.timed, 2);
    CHECK_EQ(history.late_ns, 40);
    CHECK_EQ(history.latest_ns, 30);
}

/* --- beside tasks that never end by themselves ---------------------------- */

struct beside {
    unsigned workers;
    int begun;                      /* tasks that spin */
    int go_on;                      /* they need not any more */
    struct moirai_event event;
    uint64_t attended;
};

static struct moirai_runtime *hybrid(const char *word, unsigned workers,
                                     const char *also)
{
    char how[40], number[40];
    const char *const set[] = { how, number, also, NULL };

    snprintf(how, sizeof how, "scheduler.hybrid=%s", word);
    snprintf(number, sizeof number, "runtime.workers=%u", workers);
    return with_settings(set);
}

static int spin(void *arg)
{
    struct beside *beside = arg;

    with_add(&beside->begun, 1);
    while (with_get(&beside->go_on) == 0)
        continue;
    return 0;
}

/* Waits for all workers to be kept, and lets them go in the end. */
static int sleep_beside(void *arg)
{
    struct beside *beside = arg;
    int slept = 0;

    while (with_get(&beside->begun) < (int)beside->workers || slept < SLEEPS) {
        CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
        slept++;
    }
    with_set(&beside->go_on, 1);
    return 0;
}

static int await_event(void *arg)
{
    struct beside *beside = arg;

    CHECK_EQ(moirai_event_wait(&beside->event, MOIRAI_NEVER), 0);
    with_set(&beside->go_on, 1);
    return 0;
}

static void spawn_spinners(struct moirai_runtime *rt, struct beside *beside)
{
    for (unsigned i = 0; i < beside->workers; i++)
        CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), spin, beside), 0);
}

static uint64_t attended(struct moirai_runtime *rt)
{
    struct moirai_stats stats = { .size = sizeof stats };

    CHECK_EQ(moirai_stats_read(rt, &stats), 0);
    return stats.attended;
}

static void get_by(unsigned workers, const char *also)
{
    struct moirai_runtime *rt = hybrid("on", workers, also);
    struct beside beside = { .workers = workers };

    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), sleep_beside, &beside),
             0);
    spawn_spinners(rt, &beside);
    with_wait(&beside.go_on);
    CHECK(attended(rt) > 0);
    with_end(rt);
}

TEST(attend, a_sleeper_gets_by_tasks_that_spin)
{
    get_by(1, NULL);
    get_by(2, NULL);
    get_by(4, "runtime.stuck=5ms");
}

/* The event is set once all workers are kept. */
TEST(attend, so_does_who_is_woken_from_outside)
{
    struct moirai_runtime *rt = hybrid("on", 2, NULL);
    struct beside beside = { .workers = 2 };
    struct timespec pause = { 0, 1000000 };

    beside.event = (struct moirai_event)MOIRAI_EVENT_INIT;
    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), await_event, &beside), 0);
    spawn_spinners(rt, &beside);
    while (with_get(&beside.begun) != 2)
        nanosleep(&pause, NULL);
    moirai_event_set(&beside.event);
    with_wait(&beside.go_on);
    with_end(rt);
}

/* Once it has been pinned to the attendant nobody else may run it. */
static int sleep_pinned(void *arg)
{
    struct beside *beside = arg;
    int here;

    while (with_get(&beside->begun) < (int)beside->workers)
        CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    moirai_pin();
    here = moirai_worker_index();
    for (int i = 0; i < SLEEPS; i++) {
        CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
        CHECK_EQ(moirai_worker_index(), here);
    }
    with_set(&beside->go_on, 1);
    for (int i = 0; i < SLEEPS; i++) {
        CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
        CHECK_EQ(moirai_worker_index(), here);
    }
    moirai_unpin();
    return 0;
}

TEST(attend, who_is_pinned_there_stays_there)
{
    struct moirai_runtime *rt = hybrid("on", 2, NULL);
    struct beside beside = { .workers = 2 };

    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), sleep_pinned, &beside),
             0);
    spawn_spinners(rt, &beside);
    with_wait(&beside.go_on);
    with_end(rt);
}

/* --- called when it is needed --------------------------------------------- */

/* Turns that are long, for as long as nobody attends. */
static int keep_for_long(void *arg)
{
    struct beside *beside = arg;
    int64_t until = moirai_after(3 * MOIRAI_MS);

    with_add(&beside->begun, 1);
    while (with_get(&beside->go_on) == 0) {
        while (moirai_now() < until && with_get(&beside->go_on) == 0)
            continue;
        until = moirai_after(3 * MOIRAI_MS);
        moirai_yield();
    }
    return 0;
}

/* Until it was the attendant who let it go on. */
static int sleep_until_attended(void *arg)
{
    struct beside *beside = arg;

    while (attended(moirai_runtime_self()) == 0)
        CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    with_set(&beside->go_on, 1);
    return 0;
}

TEST(attend, is_called_by_a_worker_that_was_kept)
{
    struct moirai_runtime *rt = hybrid("auto", 2, NULL);
    struct beside beside = { .workers = 2 };

    CHECK_EQ(rt->staff.attendants, 1);
    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), sleep_until_attended,
                          &beside), 0);
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), keep_for_long,
                              &beside), 0);
    with_wait(&beside.go_on);
    with_end(rt);
}

TEST(attend, is_not_where_nobody_wants_it)
{
    static const struct {
        const char *word;
        unsigned workers;
        const char *also;
        unsigned attendants;
    } cases[] = {
        { "off", 2, NULL, 0 },
        { "auto", 1, NULL, 0 },
        { "auto", 2, "scheduler.plugin=fifo", 0 },
        { "on", 2, "scheduler.plugin=prio", 0 },
        { "auto", 2, "scheduler.plugin=sim", 0 },
        { "on", 1, NULL, 1 },
        { "auto", 1, "runtime.workers_max=2", 1 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct moirai_runtime *rt = hybrid(cases[i].word, cases[i].workers,
                                           cases[i].also);

        CHECK_EQ(rt->staff.attendants, cases[i].attendants);
        with_end(rt);
    }
}

/* --- who computes after a sleep ------------------------------------------- */

static int sleep_and_compute(void *arg)
{
    struct moirai_runtime *rt = moirai_runtime_self();
    const struct mo_history *history;
    int64_t until;

    (void)arg;
    do {
        CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
        until = moirai_after(3 * MO_HISTORY_LONG);
        while (moirai_now() < until)
            continue;
        history = &rt->attend->sites[mo_here()->task->site->index];
    } while (mo_load_relaxed(&history->penalty) == 0);
    return 0;
}

TEST(attend, finds_out_who_computes_after_a_sleep)
{
    struct moirai_runtime *rt = hybrid("on", 1, NULL);

    for (int i = 0; i < 4; i++)
        CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), sleep_and_compute,
                              NULL), 0);
    with_end(rt);
}

/* --- nothing is lost ------------------------------------------------------ */

struct mix {
    struct moirai_chan *chan;
    int ran;
};

static int wait_in_turns(void *arg)
{
    struct mix *mix = arg;
    int64_t message = 1;

    for (int i = 0; i < SLEEPS; i++) {
        CHECK_EQ(moirai_sleep_until(moirai_after(i * MOIRAI_US)), 0);
        if (i == 2)
            moirai_pin();
        CHECK_EQ(moirai_chan_send(mix->chan, &message, MOIRAI_NEVER), 0);
        moirai_yield();
    }
    moirai_unpin();
    with_add(&mix->ran, 1);
    return 0;
}

static int take_all(void *arg)
{
    struct mix *mix = arg;
    int64_t message;

    for (int i = 0; i < SLEEPERS * SLEEPS; i++) {
        int rc = moirai_chan_recv(mix->chan, &message,
                                  moirai_after(3 * MOIRAI_US));

        if (rc == -ETIMEDOUT)
            i--;
        else
            CHECK_EQ(rc, 0);
    }
    with_add(&mix->ran, 1);
    return 0;
}

static int compute(void *arg)
{
    struct mix *mix = arg;

    for (int i = 0; i < SLEEPS; i++)
        moirai_yield();
    with_add(&mix->ran, 1);
    return 0;
}

static int all_kinds(void *arg)
{
    const struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct mix mix = { .ran = 0 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_chan_make(NULL, NULL, NULL, &elem, &mix.chan, NULL), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, take_all, &mix), 0);
    for (int i = 0; i < SLEEPERS; i++) {
        CHECK_EQ(moirai_spawn(&scope, wait_in_turns, &mix), 0);
        CHECK_EQ(moirai_spawn(&scope, compute, &mix), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(mix.ran, 2 * SLEEPERS + 1);
    moirai_chan_put(mix.chan);
    return 0;
}

TEST(attend, loses_nobody)
{
    for (unsigned i = 0; i < with_times(20); i++) {
        struct moirai_runtime *rt = hybrid("on", 1 + i % 3, NULL);

        CHECK_EQ(moirai_run(rt, all_kinds, NULL), 0);
        with_end(rt);
    }
}

TEST(attend, loses_nobody_in_any_order)
{
    for (unsigned seed = 1; seed <= with_times(60); seed++) {
        char text[40];
        const char *const set[] = { "scheduler.plugin=sim", text,
                                    "scheduler.hybrid=on",
                                    "runtime.workers=2", NULL };

        snprintf(text, sizeof text, "scheduler.seed=%u", seed);
        with_as(set, all_kinds, NULL);
    }
}

static int resize(void *arg)
{
    struct moirai_runtime *rt = moirai_runtime_self();

    (void)arg;
    for (uint32_t i = 0; i < 10; i++) {
        CHECK_EQ(moirai_runtime_resize(rt, 1 + i % 4), 0);
        all_kinds(NULL);
    }
    return 0;
}

TEST(attend, leaves_its_place_out_when_workers_are_counted)
{
    struct moirai_runtime *rt = hybrid("on", 1, "runtime.workers_max=4");
    struct moirai_stats stats = { .size = sizeof stats };

    CHECK_EQ(moirai_run(rt, resize, NULL), 0);
    CHECK_EQ(moirai_runtime_resize(rt, 4), 0);
    CHECK_EQ(moirai_stats_read(rt, &stats), 0);
    CHECK_EQ(stats.workers, 4);
    CHECK_EQ(mo_load(&rt->staff.started), 5);
    with_end(rt);
}

/* --- memory and files ----------------------------------------------------- */

TEST(attend, a_start_without_memory_leaves_nothing)
{
    static const char *const set[] = { "scheduler.hybrid=on",
                                       "runtime.workers=1", NULL };
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_runtime *rt = NULL;
    int rc = -ENOMEM;

    for (uint64_t nth = 1; rc != 0; nth++) {
        struct moirai_error err;

        mo_mem_watch(nth);
        rc = moirai_start(&rt, &config, &err);
        if (rc == 0)
            with_end(rt);
        CHECK(rc == 0 || rc == -ENOMEM);
        CHECK_EQ(mo_mem_unwatch().live, 0);
    }
}

TEST(attend, says_in_a_file_what_came_of_it)
{
    char path[] = "/tmp/moirai-attend-XXXXXX";
    char also[80];
    char text[4096];
    int fd = mkstemp(path);
    ssize_t n;

    CHECK(fd >= 0);
    snprintf(also, sizeof also, "scheduler.hybrid_file=%s", path);
    get_by(2, also);
    n = pread(fd, text, sizeof text - 1, 0);
    CHECK(n > 0);
    text[n] = '\0';
    CHECK_FMT(strstr(text, "hybrid: the attendant was called") != NULL
              && strstr(text, "test_attend.c:") != NULL
              && strstr(text, " with the attendant, after timers ") != NULL,
              "\"%s\"", text);
    close(fd);
    unlink(path);
}
