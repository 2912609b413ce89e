/* SPDX-License-Identifier: MIT */
/*
 * name.h - the channels of a runtime that have a name.
 */
#ifndef MO_NAME_H
#define MO_NAME_H

#include <stdbool.h>

struct mo_chan;
struct mo_names;
struct moirai_chan;

/* A channel's entry in the table, while it is open. */
struct mo_name {
    struct mo_name *next;           /* guarded by the table's lock */
    struct mo_chan *chan;           /* constant, as is the text */
    char text[];
};

/* An empty table; NULL: out of memory. */
struct mo_names *mo_names_open(void);

/* Every endpoint has been put by now; names those whose were not. */
void mo_names_close(struct mo_names *names);

/* mo_chan_detach for the endpoint of a channel that has a name: the last one
 * takes it out of the table. */
void mo_name_detach(struct moirai_chan *endpoint, bool *closed);

#endif
