/* SPDX-License-Identifier: MIT */
/*
 * test_http_peer.c - servers and peers that are slow, stop, or go away; files
 * that are sent; and how servers come to an end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <moirai/net.h>

#include "check.h"
#include "site.h"
#include "with.h"

/* --- peers that are slow, or go ------------------------------------------ */

/* Sends only that, and waits for the end. */
static void stalls(const char *text, struct moirai_http_attr *attr,
                   const char *begin, int rc)
{
    struct moirai_scope scope;
    struct site site;
    char answer[1024];
    size_t n = 0;

    site_init(&site);
    site.attr = *attr;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, site_serve, &site), 0);
    CHECK_EQ(moirai_write_all(site.fds[1], text, strlen(text), NULL,
                              MOIRAI_NEVER), 0);
    moirai_read_all(site.fds[1], answer, sizeof answer - 1, &n, MOIRAI_NEVER);
    answer[n] = '\0';
    CHECK_EQ(moirai_close(site.fds[1]), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_FMT(strncmp(answer, begin, strlen(begin)) == 0, "%s: %s", text,
              answer);
    CHECK_EQ(site.result, rc);
}

static int stalled(void *arg)
{
    struct moirai_http_attr attr = MOIRAI_HTTP_ATTR_INIT;

    (void)arg;
    attr.idle_ns = attr.head_ns = attr.body_ns = 5 * MOIRAI_MS;
    stalls("", &attr, "", 0);
    stalls("GET / HT", &attr, "HTTP/1.1 408 ", -ETIMEDOUT);
    stalls("GET / HTTP/1.1\r\nA: b\r\n", &attr, "HTTP/1.1 408 ", -ETIMEDOUT);
    stalls("\r", &attr, "HTTP/1.1 408 ", -ETIMEDOUT);
    stalls(POST "Content-Length: 5\r\n\r\nhell", &attr, "HTTP/1.1 408 ",
           -ETIMEDOUT);
    stalls(POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhell", &attr,
           "HTTP/1.1 408 ", -ETIMEDOUT);
    return 0;
}

TEST(http_peer, waits_only_so_long)
{
    with_one(1, stalled, NULL);
    with_one(2, stalled, NULL);
    with_seeds(10, stalled, NULL);
}

/* A byte now and then does not keep a head, or a body, alive. */
static int drip(void *arg)
{
    struct site *site = arg;

    while (!with_get(&site->enough)) {
        moirai_send(site->fds[1], "a", 1, 0, MOIRAI_NEVER);
        moirai_sleep_until(moirai_after(MOIRAI_MS));
    }
    moirai_socket_shutdown(site->fds[1], SHUT_WR);
    return 0;
}

static void drips(const char *text)
{
    struct moirai_scope scope;
    struct site site;
    char answer[1024];
    size_t n = 0;

    site_init(&site);
    site.attr.head_ns = site.attr.body_ns = 10 * MOIRAI_MS;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, site_serve, &site), 0);
    CHECK_EQ(moirai_write_all(site.fds[1], text, strlen(text), NULL,
                              MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, drip, &site), 0);
    moirai_read_all(site.fds[1], answer, sizeof answer - 1, &n, MOIRAI_NEVER);
    with_set(&site.enough, 1);
    CHECK(strncmp(answer, "HTTP/1.1 408 ", 13) == 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(site.result, -ETIMEDOUT);
    CHECK_EQ(moirai_close(site.fds[1]), 0);
}

static int slow_loris(void *arg)
{
    (void)arg;
    drips("GET / HTTP/1.1\r\n" HOST "A: ");
    drips(POST "Content-Length: 4000\r\n\r\n");
    return 0;
}

TEST(http_peer, is_not_kept_by_who_sends_slowly)
{
    with_one(2, slow_loris, NULL);
}

static int half(void *arg)
{
    static const char *const texts[] = {
        "G", "GET / HTTP/1.1\r\n", POST "Content-Length: 5\r\n\r\nhell",
        POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhell",
        POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    };

    (void)arg;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct site site;
        char *answer = site_ask(&site, texts[i]);

        CHECK_STR(answer, "");
        CHECK_EQ(site.result, -EPIPE);
        free(answer);
    }
    return 0;
}

TEST(http_peer, notices_who_goes_in_the_middle)
{
    with_each(half, NULL);
}

