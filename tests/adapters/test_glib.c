/* SPDX-License-Identifier: MIT */
/*
 * test_glib.c - moirai in a loop of GLib.
 */
#include "check.h"
#include "loops.h"

#include <glib-unix.h>

static GMainLoop *loop;
static guint watch, timer;
static void (*tick)(void);

static gboolean on_ready(gint fd, GIOCondition condition, gpointer rt)
{
    (void)fd;
    CHECK_EQ(condition, G_IO_IN);
    CHECK(moirai_embed_run(rt, MOIRAI_NOW, NULL) >= 0);
    return G_SOURCE_CONTINUE;
}

static gboolean on_timer(gpointer unused)
{
    (void)unused;
    tick();
    return G_SOURCE_CONTINUE;
}

static void glib_begin(struct moirai_runtime *rt, void (*call)(void))
{
    tick = call;
    loop = g_main_loop_new(NULL, FALSE);
    watch = g_unix_fd_add(moirai_embed_fd(rt), G_IO_IN, on_ready, rt);
    timer = g_timeout_add(1, on_timer, NULL);
}

static void glib_go(void)
{
    g_main_loop_run(loop);
}

static void glib_halt(void)
{
    g_main_loop_quit(loop);
}

static void glib_finish(void)
{
    CHECK(g_source_remove(watch));
    CHECK(g_source_remove(timer));
    g_main_loop_unref(loop);
}

TEST(glib, runs_tasks)
{
    static const struct loops_ops ops = { glib_begin, glib_go, glib_halt,
                                          glib_finish };

    for (int i = 0; i < 3; i++)
        loops_try(&ops);
}
