/* SPDX-License-Identifier: MIT */
/*
 * test_loan.c - messages that are written and read in place.
 *
 * Built twice, like test_chan_sim.c: also with a core in which tasks may change
 * places at every atomic operation.
 */
#include "mem.h"
#include "notes.h"

static void count_drop(void *message, void *ctx)
{
    CHECK(is_whole(message));
    with_add((int *)ctx, 1);
}

/* --- in place ------------------------------------------------------------- */

static int one_in_each(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < STORES; i++) {
        struct moirai_chan *chan = notes_on(stores[i].plugin, stores[i].option,
                                            NULL, NULL);
        struct note *note = loan(chan, 7);
        void *got = NULL;

        CHECK_EQ(moirai_loan_send(chan, note, MOIRAI_NOW), 0);
        CHECK_EQ(moirai_chan_length(chan), 1);
        CHECK_EQ(moirai_loan_recv(chan, &got, MOIRAI_NOW), 0);
        CHECK(got == note);
        CHECK(is_whole(got));
        moirai_loan_put(got);
        CHECK_EQ(receive(chan, MOIRAI_NOW), -EAGAIN);
        CHECK_EQ(moirai_chan_close(chan), 0);
        CHECK_EQ(receive(chan, MOIRAI_NOW), -EPIPE);
        moirai_chan_put(chan);
    }
    return 0;
}

TEST(loan, is_received_where_it_was_written)
{
    with_one(1, one_in_each, NULL);
}

static int in_any_order(void *arg)
{
    struct moirai_chan *chan = notes_on("ring", "capacity=4", NULL, NULL);
    struct note *notes[8];

    (void)arg;
    for (int i = 0; i < 8; i++)
        notes[i] = loan(chan, i);
    CHECK_EQ(moirai_chan_length(chan), 0);
    CHECK_EQ(moirai_loan_send(chan, notes[3], MOIRAI_NOW), 0);
    CHECK_EQ(moirai_loan_send(chan, notes[1], MOIRAI_NOW), 0);
    moirai_loan_put(notes[0]);
    CHECK_EQ(receive(chan, MOIRAI_NOW), 3);
    CHECK_EQ(moirai_loan_send(chan, notes[2], MOIRAI_NOW), 0);
    CHECK_EQ(receive(chan, MOIRAI_NOW), 1);
    CHECK_EQ(receive(chan, MOIRAI_NOW), 2);
    for (int i = 4; i < 8; i++)
        moirai_loan_put(notes[i]);
    moirai_chan_put(chan);
    return 0;
}

TEST(loan, keeps_nobody_from_sending)
{
    with_one(1, in_any_order, NULL);
}

