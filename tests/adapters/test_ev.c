/* SPDX-License-Identifier: MIT */
/*
 * test_ev.c - moirai in a loop of libev.
 */
#include "check.h"
#include "loops.h"

#include <ev.h>

static struct ev_loop *loop;
static ev_io watch;
static ev_timer timer;
static void (*tick)(void);

static void on_ready(struct ev_loop *l, ev_io *io, int events)
{
    (void)l;
    CHECK_EQ(events, EV_READ);
    CHECK(moirai_embed_run(io->data, MOIRAI_NOW, NULL) >= 0);
}

static void on_timer(struct ev_loop *l, ev_timer *t, int events)
{
    (void)l;
    (void)t;
    (void)events;
    tick();
}

static void ev_begin(struct moirai_runtime *rt, void (*call)(void))
{
    tick = call;
    loop = ev_loop_new(EVFLAG_AUTO);
    CHECK(loop != NULL);
    ev_io_init(&watch, on_ready, moirai_embed_fd(rt), EV_READ);
    watch.data = rt;
    ev_io_start(loop, &watch);
    ev_timer_init(&timer, on_timer, 0.001, 0.001);
    ev_timer_start(loop, &timer);
}

static void ev_go(void)
{
    ev_run(loop, 0);
}

static void ev_halt(void)
{
    ev_break(loop, EVBREAK_ALL);
}

static void ev_finish(void)
{
    ev_io_stop(loop, &watch);
    ev_timer_stop(loop, &timer);
    ev_loop_destroy(loop);
}

TEST(ev, runs_tasks)
{
    static const struct loops_ops ops = { ev_begin, ev_go, ev_halt,
                                          ev_finish };

    for (int i = 0; i < 3; i++)
        loops_try(&ops);
}
