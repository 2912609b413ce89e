/* SPDX-License-Identifier: MIT */
/*
 * test_chan.c - endpoints and channels: how they come, what they allow, and
 * what happens to the rest when they go.
 */
#include "chan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem.h"
#include "talk.h"

TEST(chan, refuses_what_is_no_endpoint)
{
    struct moirai_chan *copy;
    int64_t value = 0;

    CHECK_EQ(moirai_chan_send(NULL, &value, MOIRAI_NOW), -EBADF);
    CHECK_EQ(moirai_chan_recv(NULL, &value, MOIRAI_NOW), -EBADF);
    CHECK_EQ(moirai_chan_send_batch(NULL, &value, 1, MOIRAI_NOW), -EBADF);
    CHECK_EQ(moirai_chan_recv_batch(NULL, &value, 1, 1, MOIRAI_NOW), -EBADF);
    CHECK_EQ(moirai_chan_dup(NULL, MOIRAI_SEND, &copy), -EBADF);
    CHECK_EQ(moirai_chan_close(NULL), -EBADF);
    CHECK_EQ(moirai_chan_length(NULL), 0);
    CHECK_EQ(moirai_chan_capacity(NULL), 0);
    CHECK(moirai_chan_get(NULL) == NULL);
    moirai_chan_put(NULL);
}

TEST(chan, endpoint_does_what_its_mode_says)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_chan *both = talk_ring_of_ints(rt, 4);
    struct moirai_chan *in = talk_dup(both, MOIRAI_SEND);
    struct moirai_chan *out = talk_dup(both, MOIRAI_RECV);
    int64_t value = 7;

    CHECK_EQ(talk_send(in, 1, MOIRAI_NOW), 0);
    CHECK_EQ(talk_send(both, 2, MOIRAI_NOW), 0);
    CHECK_EQ(talk_send(out, 3, MOIRAI_NOW), -EBADF);
    CHECK_EQ(moirai_chan_send_batch(out, &value, 1, MOIRAI_NOW), -EBADF);
    CHECK_EQ(talk_recv(in, MOIRAI_NOW), -EBADF);
    CHECK_EQ(moirai_chan_recv_batch(in, &value, 1, 1, MOIRAI_NOW), -EBADF);
    CHECK_EQ(talk_recv(out, MOIRAI_NOW), 1);
    CHECK_EQ(talk_recv(both, MOIRAI_NOW), 2);
    moirai_chan_put(in);
    moirai_chan_put(out);
    moirai_chan_put(both);
    with_end(rt);
}

TEST(chan, dup_only_narrows)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_chan *both = talk_ring_of_ints(rt, 1);
    struct moirai_chan *in = talk_dup(both, MOIRAI_SEND);
    struct moirai_chan *copy = NULL;

    CHECK_EQ(moirai_chan_dup(in, MOIRAI_RECV, &copy), -EINVAL);
    CHECK_EQ(moirai_chan_dup(in, MOIRAI_BOTH, &copy), -EINVAL);
    CHECK_EQ(moirai_chan_dup(both, 0, &copy), -EINVAL);
    CHECK_EQ(moirai_chan_dup(both, 4, &copy), -EINVAL);
    CHECK(copy == NULL);
    copy = talk_dup(in, MOIRAI_SEND);
    moirai_chan_put(copy);
    moirai_chan_put(in);
    moirai_chan_put(both);
    with_end(rt);
}