/* One that asks for much and takes nothing; then it is gone, by a reset. */
static int pour(void *arg)
{
    struct site *site = arg;
    const struct moirai_http_stream stream =
        MOIRAI_HTTP_SOCKET(site->fds[0]);
    const struct moirai_http_message *request;
    static const char piece[10000];
    struct moirai_http *http;

    CHECK_EQ(moirai_http_open(&http, &stream, &site->attr), 0);
    CHECK_EQ(moirai_http_next(http, &request), 1);
    CHECK_EQ(moirai_http_answer_begin(http, 200, NULL, 0, -1), 0);
    do
        site->result = moirai_http_write(http, piece, sizeof piece);
    while (site->result == 0);
    CHECK_EQ(moirai_http_write(http, piece, sizeof piece), site->result);
    CHECK_EQ(moirai_http_end(http), site->result);
    CHECK_EQ(moirai_http_next(http, &request), site->result);
    CHECK_EQ(moirai_http_close(http), site->result);
    CHECK_EQ(moirai_close(site->fds[0]), 0);
    return 0;
}

static int thirst(void *arg)
{
    static const char text[] = "GET / HTTP/1.1\r\n" HOST "\r\n";
    struct moirai_scope scope;
    struct site site;
    char some[4];

    (void)arg;
    for (int i = 0; i < 2; i++) {
        site_init(&site);
        site.attr.write_ns = 10 * MOIRAI_MS;
        site.attr.pace = 1000000;
        CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_write_all(site.fds[1], text, sizeof text - 1, NULL,
                                  MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_spawn(&scope, pour, &site), 0);
        CHECK(moirai_read(site.fds[1], some, sizeof some, MOIRAI_NEVER) > 0);
        if (i == 1)
            CHECK_EQ(moirai_close(site.fds[1]), 0);
        CHECK_EQ(moirai_scope_end(&scope), 0);
        if (i == 0)
            CHECK_EQ(moirai_close(site.fds[1]), 0);
        CHECK(i == 0 ? site.result == -ETIMEDOUT : site.result == -EPIPE
              || site.result == -ECONNRESET);
    }
    return 0;
}

TEST(http_peer, gives_up_on_who_takes_nothing)
{
    with_one(1, thirst, NULL);
    with_one(2, thirst, NULL);
}

static int cancelled(void *arg)
{
    struct moirai_scope scope;
    struct site site;

    (void)arg;
    site_init(&site);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, site_serve, &site), 0);
    CHECK_EQ(moirai_write_all(site.fds[1], "GET", 3, NULL, MOIRAI_NEVER), 0);
    moirai_yield();
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK(site.result == -ECANCELED || site.served == 0);
    CHECK_EQ(moirai_close(site.fds[1]), 0);
    return 0;
}

TEST(http_peer, can_be_cancelled)
{
    with_each(cancelled, NULL);
    with_seeds(20, cancelled, NULL);
}

/* --- files ---------------------------------------------------------------- */

#define FILE_SIZE ((size_t)300000)

struct offer {
    struct site site;
    int file;
    bool through_memory;
};

static int64_t by_read(void *self, void *buffer, size_t size,
                       int64_t deadline_ns)
{
    return moirai_recv(*(int *)self, buffer, size, 0, deadline_ns);
}

static int64_t by_write(void *self, const void *buffer, size_t size,
                        int64_t deadline_ns)
{
    return moirai_send(*(int *)self, buffer, size, 0, deadline_ns);
}

/* A part of the file, twice: with its length, and in chunks. */
static int offer_file(void *arg)
{
    struct offer *offer = arg;
    struct moirai_http_stream stream =
        MOIRAI_HTTP_SOCKET(offer->site.fds[0]);
    const struct moirai_http_message *request;
    struct moirai_http *http;

    if (offer->through_memory)
        stream = (struct moirai_http_stream){ -1, &offer->site.fds[0],
                                              by_read, by_write };
    CHECK_EQ(moirai_http_open(&http, &stream, NULL), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(moirai_http_next(http, &request), 1);
        CHECK_EQ(moirai_http_answer_begin(http, 200, NULL, 0,
                                          i == 0 ? (int64_t)FILE_SIZE - 7
                                                 : -1), 0);
        CHECK_EQ(moirai_http_send_file(http, offer->file, 7, 100000), 0);
        CHECK_EQ(moirai_http_send_file(http, offer->file, 100007,
                                       FILE_SIZE - 100007), 0);
        CHECK_EQ(moirai_http_end(http), 0);
    }
    CHECK_EQ(moirai_http_next(http, &request), 1);
    CHECK_EQ(moirai_http_answer_begin(http, 200, NULL, 0, FILE_SIZE), 0);
    CHECK_EQ(moirai_http_send_file(http, offer->file, 1, FILE_SIZE), -EPIPE);
    CHECK_EQ(moirai_http_close(http), -EPIPE);
    CHECK_EQ(moirai_close(offer->site.fds[0]), 0);
    return 0;
}

