/* SPDX-License-Identifier: MIT */
/*
 * moirai/redis.h - Redis, by hiredis, waiting as tasks do.
 *
 * A connection is hiredis' own redisContext, to be used with all of hiredis
 * that does not wait (redisAppendCommand and its kind); what waits there is
 * here. It is one task's at a time. Replies are redisReply, given back with
 * freeReplyObject.
 *
 * A deadline or a cancellation leaves the connection as it is: the reply is
 * still to come, and the next call that waits for one gets it.
 *
 * In libmoirai-redis. Plain threads may call all of it, and then block.
 */
#ifndef MOIRAI_REDIS_H
#define MOIRAI_REDIS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct redisContext;
struct redisReply;

/* Connects to an address as of moirai/net.h: "localhost:6379",
 * "unix:/run/redis.sock". 0, and *redis is the caller's; or as moirai_connect.
 * Can wait. */
int moirai_redis_connect(const char *address, int64_t deadline_ns,
                         struct redisContext **redis);

/* Gives it back, and closes its descriptor; NULL is ignored. */
void moirai_redis_close(struct redisContext *redis);

/* Sends a command, with the formats of redisCommand, and waits for its reply,
 * the caller's; that the server refused it (REDIS_REPLY_ERROR) is a reply, too.
 * 0; -EPIPE: the connection is lost; -EPROTO: that is no Redis; -EINVAL: the
 * format; -ENOMEM, -ETIMEDOUT, -ECANCELED. Can wait. */
int moirai_redis_command(struct redisContext *redis, int64_t deadline_ns,
                         struct redisReply **reply, const char *format, ...);

/* Sends what redisAppendCommand has gathered, and waits for the next reply: of
 * one of these commands, in their order, or what was published to who has
 * subscribed. Results as above; -EAGAIN for MOIRAI_NOW. Can wait. */
int moirai_redis_reply(struct redisContext *redis, int64_t deadline_ns,
                       struct redisReply **reply);

#ifdef __cplusplus
}
#endif

#endif
