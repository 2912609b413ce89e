/* SPDX-License-Identifier: MIT */
/*
 * bell.c - an eventfd, a timerfd and others in one epoll instance.
 *
 * Who rings sets `rung`, and writes only if it was not set. Who hushes reads,
 * then clears it: a ring in between writes nothing, but he has not looked for
 * work yet. The other way round, his read could take what was written for a
 * ring after the clearing, and leave `rung` set over an empty eventfd.
 */
#include "os/bell.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <moirai/time.h>

#include "lock.h"
#include "mem.h"

static struct mo_lock lock;         /* guards `spare` */
static struct mo_bell *spare;

static void rouse(struct mo_parker *parker)
{
    mo_bell_ring((struct mo_bell *)((char *)parker
                                    - offsetof(struct mo_bell, parker)));
}

static struct mo_bell *make(void)
{
    struct mo_bell *bell = mo_mem_alloc(sizeof *bell, 64);

    if (bell == NULL)
        return NULL;
    bell->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell->event >= 0)
        return bell;
    mo_mem_free(bell);
    return NULL;
}

static struct mo_bell *take(void)
{
    struct mo_bell *bell;

    mo_lock_take(&lock);
    bell = spare;
    if (bell != NULL)
        spare = bell->next;
    mo_lock_drop(&lock);
    return bell != NULL ? bell : make();
}

static void put(struct mo_bell *bell)
{
    mo_lock_take(&lock);
    bell->next = spare;
    spare = bell;
    mo_lock_drop(&lock);
}

int mo_bell_open(struct mo_bell **out)
{
    struct mo_bell *bell = take();
    int rc;

    if (bell == NULL)
        return errno == EMFILE || errno == ENFILE ? -errno : -ENOMEM;
    mo_store(&bell->parker.token, 0);
    bell->parker.rouse = rouse;
    bell->at = MOIRAI_NEVER;
    bell->timer = -1;
    bell->set = epoll_create1(EPOLL_CLOEXEC);
    if (bell->set >= 0)
        bell->timer = timerfd_create(CLOCK_MONOTONIC,
                                     TFD_CLOEXEC | TFD_NONBLOCK);
    rc = bell->timer >= 0 ? mo_bell_add(bell, bell->event) : -errno;
    if (rc == 0)
        rc = mo_bell_add(bell, bell->timer);
    if (rc == 0)
        *out = bell;
    else
        mo_bell_close(bell);
    return rc;
}

void mo_bell_close(struct mo_bell *bell)
{
    if (bell->timer >= 0)
        close(bell->timer);
    if (bell->set >= 0)
        close(bell->set);
    put(bell);
}

void mo_bell_ring(struct mo_bell *bell)
{
    const uint64_t one = 1;

    if (mo_swap(&bell->rung, 1) == 0)
        while (write(bell->event, &one, sizeof one) < 0 && errno == EINTR)
            continue;
}

void mo_bell_hush(struct mo_bell *bell)
{
    uint64_t rings;

    if (mo_load(&bell->rung) == 0)
        return;
    while (read(bell->event, &rings, sizeof rings) < 0 && errno == EINTR)
        continue;
    mo_swap(&bell->rung, 0);
}

int mo_bell_add(struct mo_bell *bell, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };

    return epoll_ctl(bell->set, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

/* A time of 0 would disarm it. */
void mo_bell_set(struct mo_bell *bell, int64_t at)
{
    struct itimerspec spec = { .it_value = { .tv_sec = 0 } };

    if (at == bell->at)
        return;
    bell->at = at;
    if (at != MOIRAI_NEVER) {
        int64_t ns = at > 0 ? at : 1;

        spec.it_value.tv_sec = (time_t)(ns / MOIRAI_S);
        spec.it_value.tv_nsec = (long)(ns % MOIRAI_S);
    }
    timerfd_settime(bell->timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

void mo_bell_wait(const struct mo_bell *bell, int64_t until)
{
    struct pollfd fd = { .fd = bell->set, .events = POLLIN };
    struct timespec left = { .tv_sec = 0 };
    int64_t ns = until - mo_os_real.now(&mo_os_real);

    if (ns > 0) {
        left.tv_sec = (time_t)(ns / MOIRAI_S);
        left.tv_nsec = (long)(ns % MOIRAI_S);
    }
    ppoll(&fd, 1, until != MOIRAI_NEVER ? &left : NULL, NULL);
}
