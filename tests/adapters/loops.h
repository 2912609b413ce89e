/* SPDX-License-Identifier: MIT */
/*
 * loops.h - what must hold of a runtime in whichever library's loop.
 */
#ifndef LOOPS_H
#define LOOPS_H

#include <moirai/moirai.h>

/* A loop of a library. */
struct loops_ops {
    /* Makes it, with the runtime in it, and a timer of its own that calls tick
     * each millisecond. */
    void (*open)(struct moirai_runtime *runtime, void (*tick)(void));
    void (*run)(void);              /* until */
    void (*stop)(void);             /* is called, from within */
    void (*close)(void);
};

/* Tasks sleep, talk over sockets and with the loop's timer, and are completed
 * by threads, all at once. */
void loops_try(const struct loops_ops *ops);

#endif
