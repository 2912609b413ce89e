/* SPDX-License-Identifier: MIT */
/*
 * test_peek.c - what a message is before it is received: what comes next, and
 * how long it is.
 */
#include "notes.h"

/* --- peek ----------------------------------------------------------------- */

static int look(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < STORES; i++) {
        struct moirai_chan *chan = notes_on(stores[i].plugin, stores[i].option,
                                            NULL, NULL);
        struct note note = { .number = -1 };

        CHECK_EQ(moirai_chan_peek(chan, &note, sizeof note), -EAGAIN);
        CHECK_EQ(moirai_loan_send(chan, loan(chan, 6), MOIRAI_NOW), 0);
        CHECK_EQ(moirai_chan_peek(chan, &note, sizeof note), sizeof note);
        CHECK_EQ(note.number, 6);
        CHECK(is_whole(&note));
        CHECK_EQ(moirai_chan_peek(chan, NULL, 0), sizeof note);
        CHECK_EQ(moirai_chan_length(chan), 1);
        CHECK_EQ(receive(chan, MOIRAI_NOW), 6);
        CHECK_EQ(moirai_chan_close(chan), 0);
        CHECK_EQ(moirai_chan_peek(chan, &note, sizeof note), -EPIPE);
        moirai_chan_put(chan);
    }
    CHECK_EQ(moirai_chan_peek(NULL, NULL, 0), -EBADF);
    return 0;
}

TEST(peek, shows_what_comes_next_and_leaves_it)
{
    with_one(1, look, NULL);
}

static int look_at_copies(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 2);
    int64_t value = 0;
    unsigned char byte = 0;

    (void)arg;
    CHECK_EQ(talk_send(chan, 0x11, MOIRAI_NOW), 0);
    CHECK_EQ(talk_send(chan, 0x22, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_peek(chan, &value, sizeof value), sizeof value);
    CHECK_EQ(value, 0x11);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 0x11);
    CHECK_EQ(moirai_chan_peek(chan, &byte, 1), sizeof value);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 0x22);
    moirai_chan_put(chan);
    return 0;
}

TEST(peek, gives_as_much_as_there_is_room_for)
{
    with_one(1, look_at_copies, NULL);
}

static int wait_to_send(void *arg)
{
    return talk_send(arg, 42, MOIRAI_NEVER);
}

static int look_at_sender(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 0);
    struct moirai_scope scope;
    int64_t value = 0;

    (void)arg;
    CHECK_EQ(moirai_chan_peek(chan, &value, sizeof value), -EAGAIN);
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, wait_to_send, chan), 0);
    while (moirai_chan_peek(chan, &value, sizeof value) == -EAGAIN)
        moirai_yield();
    CHECK_EQ(value, 42);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 42);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    moirai_chan_put(chan);
    return 0;
}

TEST(peek, sees_who_waits_to_meet)
{
    with_each(look_at_sender, NULL);
    with_seeds(50, look_at_sender, NULL);
}

/* --- varying length ------------------------------------------------------- */

