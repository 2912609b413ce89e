/* SPDX-License-Identifier: MIT */
/*
 * idle.h - workers that find nothing to do, and those who wake them.
 */
#ifndef MO_IDLE_H
#define MO_IDLE_H

#include <stdbool.h>
#include <stdint.h>

struct mo_worker;
struct moirai_runtime;

void mo_idle_init(struct moirai_runtime *rt);

/* Something was queued that any worker may take: sees to it that one is, or
 * will be, looking. Any thread; after the push. */
void mo_idle_notify(struct moirai_runtime *rt);

/* Something was queued that only `w` may take. */
void mo_idle_notify_one(struct mo_worker *w);

/* A timer was armed that is now the first of its place. */
void mo_idle_deadline(struct moirai_runtime *rt, int64_t deadline_ns);

/* The first deadline of any place. Any thread. */
int64_t mo_idle_first_deadline(const struct moirai_runtime *rt);

/* The worker found nothing: may it look harder (spin), or should it sleep?
 * True: it is counted as a searcher until mo_idle_found or mo_idle_sleep. */
bool mo_idle_search(struct mo_worker *w);

/* The same, preferably of somebody on that node. */
void mo_idle_notify_node(struct moirai_runtime *rt, uint32_t node);

/* A searcher found something: wakes another if it was the last one. */
void mo_idle_found(struct mo_worker *w);

/* Sleeps until something may have been queued, a timer is due, or the runtime
 * exits. Returns at once when it sees work after announcing its sleep. */
void mo_idle_sleep(struct mo_worker *w);

/* The I/O backend was opened: has those who sleep do so in it. */
void mo_idle_poke(struct moirai_runtime *rt);

/* Wakes everybody: the runtime exits. */
void mo_idle_wake_all(struct moirai_runtime *rt);

#endif
