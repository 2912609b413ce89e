/* SPDX-License-Identifier: MIT */
/*
 * launch.h - running a program and ending as it does.
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#define STATUS_CANNOT_START 126
#define STATUS_NO_PROGRAM 127

/* Runs the program (NULL-terminated arguments, its name first). Its status, or
 * one of the above with the reason on stderr, as shells have it. */
int launch(char **program);

#endif
