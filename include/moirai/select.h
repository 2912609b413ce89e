/* SPDX-License-Identifier: MIT */
/*
 * moirai/select.h - waiting for whichever of several things comes first.
 *
 *     struct moirai_case cases[] = {
 *         MOIRAI_ON_RECV(orders, &order),
 *         MOIRAI_ON_SEND(replies, &reply),
 *         MOIRAI_ON_TIME(moirai_after(MOIRAI_S)),
 *     };
 *     switch (moirai_select(cases, 3, MOIRAI_NEVER)) {
 *     case 0:  handle(&order);  break;
 *     ...
 *     }
 *
 * Exactly one case goes on, and only that one has any effect: its message is
 * sent or received. If several could, chance decides, each being as likely as
 * another; moirai_select_by has other rules. If none can, the caller waits
 * until the first one does, or until its deadline; MOIRAI_NOW makes it try.
 *
 * A channel that is closed (and, to receive, empty) counts as ready: the case
 * goes on with the result -EPIPE, as send and receive would; likewise one whose
 * overflow policy is an error. Switch a case off
 * that has nothing more to give, by its kind or by a NULL channel, which is
 * never ready; so are guards written. If no case ever becomes ready the call
 * waits until its deadline comes or the caller is cancelled.
 *
 * An array of cases may be used again and again: a call reads what is not the
 * core's, and needs no preparation. Nobody else may use it meanwhile.
 */
#ifndef MOIRAI_SELECT_H
#define MOIRAI_SELECT_H

#include <stddef.h>
#include <stdint.h>

#include <moirai/chan.h>
#include <moirai/event.h>
#include <moirai/task.h>

#ifdef __cplusplus
extern "C" {
#endif

enum moirai_case_kind {
    MOIRAI_CASE_OFF,                /* never ready */
    MOIRAI_CASE_SEND,               /* a message has been sent */
    MOIRAI_CASE_RECV,               /* one has been received */
    MOIRAI_CASE_TIME,               /* the clock has come to time_ns */
    MOIRAI_CASE_TASK,               /* the task of a handle has ended */
    MOIRAI_CASE_GATE,               /* an event is set, or a latch open */
    MOIRAI_CASE_FD                  /* a descriptor has one of the events */
};

/* Caller's memory. */
struct moirai_case {
    uint32_t kind;                  /* enum moirai_case_kind */
    uint32_t weight;                /* for MOIRAI_WEIGHTED */
    void *object;                   /* a struct moirai_chan, _handle, _gate */
    void *message;                  /* to send from (only read), or to receive
                                     * into; for a task an int for its result,
                                     * for a descriptor one for the events that
                                     * have come, or NULL */
    int64_t time_ns;                /* or events << 32 | descriptor; below 0 it
                                     * is never ready */
    int32_t result;                 /* out, of the case that went on: 0;
                                     * -EPIPE: the channel is closed; or what
                                     * else send, receive or moirai_fd_wait
                                     * would say */
    uint32_t order;                 /* the core's, as is: */
    void *core[9];
};

/* Initialisers; `message` points to the element, or where messages are loaned
 * to a `void *`; `result` to an int, and so does `come`. Events are those of
 * moirai_fd_wait, and to wait for one of them takes nothing from the
 * descriptor; that is in moirai (moirai_fd_adopt) or another library's. */
#define MOIRAI_ON_SEND(chan, message)                                         \
    moirai_case_(MOIRAI_CASE_SEND, (chan), (message), 0)
#define MOIRAI_ON_RECV(chan, message)                                         \
    moirai_case_(MOIRAI_CASE_RECV, (chan), (message), 0)
#define MOIRAI_ON_TIME(time_ns)                                               \
    moirai_case_(MOIRAI_CASE_TIME, NULL, NULL, (time_ns))
#define MOIRAI_ON_TASK(handle, result)                                        \
    moirai_case_(MOIRAI_CASE_TASK, (handle), (result), 0)
#define MOIRAI_ON_EVENT(event)                                                \
    moirai_gate_case_(event, struct moirai_event)
#define MOIRAI_ON_LATCH(latch)                                                \
    moirai_gate_case_(latch, struct moirai_latch)
#define MOIRAI_ON_FD(fd, events, come)                                        \
    moirai_case_(MOIRAI_CASE_FD, NULL, (come),                                \
                 (int64_t)((uint64_t)(events) << 32 | (uint32_t)(fd)))
#define moirai_gate_case_(thing, type)                                        \
    moirai_case_(MOIRAI_CASE_GATE, &(1 ? (thing) : (type *)NULL)->gate, NULL, \
                 0)
#define moirai_case_(kind, object, message, time_ns)                          \
    { (kind), 1, (object), (void *)(message), (time_ns), 0, 0, { NULL } }

/* Waits until one of n cases can go on, and does that. Returns its index;
 * -EAGAIN for MOIRAI_NOW, -ETIMEDOUT, -ECANCELED: none did; -EINVAL: a kind
 * that there is not, or more than 2^31 cases; -EBADF: an endpoint that does not
 * do what its case says; -ENOTSUP: the discipline of a channel cannot be waited
 * for beside others; -ECHILD in a forked child; -ENOMEM: for more than four
 * descriptors. The cases are borrowed, their messages lent. Costs a look at
 * each case, a system call for a descriptor, and, if it has to wait, another at
 * each before and after. Any thread; a plain one looks at descriptors once in a
 * millisecond. Can wait. */
int64_t moirai_select(struct moirai_case *cases, size_t n,
                      int64_t deadline_ns);

/* Which of several ready cases goes on. */
enum moirai_order_kind {
    MOIRAI_RANDOM,                  /* any, all being as likely */
    MOIRAI_IN_ORDER,                /* the first in the array */
    MOIRAI_WEIGHTED                 /* any, as likely as their weights are to
                                     * one another; 0: only if no other is */
};

/* Caller's memory: a rule for one array of cases, kept from call to call. */
struct moirai_order {
    uint32_t size;                  /* sizeof(struct moirai_order) */
    uint32_t kind;                  /* enum moirai_order_kind */
    uint32_t patience;              /* in order: after so many calls that
                                     * looked from the first case on, one looks
                                     * first at another, each in turn; so none
                                     * that stays ready waits for more than
                                     * (patience + 1) * n calls. 0: never */
    uint32_t passed;                /* the core's: calls since then, as is */
    uint64_t turn;                  /* whose turn it was */
};

#define MOIRAI_ORDER_INIT(kind, patience)                                     \
    { sizeof(struct moirai_order), (kind), (patience), 0, 0 }

/* moirai_select by another rule (borrowed; NULL: MOIRAI_RANDOM). A weighted one
 * may take n * n steps if few cases are ready. Can wait. */
int64_t moirai_select_by(struct moirai_order *order,
                         struct moirai_case *cases, size_t n,
                         int64_t deadline_ns);

#ifdef __cplusplus
}
#endif

#endif
