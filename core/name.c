/* SPDX-License-Identifier: MIT */
/*
 * name.c - from a name to a channel.
 *
 * A name is in the table as long as its channel has an endpoint. An endpoint
 * is added to a channel that was found, and the last one taken from it, under
 * the table's lock, so that nobody finds a channel that is about to go. A
 * channel is made, and ended, without the lock: if two make the same one, the
 * later gives up its own.
 *
 * Rejected: a pthread mutex. In the simulator, where one thread plays all, it
 * would be asked for by a player while another holds it, and never come.
 */
#include "name.h"

#include <errno.h>
#include <string.h>

#include "chan.h"
#include "log.h"
#include "mem.h"
#include "runtime.h"

#define BUCKETS 64

struct mo_names {
    struct mo_lock lock;            /* guards the lists */
    struct mo_name *first[BUCKETS];
};

struct mo_names *mo_names_open(void)
{
    return mo_mem_alloc(sizeof(struct mo_names), MO_CACHE_LINE);
}

void mo_names_close(struct mo_names *names)
{
    for (uint32_t i = 0; i < BUCKETS; i++)
        for (struct mo_name *n = names->first[i]; n != NULL; n = n->next)
            mo_log(MOIRAI_LOG_WARN, "channel %s: an endpoint was not put "
                   "before the runtime was stopped", n->text);
    mo_mem_free(names);
}

/* Where the list begins that `text` is in, or would be. FNV-1a. */
static struct mo_name **bucket(struct mo_names *names, const char *text)
{
    uint32_t hash = 2166136261u;

    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return &names->first[hash % BUCKETS];
}

static struct mo_name *find(struct mo_name *n, const char *text)
{
    while (n != NULL && strcmp(n->text, text) != 0)
        n = n->next;
    return n;
}

void mo_name_detach(struct moirai_chan *endpoint, bool *closed)
{
    struct mo_chan *c = endpoint->to;
    struct mo_names *names = c->runtime->names;
    struct mo_name **at;

    mo_lock_take(&names->lock);
    if (mo_chan_detach(endpoint, closed)) {
        at = bucket(names, c->name->text);
        while (*at != c->name)
            at = &(*at)->next;
        *at = c->name->next;
    }
    mo_lock_drop(&names->lock);
}

/* What an open asks for. */
struct want {
    struct moirai_runtime *rt;
    const char *name;
    uint32_t mode;
    struct moirai_elem elem;
    const struct mo_chosen *chosen;
};

/* Makes the endpoint one of the channel that goes by the name. If there is
 * none, that is `made`, if that is not NULL. -ENOENT: there is none. */
static int join(const struct want *want, struct mo_chan *made,
                struct moirai_chan *endpoint, const char **differs)
{
    struct mo_names *names = want->rt->names;
    struct mo_name **first = bucket(names, want->name);
    struct mo_name *n;
    int rc = -ENOENT;

    mo_lock_take(&names->lock);
    n = find(*first, want->name);
    if (n != NULL)
        *differs = mo_chan_differs(n->chan, &want->elem);
    if (*differs != NULL)
        rc = -EINVAL;
    else if (n != NULL)
        rc = mo_chan_attach(n->chan, want->mode, endpoint);
    else if (made != NULL)
        rc = mo_chan_attach(made, want->mode, endpoint);
    if (n == NULL && rc == 0) {
        made->name->next = *first;
        *first = made->name;
    }
    mo_lock_drop(&names->lock);
    return rc;
}

static int make(const struct want *want, struct mo_chan **made,
                struct moirai_error *err)
{
    size_t size = strlen(want->name) + 1;
    struct mo_name *n = mo_mem_alloc(sizeof *n + size, 16);
    int rc;

    if (n == NULL)
        return moirai_error_set(err, -ENOMEM, "out of memory");
    rc = mo_chan_create(want->rt, want->chosen, &want->elem, &n->chan, err);
    if (rc != 0) {
        mo_mem_free(n);
        return rc;
    }
    memcpy(n->text, want->name, size);
    n->chan->name = n;
    *made = n->chan;
    return 0;
}

/* Finds the channel or makes it. */
static int open_name(const struct want *want, struct moirai_chan *endpoint,
                     struct moirai_error *err)
{
    const char *differs = NULL;
    struct mo_chan *made = NULL;
    int rc = join(want, NULL, endpoint, &differs);

    if (rc == -ENOENT) {
        rc = make(want, &made, err);
        if (rc != 0)
            return rc;
        rc = join(want, made, endpoint, &differs);
        if (endpoint->to != made || rc != 0)
            mo_chan_destroy(made);
    }
    if (differs != NULL)
        return moirai_error_set(err, rc, "channel %s: the %s of its element "
                                "is not that with which it was opened first",
                                want->name, differs);
    if (rc != 0)
        return moirai_error_set(err, rc, "channel %s: %s", want->name,
                                strerror(-rc));
    return 0;
}

static int check(struct want *want, const struct moirai_elem *elem,
                 struct moirai_error *err)
{
    if (want->rt == NULL)
        return moirai_error_set(err, -EINVAL, "which runtime? A plain thread "
                                "has to name it");
    if (!mo_runtime_usable(want->rt))
        return moirai_error_set(err, mo_runtime_refusal(want->rt), "the "
                                "runtime cannot be used here");
    if (want->name == NULL || want->mode == 0 || want->mode > MOIRAI_BOTH)
        return moirai_error_set(err, -EINVAL, "moirai_chan_open takes a name, "
                                "and MOIRAI_SEND, MOIRAI_RECV or MOIRAI_BOTH");
    if (strstr(want->name, "://") != NULL)
        return moirai_error_set(err, -ENOTSUP, "%s: this version does not "
                                "reach channels by address; give the channel "
                                "a name under `channels:`", want->name);
    want->chosen = mo_setup_chan(want->rt->setup, want->name);
    if (want->chosen == NULL)
        return moirai_error_set(err, -ENOENT, "channel %s: there is none of "
                                "this name under `channels:` in the "
                                "configuration", want->name);
    return mo_chan_element(elem, &want->elem, err);
}

int moirai_chan_open(struct moirai_runtime *runtime, const char *name,
                     uint32_t mode, const struct moirai_elem *elem,
                     struct moirai_chan **chan, struct moirai_error *err)
{
    struct want want = { .rt = mo_chan_runtime(runtime), .name = name,
                         .mode = mode };
    struct moirai_chan *endpoint;
    int rc = check(&want, elem, err);

    if (rc != 0)
        return rc;
    endpoint = mo_mem_alloc(sizeof *endpoint, MO_CACHE_LINE);
    if (endpoint == NULL)
        return moirai_error_set(err, -ENOMEM, "out of memory");
    rc = open_name(&want, endpoint, err);
    if (rc != 0)
        mo_mem_free(endpoint);
    else
        *chan = endpoint;
    return rc;
}
