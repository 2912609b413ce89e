/* SPDX-License-Identifier: MIT */
/*
 * queue.h - what a worker has of the scheduler plugin.
 */
#ifndef MO_QUEUE_H
#define MO_QUEUE_H

#include "worker.h"

/* The plugin's functions, and memory for its part of the worker. False: there
 * is none; mo_queue_close is called all the same. */
bool mo_queue_open(const struct moirai_runtime *rt,
                   struct mo_queue_ops *queue);
void mo_queue_close(struct mo_queue_ops *queue);

/* The plugin has begun: what it lends the core; before mo_near_place. */
void mo_queue_lend(const struct moirai_runtime *rt,
                   struct mo_queue_ops *queue);

#endif
