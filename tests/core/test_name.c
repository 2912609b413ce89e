/* SPDX-License-Identifier: MIT */
/*
 * test_name.c - channels by name.
 */
#include "chan.h"

#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "talk.h"

static struct moirai_runtime *start(void)
{
    struct moirai_config config = { .size = sizeof config };
    struct moirai_runtime *rt = NULL;
    struct moirai_error err = { 0 };

    config.text = "runtime: {workers: 2}\n"
                  "channels:\n"
                  "  words: {plugin: ring, capacity: 3}\n"
                  "  counts: {capacity: 0}\n";
    CHECK_FMT(moirai_start(&rt, &config, &err) == 0, "%s", err.text);
    return rt;
}

static struct moirai_chan *open_words(struct moirai_runtime *rt, uint32_t mode)
{
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *chan = NULL;
    struct moirai_error err = { 0 };

    CHECK_FMT(moirai_chan_open(rt, "words", mode, &elem, &chan, &err) == 0,
              "%s", err.text);
    return chan;
}

TEST(name, leads_to_one_channel)
{
    struct moirai_runtime *rt = start();
    struct moirai_chan *in = open_words(rt, MOIRAI_SEND);
    struct moirai_chan *out = open_words(rt, MOIRAI_RECV);
    struct moirai_chan *counts;
    struct moirai_elem elem = MOIRAI_ELEM(char);

    CHECK(in != out && in->to == out->to);
    CHECK_EQ(moirai_chan_capacity(in), 3);
    CHECK_EQ(talk_send(in, 1, MOIRAI_NOW), 0);
    CHECK_EQ(talk_recv(in, MOIRAI_NOW), -EBADF);
    CHECK_EQ(talk_recv(out, MOIRAI_NOW), 1);
    CHECK_EQ(moirai_chan_open(rt, "counts", MOIRAI_BOTH, &elem, &counts,
                              NULL), 0);
    CHECK(counts->to != in->to);
    CHECK_EQ(moirai_chan_capacity(counts), 0);
    moirai_chan_put(in);
    CHECK_EQ(talk_recv(out, MOIRAI_NEVER), -EPIPE);
    moirai_chan_put(out);
    moirai_chan_put(counts);
    with_end(rt);
}

TEST(name, is_free_again_when_its_last_endpoint_is_put)
{
    struct moirai_runtime *rt = start();
    struct moirai_chan *in = open_words(rt, MOIRAI_SEND);
    struct moirai_chan *out;
    struct moirai_chan *copy;

    CHECK_EQ(talk_send(in, 1, MOIRAI_NOW), 0);
    copy = talk_dup(in, MOIRAI_SEND);
    moirai_chan_put(in);
    out = open_words(rt, MOIRAI_RECV);
    CHECK_EQ(talk_recv(out, MOIRAI_NOW), 1);
    CHECK_EQ(talk_send(copy, 2, MOIRAI_NOW), 0);
    moirai_chan_put(out);
    moirai_chan_put(copy);
    out = open_words(rt, MOIRAI_RECV);
    CHECK_EQ(talk_recv(out, MOIRAI_NOW), -EAGAIN);
    moirai_chan_put(out);
    with_end(rt);
}

TEST(name, waits_for_its_first_sender)
{
    struct moirai_runtime *rt = start();
    struct moirai_chan *out = open_words(rt, MOIRAI_RECV);
    struct moirai_chan *in;

    CHECK_EQ(talk_recv(out, MOIRAI_NOW), -EAGAIN);
    in = open_words(rt, MOIRAI_SEND);
    CHECK_EQ(talk_send(in, 3, MOIRAI_NOW), 0);
    moirai_chan_put(in);
    CHECK_EQ(talk_recv(out, MOIRAI_NEVER), 3);
    CHECK_EQ(talk_recv(out, MOIRAI_NEVER), -EPIPE);
    moirai_chan_put(out);
    with_end(rt);
}

static void refuse(struct moirai_runtime *rt, const char *name, uint32_t mode,
                   const struct moirai_elem *elem, int rc, const char *part)
{
    struct moirai_chan *chan = NULL;
    struct moirai_error err = { 0 };

    CHECK_EQ(moirai_chan_open(rt, name, mode, elem, &chan, &err), rc);
    CHECK_EQ(err.code, rc);
    CHECK(chan == NULL);
    CHECK_FMT(strstr(err.text, part) != NULL, "says: %s", err.text);
    CHECK_EQ(moirai_chan_open(rt, name, mode, elem, &chan, NULL), rc);
}

