/* SPDX-License-Identifier: MIT */
/*
 * test_peers.c - peers that mean ill, or do not know better: what they can cost
 * is bounded, and who is served besides them does not notice.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "listen.h"
#include "with.h"

/* The descriptors of this process. */
static unsigned descriptors(void)
{
    DIR *all = opendir("/proc/self/fd");
    unsigned n = 0;

    CHECK(all != NULL);
    for (struct dirent *at = readdir(all); at != NULL; at = readdir(all))
        n += at->d_name[0] != '.';
    closedir(all);
    return n;
}

static void reset(int fd)
{
    static const struct linger at_once = { 1, 0 };

    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once),
             0);
    CHECK_EQ(moirai_close(fd), 0);
}

/* --- who sends slowly, or too much ---------------------------------------- */

struct talk {
    int ends[2];                    /* [0] is the peer's */
    int over;
};

/* A byte now and then: never a line, and never an end. */
static int dribble(void *arg)
{
    struct talk *t = arg;

    while (!with_get(&t->over)) {
        CHECK_EQ(moirai_send(t->ends[0], "x", 1, 0, MOIRAI_NEVER), 1);
        moirai_sleep_until(moirai_after(MOIRAI_MS));
    }
    return 0;
}

/* The deadline is that of the line, however many bytes came of it. */
static int is_slow(void *arg)
{
    static char memory[1 << 16];
    struct talk t = { .over = 0 };
    struct moirai_scope scope;
    struct moirai_reader reader;
    char *line;
    size_t n;

    (void)arg;
    connected(t.ends);
    moirai_reader_init(&reader, t.ends[1], memory, sizeof memory);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, dribble, &t), 0);
    CHECK_EQ(moirai_reader_until(&reader, "\n", 1, &line, &n,
                                 moirai_after(10 * MOIRAI_MS)), -ETIMEDOUT);
    CHECK_EQ(moirai_read_all(t.ends[1], memory, sizeof memory, &n,
                             moirai_after(10 * MOIRAI_MS)), -ETIMEDOUT);
    CHECK(n < sizeof memory);
    with_set(&t.over, 1);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(moirai_close(t.ends[0]), 0);
    CHECK_EQ(moirai_close(t.ends[1]), 0);
    return 0;
}

TEST(peers, that_are_slow_meet_the_deadline_of_the_whole)
{
    with_each(is_slow, NULL);
    with_seeds(5, is_slow, NULL);
}

/* Until it hears that nobody listens. */
static int flood(void *arg)
{
    static const char bytes[4096];
    struct talk *t = arg;
    int rc = 0;

    while (rc == 0)
        rc = moirai_write_all(t->ends[0], bytes, sizeof bytes, NULL,
                              MOIRAI_NEVER);
    CHECK(rc == -EPIPE || rc == -ECONNRESET);
    return moirai_close(t->ends[0]);
}

static int is_loud(void *arg)
{
    char memory[512], *line;
    struct talk t = { .over = 0 };
    struct moirai_scope scope;
    struct moirai_reader reader;
    size_t n;

    (void)arg;
    connected(t.ends);
    moirai_reader_init(&reader, t.ends[1], memory, sizeof memory);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, flood, &t), 0);
    CHECK_EQ(moirai_reader_until(&reader, "\n", 1, &line, &n, MOIRAI_NEVER),
             -EMSGSIZE);
    CHECK_EQ(moirai_close(t.ends[1]), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

TEST(peers, that_send_without_end_are_refused)
{
    with_each(is_loud, NULL);
    with_seeds(5, is_loud, NULL);
}

/* --- who goes in the middle of it ----------------------------------------- */

static int goes_half_way(void *arg)
{
    char memory[64], *line;
    struct moirai_reader reader;
    int ends[2];
    size_t n;

    (void)arg;
    connected(ends);
    moirai_reader_init(&reader, ends[1], memory, sizeof memory);
    CHECK_EQ(moirai_send(ends[0], "one\ntw", 6, 0, MOIRAI_NEVER), 6);
    CHECK_EQ(moirai_reader_until(&reader, "\n", 1, &line, &n, MOIRAI_NEVER),
             0);
    CHECK_EQ(moirai_socket_shutdown(ends[0], SHUT_WR), 0);
    CHECK_EQ(moirai_reader_until(&reader, "\n", 1, &line, &n, MOIRAI_NEVER),
             -EPIPE);
    CHECK_EQ(n, 2);
    CHECK_EQ(memcmp(line, "tw", 2), 0);
    CHECK_EQ(moirai_send(ends[1], "no", 2, 0, MOIRAI_NEVER), 2);
    reset(ends[1]);
    CHECK_EQ(moirai_read_all(ends[0], memory, 9, &n, MOIRAI_NEVER),
             -ECONNRESET);
    CHECK_EQ(moirai_send(ends[0], memory, 9, 0, MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(moirai_close(ends[0]), 0);
    return 0;
}

TEST(peers, that_go_in_the_middle_are_told_apart_from_the_end)
{
    with_each(goes_half_way, NULL);
    with_seeds(5, goes_half_way, NULL);
    goes_half_way(NULL);
}

#define GONE 100

/* Reset before they are accepted; the one behind them is served. */
static int gone_before(void *arg)
{
    char where[MOIRAI_ADDRESS_SIZE], byte;
    int listener = listen_here(where);
    int fd = -1, to;
    int64_t n = 0;

    (void)arg;
    for (int i = 0; i < GONE; i++) {
        to = moirai_connect(where, NULL, MOIRAI_NEVER);
        CHECK(to >= 0);
        reset(to);
    }
    to = moirai_connect(where, NULL, MOIRAI_NEVER);
    CHECK(to >= 0);
    CHECK_EQ(moirai_send(to, "y", 1, 0, MOIRAI_NEVER), 1);
    for (int i = 0; i <= GONE && n != 1; i++) {
        fd = moirai_accept(listener, MOIRAI_NEVER);
        CHECK(fd >= 0);
        n = moirai_recv(fd, &byte, 1, 0, MOIRAI_NEVER);
        CHECK(n == 1 || n == -ECONNRESET);
        CHECK_EQ(moirai_close(fd), 0);
    }
    CHECK_EQ(n, 1);
    CHECK_EQ(moirai_close(to), 0);
    CHECK_EQ(moirai_close(listener), 0);
    return 0;
}

TEST(peers, that_are_gone_before_they_are_taken_stop_nobody)
{
    with_each(gone_before, NULL);
    with_seeds(5, gone_before, NULL);
}

/* --- who sends descriptors ------------------------------------------------ */

/* One byte, and `count` descriptors. */
static void send_several(int fd, int count)
{
    char byte = 0;
    struct iovec part = { &byte, 1 };
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(8 * sizeof(int))];
    } control = { .bytes = { 0 } };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    int fds[8];

    for (int i = 0; i < count; i++)
        fds[i] = fd;
    if (count != 0) {
        size_t size = (size_t)count * sizeof(int);

        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(size);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(&control.header), fds, size);
    }
    CHECK_EQ(moirai_send_message(fd, &message, 0, MOIRAI_NEVER), 1);
}

