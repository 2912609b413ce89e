/* SPDX-License-Identifier: MIT */
/*
 * sim.h - what the rest of the core may ask of the simulator by name.
 */
#ifndef MO_SIM_H
#define MO_SIM_H

#include "os/os.h"

/* Called before the process is aborted because everything waits for ever. */
void mo_sim_on_stuck(struct mo_os *os, void (*stuck)(void *), void *arg);

/* The running thread has changed to another stack; for the sanitizers. */
void mo_sim_moved(struct mo_sanitize *to);

#endif
