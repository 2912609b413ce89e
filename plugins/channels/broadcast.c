/* SPDX-License-Identifier: MIT */
/*
 * broadcast.c - every subscriber gets every message.
 *
 * An endpoint that receives is a subscriber. Messages are numbered; the newest
 * ones, `capacity` at most, are stored, also those that all have got: they are
 * what a late subscriber begins with. A subscriber is the number of the message
 * that it gets next.
 *
 *     begin               at                    end
 *     |====================|=====================|
 *       all have got these   somebody waits for these
 *
 * A message that comes to a full buffer takes the place of the oldest. If all
 * subscribers have got that, it is retired; if not, `slow` says what happens:
 * the sender waits; or the slow ones miss it, and that is counted; or they are
 * told to end.
 *
 * `floor` is no greater than any subscriber's number. It is looked for anew
 * only when the buffer's begin is about to pass it and none of the `lowest`,
 * who were there, still is: once for each message, so a push that is refused
 * need not look at all subscribers.
 *
 * Who receives gets the bytes; a message that has a destructor stays the
 * channel's, and is destroyed when it leaves the buffer.
 */
#include <moirai/chan_ops.h>

#include "slots.h"

enum { SLOW_WAIT, SLOW_LAG, SLOW_DROP };
enum { LATE_ALL, LATE_NEW };

struct broadcast_config {
    uint64_t capacity;
    uint32_t slow;
    uint32_t late;
};

struct subscriber {
    struct subscriber *next;
    struct subscriber *previous;
    uint64_t at;                    /* if less than begin: it has missed some */
    uint64_t missed;
    bool ended;
};

struct broadcast {
    const struct moirai_host *host;
    struct moirai_chan_sink *sink;
    struct subscriber *subscribers;
    char *slots;
    size_t bytes;
    bool by_reference;
    uint64_t capacity;
    uint64_t begin;
    uint64_t end;
    uint64_t floor;
    size_t lowest;                  /* subscribers at the floor */
    uint32_t slow;
    uint32_t late;
};

static size_t broadcast_state_size(const void *config,
                                   const struct moirai_elem *elem)
{
    const struct broadcast_config *conf = config;

    return slots_state_size(sizeof(struct broadcast), elem, conf->capacity, 0);
}

static int broadcast_init(void *state, const void *config,
                          const struct moirai_elem *elem,
                          const struct moirai_host *host,
                          struct moirai_error *err)
{
    const struct broadcast_config *conf = config;
    struct broadcast *b = state;

    if (broadcast_state_size(config, elem) == 0)
        return slots_refuse("broadcast", elem, conf->capacity, err);
    b->host = host;
    b->slots = slots_first(b, sizeof *b, elem);
    b->bytes = moirai_elem_stored(elem);
    b->by_reference = elem->limit != 0;
    b->capacity = conf->capacity;
    b->slow = conf->slow;
    b->late = conf->late;
    return 0;
}

static void broadcast_fini(void *state)
{
    (void)state;
}

static void broadcast_discard_to(void *state, struct moirai_chan_sink *sink)
{
    struct broadcast *b = state;

    b->sink = sink;
}

/* Before s->at grows, or s goes. */
static void leave_floor(struct broadcast *b, const struct subscriber *s)
{
    if (!s->ended && s->at == b->floor)
        b->lowest--;
}

static int broadcast_attach(void *state, uint32_t mode, void **endpoint)
{
    struct broadcast *b = state;
    struct subscriber *s;

    if ((mode & MOIRAI_RECV) == 0)
        return 0;
    s = b->host->alloc(b->host->ctx, sizeof *s, 16);
    if (s == NULL)
        return -ENOMEM;
    s->at = b->late == LATE_ALL ? b->begin : b->end;
    if (s->at < b->floor) {
        b->floor = s->at;
        b->lowest = 0;
    }
    b->lowest += s->at == b->floor;
    s->next = b->subscribers;
    if (s->next != NULL)
        s->next->previous = s;
    b->subscribers = s;
    *endpoint = s;
    return 0;
}

static void broadcast_detach(void *state, void *endpoint)
{
    struct broadcast *b = state;
    struct subscriber *s = endpoint;

    if (s == NULL)
        return;
    leave_floor(b, s);
    if (s->next != NULL)
        s->next->previous = s->previous;
    if (s->previous != NULL)
        s->previous->next = s->next;
    else
        b->subscribers = s->next;
    b->host->release(b->host->ctx, s);
}

/* Have all subscribers got the oldest message? */
static bool all_got_it(struct broadcast *b)
{
    if (b->begin < b->floor)
        return true;
    if (b->lowest != 0)
        return false;
    b->floor = b->end;
    for (struct subscriber *s = b->subscribers; s != NULL; s = s->next) {
        if (s->ended || s->at > b->floor)
            continue;
        if (s->at < b->floor)
            b->lowest = 0;
        b->floor = s->at;
        b->lowest++;
    }
    return b->begin < b->floor;
}

static char *slot(const struct broadcast *b, uint64_t number)
{
    return b->slots + (size_t)(number % b->capacity) * b->bytes;
}

/* The oldest message goes, and who has not got it misses it, or ends. */
static void leave_behind(struct broadcast *b)
{
    for (struct subscriber *s = b->subscribers; s != NULL; s = s->next) {
        if (s->ended || s->at > b->begin)
            continue;
        leave_floor(b, s);
        s->missed += b->begin + 1 - s->at;
        s->at = b->begin + 1;
        s->ended = b->slow == SLOW_DROP;
    }
}

