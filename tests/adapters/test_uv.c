/* SPDX-License-Identifier: MIT */
/*
 * test_uv.c - moirai in a loop of libuv.
 */
#include "check.h"
#include "loops.h"

#include <uv.h>

static uv_loop_t loop;
static uv_poll_t watch;
static uv_timer_t timer;
static void (*tick)(void);

static void on_ready(uv_poll_t *handle, int status, int events)
{
    CHECK_EQ(status, 0);
    CHECK_EQ(events, UV_READABLE);
    CHECK(moirai_embed_run(handle->data, MOIRAI_NOW, NULL) >= 0);
}

static void on_timer(uv_timer_t *handle)
{
    (void)handle;
    tick();
}

static void uv_begin(struct moirai_runtime *rt, void (*call)(void))
{
    tick = call;
    CHECK_EQ(uv_loop_init(&loop), 0);
    CHECK_EQ(uv_poll_init(&loop, &watch, moirai_embed_fd(rt)), 0);
    watch.data = rt;
    CHECK_EQ(uv_poll_start(&watch, UV_READABLE, on_ready), 0);
    CHECK_EQ(uv_timer_init(&loop, &timer), 0);
    CHECK_EQ(uv_timer_start(&timer, on_timer, 1, 1), 0);
}

static void uv_go(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void uv_halt(void)
{
    uv_stop(&loop);
}

static void uv_finish(void)
{
    uv_close((uv_handle_t *)&watch, NULL);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_EQ(uv_loop_close(&loop), 0);
}

TEST(uv, runs_tasks)
{
    static const struct loops_ops ops = { uv_begin, uv_go, uv_halt,
                                          uv_finish };

    for (int i = 0; i < 3; i++)
        loops_try(&ops);
}
