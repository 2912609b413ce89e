/* SPDX-License-Identifier: MIT */
/*
 * redis.c - hiredis without its waits.
 *
 * The connection is made by moirai, and handed to hiredis, which is told that
 * it does not block: its reads and writes then take what there is.
 */
#include <moirai/redis.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>

#include <hiredis/hiredis.h>

#include <moirai/moirai.h>

int moirai_redis_connect(const char *address, int64_t deadline_ns,
                         struct redisContext **redis)
{
    int fd = moirai_connect(address, NULL, deadline_ns);
    redisContext *made;

    if (fd < 0)
        return fd;
    made = redisConnectFd(fd);
    if (made == NULL || made->err != 0) {
        if (made != NULL)
            moirai_redis_close(made);
        else
            moirai_close(fd);
        return -ENOMEM;
    }
    made->flags &= ~REDIS_BLOCK;
    *redis = made;
    return 0;
}

void moirai_redis_close(struct redisContext *redis)
{
    if (redis == NULL)
        return;
    moirai_fd_forget(redis->fd);
    redisFree(redis);
}

static int failure(const redisContext *redis)
{
    switch (redis->err) {
    case REDIS_ERR_PROTOCOL:
        return -EPROTO;
    case REDIS_ERR_OOM:
        return -ENOMEM;
    default:
        return -EPIPE;
    }
}

static int send_all(redisContext *redis, int64_t deadline_ns)
{
    int done = 0;

    for (;;) {
        int rc;

        if (redisBufferWrite(redis, &done) != REDIS_OK)
            return failure(redis);
        if (done)
            return 0;
        rc = moirai_fd_wait(redis->fd, POLLOUT, deadline_ns);
        if (rc < 0)
            return rc;
    }
}

int moirai_redis_reply(struct redisContext *redis, int64_t deadline_ns,
                       struct redisReply **reply)
{
    void *found = NULL;
    int rc = send_all(redis, deadline_ns);

    while (rc >= 0) {
        if (redisGetReplyFromReader(redis, &found) != REDIS_OK)
            return failure(redis);
        if (found != NULL) {
            *reply = found;
            return 0;
        }
        rc = moirai_fd_wait(redis->fd, POLLIN, deadline_ns);
        if (rc >= 0 && redisBufferRead(redis) != REDIS_OK)
            rc = failure(redis);
    }
    return rc;
}

int moirai_redis_command(struct redisContext *redis, int64_t deadline_ns,
                         struct redisReply **reply, const char *format, ...)
{
    va_list args;
    int rc;

    va_start(args, format);
    rc = redisvAppendCommand(redis, format, args);
    va_end(args);
    if (rc != REDIS_OK)
        return redis->err == REDIS_ERR_OOM ? -ENOMEM : -EINVAL;
    return moirai_redis_reply(redis, deadline_ns, reply);
}
