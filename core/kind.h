/* SPDX-License-Identifier: MIT */
/*
 * kind.h - the kinds of plugins there are, one row each.
 *
 * An open set: the loader knows nothing of a kind but its row. A new kind is a
 * header under include/moirai/, a number in moirai/plugin.h and a row here.
 */
#ifndef MO_KIND_H
#define MO_KIND_H

#include <stddef.h>
#include <stdint.h>

#include <moirai/plugin.h>

struct mo_kind_slot {
    size_t offset;                  /* of a function pointer in the ops */
    const char *name;               /* NULL ends the list */
};

struct mo_kind {
    uint32_t kind;                  /* enum moirai_kind */
    const char *prefix;             /* of the file's name: "sched" */
    const char *noun;               /* for people: "scheduler" */
    uint32_t ops_abi;
    size_t ops_size;                /* as this core was built */
    const struct mo_kind_slot *required;

    /* What goes beyond single slots; NULL: nothing. Returns NULL, or what is
     * wrong with the ops. */
    const char *(*check)(const void *ops);
};

const struct mo_kind *mo_kind_of(uint32_t kind);

/* The kind of a module file called `file` ("sched_fifo.so"), whose own name
 * ("fifo") goes into *name and its length into *n; NULL: of none. */
const struct mo_kind *mo_kind_of_file(const char *file, const char **name,
                                      size_t *n);

/* The rows, to be walked while row->kind is not 0. */
const struct mo_kind *mo_kind_first(void);

#endif
