/* SPDX-License-Identifier: MIT */
/*
 * test_servers.c - echo and proxy as their clients see them: what they answer,
 * whom they cut off, how they stop, and what they say when they are told wrong
 * things.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "servers.h"

#define WORDS(...) (const char *const[]){ __VA_ARGS__, NULL }
#define BULK ((size_t)4 << 20)

static unsigned char byte_at(size_t i)
{
    return (unsigned char)(i * 7 >> 3);
}

static void *pour(void *fd)
{
    unsigned char *bytes = malloc(BULK);

    CHECK(bytes != NULL);
    for (size_t i = 0; i < BULK; i++)
        bytes[i] = byte_at(i);
    put(*(int *)fd, bytes, BULK);
    CHECK_EQ(shutdown(*(int *)fd, SHUT_WR), 0);
    free(bytes);
    return NULL;
}

/* Sends much, and wants it back, while the other end may be as busy. */
static void echo_bulk(uint16_t port)
{
    unsigned char *bytes = malloc(BULK);
    int fd = dial(port);
    pthread_t thread;
    char more;

    CHECK(bytes != NULL && fd >= 0);
    CHECK_EQ(pthread_create(&thread, NULL, pour, &fd), 0);
    get(fd, bytes, BULK);
    for (size_t i = 0; i < BULK; i++)
        CHECK_EQ(bytes[i], byte_at(i));
    CHECK_EQ(get_rest(fd, &more, 1), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    close(fd);
    free(bytes);
}

static void talk_once(int fd)
{
    char word[5] = "";

    put(fd, "word", 4);
    get(fd, word, 4);
    CHECK_STR(word, "word");
}

static void stop(struct child *server, int status)
{
    server_tell(server);
    CHECK_EQ(server_wait(server), status);
}

/* --- echo ----------------------------------------------------------------- */

#define CLIENTS 50

TEST(echo, sends_all_back_to_each)
{
    struct child server;
    int fds[CLIENTS];

    server_start(&server, "echo", 0, WORDS(HERE));
    for (int i = 0; i < CLIENTS; i++)
        CHECK((fds[i] = dial(server.port)) >= 0);
    for (int i = CLIENTS - 1; i >= 0; i--)
        talk_once(fds[i]);
    echo_bulk(server.port);
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    stop(&server, 0);
}

TEST(echo, lets_connections_end)
{
    struct child server;
    int fd;

    server_start(&server, "echo", 0, WORDS("-g", "1000", HERE));
    CHECK((fd = dial(server.port)) >= 0);
    talk_once(fd);
    server_tell(&server);
    talk_once(fd);
    close(fd);
    CHECK_EQ(server_wait(&server), 0);
}

/* Cuts off what is there, which gets an end or a reset. */
static void cut_off(const char *grace, bool twice)
{
    struct child server;
    char more;
    int fd;

    server_start(&server, "echo", 0, WORDS("--grace", grace, HERE));
    CHECK((fd = dial(server.port)) >= 0);
    talk_once(fd);
    server_tell(&server);
    if (twice)
        CHECK_EQ(kill(server.pid, SIGINT), 0);
    CHECK_EQ(get_rest(fd, &more, 1), 0);
    close(fd);
    CHECK_EQ(server_wait(&server), 1);
    CHECK(server_said(&server, "some connections were cut off"));
}

TEST(echo, cuts_off_after_its_grace)
{
    cut_off("0.05", false);
}

TEST(echo, cuts_off_when_told_twice)
{
    cut_off("1000", true);
}

TEST(echo, ends_what_is_idle)
{
    struct child server;
    char more;
    int fd;

    server_start(&server, "echo", 0, WORDS("--idle", "0.05", HERE));
    CHECK((fd = dial(server.port)) >= 0);
    CHECK_EQ(get_rest(fd, &more, 1), 0);
    close(fd);
    stop(&server, 0);
}

TEST(echo, takes_no_more_than_its_limit)
{
    struct child server;
    struct pollfd second = { .events = POLLIN };
    char word[5] = "";
    int first;

    server_start(&server, "echo", 0, WORDS("--limit=1", HERE));
    CHECK((first = dial(server.port)) >= 0);
    talk_once(first);
    CHECK((second.fd = dial(server.port)) >= 0);
    put(second.fd, "word", 4);
    CHECK_EQ(poll(&second, 1, 20), 0);
    close(first);
    get(second.fd, word, 4);
    CHECK_STR(word, "word");
    close(second.fd);
    stop(&server, 0);
}

#define DESCRIPTORS 32              /* of its own it has a dozen */

static int64_t now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * INT64_C(1000) + at.tv_nsec / 1000000;
}

