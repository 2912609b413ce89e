/* SPDX-License-Identifier: MIT */
/*
 * signals.h - signals as something to read, for commands that run programs.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <stdbool.h>

/* From now on those that end a program, and SIGCHLD, wait to be taken. false
 * after saying why not. */
bool signals_open(const char *command);

/* As they were before. */
void signals_close(void);

/* To be polled: readable when one came. */
int signals_fd(void);

/* The last that came since and ends a program, or 0. */
int signals_take(void);

/* In a child: as they were before. */
void signals_restore(void);

#endif