TEST(chan, closes_when_the_last_sending_endpoint_goes)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_chan *both = talk_ring_of_ints(rt, 4);
    struct moirai_chan *in = talk_dup(both, MOIRAI_SEND);
    struct moirai_chan *out = talk_dup(both, MOIRAI_RECV);

    CHECK_EQ(talk_send(in, 5, MOIRAI_NOW), 0);
    moirai_chan_put(both);
    CHECK_EQ(talk_send(in, 6, MOIRAI_NOW), 0);
    moirai_chan_put(in);
    CHECK_EQ(talk_recv(out, MOIRAI_NEVER), 5);
    CHECK_EQ(talk_recv(out, MOIRAI_NEVER), 6);
    CHECK_EQ(talk_recv(out, MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(moirai_chan_close(out), -EPIPE);
    moirai_chan_put(out);
    with_end(rt);
}

TEST(chan, endpoint_lives_until_its_last_reference_goes)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_chan *both = talk_ring_of_ints(rt, 4);
    struct moirai_chan *in = talk_dup(both, MOIRAI_SEND);

    CHECK(moirai_chan_get(in) == in);
    moirai_chan_put(both);
    moirai_chan_put(in);
    CHECK_EQ(talk_send(in, 1, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_length(in), 1);
    moirai_chan_put(in);
    with_end(rt);
}

TEST(chan, closed_gives_out_what_is_stored_and_takes_nothing)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_chan *chan = talk_ring_of_ints(rt, 4);

    CHECK_EQ(talk_send(chan, 1, MOIRAI_NOW), 0);
    CHECK_EQ(talk_send(chan, 2, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_close(chan), 0);
    CHECK_EQ(moirai_chan_close(chan), -EPIPE);
    CHECK_EQ(talk_send(chan, 3, MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(talk_send(chan, 3, MOIRAI_NOW), -EPIPE);
    CHECK_EQ(moirai_chan_length(chan), 2);
    CHECK_EQ(talk_recv(chan, MOIRAI_NEVER), 1);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 2);
    CHECK_EQ(talk_recv(chan, MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), -EPIPE);
    moirai_chan_put(chan);
    with_end(rt);
}

TEST(chan, receive_loop_ends_when_closed_and_empty)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_chan *chan = talk_ring_of_ints(rt, 8);
    int64_t sum = 0;
    int64_t value;

    for (int64_t i = 1; i <= 8; i++)
        CHECK_EQ(talk_send(chan, i, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_close(chan), 0);
    MOIRAI_RECV_EACH(chan, &value)
        sum += value;
    CHECK_EQ(sum, 36);
    moirai_chan_put(chan);
    with_end(rt);
}

TEST(chan, tells_length_and_capacity)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_chan *ring = talk_ring_of_ints(rt, 3);
    struct moirai_chan *meeting = talk_ring_of_ints(rt, 0);

    CHECK_EQ(moirai_chan_capacity(ring), 3);
    CHECK_EQ(moirai_chan_capacity(meeting), 0);
    CHECK_EQ(talk_send(ring, 1, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_length(ring), 1);
    CHECK_EQ(moirai_chan_length(meeting), 0);
    moirai_chan_put(ring);
    moirai_chan_put(meeting);
    with_end(rt);
}

struct drops {
    uint64_t count;
    int64_t sum;
};

static void count_drop(void *message, void *ctx)
{
    struct drops *drops = ctx;

    drops->count++;
    drops->sum += *(int64_t *)message;
}

TEST(chan, drops_exactly_what_nobody_received)
{
    struct moirai_runtime *rt = with_workers(1);
    struct drops drops = { 0, 0 };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *chan;
    struct moirai_chan *out;

    elem.drop = count_drop;
    elem.ctx = &drops;
    chan = talk_ring(rt, 8, &elem);
    out = talk_dup(chan, MOIRAI_RECV);
    for (int64_t i = 1; i <= 8; i++)
        CHECK_EQ(talk_send(chan, 1 << i, MOIRAI_NOW), 0);
    CHECK_EQ(talk_send(chan, 1, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 2);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 4);
    moirai_chan_put(chan);
    CHECK_EQ(drops.count, 0);
    CHECK_EQ(talk_recv(out, MOIRAI_NOW), 8);
    moirai_chan_put(out);
    CHECK_EQ(drops.count, 5);
    CHECK_EQ(drops.sum, 16 + 32 + 64 + 128 + 256);
    with_end(rt);
}

static void put_message(void *message, void *ctx)
{
    (void)ctx;
    moirai_chan_put(*(struct moirai_chan **)message);
}

TEST(chan, endpoints_travel_through_channels)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_elem elem = MOIRAI_ELEM(struct moirai_chan *);
    struct drops drops = { 0, 0 };
    struct moirai_elem inner_elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *outer;
    struct moirai_chan *inner;

    elem.drop = put_message;
    inner_elem.drop = count_drop;
    inner_elem.ctx = &drops;
    outer = talk_ring(rt, 2, &elem);
    inner = talk_ring(rt, 2, &inner_elem);
    CHECK_EQ(talk_send(inner, 3, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_send(outer, &inner, MOIRAI_NOW), 0);
    moirai_chan_put(outer);
    CHECK_EQ(drops.count, 1);
    with_end(rt);
}

static void carry(struct moirai_runtime *rt, size_t bytes, size_t capacity)
{
    struct moirai_elem elem = { .size = sizeof elem, .align = 1,
                                .bytes = bytes };
    struct moirai_chan *chan = talk_ring(rt, capacity, &elem);
    char out[4096];
    char in[4096];
    char got = 0;
    char put = 0;

    for (size_t round = 0; round < 3 * capacity; round++) {
        size_t n = round % capacity + 1;

        for (size_t i = 0; i < n; i++) {
            memset(out, ++put, sizeof out);
            CHECK_EQ(moirai_chan_send(chan, bytes != 0 ? out : NULL,
                                      MOIRAI_NOW), 0);
        }
        for (size_t i = 0; i < n; i++) {
            memset(out, ++got, sizeof out);
            memset(in, 0, sizeof in);
            CHECK_EQ(moirai_chan_recv(chan, bytes != 0 ? in : NULL,
                                      MOIRAI_NOW), 0);
            CHECK(memcmp(in, out, bytes) == 0);
        }
        CHECK_EQ(moirai_chan_recv(chan, in, MOIRAI_NOW), -EAGAIN);
    }
    moirai_chan_put(chan);
}

TEST(chan, carries_elements_of_any_size)
{
    struct moirai_runtime *rt = with_workers(1);
    static const size_t sizes[] = { 0, 1, 3, 4, 8, 16, 24, 4096 };

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        carry(rt, sizes[i], 1);
        carry(rt, sizes[i], 5);
    }
    with_end(rt);
}

static int refusal(struct moirai_runtime *rt, const char *plugin,
                   const char *option, const struct moirai_elem *elem,
                   const char *part)
{
    const char *const options[] = { option, NULL };
    struct moirai_chan *chan = NULL;
    struct moirai_error err = { 0 };
    int rc = moirai_chan_make(rt, plugin, options, elem, &chan, &err);

    CHECK(chan == NULL);
    CHECK_EQ(err.code, rc);
    CHECK_FMT(strstr(err.text, part) != NULL, "says: %s", err.text);
    CHECK_EQ(moirai_chan_make(rt, plugin, options, elem, &chan, NULL), rc);
    return rc;
}

TEST(chan, says_why_it_cannot_be_made)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_elem odd = MOIRAI_ELEM(int64_t);
    struct moirai_elem huge = MOIRAI_ELEM(int64_t);
    struct moirai_elem old = MOIRAI_ELEM(int64_t);

    odd.align = 3;
    huge.bytes = SIZE_MAX / 8 * 8;
    old.size = 0;
    CHECK_EQ(refusal(rt, NULL, NULL, NULL, "MOIRAI_ELEM"), -EINVAL);
    CHECK_EQ(refusal(rt, NULL, NULL, &odd, "power of two"), -EINVAL);
    CHECK_EQ(refusal(rt, NULL, NULL, &huge, "ring"), -EINVAL);
    CHECK_EQ(refusal(rt, NULL, NULL, &old, "descriptor"), -EINVAL);
    CHECK_EQ(refusal(rt, NULL, "capcity=3", &elem, "capacity"), -EINVAL);
    CHECK_EQ(refusal(rt, NULL, "capacity=-1", &elem, "capacity"), -EINVAL);
    CHECK_EQ(refusal(NULL, NULL, NULL, &elem, "runtime"), -EINVAL);
    CHECK(refusal(rt, "rnig", NULL, &elem, "rnig") < 0);
    with_end(rt);
}

