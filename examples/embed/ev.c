/* SPDX-License-Identifier: MIT */
/*
 * ev.c - moirai in a loop of libev.
 */
#include "work.h"

#include <ev.h>

static void on_ready(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    moirai_embed_run(io->data, MOIRAI_NOW, NULL);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
    work_tick();
}

static void stop(void *loop)
{
    ev_break(loop, EVBREAK_ALL);
}

int main(void)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct moirai_runtime *runtime = work_begin(5, stop, loop);
    ev_timer timer;
    ev_io io;

    ev_io_init(&io, on_ready, moirai_embed_fd(runtime), EV_READ);
    io.data = runtime;
    ev_io_start(loop, &io);
    ev_timer_init(&timer, on_timer, 0.001, 0.002);
    ev_timer_start(loop, &timer);
    ev_run(loop, 0);

    ev_loop_destroy(loop);
    return work_end(runtime);
}
