/* SPDX-License-Identifier: MIT */
/*
 * threads.h - the questions that plain threads are asked. A task is a thread;
 * what waits, waits on a condition variable.
 */
#ifndef BENCH_THREADS_H
#define BENCH_THREADS_H

#include <pthread.h>

#include "bench.h"

typedef void *thread_body(void *arg);

/* Starts a thread, or ends the program. */
pthread_t thread_start(thread_body *body, void *arg);
void thread_join(pthread_t thread);

void ask_chan(const struct bench *bench);
void ask_chan_44(const struct bench *bench);
void ask_pingpong(const struct bench *bench);
void ask_mutex(const struct bench *bench);

void ask_wake(const struct bench *bench);
void ask_tail(const struct bench *bench);

void ask_cpu(const struct bench *bench);
void ask_start(const struct bench *bench);
void ask_idle(const struct bench *bench);

void ask_loop(const struct bench *bench);

#endif
