/* SPDX-License-Identifier: MIT */
/*
 * test_redis.c - hiredis, with a redis-server of the test's own.
 */
#include "check.h"
#include "peers.h"
#include "with.h"

#include <moirai/redis.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <hiredis/hiredis.h>

#define TASKS 10
#define TURNS 20

static struct peer server;
static char port[64], path[200];    /* where it listens */

static void configure(const struct peer *peer)
{
    snprintf(port, sizeof port, "127.0.0.1:%u", peer->port);
    snprintf(path, sizeof path, "unix:%s/socket", peer->folder);
    peer_write(peer, "redis.conf",
               "bind 127.0.0.1\nport %u\nunixsocket %s/socket\nsave \"\"\n"
               "dir %s\n", peer->port, peer->folder, peer->folder);
}

/* False: there is no Redis. */
static bool begin(void)
{
    static const char *const programs[] = { "redis-server", "valkey-server",
                                            NULL };
    const char *program = peer_program(programs);
    char conf[200];
    const char *argv[] = { program, conf, NULL };

    if (program == NULL)
        return false;
    peer_open(&server);
    snprintf(conf, sizeof conf, "%s/redis.conf", server.folder);
    peer_start(&server, configure, argv, 0);
    return true;
}

static void end(void)
{
    peer_close(&server, SIGKILL);
}

static redisContext *enter(const char *address)
{
    redisContext *redis = NULL;

    CHECK_EQ(moirai_redis_connect(address, moirai_after(30 * MOIRAI_S),
                                  &redis), 0);
    return redis;
}

static redisReply *ask(redisContext *redis, const char *command)
{
    redisReply *reply = NULL;

    CHECK_EQ(moirai_redis_command(redis, MOIRAI_NEVER, &reply, command), 0);
    return reply;
}

static void expect_number(redisReply *reply, long long number)
{
    CHECK_EQ(reply->type, REDIS_REPLY_INTEGER);
    CHECK_EQ(reply->integer, number);
    freeReplyObject(reply);
}

/* --- commands ------------------------------------------------------------- */

static int count(void *arg)
{
    redisContext *redis = enter(*(char *)arg == 'u' ? path : port);
    redisReply *reply;

    for (int i = 0; i < TURNS; i++)
        freeReplyObject(ask(redis, "INCR counter"));
    reply = ask(redis, "NONSENSE");
    CHECK_EQ(reply->type, REDIS_REPLY_ERROR);
    freeReplyObject(reply);
    moirai_redis_close(redis);
    return 0;
}

static int count_at_once(void *arg)
{
    redisContext *redis = enter(port);
    struct moirai_scope scope;

    (void)arg;
    freeReplyObject(ask(redis, "SET counter 0"));
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&scope, count, i % 2 ? "unix" : "tcp"), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    expect_number(ask(redis, "INCR counter"), TASKS * TURNS + 1);
    moirai_redis_close(redis);
    return 0;
}

/* Long ones, so that both directions have to wait. */
static int pipeline(void *arg)
{
    enum { SIZE = 1 << 20, N = 10 };
    redisContext *redis = enter(path);
    char *text = malloc(SIZE);
    redisReply *reply;

    (void)arg;
    CHECK(text != NULL);
    memset(text, 'x', SIZE);
    for (int i = 0; i < N; i++)
        CHECK_EQ(redisAppendCommand(redis, "ECHO %b", text, (size_t)SIZE), 0);
    for (int i = 0; i < N; i++) {
        CHECK_EQ(moirai_redis_reply(redis, MOIRAI_NEVER, &reply), 0);
        CHECK_EQ(reply->len, SIZE);
        CHECK_EQ(memcmp(reply->str, text, SIZE), 0);
        freeReplyObject(reply);
    }
    CHECK_EQ(moirai_redis_reply(redis, MOIRAI_NOW, &reply), -EAGAIN);
    free(text);
    moirai_redis_close(redis);
    return 0;
}

