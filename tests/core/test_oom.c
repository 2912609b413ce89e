/* SPDX-License-Identifier: MIT */
/*
 * test_oom.c - running out of memory in any call of the interface is an error
 * of that call alone: nothing leaks, nobody hangs, and the runtime goes on.
 *
 * A scene uses some of the interface, on a runtime of its own. It is played
 * once for each allocation that it makes, which fails; then again on the same
 * runtime, where all must go well. What needs no memory is played while there
 * is none at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "mem.h"
#include "with.h"

#define FOR_EVER UINT64_MAX

struct scene {
    struct moirai_runtime *rt;
    bool sound;                     /* nothing fails this time */
};

/* 0, or out of memory if that may be. */
static int took(const struct scene *s, int rc)
{
    CHECK_FMT(rc == 0 || (rc == -ENOMEM && !s->sound),
              "a call returned %d%s", rc, s->sound ? ", later" : "");
    return rc;
}

static const char *const one_worker[] = { "runtime.workers=1", NULL };
static const char *const two_workers[] = {
    "runtime.workers=2", "runtime.trace=64", "channels.words.plugin=ring",
    "channels.words.capacity=2", NULL,
};
static const char *const in_order[] = {
    "runtime.workers=2", "scheduler.plugin=fifo", "stacks.pool=0", NULL,
};
static const char *const simulated[] = {
    "scheduler.plugin=sim", "scheduler.seed=7", "runtime.workers=2", NULL,
};

static const char *const *const settings[] = {
    one_worker, two_workers, in_order, simulated,
};

/* One that fails; returns whether the scene came so far. */
static bool play_once(void (*play)(struct scene *), const char *const *set,
                      uint64_t at)
{
    struct scene s = { .rt = NULL };
    struct mo_mem_count count;
    uint64_t asked;

    mo_mem_watch(0);
    s.rt = with_settings(set);
    mo_mem_fail(at, 1);
    play(&s);
    asked = mo_mem_fail(0, 0);
    s.sound = true;
    play(&s);
    with_end(s.rt);
    count = mo_mem_unwatch();
    CHECK_FMT(count.live == 0, "allocation %d: %d leaked", (int)at,
              (int)count.live);
    return asked >= at;
}

/* Threads differ from run to run in how much they need: a few more are tried
 * than the first that was not met. */
static void play_all(void (*play)(struct scene *))
{
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        unsigned missed = 0;

        for (uint64_t at = 1; missed < 3; at++)
            missed = play_once(play, settings[i], at) ? 0 : missed + 1;
    }
    check_leaks();
}

/* --- tasks --------------------------------------------------------------- */

#define MANY 1200                   /* tasks, more than a chunk of them */
#define SOME 300                    /* likewise of handles, and of stacks */

struct crowd {
    struct scene *scene;
    struct moirai_chan *chan;
    int ran, spawned;
};

static int come(void *arg)
{
    struct crowd *c = arg;

    with_add(&c->ran, 1);
    return 0;
}

static int spawn_crowd(void *arg)
{
    struct crowd *c = arg;
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_handle *handles[SOME];
    struct moirai_scope scope;
    int n = 0;

    attr.name = "come";
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < MANY; i++)
        c->spawned += took(c->scene, moirai_spawn(&scope, come, c)) == 0;
    for (int i = 0; i < SOME; i++)
        n += took(c->scene, moirai_spawn_with(&scope, come, c, &attr,
                                              &handles[n])) == 0;
    for (int i = 0; i < n; i++) {
        CHECK_EQ(moirai_handle_join(handles[i], MOIRAI_NEVER, NULL), 0);
        moirai_handle_put(handles[i]);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(c->ran, c->spawned + n);
    return 0;
}

