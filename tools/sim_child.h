/* SPDX-License-Identifier: MIT */
/*
 * sim_child.h - one run of a program that may fail.
 */
#ifndef SIM_CHILD_H
#define SIM_CHILD_H

#include <sys/types.h>

#include "sim.h"

#define SIM_TEXT 8192               /* of standard error that is kept */

struct sim_child {
    pid_t pid;                      /* 0: none */
    int error;                      /* its standard error; -1: at its end */
    int64_t end_ms;                 /* it is killed then */
    int exec_errno;
    size_t used;
    char text[SIM_TEXT];
};

/* Starts the program in a process group of its own, with MOIRAI_SET as said.
 * `shown`: it writes where we do, `to_error` all of it there. 0 or errno. */
int sim_child_start(struct sim_child *c, char **program, const char *settings,
                    unsigned timeout_s, bool shown, bool to_error);

/* Takes what it wrote. True: it has ended, is gone, and *outcome says how; it
 * is killed when its time is up. */
bool sim_child_ended(struct sim_child *c, struct sim_outcome *outcome);

/* Ends it and what it started, if there is one. */
void sim_child_kill(struct sim_child *c);

int64_t sim_child_now_ms(void);

#endif
