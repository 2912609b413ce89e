/* SPDX-License-Identifier: MIT */
/*
 * load_echo.c - many connections, one request of 64 bytes at a time on each.
 *
 * One thread, level-triggered epoll, two system calls for a request: no more
 * than the least that a server needs, so that a server on the other processor
 * has as much to do as it can get.
 */
#include "load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define BYTES 64
#define EVENTS 256
#define PATIENCE_MS 10000           /* for any answer at all */
#define BACKLOG 64                  /* connections that may not be accepted
                                     * yet */
#define FINE 6                      /* bits of a time that are kept: 1.6 % */
#define BINS ((64 - FINE + 1) << FINE)

struct connection {
    int fd;
    uint32_t got;                   /* bytes of the answer */
    int64_t sent;                   /* when the request was */
};

struct echo {
    struct connection *connections;
    size_t count;
    int epoll;
    uint64_t *bins;                 /* answers, by how long they took */
    double answers;
};

/* --- times ---------------------------------------------------------------- */

static size_t bin_of(int64_t ns)
{
    uint64_t value = ns > 0 ? (uint64_t)ns : 0;
    int high = value == 0 ? 0 : 63 - __builtin_clzll(value);
    int shift = high > FINE ? high - FINE : 0;

    return ((size_t)shift << FINE) + (size_t)(value >> shift);
}

static double time_of(size_t bin)
{
    size_t shift = bin >> FINE;

    if (shift < 2)
        return (double)bin;
    shift--;
    return (double)((bin - (shift << FINE)) << shift);
}

static double percentile(const struct echo *e, double part)
{
    double left = e->answers * part;
    size_t bin = 0;

    while (bin < BINS - 1 && left >= (double)e->bins[bin])
        left -= (double)e->bins[bin++];
    return time_of(bin);
}

/* --- connections ---------------------------------------------------------- */

static void ask(struct echo *e, struct connection *c, int64_t now)
{
    char message[BYTES] = { 0 };
    size_t index = (size_t)(c - e->connections);

    memcpy(message, &index, sizeof index);
    c->got = 0;
    c->sent = now;
    if (send(c->fd, message, BYTES, MSG_NOSIGNAL) != BYTES)
        bench_fail_with(errno, "send");
}

/* Reads what there is; true: that is the whole answer. */
static int answered(struct echo *e, struct connection *c, int flags)
{
    size_t index = (size_t)(c - e->connections);
    char message[BYTES];
    ssize_t n = recv(c->fd, message, BYTES - c->got, flags);

    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0)
        bench_fail_with(n == 0 ? ECONNRESET : errno, "recv");
    if (c->got == 0 && n == BYTES
        && memcmp(message, &index, sizeof index) != 0)
        bench_fail("another's answer");
    c->got += (uint32_t)n;
    return c->got == BYTES;
}

static void connect_one(struct echo *e, struct connection *c, uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
    int yes = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
        bench_fail_with(errno, "connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (epoll_ctl(e->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        bench_fail_with(errno, "epoll_ctl");
}

/* Never more than BACKLOG ahead of the server. */
static void connect_all(struct echo *e, uint16_t port)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0
        && limit.rlim_cur < e->count + BACKLOG)
        bench_fail("only %llu descriptors are allowed (ulimit -n)",
                   (unsigned long long)limit.rlim_cur);
    for (size_t i = 0; i < e->count; i++) {
        struct connection *c = &e->connections[i];

        connect_one(e, c, port);
        if (i % BACKLOG != BACKLOG - 1 && i != e->count - 1)
            continue;
        ask(e, c, 0);
        while (!answered(e, c, 0))
            continue;
    }
}

/* --- requests ------------------------------------------------------------- */

static void hear(struct echo *e, struct connection *c)
{
    int64_t now;

    if (!answered(e, c, MSG_DONTWAIT))
        return;
    now = bench_clock();
    e->bins[bin_of(now - c->sent)]++;
    e->answers++;
    ask(e, c, now);
}

/* Until then, and until something was answered. */
static void run_until(struct echo *e, int64_t until)
{
    struct epoll_event events[EVENTS];

    while (e->answers == 0 || bench_clock() < until) {
        int n = epoll_wait(e->epoll, events, EVENTS, PATIENCE_MS);

        if (n <= 0)
            bench_fail("no answers");
        for (int i = 0; i < n; i++)
            hear(e, events[i].data.ptr);
    }
}

static void measure(struct echo *e, const struct load_server *server,
                    int64_t ns, struct load_result *result)
{
    int64_t start;
    double cpu;

    memset(e->bins, 0, BINS * sizeof *e->bins);
    e->answers = 0;
    start = bench_clock();
    cpu = load_cpu(server);
    run_until(e, start + ns);
    *result = (struct load_result){
        .cpu_ns = load_cpu(server) - cpu,
        .passed_ns = (double)(bench_clock() - start), .requests = e->answers,
        .p50_ns = percentile(e, 0.5), .p99_ns = percentile(e, 0.99),
        .p999_ns = percentile(e, 0.999),
    };
}

struct load_result load_echo(const struct load_server *server,
                             size_t connections, int64_t ns)
{
    struct echo e = { .count = connections,
                      .epoll = epoll_create1(EPOLL_CLOEXEC) };
    struct load_result result;
    int64_t now;

    e.connections = bench_alloc(connections * sizeof *e.connections);
    e.bins = bench_alloc(BINS * sizeof *e.bins);
    connect_all(&e, server->port);
    now = bench_clock();
    for (size_t i = 0; i < connections; i++)
        ask(&e, &e.connections[i], now);
    run_until(&e, now + ns / 10);
    measure(&e, server, ns, &result);
    return result;
}