TEST(chan, survives_no_memory)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *chan = NULL;
    struct moirai_chan *copy = NULL;
    struct mo_mem_count count;
    uint64_t n = 0;
    int rc;

    moirai_chan_put(talk_ring(rt, 64, &elem));  /* options are kept */
    do {
        mo_mem_watch(++n);
        rc = moirai_chan_make(rt, NULL, NULL, &elem, &chan, NULL);
        count = mo_mem_unwatch();
        CHECK(rc == 0 || rc == -ENOMEM);
        CHECK(rc == 0 || count.live == 0);
    } while (rc != 0);
    CHECK(n > 4);
    mo_mem_watch(1);
    CHECK_EQ(moirai_chan_dup(chan, MOIRAI_SEND, &copy), -ENOMEM);
    mo_mem_unwatch();
    moirai_chan_put(chan);
    with_end(rt);
}

static int make_in_task(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 2);

    (void)arg;
    CHECK_EQ(talk_send(chan, 1, MOIRAI_NEVER), 0);
    CHECK_EQ(talk_recv(chan, MOIRAI_NEVER), 1);
    moirai_chan_put(chan);
    return 0;
}

TEST(chan, is_made_in_the_runtime_of_the_calling_task)
{
    with_each(make_in_task, NULL);
}

static void use_in_child(struct moirai_runtime *rt, struct moirai_chan *chan)
{
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *copy;
    int64_t value = 1;

    CHECK_EQ(moirai_chan_send(chan, &value, MOIRAI_NOW), -ECHILD);
    CHECK_EQ(moirai_chan_recv(chan, &value, MOIRAI_NEVER), -ECHILD);
    CHECK_EQ(moirai_chan_send_batch(chan, &value, 1, MOIRAI_NOW), -ECHILD);
    CHECK_EQ(moirai_chan_recv_batch(chan, &value, 1, 1, MOIRAI_NOW), -ECHILD);
    CHECK_EQ(moirai_chan_dup(chan, MOIRAI_SEND, &copy), -ECHILD);
    CHECK_EQ(moirai_chan_make(rt, NULL, NULL, &elem, &copy, NULL), -ECHILD);
    CHECK_EQ(moirai_chan_open(rt, "a", MOIRAI_SEND, &elem, &copy, NULL),
             -ECHILD);
    CHECK_EQ(moirai_chan_close(chan), -ECHILD);
    CHECK_EQ(moirai_chan_length(chan), 0);
    moirai_chan_put(chan);
}