/* The n bytes at `at` are those of the file from `offset` on. */
static void is_of_file(const char *at, size_t n, size_t offset)
{
    for (size_t i = 0; i < n; i++)
        CHECK_EQ((unsigned char)at[i],
                 (unsigned char)((i + offset) * 7 >> 3));
}

static void check_offer(const char *text)
{
    const char *at = strstr(text, "\r\n\r\n") + 4;

    is_of_file(at, FILE_SIZE - 7, 7);
    at = strstr(at + FILE_SIZE - 7, "\r\n\r\n") + 4;
    CHECK(strncmp(at, "186a0\r\n", 7) == 0);
    is_of_file(at + 7, 100000, 7);
    at += 7 + 100000;
    CHECK(strncmp(at, "\r\n30d39\r\n", 9) == 0);
    is_of_file(at + 9, FILE_SIZE - 100007, 100007);
    at += 9 + FILE_SIZE - 100007;
    CHECK(strncmp(at, "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n", 23) == 0);
}

static void take_offer(struct offer *offer)
{
    static const char text[] = "GET / HTTP/1.1\r\n" HOST "\r\n";
    char *got = malloc(3 * FILE_SIZE + 2000);
    struct moirai_scope scope;
    size_t n;

    CHECK(got != NULL);
    site_init(&offer->site);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, offer_file, offer), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(moirai_write_all(offer->site.fds[1], text, sizeof text - 1,
                                  NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_read_all(offer->site.fds[1], got, 3 * FILE_SIZE + 2000, &n,
                             MOIRAI_NEVER), -EPIPE);
    got[n] = '\0';
    check_offer(got);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(moirai_close(offer->site.fds[1]), 0);
    free(got);
}

static int files(void *arg)
{
    struct offer offer = { .file = *(int *)arg };

    take_offer(&offer);
    offer.through_memory = true;
    take_offer(&offer);
    return 0;
}

TEST(http_peer, sends_files)
{
    FILE *file = tmpfile();
    int fd;

    CHECK(file != NULL);
    for (size_t i = 0; i < FILE_SIZE; i++)
        CHECK(putc((unsigned char)(i * 7 >> 3), file) != EOF);
    CHECK_EQ(fflush(file), 0);
    fd = fileno(file);
    with_each(files, &fd);
    fclose(file);
}

/* --- coming to an end ----------------------------------------------------- */

struct ending {
    struct site site;
    struct moirai_http *http;
    int ready;
};

static int serve_until_drained(void *arg)
{
    struct ending *ending = arg;
    const struct moirai_http_stream stream =
        MOIRAI_HTTP_SOCKET(ending->site.fds[0]);
    const struct moirai_http_message *request;

    CHECK_EQ(moirai_http_open(&ending->http, &stream, NULL), 0);
    CHECK_EQ(moirai_http_next(ending->http, &request), 1);
    with_set(&ending->ready, 1);
    with_wait(&ending->site.result);
    CHECK_EQ(moirai_http_answer(ending->http, 200, NULL, 0, "a", 1), 0);
    CHECK_EQ(moirai_http_next(ending->http, &request), 0);
    CHECK_EQ(moirai_http_close(ending->http), 0);
    CHECK_EQ(moirai_close(ending->site.fds[0]), 0);
    return 0;
}

/* While a request is being answered, and while none is. */
static int drained(void *arg)
{
    static const char text[] = "GET / HTTP/1.1\r\n" HOST "\r\n";
    const bool idle = *(bool *)arg;
    struct ending ending = { .ready = 0 };
    struct moirai_scope scope;
    char answer[512];
    size_t n;

    site_init(&ending.site);
    CHECK_EQ(moirai_write_all(ending.site.fds[1], text, sizeof text - 1, NULL,
                              MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, serve_until_drained, &ending), 0);
    with_wait(&ending.ready);
    if (!idle)
        moirai_http_drain(ending.http);
    with_set(&ending.site.result, 1);
    CHECK(moirai_read(ending.site.fds[1], answer, 100, MOIRAI_NEVER) > 0);
    if (idle)
        moirai_http_drain(ending.http);
    CHECK_EQ(moirai_read_all(ending.site.fds[1], answer, sizeof answer, &n,
                             MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(moirai_close(ending.site.fds[1]), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

TEST(http_peer, drains)
{
    bool idle = true;

    with_each(drained, &idle);
    with_seeds(20, drained, &idle);
    idle = false;
    with_each(drained, &idle);
    with_seeds(20, drained, &idle);
}