/* From a task, and from outside. */
static void spawning(struct scene *s)
{
    struct crowd c = { .scene = s };
    struct moirai_scope scope;

    took(s, moirai_run(s->rt, spawn_crowd, &c));
    memset(&c, 0, sizeof c);
    c.scene = s;
    CHECK_EQ(moirai_scope_begin(&scope, s->rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < 10; i++)
        c.spawned += took(s, moirai_spawn(&scope, come, &c)) == 0;
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(c.ran, c.spawned);
}

TEST(oom, in_a_spawn_or_run_is_its_error)
{
    play_all(spawning);
}

static int wait_for_end(void *arg)
{
    struct crowd *c = arg;
    int message;

    with_add(&c->ran, 1);
    CHECK_EQ(moirai_chan_recv(c->chan, &message, MOIRAI_NEVER), -EPIPE);
    return 0;
}

/* Every task owns a stack at the same time. A task for which there is no stack
 * waits for one. */
static int gather(void *arg)
{
    struct crowd *c = arg;
    struct moirai_elem elem = MOIRAI_ELEM(int);
    struct moirai_scope scope;

    if (took(c->scene, moirai_chan_make(NULL, NULL, NULL, &elem, &c->chan,
                                        NULL)) != 0)
        return 0;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < SOME; i++)
        c->spawned += took(c->scene,
                           moirai_spawn(&scope, wait_for_end, c)) == 0;
    while (with_get(&c->ran) < c->spawned)
        CHECK_EQ(moirai_sleep_until(moirai_after(10 * MOIRAI_US)), 0);
    CHECK_EQ(moirai_chan_close(c->chan), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    moirai_chan_put(c->chan);
    return 0;
}

static void gathering(struct scene *s)
{
    struct crowd c = { .scene = s };

    took(s, moirai_run(s->rt, gather, &c));
}

TEST(oom, where_a_task_needs_a_stack_makes_it_wait_for_one)
{
    play_all(gathering);
}

static int fork_tree(void *arg)
{
    int depth = *(int *)arg - 1;
    struct moirai_frame fork;
    int rc;

    if (depth == 0)
        return 1;
    moirai_fork(&fork, fork_tree, &depth);
    if (depth % 3 == 0)
        moirai_yield();
    rc = fork_tree(&depth);
    return rc + moirai_join(&fork);
}

static int fork_on_own_stack(void *arg)
{
    CHECK_EQ(moirai_yield(), 0);
    CHECK_EQ(fork_tree(arg), 64);
    return 0;
}

static int fork_some(void *arg)
{
    struct scene *s = arg;
    struct moirai_scope scope;
    int depth = 7;

    CHECK_EQ(fork_tree(&depth), 64);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 4; i++)
        took(s, moirai_spawn(&scope, fork_on_own_stack, &depth));
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

static void forking(struct scene *s)
{
    took(s, moirai_run(s->rt, fork_some, s));
}

TEST(oom, never_shows_in_a_fork)
{
    play_all(forking);
}

/* --- channels ------------------------------------------------------------ */

static int send_two(void *arg)
{
    struct moirai_chan *chan = arg;
    int messages[2] = { 3, 4 };

    for (int i = 0; i < 2; i++)
        CHECK_EQ(moirai_chan_send(chan, &messages[i], MOIRAI_NEVER), 0);
    return 0;
}

/* Two go through; the sender may wait, the receiver does. */
static void talk(const struct scene *s, struct moirai_chan *from,
                 struct moirai_chan *to)
{
    struct moirai_scope scope;
    int messages[2];

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    if (took(s, moirai_spawn(&scope, send_two, to)) == 0)
        CHECK_EQ(moirai_chan_recv_batch(from, messages, 2, 2, MOIRAI_NEVER),
                 2);
    CHECK_EQ(moirai_scope_end(&scope), 0);
}

static void talk_both_ways(const struct scene *s, struct moirai_chan *chan)
{
    struct moirai_chan *copy = NULL;

    talk(s, chan, chan);
    if (took(s, moirai_chan_dup(chan, MOIRAI_SEND, &copy)) == 0)
        talk(s, chan, copy);
    moirai_chan_put(copy);
}

static int make_channels(void *arg)
{
    static const char *const sizes[][2] = {
        { "capacity=0", NULL }, { "capacity=1", NULL }, { "capacity=64", NULL },
    };
    const struct scene *s = arg;
    struct moirai_elem elem = MOIRAI_ELEM(int);
    struct moirai_error err;

    for (int i = 0; i < 3; i++) {
        struct moirai_chan *chan = NULL;

        err.text[0] = '\0';
        if (took(s, moirai_chan_make(NULL, "ring", sizes[i], &elem, &chan,
                                     &err)) == 0)
            talk_both_ways(s, chan);
        else
            CHECK(err.code == -ENOMEM && err.text[0] != '\0' && chan == NULL);
        moirai_chan_put(chan);
    }
    return 0;
}

static void making_channels(struct scene *s)
{
    took(s, moirai_run(s->rt, make_channels, s));
}

TEST(oom, in_making_a_channel_is_its_error)
{
    play_all(making_channels);
}

static int open_channels(void *arg)
{
    const struct scene *s = arg;
    struct moirai_elem elem = MOIRAI_ELEM(int);
    struct moirai_error err = { .text = "" };
    struct moirai_chan *ends[2] = { NULL, NULL };

    for (int i = 0; i < 2; i++) {
        int rc = moirai_chan_open(NULL, "words", MOIRAI_SEND << i, &elem,
                                  &ends[i], &err);

        if (rc == -ENOENT)
            return 0;               /* these settings have none */
        if (took(s, rc) != 0)
            CHECK(err.code == -ENOMEM && err.text[0] != '\0'
                  && ends[i] == NULL);
    }
    if (ends[0] != NULL && ends[1] != NULL)
        talk(s, ends[1], ends[0]);
    moirai_chan_put(ends[0]);
    moirai_chan_put(ends[1]);
    return 0;
}

static void opening_channels(struct scene *s)
{
    took(s, moirai_run(s->rt, open_channels, s));
}

TEST(oom, in_opening_a_channel_is_its_error)
{
    play_all(opening_channels);
}

/* --- the rest of the interface ------------------------------------------- */

static struct moirai_local local;

static int use_a_local(void *arg)
{
    const struct scene *s = arg;

    if (took(s, moirai_local_set(&local, arg)) == 0)
        CHECK(moirai_local_get(&local) == arg);
    else
        CHECK(moirai_local_get(&local) == NULL);
    CHECK_EQ(moirai_yield(), 0);
    return 0;
}

static int use_locals(void *arg)
{
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 5; i++)
        took(arg, moirai_spawn(&scope, use_a_local, arg));
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

static void setting_locals(struct scene *s)
{
    took(s, moirai_run(s->rt, use_locals, s));
}

TEST(oom, in_setting_a_local_leaves_it_unset)
{
    play_all(setting_locals);
}

/* --- none at all --------------------------------------------------------- */

struct quiet {
    struct moirai_chan *chan;       /* holds nothing: every send waits */
    struct moirai_mutex mutex;
    int cleaned, null;
};

static int send_one(void *arg)
{
    struct quiet *q = arg;
    int message = 5;

    return moirai_chan_send(q->chan, &message, MOIRAI_NEVER);
}

static int lock_and_wait(void *arg)
{
    struct quiet *q = arg;

    CHECK_EQ(moirai_mutex_lock(&q->mutex, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_sleep_until(moirai_after(10 * MOIRAI_US)), 0);
    return moirai_mutex_unlock(&q->mutex);
}

static void clean(void *arg)
{
    struct quiet *q = arg;

    q->cleaned++;
}

static int fail_with_text(void *arg)
{
    struct moirai_cleanup cleanup;

    moirai_cleanup_push(&cleanup, clean, arg);
    moirai_fail(-EXDEV, "on purpose");
}

static int answer(void *arg)
{
    (void)arg;
    return 42;
}

/* What waits, in the order of wait.h. */
static void wait_every_way(struct quiet *q)
{
    struct moirai_scope scope;
    int depth = 7, message = 0;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, moirai_after(MOIRAI_S)), 0);
    CHECK_EQ(moirai_yield(), 0);
    CHECK_EQ(fork_tree(&depth), 64);
    CHECK_EQ(moirai_sleep_until(moirai_after(10 * MOIRAI_US)), 0);
    CHECK_EQ(moirai_spawn(&scope, send_one, q), 0);
    CHECK_EQ(moirai_chan_recv(q->chan, &message, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_chan_recv(q->chan, &message, moirai_after(MOIRAI_US)),
             -ETIMEDOUT);
    CHECK_EQ(moirai_chan_send(q->chan, &message, MOIRAI_NOW), -EAGAIN);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(moirai_spawn(&scope, lock_and_wait, q), 0);
    CHECK_EQ(lock_and_wait(q), 0);
    CHECK_EQ(moirai_block(answer, NULL), 42);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(message, 5);
}

/* Joining, cancelling, failing. */
static void end_every_way(struct quiet *q)
{
    struct moirai_handle *handle;
    struct moirai_scope scope;
    int result = 0;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn_with(&scope, answer, NULL, NULL, &handle), 0);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, 42);
    moirai_handle_put(handle);
    CHECK_EQ(moirai_spawn_with(&scope, send_one, q, NULL, &handle), 0);
    CHECK_EQ(moirai_yield(), 0);
    moirai_handle_cancel(handle);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, -ECANCELED);
    moirai_handle_put(handle);
    CHECK_EQ(moirai_spawn(&scope, fail_with_text, q), 0);
    CHECK_EQ(moirai_scope_end(&scope), -EXDEV);
    CHECK_STR(moirai_scope_text(&scope), "on purpose");
}

