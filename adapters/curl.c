/* SPDX-License-Identifier: MIT */
/*
 * curl.c - libcurl's multi-socket interface, driven by whoever waits.
 *
 * libcurl says which sockets to watch and when to call it at the latest. The
 * sockets go into an epoll instance, which is one descriptor to wait for. One
 * of those who wait for a transfer, the driver, waits for that descriptor; the
 * others wait for their transfer's event. Whoever's transfer has ended, or who
 * gives up, leaves driving to another.
 *
 * `lock` guards all of it, libcurl's handles too, and is never held while the
 * driver waits. Who changes what the driver is to wait for (a new transfer has
 * an earlier time) rings `bell`, which is in the epoll instance as well.
 */
#include <moirai/curl.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <curl/curl.h>

#include <moirai/moirai.h>

#define EVENTS 64                   /* that are told of at once */

struct transfer {                   /* on the stack of who waits for it */
    struct transfer *next;
    CURL *easy;
    bool ended;
    CURLcode code;
    struct moirai_event go;         /* it has ended, or its waiter is to drive */
};

struct moirai_curl {
    struct moirai_mutex lock;
    CURLM *multi;
    int epoll, bell;
    int64_t next_ns;                /* when libcurl is to be called */
    bool driven;
    struct transfer *first;
};

/* It is never held for long, but by callbacks. */
static void enter(struct moirai_curl *c)
{
    while (moirai_mutex_lock(&c->lock, MOIRAI_NEVER) == -ECANCELED)
        moirai_yield();
}

static void leave(struct moirai_curl *c)
{
    moirai_mutex_unlock(&c->lock);
}

/* --- what libcurl asks for ------------------------------------------------ */

static int watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct moirai_curl *c = arg;
    struct epoll_event event = { .data.fd = fd };

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(c->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    if ((what & CURL_POLL_IN) != 0)
        event.events |= EPOLLIN;
    if ((what & CURL_POLL_OUT) != 0)
        event.events |= EPOLLOUT;
    if (known == NULL)
        curl_multi_assign(c->multi, fd, c);
    if (epoll_ctl(c->epoll, known == NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd,
                  &event) == 0)
        return 0;
    return errno == EEXIST
        && epoll_ctl(c->epoll, EPOLL_CTL_MOD, fd, &event) == 0 ? 0 : -1;
}

static int set_time(CURLM *multi, long ms, void *arg)
{
    struct moirai_curl *c = arg;

    (void)multi;
    c->next_ns = ms < 0 ? MOIRAI_NEVER : moirai_after(ms * MOIRAI_MS);
    return 0;
}

/* --- driving -------------------------------------------------------------- */

static struct transfer *find(struct moirai_curl *c, const CURL *easy)
{
    struct transfer *t = c->first;

    while (t != NULL && t->easy != easy)
        t = t->next;
    return t;
}

static void take_out(struct moirai_curl *c, struct transfer *t)
{
    struct transfer **at = &c->first;

    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    curl_multi_remove_handle(c->multi, t->easy);
}

/* Those that have ended are not libcurl's any more. Locked. */
static void tell(struct moirai_curl *c)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(c->multi, &left)) != NULL) {
        CURLcode code = message->data.result;
        struct transfer *t = find(c, message->easy_handle);

        if (message->msg != CURLMSG_DONE || t == NULL)
            continue;
        take_out(c, t);
        t->code = code;
        t->ended = true;
        moirai_event_set(&t->go);
    }
}

/* What has come for libcurl, and its time. Locked. */
static void look(struct moirai_curl *c)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(c->epoll, events, EVENTS, 0);
    int running;

    for (int i = 0; i < n; i++) {
        int what = 0;
        uint64_t rings;

        if (events[i].data.fd == c->bell) {
            while (read(c->bell, &rings, sizeof rings) < 0 && errno == EINTR)
                continue;
            continue;
        }
        if ((events[i].events & EPOLLIN) != 0)
            what |= CURL_CSELECT_IN;
        if ((events[i].events & EPOLLOUT) != 0)
            what |= CURL_CSELECT_OUT;
        if ((events[i].events & (EPOLLERR | EPOLLHUP)) != 0)
            what |= CURL_CSELECT_ERR;
        curl_multi_socket_action(c->multi, events[i].data.fd, what, &running);
    }
    if (c->next_ns <= moirai_now()) {
        c->next_ns = MOIRAI_NEVER;
        curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    tell(c);
}

