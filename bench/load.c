/* SPDX-License-Identifier: MIT */
/*
 * load.c - what servers take for a request, and how long it takes.
 *
 * Questions: echo-1, echo-100, echo-10000 (64 bytes come back, over that many
 * connections of TCP, one request at a time on each), http-100 (wrk asks for a
 * page, over 100 connections that stay). Metrics: cpu_ns (processor time of the
 * server for a request), ns (from one answer to the next, over all
 * connections), p50_ns, p99_ns, p999_ns (from a request to its answer).
 *
 * The server is another process, started as `SERVER serve-echo WORKERS`, or
 * serve-http: it prints `port N`, and serves until it is killed. BENCH_SERVER
 * says which, below the folder of this program; preset is moirai's, `serve`.
 * With one worker it has the last processor, and this program the first.
 */
#include "load.h"

#define SECONDS 1.5                 /* at scale 1 */

static void print(const struct load_result *result)
{
    if (result->requests < 1)
        bench_fail("nothing was answered");
    bench_print("cpu_ns", result->cpu_ns / result->requests);
    bench_print("ns", result->passed_ns / result->requests);
    bench_print("p50_ns", result->p50_ns);
    bench_print("p99_ns", result->p99_ns);
    bench_print("p999_ns", result->p999_ns);
}

static int64_t how_long(const struct bench *bench)
{
    return (int64_t)bench_scaled(bench, SECONDS * 1e9, 1);
}

static void ask_echo(const struct bench *bench, double most)
{
    size_t least = most < 100 ? (size_t)most : 100;
    size_t connections = bench_scaled(bench, most, least);
    struct load_server server;
    struct load_result result;

    load_start(&server, bench, "serve-echo");
    result = load_echo(&server, connections, how_long(bench));
    load_stop(&server);
    print(&result);
}

static void ask_echo_1(const struct bench *bench)
{
    ask_echo(bench, 1);
}

static void ask_echo_100(const struct bench *bench)
{
    ask_echo(bench, 100);
}

static void ask_echo_10000(const struct bench *bench)
{
    ask_echo(bench, 10000);
}

static void ask_http_100(const struct bench *bench)
{
    struct load_server server;
    struct load_result result;

    load_start(&server, bench, "serve-http");
    result = load_http(&server, 100, how_long(bench));
    load_stop(&server);
    print(&result);
}

static const struct bench_question questions[] = {
    { "echo-1", ask_echo_1 },
    { "echo-100", ask_echo_100 },
    { "echo-10000", ask_echo_10000 },
    { "http-100", ask_http_100 },
    { NULL, NULL },
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, questions);
}
