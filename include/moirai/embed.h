/* SPDX-License-Identifier: MIT */
/*
 * moirai/embed.h - a runtime inside another library's event loop.
 *
 * A program that has a loop already (libuv, libev, GLib, one of its own) starts
 * a runtime with MOIRAI_CONFIG_EMBEDDED. Its one worker has no thread: it is
 * the thread that started it, whenever the loop calls moirai_embed_run, and
 * tasks run there, on stacks of their own. So tasks and callbacks of the loop
 * never run at the same time, and tasks may call what the loop's library
 * forbids to other threads.
 *
 * The loop watches one descriptor, and calls moirai_embed_run when that is
 * readable; nothing else is needed. In its callbacks the thread is a plain one:
 * it may spawn tasks, send with MOIRAI_NOW, set events, complete futures. If it
 * waits for tasks there (moirai_run, moirai_stop, a deadline that is not
 * MOIRAI_NOW), the runtime runs meanwhile, and the loop does not.
 *
 * Other threads may do all that plain threads may. moirai_block has threads of
 * its own here, too.
 */
#ifndef MOIRAI_EMBED_H
#define MOIRAI_EMBED_H

#include <stdint.h>

#include <moirai/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The descriptor, the runtime's: it is readable when moirai_embed_run has
 * something to do, deadlines that have come included. May be watched by level,
 * as poll(2) does, or by edge. -EPERM: the runtime is not embedded; -ECHILD.
 * Any thread; does not wait. */
int moirai_embed_fd(struct moirai_runtime *runtime);

/* Runs what can run, until there is no more of it, or a task gives up its turn
 * after `until_ns` (on moirai_now's clock; MOIRAI_NOW: some 50 us). 1: there is
 * more to do, and the descriptor is readable; 0: there is not, before it is
 * readable again, at *next_ns at the latest (may be NULL; MOIRAI_NEVER: at no
 * time). -EPERM: the runtime is not embedded, or in another thread;
 * -EDEADLK from a task; -ECHILD. */
int moirai_embed_run(struct moirai_runtime *runtime, int64_t until_ns,
                     int64_t *next_ns);

#ifdef __cplusplus
}
#endif

#endif
