/* SPDX-License-Identifier: MIT */
/*
 * test_concurrent.c - channels whose discipline needs no lock: nobody sleeps
 * while there is something for him, and closing loses nothing.
 *
 * The discipline is D. Vyukov's bounded queue, written with the core's atomics,
 * so that the simulator may let others run between any two of them. It refuses
 * as much as it may: while somebody is about to fill or to empty a cell, it
 * says that it is full, or empty.
 */
#include "chan.h"

#include <moirai/select.h>

#include <pthread.h>
#include <string.h>

#include "mem.h"
#include "talk.h"

#define CELLS 4
#define SEALED (UINT64_C(1) << 63)

/* The cell of position p is to be written when its turn is twice the number of
 * times that all cells were gone through before, and to be read one later. */
struct cell {
    MO_ATOMIC(uint64_t) turn;
    int64_t message;
};

struct cells {
    MO_ATOMIC(uint64_t) head, tail; /* positions; and SEALED */
    uint64_t room;                  /* CELLS at most; constant */
    struct cell at[CELLS];
};

static size_t cells_state_size(const void *config,
                               const struct moirai_elem *elem)
{
    (void)config;
    return elem->bytes == sizeof(int64_t) ? sizeof(struct cells) : 0;
}

static int cells_init(void *state, const void *config,
                      const struct moirai_elem *elem,
                      const struct moirai_host *host, struct moirai_error *err)
{
    (void)elem;
    (void)host;
    (void)err;
    ((struct cells *)state)->room = *(const uint64_t *)config;
    return 0;
}

static void cells_fini(void *state)
{
    struct cells *q = state;

    CHECK_EQ(mo_load(&q->head), mo_load(&q->tail) & ~SEALED);
}

/* The cell of a position, if its turn has come: *found is 0; less: it has not
 * yet; more: it is over. */
static struct cell *cell_of(struct cells *q, uint64_t position, bool reads,
                            int64_t *found)
{
    struct cell *cell = &q->at[position % q->room];
    uint64_t turn = 2 * (position / q->room) + (reads ? 1 : 0);

    *found = (int64_t)(mo_load(&cell->turn) - turn);
    return cell;
}

/* Claims the position that *end says; NULL: nobody can now. */
static struct cell *claim(struct cells *q, uint64_t *end, bool reads)
{
    uint64_t position = mo_load(end);

    for (;;) {
        struct cell *cell;
        int64_t found;

        if (position & SEALED)
            return NULL;
        cell = cell_of(q, position, reads, &found);
        if (found < 0)
            return NULL;
        if (found > 0)
            position = mo_load(end);
        else if (mo_cas(end, &position, position + 1))
            return cell;
    }
}

static size_t cells_push(void *state, void *endpoint, const void *first,
                         size_t n)
{
    const int64_t *messages = first;
    struct cells *q = state;
    struct cell *cell;
    size_t done = 0;

    (void)endpoint;
    for (; done < n && (cell = claim(q, &q->tail, false)) != NULL; done++) {
        cell->message = messages[done];
        mo_store(&cell->turn, cell->turn + 1);
    }
    return done;
}

static size_t cells_pop(void *state, void *endpoint, void *first, size_t n)
{
    int64_t *messages = first;
    struct cells *q = state;
    struct cell *cell;
    size_t done = 0;

    (void)endpoint;
    for (; done < n && (cell = claim(q, &q->head, true)) != NULL; done++) {
        messages[done] = cell->message;
        mo_store(&cell->turn, cell->turn + 1);
    }
    return done;
}

static size_t cells_length(void *state)
{
    struct cells *q = state;
    uint64_t head = mo_load(&q->head);
    uint64_t n = (mo_load(&q->tail) & ~SEALED) - head;

    return n < q->room ? (size_t)n : (size_t)q->room;
}

static size_t cells_capacity(void *state)
{
    return (size_t)((struct cells *)state)->room;
}

/* Those who claimed a cell before are waited for. */
static void cells_seal(void *state)
{
    struct cells *q = state;
    uint64_t end = mo_add(&q->tail, SEALED);
    uint64_t position = end > q->room ? end - q->room : 0;
    uint32_t round = 0;

    for (; position < end; position++) {
        int64_t found = -1;

        while (cell_of(q, position, true, &found), found < 0)
            mo_relax(round++);
    }
}