/* Locked, and so when it returns. Until the transfer has ended: 0; or the
 * driver may not wait for it any longer. */
static int drive(struct moirai_curl *c, struct transfer *t,
                 int64_t deadline_ns)
{
    int rc = 0;

    c->driven = true;
    look(c);
    while (!t->ended && rc >= 0) {
        int64_t until = c->next_ns < deadline_ns ? c->next_ns : deadline_ns;

        leave(c);
        rc = moirai_fd_wait(c->epoll, POLLIN, until);
        enter(c);
        if (rc == -ETIMEDOUT && until < deadline_ns)
            rc = 0;
        look(c);
    }
    c->driven = false;
    if (c->first != NULL)
        moirai_event_set(&c->first->go);
    return t->ended ? 0 : rc;
}

static void ring(struct moirai_curl *c)
{
    const uint64_t one = 1;

    while (write(c->bell, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

/* Locked, and so when it returns. */
static int await(struct moirai_curl *c, struct transfer *t,
                 int64_t deadline_ns)
{
    int rc = 0;

    if (c->driven)
        ring(c);
    while (!t->ended && rc == 0) {
        if (!c->driven) {
            rc = drive(c, t, deadline_ns);
            continue;
        }
        moirai_event_clear(&t->go);
        leave(c);
        rc = moirai_event_wait(&t->go, deadline_ns);
        enter(c);
    }
    if (t->ended)
        return 0;
    take_out(c, t);
    if (!c->driven && c->first != NULL)     /* it may have been told to */
        moirai_event_set(&c->first->go);
    return rc;
}

static int refusal(CURLMcode code)
{
    switch (code) {
    case CURLM_OK:
        return 0;
    case CURLM_ADDED_ALREADY:
        return -EBUSY;
    case CURLM_OUT_OF_MEMORY:
        return -ENOMEM;
    default:
        return -EINVAL;
    }
}

int moirai_curl_perform(struct moirai_curl *c, void *easy,
                        int64_t deadline_ns, int *code)
{
    struct transfer t = { .easy = easy };
    int rc;

    if (easy == NULL)
        return -EINVAL;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    enter(c);
    rc = find(c, easy) != NULL ? -EBUSY : 0;
    if (rc == 0)
        rc = refusal(curl_multi_add_handle(c->multi, easy));
    if (rc == 0) {
        t.next = c->first;
        c->first = &t;
        rc = await(c, &t, deadline_ns);
    }
    leave(c);
    if (rc == 0)
        *code = (int)t.code;
    return rc;
}

/* --- sets ----------------------------------------------------------------- */

static int prepare(struct moirai_curl *c)
{
    struct epoll_event event = { .events = EPOLLIN };

    c->next_ns = MOIRAI_NEVER;
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    c->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    event.data.fd = c->bell;
    if (c->epoll < 0 || c->bell < 0
        || epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->bell, &event) != 0)
        return -errno;
    c->multi = curl_multi_init();
    if (c->multi == NULL)
        return -ENOMEM;
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_time);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    return 0;
}

int moirai_curl_make(struct moirai_curl **curl)
{
    struct moirai_curl *c = calloc(1, sizeof *c);
    int rc;

    if (c == NULL)
        return -ENOMEM;
    rc = prepare(c);
    if (rc == 0)
        *curl = c;
    else
        moirai_curl_free(c);
    return rc;
}

void moirai_curl_free(struct moirai_curl *c)
{
    if (c == NULL)
        return;
    curl_multi_cleanup(c->multi);   /* takes NULL */
    if (c->bell >= 0)
        close(c->bell);
    if (c->epoll >= 0) {
        moirai_fd_forget(c->epoll);
        close(c->epoll);
    }
    free(c);
}

void *moirai_curl_multi(struct moirai_curl *c)
{
    return c->multi;
}
