/* SPDX-License-Identifier: MIT */
/*
 * bell.h - a descriptor that is readable when somebody has to go on.
 *
 * For a thread that sleeps in a loop which is not ours: it polls the bell's
 * descriptor among others, and finds it readable when the bell was rung, when
 * its time has come, or when one of the descriptors that it listens to is
 * readable.
 *
 * A bell has a parker as well, for its thread while that waits elsewhere. Who
 * unparks it may be late to ring, when its owner has gone on; so a bell's
 * memory is not given back, but to the next who opens one.
 */
#ifndef MO_BELL_H
#define MO_BELL_H

#include "os/os.h"

struct mo_bell {
    struct mo_parker parker;        /* while it is away, `rouse` rings */
    MO_ATOMIC(uint32_t) rung;       /* `event` is, or is about to be */
    int event;
    int set;                        /* what is shown: epoll, of `event`, */
    int timer;                      /* and of the rest */
    int64_t at;                     /* when `timer` is due */
    struct mo_bell *next;           /* of those that are not in use */
};

/* 0; -ENOMEM, -EMFILE, -ENFILE; -ENOSYS: this system has none. */
int mo_bell_open(struct mo_bell **bell);

/* Late rings may still come. */
void mo_bell_close(struct mo_bell *bell);

/* Any thread. */
void mo_bell_ring(struct mo_bell *bell);

/* Takes back what was rung, by who looks for what to do next. Own thread. */
void mo_bell_hush(struct mo_bell *bell);

/* Is to be readable as well when `fd` is; 0 or a negative errno. And at a time
 * on the real clock (MOIRAI_NEVER: at none) in place of the one before. */
int mo_bell_add(struct mo_bell *bell, int fd);
void mo_bell_set(struct mo_bell *bell, int64_t at);

/* Sleeps until it is readable, or until then. May return early. */
void mo_bell_wait(const struct mo_bell *bell, int64_t until);

#endif
