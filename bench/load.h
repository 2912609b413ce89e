/* SPDX-License-Identifier: MIT */
/*
 * load.h - a server that is a process of its own, and what asks it.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "bench.h"

struct load_server {
    pid_t pid;
    uint16_t port;                  /* of 127.0.0.1 */
    clockid_t cpu;                  /* processor time of its process */
};

/* What came of it. */
struct load_result {
    double requests;
    double passed_ns;               /* in which they were answered */
    double cpu_ns;                  /* that the server took meanwhile */
    double p50_ns, p99_ns, p999_ns; /* from a request to its answer */
};

/* Starts the server that BENCH_SERVER names, or moirai's, for that protocol;
 * ends the program if that cannot be, or if the server has no answer. This
 * process goes to another processor than a server of one worker. */
void load_start(struct load_server *server, const struct bench *bench,
                const char *protocol);
void load_stop(const struct load_server *server);

/* Processor time of the server so far, in ns. */
double load_cpu(const struct load_server *server);

/* Keeps so many connections busy for `ns`, each with one request of 64 bytes at
 * a time, after a tenth of that which does not count. */
struct load_result load_echo(const struct load_server *server,
                             size_t connections, int64_t ns);

/* The same with wrk, and with requests of HTTP. */
struct load_result load_http(const struct load_server *server,
                             size_t connections, int64_t ns);

#endif