/* Room for one message. */
static bool make_room(struct broadcast *b)
{
    if (b->end - b->begin < b->capacity)
        return true;
    if (all_got_it(b)) {
        b->sink->retire(b->sink, slot(b, b->begin));
    } else if (b->slow == SLOW_WAIT) {
        return false;
    } else {
        leave_behind(b);
        b->sink->drop(b->sink, slot(b, b->begin));
    }
    b->begin++;
    return true;
}

static size_t broadcast_push(void *state, void *endpoint, const void *first,
                             size_t n)
{
    struct broadcast *b = state;
    size_t done = 0;

    (void)endpoint;
    for (; done < n && make_room(b); done++)
        moirai_ring_copy(slot(b, b->end++), slots_nth(first, done, b->bytes),
                         b->bytes);
    return done;
}

/* The oldest may have been taken out to make room. */
static void catch_up(struct broadcast *b, struct subscriber *s)
{
    if (s->at < b->begin) {
        leave_floor(b, s);
        s->missed += b->begin - s->at;
        s->at = b->begin;
    }
}

static size_t broadcast_pop(void *state, void *endpoint, void *first, size_t n)
{
    struct broadcast *b = state;
    struct subscriber *s = endpoint;
    uint64_t *at = &b->begin;
    size_t done = 0;

    if (s != NULL) {
        if (s->ended)
            return 0;
        catch_up(b, s);
        at = &s->at;
        if (n != 0 && *at < b->end)
            leave_floor(b, s);
    }
    while (done < n && *at < b->end) {
        if (b->by_reference && s != NULL)
            b->sink->share(b->sink, slot(b, *at));
        moirai_ring_copy(slots_nth_room(first, done, b->bytes),
                         slot(b, (*at)++), b->bytes);
        done++;
    }
    return done;
}

static uint64_t left_for(const struct broadcast *b, const struct subscriber *s)
{
    if (s->ended)
        return 0;
    return b->end - (s->at > b->begin ? s->at : b->begin);
}

/* What somebody waits for; without subscribers, what is stored. */
static size_t broadcast_length(void *state)
{
    const struct broadcast *b = state;
    uint64_t most = b->subscribers == NULL ? b->end - b->begin : 0;

    for (struct subscriber *s = b->subscribers; s != NULL; s = s->next)
        if (left_for(b, s) > most)
            most = left_for(b, s);
    return (size_t)most;
}

static size_t broadcast_capacity(void *state)
{
    const struct broadcast *b = state;

    return (size_t)b->capacity;
}

static bool broadcast_can(void *state, void *endpoint, uint32_t mode)
{
    struct broadcast *b = state;

    if (mode == MOIRAI_RECV)
        return endpoint != NULL && left_for(b, endpoint) > 0;
    if (b->slow != SLOW_WAIT || b->end - b->begin < b->capacity)
        return true;
    return all_got_it(b);
}

static const void *broadcast_peek(void *state, void *endpoint)
{
    const struct broadcast *b = state;
    const struct subscriber *s = endpoint;

    if (s == NULL || left_for(b, s) == 0)
        return NULL;
    return slot(b, s->at > b->begin ? s->at : b->begin);
}

static uint64_t broadcast_missed(void *state, void *endpoint)
{
    struct subscriber *s = endpoint;
    uint64_t missed = 0;

    if (s != NULL) {
        catch_up(state, s);
        missed = s->missed;
        s->missed = 0;
    }
    return missed;
}

static int broadcast_ended(void *state, void *endpoint)
{
    const struct subscriber *s = endpoint;

    (void)state;
    return s != NULL && s->ended ? -EOVERFLOW : 0;
}

static const char *const slow_words[] = {
    [SLOW_WAIT] = "wait", [SLOW_LAG] = "lag", [SLOW_DROP] = "drop", NULL,
};

static const char *const late_words[] = {
    [LATE_ALL] = "all", [LATE_NEW] = "new", NULL,
};

static const struct moirai_option broadcast_options[] = {
    { .name = "capacity", .preset = "64", .help = "newest messages it holds",
      .type = MOIRAI_UINT,
      .offset = offsetof(struct broadcast_config, capacity),
      .min = 1, .max = SLOTS_MAX },
    { .name = "slow", .preset = "wait",
      .help = "wait: a slow subscriber makes senders wait; lag: it misses "
              "messages, which are counted; drop: it gets no more",
      .type = MOIRAI_CHOICE, .choices = slow_words,
      .offset = offsetof(struct broadcast_config, slow) },
    { .name = "late", .preset = "all",
      .help = "what a late subscriber begins with: all that is stored, or "
              "what is new",
      .type = MOIRAI_CHOICE, .choices = late_words,
      .offset = offsetof(struct broadcast_config, late) },
    { .name = NULL },
};

static const struct moirai_chan_ops broadcast_ops = {
    .flags = MOIRAI_CHAN_LOANS,
    .state_size = broadcast_state_size,
    .init = broadcast_init,
    .fini = broadcast_fini,
    .push = broadcast_push,
    .pop = broadcast_pop,
    .length = broadcast_length,
    .capacity = broadcast_capacity,
    .attach = broadcast_attach,
    .detach = broadcast_detach,
    .can = broadcast_can,
    .discard_to = broadcast_discard_to,
    .missed = broadcast_missed,
    .ended = broadcast_ended,
    .peek = broadcast_peek,
};

MOIRAI_PLUGIN(chan, broadcast) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_CHAN,
    .ops_abi = MOIRAI_CHAN_ABI,
    .name = "broadcast",
    .version = "1.0",
    .summary = "every endpoint that receives gets every message",
    .options = broadcast_options,
    .config_size = sizeof(struct broadcast_config),
    .ops = &broadcast_ops,
    .ops_size = sizeof broadcast_ops,
};