/* It tries again ten times a second, and does not spin: as much as that goes it
 * may have said so, however long this takes. */
static void check_patience(const struct child *server, int64_t began)
{
    const struct timespec pause = { 0, 250000000 };
    unsigned most;

    nanosleep(&pause, NULL);
    most = 1 + (unsigned)((now() - began) / 100);
    CHECK(server_count(server, "a connection has to wait") <= most);
}

TEST(echo, outlives_a_lack_of_descriptors)
{
    const struct timespec pause = { 0, 1000000 };
    int64_t began = now();
    struct child server;
    int fds[DESCRIPTORS];

    server_start(&server, "echo", DESCRIPTORS, WORDS(HERE));
    for (int i = 0; i < DESCRIPTORS; i++)
        CHECK((fds[i] = dial(server.port)) >= 0);
    while (!server_said(&server, "a connection has to wait"))
        nanosleep(&pause, NULL);
    talk_once(fds[0]);
    check_patience(&server, began);
    for (int i = 0; i < DESCRIPTORS / 2; i++)
        close(fds[i]);
    for (int i = DESCRIPTORS / 2; i < DESCRIPTORS; i++) {
        talk_once(fds[i]);
        close(fds[i]);
    }
    stop(&server, 0);
}

/* --- what they are told --------------------------------------------------- */

static void refuses(const char *name, const char *const *arguments, int status,
                    const char *text)
{
    char said[4096];

    CHECK_EQ(server_run(name, arguments, said, sizeof said), status);
    CHECK_FMT(strstr(said, text) != NULL, "%s said: %s", name, said);
}

TEST(servers, say_what_is_wrong)
{
    refuses("echo", WORDS("--help"), 0, "usage: echo [options] ADDRESS\n");
    refuses("proxy", WORDS("-h"), 0, "usage: proxy [options] ADDRESS TARGET");
    refuses("files", WORDS("-h"), 0, "usage: files [options] ADDRESS DIR");
    refuses("echo", WORDS("--nothing"), 2, "try echo --help");
    refuses("echo", WORDS("-l", "0", HERE), 2, "--limit: 0 is not a number");
    refuses("echo", WORDS("-l", "-1", HERE), 2, "--limit: -1 is not");
    refuses("echo", WORDS("-g", "nan", HERE), 2, "--grace: nan is not a time");
    refuses("echo", WORDS("-i", "1s", HERE), 2, "--idle: 1s is not a time");
    refuses("echo", WORDS(NULL), 2, "one address is needed");
    refuses("proxy", WORDS(HERE), 2, "an address and a target are needed");
    refuses("files", WORDS(HERE), 2, "an address and a directory are needed");
    refuses("echo", WORDS("nonsense"), 1, "nonsense: Invalid argument");
    refuses("echo", WORDS("-c", "/no.yaml", HERE), 2, "/no.yaml");
}

/* --- proxy ---------------------------------------------------------------- */

static const char *text_of(uint16_t port, char *text)
{
    snprintf(text, 32, "127.0.0.1:%u", port);
    return text;
}

TEST(proxy, passes_both_directions_on)
{
    struct child echo, proxy;
    char target[32];
    int fd;

    server_start(&echo, "echo", 0, WORDS(HERE));
    server_start(&proxy, "proxy", 0, WORDS(HERE, text_of(echo.port, target)));
    CHECK((fd = dial(proxy.port)) >= 0);
    talk_once(fd);
    echo_bulk(proxy.port);
    talk_once(fd);
    close(fd);
    stop(&proxy, 0);
    stop(&echo, 0);
}