static void look_every_way(struct quiet *q)
{
    struct moirai_stats stats = { .size = sizeof stats };
    struct moirai_runtime *rt = moirai_runtime_self();

    CHECK_EQ(moirai_stats_read(rt, &stats), 0);
    moirai_dump(rt, q->null);
    moirai_trace_dump(rt, q->null);
    CHECK_EQ(moirai_chan_length(q->chan), 0);
    moirai_chan_put(moirai_chan_get(q->chan));
    moirai_pin();
    moirai_unpin();
    CHECK(!moirai_cancelled());
}

/* What cannot do without. */
static void be_refused(struct quiet *q)
{
    static const char *const fresh[] = { "capacity=77", NULL };
    struct moirai_elem elem = MOIRAI_ELEM(int);
    struct moirai_error err = { .text = "" };
    struct moirai_chan *chan = NULL;

    CHECK_EQ(moirai_chan_make(NULL, NULL, fresh, &elem, &chan, &err),
             -ENOMEM);
    CHECK_STR(err.text, "out of memory");
    CHECK_EQ(moirai_chan_dup(q->chan, MOIRAI_SEND, &chan), -ENOMEM);
    CHECK_EQ(moirai_local_set(&local, q), -ENOMEM);
    CHECK(chan == NULL);
}

static int do_without(void *arg)
{
    static const char *const none[] = { "capacity=0", NULL };
    struct moirai_elem elem = MOIRAI_ELEM(int);
    struct quiet *q = arg;

    CHECK_EQ(moirai_chan_make(NULL, NULL, none, &elem, &q->chan, NULL), 0);
    for (int i = 0; i < 100; i++) {
        wait_every_way(q);
        end_every_way(q);
    }
    mo_mem_fail(1, FOR_EVER);
    for (int i = 0; i < 10; i++) {
        wait_every_way(q);
        end_every_way(q);
        look_every_way(q);
        be_refused(q);
    }
    mo_mem_fail(0, 0);
    CHECK_EQ(q->cleaned, 110);
    moirai_chan_put(q->chan);
    return 0;
}

