/* SPDX-License-Identifier: MIT */
/*
 * box.h - memory for messages that are not copied; see box.c.
 */
#ifndef MO_BOX_H
#define MO_BOX_H

#include <stdbool.h>

#include <moirai/loan.h>

#include "atomic.h"

struct mo_boxes;                    /* those of one channel */

struct mo_box {                     /* in front of a message */
    struct mo_boxes *home;          /* constant, as is: */
    size_t room;                    /* for a message */
    size_t bytes;                   /* of the message; its holder's */
    struct mo_box *next;            /* if free; by the lock of home */
    struct mo_boxes *drops;         /* home, or if shared, the channel's */
    struct moirai_meta meta;        /* its holder's */
    MO_ATOMIC(uint32_t) references;
    MO_ATOMIC(uint32_t) shared;     /* several read it: what is in it stays the
                                     * channel's */
};

/* For a channel that stores `capacity` of them, and says when each was sent if
 * `stamps`; NULL: no memory. */
struct mo_boxes *mo_boxes_open(const struct moirai_elem *elem,
                               size_t capacity, bool stamps);

/* The channel goes. Messages that somebody holds stay until they are put. */
void mo_boxes_close(struct mo_boxes *boxes);

/* A destructor that was told later. */
void mo_boxes_destructor(struct mo_boxes *boxes,
                         const struct moirai_elem *elem);

/* May a message be so long? */
bool mo_boxes_allow(const struct mo_boxes *boxes, size_t bytes);

/* Room for a message, with one reference; NULL: no memory. */
void *mo_box_get(struct mo_boxes *boxes, size_t bytes);

/* May this message go through a channel of these? 0, -EMSGSIZE, -EINVAL. */
int mo_box_fits(const struct mo_boxes *boxes, const void *message);

/* It is about to be sent: gives it its number and time, if that is wanted. */
void mo_box_stamp(struct mo_boxes *boxes, void *message);

/* One more reads the message, which stays the channel's, whose `boxes` are
 * given. By the channel's lock. */
void mo_box_share(struct mo_boxes *boxes, void *message);

/* The reference of a channel goes, and with the last what is in it. */
void mo_box_drop(struct mo_boxes *boxes, void *message);

#endif
