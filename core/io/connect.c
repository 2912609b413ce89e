/* SPDX-License-Identifier: MIT */
/*
 * connect.c - connections to whoever of several answers first.
 *
 * Happy Eyeballs (RFC 8305): a name's addresses are tried in turn, each a
 * quarter of a second after the one before, or as soon as that has failed, and
 * those that are on their way go on. The first to succeed ends the others. A
 * plain thread tries them one after another.
 */
#include <errno.h>
#include <netinet/in.h>

#include <moirai/event.h>
#include <moirai/scope.h>

#include "backend.h"
#include "io/socket.h"
#include "worker.h"

#define APART (250 * MOIRAI_MS)

struct race;

struct runner {
    struct race *race;
    struct moirai_event go;         /* the one before has failed */
};

struct race {
    const struct mo_addresses *to;
    const struct mo_address *from;  /* or NULL */
    const struct moirai_net_attr *attr;
    int64_t began, deadline_ns;
    struct moirai_scope scope;
    MO_ATOMIC(int32_t) winner;      /* a descriptor; -1 */
    MO_ATOMIC(int32_t) failure;     /* the last one */
    struct runner runners[MO_ADDRESSES];
};

static int wait_a_little(int64_t deadline_ns)
{
    int64_t until = moirai_after(MOIRAI_MS);

    if (moirai_now() >= deadline_ns)
        return -ETIMEDOUT;
    return moirai_sleep_until(until < deadline_ns ? until : deadline_ns);
}

/* A call is good for one request: a new one each time. */
static int connect_once(int fd, const struct mo_address *to,
                        int64_t deadline_ns)
{
    struct mo_io_call call = MO_IO_CALL(MOIRAI_IO_CONNECT, fd);
    socklen_t size = to->size;

    call.request.address = (struct sockaddr *)&to->at;
    call.request.address_size = &size;
    return (int)mo_io_run(&call, deadline_ns);
}

static int connect_to(const struct race *race, uint32_t index,
                      int64_t deadline_ns)
{
    const struct mo_address *to = &race->to->list[index];
    int fd = mo_socket_open(to, SOCK_STREAM, race->attr);
    bool done = false;
    int rc = 0;

    if (fd < 0)
        return fd;
    if (race->from != NULL)
        rc = mo_socket_bind(fd, race->from, race->attr);
    while (rc == 0 && !done) {
        rc = connect_once(fd, to, deadline_ns);
        done = rc != -EAGAIN || deadline_ns == MOIRAI_NOW;
        if (!done)                  /* a local queue is full: nobody tells */
            rc = wait_a_little(deadline_ns);
    }
    if (rc < 0)
        moirai_close(fd);
    return rc < 0 ? rc : fd;
}

static void pass_on(struct race *race, uint32_t index)
{
    if (index + 1 < race->to->count)
        moirai_event_set(&race->runners[index + 1].go);
}

static int run(void *arg)
{
    struct runner *runner = arg;
    struct race *race = runner->race;
    uint32_t index = (uint32_t)(runner - race->runners);
    int64_t start = race->began + index * APART;
    int32_t none = -1;
    int fd;

    if (index != 0
        && moirai_event_wait(&runner->go, start) == -ECANCELED)
        return 0;
    fd = connect_to(race, index, race->deadline_ns);
    if (fd >= 0 && !mo_cas(&race->winner, &none, fd)) {
        moirai_close(fd);
    } else if (fd >= 0) {
        moirai_scope_cancel(&race->scope);
    } else {
        if (mo_load(&race->winner) < 0 && fd != -ECANCELED)
            mo_store(&race->failure, fd);
        pass_on(race, index);
    }
    return 0;
}

static int run_all(struct race *race)
{
    int rc = moirai_scope_begin(&race->scope, NULL, MOIRAI_NEVER);
    int ended;

    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < race->to->count && rc == 0; i++)
        rc = moirai_spawn(&race->scope, run, &race->runners[i]);
    if (rc != 0)
        moirai_scope_cancel(&race->scope);
    ended = moirai_scope_end(&race->scope);
    if (mo_load(&race->winner) >= 0)
        return mo_load(&race->winner);
    if (rc == 0 && ended < 0 && mo_load(&race->failure) == 0)
        rc = ended;
    return rc != 0 ? rc : mo_load(&race->failure);
}

static int one_by_one(struct race *race)
{
    int rc = -ENOENT;

    for (uint32_t i = 0; i < race->to->count && rc < 0; i++) {
        int64_t until = moirai_after(4 * APART);

        if (i + 1 == race->to->count || until > race->deadline_ns)
            until = race->deadline_ns;
        rc = connect_to(race, i, until);
    }
    return rc;
}

static int begin(const struct mo_addresses *to, const struct mo_address *from,
                 const struct moirai_net_attr *attr, int64_t deadline_ns)
{
    struct mo_worker *w = mo_self();
    struct race race = { .to = to, .from = from, .attr = attr,
                         .began = moirai_now(), .deadline_ns = deadline_ns };

    mo_store_relaxed(&race.winner, -1);
    for (uint32_t i = 0; i < to->count; i++)
        race.runners[i].race = &race;
    if (to->count == 1)
        return connect_to(&race, 0, deadline_ns);
    return w == NULL || w->task == NULL || deadline_ns == MOIRAI_NOW
         ? one_by_one(&race) : run_all(&race);
}

int moirai_connect(const char *address, const struct moirai_net_attr *attr,
                   int64_t deadline_ns)
{
    struct mo_address_query query = { .text = address, .type = SOCK_STREAM };
    struct mo_address_query own = { .type = SOCK_STREAM, .passive = true };
    struct mo_addresses found, from;
    struct moirai_net_attr how;
    int rc = mo_socket_attr(&how, attr);

    if (rc == 0)
        rc = mo_address_find(&query, &found);
    own.text = how.from;
    if (rc == 0 && own.text != NULL)
        rc = mo_address_find(&own, &from);
    if (rc != 0)
        return rc;
    return begin(&found, own.text != NULL ? &from.list[0] : NULL, &how,
                 deadline_ns);
}