static bool cells_can(void *state, void *endpoint, uint32_t mode)
{
    struct cells *q = state;
    bool reads = mode == MOIRAI_RECV;
    uint64_t position = mo_load(reads ? &q->head : &q->tail);
    int64_t found = -1;

    (void)endpoint;
    if ((position & SEALED) == 0)
        cell_of(q, position, reads, &found);
    return found >= 0;
}

static const struct moirai_chan_ops cells_ops = {
    .flags = MOIRAI_CHAN_CONCURRENT | MOIRAI_CHAN_HANDOFF,
    .state_size = cells_state_size,
    .init = cells_init,
    .fini = cells_fini,
    .push = cells_push,
    .pop = cells_pop,
    .length = cells_length,
    .capacity = cells_capacity,
    .seal = cells_seal,
    .can = cells_can,
};

static struct moirai_chan *make(uint64_t room)
{
    static const struct moirai_plugin plugin = { .name = "cells" };
    const struct mo_chosen chosen = { .plugin = &plugin, .ops = &cells_ops,
                                      .config = &room };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *chan = mo_mem_alloc(sizeof *chan, 64);
    struct mo_chan *c;

    CHECK_EQ(mo_chan_create(moirai_runtime_self(), &chosen, &elem, &c, NULL),
             0);
    CHECK_EQ(mo_chan_attach(c, MOIRAI_BOTH, chan), 0);
    return chan;
}

/* --- talking -------------------------------------------------------------- */

#define SENDERS 3
#define RECEIVERS 2
#define EACH 12
#define FAR 1000                    /* between what two senders send */

struct talk {
    struct moirai_chan *chan;
    MO_ATOMIC(uint32_t) senders, receivers;
    int64_t sent[SENDERS];          /* told the sender */
    int64_t got[RECEIVERS][SENDERS];
    int64_t next[RECEIVERS][SENDERS];   /* none below that comes any more */
    bool hasty;                     /* some waits end by time */
};

/* One to three messages, in ways that differ. How many went, or the error. */
static int64_t send_some(struct talk *talk, int64_t me, int64_t i)
{
    int64_t until = !talk->hasty ? MOIRAI_NEVER
                  : i % 3 == 1 ? moirai_after(200)
                  : i % 3 == 2 ? MOIRAI_NOW : MOIRAI_NEVER;
    int64_t batch[3] = { me * FAR + i, me * FAR + i + 1, me * FAR + i + 2 };
    int64_t n = 1 + i % 3;

    if (n > EACH - i)
        n = EACH - i;
    if (n > 1)
        return moirai_chan_send_batch(talk->chan, batch, (size_t)n, until);
    n = moirai_chan_send(talk->chan, batch, until);
    return n == 0 ? 1 : n;
}

static int produce(void *arg)
{
    struct talk *talk = arg;
    int64_t me = mo_add(&talk->senders, 1);
    int64_t n;

    for (int64_t i = 0; i < EACH; i += n) {
        n = send_some(talk, me, i);
        if (n == -EPIPE)
            break;
        CHECK(n > 0 || n == -EAGAIN || n == -ETIMEDOUT);
        if (n < 0) {
            moirai_yield();
            n = 0;
        }
        talk->sent[me] += n;
    }
    return 0;
}

static int64_t receive_some(struct talk *talk, int64_t *batch, int64_t i)
{
    int64_t until = !talk->hasty ? MOIRAI_NEVER
                  : i % 3 == 1 ? moirai_after(300)
                  : i % 3 == 2 ? MOIRAI_NOW : MOIRAI_NEVER;
    int64_t n;

    if (i % 4 == 3)
        return moirai_chan_recv_batch(talk->chan, batch, 1 + i / 4 % 2, 3,
                                      until);
    n = moirai_chan_recv(talk->chan, batch, until);
    return n == 0 ? 1 : n;
}

static int consume(void *arg)
{
    struct talk *talk = arg;
    uint32_t me = mo_add(&talk->receivers, 1);
    int64_t batch[3];
    int64_t n = 0;

    for (int64_t i = me; n != -EPIPE && n != -ECANCELED; i++) {
        n = receive_some(talk, batch, i);
        for (int64_t k = 0; k < n; k++) {
            CHECK(talk->next[me][batch[k] / FAR] <= batch[k]);
            talk->next[me][batch[k] / FAR] = batch[k] + 1;
            talk->got[me][batch[k] / FAR]++;
        }
        if (n == -EAGAIN)
            moirai_yield();
    }
    return 0;
}