static int sends_several(void *arg)
{
    unsigned before;
    int ends[2];

    (void)arg;
    CHECK_EQ(moirai_socket_pair(SOCK_STREAM, ends), 0);
    CHECK_EQ(moirai_recv_descriptor(ends[1], moirai_after(1)), -ETIMEDOUT);
    before = descriptors();
    for (int count = 0; count <= 8; count++) {
        int fd;

        send_several(ends[0], count);
        fd = moirai_recv_descriptor(ends[1], MOIRAI_NEVER);
        if (count == 1)
            CHECK_EQ(moirai_close(fd), 0);
        else
            CHECK_EQ(fd, -EPROTO);
        CHECK_EQ(descriptors(), before);
    }
    CHECK_EQ(moirai_close(ends[0]), 0);
    CHECK_EQ(moirai_recv_descriptor(ends[1], MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(moirai_close(ends[1]), 0);
    return 0;
}

TEST(peers, that_send_more_descriptors_than_asked_for_leave_none)
{
    with_one(1, sends_several, NULL);
    with_one(2, sends_several, NULL);
    sends_several(NULL);
}

/* --- very many ------------------------------------------------------------ */

#define TASKS 4
#define CYCLES 50000

struct caller {
    int number;
    unsigned cycles;
};

/* Each has its address, so that there are ports enough for those that the
 * kernel remembers for a minute. Either end is the first to close. */
static int come_and_go(void *arg)
{
    const struct caller *caller = arg;
    char where[MOIRAI_ADDRESS_SIZE], byte;
    int listener;

    snprintf(where, sizeof where, "127.0.0.%d:0", caller->number + 1);
    listener = moirai_listen(where, NULL);
    CHECK(listener >= 0);
    CHECK_EQ(moirai_socket_name(listener, where, sizeof where), 0);
    for (unsigned i = 0; i < caller->cycles; i++) {
        int to = moirai_connect(where, NULL, MOIRAI_NEVER);
        int from = moirai_accept(listener, MOIRAI_NEVER);

        CHECK(to >= 0 && from >= 0);
        CHECK_EQ(moirai_close(i & 1 ? to : from), 0);
        CHECK_EQ(moirai_recv(i & 1 ? from : to, &byte, 1, 0, MOIRAI_NEVER),
                 0);
        CHECK_EQ(moirai_close(i & 1 ? from : to), 0);
    }
    CHECK_EQ(moirai_close(listener), 0);
    return 0;
}

static int all_come_and_go(void *arg)
{
    struct caller callers[TASKS];
    struct moirai_scope scope;
    const unsigned *cycles = arg;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++) {
        callers[i] = (struct caller){ i, *cycles / TASKS };
        CHECK_EQ(moirai_spawn(&scope, come_and_go, &callers[i]), 0);
    }
    return moirai_scope_end(&scope);
}

static int count_around(void *arg)
{
    unsigned one = TASKS, before;

    CHECK_EQ(all_come_and_go(&one), 0);     /* what is opened once, is */
    before = descriptors();
    CHECK_EQ(all_come_and_go(arg), 0);
    CHECK_EQ(descriptors(), before);
    return 0;
}

TEST(peers, by_the_ten_thousands_leave_no_descriptor)
{
    unsigned cycles = with_times(CYCLES);

    with_one(2, count_around, &cycles);
}
