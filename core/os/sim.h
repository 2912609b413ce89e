/* SPDX-License-Identifier: MIT */
/*
 * sim.h - what the rest of the core may ask of the simulator by name.
 */
#ifndef MO_SIM_H
#define MO_SIM_H

#include "os/os.h"

/* Which of `n` > 0 tasks is next; ids are theirs. */
uint32_t mo_sim_pick(struct mo_os *os, const uint32_t *ids, uint32_t n);

/* Called before the process is aborted because everything waits for ever. */
void mo_sim_on_stuck(struct mo_os *os, void (*stuck)(void *), void *arg);

/* The running thread has changed to another stack; for the sanitizers. */
void mo_sim_moved(struct mo_sanitize *to);

#endif
