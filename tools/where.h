/* SPDX-License-Identifier: MIT */
/*
 * where.h - where the workers of a configuration would go.
 */
#ifndef WHERE_H
#define WHERE_H

#include "seat.h"

#define WHERE_MAX 512

/* Seats them. 0 with *seats, the caller's (mo_seats_close) as long as the setup
 * lives; or a negative errno with *err filled. */
int where_open(const struct mo_setup *s, struct mo_seats *seats,
               struct moirai_error *err);

/* The same to see whether it can be done: what cannot becomes a mistake. 0 or
 * -ENOMEM. */
int where_try(const struct mo_setup *s, struct mo_report *report);

/* A sentence about it into `out` (WHERE_MAX bytes), which is returned. */
const char *where_text(char *out, const struct mo_seats *seats);

#endif