TEST(chan, is_refused_in_a_forked_child)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_chan *chan = talk_ring_of_ints(rt, 2);
    int status = 0;
    pid_t pid;

    CHECK_EQ(talk_send(chan, 1, MOIRAI_NOW), 0);
    pid = fork();
    if (pid == 0) {
        use_in_child(rt, chan);
        _exit(42);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 42);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 1);
    moirai_chan_put(chan);
    with_end(rt);
}

static int talk_to_itself(void *arg)
{
    struct moirai_chan *chan = arg;

    for (int64_t i = 0; i < 10; i++)
        CHECK_EQ(talk_send(chan, i, MOIRAI_NEVER), 0);
    for (int64_t i = 0; i < 5; i++)
        CHECK_EQ(talk_recv(chan, MOIRAI_NEVER), i);
    return 0;
}

TEST(chan, counts_its_messages)
{
    struct moirai_runtime *rt = with_workers(2);
    struct moirai_chan *chan = talk_ring_of_ints(rt, 64);
    struct moirai_stats stats = { .size = sizeof stats };
    int64_t batch[8];

    CHECK_EQ(moirai_run(rt, talk_to_itself, chan), 0);
    CHECK_EQ(talk_send(chan, 10, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_recv_batch(chan, batch, 1, 8, MOIRAI_NOW), 6);
    CHECK_EQ(chan->to->sent, 11);
    CHECK_EQ(chan->to->received, 11);
    CHECK_EQ(moirai_stats_read(rt, &stats), 0);
    CHECK_EQ(stats.sent, 11);
    CHECK_EQ(stats.received, 11);
    moirai_chan_put(chan);
    with_end(rt);
}
