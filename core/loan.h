/* SPDX-License-Identifier: MIT */
/*
 * loan.h - what sends and receives copies where messages are loaned.
 */
#ifndef MO_LOAN_H
#define MO_LOAN_H

#include "chan.h"

/* Stands for the length of all messages of a channel, if they have one. */
#define MO_LOAN_WHOLE SIZE_MAX

/* Sends a copy of a message of `bytes`. As moirai_chan_send. */
int mo_loan_copy_in(struct moirai_chan *chan, const void *message,
                    size_t bytes, int64_t deadline_ns);

/* Receives a copy. The length, or as moirai_chan_recv. */
int64_t mo_loan_copy_out(struct moirai_chan *chan, void *message, size_t room,
                         int64_t deadline_ns);

/* As moirai_chan_send_batch and moirai_chan_recv_batch. */
int64_t mo_loan_batch_in(struct moirai_chan *chan, const void *messages,
                         size_t n, int64_t deadline_ns);
int64_t mo_loan_batch_out(struct moirai_chan *chan, void *messages, size_t min,
                          size_t max, int64_t deadline_ns);

#endif
