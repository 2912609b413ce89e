/* SPDX-License-Identifier: MIT */
/*
 * test_discipline.c - the core keeps its promises whatever the store does:
 * one that allows no hand-off, one where every endpoint sees its own messages,
 * one that refuses at will.
 */
#include "chan.h"

#include <string.h>

#include "mem.h"
#include "talk.h"

#define ROOM 4

/* --- newest first: messages have to pass through the store --------------- */

struct pile {
    int64_t at[ROOM];
    size_t length;
    size_t pushed;                  /* in all */
    size_t frozen;                  /* refuses everything; any number */
};

static size_t pile_state_size(const void *config,
                              const struct moirai_elem *elem)
{
    (void)config;
    return elem->bytes == sizeof(int64_t) ? sizeof(struct pile) : 0;
}

static int pile_init(void *state, const void *config,
                     const struct moirai_elem *elem,
                     const struct moirai_host *host, struct moirai_error *err)
{
    (void)state;
    (void)config;
    (void)elem;
    (void)host;
    (void)err;
    return 0;
}

static void pile_fini(void *state)
{
    CHECK_EQ(((struct pile *)state)->length, 0);
}

static size_t pile_push(void *state, void *endpoint, const void *first,
                        size_t n)
{
    const int64_t *messages = first;
    struct pile *pile = state;
    size_t done = 0;

    (void)endpoint;
    while (done < n && pile->length < ROOM && pile->frozen == 0)
        pile->at[pile->length++] = messages[done++];
    pile->pushed += done;
    return done;
}

static size_t pile_pop(void *state, void *endpoint, void *first, size_t n)
{
    int64_t *messages = first;
    struct pile *pile = state;
    size_t done = 0;

    (void)endpoint;
    while (done < n && pile->length > 0)
        messages[done++] = pile->at[--pile->length];
    return done;
}

static size_t pile_length(void *state)
{
    return ((struct pile *)state)->length;
}

static size_t pile_capacity(void *state)
{
    (void)state;
    return ROOM;
}

static const struct moirai_chan_ops pile_ops = {
    .state_size = pile_state_size,
    .init = pile_init,
    .fini = pile_fini,
    .push = pile_push,
    .pop = pile_pop,
    .length = pile_length,
    .capacity = pile_capacity,
};

/* --- each endpoint that receives sees every message ---------------------- */

#define VIEWS 3

struct tape {
    int64_t at[ROOM];
    size_t end;                     /* messages so far */
    struct view {
        bool used;
        size_t next;
    } views[VIEWS];
};

static size_t tape_state_size(const void *config,
                              const struct moirai_elem *elem)
{
    (void)config;
    (void)elem;
    return sizeof(struct tape);
}

static void tape_fini(void *state)
{
    const struct tape *tape = state;

    for (int i = 0; i < VIEWS; i++)
        CHECK(!tape->views[i].used);
}

static int tape_attach(void *state, uint32_t mode, void **endpoint)
{
    struct tape *tape = state;

    if ((mode & MOIRAI_RECV) == 0)
        return 0;
    for (int i = 0; i < VIEWS; i++)
        if (!tape->views[i].used) {
            tape->views[i] = (struct view){ true, tape->end };
            *endpoint = &tape->views[i];
            return 0;
        }
    return -EMFILE;
}

static void tape_detach(void *state, void *endpoint)
{
    (void)state;
    if (endpoint != NULL)
        ((struct view *)endpoint)->used = false;
}

/* How far behind the slowest one is. */
static size_t tape_length(void *state)
{
    const struct tape *tape = state;
    size_t most = 0;

    for (int i = 0; i < VIEWS; i++)
        if (tape->views[i].used && tape->end - tape->views[i].next > most)
            most = tape->end - tape->views[i].next;
    return most;
}

static size_t tape_push(void *state, void *endpoint, const void *first,
                        size_t n)
{
    const int64_t *messages = first;
    struct tape *tape = state;
    size_t done = 0;

    (void)endpoint;
    while (done < n && tape_length(tape) < ROOM)
        tape->at[tape->end++ % ROOM] = messages[done++];
    return done;
}

static size_t tape_pop(void *state, void *endpoint, void *first, size_t n)
{
    int64_t *messages = first;
    struct view *view = endpoint;
    struct tape *tape = state;
    size_t done = 0;

    while (view != NULL && done < n && view->next < tape->end)
        messages[done++] = tape->at[view->next++ % ROOM];
    return done;
}

static const struct moirai_chan_ops tape_ops = {
    .state_size = tape_state_size,
    .init = pile_init,
    .fini = tape_fini,
    .push = tape_push,
    .pop = tape_pop,
    .length = tape_length,
    .capacity = pile_capacity,
    .attach = tape_attach,
    .detach = tape_detach,
};

/* --- making them --------------------------------------------------------- */

