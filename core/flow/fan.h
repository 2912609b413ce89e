/* SPDX-License-Identifier: MIT */
/*
 * fan.h - what streams need of a fan.
 */
#ifndef MO_FAN_H
#define MO_FAN_H

#include <moirai/fan.h>

/* As moirai_fan_send, but does not wait for a channel to be added: -EPIPE. */
int mo_fan_try(struct moirai_fan *fan, uint64_t key, const void *message,
               int64_t deadline_ns);

/* Has it lead to n channels that send its messages, with the ids from 0. It is
 * new, and nobody else's. 0, -ENOMEM. */
int mo_fan_fill(struct moirai_fan *fan, struct moirai_chan *const *chans,
                size_t n);

size_t mo_fan_bytes(const struct moirai_fan *fan);

#endif
