/* SPDX-License-Identifier: MIT */
/*
 * watch.h - dumps of all tasks, asked for by a signal.
 */
#ifndef MO_WATCH_H
#define MO_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MO_WATCH_CALLS 64

struct mo_worker;
struct moirai_runtime;
struct moirai_site;

/* What a worker was doing at the moment it was asked. */
struct mo_watch_answer {
    uint32_t worker;
    uint32_t id;                    /* of its task; 0: it ran none */
    const char *name;
    const struct moirai_site *site;
    uintptr_t function;             /* the task's */
    size_t n;
    uintptr_t pcs[MO_WATCH_CALLS];
};

/* Watches for rt's dump_signal from now on, if it has one and the program has
 * no use for it. 0, or what starting a thread says. The caller holds
 * mo_child_forbid, as for close, after which no dump of `rt` goes on. */
int mo_watch_open(struct moirai_runtime *rt);
void mo_watch_close(struct moirai_runtime *rt);

/* Interrupts a worker that is awake to ask it. False: it is asleep, it cannot
 * be asked, somebody else is asking, or it has not answered in time. */
bool mo_watch_ask(struct mo_worker *w, struct mo_watch_answer *answer);

/* In a forked child: the signals are the program's again. */
void mo_watch_forked(void);

#endif