TEST(proxy, carries_a_half_close_through)
{
    struct child proxy;
    char target[32], text[8] = "";
    uint16_t port;
    int listener = listen_somewhere(&port), client, server;

    server_start(&proxy, "proxy", 0, WORDS(HERE, text_of(port, target)));
    CHECK((client = dial(proxy.port)) >= 0);
    CHECK((server = accept(listener, NULL, NULL)) >= 0);
    close(listener);                /* for who only tries whether it listens */
    put(client, "ask", 3);
    CHECK_EQ(shutdown(client, SHUT_WR), 0);
    CHECK_EQ(get_rest(server, text, sizeof text), 3);
    put(server, "answer", 6);
    server_tell(&proxy);            /* it lets the two finish */
    CHECK_EQ(shutdown(server, SHUT_WR), 0);
    CHECK_EQ(get_rest(client, text, sizeof text), 6);
    CHECK(memcmp(text, "answer", 6) == 0);
    CHECK_EQ(server_wait(&proxy), 0);
    close(client);
    close(server);
}

/* A reset on one side ends the other. */
static void reset_first(bool by_client)
{
    const struct linger hard = { 1, 0 };
    struct child proxy;
    char target[32], more;
    uint16_t port;
    int listener = listen_somewhere(&port), ends[2];

    server_start(&proxy, "proxy", 0, WORDS(HERE, text_of(port, target)));
    CHECK((ends[0] = dial(proxy.port)) >= 0);
    CHECK((ends[1] = accept(listener, NULL, NULL)) >= 0);
    put(ends[0], "a", 1);
    get(ends[1], &more, 1);
    CHECK_EQ(setsockopt(ends[!by_client], SOL_SOCKET, SO_LINGER, &hard,
                        sizeof hard), 0);
    close(ends[!by_client]);
    CHECK_EQ(get_rest(ends[by_client], &more, 1), 0);
    close(ends[by_client]);
    close(listener);
    stop(&proxy, 0);
}

TEST(proxy, ends_both_sides_of_what_is_reset)
{
    reset_first(true);
    reset_first(false);
}

TEST(proxy, passes_over_those_that_refuse)
{
    struct child echo, proxy;
    char dead[32], target[32], more;
    uint16_t port;
    int nobody = bind_somewhere(&port), fd;

    server_start(&echo, "echo", 0, WORDS(HERE));
    server_start(&proxy, "proxy", 0,
                 WORDS(HERE, text_of(port, dead),
                       text_of(echo.port, target)));
    for (int i = 0; i < 4; i++) {
        CHECK((fd = dial(proxy.port)) >= 0);
        talk_once(fd);
        close(fd);
    }
    CHECK(server_said(&proxy, "Connection refused"));
    stop(&echo, 0);
    CHECK((fd = dial(proxy.port)) >= 0);
    CHECK_EQ(get_rest(fd, &more, 1), 0);    /* there is none left */
    close(fd);
    close(nobody);
    stop(&proxy, 0);
}

#define CALLERS 8

TEST(proxy, passes_over_those_that_do_not_answer)
{
    struct child echo, proxy;
    char mute[32], target[32];
    uint16_t port;
    int listener = listen_somewhere(&port), callers[CALLERS], fd;
    struct sockaddr_storage where;
    socklen_t size = sizeof where;

    /* Its queue is full: the kernel does not answer for it any more. */
    CHECK_EQ(getsockname(listener, (struct sockaddr *)&where, &size), 0);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        CHECK(callers[i] >= 0);
        connect(callers[i], (struct sockaddr *)&where, size);
    }
    server_start(&echo, "echo", 0, WORDS(HERE));
    server_start(&proxy, "proxy", 0,
                 WORDS("--connect=0.1", HERE, text_of(port, mute),
                       text_of(echo.port, target)));
    CHECK((fd = dial(proxy.port)) >= 0);
    talk_once(fd);
    CHECK(server_said(&proxy, "Connection timed out"));
    close(fd);
    for (int i = 0; i < CALLERS; i++)
        close(callers[i]);
    close(listener);
    stop(&proxy, 0);
    stop(&echo, 0);
}