static struct moirai_chan *make(const struct moirai_chan_ops *ops,
                                uint32_t mode)
{
    static const struct moirai_plugin plugin = { .name = "test" };
    const struct mo_chosen chosen = { .plugin = &plugin, .ops = ops };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *chan = mo_mem_alloc(sizeof *chan, 64);
    struct mo_chan *c;

    CHECK_EQ(mo_chan_create(moirai_runtime_self(), &chosen, &elem, &c, NULL),
             0);
    CHECK_EQ(mo_chan_attach(c, mode, chan), 0);
    return chan;
}

struct party {
    struct moirai_chan *chan;
    int64_t value;
    size_t n;
    int64_t values[16];
};

static int receive_one(void *arg)
{
    struct party *p = arg;

    p->value = talk_recv(p->chan, MOIRAI_NEVER);
    return 0;
}

static int receive_all(void *arg)
{
    struct party *p = arg;

    while (p->n < 16 && moirai_chan_recv(p->chan, &p->values[p->n],
                                         MOIRAI_NEVER) == 0)
        p->n++;
    return 0;
}

static int send_values(void *arg)
{
    struct party *p = arg;

    CHECK_EQ(moirai_chan_send_batch(p->chan, p->values, p->n, MOIRAI_NEVER),
             (int64_t)p->n);
    return 0;
}

/* --- what must hold ------------------------------------------------------ */

static int pass_through_the_store(void *arg)
{
    struct moirai_chan *chan = make(&pile_ops, MOIRAI_BOTH);
    const struct pile *pile = chan->to->state;
    struct party p[3];
    struct moirai_scope scope;

    (void)arg;
    talk_begin(&scope);
    for (size_t i = 0; i < 3; i++) {
        p[i] = (struct party){ .chan = chan };
        CHECK_EQ(moirai_spawn(&scope, receive_one, &p[i]), 0);
        talk_until(chan, MOIRAI_RECV, i + 1);
    }
    for (int64_t i = 0; i < 3; i++)
        CHECK_EQ(talk_send(chan, i, MOIRAI_NOW), 0);
    CHECK_EQ(pile->pushed, 3);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int64_t i = 0; i < 3; i++)
        CHECK_EQ(p[i].value, i);
    moirai_chan_put(chan);
    return 0;
}

TEST(discipline, without_handoff_sees_every_message)
{
    with_each(pass_through_the_store, NULL);
    with_seeds(50, pass_through_the_store, NULL);
}

static int batch_through_the_store(void *arg)
{
    struct moirai_chan *chan = make(&pile_ops, MOIRAI_BOTH);
    struct party in = { .chan = chan };
    struct party out = { .chan = chan, .n = 16 };
    struct moirai_scope scope;
    int64_t seen = 0;

    (void)arg;
    for (int64_t i = 0; i < 16; i++)
        out.values[i] = i;
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, receive_all, &in), 0);
    CHECK_EQ(moirai_spawn(&scope, send_values, &out), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (size_t i = 0; i < 16; i++)
        seen |= INT64_C(1) << in.values[i];
    CHECK_EQ(seen, 0xffff);
    moirai_chan_put(chan);
    return 0;
}

TEST(discipline, without_handoff_moves_batches)
{
    with_each(batch_through_the_store, NULL);
    with_seeds(100, batch_through_the_store, NULL);
}

/* A store may have room and refuse all the same. Nobody is woken for nothing,
 * and the first change that lets messages in serves those who wait. */
static int refuse_at_will(void *arg)
{
    struct moirai_chan *chan = make(&pile_ops, MOIRAI_BOTH);
    struct pile *pile = chan->to->state;
    struct party out = { .chan = chan, .n = 2, .values = { 8, 9 } };
    struct moirai_scope scope;

    (void)arg;
    talk_begin(&scope);
    CHECK_EQ(talk_send(chan, 1, MOIRAI_NOW), 0);
    CHECK_EQ(talk_send(chan, 2, MOIRAI_NOW), 0);
    pile->frozen = 1;
    CHECK_EQ(talk_send(chan, 3, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_spawn(&scope, send_values, &out), 0);
    talk_until(chan, MOIRAI_SEND, 1);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 2);
    CHECK_EQ(talk_waiting(chan, MOIRAI_SEND), 1);
    pile->frozen = 0;
    CHECK_EQ(talk_send(chan, 3, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 1);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 9);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 8);
    moirai_chan_put(chan);
    return 0;
}

TEST(discipline, may_refuse_with_room_left)
{
    with_each(refuse_at_will, NULL);
}

static int see_everything(void *arg)
{
    struct moirai_chan *in = make(&tape_ops, MOIRAI_SEND);
    struct moirai_chan *copy = in;
    struct party p[VIEWS];
    struct moirai_scope scope;
    struct moirai_chan *chans[VIEWS + 1];

    (void)arg;
    for (int i = 0; i < VIEWS; i++) {
        chans[i] = mo_mem_alloc(sizeof *chans[i], 64);
        CHECK_EQ(mo_chan_attach(in->to, MOIRAI_RECV, chans[i]), 0);
        p[i] = (struct party){ .chan = chans[i] };
    }
    CHECK_EQ(moirai_chan_dup(chans[0], MOIRAI_RECV, &copy), -EMFILE);
    CHECK(copy == in);
    talk_begin(&scope);
    for (int i = 0; i < VIEWS; i++)
        CHECK_EQ(moirai_spawn(&scope, receive_all, &p[i]), 0);
    for (int64_t i = 0; i < 12; i++)
        CHECK_EQ(talk_send(in, i, MOIRAI_NEVER), 0);
    moirai_chan_put(in);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < VIEWS; i++) {
        CHECK_EQ(p[i].n, 12);
        for (int64_t n = 0; n < 12; n++)
            CHECK_EQ(p[i].values[n], n);
        moirai_chan_put(chans[i]);
    }
    return 0;
}

