/* SPDX-License-Identifier: MIT */
/*
 * chan_wrong.c - a channel discipline with the fault that its option names;
 * with `none` it keeps its promises.
 *
 * Messages lie side by side behind the state, and are used in a circle.
 */
#include <moirai/chan_ops.h>

#include <errno.h>
#include <string.h>

#define ROOM 40
#define RARELY 10                   /* one message of so many */

enum fault {
    NONE,
    LOSES,                          /* push takes some messages, and forgets
                                     * them */
    TWICE,                          /* pop gives some again */
    CHANGES,                        /* the last byte of some */
    BOASTS,                         /* of more room than there is */
    MISCOUNTS,                      /* length is one more than there are */
    PROMISES,                       /* can says that any push succeeds */
    OVERFLOWS,                      /* state_size is too large a number */
    HANGS                           /* pop, where there is nothing */
};

static const char *const fault_words[] = {
    "none", "loses", "twice", "changes", "boasts", "miscounts", "promises",
    "overflows", "hangs", NULL,
};

struct wrong_config {
    uint32_t fault;
};

struct wrong {
    enum fault fault;
    size_t bytes;                   /* of a message */
    size_t head, length;
    uint64_t pushes, pops;
    char slots[];
};

static size_t wrong_state_size(const void *config,
                               const struct moirai_elem *elem)
{
    const struct wrong_config *c = config;

    if (elem->bytes > SIZE_MAX / 4 / ROOM && c->fault != OVERFLOWS)
        return 0;
    if (elem->bytes > SIZE_MAX / 4 / ROOM)
        return SIZE_MAX - 1000;
    return sizeof(struct wrong) + ROOM * elem->bytes;
}

static int wrong_init(void *state, const void *config,
                      const struct moirai_elem *elem,
                      const struct moirai_host *host, struct moirai_error *err)
{
    const struct wrong_config *c = config;
    struct wrong *s = state;

    (void)host;
    (void)err;
    s->fault = (enum fault)c->fault;
    s->bytes = elem->bytes;
    return 0;
}

static void wrong_fini(void *state)
{
    (void)state;
}

static char *wrong_slot(struct wrong *s, size_t i)
{
    return s->slots + (s->head + i) % ROOM * s->bytes;
}

static size_t wrong_push(void *state, void *endpoint, const void *first,
                         size_t n)
{
    const char *message = first;
    struct wrong *s = state;
    size_t i;

    (void)endpoint;
    for (i = 0; i < n && s->length < ROOM; i++, message += s->bytes) {
        if (++s->pushes % RARELY == 0 && s->fault == LOSES)
            continue;
        if (s->bytes > 0)
            memcpy(wrong_slot(s, s->length), message, s->bytes);
        s->length++;
    }
    return i;
}

static void wrong_give(struct wrong *s, char *message)
{
    bool rarely = ++s->pops % RARELY == 0;

    if (s->bytes > 0)
        memcpy(message, wrong_slot(s, 0), s->bytes);
    if (rarely && s->fault == CHANGES && s->bytes > 0)
        message[s->bytes - 1] ^= 0x40;
    if (rarely && s->fault == TWICE)
        return;
    s->head = (s->head + 1) % ROOM;
    s->length--;
}

static size_t wrong_pop(void *state, void *endpoint, void *first, size_t n)
{
    struct wrong *s = state;
    char *message = first;
    size_t i;

    (void)endpoint;
    while (s->fault == HANGS && s->length == 0 && n > 0)
        __asm__ volatile("" ::: "memory");
    for (i = 0; i < n && s->length > 0; i++, message += s->bytes)
        wrong_give(s, message);
    return i;
}

static size_t wrong_length(void *state)
{
    struct wrong *s = state;

    return s->length + (s->fault == MISCOUNTS && s->length > 0);
}

static size_t wrong_capacity(void *state)
{
    struct wrong *s = state;

    return s->fault == BOASTS ? ROOM + 1 : ROOM;
}

static bool wrong_can(void *state, void *endpoint, uint32_t mode)
{
    struct wrong *s = state;

    (void)endpoint;
    if (mode == MOIRAI_SEND)
        return s->length < ROOM || s->fault == PROMISES;
    return s->length > 0;
}

static const struct moirai_option wrong_options[] = {
    { .name = "fault", .preset = "none", .help = "what is wrong",
      .type = MOIRAI_CHOICE, .choices = fault_words,
      .offset = offsetof(struct wrong_config, fault) },
    { .name = NULL },
};

static const struct moirai_chan_ops wrong_ops = {
    .flags = MOIRAI_CHAN_HANDOFF,
    .state_size = wrong_state_size,
    .init = wrong_init,
    .fini = wrong_fini,
    .push = wrong_push,
    .pop = wrong_pop,
    .length = wrong_length,
    .capacity = wrong_capacity,
    .can = wrong_can,
};

MOIRAI_PLUGIN(chan, wrong) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_CHAN,
    .ops_abi = MOIRAI_CHAN_ABI,
    .name = "wrong",
    .version = "0.1",
    .summary = "has a fault, as its option says",
    .options = wrong_options,
    .config_size = sizeof(struct wrong_config),
    .ops = &wrong_ops,
    .ops_size = sizeof wrong_ops,
};