static int subscribe(void *arg)
{
    redisContext *listener = enter(path);
    redisContext *speaker = enter(port);
    redisReply *reply = ask(listener, "SUBSCRIBE news");

    (void)arg;
    CHECK_EQ(reply->type, REDIS_REPLY_ARRAY);
    freeReplyObject(reply);
    CHECK_EQ(moirai_redis_reply(listener, moirai_after(MOIRAI_MS), &reply),
             -ETIMEDOUT);
    for (int i = 0; i < 3; i++)
        expect_number(ask(speaker, "PUBLISH news today"), 1);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(moirai_redis_reply(listener, MOIRAI_NEVER, &reply), 0);
        CHECK_EQ(reply->elements, 3);
        CHECK_STR(reply->element[2]->str, "today");
        freeReplyObject(reply);
    }
    moirai_redis_close(listener);
    moirai_redis_close(speaker);
    return 0;
}

/* --- giving up ------------------------------------------------------------ */

static int wait_for_ever(void *arg)
{
    redisContext **redis = arg;
    redisReply *reply;

    CHECK_EQ(moirai_redis_command(*redis, MOIRAI_NEVER, &reply,
                                  "BLPOP nothing 0"), -ECANCELED);
    return 0;
}

static int give_up(void *arg)
{
    redisContext *redis = enter(port);
    redisContext *other = enter(port);
    struct moirai_scope scope;
    redisReply *reply;

    (void)arg;
    CHECK_EQ(moirai_redis_command(redis, moirai_after(MOIRAI_MS), &reply,
                                  "BLPOP list 0"), -ETIMEDOUT);
    expect_number(ask(other, "RPUSH list late"), 1);
    CHECK_EQ(moirai_redis_reply(redis, MOIRAI_NEVER, &reply), 0);
    CHECK_STR(reply->element[1]->str, "late");
    freeReplyObject(reply);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, wait_for_ever, &redis), 0);
    CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    moirai_scope_cancel(&scope);
    moirai_scope_end(&scope);
    moirai_redis_close(redis);
    moirai_redis_close(other);
    return 0;
}

static int lose(void *arg)
{
    redisContext *redis = enter(path);
    redisReply *reply;

    (void)arg;
    CHECK_EQ(moirai_redis_command(redis, MOIRAI_NEVER, &reply, "QUIT"), 0);
    freeReplyObject(reply);
    CHECK_EQ(moirai_redis_command(redis, MOIRAI_NEVER, &reply, "PING"),
             -EPIPE);
    moirai_redis_close(redis);
    return 0;
}

TEST(redis, is_served_by_a_real_server)
{
    if (!begin())
        SKIP("no Redis: apt-get install redis-server");
    with_each(count_at_once, NULL);
    with_one(1, pipeline, NULL);
    with_one(2, subscribe, NULL);
    with_one(1, give_up, NULL);
    with_one(2, lose, NULL);
    subscribe(NULL);                /* a plain thread */
    end();
}

static int odd_peer(void *arg)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    int listener = moirai_listen("127.0.0.1:0", NULL);
    char where[MOIRAI_ADDRESS_SIZE];
    redisContext *redis;
    redisReply *reply;
    int fd;

    (void)arg;
    CHECK_EQ(moirai_socket_name(listener, where, sizeof where), 0);
    redis = enter(where);
    fd = moirai_accept(listener, MOIRAI_NEVER);
    CHECK_EQ(moirai_write(fd, text, sizeof text - 1, MOIRAI_NEVER),
             sizeof text - 1);
    CHECK_EQ(moirai_redis_command(redis, MOIRAI_NEVER, &reply, "PING"),
             -EPROTO);
    moirai_redis_close(redis);
    moirai_close(fd);
    moirai_close(listener);
    CHECK_EQ(moirai_redis_connect("127.0.0.1:1", MOIRAI_NEVER, &redis),
             -ECONNREFUSED);
    moirai_redis_close(NULL);
    return 0;
}

TEST(redis, notices_who_is_none)
{
    with_each(odd_peer, NULL);
}