TEST(name, says_why_it_cannot_be_opened)
{
    struct moirai_runtime *rt = start();
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);

    refuse(rt, "wrods", MOIRAI_SEND, &elem, -ENOENT, "wrods");
    refuse(rt, "", MOIRAI_SEND, &elem, -ENOENT, "channels:");
    refuse(rt, "words", 0, &elem, -EINVAL, "MOIRAI_BOTH");
    refuse(rt, "words", 4, &elem, -EINVAL, "MOIRAI_BOTH");
    refuse(rt, NULL, MOIRAI_SEND, &elem, -EINVAL, "name");
    refuse(rt, "words", MOIRAI_SEND, NULL, -EINVAL, "MOIRAI_ELEM");
    refuse(NULL, "words", MOIRAI_SEND, &elem, -EINVAL, "runtime");
    refuse(rt, "shm://here/words", MOIRAI_SEND, &elem, -ENOTSUP,
           "shm://here/words");
    with_end(rt);
}

static void drop(void *message, void *ctx)
{
    (void)message;
    ++*(int *)ctx;
}

TEST(name, stands_for_one_kind_of_element)
{
    struct moirai_runtime *rt = start();
    struct moirai_chan *first = open_words(rt, MOIRAI_SEND);
    struct moirai_chan *second;
    struct moirai_elem wider = MOIRAI_ELEM(char[16]);
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    int drops = 0;
    int others = 0;

    refuse(rt, "words", MOIRAI_RECV, &wider, -EINVAL, "size");
    elem.schema = 7;                /* the other end does not mind */
    elem.drop = drop;               /* and does not know how to */
    elem.ctx = &drops;
    CHECK_EQ(moirai_chan_open(rt, "words", MOIRAI_RECV, &elem, &second, NULL),
             0);
    elem.ctx = &others;
    refuse(rt, "words", MOIRAI_RECV, &elem, -EINVAL, "destructor");
    CHECK_EQ(talk_send(first, 1, MOIRAI_NOW), 0);
    moirai_chan_put(first);
    moirai_chan_put(second);
    CHECK_EQ(drops, 1);
    elem.ctx = &drops;
    CHECK_EQ(moirai_chan_open(rt, "words", MOIRAI_RECV, &elem, &second, NULL),
             0);
    elem.schema = 8;
    refuse(rt, "words", MOIRAI_RECV, &elem, -EINVAL, "schema");
    moirai_chan_put(second);
    with_end(rt);
}

TEST(name, survives_no_memory)
{
    struct moirai_runtime *rt = start();
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *chan = NULL;
    struct mo_mem_count count;
    uint64_t n = 0;
    int rc;

    do {
        mo_mem_watch(++n);
        rc = moirai_chan_open(rt, "words", MOIRAI_BOTH, &elem, &chan, NULL);
        count = mo_mem_unwatch();
        CHECK(rc == 0 || (rc == -ENOMEM && count.live == 0));
    } while (rc != 0);
    CHECK_EQ(n, 6);
    moirai_chan_put(chan);
    with_end(rt);
}

static int open_and_put(void *arg)
{
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);

    (void)arg;
    for (unsigned i = 0; i < with_times(300); i++) {
        struct moirai_chan *chan = NULL;
        struct moirai_chan *copy;

        CHECK_EQ(moirai_chan_open(NULL, "words", MOIRAI_BOTH, &elem, &chan,
                                  NULL), 0);
        copy = talk_dup(chan, MOIRAI_RECV);
        moirai_chan_put(i % 2 != 0 ? copy : chan);
        if (i % 5 == 0)
            moirai_yield();
        moirai_chan_put(i % 2 != 0 ? chan : copy);
    }
    return 0;
}

TEST(name, is_opened_and_left_by_many)
{
    struct moirai_runtime *rt = start();

    for (int i = 0; i < 20; i++)
        CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), open_and_put, NULL),
                 0);
    with_end(rt);
}

/* More names than the table has lists. */
TEST(name, is_found_among_many)
{
    enum { MANY = 150 };
    static char texts[MANY][40];
    static const char *set[MANY + 1];
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *chans[MANY];
    struct moirai_runtime *rt;
    char name[20];

    for (int i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof texts[i], "channels.n%d.capacity=%d", i,
                 i + 1);
        set[i] = texts[i];
    }
    rt = with_settings(set);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "n%d", i);
        CHECK_EQ(moirai_chan_open(rt, name, MOIRAI_BOTH, &elem, &chans[i],
                                  NULL), 0);
    }
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(moirai_chan_capacity(chans[i]), i + 1);
        moirai_chan_put(chans[i]);
    }
    with_end(rt);
}

/* A mistake of the program: the runtime stops, and says what was left. */
TEST(name, of_an_endpoint_that_was_not_put_is_told)
{
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *chan;
    struct moirai_runtime *rt;
    char text[200] = "";
    int ends[2];

#ifdef MO_SANITIZE_ADDRESS
    SKIP("that is a leak");
#endif
    rt = start();
    CHECK_EQ(pipe(ends), 0);
    CHECK(dup2(ends[1], STDERR_FILENO) >= 0);
    CHECK_EQ(moirai_chan_open(rt, "words", MOIRAI_BOTH, &elem, &chan, NULL),
             0);
    with_end(rt);
    CHECK(read(ends[0], text, sizeof text - 1) > 0);
    CHECK_STR(text, "moirai: warn: channel words: an endpoint was not put "
                    "before the runtime was stopped\n");
}
