/* SPDX-License-Identifier: MIT */
/*
 * trial.h - doing something dangerous in a child process first.
 *
 * Loading a module runs code and trusts tables that may be corrupt in ways no
 * check finds. The tools look at files they know nothing about, so they let a
 * child try first. Not for the library inside somebody's program: forking
 * there is not ours to do.
 */
#ifndef MO_TRIAL_H
#define MO_TRIAL_H

#include <stddef.h>

/* Runs fn(arg) in a child with its output thrown away, and lets the child exit
 * as a program does, destructors and all. 0 if it got through that; else
 * -ENOEXEC with how the child ended in `why` (n bytes), or another negative
 * errno if there could be no child. */
int mo_trial_run(void (*fn)(void *arg), void *arg, char *why, size_t n);

#endif