static int refused(void *arg)
{
    struct moirai_chan *chan = notes_on("ring", "capacity=1", NULL, NULL);
    struct note *note = loan(chan, 1);

    (void)arg;
    CHECK_EQ(moirai_loan_send(chan, loan(chan, 0), MOIRAI_NOW), 0);
    CHECK_EQ(moirai_loan_send(chan, note, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_loan_send(chan, note, moirai_after(1000)), -ETIMEDOUT);
    CHECK_EQ(receive(chan, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_loan_send(chan, note, MOIRAI_NOW), 0);
    note = loan(chan, 2);
    CHECK_EQ(moirai_chan_close(chan), 0);
    CHECK_EQ(moirai_loan_send(chan, note, MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(receive(chan, MOIRAI_NOW), 1);
    moirai_chan_put(chan);
    CHECK(is_whole(note));          /* longer than its channel */
    moirai_loan_put(note);
    moirai_loan_put(NULL);
    return 0;
}

TEST(loan, stays_with_its_owner_when_it_is_refused)
{
    with_one(1, refused, NULL);
}

static int wrong(void *arg)
{
    struct moirai_elem elem = MOIRAI_ELEM(struct note);
    struct moirai_chan *copies = talk_ring(NULL, 4, &elem);
    struct moirai_chan *chan = notes_on("ring", "capacity=1", NULL, NULL);
    struct moirai_chan *in = talk_dup(chan, MOIRAI_SEND);
    struct moirai_chan *out = talk_dup(chan, MOIRAI_RECV);
    void *message = NULL;

    (void)arg;
    CHECK_EQ(moirai_loan_get(NULL, 0, &message), -EBADF);
    CHECK_EQ(moirai_loan_send(NULL, NULL, MOIRAI_NOW), -EBADF);
    CHECK_EQ(moirai_loan_recv(NULL, &message, MOIRAI_NOW), -EBADF);
    CHECK_EQ(moirai_loan_get(copies, 0, &message), -ENOTSUP);
    CHECK_EQ(moirai_loan_recv(copies, &message, MOIRAI_NOW), -ENOTSUP);
    CHECK_EQ(moirai_loan_get(out, 0, &message), -EBADF);
    CHECK_EQ(moirai_loan_recv(in, &message, MOIRAI_NOW), -EBADF);
    CHECK_EQ(moirai_loan_get(in, sizeof(struct note) - 1, &message),
             -EMSGSIZE);
    CHECK_EQ(moirai_loan_get(in, sizeof(struct note) + 1, &message),
             -EMSGSIZE);
    CHECK_EQ(moirai_loan_get(in, 0, &message), 0);
    CHECK_EQ(moirai_loan_bytes(message), sizeof(struct note));
    CHECK_EQ(moirai_loan_send(copies, message, MOIRAI_NOW), -ENOTSUP);
    CHECK_EQ(moirai_loan_send(out, message, MOIRAI_NOW), -EBADF);
    CHECK_EQ(moirai_loan_send(in, NULL, MOIRAI_NOW), -EINVAL);
    CHECK_EQ(moirai_loan_trim(message, sizeof(struct note) - 1), -EMSGSIZE);
    moirai_loan_put(message);
    elem.limit = elem.bytes - 1;
    CHECK_EQ(moirai_chan_make(NULL, NULL, NULL, &elem, &chan, NULL), -EINVAL);
    elem.limit = SIZE_MAX;
    CHECK_EQ(moirai_chan_make(NULL, NULL, NULL, &elem, &chan, NULL), -EINVAL);
    moirai_chan_put(in);
    moirai_chan_put(out);
    moirai_chan_put(copies);
    moirai_chan_put(chan);
    return 0;
}

TEST(loan, refuses_what_is_wrong)
{
    with_one(1, wrong, NULL);
}

static int passed_on(void *arg)
{
    struct moirai_elem longer = MOIRAI_ELEM_BYTES(0, 4096);
    struct moirai_elem wider = MOIRAI_ELEM_LOANED(struct note);
    struct moirai_chan *chan = notes_on("ring", "capacity=4", NULL, NULL);
    struct moirai_chan *next;
    struct moirai_chan *last;
    struct note *note = loan(chan, 5);
    void *got = NULL;

    (void)arg;
    wider.align = 64;
    next = talk_ring(NULL, 4, &longer);
    last = talk_ring(NULL, 4, &wider);
    CHECK_EQ(moirai_loan_send(chan, note, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_loan_recv(chan, &got, MOIRAI_NOW), 0);
    moirai_chan_put(chan);
    CHECK_EQ(moirai_loan_send(last, got, MOIRAI_NOW), -EMSGSIZE);
    CHECK_EQ(moirai_loan_send(next, got, MOIRAI_NOW), 0);
    CHECK_EQ(receive(next, MOIRAI_NOW), 5);
    moirai_chan_put(next);
    moirai_chan_put(last);
    return 0;
}

TEST(loan, is_passed_on_to_another_channel)
{
    with_one(1, passed_on, NULL);
}

/* --- destructors ---------------------------------------------------------- */

/* A message that was got from `from`, in `to`, which goes. */
static void pass_and_end(struct moirai_chan *from, struct moirai_chan *to)
{
    void *message = NULL;

    CHECK_EQ(moirai_loan_send(from, loan(from, 3), MOIRAI_NOW), 0);
    CHECK_EQ(moirai_loan_recv(from, &message, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_loan_send(to, message, MOIRAI_NOW), 0);
    moirai_chan_put(from);
    moirai_chan_put(to);
}

static int destroyed_elsewhere(void *arg)
{
    int here = 0;
    int there = 0;
    struct moirai_chan *to = notes_on("broadcast", NULL, count_drop, &there);
    struct moirai_chan *out = talk_dup(to, MOIRAI_RECV);
    void *message = NULL;

    (void)arg;
    pass_and_end(notes_on("ring", NULL, count_drop, &here),
                 notes_on("ring", NULL, count_drop, &there));
    CHECK_EQ(here, 0);
    CHECK_EQ(there, 1);
    pass_and_end(notes_on("ring", NULL, count_drop, &here), to);
    CHECK_EQ(moirai_loan_recv(out, &message, MOIRAI_NOW), 0);
    moirai_chan_put(out);
    CHECK_EQ(there, 1);
    moirai_loan_put(message);       /* outlasts both channels */
    CHECK_EQ(here, 0);
    CHECK_EQ(there, 2);
    return 0;
}

TEST(loan, is_destroyed_as_the_channel_says_that_it_was_sent_to)
{
    with_one(1, destroyed_elsewhere, NULL);
    with_one(2, destroyed_elsewhere, NULL);
}

static int destroyed(void *arg)
{
    int drops = 0;
    struct moirai_chan *chan = notes_on("ring", "overflow=drop-oldest",
                                        count_drop, &drops);
    int capacity = (int)moirai_chan_capacity(chan);

    (void)arg;
    for (int i = 0; i < capacity + 3; i++)
        CHECK_EQ(moirai_loan_send(chan, loan(chan, i), MOIRAI_NOW), 0);
    CHECK_EQ(drops, 3);
    CHECK_EQ(moirai_chan_dropped(chan), 3);
    CHECK_EQ(receive(chan, MOIRAI_NOW), 3);
    moirai_loan_put(loan(chan, 99));
    CHECK_EQ(drops, 3);             /* these were their owner's */
    moirai_chan_put(chan);
    CHECK_EQ(drops, 3 + capacity - 1);
    return 0;
}

TEST(loan, is_destroyed_if_nobody_receives_it)
{
    with_one(1, destroyed, NULL);
}

static int shared(void *arg)
{
    int drops = 0;
    struct moirai_chan *chan = notes_on("broadcast", "capacity=1", count_drop,
                                        &drops);
    struct moirai_chan *in = talk_dup(chan, MOIRAI_SEND);
    struct moirai_chan *out[2] = { talk_dup(chan, MOIRAI_RECV),
                                   talk_dup(chan, MOIRAI_RECV) };
    struct note *note = loan(chan, 1);
    void *got[2] = { NULL, NULL };

    (void)arg;
    moirai_chan_put(chan);
    CHECK_EQ(moirai_loan_send(in, note, MOIRAI_NOW), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(moirai_loan_recv(out[i], &got[i], MOIRAI_NOW), 0);
        CHECK(got[i] == note);
    }
    CHECK_EQ(moirai_loan_send(in, got[0], MOIRAI_NOW), -EINVAL);
    moirai_loan_put(got[0]);
    CHECK_EQ(drops, 0);
    CHECK_EQ(moirai_loan_send(in, loan(in, 2), MOIRAI_NOW), 0);
    CHECK_EQ(drops, 0);             /* it has left the buffer, not the reader */
    CHECK(is_whole(got[1]));
    moirai_loan_put(got[1]);
    CHECK_EQ(drops, 1);
    CHECK_EQ(receive(out[0], MOIRAI_NOW), 2);
    CHECK_EQ(moirai_loan_recv(out[1], &got[1], MOIRAI_NOW), 0);
    moirai_chan_put(in);
    moirai_chan_put(out[0]);
    moirai_chan_put(out[1]);
    CHECK_EQ(drops, 1);             /* the channel is gone, the message not */
    CHECK(is_whole(got[1]));
    moirai_loan_put(got[1]);
    CHECK_EQ(drops, 2);
    return 0;
}

TEST(loan, is_shared_by_subscribers_and_destroyed_once)
{
    with_one(1, shared, NULL);
}

/* --- with copies and select ----------------------------------------------- */

static int mixed(void *arg)
{
    struct moirai_chan *chan = notes_on("ring", "capacity=8", NULL, NULL);
    struct note batch[4] = { { .number = 0 } };
    struct note note;
    int64_t n;

    (void)arg;
    for (int i = 0; i < 4; i++) {
        batch[i].number = i;
        memset(batch[i].text, i, sizeof batch[i].text);
    }
    CHECK_EQ(moirai_chan_send_batch(chan, batch, 4, MOIRAI_NOW), 4);
    CHECK_EQ(moirai_chan_send(chan, &batch[2], MOIRAI_NOW), 0);
    CHECK_EQ(moirai_loan_send(chan, loan(chan, 9), MOIRAI_NOW), 0);
    CHECK_EQ(receive(chan, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_recv(chan, &note, MOIRAI_NOW), 0);
    CHECK_EQ(note.number, 1);
    n = moirai_chan_recv_batch(chan, batch, 2, 4, MOIRAI_NEVER);
    CHECK_EQ(n, 4);
    CHECK_EQ(batch[1].number, 3);
    CHECK_EQ(batch[3].number, 9);
    CHECK(is_whole(&batch[3]));
    CHECK_EQ(moirai_chan_recv_batch(chan, batch, 0, 4, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_chan_recv_batch(chan, batch, 1, 4, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_chan_send_batch(chan, batch, 0, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_close(chan), 0);
    CHECK_EQ(moirai_chan_send_batch(chan, batch, 2, MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(moirai_chan_recv_batch(chan, batch, 1, 4, MOIRAI_NEVER), -EPIPE);
    moirai_chan_put(chan);
    return 0;
}

TEST(loan, is_copied_by_those_who_copy)
{
    with_one(1, mixed, NULL);
}

static int meet_in_select(void *arg)
{
    struct moirai_chan *chan = arg;
    void *message = NULL;
    struct moirai_case cases[] = { MOIRAI_ON_RECV(chan, &message) };

    for (int i = 0; i < 3; i++) {
        CHECK_EQ(moirai_select(cases, 1, MOIRAI_NEVER), 0);
        CHECK_EQ(cases[0].result, 0);
        CHECK(is_whole(message));
        CHECK_EQ(((struct note *)message)->number, i);
        moirai_loan_put(message);
    }
    moirai_chan_put(chan);
    return 0;
}

static int by_select(void *arg)
{
    static const char *const capacities[] = { "capacity=0", "capacity=2" };
    struct moirai_scope scope;

    (void)arg;
    for (size_t k = 0; k < 2; k++) {
        struct moirai_chan *chan = notes_on("ring", capacities[k], NULL, NULL);

        talk_begin(&scope);
        CHECK_EQ(moirai_spawn(&scope, meet_in_select, moirai_chan_get(chan)),
                 0);
        for (int i = 0; i < 3; i++) {
            void *message = loan(chan, i);
            struct moirai_case cases[] = { MOIRAI_ON_SEND(chan, &message) };

            if (i == 1) {
                CHECK_EQ(moirai_loan_send(chan, message, MOIRAI_NEVER), 0);
                continue;
            }
            CHECK_EQ(moirai_select(cases, 1, MOIRAI_NEVER), 0);
            CHECK_EQ(cases[0].result, 0);
        }
        CHECK_EQ(moirai_scope_end(&scope), 0);
        moirai_chan_put(chan);
    }
    return 0;
}

TEST(loan, is_selected)
{
    with_each(by_select, NULL);
    with_seeds(100, by_select, NULL);
}

/* --- memory --------------------------------------------------------------- */

static int again_and_again(void *arg)
{
    struct moirai_chan *chan = notes_on("ring", "capacity=4", NULL, NULL);
    struct note *held[3];

    (void)arg;
    for (int round = 0; round < 20; round++) {
        if (round == 2)
            mo_mem_watch(0);
        for (int i = 0; i < 3; i++)
            held[i] = loan(chan, i);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(moirai_loan_send(chan, held[i], MOIRAI_NOW), 0);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(receive(chan, MOIRAI_NOW), i);
    }
    CHECK_EQ(mo_mem_unwatch().asked, 0);
    moirai_chan_put(chan);
    return 0;
}

TEST(loan, needs_no_new_memory_once_it_had_some)
{
    with_one(1, again_and_again, NULL);
}

static int without_memory(void *arg)
{
    struct moirai_elem elem = MOIRAI_ELEM_LOANED(struct note);
    struct moirai_chan *chan = notes_on("ring", "capacity=4", NULL, NULL);
    struct moirai_chan *never = NULL;
    struct note note = { .number = 0 };
    void *message = NULL;

    (void)arg;
    mo_mem_watch(0);
    mo_mem_fail(1, 1);
    CHECK_EQ(moirai_loan_get(chan, 0, &message), -ENOMEM);
    CHECK(message == NULL);
    mo_mem_fail(1, 1);
    CHECK_EQ(moirai_chan_send(chan, &note, MOIRAI_NOW), -ENOMEM);
    CHECK_EQ(moirai_chan_length(chan), 0);
    CHECK_EQ(moirai_chan_send(chan, &note, MOIRAI_NOW), 0);
    for (uint64_t i = 1; i < 5; i++) {
        mo_mem_fail(i, 1);
        CHECK_EQ(moirai_chan_make(NULL, "list", NULL, &elem, &never, NULL),
                 -ENOMEM);
    }
    mo_mem_fail(0, 0);
    (void)mo_mem_unwatch();
    moirai_chan_put(chan);
    return 0;
}

TEST(loan, loses_nothing_without_memory)
{
    with_one(1, without_memory, NULL);
}

/* --- many tasks ----------------------------------------------------------- */

#define MAKERS 3
#define READERS 2
#define EACH 30

struct works {
    struct moirai_chan *raw;        /* both ends of each, for its tasks */
    struct moirai_chan *done;
    int next;                       /* atomic */
    int drops;                      /* atomic */
    int given_up;                   /* atomic */
    int64_t sums[MAKERS];           /* atomic */
    int got;                        /* atomic */
};

static int make_notes(void *arg)
{
    struct works *works = arg;
    uint32_t me = (uint32_t)with_add(&works->next, 1) - 1;
    struct moirai_chan *out = talk_dup(works->raw, MOIRAI_SEND);

    moirai_chan_put(works->raw);
    for (int i = 1; i <= EACH; i++) {
        struct note *note = loan(out, i);
        int64_t until = i % 5 == 0 ? moirai_after(200) : MOIRAI_NEVER;
        int rc;

        note->from = me;
        rc = moirai_loan_send(out, note, until);
        if (rc == 0)
            continue;
        CHECK_EQ(rc, -ETIMEDOUT);
        with_add(&works->given_up, i);
        moirai_loan_put(note);
    }
    moirai_chan_put(out);
    return 0;
}

/* Changes what it gets, and passes it on. */
static int refine(void *arg)
{
    struct works *works = arg;
    struct moirai_chan *in = talk_dup(works->raw, MOIRAI_RECV);
    struct moirai_chan *out = talk_dup(works->done, MOIRAI_SEND);
    void *message = NULL;

    moirai_chan_put(works->raw);
    moirai_chan_put(works->done);
    while (moirai_loan_recv(in, &message, MOIRAI_NEVER) == 0) {
        struct note *note = message;

        CHECK(is_whole(note));
        note->number += 1000;
        memset(note->text, (int)(note->number & 255), sizeof note->text);
        CHECK_EQ(moirai_loan_send(out, note, MOIRAI_NEVER), 0);
    }
    moirai_chan_put(in);
    moirai_chan_put(out);
    return 0;
}

static int add_up(void *arg)
{
    struct works *works = arg;
    struct moirai_chan *in = talk_dup(works->done, MOIRAI_RECV);
    void *message = NULL;

    moirai_chan_put(works->done);
    while (moirai_loan_recv(in, &message, MOIRAI_NEVER) == 0) {
        struct note *note = message;

        CHECK(is_whole(note));
        with_add(&works->sums[note->from], note->number - 1000);
        with_add(&works->got, 1);
        moirai_loan_put(note);
    }
    moirai_chan_put(in);
    return 0;
}

static int pipeline(void *arg)
{
    const char *capacity = arg;
    struct works works = { .next = 0 };
    struct moirai_scope scope;
    int64_t sum = 0;

    works.raw = notes_on("ring", capacity, count_drop, &works.drops);
    works.done = notes_on("list", "limit=2", count_drop, &works.drops);
    talk_begin(&scope);
    for (int i = 0; i < MAKERS; i++) {
        moirai_chan_get(works.raw);
        CHECK_EQ(moirai_spawn(&scope, make_notes, &works), 0);
    }
    for (int i = 0; i < READERS; i++) {
        moirai_chan_get(works.raw);
        moirai_chan_get(works.done);
        CHECK_EQ(moirai_spawn(&scope, refine, &works), 0);
        moirai_chan_get(works.done);
        CHECK_EQ(moirai_spawn(&scope, add_up, &works), 0);
    }
    moirai_chan_put(works.raw);
    moirai_chan_put(works.done);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < MAKERS; i++)
        sum += works.sums[i];
    CHECK_EQ(sum + works.given_up, MAKERS * EACH * (EACH + 1) / 2);
    CHECK_EQ(works.drops, 0);
    return 0;
}

TEST(loan, arrives_once_whoever_sends_it_on)
{
    with_each(pipeline, "capacity=4");
    with_each(pipeline, "capacity=0");
    with_seeds(60, pipeline, "capacity=2");
}

/* --- ends ----------------------------------------------------------------- */

struct lost {
    struct moirai_chan *chan;
    int ready;                      /* atomic */
};

static int fail_with_a_loan(void *arg)
{
    struct lost *lost = arg;
    struct moirai_cleanup cleanup;
    struct note *note = loan(lost->chan, 1);

    moirai_cleanup_push(&cleanup, moirai_loan_put, note);
    with_set(&lost->ready, 1);
    CHECK_EQ(moirai_loan_send(lost->chan, note, MOIRAI_NEVER), -ECANCELED);
    moirai_fail(-EIO, "out of notes");
}

static int cancelled(void *arg)
{
    struct lost lost = { .chan = notes_on("ring", "capacity=1", NULL, NULL) };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_loan_send(lost.chan, loan(lost.chan, 0), MOIRAI_NOW), 0);
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, fail_with_a_loan, &lost), 0);
    with_wait(&lost.ready);
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(receive(lost.chan, MOIRAI_NOW), 0);
    CHECK_EQ(receive(lost.chan, MOIRAI_NOW), -EAGAIN);
    moirai_chan_put(lost.chan);
    return 0;
}

TEST(loan, of_a_task_that_fails_is_put_back_by_its_cleanup)
{
    with_each(cancelled, NULL);
    with_seeds(100, cancelled, NULL);
}
