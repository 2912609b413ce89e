/* SPDX-License-Identifier: MIT */
/*
 * work.h - what the tasks do, whichever loop they are in.
 */
#ifndef WORK_H
#define WORK_H

#include <moirai/moirai.h>

/* A runtime inside the calling thread's loop, and a task that squares numbers;
 * after `n` of them it calls done(arg). Ends the program if that fails. */
struct moirai_runtime *work_begin(int n, void (*done)(void *arg), void *arg);

/* From a callback of the loop: hands the task its next number. */
void work_tick(void);

/* Once the loop has ended: the program's exit status. */
int work_end(struct moirai_runtime *runtime);

#endif