TEST(oom, does_not_keep_a_warm_runtime_from_waiting_ending_and_showing)
{
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        struct quiet q = { .null = open("/dev/null", O_WRONLY) };
        struct moirai_runtime *rt = with_settings(settings[i]);

        mo_mem_watch(0);
        CHECK_EQ(moirai_run(rt, do_without, &q), 0);
        mo_mem_unwatch();
        with_end(rt);
        close(q.null);
    }
}

static int wait_for_ever(void *arg)
{
    with_set((int *)arg, 1);
    return moirai_sleep_until(MOIRAI_NEVER);
}

TEST(oom, does_not_keep_a_runtime_from_being_stopped)
{
    struct moirai_stop_report report = { .size = sizeof report };
    struct moirai_runtime *rt;
    struct mo_mem_count count;
    int waits = 0;

    mo_mem_watch(0);
    rt = with_workers(2);
    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), wait_for_ever, &waits), 0);
    with_wait(&waits);
    mo_mem_fail(1, FOR_EVER);
    CHECK_EQ(moirai_stop(rt, moirai_after(MOIRAI_MS), &report), -ECANCELED);
    count = mo_mem_unwatch();
    CHECK_EQ(report.waiting, 1);
    CHECK_EQ(count.asked, 0);
    CHECK_EQ(count.live, 0);
}

static int spawn_in_vain(void *arg)
{
    struct crowd *c = arg;
    struct moirai_scope scope;
    int refused = 0;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    mo_mem_fail(1, FOR_EVER);
    while (refused < 10) {
        int rc = moirai_spawn(&scope, come, c);

        c->spawned += rc == 0;
        refused += rc == -ENOMEM;
        CHECK(rc == 0 || rc == -ENOMEM);
    }
    mo_mem_fail(0, 0);
    CHECK_EQ(moirai_spawn(&scope, come, c), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(c->ran, c->spawned + 1);
    return 0;
}

TEST(oom, that_lasts_refuses_spawns_for_as_long)
{
    mo_mem_watch(0);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        struct moirai_runtime *rt = with_settings(settings[i]);
        struct crowd c = { .ran = 0 };

        CHECK_EQ(moirai_run(rt, spawn_in_vain, &c), 0);
        with_end(rt);
    }
    CHECK_EQ(mo_mem_unwatch().live, 0);
}
