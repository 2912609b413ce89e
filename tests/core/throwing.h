/* SPDX-License-Identifier: MIT */
/*
 * throwing.h - bodies of tasks, written in C++; each returns 0 or fails.
 */
#ifndef THROWING_H
#define THROWING_H

#ifdef __cplusplus
extern "C" {
#endif

/* Many that wait in handlers and in destructors, side by side. */
int throwing_many(void *unused);

/* A handler that forks, and a fork that throws. */
int throwing_forks(void *unused);

/* Fails with -EIO inside a handler; and finds whether anything is left. */
int throwing_fails(void *unused);
int throwing_left_nothing(void *unused);

#ifdef __cplusplus
}
#endif

#endif
