/* SPDX-License-Identifier: MIT */
/*
 * mmap.h - what the two halves of the module share: mmap.c, which hands stacks
 * out, and guards.c, which guards them.
 */
#ifndef MMAP_H
#define MMAP_H

#include <moirai/stack.h>

#include <pthread.h>
#include <stdbool.h>

#include "pages.h"

#define MMAP_MANY 64                /* stacks dealt with at once */

enum mmap_guard_choice {
    MMAP_AUTO,
    MMAP_INSTALL,
    MMAP_MPROTECT,
    MMAP_NONE
};

struct mmap_config {
    uint64_t size;
    uint64_t loop;
    uint64_t extra;                 /* 0: none */
    uint64_t guard;                 /* 0: auto */
    uint64_t pool;
    uint32_t guard_kind;            /* enum mmap_guard_choice */
};

struct mmap_region {
    struct mmap_region *next;
    void *start;
    size_t bytes;
};

struct mmap_class {                 /* all but `size` under the state's lock */
    size_t size;                    /* usable bytes of a stack; constant, as */
    size_t guard;                   /* is this */
    struct mmap_region *regions;
    char *fresh, *fresh_end;        /* of the newest region: not carved yet */
    uintptr_t *warm, *cold;         /* base | enum moirai_guard */
    size_t warm_count;              /* warm has room for `pool` */
    size_t cold_count, cold_room;
    uint64_t carvable;              /* stacks in all regions */
};

struct mmap_state {
    const struct moirai_host *host; /* constant, as are the next two */
    size_t page;
    size_t pool;
    enum mmap_means means;          /* as is this */
    pthread_mutex_t lock;           /* guards the rest */
    struct mmap_class classes[MOIRAI_STACK_CLASSES];
    enum moirai_guard guard_kind;   /* in force */
    uint64_t guards_left;           /* how many mprotect may still set */
    uint64_t reserved_bytes;
    uint64_t stacks;                /* handed out */
};

/* Decides how overflow is caught, for good unless it fails later. */
int mo_mmap_guards_choose(struct mmap_state *s, uint32_t choice,
                       struct moirai_error *err);

/* Guards those of the `n` stacks that are not, all of one class and at most
 * MMAP_MANY, as well as can be. Nobody else knows of them. */
void mo_mmap_guards_set(struct mmap_state *s, struct moirai_stack *stacks,
                     uint32_t n);

size_t mo_mmap_guards_relax(void *state, const struct moirai_stack *stack,
                         bool open);

#endif