/* All that was sent has come; `left`: or is still there. */
static void check_talk(struct talk *talk, bool left)
{
    int64_t rest[SENDERS] = { 0 };
    int64_t value;

    while ((value = talk_recv(talk->chan, MOIRAI_NOW)) >= 0)
        rest[value / FAR]++;
    CHECK_EQ(value, -EPIPE);
    for (int i = 0; i < SENDERS; i++) {
        CHECK(left || rest[i] == 0);
        CHECK_EQ(talk->got[0][i] + talk->got[1][i] + rest[i], talk->sent[i]);
    }
    moirai_chan_put(talk->chan);
}

static void begin(struct talk *talk, struct moirai_scope *senders,
                  struct moirai_scope *receivers)
{
    talk_begin(receivers);
    talk_begin(senders);
    for (int i = 0; i < SENDERS; i++)
        CHECK_EQ(moirai_spawn(senders, produce, talk), 0);
    for (int i = 0; i < RECEIVERS; i++)
        CHECK_EQ(moirai_spawn(receivers, consume, talk), 0);
}

static int talk_to_the_end(void *arg)
{
    for (uint64_t room = 1; room <= 3; room += 2) {
        struct talk talk = { .chan = make(room), .hasty = arg != NULL };
        struct moirai_scope senders;
        struct moirai_scope receivers;

        begin(&talk, &senders, &receivers);
        CHECK_EQ(moirai_scope_end(&senders), 0);
        for (int i = 0; i < SENDERS; i++)
            CHECK_EQ(talk.sent[i], EACH);
        CHECK_EQ(moirai_chan_close(talk.chan), 0);
        CHECK_EQ(moirai_scope_end(&receivers), 0);
        check_talk(&talk, false);
    }
    return 0;
}

TEST(concurrent, nobody_sleeps_while_there_is_something)
{
    static char hasty;

    with_each(talk_to_the_end, NULL);
    with_each(talk_to_the_end, &hasty);
    with_seeds(200, talk_to_the_end, NULL);
    with_seeds(200, talk_to_the_end, &hasty);
}

/* In the middle of it: what was sent is received, before anybody hears of the
 * end. */
