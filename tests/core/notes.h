/* SPDX-License-Identifier: MIT */
/*
 * notes.h - what the tests of loans share: messages that show what became of
 * them.
 */
#ifndef NOTES_H
#define NOTES_H

#include <string.h>

#include "talk.h"

struct note {
    uint32_t level;                 /* for prio */
    uint32_t from;
    int64_t number;
    unsigned char text[48];
};

/* NULL for `drop`: nothing to destroy. */
static inline struct moirai_chan *notes_on(const char *plugin,
                                           const char *option,
                                           void (*drop)(void *, void *),
                                           void *ctx)
{
    struct moirai_elem elem = MOIRAI_ELEM_LOANED(struct note);
    const char *const options[] = { option, NULL };
    struct moirai_error err = { 0 };
    struct moirai_chan *chan = NULL;

    elem.drop = drop;
    elem.ctx = ctx;
    CHECK_FMT(moirai_chan_make(NULL, plugin, options, &elem, &chan, &err) == 0,
              "%s: %s", plugin, err.text);
    return chan;
}

static inline struct note *loan(struct moirai_chan *chan, int64_t number)
{
    void *message = NULL;
    struct note *note;

    CHECK_EQ(moirai_loan_get(chan, sizeof *note, &message), 0);
    CHECK_EQ((uintptr_t)message % 16, 0);
    note = message;
    note->level = 0;
    note->from = 0;
    note->number = number;
    memset(note->text, (int)(number & 255), sizeof note->text);
    return note;
}

static inline bool is_whole(const struct note *note)
{
    for (size_t i = 0; i < sizeof note->text; i++)
        if (note->text[i] != (note->number & 255))
            return false;
    return true;
}

/* The number of the message received, which is put back; or the error. */
static inline int64_t receive(struct moirai_chan *chan, int64_t deadline_ns)
{
    void *message = NULL;
    struct note *note;
    int64_t number;
    int rc = moirai_loan_recv(chan, &message, deadline_ns);

    if (rc != 0)
        return rc;
    note = message;
    CHECK(is_whole(note));
    CHECK_EQ(moirai_loan_bytes(note), sizeof *note);
    number = note->number;
    moirai_loan_put(note);
    return number;
}

/* Disciplines that have loans, and can show what comes next. */
static const struct {
    const char *plugin;
    const char *option;
} stores[] = {
    { "ring", "capacity=4" }, { "list", "limit=0" }, { "list", "limit=4" },
    { "prio", "capacity=4" }, { "latest", "overflow=wait" },
    { "broadcast", "capacity=4" },
};

#define STORES (sizeof stores / sizeof stores[0])

#endif
