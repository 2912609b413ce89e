/* SPDX-License-Identifier: MIT */
/*
 * kind.c - the kinds of plugins there are, one row each.
 */
#include "kind.h"

#include <stdbool.h>
#include <string.h>

#include <moirai/chan_ops.h>
#include <moirai/io_ops.h>
#include <moirai/sched.h>
#include <moirai/stack.h>
#include <moirai/tran.h>

#define SLOT(kind, name) { offsetof(struct moirai_##kind##_ops, name), #name }

static const struct mo_kind_slot sched_slots[] = {
    SLOT(sched, init), SLOT(sched, fini), SLOT(sched, worker_init),
    SLOT(sched, push), SLOT(sched, pop), SLOT(sched, empty), { 0, NULL },
};

static const struct mo_kind_slot stack_slots[] = {
    SLOT(stack, init), SLOT(stack, fini), SLOT(stack, get), SLOT(stack, put),
    SLOT(stack, class_size), { 0, NULL },
};

static const struct mo_kind_slot chan_slots[] = {
    SLOT(chan, state_size), SLOT(chan, init), SLOT(chan, fini),
    SLOT(chan, push), SLOT(chan, pop), SLOT(chan, length),
    SLOT(chan, capacity), { 0, NULL },
};

static const struct mo_kind_slot tran_slots[] = {
    SLOT(tran, init), SLOT(tran, fini), SLOT(tran, listen),
    SLOT(tran, close_listener), SLOT(tran, connect), SLOT(tran, close),
    SLOT(tran, send), SLOT(tran, release), SLOT(tran, credit), { 0, NULL },
};

static const struct mo_kind_slot io_slots[] = {
    SLOT(io, init), SLOT(io, fini), SLOT(io, ring_init), SLOT(io, ring_fini),
    SLOT(io, submit), SLOT(io, cancel), SLOT(io, flush), SLOT(io, wait),
    SLOT(io, wake), SLOT(io, forget), { 0, NULL },
};

/* Of three functions that belong together, are there one or two only? */
static bool torn(bool a, bool b, bool c)
{
    return !(a == b && b == c);
}

/* The core takes from the deque as it likes: a plugin that wants to be asked
 * each time cannot have it. */
static const char *check_sched(const void *ops)
{
    const struct moirai_sched_ops *sched = ops;

    if ((sched->flags & MOIRAI_SCHED_DEQUE) == 0)
        return NULL;
    if ((sched->flags & MOIRAI_SCHED_ORDERED) != 0)
        return "it says it is ordered, but lends the core its deque, which "
               "keeps no order";
    if (sched->worker_size < sizeof(struct moirai_sched_local))
        return "it says its worker state begins with a struct "
               "moirai_sched_local, but the state is smaller than that";
    return NULL;
}

static const char *check_chan(const void *ops)
{
    const struct moirai_chan_ops *chan = ops;

    if (torn(chan->reserve != NULL, chan->commit != NULL,
             chan->abort != NULL))
        return "reserve, commit and abort come together or not at all";
    if ((chan->flags & MOIRAI_CHAN_CONCURRENT) != 0 && chan->seal == NULL)
        return "it says it is concurrent, but has no seal";
    if ((chan->flags & MOIRAI_CHAN_CONCURRENT) != 0 &&
        (chan->flags & MOIRAI_CHAN_RING) != 0)
        return "it says it is concurrent, but its ring works under the "
               "core's lock only";
    if ((chan->flags & MOIRAI_CHAN_CONCURRENT) != 0 && chan->peek != NULL)
        return "it says it is concurrent, but what it lets peek at needs the "
               "core's lock";
    return NULL;
}

static const char *check_tran(const void *ops)
{
    const struct moirai_tran_ops *tran = ops;

    if (torn(tran->reserve != NULL, tran->commit != NULL,
             tran->abort != NULL))
        return "reserve, commit and abort come together or not at all";
    if ((tran->flags & MOIRAI_TRAN_LOANS) != 0 && tran->reserve == NULL)
        return "it says it lends frames, but has no reserve";
    if ((tran->flags & MOIRAI_TRAN_PEER_KNOWN) != 0 && tran->peer == NULL)
        return "it says it knows its peers, but has no peer";
    return NULL;
}

static const struct mo_kind kinds[] = {
    { MOIRAI_SCHED, "sched", "scheduler", MOIRAI_SCHED_ABI,
      sizeof(struct moirai_sched_ops), sched_slots, check_sched },
    { MOIRAI_STACK, "stack", "stack allocator", MOIRAI_STACK_ABI,
      sizeof(struct moirai_stack_ops), stack_slots, NULL },
    { MOIRAI_CHAN, "chan", "channel discipline", MOIRAI_CHAN_ABI,
      sizeof(struct moirai_chan_ops), chan_slots, check_chan },
    { MOIRAI_TRAN, "tran", "transport", MOIRAI_TRAN_ABI,
      sizeof(struct moirai_tran_ops), tran_slots, check_tran },
    { MOIRAI_IO, "io", "I/O backend", MOIRAI_IO_ABI,
      sizeof(struct moirai_io_ops), io_slots, NULL },
    { .kind = 0 },
};

const struct mo_kind *mo_kind_first(void)
{
    return kinds;
}

const struct mo_kind *mo_kind_of(uint32_t kind)
{
    const struct mo_kind *row = kinds;

    while (row->kind != 0 && row->kind != kind)
        row++;
    return row->kind != 0 ? row : NULL;
}

const struct mo_kind *mo_kind_of_file(const char *file, const char **name,
                                      size_t *n)
{
    const char *end = strrchr(file, '.');

    if (end == NULL || strcmp(end, ".so") != 0)
        return NULL;
    for (const struct mo_kind *row = kinds; row->kind != 0; row++) {
        size_t length = strlen(row->prefix);

        if (strncmp(file, row->prefix, length) == 0 && file[length] == '_' &&
            file + length + 1 < end) {
            *name = file + length + 1;
            *n = (size_t)(end - *name);
            return row;
        }
    }
    return NULL;
}