static int close_early(void *arg)
{
    struct talk talk = { .chan = make(2), .hasty = arg != NULL };
    struct moirai_scope senders;
    struct moirai_scope receivers;

    begin(&talk, &senders, &receivers);
    CHECK_EQ(moirai_sleep_until(moirai_after(2000)), 0);
    CHECK_EQ(moirai_chan_close(talk.chan), 0);
    CHECK_EQ(talk_send(talk.chan, 0, MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(moirai_scope_end(&senders), 0);
    CHECK_EQ(moirai_scope_end(&receivers), 0);
    check_talk(&talk, false);
    return 0;
}

TEST(concurrent, close_loses_nothing)
{
    static char hasty;

    with_each(close_early, NULL);
    with_seeds(200, close_early, NULL);
    with_seeds(200, close_early, &hasty);
}

static int cancel_receivers(void *arg)
{
    struct talk talk = { .chan = make(2), .hasty = arg != NULL };
    struct moirai_scope senders;
    struct moirai_scope receivers;

    begin(&talk, &senders, &receivers);
    CHECK_EQ(moirai_sleep_until(moirai_after(1000)), 0);
    moirai_scope_cancel(&receivers);
    moirai_scope_end(&receivers);
    CHECK_EQ(moirai_chan_close(talk.chan), 0);
    CHECK_EQ(moirai_scope_end(&senders), 0);
    check_talk(&talk, true);
    return 0;
}

TEST(concurrent, cancelled_receiver_takes_nothing_along)
{
    with_each(cancel_receivers, NULL);
    with_seeds(200, cancel_receivers, NULL);
}

/* --- select --------------------------------------------------------------- */

#define PICKS 20

static int select_sends(void *arg)
{
    struct moirai_chan *const *chans = arg;

    for (int64_t i = 0; i < PICKS; i++) {
        struct moirai_case cases[] = { MOIRAI_ON_SEND(chans[0], &i),
                                       MOIRAI_ON_SEND(chans[1], &i) };
        int64_t which = moirai_select(cases, 2, MOIRAI_NEVER);

        CHECK(which >= 0);
        CHECK_EQ(cases[which].result, 0);
    }
    return 0;
}

static int send_singly(void *arg)
{
    struct moirai_chan *const *chans = arg;

    for (int64_t i = 0; i < PICKS; i++)
        CHECK_EQ(talk_send(chans[i % 2], i, MOIRAI_NEVER), 0);
    return 0;
}

static int select_among(void *arg)
{
    struct moirai_chan *chans[2] = { make(1), make(2) };
    int64_t values[2];
    int64_t sum = 0;
    struct moirai_scope scope;

    (void)arg;
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, select_sends, chans), 0);
    CHECK_EQ(moirai_spawn(&scope, send_singly, chans), 0);
    for (int i = 0; i < 2 * PICKS; i++) {
        struct moirai_case cases[] = { MOIRAI_ON_RECV(chans[0], &values[0]),
                                       MOIRAI_ON_RECV(chans[1], &values[1]) };
        int64_t which = moirai_select(cases, 2, MOIRAI_NEVER);

        CHECK(which >= 0);
        CHECK_EQ(cases[which].result, 0);
        sum += values[which];
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(sum, PICKS * (PICKS - 1));
    moirai_chan_put(chans[0]);
    moirai_chan_put(chans[1]);
    return 0;
}

TEST(concurrent, can_be_waited_for_beside_others)
{
    with_each(select_among, NULL);
    with_seeds(200, select_among, NULL);
}

/* --- plain threads -------------------------------------------------------- */

#define MANY 2000

static void *send_from_outside(void *arg)
{
    for (int64_t i = 0; i < MANY; i++)
        CHECK_EQ(talk_send(arg, i, MOIRAI_NEVER), 0);
    return NULL;
}

static void *receive_outside(void *arg)
{
    int64_t *sum = NULL;
    int64_t value;
    struct moirai_chan *chan = arg;

    sum = mo_mem_alloc(sizeof *sum, 8);
    while ((value = talk_recv(chan, MOIRAI_NEVER)) >= 0)
        *sum += value;
    CHECK_EQ(value, -EPIPE);
    return sum;
}

static int beside_threads(void *arg)
{
    struct moirai_chan *chan = make(3);
    pthread_t threads[4];
    int64_t value;
    int64_t sum = 0;

    (void)arg;
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, i < 2 ? send_from_outside
                                                         : receive_outside,
                                chan), 0);
    for (int64_t i = 0; i < MANY; i++) {
        CHECK_EQ(talk_send(chan, i, MOIRAI_NEVER), 0);
        value = talk_recv(chan, MOIRAI_NOW);    /* others may be faster */
        sum += value >= 0 ? value : 0;
    }
    for (int i = 0; i < 4; i++) {
        void *part = NULL;

        if (i == 2)
            CHECK_EQ(moirai_chan_close(chan), 0);
        pthread_join(threads[i], &part);
        sum += part != NULL ? *(int64_t *)part : 0;
        mo_mem_free(part);
    }
    CHECK_EQ(sum, 3 * (int64_t)MANY * (MANY - 1) / 2);
    moirai_chan_put(chan);
    return 0;
}

TEST(concurrent, plain_threads_take_part)
{
    with_each(beside_threads, NULL);
}

/* --- no memory on the way ------------------------------------------------ */

static void pass_on(struct moirai_chan *chan, int64_t n)
{
    int64_t batch[3] = { 0 };

    for (int64_t i = 0; i < n; i++) {
        CHECK_EQ(talk_send(chan, i, MOIRAI_NOW), 0);
        CHECK(talk_recv(chan, MOIRAI_NOW) >= 0);
        CHECK(moirai_chan_send_batch(chan, batch, 3, MOIRAI_NOW) > 0);
        CHECK(moirai_chan_recv_batch(chan, batch, 1, 3, MOIRAI_NOW) > 0);
        CHECK_EQ(talk_recv(chan, MOIRAI_NOW), -EAGAIN);
    }
}

static int allocate_nothing(void *arg)
{
    static const char *const plugins[] = { "ring", "list", "prio", "steal",
                                           "broadcast", "latest" };
    static const char *const options[] = { NULL };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);

    (void)arg;
    for (size_t i = 0; i < sizeof plugins / sizeof plugins[0]; i++) {
        struct moirai_chan *chan = NULL;

        CHECK_EQ(moirai_chan_make(NULL, plugins[i], options, &elem, &chan,
                                  NULL), 0);
        pass_on(chan, 200);
        mo_mem_watch(0);
        pass_on(chan, 1000);
        CHECK_EQ(mo_mem_unwatch().asked, 0);
        moirai_chan_put(chan);
    }
    return 0;
}

TEST(concurrent, nor_any_other_discipline_allocates_on_the_way)
{
    with_one(1, allocate_nothing, NULL);
    with_one(2, allocate_nothing, NULL);
}