TEST(discipline, with_views_shows_each_endpoint_its_messages)
{
    with_each(see_everything, NULL);
    with_seeds(100, see_everything, NULL);
}

/* Two wait at one endpoint, which sees a message once: one of them gets it and
 * the other goes on waiting, but not in the way of who waits at another. */
static int share_an_endpoint(void *arg)
{
    struct moirai_chan *in = make(&tape_ops, MOIRAI_SEND);
    struct party p[3];
    struct moirai_chan *chans[2];
    struct moirai_scope scope;

    (void)arg;
    for (int i = 0; i < 2; i++) {
        chans[i] = mo_mem_alloc(sizeof *chans[i], 64);
        CHECK_EQ(mo_chan_attach(in->to, MOIRAI_RECV, chans[i]), 0);
    }
    talk_begin(&scope);
    for (size_t i = 0; i < 3; i++) {
        p[i] = (struct party){ .chan = chans[i / 2] };
        CHECK_EQ(moirai_spawn(&scope, receive_one, &p[i]), 0);
        talk_until(in, MOIRAI_RECV, i + 1);
    }
    CHECK_EQ(talk_send(in, 5, MOIRAI_NOW), 0);
    CHECK_EQ(talk_waiting(in, MOIRAI_RECV), 1);
    CHECK_EQ(talk_send(in, 6, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(p[0].value, 5);
    CHECK_EQ(p[1].value, 6);
    CHECK_EQ(p[2].value, 5);
    CHECK_EQ(talk_recv(chans[1], MOIRAI_NOW), 6);
    moirai_chan_put(chans[0]);
    moirai_chan_put(chans[1]);
    moirai_chan_put(in);
    return 0;
}

TEST(discipline, with_views_wakes_only_who_gets_something)
{
    with_each(share_an_endpoint, NULL);
}

/* Who is slow keeps a sender waiting, until it has gone. */
static int go_away(void *arg)
{
    struct moirai_chan *in = make(&tape_ops, MOIRAI_SEND);
    struct moirai_chan *slow = mo_mem_alloc(sizeof *slow, 64);
    struct party p = { .chan = in, .n = ROOM + 3 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(mo_chan_attach(in->to, MOIRAI_RECV, slow), 0);
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, send_values, &p), 0);
    talk_until(in, MOIRAI_SEND, 1);
    CHECK_EQ(moirai_chan_length(slow), ROOM);
    moirai_chan_put(slow);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    moirai_chan_put(in);
    return 0;
}

TEST(discipline, with_views_goes_on_without_the_slow_one)
{
    with_each(go_away, NULL);
    with_seeds(20, go_away, NULL);
}

/* --- one that cannot begin, or not again --------------------------------- */

static int refuse_to_begin(void *state, const void *config,
                           const struct moirai_elem *elem,
                           const struct moirai_host *host,
                           struct moirai_error *err)
{
    (void)state;
    (void)config;
    (void)elem;
    (void)host;
    return moirai_error_set(err, -EIO, "the pile is on fire");
}

static int seals;

static void count_seal(void *state)
{
    (void)state;
    seals++;
}

TEST(discipline, that_does_not_begin_makes_no_channel)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_chan_ops ops = pile_ops;
    const struct moirai_plugin plugin = { .name = "pile" };
    const struct mo_chosen chosen = { .plugin = &plugin, .ops = &ops };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_error err;
    struct mo_chan *c = NULL;

    mo_mem_watch(0);
    ops.init = refuse_to_begin;
    CHECK_EQ(mo_chan_create(rt, &chosen, &elem, &c, &err), -EIO);
    CHECK_STR(err.text, "the pile is on fire");
    CHECK(c == NULL);
    CHECK_EQ(mo_mem_unwatch().live, 0);
    with_end(rt);
}

static int close_twice(void *arg)
{
    struct moirai_chan_ops ops = pile_ops;
    struct moirai_chan *chan;

    (void)arg;
    ops.seal = count_seal;
    chan = make(&ops, MOIRAI_BOTH);
    CHECK_EQ(moirai_chan_close(chan), 0);
    CHECK_EQ(moirai_chan_close(chan), -EPIPE);
    CHECK_EQ(seals, 1);
    moirai_chan_put(chan);
    CHECK_EQ(seals, 1);
    return 0;
}

TEST(discipline, is_sealed_once)
{
    with_one(1, close_twice, NULL);
}