static int lengths(void *arg)
{
    struct moirai_elem elem = MOIRAI_ELEM_BYTES(2, 1000);
    struct moirai_chan *chan = talk_ring(NULL, 4, &elem);
    char text[1000];
    void *message = NULL;

    (void)arg;
    memset(text, 'x', sizeof text);
    CHECK_EQ(moirai_chan_send(chan, text, MOIRAI_NOW), -EINVAL);
    CHECK_EQ(moirai_chan_recv(chan, text, MOIRAI_NOW), -EINVAL);
    CHECK_EQ(moirai_chan_send_bytes(chan, text, 1, MOIRAI_NOW), -EMSGSIZE);
    CHECK_EQ(moirai_chan_send_bytes(chan, text, 1001, MOIRAI_NOW), -EMSGSIZE);
    CHECK_EQ(moirai_chan_send_bytes(chan, "hi", 2, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_send_bytes(chan, text, 1000, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_loan_get(chan, 100, &message), 0);
    memset(message, 'y', 100);
    CHECK_EQ(moirai_loan_trim(message, 1), -EMSGSIZE);
    CHECK_EQ(moirai_loan_trim(message, 1000), -EMSGSIZE);
    CHECK_EQ(moirai_loan_trim(message, 40), 0);
    CHECK_EQ(moirai_loan_send(chan, message, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_peek(chan, text, 1), 2);
    CHECK_EQ(text[0], 'h');
    CHECK_EQ(moirai_chan_recv_bytes(chan, text, 999, MOIRAI_NOW), -EMSGSIZE);
    CHECK_EQ(moirai_chan_recv_bytes(chan, text, 1000, MOIRAI_NOW), 2);
    CHECK(memcmp(text, "hi", 2) == 0);
    CHECK_EQ(moirai_loan_recv(chan, &message, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_loan_bytes(message), 1000);
    moirai_loan_put(message);
    CHECK_EQ(moirai_chan_recv_bytes(chan, text, 1000, MOIRAI_NOW), 40);
    CHECK_EQ(text[39], 'y');
    CHECK_EQ(moirai_chan_recv_bytes(chan, text, 1000, MOIRAI_NOW), -EAGAIN);
    moirai_chan_put(chan);
    return 0;
}

TEST(loan, varies_in_length)
{
    with_one(1, lengths, NULL);
}

static int lengths_of_copies(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 2);
    int64_t value = 3;

    (void)arg;
    CHECK_EQ(moirai_chan_send_bytes(chan, &value, 4, MOIRAI_NOW), -EMSGSIZE);
    CHECK_EQ(moirai_chan_send_bytes(chan, &value, 8, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_recv_bytes(chan, &value, 7, MOIRAI_NOW), -EMSGSIZE);
    CHECK_EQ(moirai_chan_recv_bytes(chan, &value, 9, MOIRAI_NOW), 8);
    CHECK_EQ(moirai_chan_send_bytes(NULL, &value, 8, MOIRAI_NOW), -EBADF);
    CHECK_EQ(moirai_chan_recv_bytes(NULL, &value, 8, MOIRAI_NOW), -EBADF);
    moirai_chan_put(chan);
    return 0;
}

TEST(loan, has_a_length_where_copies_have_one_too)
{
    with_one(1, lengths_of_copies, NULL);
}

/* --- what travels with it ------------------------------------------------- */

/* Who copies gets and gives it, too. */
static int meta_of_copies(void *arg)
{
    struct moirai_meta meta = { .size = sizeof meta };
    struct moirai_elem elem = MOIRAI_ELEM_BYTES(1, 8);
    struct moirai_chan *chan = talk_ring(NULL, 4, &elem);
    struct moirai_elem copied = MOIRAI_ELEM(int);
    struct moirai_chan *copies = talk_ring(NULL, 4, &copied);
    char text[8] = { 0 };

    memset(meta.trace_id, 'c', sizeof meta.trace_id);
    meta.flags = MOIRAI_META_TRACED;
    CHECK_EQ(moirai_loan_send_copy(chan, "one", 4, &meta, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_loan_send_copy(chan, "two", 4, NULL, MOIRAI_NOW), 0);
    meta = (struct moirai_meta){ .size = sizeof meta };
    CHECK_EQ(moirai_loan_recv_copy(chan, text, 8, &meta, MOIRAI_NOW), 4);
    CHECK_STR(text, "one");
    CHECK_EQ(meta.trace_id[15], 'c');
    CHECK_EQ(meta.flags, MOIRAI_META_TRACED
                             | (arg != NULL ? MOIRAI_META_SENT : 0));
    CHECK(arg == NULL || meta.id == 1);
    CHECK_EQ(moirai_loan_recv_copy(chan, text, 8, &meta, MOIRAI_NOW), 4);
    CHECK_EQ(meta.flags & MOIRAI_META_TRACED, 0);
    CHECK_EQ(moirai_loan_recv_copy(chan, text, 8, NULL, MOIRAI_NOW), -EAGAIN);
    meta.size--;
    CHECK_EQ(moirai_loan_recv_copy(chan, text, 8, &meta, MOIRAI_NOW), -EINVAL);
    CHECK_EQ(moirai_loan_send_copy(chan, text, 8, &meta, MOIRAI_NOW), -EINVAL);
    CHECK_EQ(moirai_loan_send_copy(chan, text, 9, NULL, MOIRAI_NOW),
             -EMSGSIZE);
    CHECK_EQ(moirai_loan_send_copy(copies, text, 4, NULL, MOIRAI_NOW),
             -ENOTSUP);
    CHECK_EQ(moirai_loan_recv_copy(NULL, text, 8, NULL, MOIRAI_NOW), -EBADF);
    moirai_chan_put(copies);
    moirai_chan_put(chan);
    return 0;
}

static int meta_of(void *arg)
{
    bool traces = arg != NULL;
    struct moirai_chan *chan = notes_on("ring", "capacity=8", NULL, NULL);
    struct moirai_chan *next = notes_on("ring", "capacity=8", NULL, NULL);
    uint64_t last = 0;

    for (int i = 0; i < 3; i++) {
        void *message = loan(chan, i);
        struct moirai_meta *meta = moirai_loan_meta(message);

        CHECK_EQ(meta->size, sizeof *meta);
        CHECK_EQ(meta->flags, 0);
        memset(meta->trace_id, 'a' + i, sizeof meta->trace_id);
        meta->flags = MOIRAI_META_TRACED;
        CHECK_EQ(moirai_loan_send(chan, message, MOIRAI_NOW), 0);
        CHECK_EQ(moirai_loan_recv(chan, &message, MOIRAI_NOW), 0);
        meta = moirai_loan_meta(message);
        CHECK_EQ(meta->trace_id[15], 'a' + i);
        CHECK_EQ(meta->flags, MOIRAI_META_TRACED
                                  | (traces ? MOIRAI_META_SENT : 0));
        if (traces) {
            CHECK_EQ(meta->id, last + 1);
            CHECK(meta->sent_ns <= moirai_now());
            last = meta->id;
        }
        CHECK_EQ(moirai_loan_send(next, message, MOIRAI_NOW), 0);
        CHECK_EQ(moirai_loan_recv(next, &message, MOIRAI_NOW), 0);
        CHECK_EQ(moirai_loan_meta(message)->trace_id[0], 'a' + i);
        moirai_loan_put(message);
    }
    moirai_chan_put(chan);
    moirai_chan_put(next);
    return 0;
}

TEST(loan, takes_along_where_it_comes_from)
{
    with_one(1, meta_of, NULL);
    with_one(1, meta_of_copies, NULL);
}

TEST(loan, says_when_it_was_sent_if_that_is_traced)
{
    struct moirai_runtime *rt = with_settings((const char *const[]){
        "runtime.workers=1", "runtime.trace=64", NULL });

    CHECK_EQ(moirai_run(rt, meta_of, rt), 0);
    CHECK_EQ(moirai_run(rt, meta_of_copies, rt), 0);
    with_end(rt);
}

/* --- what fits where ------------------------------------------------------ */

/* What a select would send must fit, too: who receives copies has no more room
 * than a message of the channel takes. */
static int misfits(void *arg)
{
    struct moirai_elem longer = MOIRAI_ELEM_BYTES(1, 4096);
    struct moirai_chan *many = talk_ring(NULL, 4, &longer);
    struct moirai_chan *chan = notes_on("ring", "capacity=4", NULL, NULL);
    struct moirai_chan *two = notes_on("broadcast", NULL, NULL, NULL);
    struct moirai_chan *also = talk_dup(two, MOIRAI_RECV);
    struct moirai_case it = MOIRAI_ON_SEND(chan, arg);
    void *message = NULL;

    it.message = &message;
    CHECK_EQ(moirai_select(&it, 1, MOIRAI_NOW), -EINVAL);
    CHECK_EQ(moirai_loan_get(many, 4096, &message), 0);
    CHECK_EQ(moirai_select(&it, 1, MOIRAI_NOW), -EMSGSIZE);
    moirai_loan_put(message);
    CHECK_EQ(moirai_loan_send(two, loan(two, 1), MOIRAI_NOW), 0);
    CHECK_EQ(moirai_loan_recv(two, &message, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_select(&it, 1, MOIRAI_NOW), -EINVAL);
    moirai_loan_put(message);
    CHECK_EQ(receive(also, MOIRAI_NOW), 1);
    CHECK_EQ(moirai_chan_length(chan), 0);
    moirai_chan_put(also);
    moirai_chan_put(two);
    moirai_chan_put(chan);
    moirai_chan_put(many);
    return 0;
}

TEST(loan, that_does_not_fit_is_not_selected)
{
    with_one(1, misfits, NULL);
}
