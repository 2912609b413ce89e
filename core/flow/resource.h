/* SPDX-License-Identifier: MIT */
/*
 * resource.h - what a pool of resources is made of.
 */
#ifndef MO_RESOURCE_H
#define MO_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include <moirai/resource.h>

#include "wait.h"

#define MO_NO_SLOT UINT32_MAX

struct mo_slot {                    /* its owner's; in a list, by the lock */
    void *value;                    /* NULL: none */
    int64_t since_ns;               /* when it was given back, or made */
    int64_t until_ns;               /* the end of its life */
    uint32_t next, prev;            /* prev of idle ones only */
    MO_ATOMIC(uint32_t) turn;       /* odd: it is lent */
};

struct moirai_resources {
    uint32_t lock;                  /* guards all that is not constant */
    bool closed;
    bool timed;                     /* the clock matters; constant, as is */
    struct moirai_resources_config config;
    struct mo_queue waiters;        /* for a slot, oldest first */
    struct mo_queue closers;        /* for the last one to come back */
    uint32_t idle_first, idle_last; /* last used first */
    uint32_t free_first;
    struct moirai_resources_stats stats;
    struct mo_slot slots[];
};

/* Makes an idle, or a free, slot the caller's. The lock is held. */
void mo_resource_take_idle(struct moirai_resources *pool, uint32_t at);
uint32_t mo_resource_take_free(struct moirai_resources *pool);

/* The caller's slot is for others; the pool may be gone on return. Destroys
 * what is in it if the pool is closed, so it can wait. */
void mo_resource_release(struct moirai_resources *pool, uint32_t at);

/* What is, or is to be, in the caller's slot. Both can wait. */
int mo_resource_create(struct moirai_resources *pool, uint32_t at,
                       int64_t deadline_ns);
void mo_resource_destroy(struct moirai_resources *pool, uint32_t at);

#endif
