/* SPDX-License-Identifier: MIT */
/*
 * uv.c - moirai in a loop of libuv.
 */
#include "work.h"

#include <uv.h>

static void on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    moirai_embed_run(poll->data, MOIRAI_NOW, NULL);
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer;
    work_tick();
}

static void stop(void *loop)
{
    uv_stop(loop);
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    struct moirai_runtime *runtime = work_begin(5, stop, loop);
    uv_timer_t timer;
    uv_poll_t poll;
    int rc;

    uv_poll_init(loop, &poll, moirai_embed_fd(runtime));
    poll.data = runtime;
    uv_poll_start(&poll, UV_READABLE, on_ready);
    uv_timer_init(loop, &timer);
    uv_timer_start(&timer, on_timer, 1, 2);
    uv_run(loop, UV_RUN_DEFAULT);

    uv_close((uv_handle_t *)&poll, NULL);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    rc = work_end(runtime);
    uv_loop_close(loop);
    return rc;
}
