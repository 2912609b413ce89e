/* SPDX-License-Identifier: MIT */
/*
 * glib.c - moirai in a loop of GLib, and so of GTK and others.
 */
#include "work.h"

#include <glib-unix.h>

static gboolean on_ready(gint fd, GIOCondition condition, gpointer runtime)
{
    (void)fd;
    (void)condition;
    moirai_embed_run(runtime, MOIRAI_NOW, NULL);
    return G_SOURCE_CONTINUE;
}

static gboolean on_timer(gpointer unused)
{
    (void)unused;
    work_tick();
    return G_SOURCE_CONTINUE;
}

static void stop(void *loop)
{
    g_main_loop_quit(loop);
}

int main(void)
{
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    struct moirai_runtime *runtime = work_begin(5, stop, loop);
    guint ready = g_unix_fd_add(moirai_embed_fd(runtime), G_IO_IN, on_ready,
                                runtime);
    guint timer = g_timeout_add(2, on_timer, NULL);

    g_main_loop_run(loop);

    g_source_remove(ready);
    g_source_remove(timer);
    g_main_loop_unref(loop);
    return work_end(runtime);
}
